"""The screen that an image was cut from: its colours, a look too coarse to read, and one for a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.brightness import brightness
from thyrodata.schema.record import PixelBox

__all__ = ["CELL", "bright_cells", "is_grey", "with_boxes"]

CELL = 32
"""Pixels along each side of a cell, of which a bit is kept."""

_BRIGHT = 24
"""Mean grey level of a cell, of 255, in which something is seen."""

_YELLOW = (255, 220, 0)


def is_grey(picture: NDArray[np.unsignedinteger[Any]]) -> bool:
    """Return whether the three channels of a picture are equal in every pixel; one of one channel is grey."""
    if picture.ndim == 2:  # noqa: PLR2004 -- height, width
        return True
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    return bool((red == green).all() and (red == blue).all())


def bright_cells(frame: NDArray[np.uint8]) -> str:
    """Return a bit for each cell, row by row, set where it is bright: in hexadecimal.

    The last cells of a row and column are padded with black. A line of text is no taller than a cell, so that
    nothing in the bits can be read.
    """
    grey = brightness(frame).astype(np.uint32)
    edges = [np.arange(0, side, CELL) for side in grey.shape]
    sums = np.add.reduceat(np.add.reduceat(grey, edges[0], axis=0), edges[1], axis=1)
    return np.packbits(sums > _BRIGHT * CELL**2).tobytes().hex()


def with_boxes(frame: NDArray[np.uint8], boxes: Iterable[PixelBox]) -> NDArray[np.uint8]:
    """Return a frame as RGB with the rims of boxes drawn, for a person to look at."""
    shown = frame.copy() if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2)  # noqa: PLR2004
    for x0, y0, x1, y1 in boxes:
        shown[[y0, y1 - 1], x0:x1] = _YELLOW
        shown[y0:y1, [x0, x1 - 1]] = _YELLOW
    return shown
