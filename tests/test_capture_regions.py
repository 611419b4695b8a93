"""Regions are believed where they can be, kept apart where they are two, and refused where they cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thyrodata.capture.regions import RegionDoubt, kept_regions
from thyrodata.io.dicomheader import UltrasoundRegion

WIDTH, HEIGHT = 800, 600


def region(
    box: tuple[int, int, int, int] | None = (100, 60, 699, 539),
    *,
    spatial_format: int | None = 1,
    data_type: int | None = 1,
    units: tuple[int | None, int | None] = (3, 3),
    delta: tuple[float | None, float | None] = (0.01, 0.02),
) -> UltrasoundRegion:
    return UltrasoundRegion(
        spatial_format=spatial_format, data_type=data_type, box=box, units=units, delta=delta
    )


def test_the_maxima_are_inside() -> None:
    (kept,) = kept_regions([region()], WIDTH, HEIGHT)
    assert kept.box == (100, 60, 700, 540)


@pytest.mark.parametrize("last", [(799, 599), (800, 600)])
def test_a_maximum_that_is_off_by_one_ends_at_the_edge(last: tuple[int, int]) -> None:
    (kept,) = kept_regions([region((100, 60, *last))], WIDTH, HEIGHT)
    assert kept.box == (100, 60, 800, 600)


def test_spacing_is_in_mm_down_and_along_and_never_negative() -> None:
    (kept,) = kept_regions([region(delta=(-0.01, 0.02))], WIDTH, HEIGHT)
    assert kept.spacing_mm == (0.2, 0.1)


@pytest.mark.parametrize(
    ("units", "delta"),
    [((3, 4), (0.01, 0.01)), ((None, 3), (0.01, 0.01)), ((3, 3), (0.0, 0.01)), ((3, 3), (None, 0.01))],
)
def test_what_is_not_cm_or_no_distance_is_no_spacing(
    units: tuple[int | None, int | None], delta: tuple[float | None, float | None]
) -> None:
    (kept,) = kept_regions([region(units=units, delta=delta)], WIDTH, HEIGHT)
    assert kept.spacing_mm is None


def test_a_spectrum_and_a_region_over_the_whole_screen_of_another_format_keep_nothing() -> None:
    others = [
        region((0, 0, 799, 599), spatial_format=0, data_type=0),
        region((0, 400, 799, 599), data_type=3),
    ]
    (kept,) = kept_regions([*others, region((100, 60, 699, 399))], WIDTH, HEIGHT)
    assert kept.box == (100, 60, 700, 400)


def test_a_dual_view_is_two_pictures_from_left_to_right() -> None:
    left, right = region((32, 24, 335, 415)), region((336, 24, 639, 415), delta=(0.03, 0.03))
    kept = kept_regions([right, left], 640, 480)
    assert [each.box for each in kept] == [(32, 24, 336, 416), (336, 24, 640, 416)]
    assert kept[0].spacing_mm != kept[1].spacing_mm


def test_tissue_and_colour_of_one_picture_are_one_picture() -> None:
    assert len(kept_regions([region(), region(data_type=2)], WIDTH, HEIGHT)) == 1


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ((100, 60, 802, 539), "leaves the screen"),
        ((100, 60, 699, 601), "leaves the screen"),
        ((-1, 60, 699, 539), "leaves the screen"),
        ((0, 0, 799, 599), "covers 100%"),
        ((0, 10, 799, 595), "covers 98%"),
        ((100, 60, 200, 160), "covers only 2%"),
        ((300, 60, 100, 539), "empty"),
        (None, "where it lies"),
    ],
)
def test_a_region_that_cannot_be_believed_is_refused(box: tuple[int, int, int, int] | None, why: str) -> None:
    with pytest.raises(RegionDoubt, match=why):
        kept_regions([region(), region(box)], WIDTH, HEIGHT)


def test_overlapping_regions_are_refused() -> None:
    with pytest.raises(RegionDoubt, match="overlap"):
        kept_regions([region((0, 60, 450, 539)), region((350, 60, 799, 539))], WIDTH, HEIGHT)


def test_a_header_without_a_picture_keeps_nothing() -> None:
    assert kept_regions([], WIDTH, HEIGHT) == ()
    assert kept_regions([region(spatial_format=None)], WIDTH, HEIGHT) == ()


numbers = st.integers(-10, 900)


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=3))
def test_what_is_kept_lies_on_the_screen_and_is_no_banner(boxes: list[tuple[int, int, int, int]]) -> None:
    """Whatever regions say, what is kept lies on the screen and covers 10 to 95 % of it."""
    try:
        kept = kept_regions([region(box) for box in boxes], WIDTH, HEIGHT)
    except RegionDoubt:
        return
    for each in kept:
        x0, y0, x1, y1 = each.box
        assert 0 <= x0 < x1 <= WIDTH
        assert 0 <= y0 < y1 <= HEIGHT
        assert 0.1 <= (x1 - x0) * (y1 - y0) / (WIDTH * HEIGHT) <= 0.95
