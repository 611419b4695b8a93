"""HDF5 files too large to be read whole: proven to be whole, then read a few frames at a time.

Only datasets whose bytes lie in the file itself are read: links that lead on, virtual datasets, external
storage and references are refused. The format is that of the HDF5 File Format Specification, version 3.0.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import CaseError, RawLayoutError, ThyrodataError
from thyrodata.io.extras import load_extra
from thyrodata.io.images import MAX_PIXELS
from thyrodata.io.raw import RawFile

__all__ = ["Hdf5File", "open_hdf5"]

MAX_STRINGS = 2**20
"""The most strings that a dataset may have: a million frames would be a terabyte."""

MAX_STRING_BYTES = 64
"""The longest string that is read."""

MAX_CHUNK_BYTES = 2**28
"""The largest chunk: the library holds one whole to read a byte of it."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ADDRESSES_AT = {0: (13, 24), 1: (13, 28), 2: (9, 12), 3: (9, 12)}
"""Where a superblock of each version has the size of its addresses, and the first of them (section II.A)."""
_END_ADDRESS = 2
"""The first is the base address, the third the end of the file, in every version."""
_AGAIN = "copy or download the file again"
_COMPARE = "compare the file with the release"


@contextmanager
def open_hdf5(file: RawFile) -> Iterator[Hdf5File]:
    """Open a file for reading. Whoever does so sees to it that :meth:`RawFile.hash` is called as well.

    Raises:
        RawLayoutError: It cannot be read, is not HDF5, or is cut.
        MissingExtraError: h5py is not installed.
    """
    h5py = load_extra("h5py", "formats")
    _check_whole(file)
    with _refused(RawLayoutError, file, str(file)):
        opened = h5py.File(file.local, "r", locking=False)  # shared drives often have no locks
    with opened:
        yield Hdf5File(file, h5py, opened)


class Hdf5File:
    """An open file, of whose datasets the names are known beforehand."""

    def __init__(self, file: RawFile, h5py: Any, opened: Any) -> None:
        self._file = file
        self._h5py = h5py
        self._opened = opened

    def stack_shape(self, *names: str) -> tuple[int, int, int]:
        """Return the shape (frames, height, width) that some stacks of frames have in common.

        Raises:
            RawLayoutError: The file has no such dataset in itself, one is no stack of uint8 frames that can
                be read, or they are of different shapes.
        """
        shapes = {name: self._stack_shape(name) for name in names}
        if len(set(shapes.values())) > 1:
            said = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise RawLayoutError(
                f"the stacks do not fit together: {said}", where=str(self._file), hint=_COMPARE
            )
        return shapes[names[0]]

    def _stack_shape(self, name: str) -> tuple[int, int, int]:
        stack = self._dataset(name)
        with _refused(RawLayoutError, self._file, self._place(name)):
            shape, dtype = stack.shape, stack.dtype
        if shape is None or len(shape) != 3 or dtype != np.uint8:  # noqa: PLR2004
            raise self._other(name, "no stack of 8-bit frames", shape, dtype)
        frames, height, width = map(int, shape)
        if not frames or not 0 < height * width <= MAX_PIXELS:
            raise self._other(name, f"not one or more frames of 1 to {MAX_PIXELS} pixels", shape, dtype)
        return frames, height, width

    def strings(self, name: str, count: int) -> tuple[bytes, ...]:
        """Return a dataset of short strings, of fixed or variable length.

        Args:
            name: Of the dataset.
            count: How many it must have.

        Raises:
            RawLayoutError: The file has no such dataset in itself, it is of something else or of another
                length, or it cannot be read.
        """
        dataset = self._dataset(name)
        with _refused(RawLayoutError, self._file, self._place(name)):
            shape, dtype = dataset.shape, dataset.dtype
            kind = self._h5py.check_string_dtype(dtype)
        if shape is None or len(shape) != 1 or kind is None or (kind.length or 0) > MAX_STRING_BYTES:
            raise self._other(name, "no list of short strings", shape, dtype)
        if shape[0] != count or count > MAX_STRINGS:
            raise self._other(name, f"not of {min(count, MAX_STRINGS)} strings", shape, dtype)
        with _refused(RawLayoutError, self._file, self._place(name)):
            if kind.length is not None:
                return tuple(map(bytes, dataset[:].tolist()))
            # One by one: many short entries may refer to one long text.
            texts = tuple(bytes(dataset[row]) for row in range(shape[0]))
        if any(len(text) > MAX_STRING_BYTES for text in texts):
            raise self._other(name, f"of strings longer than {MAX_STRING_BYTES} bytes", shape, dtype)
        return texts

    def frames(self, name: str, start: int, stop: int) -> NDArray[np.uint8]:
        """Read some frames of a stack.

        Args:
            name: A dataset of which :meth:`stack_shape` was asked.
            start: The first frame.
            stop: The first frame that is not read.

        Returns:
            uint8 (frames, height, width).

        Raises:
            CaseError: They cannot be read.
        """
        _, height, width = self._stack_shape(name)
        dataset = self._dataset(name)
        with _refused(CaseError, self._file, f"{self._place(name)}[{start}:{stop}]"):
            array: NDArray[np.uint8] = dataset[start:stop]
        if array.shape != (stop - start, height, width):
            raise CaseError(
                f"the stack has no frames {start} to {stop - 1}", where=self._place(name), hint=_AGAIN
            )
        return array

    def _place(self, name: str) -> str:
        return f"{self._file}#{name}"

    def _dataset(self, name: str) -> Any:
        with _refused(RawLayoutError, self._file, str(self._file)):
            links = self._opened.id.links  # asking the file itself would follow the link
            link = links.get_info(name.encode()).type if links.exists(name.encode()) else None
        if link is None:
            raise RawLayoutError(f"the file has no dataset {name!r}", where=str(self._file), hint=_AGAIN)
        if link != self._h5py.h5l.TYPE_HARD:
            raise self._elsewhere(name, "a link that leads elsewhere")
        with _refused(RawLayoutError, self._file, self._place(name)):
            found = self._opened[name]
            if not isinstance(found, self._h5py.Dataset):
                raise RawLayoutError(f"{name!r} is no dataset", where=self._place(name), hint=_AGAIN)
            virtual, external, chunks = found.is_virtual, found.external, found.chunks
            bytes_each = found.dtype.itemsize
        if virtual or external:
            raise self._elsewhere(name, "made of other files" if external else "a view of other datasets")
        if chunks and math.prod(chunks) * bytes_each > MAX_CHUNK_BYTES:
            raise self._other(name, f"stored in chunks of more than {MAX_CHUNK_BYTES} bytes", chunks, "")
        return found

    def _elsewhere(self, name: str, what: str) -> RawLayoutError:
        return RawLayoutError(
            f"{name!r} is {what}: its bytes are not its own",
            where=self._place(name),
            hint="the release holds all its frames in one file: obtain that one",
        )

    def _other(self, name: str, what: str, shape: Any, dtype: Any) -> RawLayoutError:
        return RawLayoutError(
            f"{name!r} is {what}: {str(dtype)[:60]} {shape}".rstrip(),
            where=self._place(name),
            hint=_COMPARE,
        )


@contextmanager
def _refused(kind: type[ThyrodataError], file: RawFile, where: str) -> Iterator[None]:
    """Turn what the HDF5 library raises, which may be anything, into an error of ours."""
    try:
        yield
    except (ThyrodataError, MemoryError):
        raise
    except Exception as error:  # damage anywhere in a file surfaces as whatever the library was about to do
        said = str(error).replace(str(file.local), str(file)).splitlines()[:1]
        raise kind(
            f"the HDF5 file cannot be read: {''.join(said) or type(error).__name__}", where=where, hint=_AGAIN
        ) from error


def _check_whole(file: RawFile) -> None:
    """Hold the file's size against the end that its superblock states."""
    try:
        with file.local.open("rb") as stream:
            head = stream.read(96)
            size = stream.seek(0, os.SEEK_END)
    except OSError as error:
        raise RawLayoutError(
            f"the file cannot be read: {error.strerror or error}", where=str(file), hint=_AGAIN
        ) from None
    if not head.startswith(_SIGNATURE):
        what = "is empty" if not head else f"begins with {head[:8].hex(' ')}: it is no HDF5"
        raise RawLayoutError(f"the file {what}", where=str(file), hint=_AGAIN)
    end = _stated_end(head)
    if end is None:
        raise RawLayoutError("the HDF5 superblock is corrupt or unknown", where=str(file), hint=_AGAIN)
    if size < end:
        raise RawLayoutError(
            f"the HDF5 file is cut: it has {size} of its {end} bytes", where=str(file), hint=_AGAIN
        )


def _stated_end(head: bytes) -> int | None:
    """Return the end-of-file address of a superblock at the file's begin; ``None`` if there is none."""
    version = head[len(_SIGNATURE)] if len(head) > len(_SIGNATURE) else -1
    if version not in _ADDRESSES_AT:
        return None
    size_at, first = _ADDRESSES_AT[version]
    width = head[size_at] if len(head) > size_at else 0
    addresses = [
        int.from_bytes(head[at : at + width], "little")
        for at in range(first, first + (_END_ADDRESS + 1) * width, width or 1)
    ]
    if width not in {2, 4, 8} or len(head) < first + (_END_ADDRESS + 1) * width or addresses[0]:
        return None
    return addresses[_END_ADDRESS]
