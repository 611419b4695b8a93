"""The run-length encoding of Label Studio's brush.

It is that of the package rle-pack of thi.ng/umbrella: 32 bits for the number of values, 5 for the bits of a
value less one, four times 4 for the bits of a run's length less one; then runs: one bit that says whether
the run repeats one value, two that choose among the four sizes, the length less one, and the value or values.
The values are the red, green, blue and alpha of each pixel, row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import CaseError
from thyrodata.io.masks import decode_mask, encode_mask
from thyrodata.schema.geometry import Mask

__all__ = ["brush_mask", "brush_rle"]

_CHANNELS = 4
_ALPHA = 3
_VALUE_BITS = 8
_MAX_BYTE = 255
_RUN_BITS = (3, 4, 8, 16)
"""The four sizes of a run's length that are written: those of Label Studio's own converter."""


def brush_mask(numbers: Sequence[int | None], size: tuple[int, int], where: str) -> Mask:
    """Return the mask that a brush has painted: the pixels that are not wholly transparent.

    Label Studio's own converter takes them so too; a brush has a soft edge.

    Args:
        numbers: The bytes of the encoding.
        size: Width and height of the image, in pixels.
        where: The place, for errors.

    Raises:
        CaseError: It is no such encoding, is cut, is of another size, or has no pixel.
    """
    if not all(number is not None and number <= _MAX_BYTE for number in numbers):
        raise _broken("it holds what is no byte", where)
    bits = _Bits(bytes(number or 0 for number in numbers), where)
    width, height = size
    count = bits.read(32)
    if count != width * height * _CHANNELS:
        raise _broken(f"it has {count} values, not {_CHANNELS} for each of {width} x {height} pixels", where)
    if bits.read(5) + 1 != _VALUE_BITS:
        raise _broken("its values are not of 8 bits", where)
    lengths = [bits.read(4) + 1 for _ in range(4)]
    values = np.empty(count, np.uint8)
    done = 0
    while done < count:
        repeats, choice = divmod(bits.read(3), 4)
        end = done + bits.read(lengths[choice]) + 1
        if end > count:
            raise _broken("a run goes past the last pixel", where)
        values[done:end] = bits.read(_VALUE_BITS) if repeats else bits.read_values(end - done)
        done = end
    painted = values.reshape(height, width, _CHANNELS)[..., _ALPHA] > 0
    if not painted.any():
        raise CaseError("a brush has no pixel", where=where, hint="remove it in Label Studio")
    return encode_mask(painted)


def brush_rle(mask: Mask) -> list[int]:
    """Return the bytes of a brush that has painted a mask: white where it is, else transparent black."""
    flat = decode_mask(mask).ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate(([0], edges, [flat.size])) * _CHANNELS
    bits = [f"{flat.size * _CHANNELS:032b}{_VALUE_BITS - 1:05b}", *(f"{size - 1:04b}" for size in _RUN_BITS)]
    value = _MAX_BYTE if flat[0] else 0
    for length in np.diff(bounds).tolist():
        bits += _runs(length, value)
        value = _MAX_BYTE - value
    text = "".join(bits)
    whole = -(-len(text) // 8)
    return list((int(text, 2) << 8 * whole - len(text)).to_bytes(whole))


def _runs(length: int, value: int) -> Iterator[str]:
    """Yield the bits of as many runs of one value as it takes."""
    while length:
        run = min(length, 1 << _RUN_BITS[-1])
        choice = next(place for place, size in enumerate(_RUN_BITS) if run <= 1 << size)
        yield f"1{choice:02b}{run - 1:0{_RUN_BITS[choice]}b}{value:08b}"
        length -= run


class _Bits:
    """Reads numbers of any width from bytes, the highest bit first."""

    def __init__(self, data: bytes, where: str) -> None:
        self._data = data
        self._where = where
        self._at = 0

    def _take(self, width: int) -> tuple[int, int]:
        """Return where the next bits begin and end, and pass over them."""
        start, self._at = self._at, self._at + width
        if self._at > 8 * len(self._data):
            raise _broken("it is cut", self._where)
        return start, self._at

    def read(self, width: int) -> int:
        start, end = self._take(width)
        last = -(-end // 8)
        number = int.from_bytes(self._data[start // 8 : last])
        return number >> 8 * last - end & (1 << width) - 1

    def read_values(self, count: int) -> NDArray[np.uint8]:
        start, end = self._take(_VALUE_BITS * count)
        first, last = start // 8, -(-end // 8)
        bits = np.unpackbits(np.frombuffer(self._data[first:last], np.uint8))
        return np.packbits(bits[start - 8 * first : end - 8 * first])


def _broken(what: str, where: str) -> CaseError:
    return CaseError(
        f"the encoding of a brush is broken: {what}",
        where=where,
        hint="export the project again as JSON",
    )
