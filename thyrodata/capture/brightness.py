"""The brightness of a picture, and the strokes in it: what text is looked for by, whatever its colour."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.io.extras import load_extra

__all__ = ["LETTER", "all_strokes", "bright_strokes", "brightness", "in_eight_bits", "opencv"]

LETTER = 15
"""Pixels: a stroke is narrower in one direction, so an opening by as much takes it out and leaves tissue."""

_SQUARE = np.ones((LETTER, LETTER), np.uint8)


def in_eight_bits(
    picture: NDArray[np.unsignedinteger[Any]], extent: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Return a picture in 8 bits: one that has more is stretched between the least and the greatest value.

    How many bits are stored says little of how many a scanner uses.

    Args:
        picture: uint8 or uint16, (height, width) or (height, width, 3).
        extent: The two values, where they are those of all frames of a clip; else they are the picture's own.
    """
    if picture.dtype.itemsize == 1:
        return picture.astype(np.uint8, copy=False)
    if extent is None:
        extent = int(picture.min(initial=np.iinfo(picture.dtype).max)), int(picture.max(initial=0))
    low, high = extent
    return ((picture.astype(np.uint32) - low) * 255 // max(high - low, 1)).astype(np.uint8)


def brightness(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the brightest channel of each pixel: (height, width).

    Args:
        picture: (height, width) or (height, width, 3).
    """
    if picture.ndim == 2:  # noqa: PLR2004 -- height, width
        return picture
    return np.maximum(np.maximum(picture[..., 0], picture[..., 1]), picture[..., 2])


def bright_strokes(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return by how much each pixel is brighter than what lies around it, further than a stroke is wide.

    Args:
        grey: (height, width).

    Raises:
        MissingExtraError: The extra ``ocr``, which brings OpenCV, is not installed.
    """
    cv2 = opencv()
    strokes: NDArray[np.uint8] = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, _SQUARE)
    return strokes


def all_strokes(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    """Return the bright strokes, the dark ones and those of any colour, (height, width) each.

    Colour flow is broad, and coloured letters are not.

    Args:
        picture: (height, width) or (height, width, 3).

    Raises:
        MissingExtraError: The extra ``ocr``, which brings OpenCV, is not installed.
    """
    grey = brightness(picture)
    strokes = (bright_strokes(grey), opencv().morphologyEx(grey, opencv().MORPH_BLACKHAT, _SQUARE))
    if picture.ndim == 3 and (saturation := grey - picture.min(axis=2)).any():  # noqa: PLR2004 -- with channels
        return (*strokes, bright_strokes(saturation))
    return strokes


@cache
def opencv() -> Any:
    """Import OpenCV, on one thread: its opening takes a fiftieth of the time of scipy's, for equal values.

    Raises:
        MissingExtraError: The extra ``ocr`` is not installed.
    """
    cv2 = load_extra("cv2", "ocr")
    cv2.setNumThreads(1)
    return cv2
