"""Whether two squares show one picture, once the second is moved and stretched onto the first.

Both are correlated block by block, and one block that differs refuses them: the next frame of a clip, or the
same neck with another nodule, is not the same picture. Tolerances were measured on 40 phantoms and checked on
40 published stills, each scaled to 128 to 1120 pixels, mirrored, cut to its echo region, brightened by a
third, and compressed at qualities 50 to 90.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.covering import covered, even_parts

__all__ = ["SIDE", "Likeness", "likeness"]

SIDE = 128
"""Pixels a side of the squares."""

STEPS = 12
"""Of the iteration; after three most do not move any more."""

STILL = 0.02
"""Pixels: a step shorter than this is the last."""

SMOOTH = 2.0
"""Pixels, the deviation of the Gaussian that lets it find a way of several pixels."""

BLOCK = 16
"""Pixels a side of the blocks that are correlated."""

TEXTURE = 6.0
"""Grey levels of deviation below which a block is flat, and says nothing."""

LEAST_BLOCKS = 12
"""Blocks with texture in half of their pixels without which nothing can be said: letters and borders, which
all pictures of a scanner have, are not echo."""

LOOKED = 0.4
"""Share of a block that must not be covered, for it to be correlated."""

COVERED = 0.25
"""Share of what both show that may be covered in one of them."""

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How alike two squares are."""

    median: float
    """Correlation of their blocks."""
    least: float
    """Likewise."""
    set_aside: float
    """The share of what both show that is covered in one of them, and was not looked at."""


def likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> Likeness:
    """Return how alike two squares are, apart from marks and blanked parts of one of them.

    Args:
        first: (SIDE, SIDE), grey levels.
        second: Likewise; it is moved onto the first.

    Returns:
        Copies have at least 0.9 and 0.6; the same phantom with other speckle at most 0.92 and 0.34. All is 0
        where too few blocks have texture, or too much is covered.
    """
    fixed = first.astype(np.float64)
    moved = _sampled(second, _onto(first, second))
    aside = covered(fixed, moved)
    share = float(aside.sum() / max(np.isfinite(moved).sum(), 1))
    blocks, others = _blocks(fixed), _blocks(np.where(aside, np.nan, moved))
    looked = np.isfinite(others)
    others = np.where(looked, others, 0)
    within = np.isfinite(_blocks(moved)).all(axis=1)  # the whole block lies within the second
    deviations = [_deviation(values, looked) for values in (blocks, others)]
    textured = within & (looked.mean(axis=1) >= LOOKED) & (np.fmax(*deviations) >= TEXTURE)
    grained = textured & (_middle_half(blocks, looked) >= TEXTURE)
    if np.count_nonzero(grained) < LEAST_BLOCKS or share > COVERED:
        return Likeness(median=0.0, least=0.0, set_aside=share)
    alike = _correlation(*(values[textured] for values in (blocks, others, looked)))
    return Likeness(median=float(np.median(alike)), least=float(alike.min()), set_aside=share)


def _blocks(square: Real) -> Real:
    """Return the pixels of each block: (blocks, BLOCK * BLOCK)."""
    n = SIDE // BLOCK
    return square.reshape(n, BLOCK, n, BLOCK).swapaxes(1, 2).reshape(n * n, BLOCK**2)


def _centred_on(values: Real, looked: NDArray[np.bool_]) -> Real:
    """Return values less the mean of those looked at, and 0 for the others."""
    mean = (values * looked).sum(axis=1) / np.maximum(looked.sum(axis=1), 1)
    centred: Real = (values - mean[:, np.newaxis]) * looked
    return centred


def _deviation(values: Real, looked: NDArray[np.bool_]) -> Real:
    """Return the deviation of what is looked at."""
    spread = (_centred_on(values, looked) ** 2).sum(axis=1) / np.maximum(looked.sum(axis=1), 1)
    return np.asarray(np.sqrt(spread))


def _middle_half(values: Real, looked: NDArray[np.bool_]) -> Real:
    """Return the range of the middle half of what is looked at: next to nothing for strokes on black."""
    low, high = np.percentile(np.where(looked, values, values.mean(axis=1, keepdims=True)), (25, 75), axis=1)
    return np.asarray(high - low, np.float64)


def _correlation(one: Real, two: Real, looked: NDArray[np.bool_]) -> Real:
    one, two = _centred_on(one, looked), _centred_on(two, looked)
    power = np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    correlation: Real = (one * two).sum(axis=1) / np.maximum(power, 1e-9)
    return correlation


def _onto(first: NDArray[np.float32], second: NDArray[np.float32]) -> Real:
    """Return the way (x, y) and the stretch (x, y), in pixels at the border, of the second onto the first.

    By least squares of grey levels, iterated (Lucas and Kanade, "An iterative image registration technique",
    IJCAI 1981).
    """
    fixed, moving = _levelled(first), _levelled(second)
    x, y = _centred()
    way = np.zeros(4)
    for _ in range(STEPS):
        moved = _sampled(moving, way)
        seen = np.isfinite(moved) & np.isfinite(fixed)
        down, across = np.gradient(np.where(seen, moved, 0))
        slopes = np.stack([across, across * x, down, down * y], axis=-1)[seen]
        left = (fixed - moved)[seen]
        # A hair of ridge: a flat picture gives no direction.
        step = np.linalg.solve(slopes.T @ slopes + 1e-3 * np.eye(4), slopes.T @ left)
        way = np.clip(way + step, -SIDE / 8, SIDE / 8)
        if np.abs(step).max() < STILL:
            break
    return way


def _levelled(square: NDArray[np.float32]) -> Real:
    """Smooth a square, and bring it to mean 0 and deviation 1: gain and offset are no difference.

    Even parts, and what smoothing mixes with them, are nan: one of two squares may be blanked there.
    """
    from scipy import ndimage  # noqa: PLC0415 -- rules of records alone do without

    smooth = ndimage.gaussian_filter(square.astype(np.float64), SMOOTH)
    shown = ~ndimage.binary_dilation(even_parts(square), iterations=round(2 * SMOOTH))
    if not shown.any():
        return np.zeros_like(smooth)
    smooth[~shown] = np.nan
    level: Real = (smooth - smooth[shown].mean()) / max(float(smooth[shown].std()), 1e-6)
    return level


def _centred() -> tuple[Real, Real]:
    """Return the places of pixels (x, y), -1 to 1 from border to border."""
    line = (np.arange(SIDE) - SIDE / 2) / (SIDE / 2)
    return np.broadcast_to(line, (SIDE, SIDE)), np.broadcast_to(line[:, np.newaxis], (SIDE, SIDE))


def _sampled(square: Real | NDArray[np.float32], way: Real) -> Real:
    """Return a square moved and stretched; nan where nothing of it lies."""
    from scipy import ndimage  # noqa: PLC0415 -- rules of records alone do without

    x, y = _centred()
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    places = [rows + way[2] + way[3] * y, columns + way[0] + way[1] * x]
    moved: Real = ndimage.map_coordinates(square, places, np.float64, order=1, cval=np.nan)
    return moved
