"""A dataset on disk: read it, iterate it, verify it, and add files beside its records."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from thyrodata import __version__
from thyrodata.errors import DatasetError, OutputError, SchemaError
from thyrodata.io.files import rename, write_file, writing
from thyrodata.io.hashes import SUMS, format_sums, hash_file, list_files, read_sums
from thyrodata.io.interrupts import interrupts_held
from thyrodata.io.journal import append
from thyrodata.io.parquet import read_table, stream_as, stream_records
from thyrodata.schema.manifest import Manifest
from thyrodata.schema.plain import from_plain, to_plain
from thyrodata.schema.record import ImageRecord
from thyrodata.survey import Glance, Survey

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "HISTORY",
    "MANIFEST",
    "RECORDS_FILE",
    "SPLIT_HEADER",
    "Dataset",
    "Problem",
    "seal",
    "write_manifest",
]

MANIFEST = "manifest.json"
RECORDS_FILE = "records.parquet"
HISTORY = "history.jsonl"
"""What was done and when: the only file with a time in it, outside the checksums."""

SPLIT_HEADER = ("image_id", "group_id", "part")
"""The columns of ``splits/<name>.csv``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One way in which a dataset is not what its checksums say."""

    path: str
    what: str


class Dataset:
    """A thyrodata dataset.

    Records and images are never rewritten: what changes facts makes a new dataset.

    Args:
        path: The dataset's folder.

    Raises:
        DatasetError: The folder is no dataset.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / MANIFEST).is_file():
            raise DatasetError(
                "this is not a thyrodata dataset: it has no manifest",
                where=str(self.path / MANIFEST),
                hint="make one with `thyrodata convert NAME RAW`",
            )

    def __repr__(self) -> str:
        """Return the constructor's call."""
        return f"Dataset({str(self.path)!r})"

    @cached_property
    def manifest(self) -> Manifest:
        """What the dataset was made from, and what is in it.

        Raises:
            DatasetError: The manifest is damaged or of another schema version.
        """
        place = self.path / MANIFEST
        try:
            return from_plain(Manifest, json.loads(place.read_text("utf-8")))
        except (OSError, ValueError, RecursionError, SchemaError) as error:
            message = error.message if isinstance(error, SchemaError) else str(error)
            hint = error.hint if isinstance(error, SchemaError) else "run `thyrodata verify`"
            raise DatasetError(
                f"the manifest cannot be read: {message}", where=str(place), hint=hint
            ) from None

    def records(self, only: Collection[str] | None = None) -> Iterator[ImageRecord]:
        """Yield the records in order, holding at most a thousand at a time.

        Args:
            only: Image ids; other records are passed over.

        Raises:
            DatasetError: The records are missing or damaged.
        """
        wanted = None if only is None else frozenset(only)
        for record in stream_records(self.path / RECORDS_FILE):
            if wanted is None or record.image_id in wanted:
                yield record

    def survey(self) -> Survey:
        """Count what the dataset holds, in one pass over the records without their coordinates and texts.

        Raises:
            DatasetError: The records are missing or damaged.
            SchemaError: Two records have one id, or one image file.
        """
        return Survey(stream_as(self.path / RECORDS_FILE, Glance))

    def table(self) -> pa.Table:
        """Return all records as one Arrow table, one row per image.

        Raises:
            DatasetError: The records are missing or damaged.
        """
        return read_table(self.path / RECORDS_FILE)

    def to_pandas(self) -> pd.DataFrame:
        """Return all records as a frame, one row per image; nested columns hold dicts and arrays.

        Raises:
            DatasetError: The records are missing or damaged.
        """
        frame: pd.DataFrame = self.table().to_pandas()
        return frame

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the dataset's splits, sorted."""
        return tuple(sorted(file.stem for file in (self.path / "splits").glob("*.csv")))

    def split_file(self, name: str) -> Path:
        """Return the file of a split.

        Raises:
            DatasetError: There is none of this name.
        """
        if name not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise DatasetError(
                f"there is no split {name!r}", where=str(self.path / "splits"), hint=f"there are: {known}"
            )
        return self.path / "splits" / f"{name}.csv"

    def split(self, name: str = "default") -> dict[str, tuple[str, ...]]:
        """Return the image ids of each part of a split.

        Raises:
            DatasetError: There is no such split, or its file is damaged.
        """
        place = self.split_file(name)
        try:
            with place.open(newline="", encoding="utf-8") as stream:
                header, *rows = csv.reader(stream, strict=True)
        except (OSError, ValueError, csv.Error) as error:
            raise DatasetError(
                f"a split cannot be read: {error}", where=str(place), hint="run `thyrodata verify`"
            ) from None
        if header != [*SPLIT_HEADER] or any(len(row) != len(SPLIT_HEADER) for row in rows):
            raise DatasetError(
                f"a row of a split is not {','.join(SPLIT_HEADER)}",
                where=str(place),
                hint="run `thyrodata verify`",
            )
        parts: dict[str, list[str]] = {}
        for image_id, _group_id, part in rows:
            parts.setdefault(part, []).append(image_id)
        return {part: tuple(ids) for part, ids in parts.items()}

    def split_report(self, name: str = "default") -> dict[str, Any]:
        """Return how a split was made and how balanced it is, as it stands in ``splits/<name>.json``.

        Raises:
            DatasetError: There is no such split, or its account is damaged.
        """
        place = self.split_file(name).with_suffix(".json")
        try:
            data = place.read_bytes()
            report: dict[str, Any] = json.loads(data)
        except (OSError, ValueError, RecursionError) as error:
            raise DatasetError(
                f"the account of a split cannot be read: {error}",
                where=str(place),
                hint="run `thyrodata verify`",
            ) from None
        if read_sums(self.path / SUMS).get(f"splits/{name}.json") != sha256(data).hexdigest():
            raise DatasetError(
                "the account of a split is not what was written",
                where=str(place),
                hint="run `thyrodata verify`",
            )
        return report

    def image_bytes(self, record: ImageRecord) -> bytes | None:
        """Return the bytes of a record's image file, or ``None`` where the dataset has annotations only.

        Raises:
            DatasetError: The file is missing.
        """
        if record.image.path is None:
            return None
        try:
            return (self.path / record.image.path).read_bytes()
        except OSError as error:
            raise DatasetError(
                f"the image of {record.image_id} cannot be read: {error.strerror}",
                where=str(self.path / record.image.path),
                hint="run `thyrodata verify` on the dataset",
            ) from None

    def verify(self) -> tuple[Problem, ...]:
        """Compare every file with the checksums and every image with its record; return what differs.

        Raises:
            DatasetError: There are no checksums, or they are damaged.
        """
        sums = read_sums(self.path / SUMS)
        present = set(list_files(self.path)) - {SUMS, HISTORY}
        problems = [Problem(path=path, what="is missing") for path in sums.keys() - present]
        problems += [Problem(path=path, what="is not in the checksums") for path in present - sums.keys()]
        problems += [
            Problem(path=path, what=what)
            for path in sums.keys() & present
            if (what := self._difference(path, sums[path]))
        ]
        if not any(problem.path == RECORDS_FILE for problem in problems):
            problems += self._image_problems(sums)
        return tuple(sorted(problems, key=lambda problem: (problem.path, problem.what)))

    def _difference(self, path: str, digest: str) -> str:
        """Say how a file differs from what was written; nothing if it does not."""
        try:
            if not S_ISREG((self.path / path).lstat().st_mode):
                return "is a link or another thing that is no file"
            return "" if hash_file(self.path / path) == digest else "differs from its checksum"
        except OSError as error:
            return f"cannot be read: {error.strerror}"

    def _image_problems(self, sums: Mapping[str, str]) -> list[Problem]:
        unclaimed = {path for path in sums if path.startswith("images/")}
        problems = []
        for member in self.survey().members:
            path = member.path
            if path is None:
                continue
            unclaimed.discard(path)
            if sums.get(path) != member.sha256:
                problems.append(Problem(path=path, what="has another checksum in the records"))
        return problems + [Problem(path=path, what="belongs to no record") for path in unclaimed]

    def note(self, operation: str) -> None:
        """Write into the dataset's history what was done to it, when, and by which version.

        Raises:
            OutputError: It could not be written.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        append(self.path / HISTORY, {"time": now, "operation": operation, "thyrodata": __version__})

    @contextmanager
    def adding(self) -> Iterator[Path]:
        """Give a folder to write new sidecar files into; they join the dataset when the block ends well.

        Files of the same path are replaced. Records, images and manifest cannot be.

        Raises:
            OutputError: They could not be written, or one of them is a record, an image or the manifest.
        """
        home = self.path.resolve()
        staging = home.with_name(home.name + ".adding")
        with writing(staging):
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
        try:
            yield staging
            added = list_files(staging)
            _check_beside(added, self.path)
            sums = read_sums(self.path / SUMS)
            sums.update({path: hash_file(staging / path) for path in added})
            write_file(staging / SUMS, format_sums(sums))
            with writing(self.path), interrupts_held():
                # What may fail comes before the first file takes its place.
                for path in added:
                    (home / path).parent.mkdir(parents=True, exist_ok=True)
                for path in (*added, SUMS):
                    rename(staging / path, home / path)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _check_beside(added: Iterable[str], place: Path) -> None:
    for path in added:
        if path in {MANIFEST, RECORDS_FILE, SUMS, HISTORY} or path.startswith("images/"):
            raise OutputError(
                f"{path} of a dataset is never rewritten", where=str(place), hint="make a new dataset"
            )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a dataset's manifest.

    Raises:
        OutputError: It could not be written.
    """
    write_file(folder / MANIFEST, _json_bytes(to_plain(manifest)))


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def seal(folder: Path, image_sums: Mapping[str, str]) -> None:
    """Write SHA256SUMS over every file of a folder, taking the images' hashes as known. The last step.

    Raises:
        OutputError: It could not be written.
    """
    sums = {
        path: image_sums[path] if path in image_sums else hash_file(folder / path)
        for path in list_files(folder)
        if path not in {SUMS, HISTORY}
    }
    write_file(folder / SUMS, format_sums(sums))
