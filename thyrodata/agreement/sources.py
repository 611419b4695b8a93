"""Readings that lie outside of a dataset: in another dataset, or in a reader's file or folder of masks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from thyrodata.agreement.images import PATHOLOGY, ReadImage, ReadPicture, read_images, readers_of
from thyrodata.annotation.received import FileReading, readings_of_file
from thyrodata.dataset import MANIFEST, Dataset
from thyrodata.errors import UsageError
from thyrodata.schema.record import Finding, Label, Read, Reading
from thyrodata.schema.vocab import Coverage, GroupKind, Structure
from thyrodata.survey import CONSENSUS

__all__ = [
    "Contribution",
    "FileImages",
    "Source",
    "dataset_contribution",
    "dataset_images",
    "file_contribution",
    "file_images",
    "file_readings",
    "left_out",
    "named_as",
    "parse_source",
]

_NAMED = re.compile(r"([^/=\\]+)=(.+)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where readings are, and whose they are if the source does not say.

    Raises:
        UsageError: A reader cannot have this name.
    """

    place: Path
    name: str | None = None
    """Of the one reader of the source."""

    def __post_init__(self) -> None:
        name = self.name
        if name is not None and (not _NAME.fullmatch(name) or name.casefold() == CONSENSUS):
            raise UsageError(
                f"{name!a} cannot be the name of a reader",
                where=f"{name}={self.place}",
                hint=f"letters, digits, spaces, -, _ and ., with a letter or digit first; not {CONSENSUS}",
            )

    @property
    def is_dataset(self) -> bool:
        """Whether it is a dataset, and no file of a tool."""
        return _is_there(self.place / MANIFEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What a source says of one image of a dataset."""

    readings: tuple[Reading, ...]
    findings: tuple[Finding, ...]
    """Their ids begin with the reader's name."""
    image_labels: tuple[Label, ...]
    case_labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileImages:
    """The images of a file that is read by itself, with no dataset beside it."""

    images: tuple[ReadImage, ...]
    notes: tuple[tuple[str, str], ...]
    """Code and place of what they do not hold."""


def parse_source(text: str) -> Source:
    """Return what ``PATH`` or ``NAME=PATH`` names.

    Raises:
        UsageError: A reader cannot have this name.
    """
    named = _NAMED.fullmatch(text)
    if named and not _is_there(Path(text)):  # a path may hold an equals sign
        return Source(name=named[1], place=Path(named[2]))
    return Source(place=Path(text))


def _is_there(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # the name is longer than any file's
        return False


# ---------------------------------------------------------------- datasets


def dataset_images(source: Source) -> Iterator[ReadImage]:
    """Yield the images of a dataset, their readers called as the source says.

    Raises:
        UsageError: Readers of the dataset have names, and another is given.
        DatasetError: The dataset is damaged.
    """
    for image in read_images(Dataset(source.place)):
        if source.name is None:
            yield image
            continue
        named = [reader for reader in readers_of(image) if reader]
        if named:
            raise UsageError(
                f"the dataset names its readers, as {named[0]!a} of {image.image_id}",
                where=f"{source.name}={source.place}",
                hint=f"leave the name out: {source.place}",
            )
        yield named_as(image, source.name)


def named_as(image: ReadImage, name: str) -> ReadImage:
    """Return an image whose unnamed reader has a name.

    What is said without a reader is that reader's too, but for what a pathologist has found: that is of the
    patient, and two datasets that state it are not two who agree.
    """
    return replace(
        image,
        readings=tuple(replace(each, reader=each.reader or name) for each in image.readings),
        findings=tuple(_finding_as(each, name) for each in image.findings),
        image_labels=_labels_as(image.image_labels, name),
        case_labels=_labels_as(image.case_labels, name),
        nodules=tuple(replace(each, labels=_labels_as(each.labels, name)) for each in image.nodules),
    )


def _finding_as(finding: Finding, name: str) -> Finding:
    if isinstance(finding.origin, Read) and finding.origin.reader is None:
        return replace(finding, origin=Read(reader=name))
    return finding


def _labels_as(labels: Iterable[Label], name: str) -> tuple[Label, ...]:
    return tuple(
        label if label.basis in PATHOLOGY else replace(label, reader=label.reader or name) for label in labels
    )


def dataset_contribution(image: ReadImage) -> Contribution:
    """Return what the readers of another dataset say of an image."""
    return Contribution(
        readings=tuple(each for each in image.readings if each.reader != CONSENSUS),
        findings=tuple(
            _renamed(each, each.origin.reader or "")
            for each in image.findings
            if isinstance(each.origin, Read)
        ),
        image_labels=_by_readers(image.image_labels),
        case_labels=_by_readers(image.case_labels),
    )


def _by_readers(labels: Iterable[Label]) -> tuple[Label, ...]:
    return tuple(label for label in labels if label.reader not in {None, CONSENSUS})


# ---------------------------------------------------------------- files


def file_readings(source: Source) -> Mapping[str, FileReading]:
    """Return what a reader's file or folder of masks says, by the names of its images without suffixes.

    Raises:
        UsageError: There is nothing at the place, or it is not said whose it is.
        CaseError: It cannot be read.
    """
    if not _is_there(source.place):
        raise UsageError("there is no such file or folder", where=str(source.place), hint="check its name")
    if source.name is None:
        raise UsageError(
            "a reader's file does not say whose it is",
            where=str(source.place),
            hint="name the reader: NAME=PATH; or give a dataset, which has a manifest.json",
        )
    return readings_of_file(source.place, source.name, (Structure.NODULE,))


def file_images(source: Source, others: Iterable[Source]) -> FileImages:
    """Return the images of a file. It names no case and no patient: each image is a group of its own.

    Args:
        source: The file.
        others: Further files. They may state the size of an image that this one says nothing is drawn on,
            and so does not state the size of.

    Raises:
        UsageError: It is not said whose a file is.
        CaseError: A file cannot be read.
    """
    said = file_readings(source)
    unsized = {stem for stem, each in said.items() if each.size is None and each.reading is not None}
    sizes = {stem: each.size for stem, each in said.items() if each.size is not None}
    for other in others if unsized else ():
        for stem, each in file_readings(other).items():
            if stem in unsized and each.size is not None:
                sizes.setdefault(stem, each.size)
    notes = [("left-out", place) for stem, each in said.items() for place in left_out(stem, each)]
    lost = sorted(unsized - sizes.keys())
    notes += [("left-out", f"{stem}: no file states the size of the image") for stem in lost]
    images = [
        _file_image(stem, size, file_contribution(said[stem], source.name or ""))
        for stem, size in sizes.items()
    ]
    return FileImages(images=tuple(images), notes=tuple(notes))


def left_out(stem: str, said: FileReading) -> Iterator[str]:
    """Yield what a file says of an image and no reading can hold."""
    for note in said.notes:
        yield f"{stem}: {note.what} ({note.where.rpartition('/')[2]})"


def file_contribution(said: FileReading, reader: str) -> Contribution:
    """Return what a reader's file says of an image."""
    new = said.reading
    if new is None:
        return Contribution(readings=(), findings=(), image_labels=(), case_labels=())
    empty = not new.findings and new.coverage is None
    coverage = Coverage.NONE if empty else new.coverage
    return Contribution(
        readings=(Reading(reader=reader, coverage=coverage),),
        findings=tuple(_renamed(each, reader) for each in new.findings),
        image_labels=new.image_labels,
        case_labels=(),
    )


def _file_image(stem: str, size: tuple[int, int], given: Contribution) -> ReadImage:
    width, height = size
    image_id = f"file/{stem}"
    return ReadImage(
        image_id=image_id,
        image=ReadPicture(
            path=f"images/{stem}.png", width=width, height=height, sha256=None, spacing_mm=None
        ),
        group_id=image_id,
        group_kind=GroupKind.IMAGE,
        nodules=(),
        case_labels=(),
        image_labels=given.image_labels,
        readings=given.readings,
        findings=given.findings,
    )


def _renamed(finding: Finding, reader: str) -> Finding:
    """Return a finding whose id begins with its reader."""
    return replace(finding, finding_id=f"{reader}/{finding.finding_id.removeprefix(f'{reader}/')}")
