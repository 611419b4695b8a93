"""How much a stroke each pixel is: brighter than what lies beside it on both sides."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIRECTIONS", "MARGIN", "framed", "halved", "ridges", "shifted"]

MARGIN: Final = 24
"""Pixels of repeated edge around a framed picture: what is looked up beyond its edges lies in them."""

DIRECTIONS: Final = ((1, 0), (0, 1), (1, 1), (1, -1))
"""(x, y) steps along a stroke: level, upright, falling, rising."""


def framed(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture with its edge repeated around it."""
    return np.pad(grey, MARGIN, mode="edge")


def shifted(frame: NDArray[np.uint8], x: int, y: int) -> NDArray[np.uint8]:
    """Return a view, of the size of the picture: at each pixel what lies x to the right and y below."""
    height, width = frame.shape
    return frame[MARGIN + y : height - MARGIN + y, MARGIN + x : width - MARGIN + x]


def halved(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture at half its size, each pixel the mean of four."""
    height, width = grey.shape[0] // 2 * 2, grey.shape[1] // 2 * 2
    whole = grey[:height, :width].astype(np.uint16)
    rows = whole[::2] + whole[1::2]
    return ((rows[:, ::2] + rows[:, 1::2] + 2) >> 2).astype(np.uint8)


def ridges(frame: NDArray[np.uint8], reach: int) -> list[NDArray[np.uint8]]:
    """Return, for each of `DIRECTIONS`, by how much a pixel outshines the brighter of its two flanks.

    Args:
        frame: What :func:`framed` made.
        reach: How far to the side the flanks are, in pixels or diagonal steps. A stroke may be up to twice as
            wide less one.

    Returns:
        Arrays framed like the picture, zero outside it.
    """
    centre = shifted(frame, 0, 0)
    found = []
    for x, y in DIRECTIONS:
        flank = np.maximum(shifted(frame, -y * reach, x * reach), shifted(frame, y * reach, -x * reach))
        found.append(np.pad(np.maximum(centre, flank) - flank, MARGIN))
    return found
