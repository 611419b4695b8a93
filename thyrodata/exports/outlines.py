"""Outlines of masks, outlines cut off at the image's edge, and several outlines joined into one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from thyrodata.io.masks import decode_mask
from thyrodata.schema.geometry import Mask, Point, Polygon, PolygonPart, Ring

__all__ = ["clip_ring", "join_parts", "outlines"]

MIN_RING = 3


def outlines(mask: Mask) -> Polygon | None:
    """Return the outline of a mask along the edges of its pixels; ``None`` if it has no pixel.

    The polygon covers exactly the mask's pixels. A part is a set of pixels that share edges; pixels that
    touch at a corner only are of different parts. Corners lie on whole numbers.
    """
    rings = _rings(decode_mask(mask))
    outer = [ring for ring in rings if _area(ring) > 0]
    holes: list[list[Ring]] = [[] for _ in outer]
    for hole in (ring for ring in rings if _area(ring) < 0):
        x, y = min(hole, key=lambda point: (point[1], point[0]))
        around = [i for i, ring in enumerate(outer) if _contains(ring, x - 0.5, y - 0.5)]
        holes[min(around, key=lambda i: _area(outer[i]))].append(hole)
    parts = (PolygonPart(exterior=ring, holes=tuple(inner)) for ring, inner in zip(outer, holes, strict=True))
    found = tuple(parts)
    return Polygon(parts=found) if found else None


def _rings(pixels: NDArray[np.bool_]) -> list[Ring]:
    """Return the closed curves between true and false pixels, through their corners only.

    In each row and each column of the grid of pixel corners, the corners of the curves pair up: the first
    with the second, the third with the fourth. A curve follows such pairs, along a row and along a column by
    turns. Where two pixels touch at a corner only, two curves pass it, so that it is there twice. Outer
    curves run clockwise as seen on the screen.
    """
    xs, ys, left_first = _corners(pixels)
    by_row = np.lexsort((np.arange(len(xs)), xs, ys))
    by_column = np.lexsort((left_first, ys, xs))
    along_row, along_column = _partners(by_row), _partners(by_column)
    points = list(zip(xs.astype(float).tolist(), ys.astype(float).tolist(), strict=True))
    rings = []
    left = dict.fromkeys(by_row.tolist())
    while left:
        start = next(iter(left))
        ring = []
        corner = start
        while corner in left:
            after = along_row[corner]
            ring += [points[corner], points[after]]
            del left[corner], left[after]
            corner = along_column[after]
        rings.append(_clockwise(tuple(ring), pixels))
    return rings


def _partners(order: NDArray[np.intp]) -> list[int]:
    """Return the other end of each corner's edge, where corners pair up in this order."""
    partner = np.empty_like(order)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    found: list[int] = partner.tolist()
    return found


def _corners(
    pixels: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return x and y of the corners of the curves, and the rank of each in its column among equals.

    The first of two equal corners ends the edge on its left. Which of them ends the edge above depends on
    which two of the four pixels around are true, since those stay apart.
    """
    height, width = pixels.shape
    framed = np.zeros((height + 2, width + 2), np.int8)
    framed[1:-1, 1:-1] = pixels
    top_left, top_right = framed[:-1, :-1], framed[:-1, 1:]
    bottom_left, bottom_right = framed[1:, :-1], framed[1:, 1:]
    total = top_left + top_right + bottom_left + bottom_right
    diagonal = (total == 2) & (top_left == bottom_right)  # noqa: PLR2004 -- two pixels of four
    ys, xs = np.nonzero((total % 2 == 1) | diagonal)
    crossed = diagonal[ys, xs]
    rising = crossed & (top_right[ys, xs] == 1)
    first = rising.astype(np.int64)  # of a pair: where the right-hand pixel is above, the second comes first
    second = np.where(rising, 0, 1)[crossed]
    places = np.concatenate([np.arange(len(xs)), np.nonzero(crossed)[0]])
    ranks = np.concatenate([first, second])
    return xs[places], ys[places], ranks


def _clockwise(ring: Ring, pixels: NDArray[np.bool_]) -> Ring:
    """Return an outer ring with positive and a hole with negative area.

    Below and to the right of its first corner in reading order lies the inside of the ring.
    """
    x, y = min(ring, key=lambda point: (point[1], point[0]))
    inside = bool(pixels[int(y), int(x)])
    return ring if (_area(ring) > 0) == inside else ring[::-1]


def _area(ring: Ring) -> float:
    """Return the area of a ring in square pixels, positive where it runs clockwise on the screen."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise((*ring, ring[0]))) / 2


def _contains(ring: Ring, x: float, y: float) -> bool:
    """Whether a point that is on no edge lies inside, by the number of edges to its left."""
    crossings = 0
    for (x0, y0), (x1, y1) in pairwise((*ring, ring[0])):
        if (y0 > y) != (y1 > y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) < x:
            crossings += 1
    return crossings % 2 == 1


def clip_ring(ring: Ring, width: float, height: float) -> Ring:
    """Return what of a ring lies inside an image; empty if nothing with an area does.

    By Sutherland and Hodgman (Commun ACM 1974;17:32-42): a ring that the cut takes apart stays one ring,
    its pieces joined along the image's edge.
    """
    points: Sequence[Point] = ring
    for axis, bound, sign in ((0, 0.0, 1), (0, float(width), -1), (1, 0.0, 1), (1, float(height), -1)):
        points = _cut(points, axis, bound, sign)
    clipped = tuple(points)
    return clipped if len(clipped) >= MIN_RING and _area(clipped) else ()


def _cut(points: Sequence[Point], axis: int, bound: float, sign: int) -> list[Point]:
    """Keep what lies on one side of a line x = bound or y = bound."""
    kept: list[Point] = []
    for before, point in pairwise((*points[-1:], *points)):
        if sign * (before[axis] - bound) < 0 < sign * (point[axis] - bound) or (
            sign * (point[axis] - bound) < 0 < sign * (before[axis] - bound)
        ):
            share = (bound - before[axis]) / (point[axis] - before[axis])
            other = before[1 - axis] + share * (point[1 - axis] - before[1 - axis])
            kept.append((bound, other) if axis == 0 else (other, bound))
        if sign * (point[axis] - bound) >= 0:
            kept.append(point)
    return kept


def join_parts(rings: Sequence[Ring]) -> Ring:
    """Return one ring that runs along all of them, with lines to and fro between their nearest corners."""
    joined, *others = rings
    for ring in others:
        a, b = np.array(joined), np.array(ring)
        squares = ((a[:, None] - b[None]) ** 2).sum(axis=2)
        i, j = (int(k) for k in np.unravel_index(squares.argmin(), squares.shape))
        joined = (*joined[: i + 1], *ring[j:], *ring[: j + 1], *joined[i:])
    return joined
