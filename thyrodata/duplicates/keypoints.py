"""Landmarks of a picture that move with its content: bright spots of the speckle and what lies around them.

All arithmetic is in whole numbers, so that a picture has the same landmarks on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.duplicates.pixels import Grey

__all__ = ["MARGIN_PX", "Keypoints", "find_keypoints"]

_REACH_PX: Final = 13
"""How far around a landmark its description looks."""
_BLUR_PX: Final = 3
"""How far the smoothing looks."""
MARGIN_PX: Final = _REACH_PX + _BLUR_PX
"""No landmark lies nearer to the border."""

_MOST: Final = 400
"""Landmarks of a picture; a scanner's still has 200 to 600."""
_RADIUS_PX: Final = 5
"""A landmark is the brightest spot as far as this on every side."""
_SMOOTHING: Final = 256
"""What the weights of the smoothing sum to."""
_CONTRAST: Final = 3 * _SMOOTHING
"""Three grey levels brighter than what lies around it: less is the noise of a flat region."""
_BITS: Final = 32
"""Of a description. With fewer, different spots are described alike; with more, noise changes too many: after
JPEG of quality 75 some nine in ten landmarks that are found again have equal descriptions."""


def _pattern() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places (y, x) that a description compares: a sunflower's, which fill a disc evenly."""
    golden = pi * (3 - sqrt(5))
    turns = [(_REACH_PX * sqrt((i + 0.5) / (2 * _BITS)), i * golden) for i in range(2 * _BITS)]
    y = [round(radius * sin(angle)) for radius, angle in turns]
    x = [round(radius * cos(angle)) for radius, angle in turns]
    return np.array(y, np.intp), np.array(x, np.intp)


_Y, _X = _pattern()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Keypoints:
    """The landmarks of a picture, twelve bytes each."""

    x: NDArray[np.int32]
    """Columns."""
    y: NDArray[np.int32]
    """Rows."""
    key: NDArray[np.uint32]
    """The description: equal for equal surroundings, and nearly always for noisy ones."""


def find_keypoints(grey: Grey) -> Keypoints:
    """Return the landmarks of a picture: none of one that is flat, or smaller than a description reaches.

    Where there are too many, those with the smallest scrambled descriptions are taken: of two crops of one
    picture both take the same.
    """
    if min(grey.shape) <= 2 * MARGIN_PX:
        return _keypoints(*(np.zeros(0, np.intp),) * 2, np.zeros(0, np.uint32))
    smooth = _smooth(grey)
    inside = slice(_REACH_PX, -_REACH_PX)
    beyond = slice(_REACH_PX - _RADIUS_PX, _RADIUS_PX - _REACH_PX)  # the maxima lack a border of the radius
    centre = smooth[inside, inside]
    peaks = centre == _sliding_max(smooth)[beyond, beyond]
    # A flat region equals its own maximum everywhere: it is left out before it costs time.
    peaks &= centre > smooth[beyond, inside][: len(centre)]
    peaks &= centre > smooth[inside, beyond][:, : centre.shape[1]]
    y, x = (found + _REACH_PX for found in np.nonzero(peaks))  # in the smoothed picture
    around = smooth[y[:, np.newaxis] + _Y, x[:, np.newaxis] + _X].astype(np.int64)
    peak = smooth[y, x].astype(np.int64)
    clear = peak * around.shape[1] - around.sum(1) > _CONTRAST * around.shape[1]
    y, x, around = y[clear], x[clear], around[clear]
    key = ((around[:, :_BITS] > around[:, _BITS:]) << np.arange(_BITS)).sum(1).astype(np.uint32)
    if len(key) > _MOST:
        scrambled = key * np.uint32(0x9E3779B1)  # Knuth's multiplicative hash, modulo 2 to the 32nd
        taken = np.sort(np.argsort(scrambled, kind="stable")[:_MOST])
        y, x, key = y[taken], x[taken], key[taken]
    return _keypoints(y, x, key)


def _keypoints(y: NDArray[np.intp], x: NDArray[np.intp], key: NDArray[np.uint32]) -> Keypoints:
    """Put the landmarks of the smoothed picture, which lacks a border, into the whole one."""
    return Keypoints(x=(x + _BLUR_PX).astype(np.int32), y=(y + _BLUR_PX).astype(np.int32), key=key)


def _smooth(grey: Grey) -> NDArray[Any]:
    """Weigh 7 x 7 pixels by 1, 2, 3, 4, 3, 2, 1 (a standard deviation of 1.6 px); three lie on each side."""
    sums: NDArray[Any] = grey.astype(np.uint16 if grey.dtype == np.uint8 else np.uint32)
    for _ in range(2):
        for step in (1, 2):
            sums = sums[:-step] + sums[step:]
            sums = sums[:, :-step] + sums[:, step:]
    return sums


def _sliding_max(values: NDArray[Any]) -> NDArray[Any]:
    """Return the greatest value as far as the radius on every side, without the border."""
    for step in (1, 2, 4, 2 * _RADIUS_PX - 7):
        values = np.maximum(values[:-step], values[step:])
        values = np.maximum(values[:, :-step], values[:, step:])
    return values
