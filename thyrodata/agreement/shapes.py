"""Consensus: the shapes that several readers' drawings of one thing come to, and their share of each pixel.

None depends on the order of the readers, to the last bit, and none breaks a tie at random.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from math import fsum, prod
from operator import mul, not_

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.raster import Raster, crop, stack
from thyrodata.errors import UsageError

__all__ = ["STAPLE_READERS", "at_share", "intersection", "mean_shape", "shares", "staple", "union"]

STAPLE_READERS = 3
"""Fewest readers of whom STAPLE can tell who is right: of two, either may be."""

_STAPLE_PROBABILITY = 0.5
_STAPLE_END = 1e-7
"""Change of a sensitivity or a specificity; when none changes more, the estimate is at its end."""
_NAUGHT = 1e-9
"""Pixels: a smaller sum of distances is zero but for rounding, which hangs on the order of the readers."""


def intersection(rasters: Sequence[Raster]) -> Raster | None:
    """Return the pixels that every reader drew; ``None`` if there are none."""
    left, top, layers = stack(rasters)
    return crop(np.logical_and.reduce(layers), left=left, top=top)


def union(rasters: Sequence[Raster]) -> Raster | None:
    """Return the pixels that any reader drew."""
    left, top, layers = stack(rasters)
    return crop(np.logical_or.reduce(layers), left=left, top=top)


def mean_shape(rasters: Sequence[Raster]) -> Raster | None:
    """Return the shape whose outline lies midway between the readers', on average; ``None`` if it is empty.

    Each drawing is made a map of signed Euclidean distances to its outline, in pixels, negative inside; the
    pixels are in of which the mean over the maps is below zero, and out where it is zero. Distances say how
    far apart outlines are, as votes do not: two readers' nested circles come to the circle of the mean
    radius, where votes leave one of the two. This is shape-based interpolation (Raya and Udupa, IEEE TMI
    1990), between readers instead of slices. Drawings far apart often come to nothing.
    """
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 -- takes as long to import as all the rest

    left, top, layers = stack(rasters, margin=1)
    # The transform goes to a pixel's centre: the outline is half a pixel nearer.
    distances = [
        np.where(layer, 0.5 - distance_transform_edt(layer), distance_transform_edt(~layer) - 0.5)
        for layer in layers
    ]
    return crop(np.sum(distances, axis=0) < -_NAUGHT, left=left, top=top)


def staple(rasters: Sequence[Raster], width: int, height: int) -> Raster | None:
    """Return the pixels that are in by STAPLE's estimate; ``None`` if there are none.

    Simultaneous truth and performance level estimation (Warfield, Zou and Wells, IEEE TMI 2004), with the
    start, the prior and the end of SimpleITK's. By expectation maximisation the sensitivity and the
    specificity of each reader are found along with the probability of each pixel, which is in from one half
    on; the start is the share of the readers who drew it. The prior probability of every pixel is the mean
    share of the image that the readers drew, so the whole image enters: in a smaller part of it, another
    shape may come out.

    SimpleITK sums in the order of the readers, and where they are evenly split into two camps, the rounding
    of these sums grows with each iteration until one camp is wholly right. Here sums are exact, so that
    readers in the same place stay equal.

    Args:
        rasters: Three or more readers' drawings.
        width: Of the image, in pixels.
        height: Of the image, in pixels.

    Raises:
        UsageError: There are fewer readers.
    """
    if len(rasters) < STAPLE_READERS:
        raise UsageError(
            f"STAPLE needs {STAPLE_READERS} readers, and there are {len(rasters)}",
            hint="of two, take the intersection, the union or the mean shape",
        )
    left, top, layers = stack(rasters)
    patterns, pattern_of, counts = np.unique(
        np.packbits(layers.reshape(len(rasters), -1), axis=0), axis=1, return_inverse=True, return_counts=True
    )
    votes = np.unpackbits(patterns, axis=0, count=len(rasters)).T.astype(bool).tolist()
    around = width * height - layers[0].size
    if around:  # outside of the extent, where no reader drew
        votes.append([False] * len(rasters))
        counts = np.append(counts, around)
    inside = np.array(_probabilities(votes, counts.tolist())) >= _STAPLE_PROBABILITY
    return crop(inside[pattern_of].reshape(layers[0].shape), left=left, top=top)


def _probabilities(votes: list[list[bool]], counts: list[int]) -> list[float]:
    """Return the probability of the pixels of each pattern of votes, given how many there are."""
    by_reader = list(zip(*votes, strict=True))
    probabilities = [sum(vote) / len(vote) for vote in votes]
    prior = fsum(map(mul, counts, probabilities)) / sum(counts)
    sensitivities = specificities = [1.0] * len(by_reader)  # while there is no pixel to tell them by
    before: list[float] = []
    while True:
        pixels = [count * p for count, p in zip(counts, probabilities, strict=True)]
        if total := fsum(pixels):
            sensitivities = [fsum(compress(pixels, drew)) / total for drew in by_reader]
        pixels = [count * (1 - p) for count, p in zip(counts, probabilities, strict=True)]
        if total := fsum(pixels):
            specificities = [fsum(compress(pixels, map(not_, drew))) / total for drew in by_reader]
        probabilities = []
        for vote in votes:
            if_in = prior * _product(p if v else 1 - p for p, v in zip(sensitivities, vote, strict=True))
            if_out = (1 - prior) * _product(
                1 - q if v else q for q, v in zip(specificities, vote, strict=True)
            )
            probabilities.append(if_in / (if_in + if_out))
        after = [*sensitivities, *specificities]
        if before and all(abs(new - old) <= _STAPLE_END for old, new in zip(before, after, strict=True)):
            return probabilities
        before = after


def _product(factors: Iterable[float]) -> float:
    return prod(sorted(factors))  # rounding hangs on the order


def shares(rasters: Sequence[Raster]) -> tuple[int, int, NDArray[np.uint8]]:
    """Count the readers that drew each pixel.

    Args:
        rasters: The readers' drawings: at most 255.

    Returns:
        Column and row of the image at which the extent of all drawings starts, and the number of readers of
        each of its pixels, uint8 (height, width).
    """
    left, top, layers = stack(rasters)
    return left, top, layers.sum(axis=0, dtype=np.uint8)


def at_share(rasters: Sequence[Raster], level: float) -> Raster | None:
    """Return the pixels that at least a share of the readers drew; ``None`` if there are none.

    Args:
        rasters: The readers' drawings.
        level: The share: above 0, where it is the union, to 1, where it is the intersection.

    Raises:
        UsageError: The level is not such a share.
    """
    if not 0 < level <= 1:
        raise UsageError(f"the share of readers is {level}", hint="give more than 0 and at most 1")
    left, top, counts = shares(rasters)
    return crop(counts / len(rasters) >= level, left=left, top=top)
