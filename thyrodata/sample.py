"""What a converter gives, and its contract: records, and where their pixels come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from thyrodata.errors import DatasetError
from thyrodata.io.raw import Raw, RawFile, RawImage
from thyrodata.schema.record import ImageRecord

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Absent",
    "Converter",
    "Encode",
    "FileBytes",
    "Item",
    "Kept",
    "Pixels",
    "Reads",
    "Sample",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBytes:
    """The image is a file of the source, copied byte by byte."""

    image: RawImage


@dataclass(frozen=True, slots=True, kw_only=True)
class Encode:
    """The image had to be decoded; it is stored as PNG.

    ``array`` is uint8 (height, width) or (height, width, 3), or uint16 (height, width).
    """

    array: np.ndarray
    path: str
    """Below ``images/``, ending in ``.png``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The image is a file of another dataset, whose record says what its bytes are."""

    place: str
    """The file."""
    path: str
    """Below ``images/`` of the dataset in the making."""
    sha256: str
    bit_depth: int | None
    link: bool = False
    """Make a hard link instead of a copy."""

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises:
            DatasetError: The file is missing, or is not what its record says.
        """
        try:
            data = Path(self.place).read_bytes()
        except OSError as error:
            raise self._lost(f"cannot be read: {error.strerror or error}") from None
        if sha256(data).hexdigest() != self.sha256:
            raise self._lost("differs from its checksum")
        return data

    def size(self) -> int:
        """Return the size of the file in bytes.

        Raises:
            DatasetError: The file is missing.
        """
        try:
            return Path(self.place).stat().st_size
        except OSError as error:
            raise self._lost(f"cannot be read: {error.strerror or error}") from None

    def _lost(self, what: str) -> DatasetError:
        return DatasetError(
            f"an image of the dataset {what}", where=self.place, hint="run `thyrodata verify` on the dataset"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The source gives annotations without the image."""


Pixels = FileBytes | Encode | Kept | Absent
"""Where an image's pixels come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One record and its pixels. The engine fills path, sha256 and bit depth where they are not known yet."""

    record: ImageRecord
    pixels: Pixels


class Item(Protocol):
    """What a converter reads at once: a case, a row, a clip. ``str(item)`` is what a person would open."""

    @property
    def files(self) -> Sequence[RawFile]:
        """Every raw file that the item accounts for."""


ItemT = TypeVar("ItemT", bound=Item)
ReadT_contra = TypeVar("ReadT_contra", bound=Item, contravariant=True)


class Reads(Protocol[ReadT_contra]):
    """Reads items of any kind: all that the engine needs to know of what it runs."""

    def samples(self, item: ReadT_contra) -> Iterable[Sample]:
        """Read one item.

        Raises:
            CaseError: Something in it is broken; nothing of the item is kept then.
        """


class Converter(Reads[ItemT], Protocol[ItemT]):
    """Reads one published dataset.

    A converter only reads. It writes no files, logs nothing and catches nothing: choices belong to
    operations (select, relabel, derive, export), and the error policy belongs to the engine. It says only
    what the source says: it drops, mends, merges and maps nothing.
    """

    name: ClassVar[str]
    """The word on the command line; also the name of the module, the card and the fixture."""
    ignores: ClassVar[Mapping[str, str]]
    """Raw files that are no part of the dataset: a shell pattern of the path, and why."""

    def items(self, raw: Raw) -> Iterable[ItemT]:
        """List the items, cheaply and in a stable order, without reading images.

        Raises:
            RawLayoutError: The folder is not laid out as the dataset is published.
        """
