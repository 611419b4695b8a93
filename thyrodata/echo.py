"""Finds the echo region of a scanner's picture by its pixels: speckle in it, text and black around it."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.schema.record import PixelBox

__all__ = ["Doubt", "find_echo"]

BLACK = 6
"""Grey values, of 255, that count as background: JPEG blurs black to a few levels."""

DENSE = 0.5
"""Share of a window's pixels that are not black where echo is: at a straight edge it is a half."""

LEAST_SHARE = 0.1
"""Share of the picture below which an area may as well be a logo."""

LEAST_FILL = 0.5
"""Share of its own box that the region fills: a sector fills some six tenths."""

SECOND_AREA = 0.03
"""Share of the largest area from which another one may be echo too; a grey bar has one hundredth."""

BLACK_LINE = 0.01
"""Share of a line's pixels that may be bright though the line is a gap."""


class Doubt(Enum):
    """Why no echo region was found that is sure enough to cut by."""

    NONE = "nothing but black"
    SMALL = "the area of echo is too small a part of the picture"
    SEVERAL = "several areas may be echo"
    RAGGED = "the area of echo does not fill its box"


def find_echo(pixels: NDArray[np.unsignedinteger[Any]]) -> PixelBox | Doubt:
    """Return the box of the echo region: x0, y0, x1, y1, or why it is not sure.

    A pixel is echo where at least half of the pixels of a small window around it are not black: strokes of
    text and tick marks are thinner. Areas nearer to each other than a 32nd of the shorter side are one. The
    largest is the region, and each edge of its box goes to the nearest black line, if there is one within a
    window. What is black at the depth of the picture, below the last echo, may be left out with the margin.

    Args:
        pixels: uint8 or uint16, (height, width) or (height, width, 3); of colours the brightest channel
            counts.
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    grey = pixels
    if pixels.ndim == 3:  # noqa: PLR2004 -- height, width, channels
        grey = np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    bright = grey > (BLACK if grey.dtype.itemsize == 1 else BLACK * 257)
    shorter = min(bright.shape)
    window = max(5, shorter // 32 | 1)
    count = ndimage.uniform_filter(bright.astype(np.float32), window, mode="constant")
    reach = 2 * max(1, shorter // 64) + 1
    padded = np.pad(count >= DENSE - 1 / (2 * window**2), reach).astype(np.uint8)
    closed = ndimage.minimum_filter(ndimage.maximum_filter(padded, reach), reach)[reach:-reach, reach:-reach]
    areas, number = ndimage.label(closed)
    if not number:
        return Doubt.NONE
    sizes = np.bincount(areas.ravel())[1:]
    largest = int(sizes.argmax())
    rows, columns = ndimage.find_objects(areas)[largest]
    box = (columns.start, rows.start, columns.stop, rows.stop)
    others = np.delete(sizes, largest).max(initial=0)
    if sizes[largest] < LEAST_SHARE * grey.size:
        return Doubt.SMALL
    if others > SECOND_AREA * sizes[largest]:
        return Doubt.SEVERAL
    if sizes[largest] < LEAST_FILL * (box[2] - box[0]) * (box[3] - box[1]):
        return Doubt.RAGGED
    return _to_gaps(bright, box, window)


def _to_gaps(bright: NDArray[np.bool_], box: PixelBox, window: int) -> PixelBox:
    """Return a box whose edges lie at black lines, where there are such lines near."""
    x0, y0, x1, y1 = box
    rows = bright[:, x0:x1].mean(axis=1) <= BLACK_LINE
    columns = bright[y0:y1].mean(axis=0) <= BLACK_LINE
    left, right = _gaps(columns, x0, x1, window)
    top, bottom = _gaps(rows, y0, y1, window)
    return (left, top, right, bottom)


def _gaps(black: NDArray[np.bool_], start: int, stop: int, window: int) -> tuple[int, int]:
    """Return the first and the last line between gaps, looked for outwards from a window inside."""
    deep = min(window, (stop - start) // 2)
    before = np.flatnonzero(black[max(start - window, 0) : start + deep])
    after = np.flatnonzero(black[stop - deep : stop + window])
    first = max(start - window, 0) + int(before[-1]) + 1 if before.size else start
    return first, stop - deep + int(after[0]) if after.size else stop
