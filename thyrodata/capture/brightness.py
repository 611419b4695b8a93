"""The brightness of a picture, and the strokes in it: what text is looked for by, whatever its colour."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.io.extras import load_extra

__all__ = ["LETTER", "all_strokes", "bright_strokes", "brightness", "opencv"]

LETTER = 15
"""Pixels: a stroke is narrower in one direction, so an opening by as much takes it out and leaves tissue."""

_SQUARE = np.ones((LETTER, LETTER), np.uint8)


def brightness(picture: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.uint8]:
    """Return the brightest channel of each pixel, the upper 8 bits of it: (height, width).

    Args:
        picture: uint8 or uint16, (height, width) or (height, width, 3).
    """
    grey = picture
    if picture.ndim == 3:  # noqa: PLR2004 -- height, width, channels
        grey = np.maximum(np.maximum(picture[..., 0], picture[..., 1]), picture[..., 2])
    return (grey >> (8 * (grey.dtype.itemsize - 1))).astype(np.uint8, copy=False)


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
