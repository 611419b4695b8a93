"""Finds single letters by their stems, which the network that finds text may miss.

An ``L``, a ``7`` or a ``1`` alone on speckle is no text to the network, at any size. Yet such a letter has
what echo hardly has: an upright or leaning stroke of one brightness, thin and dark on both sides. Speckle and
the borders of tissue are thin along the beam and broad across it: they lie level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.brightness import opencv
from thyrodata.schema.record import PixelBox

__all__ = ["letter_boxes"]

STEMS = (
    np.array([[1], [1], [1], [1]], np.uint8),
    np.array([[0, 0, 1], [0, 1, 0], [0, 1, 0], [1, 0, 0]], np.uint8),
    np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]], np.uint8),
)
"""Pixels that are part of one stem, as in ``L``, ``7`` and ``V``; letters 8 pixels tall have so many."""

ACROSS = 5
"""Pixels, at most, from what is dark on one side of a stem to what is dark on the other."""

CONTRAST = 60
"""Grey levels, of 255, by which the darkest of a stem outshines the brightest on either side."""

EVENNESS = 4
"""How many times the unevenness of a stem its contrast is, at least."""

SHORTEST = 6
"""Pixels from the top of a letter to its bottom, at least: what a font of 8 pixels has."""

TALLEST = 40
"""Pixels, of either side: what is larger is a line of the scanner's drawing, or a border of tissue."""

BRIGHT_AROUND = 0.15
"""Share of the pixels within three of a letter that may be as bright, such as those of the next letter."""

MARGIN = 2
"""Pixels added around a letter, for anti-aliased and JPEG-blurred borders."""

_NONE = 255
"""Stands for a level where no stem is: that of one is lower, by half of its contrast."""


def letter_boxes(grey: NDArray[np.uint8]) -> tuple[PixelBox, ...]:
    """Return a box for each letter, which takes in as much to its left and right, for a neighbour.

    The letter is what is connected with a stem and brighter than halfway between it and its sides.

    Args:
        grey: (height, width).

    Raises:
        MissingExtraError: The extra ``ocr``, which brings OpenCV, is not installed.
    """
    levels = np.minimum.reduce([_stems(grey, stem) for stem in STEMS])
    seen = np.zeros(grey.shape, np.bool_)
    boxes = []
    for y, x in np.argwhere(levels != _NONE).tolist():
        if seen[y, x]:
            continue
        top, left = max(y - TALLEST, 0), max(x - TALLEST, 0)
        around = (slice(top, y + TALLEST + 1), slice(left, x + TALLEST + 1))
        bright = (grey[around] >= levels[y, x]).astype(np.uint8)
        _, areas = opencv().connectedComponents(bright)
        letter = areas == areas[y - top, x - left]
        seen[around] |= letter
        rows, columns = np.nonzero(letter)
        x0, x1 = left + int(columns.min()), left + int(columns.max()) + 1
        y0, y1 = top + int(rows.min()), top + int(rows.max()) + 1
        side = max(y1 - y0, x1 - x0)
        if y1 - y0 >= SHORTEST and side <= TALLEST and _stands_alone(letter, bright):
            boxes.append(
                (
                    max(x0 - side - MARGIN, 0),
                    max(y0 - MARGIN, 0),
                    min(x1 + side + MARGIN, grey.shape[1]),
                    min(y1 + MARGIN, grey.shape[0]),
                )
            )
    return tuple(boxes)


def _stems(grey: NDArray[np.uint8], stem: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return, at the middle of each stem, the level halfway to the brighter one of its sides."""
    cv2 = opencv()
    padded = np.pad(grey, ((0, 0), (ACROSS, ACROSS)))
    darkest, brightest = cv2.erode(padded, stem), cv2.dilate(padded, stem)
    width = grey.shape[1]
    sides = np.full(grey.shape, _NONE, np.uint8)
    for across in range(2, ACROSS + 1):
        for before in range(1, across):
            start, stop = ACROSS - before, ACROSS - before + across
            either = np.maximum(brightest[:, start : start + width], brightest[:, stop : stop + width])
            np.minimum(sides, either, out=sides)
    low, high = (each[:, ACROSS : ACROSS + width].astype(np.int16) for each in (darkest, brightest))
    contrast = low - sides
    found = (contrast >= CONTRAST) & (EVENNESS * (high - low) <= contrast)
    return np.where(found, sides + contrast // 2, _NONE).astype(np.uint8)


def _stands_alone(letter: NDArray[np.bool_], bright: NDArray[np.uint8]) -> bool:
    """Return whether little of what lies around a letter is as bright; in noise, much is."""
    filled = letter.astype(np.uint8)
    near, wide = (opencv().dilate(filled, np.ones((side, side), np.uint8)) for side in (3, 7))
    around = wide > near
    return bool(bright[around].sum() <= BRIGHT_AROUND * around.sum())
