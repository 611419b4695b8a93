"""What was put aside, beside the dataset: previews that show a person's data, and the reasons.

The folder is the site's own. It is never a part of the dataset, and only its owner may read it.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from thyrodata.capture.source import SourceFile
from thyrodata.collection.account import reason, verdict_of
from thyrodata.collection.model import FileDone
from thyrodata.errors import OutputError
from thyrodata.io.files import rename, write_file, writing
from thyrodata.io.secretfile import create_secret

__all__ = ["Quarantine", "write_source_map"]

LIST = "quarantine.csv"
_HEADER = ("file", "code", "reason", "preview")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """The folder beside a dataset."""

    folder: Path

    @classmethod
    def beside(cls, out: Path) -> Quarantine:
        """Return the quarantine of a dataset."""
        return cls(folder=out.with_name(out.name + ".quarantine"))

    def check(self, *, overwrite: bool) -> None:
        """Refuse, before long work, a folder that is in the way.

        Raises:
            OutputError: It is there and may not be replaced, or is none that a capture has made.
        """
        if not self.folder.exists():
            return
        if not (self.folder / LIST).is_file():
            raise OutputError(
                "the place of the quarantine is taken by something else",
                where=str(self.folder),
                hint="choose another place for OUT",
            )
        if not overwrite:
            raise OutputError(
                "the quarantine of an earlier capture is there",
                where=str(self.folder),
                hint="look at it and move it away, or replace it with --overwrite",
            )

    def write(self, files: Iterable[FileDone], previews: Path) -> Path | None:
        """Write the list and take over the previews; return the folder, ``None`` if nothing was put aside.

        Args:
            files: What was put aside.
            previews: A folder of pictures, which is moved; it may not exist.

        Raises:
            OutputError: It cannot be written.
        """
        rows = []
        for done in files:
            preview = f"file-{done.file}.png"
            shown = preview if (previews / preview).exists() else ""
            rows.append((done.file, verdict_of(done).code, reason(done), shown))
        with writing(self.folder):
            if self.folder.exists() and previews.exists():
                shutil.rmtree(self.folder)
        if not rows:
            return None
        with writing(self.folder):
            if previews.exists():
                write_file(previews / LIST, _table(_HEADER, rows))
                rename(previews, self.folder)
            elif not (self.folder / LIST).exists():  # else a run that was killed has moved it already
                self.folder.mkdir(mode=0o700)
                write_file(self.folder / LIST, _table(_HEADER, rows))
        return self.folder


def write_source_map(path: Path, files: Iterable[SourceFile]) -> None:
    """Write which file of the export has which ordinal, for its owner alone.

    Raises:
        OutputError: The file exists, or cannot be written.
    """
    rows = ((file.ordinal, file.path, "" if file.member is None else str(file.member + 1)) for file in files)
    create_secret(path, _table(("file", "path", "member"), rows))


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")
