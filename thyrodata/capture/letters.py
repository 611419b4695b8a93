"""Finds single letters by their strokes, which the network that finds text may miss.

An ``L``, a ``7`` or a ``c`` alone on speckle is often no text to the network, at any size. Yet such a letter
has what echo hardly has: a stroke that runs down, upright, leaning or curved, of one brightness, thin, with
dark on both sides. Speckle and the borders of tissue are thin along the beam and broad across it: they lie
level. And echo is grey: where there is no colour flow, what has a colour was drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.brightness import LETTER, brightness, opencv
from thyrodata.schema.record import PixelBox

__all__ = ["letter_boxes"]

STROKES = {4: 70, 5: 60, 8: 40}
"""Grey levels, of 255, by which every pixel of a stroke outshines both of its sides, at least, by the rows
that it runs down: the more there are, the seldomer grains of speckle line up."""

ACROSS = 5
"""Pixels, at most, from what is dark on one side of a stroke to what is dark on the other."""

EVENNESS = 60
"""Grey levels, at most, between two pixels of a stroke: anti-aliasing takes some from those that lean."""

CUT = 3
"""A letter is what is connected with a stroke and darker by a third of the stroke's contrast at most."""

SHORTEST = 6
"""Pixels from the top of a letter to its bottom, at least: what a font of 8 pixels has."""

TALLEST = 40
"""Pixels, of either side: what is larger is a line of the scanner's drawing, or a border of tissue."""

CLEAR = 3.2
"""Standard deviations of what lies around a letter by which it outshines that, at least."""

FAR = 3
"""Pixels from a letter, after the one that anti-aliasing blurs, that count as its surroundings."""

THIN_CLEAR = 2.2
"""As many of them where its strokes are thin."""

THIN = 1.3
"""Pixels, at most, across thin strokes, as twice the area of a letter by its outline: finer than speckle."""

BESIDE = (0.3, 1.6)
"""Least and greatest height of what stands beside a letter, by the letter's own, to go with it: from a part
that broke off to a capital beside a small letter."""

ABOVE = 0.4
"""Part of its height by which the dot of an ``i``, or an accent, stands above a letter."""

COLOURED = 15
"""Levels between the brightest and the darkest channel from which a pixel has a colour."""

MARGIN = 2
"""Pixels added around a letter, for anti-aliased and JPEG-blurred borders."""


def letter_boxes(picture: NDArray[np.uint8]) -> tuple[PixelBox, ...]:
    """Return a box for each letter, with what may stand above it.

    The box of one that is found by its stroke takes in what stands close beside it, as bright and not much
    taller: a neighbour without a stroke, or a part that broke off. One that is found by its colour is whole.

    Args:
        picture: (height, width) or (height, width, 3) RGB.

    Raises:
        MissingExtraError: The extra ``ocr``, which brings OpenCV, is not installed.
    """
    grey = brightness(picture)
    found = [*_with_strokes(grey)]
    if picture.ndim == 3:  # noqa: PLR2004 -- height, width, channels
        found += _coloured(grey - picture.min(axis=2))
    return tuple(
        (
            max(x0 - MARGIN, 0),
            max(y0 - int(ABOVE * (y1 - y0)) - MARGIN, 0),
            min(x1 + MARGIN, grey.shape[1]),
            min(y1 + MARGIN, grey.shape[0]),
        )
        for x0, y0, x1, y1 in found
    )


def _with_strokes(grey: NDArray[np.uint8]) -> Iterator[PixelBox]:
    """Yield the tight box of each letter with a stroke, the brightest first.

    So one that touches something as bright as its faintest parts is found before it is taken for that.
    """
    cv2 = opencv()
    levels = _strokes(grey)
    rows, columns = np.nonzero(levels)
    order = np.argsort(levels[rows, columns], kind="stable")[::-1]
    seen = np.zeros(grey.shape, np.bool_)
    for y, x in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if seen[y, x]:
            continue
        top, left = max(y - TALLEST, 0), max(x - TALLEST, 0)
        around = (slice(top, y + TALLEST + 1), slice(left, x + TALLEST + 1))
        as_bright = (grey[around] >= levels[y, x]).view(np.uint8)
        _, areas = cv2.connectedComponents(as_bright, ltype=cv2.CV_16U)  # half the time of 32 bits
        letter = areas == areas[y - top, x - left]
        seen[around] |= letter
        tight = along, down, width, height = cv2.boundingRect(letter.view(np.uint8))
        if height < SHORTEST or max(height, width) > TALLEST:
            continue
        rows_near = slice(max(down - FAR, 0), down + height + FAR)
        near = (rows_near, slice(max(along - FAR, 0), along + width + FAR))
        if _is_clear(letter[near], grey[around][near]):
            x0, y0, x1, y1 = _with_neighbours(tight, as_bright)
            yield left + x0, top + y0, left + x1, top + y1


def _with_neighbours(tight: tuple[int, int, int, int], as_bright: NDArray[np.uint8]) -> PixelBox:
    """Return the box of a letter and of what stands beside it, no further than it is large.

    Args:
        tight: The letter's left, top, width and height.
        as_bright: What is as bright, the letter among it: 1 there, and 0 elsewhere.
    """
    x, y, width, height = tight
    reach = max(width, height)
    _, _, areas, _ = opencv().connectedComponentsWithStats(as_bright, ltype=opencv().CV_16U)
    lefts, tops, widths, heights, _ = areas[1:].T  # the first is what is darker
    least, greatest = BESIDE
    taken = (heights >= least * height) & (heights <= greatest * height)
    taken &= (tops < y + height) & (tops + heights > y)
    taken &= (lefts < x + width + reach) & (lefts + widths > x - reach)
    left, right = lefts[taken].min(), (lefts + widths)[taken].max()
    return max(int(left), x - reach), y, min(int(right), x + width + reach), y + height


def _strokes(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return, at the top of each stroke, the level down to which its letter reaches, and 0 elsewhere."""
    cv2 = opencv()
    contrasts = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((1, ACROSS), np.uint8))
    next_row = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 1]], np.uint8)
    levels = np.zeros(grey.shape, np.uint8)
    for length, contrast in STROKES.items():
        dark_aside = (contrasts >= contrast).astype(np.uint8)
        for darkest in range(contrast, 256, EVENNESS // 3):
            stroke = even = dark_aside & cv2.inRange(grey, darkest, darkest + EVENNESS)
            for _ in range(length - 1):
                stroke = even & cv2.dilate(stroke, next_row)
            np.maximum(levels, stroke * np.uint8(darkest - contrast // CUT), out=levels)
    return levels


def _is_clear(letter: NDArray[np.bool_], grey: NDArray[np.uint8]) -> bool:
    """Return whether a letter stands out from what lies around it; what is part of noise does not."""
    filled = letter.view(np.uint8)
    near, wide = (opencv().dilate(filled, np.ones((side, side), np.uint8)) for side in (3, 2 * FAR + 1))
    around = grey[wide > near]
    if not around.size:  # a picture of two columns
        return False
    thin = 2 * letter.sum() <= THIN * (near > filled).sum()
    contrast = np.median(grey[letter]) - np.median(around)
    return bool(contrast >= (THIN_CLEAR if thin else CLEAR) * around.std())


def _coloured(saturation: NDArray[np.uint8]) -> Iterator[PixelBox]:
    """Yield the tight box of what is as large as a letter and has a colour, unless there is colour flow."""
    cv2 = opencv()
    coloured = (saturation >= COLOURED).astype(np.uint8)
    if not coloured.any() or cv2.erode(coloured, np.ones((LETTER, LETTER), np.uint8)).any():
        return
    joined = cv2.morphologyEx(coloured, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, _, marks, _ = cv2.connectedComponentsWithStats(joined)
    for x, y, width, height, _ in marks[1:].tolist():
        if height >= SHORTEST and max(height, width) <= TALLEST:
            yield x, y, x + width, y + height
