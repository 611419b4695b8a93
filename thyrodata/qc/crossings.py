"""Where a closed curve meets itself, and how much of what it encloses hangs on that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.schema.geometry import Ring

__all__ = ["Crossing", "crossing"]

_Reals = NDArray[np.float64]
_Flags = NDArray[np.bool_]
_Places = NDArray[np.intp]

BLOCK = 64
"""Edges that are held against all near them at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """The place where a curve crosses itself that cuts off the most."""

    loop: float
    """Square pixels inside of the smaller of the two closed curves that meet there; 0 where the curve only
    touches itself or runs back along itself, so that nothing is cut off."""
    rest: float
    """Square pixels inside of the other one."""


def crossing(ring: Ring) -> Crossing | None:
    """Return how a curve meets itself; ``None`` for a simple curve, which it does nowhere.

    Two closed curves that run the same way round and share a point of neither's inside are taken to touch, as
    at the neck of an hourglass.
    """
    points = np.array(ring)
    points -= points.min(axis=0)  # so that products lose no digits to a far origin
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    following = np.roll(points, -1, axis=0)
    swept = np.concatenate([[0.0], np.cumsum(_cross(points, following))])
    meets = len(points) > 0 and _turns_back(points, following)
    worst = Crossing(loop=0.0, rest=0.0)
    for first, second in _near(points, following):
        at, within, one, other = _meetings(points, following, first, second)
        meets |= bool(one.size)
        # From the meeting along the curve to the second edge and back: the shoelace formula.
        ends, starts = following[one], points[other]
        loop = (_cross(at, ends) + swept[other] - swept[one + 1] + _cross(starts, at)) / 2
        rest = swept[-1] / 2 - loop
        sizes = np.where(within | (loop * rest < 0), np.minimum(abs(loop), abs(rest)), 0)
        place = int(sizes.argmax()) if sizes.size else 0
        if sizes.size and sizes[place] > worst.loop:
            worst = Crossing(loop=float(sizes[place]), rest=float(max(abs(loop[place]), abs(rest[place]))))
    return worst if meets else None


def _cross(a: _Reals, b: _Reals) -> _Reals:
    product: _Reals = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def _turns_back(points: _Reals, following: _Reals) -> bool:
    """Tell whether an edge runs back along the one before it."""
    edges = following - points
    before = np.roll(edges, 1, axis=0)
    return bool(((_cross(before, edges) == 0) & ((before * edges).sum(axis=1) < 0)).any())


def _near(points: _Reals, following: _Reals) -> Iterator[tuple[_Places, _Places]]:
    """Yield pairs of edges, first and second along the curve, whose extents on the longer axis overlap.

    Edges that follow one another share a point, which is no meeting.
    """
    count = len(points)
    if not count:
        return
    axis = int(np.ptp(points, axis=0).argmax())
    low = np.minimum(points[:, axis], following[:, axis])
    high = np.maximum(points[:, axis], following[:, axis])
    order = np.argsort(low, kind="stable")
    until = np.searchsorted(low[order], high[order], side="right")
    for start in range(0, count, BLOCK):
        one = np.arange(start, min(start + BLOCK, count))[:, np.newaxis]
        other = np.arange(start + 1, until[one].max())
        rows, columns = np.nonzero((other > one) & (other < until[one]))
        pair = np.stack([order[start + rows], order[start + 1 + columns]])
        first, second = pair.min(axis=0), pair.max(axis=0)
        apart = (second - first > 1) & (second - first < count - 1)
        yield first[apart], second[apart]


def _meetings(
    points: _Reals, following: _Reals, first: _Places, second: _Places
) -> tuple[_Reals, _Flags, _Places, _Places]:
    """Return where pairs of edges meet, whether within both, and the pairs that do."""
    a, b, c, d = points[first], following[first], points[second], following[second]
    of_c, of_d = _cross(b - a, c - a), _cross(b - a, d - a)
    of_a, of_b = _cross(d - c, a - c), _cross(d - c, b - c)
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    # Signs, since a product of two tiny numbers may be zero.
    sides = np.sign([of_a, of_b, of_c, of_d])
    kept = (sides[0] * sides[1] <= 0) & (sides[2] * sides[3] <= 0) & (low <= high).all(axis=1)
    a, b, c, d, sides = a[kept], b[kept], c[kept], d[kept], sides[:, kept]
    within = np.asarray((sides != 0).all(axis=0))
    share = of_a[kept] / np.where(within, of_a[kept] - of_b[kept], 1)
    at = a + share[:, np.newaxis] * (b - a)
    for side, end, other in (
        (sides[0], a, (c, d)),
        (sides[1], b, (c, d)),
        (sides[2], c, (a, b)),
        (sides[3], d, (a, b)),
    ):
        on = (side == 0) & ~within & _between(end, *other)
        at = np.where(on[:, np.newaxis], end, at)
    return at, within, first[kept], second[kept]


def _between(point: _Reals, start: _Reals, end: _Reals) -> _Flags:
    """Tell whether points of a straight line lie in the extents of edges on it."""
    inside = (np.minimum(start, end) <= point) & (point <= np.maximum(start, end))
    return np.asarray(inside.all(axis=1))
