"""The outlines of drawings as points of the pixel grid, and how far those of two drawings lie apart.

Two things are called the outline. The *edge* is the pixels of the drawing of which one of the four neighbours
is not in it; outside of the image nothing is. The *surfels* (surface elements) stand at the corners between
pixels where some of the four around are in the drawing and some are not, and each stands for the length of
outline in the square around it.
"""

from __future__ import annotations

from math import hypot
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.raster import Raster

__all__ = [
    "Points",
    "Spacing",
    "Surfels",
    "diameter",
    "edge",
    "longest_diameter",
    "nearest",
    "nearest_in_trees",
    "surfels",
]

Spacing = tuple[float, float]
"""Distance between pixel centres down a column and along a row."""

_TABLE_PAIRS = 20_000_000
"""Pairs of points up to which a table of all distances is quicker than a tree."""
_TABLE_EXTENT = 1_448
"""Pixels from the first point: then no number of a table passes 8 x 1448², which float32 holds exactly."""
_BLOCK = 30_000
"""Distances of a table that are held at a time: 120 kB, which C libraries keep and need not fetch anew."""


_ALL_FOUR = 0b1111


class Points(NamedTuple):
    """Points of the grid of an image's pixels, row by row, in whole numbers: at least one."""

    y: NDArray[np.intp]
    x: NDArray[np.intp]


class Surfels(NamedTuple):
    """The surface elements of a drawing."""

    points: Points
    """The corner above and left of the pixel of that row and column."""
    lengths: NDArray[np.float64]
    """In the unit of the spacing."""


def edge(raster: Raster) -> Points:
    """Return the pixels of a drawing of which one of the four neighbours is not in it."""
    pixels = raster.pixels
    inner = np.zeros_like(pixels)
    middle = inner[1:-1, 1:-1]
    np.logical_and(pixels[:-2, 1:-1], pixels[2:, 1:-1], out=middle)
    middle &= pixels[1:-1, :-2]
    middle &= pixels[1:-1, 2:]
    return _points(np.flatnonzero(pixels > inner), pixels.shape[1], raster)


def surfels(raster: Raster, spacing: Spacing) -> Surfels:
    """Return the surface elements of a drawing, with the lengths that surface-distance gives them.

    A corner that has one pixel, or lacks one, cuts it off along half its diagonal; two neighbours have a side
    between them and the others; two that touch at the corner are cut off both.
    """
    height, width = raster.pixels.shape
    padded = np.zeros((height + 2, width + 2), np.uint8)
    padded[1:-1, 1:-1] = raster.pixels
    columns = 2 * padded[:-1] + padded[1:]
    codes = 4 * columns[:, :-1] + columns[:, 1:]  # bits: top left, bottom left, top right, bottom right
    mixed = np.flatnonzero((codes != 0) & (codes != _ALL_FOUR))
    down, along = spacing
    half = hypot(down, along) / 2
    lengths = np.full(0b10000, half)
    lengths[[0b0011, 0b1100]] = down
    lengths[[0b0101, 0b1010]] = along
    lengths[[0b0110, 0b1001]] = 2 * half
    return Surfels(_points(mixed, codes.shape[1], raster), lengths[codes.ravel()[mixed]])


def _points(places: NDArray[np.intp], width: int, raster: Raster) -> Points:
    y, x = np.divmod(places, width)
    return Points(y + raster.top, x + raster.left)


def diameter(corners: Points, spacing: Spacing) -> float:
    """Return the greatest distance between two corners, in the unit of the spacing.

    Args:
        corners: Points of a drawing's surfels: the corners of its convex hull are among them.
        spacing: Of the pixels.
    """
    starts = np.flatnonzero(np.diff(corners.y, prepend=-1))
    ends = np.append(starts[1:], corners.y.size) - 1
    rows, left, right = corners.y[starts], corners.x[starts], corners.x[ends]
    on_left, on_right = _bulges(rows, -left), _bulges(rows, right)
    heights = np.subtract.outer(rows[on_left], rows[on_right]) * spacing[0]
    widths = np.subtract.outer(left[on_left], right[on_right]) * spacing[1]
    return float(np.sqrt((heights**2 + widths**2).max()))


def longest_diameter(of: Raster, spacing: Spacing = (1.0, 1.0)) -> float:
    """Return the greatest distance between two corners of a drawing's pixels, in the unit of the spacing."""
    return diameter(surfels(of, spacing).points, spacing)


def _bulges(y: NDArray[np.intp], x: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say which points of a line down the rows lie right of the straight one between their neighbours.

    No other is a corner of the convex hull. A fifth of a nodule's remain: few enough to compare all of them.
    """
    bulging = np.ones(y.size, np.bool_)
    steps_x, steps_y = np.diff(x), np.diff(y)
    np.greater(steps_x[:-1] * steps_y[1:], steps_x[1:] * steps_y[:-1], out=bulging[1:-1])
    return bulging


def nearest(a: Points, b: Points, spacing: Spacing) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distance of each point of a to the nearest of b, and of each point of b to the nearest of a.

    The distances are exact, in the unit of the spacing, and in the order of the points.
    """
    down, along = spacing
    if down != along:
        return nearest_in_trees(a, b, spacing)
    y, x = a.y[0], a.x[0]
    near_a, near_b = Points(a.y - y, a.x - x), Points(b.y - y, b.x - x)
    extent = max(np.abs(side).max() for side in (*near_a, *near_b))
    if a.y.size * b.y.size <= _TABLE_PAIRS and extent <= _TABLE_EXTENT:
        from_a, from_b = _nearest_in_table(near_a, near_b)
    else:
        from_a, from_b = nearest_in_trees(a, b, (1.0, 1.0))
    from_a *= down
    from_b *= down
    return from_a, from_b


def _nearest_in_table(a: Points, b: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare every point with every other, in pixels: |a|² - 2ab + |b|² is one product of matrices."""
    of_a = np.array((-2 * a.y, -2 * a.x, a.y**2 + a.x**2, np.ones_like(a.y)), np.float32).T
    of_b = np.array((b.y, b.x, np.ones_like(b.y), b.y**2 + b.x**2), np.float32)
    rows = max(1, _BLOCK // b.y.size)
    table = np.empty((rows, b.y.size), np.float32)
    from_a = np.empty(a.y.size, np.float32)
    from_b = np.full(b.y.size, np.inf, np.float32)
    for start in range(0, a.y.size, rows):
        part = of_a[start : start + rows]
        block = np.matmul(part, of_b, out=table[: len(part)])
        block.min(axis=1, out=from_a[start : start + rows])
        np.minimum(from_b, block.min(axis=0), out=from_b)
    return np.sqrt(from_a.astype(np.float64)), np.sqrt(from_b.astype(np.float64))


def nearest_in_trees(
    a: Points, b: Points, spacing: Spacing
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Do what ``nearest`` does for any number of points and any spacing, by a k-d tree of either set."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 -- takes as long to import as all the rest

    points_a, points_b = (np.column_stack((each.y * spacing[0], each.x * spacing[1])) for each in (a, b))
    from_a, _ = cKDTree(points_b).query(points_a)
    from_b, _ = cKDTree(points_a).query(points_b)
    return np.asarray(from_a), np.asarray(from_b)
