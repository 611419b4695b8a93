"""Marks on phantoms are found, named and painted; a clean phantom has none."""

from __future__ import annotations

import csv
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from tests.planted import KINDS, OTHER_FONTS, inside, jpeg, plant
from thyrodata.echo import Doubt, find_echo
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.qc.marks import MARKED, MarkKind, find_marks, inpaint
from thyrodata.qc.marks.dots import find_dotted_lines
from thyrodata.qc.marks.shapes import kind_of
from thyrodata.qc.marks.strokes import framed, ridges
from thyrodata.qc.marks.trees import load_trees

ASKED = {
    MarkKind.CROSS: {"calipers": "x"},
    MarkKind.PLUS: {"calipers": "+"},
    MarkKind.DOTS: {"dotted_line": True},
    MarkKind.TEXT: {"burned_in_text": "TIRADS 4C"},
}
PLANTED = {MarkKind.ARROW: "arrow", MarkKind.CONTOUR: "contour", MarkKind.BODY_MARK: "body"}


def clean(seed, **asked):
    """A phantom without marks, and its echo region."""
    drawn = phantom(PhantomSpec(seed=seed, **asked))
    return drawn.pixels, drawn.echo_box


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("colour", ["grey", "cyan", "yellow"])
@pytest.mark.parametrize("kind", ASKED)
def test_a_mark_of_a_phantom_is_found_and_named(kind, colour):
    found = [
        find_marks(jpeg(drawn.pixels, 90), drawn.echo_box)
        for seed in range(6)
        for drawn in [phantom(PhantomSpec(seed=seed, mark_colour=colour, **ASKED[kind]))]
    ]
    assert all(marks.has_marks for marks in found)
    assert all(kind in marks.kinds for marks in found), [marks.kinds for marks in found]
    # A caliper's arms in colour may pass for a letter, and a coloured T or 4 for a caliper.
    assert sum(marks.kinds == (kind,) for marks in found) >= 2, [marks.kinds for marks in found]


@pytest.mark.parametrize("kind", PLANTED)
def test_a_drawing_is_found_and_named(kind):
    found = []
    for seed in range(8):
        pixels, box = clean(seed)
        planted = plant(pixels, inside(box), [PLANTED[kind]], np.random.default_rng(seed), level=235)
        found.append(find_marks(jpeg(planted.pixels, 90), box))
    # Arrows whose filled head is wider than a stroke are missed in grey.
    least = 5 if kind is MarkKind.ARROW else 7
    assert sum(marks.has_marks for marks in found) >= least
    assert sum(kind in marks.kinds for marks in found) >= least, [marks.kinds for marks in found]


@pytest.mark.parametrize("asked", [{}, {"dual": True}, {"nodules": 3}, {"height": 720, "width": 1100}])
def test_a_clean_phantom_has_no_marks(asked):
    for seed in range(20, 28):
        pixels, box = clean(seed, **asked)
        marks = find_marks(jpeg(pixels, 85), box)
        assert not marks.has_marks, (seed, marks.marks)
        assert not marks.mask.any()
        assert marks.marks == ()


def test_what_stands_in_the_margin_is_no_mark_even_where_the_echo_region_is_in_doubt():
    pixels, _ = clean(3)
    assert not find_marks(jpeg(pixels, 90), Doubt.SEVERAL).has_marks


def test_text_is_no_mark_where_the_echo_region_is_in_doubt_but_calipers_are():
    written = phantom(PhantomSpec(seed=3, burned_in_text="TIRADS 4C"))
    measured_ = phantom(PhantomSpec(seed=3, calipers="x"))
    assert not find_marks(jpeg(written.pixels, 90), Doubt.SEVERAL).has_marks
    assert find_marks(jpeg(measured_.pixels, 90), Doubt.SEVERAL).kinds == (MarkKind.CROSS,)


@pytest.mark.parametrize("kind", KINDS)
def test_ink_is_named_by_its_shape(kind):
    named = []
    for seed in range(20):
        pixels, box = np.zeros((360, 560), np.uint8), (40, 30, 520, 330)
        made = plant(pixels, box, [kind], np.random.default_rng([8, seed]), fonts=OTHER_FONTS)
        if kind in {"x", "+"}:  # one of them
            (x, y), arm = made.centres[0], 18
            window = (slice(int(y) - arm, int(y) + arm), slice(int(x) - arm, int(x) + arm))
        else:
            window = (slice(None), slice(None))
        named.append(kind_of(*np.nonzero(made.inks[kind][window])) is KINDS[kind])
    assert sum(named) >= 15, named


def test_a_line_of_dots_on_whole_pixels_is_found_at_any_angle():
    noise = np.random.default_rng(1).integers(50, 70, (300, 300)).astype(np.uint8)
    for angle in np.linspace(0, np.pi, 13):
        grey = noise.copy()
        for k in range(14):
            grey[round(150 + (k - 7) * 9.3 * np.sin(angle)), round(150 + (k - 7) * 9.3 * np.cos(angle))] = 200
        lines = find_dotted_lines(grey, ridges(framed(grey), 2), np.ones(grey.shape, bool))
        assert lines, angle
        assert len(lines[0].x) >= 12, angle


def test_dots_that_are_not_in_line_are_no_dotted_line():
    chance = np.random.default_rng(2)
    grey = chance.integers(50, 70, (300, 300)).astype(np.uint8)
    grey[chance.integers(20, 280, 40), chance.integers(20, 280, 40)] = 200
    lines = find_dotted_lines(grey, ridges(framed(grey), 2), np.ones(grey.shape, bool))
    assert all(line.score < MARKED for line in lines)


def test_a_sign_that_is_cut_off_is_found_beside_its_letter():
    chance = np.random.default_rng(3)
    grey = np.clip(chance.normal(60, 12, (200, 300)), 0, 255).astype(np.uint8)
    for x, y in ((80, 60), (200, 130)):
        grey[y - 6 : y + 7, x] = grey[y, x - 6 : x + 7] = 235
        grey[y - 4 : y + 5, x + 14] = grey[y - 4 : y + 5, x + 19] = grey[y - 4, x + 14 : x + 20] = 235
        grey[y, x + 14 : x + 20] = 235
    grey[130, 194:200] = 60  # an arm less
    marks = find_marks(grey, (0, 0, 300, 200))
    assert marks.mask[124:137, 200].mean() >= 0.8
    assert marks.mask[126:135, 219].mean() >= 0.8


def test_the_pixels_of_a_mark_lie_inside_the_echo_region():
    drawn = phantom(PhantomSpec(seed=5, calipers="x", dotted_line=True, burned_in_text="BETHESDA IV"))
    marks = find_marks(drawn.pixels, drawn.echo_box)
    x0, y0, x1, y1 = drawn.echo_box
    assert marks.mask[y0:y1, x0:x1].any()
    assert marks.mask.sum() == marks.mask[y0:y1, x0:x1].sum()


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.7, 1.5, 2.0])
@pytest.mark.parametrize("shape", ["x", "+"])
def test_calipers_are_found_at_any_size_of_the_picture(shape, scale):
    size = (round(640 * scale), round(480 * scale))
    found = []
    for seed in range(8):
        drawn = phantom(PhantomSpec(seed=seed, calipers=shape, height=480, width=640))
        pixels = np.array(Image.fromarray(drawn.pixels).resize(size, Image.Resampling.BICUBIC))
        x0, y0, x1, y1 = (round(side * scale) for side in drawn.echo_box)
        marks = find_marks(jpeg(pixels, 90), (x0, y0, x1, y1))
        found.append((MarkKind.CROSS if shape == "x" else MarkKind.PLUS) in marks.kinds)
    assert sum(found) >= 6, found


def test_an_area_of_flow_is_no_mark():
    pixels, (x0, y0, x1, y1) = clean(4)
    rgb = np.repeat(pixels[..., None], 3, axis=2)
    y, x = np.indices(pixels.shape)
    flow = (np.hypot(x - (x0 + x1) / 2, y - (y0 + y1) / 2) < 40) & (pixels > 40)
    rgb[flow] = np.stack([np.full(flow.sum(), 230), pixels[flow] // 2, np.zeros(flow.sum())], axis=1)
    assert not find_marks(jpeg(rgb, 90), (x0, y0, x1, y1)).has_marks


def test_a_tint_of_all_echo_is_no_mark_and_hides_none():
    tint = np.stack([np.clip(np.arange(256) * gain, 0, 255) for gain in (1.15, 1.0, 0.7)], axis=1)
    pixels, box = clean(6)
    assert not find_marks(jpeg(tint[pixels].astype(np.uint8), 95), box).has_marks
    marked = phantom(PhantomSpec(seed=6, calipers="+"))
    assert find_marks(jpeg(tint[marked.pixels].astype(np.uint8), 95), box).has_marks


def test_a_picture_of_nothing_has_no_marks():
    black = np.zeros((200, 300), np.uint8)
    assert find_marks(black, find_echo(black)).score == 0


@pytest.mark.slow
def test_a_planted_mark_is_painted():
    scores = []
    for seed in range(40):
        pixels, box = clean(seed)
        kind = ("x", "+", "text", "arrow")[seed % 4]
        planted = plant(pixels, inside(box), [kind], np.random.default_rng([5, seed]), level=215)
        marks = find_marks(jpeg(planted.pixels, 90), box)
        scores.append(dice(marks.mask, planted.ink))
    assert np.median(scores) >= 0.8, np.round(scores, 2)


@given(
    pixels=arrays.arrays(np.uint8, st.sampled_from([(12, 9), (9, 12, 3)])),
    seed=st.integers(0, 1000),
    share=st.sampled_from([0.0, 0.2, 0.9, 1.0]),
)
def test_inpainting_changes_no_pixel_outside_the_mask(pixels, seed, share):
    mask = np.random.default_rng(seed).random(pixels.shape[:2]) < share
    filled = inpaint(pixels, mask)
    assert (filled[~mask] == pixels[~mask]).all()
    assert filled.dtype == pixels.dtype


def test_inpainting_fills_a_mark_with_what_surrounds_it():
    pixels = np.tile(np.arange(60, 100, dtype=np.uint8), (30, 1))
    marked = pixels.copy()
    marked[14:17, 5:35] = 255
    mask = marked != pixels
    assert np.abs(inpaint(marked, mask).astype(int) - pixels)[mask].max() <= 2


def test_a_picture_whose_marks_were_filled_has_none():
    for seed in range(4):
        drawn = phantom(PhantomSpec(seed=seed, calipers="x", mark_colour="cyan"))
        marks = find_marks(drawn.pixels, drawn.echo_box)
        filled = inpaint(drawn.pixels, marks.mask)
        assert not find_marks(filled, drawn.echo_box).has_marks


@pytest.mark.parametrize("name", ["calipers", "ink", *(kind.value for kind in MarkKind)])
def test_trees_are_walked_as_their_file_says(name):
    package = resources.files("thyrodata.qc.marks")
    lines = list(csv.DictReader((package / f"{name}.csv").read_text(encoding="utf-8").splitlines()))
    features = tuple(sorted({line["feature"] for line in lines if line["feature"]}))
    nodes = {(line["tree"], line["node"]): line for line in lines}
    rows = np.random.default_rng(0).normal(20, 40, (50, len(features)))
    expected = []
    for row in rows:
        total = 0.0
        for tree in {line["tree"] for line in lines}:
            node = nodes[tree, "0"]
            while node["feature"]:
                low = row[features.index(node["feature"])] <= float(node["threshold"])
                node = nodes[tree, node["left" if low else "right"]]
            total += float(node["value"])
        expected.append(total)
    assert load_trees(name, features).log_odds(rows) == pytest.approx(expected)
