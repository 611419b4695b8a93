"""The lookup tables of PALETTE COLOR, as one table from index to displayed colour (DICOM PS3.3 C.7.9)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import CaseError
from thyrodata.io.dicomelements import Elements, Tag

__all__ = ["read_palette"]

_CHANNELS = (
    (Tag.RED_PALETTE_DESCRIPTOR, Tag.RED_PALETTE, Tag.SEGMENTED_RED_PALETTE),
    (Tag.GREEN_PALETTE_DESCRIPTOR, Tag.GREEN_PALETTE, Tag.SEGMENTED_GREEN_PALETTE),
    (Tag.BLUE_PALETTE_DESCRIPTOR, Tag.BLUE_PALETTE, Tag.SEGMENTED_BLUE_PALETTE),
)
_MOST_ENTRIES = 2**16
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


def read_palette(elements: Elements, bits: int, where: str) -> NDArray[np.uint8]:
    """Return (2 ** bits, 3), the colour of every index; those outside the tables have the nearest entry's.

    Args:
        elements: The dataset's.
        bits: BitsStored, which the indices have.
        where: The file, for errors.

    Raises:
        CaseError: A table is missing or broken.
    """
    channels = []
    for tags in _CHANNELS:
        try:
            channels.append(_channel(elements, *tags))
        except ValueError:
            raise CaseError("the palette's lookup tables are missing or broken", where=where) from None
    words = np.stack(
        [entries[np.clip(np.arange(2**bits) - first, 0, len(entries) - 1)] for first, entries in channels]
    )
    if words.max() > 255:  # noqa: PLR2004 -- else entries of 8 bits stand in words, whatever the descriptor says
        words >>= 8
    return np.ascontiguousarray(words.T.astype(np.uint8))


def _channel(elements: Elements, descriptor: Tag, plain: Tag, segmented: Tag) -> tuple[int, NDArray[Any]]:
    """Return the first index and the entries of one table.

    Raises:
        ValueError: It is missing or broken.
    """
    order = "<" if elements.little_endian else ">"
    stated = np.frombuffer(elements.data(descriptor) or b"", f"{order}u2")
    if len(stated) != 3:  # noqa: PLR2004 -- entries, first index, bits
        raise ValueError("no descriptor")
    count, first, bits = (int(value) for value in stated)
    count = count or _MOST_ENTRIES  # the number does not fit a word
    data = elements.data(plain)
    if bits not in (8, 16):
        raise ValueError("entries of other than 8 or 16 bits")
    if data is None:
        words = _words(elements, segmented, bits)
        entries = _expand(words.tolist(), bits, count)
    else:
        worded = bits == 16 or len(data) >= 2 * count  # noqa: PLR2004 -- 8-bit entries have a word, or half
        entries = _words(elements, plain, 16 if worded else 8)
    if len(entries) < count:
        raise ValueError("cut")
    return first, entries[:count]


def _words(elements: Elements, tag: Tag, bits: int) -> NDArray[Any]:
    """Return a table's words, or the entries of half a word."""
    data = elements.data(tag) or b""
    words = np.frombuffer(data[: len(data) & ~1], "<u2" if elements.little_endian else ">u2")
    if bits == 16:  # noqa: PLR2004
        return words.astype(np.uint16)
    if elements.vr(tag) != "OB":
        words = words.astype("<u2")  # the first of two entries is the low byte of their word
    return words.view(np.uint8).astype(np.uint16)


def _expand(words: list[int], bits: int, count: int) -> NDArray[Any]:
    """Expand a segmented table (C.7.9.2).

    Raises:
        ValueError: It is broken, or longer than stated.
    """
    entries: list[int] = []
    at = 0
    while at + 1 < len(words) and len(entries) < count:
        at = _segment(words, at, entries, bits, count)
    return np.array(entries[:count], np.uint16)


def _segment(
    words: list[int], at: int, entries: list[int], bits: int, count: int, *, copied: bool = False
) -> int:
    """Append what the segment at a place makes, and return the place of the next one."""
    opcode, length = words[at], words[at + 1]
    at += 2
    body = words[at : at + length]
    match opcode:
        case 0:
            if len(body) != length:
                raise ValueError("cut")
            entries += body
            return at + length
        case 1:
            if not entries or not length or not body:
                raise ValueError("a line without a start, a length or an end")
            steps = np.linspace(entries[-1], body[0], length + 1)[1:]
            entries += np.rint(steps).astype(int).tolist()
            return at + 1
        case 2 if not copied:
            size = 32 // bits
            parts = words[at : at + size]
            if len(parts) != size:
                raise ValueError("cut")
            offset = sum(part << bits * place for place, part in enumerate(parts)) // (bits // 8)  # of bytes
            for _ in range(length):
                if offset + 1 >= len(words) or len(entries) > count:
                    raise ValueError("a copy of segments that are not there")
                offset = _segment(words, offset, entries, bits, count, copied=True)
            return at + size
        case _:
            raise ValueError("no such segment")
