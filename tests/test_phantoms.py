"""Laws of the synthetic ultrasound."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from thyrodata.errors import UsageError
from thyrodata.phantoms import PhantomNodule, PhantomSpec, jpeg_bytes, phantom

SPECS = st.builds(
    PhantomSpec,
    seed=st.integers(0, 2**40),
    height=st.integers(120, 420),
    width=st.integers(320, 640),
    nodules=st.integers(0, 3),
    dual=st.booleans(),
    margin_text=st.booleans(),
    calipers=st.sampled_from([None, "x", "+"]),
    dotted_line=st.booleans(),
    burned_in_text=st.sampled_from(["", "TIRADS 4C", "4a"]),
    mark_colour=st.sampled_from(["grey", "cyan", "yellow"]),
    second_reader=st.booleans(),
)
law = settings(deadline=None, max_examples=40)


def without_marks(spec: PhantomSpec) -> PhantomSpec:
    return dataclasses.replace(spec, calipers=None, dotted_line=False, burned_in_text="")


def as_rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, np.newaxis], 3, axis=2)


def inside(outline, shape, growth: float = 1.0) -> np.ndarray:
    """Even-odd test of every pixel centre against a polygon scaled about its mean vertex."""
    points = np.array(outline)
    points = points.mean(axis=0) + growth * (points - points.mean(axis=0))
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    odd = np.zeros(shape[:2], bool)
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if ay != by:
            odd ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return odd


def single_nodules(echogenicity: str, wanted: int = 12) -> list[tuple[np.ndarray, np.ndarray, PhantomNodule]]:
    """Pictures with one such nodule, the same necks without it, and the nodule."""
    found, seeds = [], itertools.count()
    while len(found) < wanted:
        spec = PhantomSpec(seed=next(seeds))
        picture = phantom(spec)
        if picture.nodules[0].echogenicity == echogenicity:
            healthy = phantom(dataclasses.replace(spec, nodules=0))
            found.append((picture.pixels, healthy.pixels, picture.nodules[0]))
    return found


@law
@given(SPECS)
def test_equal_specs_give_equal_phantoms(spec):
    """Drawing the same spec twice gives the same bytes and the same truth."""
    one, two = phantom(spec), phantom(dataclasses.replace(spec))
    assert one.pixels.tobytes() == two.pixels.tobytes()
    assert one.marker_mask.tobytes() == two.marker_mask.tobytes()
    assert (one.nodules, one.echo_box) == (two.nodules, two.echo_box)


def test_seeds_give_different_pictures():
    pictures = {phantom(PhantomSpec(seed=seed, margin_text=False)).pixels.tobytes() for seed in range(40)}
    assert len(pictures) == 40


@law
@given(SPECS)
def test_marker_mask_is_exactly_what_marks_change(spec):
    """A pixel differs from the unmarked phantom of the same seed if and only if the marker mask holds it."""
    marked, clean = phantom(spec), phantom(without_marks(spec))
    differs = (as_rgb(marked.pixels) != as_rgb(clean.pixels)).any(axis=2)
    assert np.array_equal(differs, marked.marker_mask)
    assert not clean.marker_mask.any()
    assert marked.nodules == clean.nodules
    x0, y0, x1, y1 = marked.echo_box
    outside = marked.marker_mask.copy()
    outside[y0:y1, x0:x1] = False
    assert not outside.any()


@law
@given(SPECS)
def test_marks_are_there_when_asked_for_and_colour_makes_rgb(spec):
    """The mask is empty exactly when no mark was asked for, and pixels are RGB exactly for coloured marks."""
    picture = phantom(spec)
    asked = bool(spec.burned_in_text) or (
        spec.nodules > 0 and (spec.calipers is not None or spec.dotted_line)
    )
    assert picture.marker_mask.any() == asked
    coloured = asked and spec.mark_colour != "grey"
    assert picture.pixels.shape == (spec.height, spec.width, *((3,) if coloured else ()))
    assert picture.pixels.dtype == np.uint8
    if coloured:
        red, green, blue = picture.pixels[picture.marker_mask].astype(int).T
        tint = green - red if spec.mark_colour == "cyan" else green - blue
        assert (tint >= 0).all()  # the faintest edge of a letter may round to grey
        assert tint.mean() > 20


@law
@given(SPECS)
def test_outlines_lie_inside_their_view(spec):
    """Every vertex of both outlines lies inside the echo region, in its own view's half of a dual picture."""
    picture = phantom(spec)
    x0, y0, x1, y1 = picture.echo_box
    views = [(x0, (x0 + x1) // 2), ((x0 + x1) // 2, x1)] if spec.dual else [(x0, x1)]
    assert len(picture.nodules) == spec.nodules * len(views)
    for index, nodule in enumerate(picture.nodules):
        left, right = views[index // spec.nodules]
        assert bool(nodule.second_outline) == spec.second_reader
        for x, y in (*nodule.outline, *nodule.second_outline):
            assert left < x < right
            assert y0 < y < y1


@law
@given(SPECS)
def test_nodules_do_not_overlap(spec):
    """No pixel belongs to two nodules, which are listed from left to right."""
    picture = phantom(spec)
    cover = sum(inside(n.outline, picture.pixels.shape).astype(int) for n in picture.nodules)
    assert np.max(cover) <= 1
    lefts = [min(x for x, _ in n.outline) for n in picture.nodules]
    assert lefts == sorted(lefts)


@law
@given(SPECS)
def test_diameters_are_the_longest_line_and_the_widest_across(spec):
    """The long diameter is the greatest distance between vertices; the short one crosses it squarely."""
    for nodule in phantom(spec).nodules:
        pairs = list(itertools.combinations(nodule.outline, 2))
        longest = max(math.dist(a, b) for a, b in pairs)
        assert math.dist(*nodule.long_diameter) == pytest.approx(longest)

        (ax, ay), (bx, by) = nodule.long_diameter
        axis = math.atan2(by - ay, bx - ax)
        square = [
            math.dist(a, b)
            for a, b in pairs
            if abs(math.cos(math.atan2(b[1] - a[1], b[0] - a[0]) - axis)) < math.sin(math.radians(5))
        ]
        (cx, cy), (dx, dy) = nodule.short_diameter
        assert abs(math.cos(math.atan2(dy - cy, dx - cx) - axis)) < math.sin(math.radians(6))
        assert max(square) * 0.99 <= math.dist(*nodule.short_diameter) <= longest


def test_hypoechoic_nodules_are_darker_than_the_lobe_they_replace():
    for pixels, healthy, nodule in single_nodules("hypoechoic"):
        core = inside(nodule.outline, pixels.shape, 0.8)
        assert 0.35 < pixels[core].mean() / healthy[core].mean() < 0.7


def test_isoechoic_nodules_are_as_bright_as_the_lobe_within_a_dark_halo():
    for pixels, healthy, nodule in single_nodules("isoechoic"):
        core = inside(nodule.outline, pixels.shape, 0.7)
        assert 0.95 < pixels[core].mean() / healthy[core].mean() < 1.08
        halo = inside(nodule.outline, pixels.shape, 0.98) & ~inside(nodule.outline, pixels.shape, 0.92)
        assert pixels[halo].mean() / healthy[halo].mean() < 0.85


def test_cysts_are_black_and_brighten_what_lies_below():
    for pixels, healthy, nodule in single_nodules("anechoic"):
        assert nodule.composition == "cystic"
        core = inside(nodule.outline, pixels.shape, 0.8)
        assert pixels[core].mean() / healthy[core].mean() < 0.15
        xs, ys = np.array(nodule.outline).T
        middle, half = xs.mean(), np.ptp(xs) / 2
        below = np.s_[int(ys.max()) + 10 : -40, int(middle - half / 2) : int(middle + half / 2)]
        assert 1.2 < pixels[below].mean() / healthy[below].mean() < 1.4


def test_a_nodule_changes_only_itself_and_what_lies_below():
    for kind in ("hypoechoic", "isoechoic", "anechoic"):
        for pixels, healthy, nodule in single_nodules(kind, 4):
            xs, ys = np.array(nodule.outline).T
            differs = pixels != healthy
            differs[int(ys.min()) - 6 :, int(xs.min()) - 16 : int(xs.max()) + 17] = False
            assert not differs.any()


def test_a_nodule_lies_where_its_outline_says():
    """What a dark nodule changes has its outline's area within 6 % and its centre within half a pixel."""
    for kind in ("hypoechoic", "anechoic"):
        for pixels, healthy, nodule in single_nodules(kind):
            truth = inside(nodule.outline, pixels.shape)
            near = inside(nodule.outline, pixels.shape, 1.25)
            share = 0.74 if kind == "hypoechoic" else 0.53  # half way between lobe and nodule
            dark = near & (pixels < share * healthy)
            assert dark.sum() == pytest.approx(truth.sum(), rel=0.06)
            offset = np.argwhere(dark).mean(axis=0) - np.argwhere(truth).mean(axis=0)
            assert np.abs(offset).max() < 0.5


def test_microcalcifications_are_bright_specks_in_hypoechoic_nodules():
    for pixels, healthy, nodule in single_nodules("hypoechoic", 20):
        core = inside(nodule.outline, pixels.shape, 0.8)
        assert (pixels[core] > 1.5 * healthy[core].astype(int)).any() == nodule.microcalcifications


def test_every_kind_of_nodule_is_drawn():
    drawn = [n for seed in range(30) for n in phantom(PhantomSpec(seed=seed, nodules=3)).nodules]
    assert {n.echogenicity for n in drawn} == {"hypoechoic", "isoechoic", "anechoic"}
    assert {n.margin for n in drawn} == {"smooth", "lobulated", "spiculated"}
    assert {n.microcalcifications for n in drawn} == {True, False}


@pytest.mark.slow
@law
@given(SPECS)
def test_second_reader_changes_nothing_else(spec):
    """A second reader leaves pixels and first outlines alone, and mostly agrees with the first."""
    one = phantom(dataclasses.replace(spec, second_reader=False))
    two = phantom(dataclasses.replace(spec, second_reader=True))
    assert one.pixels.tobytes() == two.pixels.tobytes()
    assert [n.outline for n in one.nodules] == [n.outline for n in two.nodules]
    for nodule in two.nodules:
        first, second = (inside(o, one.pixels.shape) for o in (nodule.outline, nodule.second_outline))
        assert nodule.second_outline != nodule.outline
        assert (first & second).sum() / (first | second).sum() > 0.55


@law
@given(SPECS)
def test_margin_text_stays_in_the_margin(spec):
    """Margin text changes only the margin, which is black without it."""
    bare = phantom(dataclasses.replace(spec, margin_text=False))
    lettered = phantom(dataclasses.replace(spec, margin_text=True))
    x0, y0, x1, y1 = bare.echo_box
    assert np.array_equal(bare.pixels[y0:y1, x0:x1], lettered.pixels[y0:y1, x0:x1])
    margin = np.ones(bare.marker_mask.shape, bool)
    margin[y0:y1, x0:x1] = False
    assert not bare.pixels[margin].any()
    assert lettered.pixels[margin].any()


@pytest.mark.parametrize("sign", ["x", "+"])
def test_calipers_stand_at_the_ends_of_both_diameters(sign):
    for seed in range(10):
        picture = phantom(PhantomSpec(seed=seed, nodules=2, calipers=sign, mark_colour="cyan"))
        ends = [e for n in picture.nodules for d in (n.long_diameter, n.short_diameter) for e in d]
        ys, xs = np.nonzero(picture.marker_mask)
        marks = np.stack([xs + 0.5, ys + 0.5], axis=1)
        distances = np.linalg.norm(marks[:, np.newaxis] - np.array(ends), axis=2)
        assert (distances.min(axis=0) < 1).all()
        assert (distances.min(axis=1) < 9).all()
        for ex, ey in ends:
            row, column = int(ey), int(ex)
            straight, slanted = picture.marker_mask[row, column + 3], picture.marker_mask[row + 3, column + 3]
            assert straight if sign == "+" else slanted


def test_dotted_lines_join_the_ends_of_both_diameters():
    for seed in range(10):
        picture = phantom(PhantomSpec(seed=seed, dotted_line=True, mark_colour="yellow"))
        ys, xs = np.nonzero(picture.marker_mask)
        dots = np.stack([xs + 0.5, ys + 0.5], axis=1)
        for start, stop in (picture.nodules[0].long_diameter, picture.nodules[0].short_diameter):
            for share in np.linspace(0, 1, 21):
                place = np.array(start) + share * (np.array(stop) - np.array(start))
                assert np.linalg.norm(dots - place, axis=1).min() < 4


def test_a_dual_view_shows_two_lobes_with_a_black_gap():
    picture = phantom(PhantomSpec(seed=5, dual=True, nodules=2))
    x0, y0, x1, y1 = picture.echo_box
    middle = (x0 + x1) // 2
    assert not picture.pixels[y0:y1, middle - 1 : middle + 1].any()
    left, right = picture.pixels[y0:y1, x0 : middle - 2], picture.pixels[y0:y1, middle + 2 : x1]
    assert left.mean() > 20
    assert right.mean() > 20
    assert not np.array_equal(left[:, :100], right[:, :100])


@pytest.mark.parametrize("size", [(120, 160), (120, 4096), (4096, 160), (2000, 1500)])
def test_extreme_sizes_are_drawn(size):
    height, width = size
    picture = phantom(PhantomSpec(seed=3, height=height, width=width, nodules=3, calipers="+"))
    assert picture.pixels.shape == size
    assert picture.marker_mask.any()
    assert all(math.dist(*n.short_diameter) > 2 for n in picture.nodules)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"height": -360},
        {"height": 119},
        {"width": 159},
        {"width": 319, "dual": True},
        {"width": 4097},
        {"nodules": -1},
        {"nodules": 4},
        {"calipers": "o"},
        {"mark_colour": "magenta"},
        {"burned_in_text": "TI\nRADS"},
        {"burned_in_text": "\ud800"},
        {"burned_in_text": "W" * 60},
        {"burned_in_text": "i" * 2_000_000},
    ],
)
def test_an_impossible_spec_is_refused_with_a_hint(wrong):
    with pytest.raises(UsageError) as caught:
        PhantomSpec(**{"seed": 1, **wrong})
    assert caught.value.hint


@pytest.mark.parametrize(("rgb", "mode"), [(False, "L"), (True, "RGB")])
def test_jpeg_holds_the_picture(rgb, mode):
    pixels = phantom(PhantomSpec(seed=8)).pixels
    with Image.open(io.BytesIO(jpeg_bytes(pixels, rgb=rgb))) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", mode, (560, 360))
        decoded = np.asarray(image.convert("L"), float)
    assert np.abs(decoded - pixels).mean() < 4


def test_jpeg_of_a_coloured_picture_stays_coloured_and_quality_counts():
    pixels = phantom(PhantomSpec(seed=8, calipers="x", mark_colour="cyan")).pixels
    with Image.open(io.BytesIO(jpeg_bytes(pixels))) as image:
        assert image.mode == "RGB"
    assert len(jpeg_bytes(pixels, quality=30)) < len(jpeg_bytes(pixels, quality=95))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), float),
        np.zeros(4, np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3, 1), np.uint8),
        np.zeros((1, 70_000), np.uint8),
    ],
)
def test_jpeg_of_what_is_no_picture_is_refused(pixels):
    with pytest.raises(UsageError):
        jpeg_bytes(pixels)


@pytest.mark.parametrize("quality", [0, 101, -3])
def test_jpeg_quality_is_bounded(quality):
    with pytest.raises(UsageError):
        jpeg_bytes(np.zeros((4, 4), np.uint8), quality=quality)
