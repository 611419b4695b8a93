"""Curves that meet themselves, and diameters: held against exact and exhaustive answers."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thyrodata.agreement.outlines import longest_diameter
from thyrodata.agreement.raster import overlap
from thyrodata.io.masks import encode_mask
from thyrodata.qc.crossings import crossing
from thyrodata.qc.drawn import drawn

small = st.integers(0, 7)
rings = st.lists(st.tuples(small, small), min_size=3, max_size=9)


def side(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def on(a, b, c):
    """Whether c lies on the edge from a to b."""
    inside = min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])
    return side(a, b, c) == 0 and inside


def edges_meet(a, b, c, d):
    if any((on(a, b, c), on(a, b, d), on(c, d, a), on(c, d, b))):
        return True
    return (side(a, b, c) > 0) != (side(a, b, d) > 0) and (side(c, d, a) > 0) != (side(c, d, b) > 0)


def is_simple(ring):
    """By the definition, one pair of edges after the other, in exact numbers."""
    points = [p for p, before in zip(ring, [ring[-1], *ring], strict=False) if p != before]
    count = len(points)
    edges = [(points[n], points[(n + 1) % count]) for n in range(count)]
    for n, m in combinations(range(count), 2):
        (a, b), (c, d) = edges[n], edges[m]
        if m == n + 1 or (n == 0 and m == count - 1):
            shared, one, other = (b, a, d) if m == n + 1 else (a, b, c)
            if (
                side(shared, one, other) == 0
                and (one[0] - shared[0]) * (other[0] - shared[0])
                + (one[1] - shared[1]) * (other[1] - shared[1])
                > 0
            ):
                return False
        elif edges_meet(a, b, c, d):
            return False
    return True


@given(rings)
def test_a_curve_is_simple_if_no_two_of_its_edges_meet(ring):
    """Whole numbers are exact, and so is the answer."""
    points = [(Fraction(x), Fraction(y)) for x, y in ring]
    assert (crossing(tuple(ring)) is None) == is_simple(points)


@given(rings, st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 8))
def test_where_a_curve_lies_begins_and_turns_changes_nothing(ring, x, y, start):
    """Moved, begun elsewhere or run the other way, a curve meets itself as it did."""
    moved = [(a + x, b + y) for a, b in ring]
    begun = moved[start % len(moved) :] + moved[: start % len(moved)]
    for other in (moved, begun, begun[::-1]):
        assert (crossing(tuple(other)) is None) == (crossing(tuple(ring)) is None)


LOOPS = {
    "a bow tie": ([(0, 0), (10, 10), (10, 0), (0, 10)], (25, 25)),
    "a bow tie through a vertex": ([(0, 0), (5, 5), (10, 10), (10, 0), (5, 5), (0, 10)], (25, 25)),
    "an hourglass that only touches": ([(0, 0), (5, 5), (10, 0), (10, 10), (5, 5), (0, 10)], (0, 0)),
    "a spike": ([(0, 0), (10, 0), (10, 10), (20, 20), (10, 10), (0, 10)], (0, 0)),
    "a curve that passes its start": (
        [(0, 0), (20, 0), (20, 20), (0, 20), (10, -10)],
        (100 / 3, 1000 / 3),
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_the_loop_that_a_crossing_cuts_off_has_its_area(name):
    ring, expected = LOOPS[name]
    met = crossing(tuple((float(x), float(y)) for x, y in ring))
    assert met is not None
    assert (met.loop, met.rest) == pytest.approx(expected) or expected == (0, 0) == (met.loop, met.rest)


def test_a_long_outline_is_checked_in_a_moment():
    angles = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    radius = 1000 + 5 * np.sin(40 * angles)
    ring = tuple(zip(radius * np.cos(angles), radius * np.sin(angles), strict=True))
    assert crossing(ring) is None


pictures = st.integers(1, 12).flatmap(
    lambda width: st.lists(
        st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=12
    ).filter(lambda rows: any(map(any, rows)))
)


@given(pictures, st.sampled_from([(1.0, 1.0), (0.5, 2.0)]))
def test_the_longest_diameter_is_the_greatest_distance_of_two_corners(rows, spacing):
    """Of all corners of all pixels."""
    pixels = np.array(rows)
    found = drawn(encode_mask(pixels), pixels.shape[1], pixels.shape[0])
    assert found is not None
    corners = {(y + j, x + i) for y, x in np.argwhere(pixels).tolist() for j in (0, 1) for i in (0, 1)}
    scaled = np.array(sorted(corners)) * spacing
    expected = max(np.hypot(*(a - b)) for a in scaled for b in scaled)
    assert longest_diameter(found, spacing) == pytest.approx(expected)
    assert found.area == pixels.sum()


@given(st.tuples(pictures, pictures))
def test_the_overlap_of_two_drawings_is_the_pixels_in_both(pair):
    """Whatever their extents are."""
    height, width = 12, 12
    whole = [np.zeros((height, width), np.bool_) for _ in pair]
    for canvas, rows in zip(whole, pair, strict=True):
        canvas[: len(rows), : len(rows[0])] = rows
    one, other = (drawn(encode_mask(canvas), width, height) for canvas in whole)
    assert one is not None
    assert other is not None
    assert overlap(one, other) == (whole[0] & whole[1]).sum()
