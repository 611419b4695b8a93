"""Blobs of a picture and what lies around them, told apart at any scale and mirrored or not.

A blob is described by the signs of low waves of the cosine transform of its surroundings, as perceptual
hashes of whole pictures are (see :mod:`thyrodata.qc.views`). The surroundings are as wide as the blob is
large; and they are turned such that they get brighter to the right and downwards, so that a blob of a
mirrored picture is described alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.duplicates.pixels import Grey
from thyrodata.qc.scalespace import Octave, Spots, scale_space, spots_in
from thyrodata.qc.views import levels_of
from thyrodata.schema.record import PixelBox

__all__ = ["BITS", "Blobs", "find_blobs"]

AREA: Final = 65_536
"""Pixels to which a picture is scaled, whatever its size: a copy that was scaled whole has the same blobs,
and a crop of half the width and height has them at twice the scale."""
GRID: Final = 10
"""Samples a side of the surroundings, one deviation of the blob apart."""
HIGHEST: Final = 8
"""Half waves, across and down together, that are looked at. Copies differ in few signs of the lowest."""

_WAVES: Final = tuple(
    sorted(
        ((u, v) for u in range(HIGHEST + 1) for v in range(HIGHEST + 1 - u) if u + v > 1),
        key=lambda wave: (sum(wave), abs(wave[0] - wave[1]), wave),
    )
)
"""(down, across), lowest first; the three that say how bright it is and how it is turned left out."""

BITS: Final = len(_WAVES) + 1
"""Of a description."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Blobs:
    """The blobs of a picture, 21 bytes each."""

    x: NDArray[np.float32]
    """Pixels of the picture, 0 at its left border."""
    y: NDArray[np.float32]
    """Pixels of the picture, 0 at its upper border."""
    scale: NDArray[np.float32]
    """Pixels of the picture: the deviation of the Gaussian that fits it, the geometric mean of both axes."""
    turn: NDArray[np.uint8]
    """How it was turned to be described: 1 for left to right, and 2 for upside down."""
    key: NDArray[np.uint64]
    """The description in BITS bits, the surest first; of which that it is dark is the very first."""


def find_blobs(grey: Grey, box: PixelBox) -> Blobs:
    """Return the blobs within a box of a picture, such as its echo region."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    stretch = (AREA / (width * height)) ** 0.5
    columns, rows = (max(round(side * stretch), GRID) for side in (width, height))
    octaves = scale_space(levels_of(grey, box, (columns, rows)))
    spots = [spots_in(octave) for octave in octaves]
    described = [_described(octave, each) for octave, each in zip(octaves, spots, strict=True)]
    joined = [np.concatenate(values) for values in zip(*described, strict=True)]
    x, y, scale, turn, key = joined
    pixel = width / columns, height / rows
    return Blobs(
        x=(x * pixel[0] + x0).astype(np.float32),
        y=(y * pixel[1] + y0).astype(np.float32),
        scale=(scale * (pixel[0] * pixel[1]) ** 0.5).astype(np.float32),
        turn=turn.astype(np.uint8),
        key=key,
    )


def _described(octave: Octave, spots: Spots) -> tuple[NDArray[np.generic], ...]:
    """Return x, y, scale, turn and key of those spots whose surroundings lie within the picture."""
    reach = GRID / 2 * spots.scale
    height, width = octave.levels.shape[1:]
    inside = np.minimum(spots.x, spots.y) + 0.5 >= reach  # 0 is the middle of a pixel
    inside &= (spots.x + reach <= width - 0.5) & (spots.y + reach <= height - 0.5)
    level, dark = spots.level[inside], spots.dark[inside]
    x, y, scale = spots.x[inside], spots.y[inside], spots.scale[inside]
    waves = _waves_of(_surroundings(octave.levels, level, x, y, scale))
    down, across = waves[:, 1, 0] < 0, waves[:, 0, 1] < 0
    odd = np.arange(GRID) % 2 == 1
    waves = np.where(down[:, np.newaxis, np.newaxis] & odd[:, np.newaxis], -waves, waves)
    waves = np.where(across[:, np.newaxis, np.newaxis] & odd, -waves, waves)
    signs: NDArray[np.bool_] = np.stack([dark, *(waves[:, u, v] > 0 for u, v in _WAVES)], axis=1)
    key = signs @ (np.uint64(1) << np.arange(BITS - 1, -1, -1, dtype=np.uint64))
    wide, high = octave.pixel
    return (x + 0.5) * wide, (y + 0.5) * high, scale * (wide * high) ** 0.5, across + 2 * down, key


def _surroundings(
    levels: NDArray[np.float32],
    level: NDArray[np.intp],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    scale: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return samples around spots, between pixels by their neighbours: (spots, GRID, GRID)."""
    steps = (np.arange(GRID, dtype=np.float32) - (GRID - 1) / 2) * scale[:, np.newaxis]
    height, width = levels.shape[1:]
    rows = np.clip(y[:, np.newaxis] + steps, 0, height - 1)[:, :, np.newaxis]
    columns = np.clip(x[:, np.newaxis] + steps, 0, width - 1)[:, np.newaxis, :]
    top = np.minimum(rows.astype(np.intp), height - 2)
    left = np.minimum(columns.astype(np.intp), width - 2)
    low, right = rows - top, columns - left
    at = level[:, np.newaxis, np.newaxis]
    upper = levels[at, top, left] * (1 - right) + levels[at, top, left + 1] * right
    lower = levels[at, top + 1, left] * (1 - right) + levels[at, top + 1, left + 1] * right
    around: NDArray[np.float32] = (upper * (1 - low) + lower * low).astype(np.float32)
    return around


def _waves_of(around: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosine transform of surroundings, what lies further off weighing less."""
    from scipy.fft import dctn  # noqa: PLC0415 -- rules of records alone do without

    off = (np.arange(GRID) - (GRID - 1) / 2) / (GRID / 3)
    weight = np.exp(-(off**2) / 2)
    weights = np.outer(weight, weight).astype(np.float32)
    mean = (around * weights).sum(axis=(1, 2), keepdims=True) / weights.sum()
    waves: NDArray[np.float32] = dctn((around - mean) * weights, axes=(1, 2))
    return waves
