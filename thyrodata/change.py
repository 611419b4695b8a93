"""What an operation makes of the records of one or more datasets: the contract between it and the engine.

An operation (select, relabel, derive, merge, ...) plans in a pass over its parents which records the new
dataset is made of, and then changes them one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Protocol

from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.errors import DatasetError
from thyrodata.io.files import read_bytes
from thyrodata.io.hashes import SUMS, hash_file, read_sums
from thyrodata.io.parquet import ROW_GROUP, read_group, stream_as
from thyrodata.io.raw import RawFile
from thyrodata.sample import Absent, Kept, Sample
from thyrodata.schema.manifest import Setting
from thyrodata.schema.record import ImageRecord

__all__ = ["Change", "ChangedRecords", "Named", "Row", "all_rows", "picture_of", "sums_sha256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record of a parent, by its place."""

    parent: int
    """Which of the parents, from 0."""
    index: int
    """Its place in the parent's records, from 0."""
    image_id: str

    def __str__(self) -> str:
        """Return the image's id, which a person may look up."""
        return self.image_id

    @property
    def files(self) -> Sequence[RawFile]:
        """No raw file: what is read is a dataset."""
        return ()


class Change(Protocol):
    """What an operation does to records. It is sent to worker processes."""

    name: ClassVar[str]
    """The word on the command line."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """The records that the new dataset is made of, in their order."""

    def settings(self) -> tuple[Setting, ...]:
        """Return what the manifest says of how it was done: no place of a machine and no time."""

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:
        """Return what becomes of one record.

        Args:
            record: As the parent has it.
            picture: Its image file, to be returned as it is unless the pixels change.
            parent: Which of the parents.

        Raises:
            CaseError: It cannot be done with this image; the error names it.
        """

    def files(self) -> Mapping[str, bytes]:
        """Return the operation's own account: files of the new dataset, by path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The field of a record that names it."""

    image_id: str


def all_rows(parents: Iterable[Dataset]) -> Iterator[Row]:
    """Yield every record of the parents by its place, in order.

    Raises:
        DatasetError: A parent's records are missing or damaged.
    """
    for number, parent in enumerate(parents):
        for index, named in enumerate(stream_as(parent.path / RECORDS_FILE, Named)):
            yield Row(parent=number, index=index, image_id=named.image_id)


def sums_sha256(dataset: Dataset) -> str:
    """Return the SHA-256 of a dataset's SHA256SUMS, which names its content, once its records agree with it.

    Raises:
        DatasetError: There are no checksums, or the records are not what they say.
    """
    place = dataset.path / SUMS
    expected = read_sums(place).get(RECORDS_FILE)
    if expected is None or hash_file(dataset.path / RECORDS_FILE) != expected:
        raise DatasetError(
            "the records are not what their checksum says",
            where=str(dataset.path / RECORDS_FILE),
            hint="run `thyrodata verify` on the dataset",
        )
    return sha256(read_bytes(str(place), place.stat().st_size)).hexdigest()


def picture_of(record: ImageRecord, parent: Path, *, link: bool = False) -> Kept | Absent:
    """Return the image file of a parent's record; absent where the parent has annotations only.

    Args:
        record: The record.
        parent: The parent's folder.
        link: Whether a new dataset gets a hard link to the file instead of a copy.

    Raises:
        DatasetError: The record names a file without its hash.
    """
    image = record.image
    if image.path is None:
        return Absent()
    if image.sha256 is None:
        raise DatasetError(
            f"the record of {record.image_id} does not state the hash of its image",
            where=f"{parent}/{image.path}",
            hint="convert the source again",
        )
    return Kept(
        place=f"{parent}/{image.path}",
        path=image.path.removeprefix("images/"),
        sha256=image.sha256,
        bit_depth=image.bit_depth,
        link=link,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRecords:
    """Reads rows of the parents as a change makes them: what the engine takes for a converter."""

    change: Change
    parents: tuple[tuple[Path, str], ...]
    """Their folders, and what :func:`sums_sha256` says of each."""
    link: bool

    def samples(self, row: Row) -> Iterator[Sample]:
        """Yield the one sample of a row.

        Raises:
            CaseError: The change cannot be made.
            DatasetError: The parent is damaged.
        """
        parent, content = self.parents[row.parent]
        record = _group(parent, content, row.index // ROW_GROUP)[row.index % ROW_GROUP]
        yield self.change.sample(record, picture_of(record, parent, link=self.link), row.parent)


@lru_cache(maxsize=2)
def _group(parent: Path, _content: str, group: int) -> list[ImageRecord]:
    """Return the records of a row group; those of a chunk are neighbours, so that two groups are enough."""
    return read_group(parent / RECORDS_FILE, group)
