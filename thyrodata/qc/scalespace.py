"""The scale space of a picture: ever more smoothed, and the blobs that stand out at some place and scale.

After Lowe, "Distinctive image features from scale-invariant keypoints" (IJCV 2004): extrema, in place and in
scale, of the difference of pictures that are smoothed one step apart. Smoothing is a product in the cosine
transform, which is what a Gaussian is between mirrored borders, and which is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Octave", "Spots", "scale_space", "spots_in"]

OCTAVES: Final = 3
"""Doublings of the scale, each at half the resolution."""
STEPS: Final = 3
"""Scales of an octave, as Lowe found the most repeatable."""
FINEST: Final = 1.6
"""Pixels, the deviation of the first Gaussian, as Lowe's."""
PRESENT: Final = 0.5
"""Pixels, the deviation that a picture is taken to have by itself, as Lowe's."""
CONTRAST: Final = 1.0
"""Grey levels of the difference below which a spot is noise."""

Levels = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Octave:
    """One doubling of the scale."""

    levels: Levels
    """(STEPS + 3, height, width), grey levels."""
    pixel: tuple[float, float]
    """Width and height of one of its pixels, in pixels of the picture."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spots:
    """What stands out in an octave, in its pixels; whole numbers are the centres of pixels."""

    level: NDArray[np.intp]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    scale: NDArray[np.float32]
    """The deviation of the Gaussian at which it stands out the most."""
    dark: NDArray[np.bool_]
    """Whether it is darker than what lies around it."""


def scale_space(picture: Levels) -> list[Octave]:
    """Return the octaves of a picture (height, width), those that are too small for a spot left out."""
    from scipy.fft import dctn, idctn  # noqa: PLC0415 -- rules of records alone do without

    height, width = picture.shape
    waves = dctn(picture, norm="ortho")
    octaves = []
    for octave in range(OCTAVES):
        rows, columns = -(-height >> octave), -(-width >> octave)
        if min(rows, columns) < 3:  # noqa: PLR2004 -- a pixel and its neighbours
            break
        scales = FINEST * 2.0 ** (octave + np.arange(STEPS + 3) / STEPS)
        variances = (scales**2 - PRESENT**2)[:, np.newaxis] / 2
        down, across = (
            np.exp(-variances * (np.pi * np.arange(n) / of) ** 2).astype(np.float32)
            for n, of in ((rows, height), (columns, width))
        )
        # A transform of fewer waves is the picture at fewer pixels.
        kept = waves[:rows, :columns] * np.float32((rows * columns / (height * width)) ** 0.5)
        smooth = kept * down[:, :, np.newaxis] * across[:, np.newaxis, :]
        levels = idctn(smooth, axes=(1, 2), norm="ortho", overwrite_x=True)
        octaves.append(Octave(levels=levels, pixel=(width / columns, height / rows)))
    return octaves


def spots_in(octave: Octave) -> Spots:
    """Return what stands out in an octave: greater, or smaller, than its 26 neighbours in place and scale."""
    change = octave.levels[:-1] - octave.levels[1:]
    inner = change[1:-1, 1:-1, 1:-1]
    bright = (inner > CONTRAST) & (inner == _around(change, np.maximum))
    dark = (inner < -CONTRAST) & (inner == _around(change, np.minimum))
    level, y, x = (found + 1 for found in np.nonzero(bright | dark))
    peak = change[level, y, x]
    return Spots(
        level=level,
        x=x + _beyond(change[level, y, x - 1], peak, change[level, y, x + 1]),
        y=y + _beyond(change[level, y - 1, x], peak, change[level, y + 1, x]),
        scale=np.float32(FINEST)
        * 2
        ** ((level + _beyond(change[level - 1, y, x], peak, change[level + 1, y, x])) / np.float32(STEPS)),
        dark=peak < 0,
    )


def _around(values: Levels, most: Any) -> Levels:
    """Return the most of each value and its neighbours, without the border."""
    for axis in range(3):
        values = np.moveaxis(values, axis, 0)
        values = np.moveaxis(most(most(values[:-2], values[1:-1]), values[2:]), 0, axis)
    return values


def _beyond(before: Levels, peak: Levels, after: Levels) -> Levels:
    """Return how far beyond the middle one of three values the top of their parabola lies, in steps."""
    bend = before + after - 2 * peak
    flat = bend == 0
    top: Levels = np.clip((before - after) / np.where(flat, 1, 2 * bend), -0.5, 0.5)
    return np.where(flat, np.float32(0), top)
