"""Annotate: blinded work lists for readers, and a dataset with what a reader has sent back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.annotation.adding import Added, account_of
from thyrodata.annotation.assignment import Purpose
from thyrodata.annotation.decisions import decision
from thyrodata.annotation.key import KeyRow
from thyrodata.annotation.readings import NewReading, Scene, check_names, interpret
from thyrodata.annotation.received import read_drawn, read_key_beside
from thyrodata.change import all_rows
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import CaseError, DatasetError, UsageError
from thyrodata.io.drawn import DrawnImage
from thyrodata.io.parquet import stream_as
from thyrodata.revision import Revision, opened, revise
from thyrodata.schema.manifest import Setting
from thyrodata.schema.record import Reading
from thyrodata.schema.vocab import Structure

__all__ = ["ImportedReadings", "check_new_readers", "import_readings"]

_ARBITER = "arbiter"
"""The role of who decides between readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedReadings:
    """What a reader's files came to, and the dataset that was made with it."""

    added: Added
    revision: Revision

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        return {
            "out": str(self.revision.out),
            "dry_run": self.revision.dataset is None,
            "images": self.revision.images,
            "image_bytes": self.revision.image_bytes,
            **self.added.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """See :class:`thyrodata.schema.record.ImageRef`."""

    width: int
    height: int
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The fields of a record that a reading must fit."""

    image_id: str
    image: _Picture
    readings: tuple[Reading, ...]


def import_readings(
    dataset: Dataset | str | Path,
    files: Sequence[str | Path],
    *,
    key: str | Path,
    reader: str,
    out: str | Path,
    link: bool = False,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportedReadings:
    """Make a dataset in which a reader's work list is read.

    Each image that the reader has worked on gets a reading and findings of that reader; what is there
    already stays. The reading is complete only where the reader has marked the image so: an outline does
    not say that all was outlined, and an image that nothing was done to is not read.

    Coordinates become continuous pixels: origin at the top-left corner of the top-left pixel, x right, y
    down.

    The key of a queue of conflicts makes the reader an arbiter: see
    :func:`thyrodata.curation.decisions.import_decisions`.

    Args:
        dataset: The dataset that the work list was made of, or one made from it; or its folder.
        files: All that the reader has exported: annotations of "CVAT for images 1.1", JSON of Label Studio,
            COCO files, or folders of masks named like the images.
        key: The ``key.csv`` of the work lists, beside the account that was written with it.
        reader: Whose files they are.
        out: The folder to make.
        link: Make hard links to the images instead of copies.
        workers: Processes; 1 is this process.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``.
        dry_run: Read everything and write nothing.
        progress: Called with the number of records done and of all.

    Raises:
        UsageError: The reader is not in the key, or has readings in the dataset already, an arbiter of the
            images in conflict; or no file is given.
        CaseError: The key or a file is damaged, is not of these work lists, or does not fit the images; the
            error names the place.
        DatasetError: The dataset is damaged, or another than that of the key.
        OutputError: ``out`` is in the way or cannot be written.
    """
    source, place = opened(dataset), Path(key)
    assignment, rows = read_key_beside(place)
    given = [row for row in rows if row.reader == reader]
    if not given or not files:
        known = ", ".join(assignment.task.readers)
        what = f"there is no reader {reader!a}" if not given else "no file is given"
        raise UsageError(what, where=str(place), hint=f"the readers are: {known}; give a reader's files")
    known_images = {each.image_id: each for each in stream_as(source.path / RECORDS_FILE, _Known)}
    arbiter = assignment.purpose is Purpose.ADJUDICATION
    listed = (known_images[row.image_id] for row in given if row.image_id in known_images)
    check_new_readers([reader], listed if arbiter else known_images.values(), str(source.path))
    gone = _check_images(given, known_images, str(place), source)
    read = [read_drawn(Path(file)) for file in files]
    found = check_names((image for _, images in read for image in images), reader, rows)
    shown = 0
    if arbiter:
        found, shown = _decisions(found)
    readings = _interpret(found, known_images, reader, assignment.task.structures)
    if not readings:
        raise CaseError(
            f"nothing was read: {reader} has worked on none of the {len(given)} listed images",
            where=str(files[0]),
            hint="export the task from the tool after the reader has marked its images",
        )
    account = account_of(assignment, given, gone, found, readings, shown)
    sources = (
        Setting(name="annotations sha256", value="+".join(digest for digest, _ in read)),
        Setting(name="key sha256", value=assignment.key_sha256),
    )
    added = Added(
        rows=tuple(all_rows([source])),
        readings=readings,
        sources=sources,
        account=account,
        role=_ARBITER if arbiter else None,
    )
    revision = revise(
        added,
        [source],
        out,
        link=link,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
        dry_run=dry_run,
        progress=progress,
    )
    return ImportedReadings(added=added, revision=revision)


def check_new_readers(readers: Sequence[str], images: Iterable[Any], where: str) -> None:
    """Refuse readers who have readings in a dataset already.

    Args:
        readers: Their names.
        images: Records, or what has their ``readings``.
        where: The dataset.

    Raises:
        UsageError: There is one.
    """
    taken = {reading.reader for image in images for reading in image.readings}
    for reader in readers:
        if reader in taken:
            raise UsageError(
                f"{reader} has readings in the dataset already",
                where=where,
                hint="another reading is another reader's: choose a name that is not there",
            )


def _check_images(
    given: Iterable[KeyRow], known: Mapping[str, _Known], key: str, dataset: Dataset
) -> frozenset[str]:
    """Return the images of a key that the dataset no longer has; the others must be as they were."""
    gone = frozenset(row.image_id for row in given if row.image_id not in known)
    if all(row.image_id in gone for row in given):
        raise DatasetError(
            f"the key is of another dataset: {dataset.manifest.name} has none of its images",
            where=key,
            hint="give the dataset that the work lists were made of, or one made from it",
        )
    for row in given:
        if row.image_id not in gone and known[row.image_id].image.sha256 != row.sha256:
            raise DatasetError(
                f"the image {row.image_id} is not the one that was given out",
                where=f"{key}:{row.line}",
                hint="give a dataset with the same image files: outlines of other pixels do not fit",
            )
    return gone


def _decisions(
    found: Mapping[str, tuple[KeyRow, DrawnImage]],
) -> tuple[Mapping[str, tuple[KeyRow, DrawnImage]], int]:
    """Return what an arbiter has decided, and how many shapes of readings were ignored in doing so."""
    decided, shown = {}, 0
    for image_id, (row, image) in found.items():
        left, readings = decision(image)
        decided[image_id] = (row, left)
        shown += readings if left.submitted else 0
    return decided, shown


def _interpret(
    found: Mapping[str, tuple[KeyRow, DrawnImage]],
    known: Mapping[str, _Known],
    reader: str,
    structures: tuple[Structure, ...],
) -> Mapping[str, NewReading]:
    """Return what is said of each image that somebody has worked on and that the dataset still has."""
    readings = {}
    for image_id in sorted(found.keys() & known.keys()):
        picture = known[image_id].image
        scene = Scene(reader=reader, structures=structures, width=picture.width, height=picture.height)
        reading = interpret(found[image_id][1], scene)
        if reading is not None:
            readings[image_id] = reading
    return readings
