"""Where a model fails, and how a map lies to outlines: found, counted and drawn. No torch is needed."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from toy import finding, make_dataset, record

from tests import predicted as shared
from tests.browser import browser
from thyrodata.baselines.explaining.attention import Aim, Attended, aim_of, attention_figures, outlined_images
from thyrodata.baselines.explaining.failing import failures_of
from thyrodata.baselines.explaining.sheets import chosen_images, failure_cases
from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.baselines.metrics.figures import value_of
from thyrodata.baselines.predictions import (
    BoxPredictions,
    ClassPredictions,
    MaskPrediction,
    MaskPredictions,
)
from thyrodata.errors import UsageError
from thyrodata.exports.view import view
from thyrodata.io.masks import decode_mask, encode_mask
from thyrodata.io.png import encode_png
from thyrodata.reports.failures import Case, CaseSheet, PageTable, case_page, case_sheet
from thyrodata.reports.failures.cases import PREDICTED, TRUTH, case_picture
from thyrodata.reports.failures.sheet import _wrapped
from thyrodata.reports.sheet import Tile
from thyrodata.reports.sheet.layout import Layout
from thyrodata.schema.geometry import Box, Polygon, PolygonPart
from thyrodata.schema.record import ImageRef, Read, Reading
from thyrodata.schema.vocab import Coverage, Structure

ORIGIN = replace(shared.ORIGIN, target="told apart for a test", model="small", seed=3)
HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202e"


# ---------------------------------------------------------------- which are the worst


def classified(labels, probabilities):
    return ClassPredictions(
        origin=ORIGIN,
        classes=("a", "b"),
        image_ids=tuple(f"toy/{n}" for n in range(len(labels))),
        group_ids=tuple(f"toy/g{n}" for n in range(len(labels))),
        labels=np.array(labels),
        probabilities=np.array(probabilities, np.float32),
    )


def test_of_a_classification_the_surest_of_the_wrong_come_first_and_no_right_one():
    said = classified([0, 0, 1, 1, 0], [[0.1, 0.9], [0.9, 0.1], [0.6, 0.4], [0.01, 0.99], [0.45, 0.55]])
    made = failures_of(said, 24)
    assert [each.image_id for each in made.worst] == ["toy/0", "toy/2", "toy/4"]
    assert (made.among, made.wrong) == (5, 3)
    assert made.worst[0].says == ("true: a (0.10)", "predicted: b (0.90), wrong")
    assert len(failures_of(said, 2).worst) == 2
    assert failures_of(said, 2).wrong == 3


def test_maps_are_shown_of_the_surest_wrong_ones_and_of_right_ones_of_every_sureness():
    labels = [0] * 12
    right = [[1 - n / 30, n / 30] for n in range(10)]
    said = classified(labels, [*right, [0.2, 0.8], [0.4, 0.6]])
    assert chosen_images(said, 6) == ("toy/10", "toy/11", "toy/0", "toy/3", "toy/6", "toy/9")
    assert chosen_images(said, 1) == ("toy/10",)
    assert chosen_images(said, 2) == ("toy/10", "toy/0")  # half of them are right
    assert len(set(chosen_images(said, 100))) == 12
    assert chosen_images(classified([0], [[0.0, 1.0]]), 8) == ("toy/0",)


def segmented(pairs, categories=("nodule",)):
    """Pairs of a true and a predicted raster, of images in their order and of each the categories."""
    masks = [
        MaskPrediction(
            image_id=f"toy/{n // len(categories)}",
            group_id=f"toy/g{n // len(categories)}",
            category=categories[n % len(categories)],
            truth=encode_mask(np.array(truth, bool)),
            predicted=encode_mask(np.array(predicted, bool)),
            score=None,
            certainty=1.0,
        )
        for n, (truth, predicted) in enumerate(pairs)
    ]
    return MaskPredictions(origin=ORIGIN, classes=categories, masks=tuple(masks))


def test_pixels_where_nothing_is_true_are_the_worst_and_nothing_of_nothing_is_no_failure():
    none, one, two = [[0, 0, 0, 0]], [[1, 0, 0, 0]], [[1, 1, 0, 0]]
    made = failures_of(segmented([(one, two), (none, none), (none, two), (two, two), (none, one)]), 24)
    assert [(each.image_id, round(each.measure, 3)) for each in made.worst] == [
        ("toy/2", 0.0),
        ("toy/4", 0.0),
        ("toy/0", 0.667),
    ]
    assert (made.among, made.wrong) == (5, 3)
    assert made.worst[0].says == ("nodule: Dice 0.000", "true: none · predicted: 2 px")
    assert made.worst[0].truth == ()


def test_the_worst_of_each_class_come_before_the_second_worst_of_any():
    none, one, far = [[0, 0, 0, 0]], [[1, 0, 0, 0]], [[0, 0, 0, 1]]
    pairs = [(one, far), (one, [[1, 1, 1, 0]]), (one, none), (one, one)]
    made = failures_of(segmented(pairs, ("cyst", "nodule")), 24)
    assert [(each.image_id, each.says[0]) for each in made.worst] == [
        ("toy/0", "cyst: Dice 0.000"),
        ("toy/0", "nodule: Dice 0.500"),
        ("toy/1", "cyst: Dice 0.000"),
    ]
    assert made.wrong == 2


@given(arrays(bool, (4, 2, 3, 3)))
def test_masks_are_ranked_by_the_dice_that_sets_of_pixels_have(pairs):
    made = failures_of(segmented([(truth, predicted) for truth, predicted in pairs]), 24)
    sets = [[{*zip(*np.nonzero(raster), strict=True)} for raster in pair] for pair in pairs]
    dice = {f"toy/{n}": 2 * len(a & b) / (len(a) + len(b)) for n, (a, b) in enumerate(sets) if a != b}
    assert {each.image_id: each.measure for each in made.worst} == pytest.approx(dice)
    assert [each.measure for each in made.worst] == sorted(each.measure for each in made.worst)


def boxed(name, truth, predicted, scores, *, crowd=(), labels=None, predicted_labels=None):
    return BoxedImage(
        image_id=f"toy/{name}",
        truth=np.array(truth, np.float64).reshape(-1, 4),
        truth_labels=np.array(labels or [0] * len(truth), np.int64),
        crowd=np.array([n in crowd for n in range(len(truth))], bool),
        predicted=np.array(predicted, np.float64).reshape(-1, 4),
        predicted_labels=np.array(predicted_labels or [0] * len(predicted), np.int64),
        scores=np.array(scores, np.float64),
    )


def detected(*images, classes=("nodule",)):
    return BoxPredictions(
        origin=ORIGIN, classes=classes, images=images, group_ids=tuple(each.image_id for each in images)
    )


HERE, THERE, SHIFTED = [2, 2, 6, 6], [9, 5, 13, 9], [2, 2, 6, 9]


def test_of_a_detection_the_images_of_most_missed_and_false_boxes_come_first():
    said = detected(
        boxed("right", [HERE], [SHIFTED], [0.9]),  # IoU 4/7
        boxed("missed", [HERE], [HERE], [0.49]),
        boxed("both", [HERE], [THERE], [0.6]),
        boxed("twice", [HERE], [HERE, HERE], [0.8, 0.9]),
        boxed("empty", [], [], []),
        boxed("in-a-crowd", [HERE], [HERE, HERE], [0.9, 0.8], crowd=[0]),
    )
    made = failures_of(said, 24)
    assert [(each.image_id, each.measure, each.says[0]) for each in made.worst] == [
        ("toy/both", 2, "1 true: 0 found, 1 missed; 1 false"),
        ("toy/twice", 1, "1 true: 1 found, 0 missed; 1 false"),
        ("toy/missed", 1, "1 true: 0 found, 1 missed; 0 false"),
    ]
    assert (made.among, made.wrong) == (6, 3)
    assert made.worst[1].says[1:] == ("predicted: 0.90, 0.80",)
    assert made.worst[0].predicted == (Box(x=9, y=5, width=4, height=4),)
    assert made.worst[2].predicted == ()  # its score is too low


def test_a_box_of_another_class_is_missed_and_false():
    (only,) = failures_of(
        detected(boxed("x", [HERE], [HERE], [0.75], predicted_labels=[1]), classes=("a", "b")), 24
    ).worst
    assert only.measure == 2
    assert only.says[1:] == ("true: a", "predicted: b 0.75")


def test_a_box_without_an_area_is_counted_and_cannot_be_drawn():
    (only,) = failures_of(detected(boxed("x", [], [[3, 3, 3, 8]], [1.0])), 24).worst
    assert (only.measure, only.predicted) == (1, ())


# ---------------------------------------------------------------- maps and outlines

MAPS = arrays(np.float32, (5, 7), elements=st.floats(0, 100, width=32))
INSIDES = arrays(bool, (5, 7))


@given(st.floats(0.125, 100, width=32), INSIDES)
def test_a_map_that_is_even_has_the_area_as_energy_and_as_pointing(value, inside):
    made = aim_of(np.full((5, 7), value, np.float32), inside)
    assert made.energy_inside == pytest.approx(made.area_inside)
    assert made.pointing_hit == pytest.approx(made.area_inside)
    assert made.area_inside == inside.sum() / 35


@given(MAPS, INSIDES, st.sampled_from([np.flipud, np.fliplr, lambda a: np.rot90(a, 2)]))
def test_turning_image_and_outline_together_changes_nothing(evidence, inside, turned):
    a, b = aim_of(evidence, inside), aim_of(turned(evidence), turned(inside))
    for name in ("energy_inside", "pointing_hit", "area_inside"):
        assert getattr(a, name) == pytest.approx(getattr(b, name))


@given(MAPS, INSIDES)
def test_what_is_not_inside_is_outside(evidence, inside):
    a, b = aim_of(evidence, inside), aim_of(evidence, ~inside)
    if not evidence.any():
        assert a.energy_inside is a.pointing_hit is None
    else:
        assert a.energy_inside + b.energy_inside == pytest.approx(1)
        assert a.pointing_hit + b.pointing_hit == pytest.approx(1)
    assert a.centre_hit + b.centre_hit == 1


def test_the_greatest_value_decides_the_pointing_game_and_the_sum_the_energy():
    inside = np.zeros((4, 4), bool)
    inside[1, 1] = True
    evidence = np.ones((4, 4))
    evidence[1, 1] = 3
    assert aim_of(evidence, inside) == Aim(
        energy_inside=3 / 18, pointing_hit=1.0, area_inside=1 / 16, centre_hit=0.0
    )


def test_a_map_that_is_0_everywhere_is_left_out_of_every_figure_and_counted():
    def attended(energy, pointing, area):
        aim = Aim(energy_inside=energy, pointing_hit=pointing, area_inside=area, centre_hit=1.0)
        return Attended(
            image_id="i", group_id="g", truth="a", predicted="a", probability=1.0, coverage=None, aim=aim
        )

    made = attention_figures([attended(0.5, 1.0, 0.1), attended(None, None, 0.9), attended(0.2, 0.0, 0.3)])
    assert {figure.name: value_of(figure) for figure in made} == pytest.approx(
        {
            "energy_inside": 0.35,
            "area_inside": 0.2,
            "energy_above_area": 0.15,
            "pointing_hit": 0.5,
            "centre_hit": 1.0,
        }
    )
    assert {figure.tells.sum() for figure in made} == {2}


def polygon(left, top, right, bottom):
    ring = ((left, top), (right, top), (right, bottom), (left, bottom))
    return Polygon(parts=(PolygonPart(exterior=ring),))


def test_only_nodules_that_the_reader_outlined_are_measured(tmp_path):
    box = Box(x=1, y=1, width=4, height=4)
    by = {"readings": (Reading(reader="a", coverage=Coverage.COMPLETE), Reading(reader="b"))}
    records = [
        record("two", drawn("1", polygon(1, 1, 3, 3)), drawn("2", polygon(10, 5, 12, 9), box), **by),
        record("box", drawn("1", box), **by),
        record("gland", drawn("1", polygon(1, 1, 9, 9), structure=Structure.GLAND), **by),
        record("other", drawn("1", polygon(1, 1, 9, 9), reader="b"), **by),
        record("empty", **by),
        record("elsewhere", drawn("1", polygon(1, 1, 9, 9)), **by),
    ]
    dataset = make_dataset(tmp_path / "d", records)
    part_of = {each.image_id: "train" if "else" in each.image_id else "test" for each in records}
    found = outlined_images(view(dataset, part_of, "a"), "test")
    assert [*found] == ["toy/two"]
    of = found["toy/two"]
    assert of.coverage is Coverage.COMPLETE
    assert of.drawn == (polygon(1, 1, 3, 3), polygon(10, 5, 12, 9))
    expected = np.zeros((12, 16), bool)
    expected[1:3, 1:3] = expected[5:9, 10:12] = True
    assert (decode_mask(of.inside) == expected).all()


def drawn(name, *geometries, reader="a", structure=Structure.NODULE):
    return finding(name, *geometries, structure=structure, origin=Read(reader=reader))


# ---------------------------------------------------------------- pictures

GREY = 90


def tile(name="x", size=(360, 240)):
    width, height = size
    pixels = np.full((height, width), GREY, np.uint8)
    made = replace(record(name), image=ImageRef(width=width, height=height, path=f"images/{name}.png"))
    return Tile(record=made, data=encode_png(pixels))


def case(*, truth=(), predicted=(), heat=None, lines=("toy/x", "said"), name="x"):
    return Case(tile=tile(name), truth=truth, predicted=predicted, heat=heat, lines=lines)


def pixels_of(made):
    return np.asarray(case_picture(made, (360, 240)), np.int64)


def near(pixels, colour):
    return np.abs(pixels - colour).sum(-1) < 30


def test_the_truth_is_a_thick_line_the_prediction_a_thin_one_and_both_are_seen_where_they_coincide():
    line = Box(x=60, y=60, width=240, height=120)
    truth, predicted = (
        near(pixels_of(case(**{name: (line,)})), colour)
        for name, colour in (("truth", TRUTH), ("predicted", PREDICTED))
    )
    assert truth[:, 180].sum() >= 2 * predicted[:, 180].sum() >= 4
    across = pixels_of(case(truth=(line,), predicted=(line,)))[40:80, 180]
    blue, yellow = across[:, 2] - across[:, 0] > 80, near(across, PREDICTED)
    first, last = np.flatnonzero(blue)[[0, -1]]
    assert yellow.any()
    assert (first < np.flatnonzero(yellow)).all()
    assert (np.flatnonzero(yellow) < last).all()


def test_the_lines_are_told_apart_without_colour():
    weights = (0.2126, 0.7152, 0.0722)
    light, dark = (float(np.dot(weights, colour)) for colour in (PREDICTED, TRUTH))
    assert light > 1.3 * dark > 1.3 * GREY


def test_where_there_is_no_heat_the_picture_is_untouched_and_it_is_seen_through_the_most():
    heat = np.zeros((240, 360), np.float32)
    heat[:, 180:] = np.linspace(0, 1, 180)
    made = case(heat=heat)
    plain, heated = pixels_of(case()), pixels_of(made)
    assert (heated[:, :170] == plain[:, :170]).all()
    black = replace(made, tile=replace(made.tile, data=encode_png(np.zeros((240, 360), np.uint8))))
    assert (np.diff(pixels_of(black)[100, 180:].sum(-1)) >= 0).all()  # the more, the lighter
    ramp = np.tile(np.linspace(0, 255, 360).astype(np.uint8), (240, 1))
    textured = replace(made.tile, data=encode_png(ramp))
    hottest = pixels_of(replace(made, tile=textured, heat=np.ones((240, 360), np.float32)))
    assert np.ptp(hottest[100].sum(-1)) > 0.3 * 3 * 255  # a third of the contrast is left


def sheet(*cases, **changed):
    given = {"heading": "Failures", "says": ("by a rule",), "truth": "true", "predicted": "predicted"}
    return CaseSheet(**{**given, **changed}, cases=cases)


def test_a_sheet_is_the_same_bytes_again_with_as_many_tiles_as_cases():
    one = case(truth=(Box(x=60, y=60, width=240, height=120),))
    made = case_sheet(sheet(*[one] * 5), of="small on toy")
    assert made == case_sheet(sheet(*[one] * 5), of="small on toy")
    with Image.open(io.BytesIO(made)) as image:
        pixels = np.asarray(image).astype(np.int64)
    # A line through each picture crosses the outline twice, once in each tile.
    crossings = [int((np.diff(near(row, TRUTH).astype(int)) == 1).sum()) for row in pixels]
    assert max(crossings) == 8
    assert {2, 8} <= {*crossings}


@given(st.lists(st.text("ab", min_size=1, max_size=30), min_size=1, max_size=60))
def test_sentences_of_a_sheet_are_broken_between_words_and_lose_none(words):
    layout = Layout.of([tile()], 1, 360)
    rows = _wrapped(" ".join(words), layout, 700)
    assert " ".join(rows).split() == words
    assert all(layout.font.getlength(row) <= 700 - 2 * layout.margin for row in rows)


def test_a_sheet_past_the_limit_of_pixels_is_refused_with_what_to_do():
    one = case()
    with pytest.raises(UsageError, match="past the limit") as caught:
        case_sheet(sheet(*[one] * 10_000), of="x")
    assert "--count" in caught.value.hint


def test_a_page_loads_nothing_runs_nothing_and_escapes_what_is_said():
    table = PageTable(heading=HOSTILE, header=(HOSTILE, "n"), rows=((HOSTILE, 3),), says=(HOSTILE,))
    heat = np.ones((240, 360), np.float32)
    made = case_page(
        title=HOSTILE,
        notes=[HOSTILE],
        tables=[table],
        sheets=[
            sheet(case(lines=(HOSTILE, HOSTILE)), heading=HOSTILE, truth=HOSTILE, says=(HOSTILE,)),
            sheet(case(heat=heat), case(), predicted=""),
            sheet(heading="nothing"),
        ],
    ).decode()
    assert "<img src=x" not in made
    assert "\u202e" not in made
    assert "default-src 'none'" in made
    assert "<script" not in made
    sources = re.findall(r'(?:src|href)="([^"]{0,20})', made)
    assert sources
    assert all(each.startswith(("data:image/", "#s")) for each in sources)
    assert len(re.findall(r'<img alt="[^"]+"', made)) == made.count("<img ") == 4  # a scale beside the cases
    assert made.count("<section") == 4
    assert "None." in made


def test_a_sheet_of_failures_draws_what_is_true_and_predicted(tmp_path):
    pixels = encode_png(np.full((12, 16), GREY, np.uint8))
    records = [record("a", finding("1", polygon(1, 1, 9, 9)), image=pixels)]
    dataset = make_dataset(tmp_path / "d", records, {"images/a.jpg": pixels})
    said = detected(boxed("a", [HERE], [THERE], [0.9]))
    made = failure_cases(dataset, said, failures_of(said, 24), {})
    (only,) = made.cases
    assert (only.truth, only.predicted) == (
        (Box(x=2, y=2, width=4, height=4),),
        (Box(x=9, y=5, width=4, height=4),),
    )
    assert only.lines[0] == "toy/a"
    assert only.lines[-1] == "case a"
    assert any("1 of 1 images" in sentence and "seed 3" in sentence for sentence in made.says)
    case_sheet(made, of="x")


@pytest.mark.slow
@pytest.mark.parametrize("width", [pytest.param(1280, id="desk"), pytest.param(390, id="phone")])
def test_a_page_with_long_and_hostile_texts_fits_the_window_and_asks_for_nothing(
    width, system_tool, tmp_path
):
    long = HOSTILE + "x" * 200
    heat = np.ones((240, 360), np.float32)
    page = tmp_path / "index.html"
    page.write_bytes(
        case_page(
            title=long,
            notes=[long],
            tables=[PageTable(heading="table", header=(long, "n"), rows=((long, 3),), says=(long,))],
            sheets=[sheet(case(heat=heat, lines=(long, long)), says=(long,))],
        )
    )
    with browser(system_tool("chromium"), tmp_path / "profile") as running:
        seen = running.open(page, width, mobile=width < 600)
        assert seen.value("document.documentElement.scrollWidth") == width
        assert seen.value("[...document.images].every(each => each.complete && each.naturalWidth)")
        asked = seen.requests()
        assert [each for each in asked if not each.startswith("data:image/")] == [page.resolve().as_uri()]
        assert seen.complaints() == []
