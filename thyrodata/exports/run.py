"""Exporting a dataset to a format that trainers read: whole or not at all, and nothing lost unsaid."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from thyrodata import __version__
from thyrodata.dataset import Dataset
from thyrodata.errors import DatasetError, OutputError
from thyrodata.exports import default_settings, load_export
from thyrodata.exports.folder import Folder, Progress
from thyrodata.exports.ledger import LossLedger, check_names
from thyrodata.exports.view import View, split_view
from thyrodata.io.collector import collector_paused
from thyrodata.io.hashes import SUMS, hash_file
from thyrodata.io.workspace import check_apart, opened_workspace
from thyrodata.schema.plain import to_plain

__all__ = ["MARKER", "Exported", "export"]

MARKER = "thyrodata-export.json"
"""What was exported and how: the file without which no export is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote, or with ``dry_run`` would write."""

    format: str
    out: Path
    ledger: LossLedger
    refused: tuple[str, ...]
    """Of a dry run, the names of losses and changes that are not accepted: otherwise they are an error."""
    files: int
    bytes: int
    """Of a dry run, images that a window makes smaller are counted with their present size, and others that
    are written anew uncompressed."""
    dry_run: bool


def export(
    name: str,
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    split: str = "default",
    reader: str | None = None,
    accept: Collection[str] = (),
    link: bool = False,
    settings: object | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Export a dataset to another format.

    The folder appears at ``out`` whole, or not at all. What the format cannot hold is counted; unless each
    kind of loss and change is accepted by its name, nothing is written.

    Args:
        name: The format, one of :data:`thyrodata.exports.EXPORTS`.
        dataset: The dataset, or its folder.
        out: The folder to make.
        split: The split whose parts are written; images that it excludes are not given.
        reader: Whose findings; needed only where there are several readers and no consensus.
        accept: Names of :data:`thyrodata.exports.ledger.LOSSES`.
        link: Make hard links to the dataset's images instead of copies.
        settings: An instance of the format's settings; by default all have their defaults.
        overwrite: Replace an export that is at ``out``.
        dry_run: Write nothing at ``out``, and raise nothing for what is not accepted.
        progress: Called with the number of images written and of all.

    Returns:
        What was written, with the account of what was lost.

    Raises:
        UsageError: The format, the reader or another argument is not one of those that there are.
        DatasetError: The dataset is not whole, or has no such split.
        OutputError: Something would be lost or changed that is not accepted, or ``out`` is in the way or
            cannot be written.
    """
    check_names(accept)
    chosen = default_settings(name, settings)
    source = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    target = Path(out)
    job = _Job(name, split_view(source, split, reader), chosen)
    check_apart(source.path, target)
    if dry_run:
        with _scratch() as folder:
            job.write_labels(folder)
            return job.report(target, accept, folder, dry_run=True)
    state = {"export": name}
    with opened_workspace(target, state, MARKER, resume=None, overwrite=overwrite) as space:
        folder = Folder(space.dataset)
        try:
            job.write_labels(folder)
            job.check(accept)
            folder.write_images(source, link=link, progress=progress)
            folder.write(MARKER, job.account(accept))
            exported = job.report(target, accept, folder, dry_run=False)
        except BaseException:
            space.abandon()
            raise
        space.publish()
    with suppress(OutputError):  # a dataset that may only be read has no history of its exports
        source.note(f"export {name}, split {split}")
    return exported


@contextmanager
def _scratch() -> Iterator[Folder]:
    with tempfile.TemporaryDirectory(prefix="thyrodata-") as path:
        yield Folder(Path(path))


class _Job:
    """One export: what is written, and how."""

    def __init__(self, name: str, shown: View, settings: Any) -> None:
        self._name = name
        self._view = shown
        self._settings = settings
        self._ledger = shown.ledger

    def write_labels(self, folder: Folder) -> None:
        """Write all but the images."""
        write = load_export(self._name)
        with collector_paused():
            self._ledger = write(self._view, folder, self._settings)

    def check(self, accept: Collection[str]) -> None:
        """Refuse losses and changes that are not accepted."""
        refused = self._ledger.refused(accept)
        if not refused:
            return
        counts = {name: self._counted(name) for name in refused}
        options = " ".join(f"--accept {name}" for name in (*sorted(set(accept)), *refused))
        raise OutputError(
            f"{self._name} cannot hold all of it: {'; '.join(f'{n}: {what}' for n, what in counts.items())}",
            where=str(self._view.dataset.path),
            hint=f"nothing was written; --dry-run explains each, and this accepts them: {options}",
        )

    def _counted(self, name: str) -> str:
        found = [
            f"{n} {what if n > 1 else what.removesuffix('s')} {done}"
            for counter, done in ((self._ledger.lost, "lost"), (self._ledger.changed, "changed"))
            for (what, lost), n in sorted(counter.items())
            if lost == name
        ]
        return ", ".join(found)

    def account(self, accept: Collection[str]) -> bytes:
        """Return the content of the marker: no time, no place."""
        dataset = self._view.dataset
        said = {
            "thyrodata": __version__,
            "format": self._name,
            "dataset": dataset.manifest.name,
            "dataset_sha256": _sums_hash(dataset),
            "split": self._view.split,
            "reader": self._view.reader,
            "settings": {
                field.name: to_plain(getattr(self._settings, field.name)) for field in fields(self._settings)
            },
            "accepted": sorted(set(accept)),
            **self._ledger.to_json(),
        }
        return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()

    def report(self, out: Path, accept: Collection[str], folder: Folder, *, dry_run: bool) -> Exported:
        """Say what was done, or would be."""
        waiting = folder.waiting(self._view.dataset) if dry_run else (0, 0)
        return Exported(
            format=self._name,
            out=out,
            ledger=self._ledger,
            refused=self._ledger.refused(accept) if dry_run else (),
            files=folder.files + waiting[0],
            bytes=folder.bytes + waiting[1],
            dry_run=dry_run,
        )


def _sums_hash(dataset: Dataset) -> str:
    try:
        return hash_file(dataset.path / SUMS)
    except OSError as error:
        raise DatasetError(
            f"the checksums cannot be read: {error.strerror}",
            where=str(dataset.path / SUMS),
            hint="the dataset is not whole: convert the source again",
        ) from None
