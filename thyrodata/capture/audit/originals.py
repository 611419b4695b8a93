"""The originals of a dataset, each looked at once, in a worker that may die of it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from thyrodata.capture.audit.identifiers import name_identifiers, read_identifiers
from thyrodata.capture.audit.model import Check, Identifier
from thyrodata.capture.audit.pixels import pixel_faults
from thyrodata.capture.source import SourceFile, archive_of, list_source, opened
from thyrodata.errors import CaseError
from thyrodata.io.dicom import open_dicom
from thyrodata.io.images import decode_image
from thyrodata.sandbox import alive
from thyrodata.schema.record import CropLedger, ImageRecord

__all__ = [
    "Examined",
    "Picture",
    "Pictures",
    "examine",
    "list_originals",
    "origin_of",
    "pictures_by_original",
]

Fault = tuple[Check, str, str]
"""Check, place in the output, and sentence."""

TOP_AGE = 90
"""Years: an age from here on is told as "90 or more" (45 CFR 164.514(b)(2)(i)(C))."""

_SOURCE = re.compile(
    r"(?:delivery (?P<delivery>\d+) )?file (?P<ordinal>\d+(?:\.\d+)?)(?:#frame \d+)?(?:#region \d+)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An exported picture, and where in its original it comes from."""

    place: Path
    where: str
    """Its row in the records; its path may tell something."""
    frame: int
    """0-based."""
    crop: CropLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The pictures of a dataset."""

    by_ordinal: Mapping[str, Sequence[Picture]]
    """Those of each original of the last delivery, which is the one that an audit has at hand."""
    elsewhere: int
    """Pictures of earlier deliveries."""
    faults: tuple[Fault, ...]
    """What is wrong with the records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What one original came to."""

    ordinal: str
    identifiers: tuple[Identifier, ...]
    parsed: bool
    """False where it is no DICOM, or broken."""
    faults: tuple[Fault, ...] = ()
    """What is wrong with its pictures."""
    compared: int = 0


def list_originals(raw: Path, work: Path) -> Iterator[SourceFile]:
    """Yield every file of the source, and after an archive its members.

    Raises:
        RawLayoutError: The folder is none, is empty, or cannot be listed.
    """
    for file in list_source(raw):
        yield file
        try:
            with opened(file, work) as stream:
                archive = archive_of(file, stream)
        except CaseError:
            continue
        if archive:
            yield from archive.members


def origin_of(record: ImageRecord) -> tuple[int, str] | None:
    """Return the delivery and the ordinal of the original that a record names; ``None`` if it names none."""
    source = _SOURCE.fullmatch(record.source)
    return (int(source["delivery"] or 1), source["ordinal"]) if source else None


def pictures_by_original(data: Path, records: Iterable[ImageRecord]) -> Pictures:
    """Sort the pictures of a dataset by their originals, and say what the records themselves have wrong."""
    found: dict[tuple[int, str], list[Picture]] = {}
    faults: list[Fault] = []
    for row, record in enumerate(records, 1):
        where = f"records.parquet, row {row}"
        age = record.patient.age if record.patient else None
        if age and (age.years > TOP_AGE or (age.years == TOP_AGE and not age.at_least)):
            faults.append((Check.AGE, where, 'the age is past 89 years, and not "90 or more"'))
        origin = origin_of(record)
        image = record.image
        if origin is None or image.path is None or image.crop is None:
            faults.append((Check.UNREAD, where, "the record names no original, file or crop to compare"))
            continue
        place = data / image.path
        picture = Picture(place=place, where=where, frame=image.frame_index or 0, crop=image.crop)
        found.setdefault(origin, []).append(picture)
    last = max((delivery for delivery, _ in found), default=1)
    return Pictures(
        by_ordinal={ordinal: held for (delivery, ordinal), held in found.items() if delivery == last},
        elsewhere=sum(len(held) for (delivery, _), held in found.items() if delivery != last),
        faults=tuple(faults),
    )


def examine(file: SourceFile, pictures: Sequence[Picture], work: Path) -> Examined:
    """Read an original's header, and compare the pictures that were made of it."""
    alive()
    names = name_identifiers(file.path)
    try:
        with opened(file, work) as stream:
            names += tuple(_member_names(file, stream))
            stream.seek(0)
            header = read_identifiers(stream)
    except CaseError:
        closed = tuple((Check.UNREAD, picture.where, "its original cannot be opened") for picture in pictures)
        return Examined(ordinal=file.ordinal, identifiers=names, parsed=False, faults=closed)
    faults, compared = _compared(file, pictures, work)
    return Examined(
        ordinal=file.ordinal,
        identifiers=names + header.identifiers,
        parsed=header.parsed,
        faults=tuple(faults),
        compared=compared,
    )


def _member_names(file: SourceFile, stream: BinaryIO) -> Iterator[Identifier]:
    """Yield the names in an archive, which are read as those of folders and files are."""
    try:
        if not archive_of(file, stream):
            return
        with zipfile.ZipFile(stream) as archive:
            for name in archive.namelist():
                yield from name_identifiers(name)
    except CaseError:
        return


def _compared(file: SourceFile, pictures: Sequence[Picture], work: Path) -> tuple[list[Fault], int]:
    """Return what is wrong with an original's pictures, and how many were compared with it."""
    faults: list[Fault] = []
    compared = 0
    if not pictures:
        return faults, compared
    try:
        with opened(file, work) as stream:
            frames = open_dicom(stream, file.where, work=work).frames()
            for picture in pictures:
                alive()
                exported = decode_image(picture.place.read_bytes(), picture.where)
                found = pixel_faults(exported, frames.frame(picture.frame), picture.crop)
                faults += [(check, picture.where, what) for check, what in found]
                compared += 1
    except (CaseError, OSError, IndexError):
        what = "a picture cannot be compared: it or its original cannot be decoded"
        faults.append((Check.UNREAD, pictures[compared].where, what))
    return faults, compared
