"""Agree report: figures as they are computed by hand, and nothing that is not agreement counted as it."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from math import hypot, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curated import content, unchanged
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import Look, box_of, image_of, look, mask_of, nodule, polygon_of
from study import FLIPPED, MISSED, SHIFTED, write_study
from toy import make_dataset

from thyrodata import report_agreement
from thyrodata.agreement.asking import asked_of
from thyrodata.agreement.consensus import read_image_of
from thyrodata.agreement.examination import examine
from thyrodata.agreement.figures import report_of
from thyrodata.agreement.model import Agreement, Figure, PairAgreement
from thyrodata.agreement.resampling import Resampling
from thyrodata.agreement.study import gather
from thyrodata.curation.agree import ReportedAgreement
from thyrodata.errors import OutputError, UsageError
from thyrodata.io.masks import encode_mask
from thyrodata.schema.geometry import Calipers, Line
from thyrodata.schema.record import Derived, Finding, ImageRecord, Label, Nodule, Reading
from thyrodata.schema.vocab import Bethesda, Coverage, Scope, Structure, TiradsAcr, TiradsKwak

FEW = Resampling(resamples=40)
TR = [*TiradsAcr]


def graded(grade: int | None = None) -> dict[str, Any]:
    return {} if grade is None else {"labels": (Label(value=TR[grade]),)}


def report(records: Iterable[ImageRecord], resampling: Resampling = FEW, **asked: Any) -> Agreement:
    """What the report says of records, without a dataset on disk."""
    images = [read_image_of(each) for each in records]
    given = asked_of(**{"readers": ("A", "B"), **asked})
    return report_of(gather((examine(each, given) for each in images), given), "toy", (), resampling)


def only(found: Agreement) -> PairAgreement:
    (pair,) = found.pairs
    return pair


def figures_of(pair: PairAgreement) -> dict[tuple[str, ...], Figure]:
    """Every figure of two readers, by what it is of."""
    found = {(each.name, each.of): each for each in pair.figures}
    found |= {(each.quantity, of.name): of for each in pair.differences for of in each.figures}
    return found | {
        (each.scope.value, each.scheme, of.name): of for each in pair.grades for of in each.figures
    }


def counts_of(pair: PairAgreement) -> dict[tuple[str, ...], int]:
    return {key: each.n for key, each in figures_of(pair).items()}


def places(found: Agreement, code: str) -> tuple[str, ...]:
    return next((each.places for each in found.notes if each.code == code), ())


# ---------------------------------------------------------------- figures, computed by hand

WIDE, HIGH = 20, 10
LOOKS: Sequence[tuple[str, tuple[int, int] | None, int | None, int | None]] = [
    # its case, how far B's rectangle is from A's (None: B has none), and what each calls it
    ("1", (0, 0), 0, 0),
    ("1", (2, 0), 1, 2),
    ("2", (0, 3), 2, 2),
    ("3", (4, 4), 3, 3),
    ("3", None, 3, None),
    ("4", (10, 0), 3, 4),
    ("5", (1, 1), 2, 3),
]


def small_study() -> list[ImageRecord]:
    """Seven images of five cases; B's rectangles are A's, moved, and three pixels wider."""
    records = []
    for number, (case, shift, first, second) in enumerate(LOOKS):
        a = look("A", nodule(mask_of(10, 10, WIDE, HIGH), **graded(first)))
        b = look("B")
        if shift is not None:
            moved = mask_of(10 + shift[0], 10 + shift[1], WIDE + 3, HIGH)
            b = look("B", nodule(moved, **graded(second)))
        records.append(image_of(str(number), a, b, group=case))
    return records


def overlap(shift: tuple[int, int]) -> tuple[float, float]:
    """Dice and IoU, from areas."""
    a, b = WIDE * HIGH, (WIDE + 3) * HIGH
    shared = (WIDE - shift[0]) * (HIGH - shift[1])
    return 2 * shared / (a + b), shared / (a + b - shared)


def drawn_twice() -> list[tuple[str, float, float]]:
    """Case, Dice and IoU of each pair of drawings."""
    return [(case, *overlap(shift)) for case, shift, _, _ in LOOKS if shift is not None]


def test_overlaps_are_those_of_the_areas() -> None:
    found = figures_of(only(report(small_study())))
    dice, ious = (np.array([row[k] for row in drawn_twice()]) for k in (1, 2))
    for name, values in (("dice", dice), ("iou", ious)):
        assert found[name, "mean"].value == pytest.approx(values.mean(), abs=1e-12)
        assert found[name, "median"].value == pytest.approx(np.median(values), abs=1e-12)
        assert (found[name, "mean"].n, found[name, "mean"].groups) == (6, 5)
    assert found["image_dice", "mean"].value == pytest.approx(dice.sum() / 7, abs=1e-12)
    assert found["image_dice", "mean"].n == 7


def test_detection_counts_what_matches_at_each_iou() -> None:
    found = figures_of(only(report(small_study(), thresholds=(0.2, 0.5, 0.9))))
    assert [round(iou, 3) for _, _, iou in drawn_twice()] == [0.87, 0.72, 0.483, 0.287, 0.303, 0.66]
    for threshold in (0.2, 0.5, 0.9):
        matched = [iou >= threshold for _, _, iou in drawn_twice()]
        same = [grades[2] == grades[3] for grades in LOOKS if grades[1] is not None]
        f1 = found["detection_f1", f"IoU >= {threshold:g}"]
        assert f1.value == pytest.approx(2 * sum(matched) / (7 + 6))
        assert (f1.n, f1.groups) == (7, 5)
        of_class = sum(m and s for m, s in zip(matched, same, strict=True))
        assert found["detection_f1_same_class", f1.of].value == pytest.approx(2 * of_class / 13)


def test_a_drawing_without_a_counterpart_is_a_miss_only_where_the_other_has_drawn_all() -> None:
    records = small_study()
    pair = only(report(records))
    assert (pair.unmatched, pair.unmatched_of_complete) == ((1, 0), (1, 0))
    partly = tuple(replace(each, coverage=Coverage.PARTIAL) for each in records[4].readings)
    pair = only(report([*records[:4], replace(records[4], readings=partly), *records[5:]]))
    assert (pair.unmatched, pair.unmatched_of_complete) == ((1, 0), (0, 0))
    assert figures_of(pair)["image_dice", "mean"].n == 6


def test_grades_are_a_table_of_matched_drawings() -> None:
    (grades,) = only(report(small_study())).grades
    said = [(first, second) for _, shift, first, second in LOOKS if shift is not None]
    table = np.zeros((5, 5), int)
    for row, column in said:
        table[row, column] += 1
    assert grades.table == tuple(map(tuple, table.tolist()))
    assert (grades.scheme, grades.scope, grades.terms) == ("tirads-acr", Scope.FINDING, tuple(TR))
    observed = sum(row == column for row, column in said) / 6
    chance = sum(
        sum(row == k for row, _ in said) * sum(column == k for _, column in said) / 36 for k in range(5)
    )
    apart = sum((row - column) ** 2 for row, column in said) / 6
    by_chance = sum((row - column) ** 2 for row, _ in said for _, column in said) / 36
    values = {each.name: each.value for each in grades.figures}
    assert values["observed_agreement"] == pytest.approx(observed)
    assert values["kappa"] == pytest.approx((observed - chance) / (1 - chance))
    assert values["kappa_quadratic"] == pytest.approx(1 - apart / by_chance)


def test_areas_and_diameters_differ_by_the_three_pixels() -> None:
    pair = only(report(small_study()))
    area, diameter = pair.differences
    assert [(each.quantity, each.unit) for each in (area, diameter)] == [("area", "px²"), ("diameter", "px")]
    values = {each.name: each.value for each in area.figures}
    assert values["bias"] == -3 * HIGH
    assert values["sd"] == pytest.approx(0)
    assert values["loa_low"] == values["loa_high"] == pytest.approx(-3 * HIGH)
    (bias,) = (each.value for each in diameter.figures if each.name == "bias")
    assert bias == pytest.approx(hypot(WIDE, HIGH) - hypot(WIDE + 3, HIGH))


def test_limits_of_agreement_and_icc_are_those_of_the_formulas() -> None:
    widths = [(20, 22), (24, 23), (12, 15), (30, 30), (8, 9)]
    records = [
        image_of(str(k), look("A", nodule(mask_of(2, 2, a, 10))), look("B", nodule(mask_of(2, 2, b, 10))))
        for k, (a, b) in enumerate(widths)
    ]
    x = np.array(widths) * 10.0
    differences = x[:, 0] - x[:, 1]
    spread = sqrt(((differences - differences.mean()) ** 2).sum() / 4)
    rows, columns, total = x.mean(axis=1), x.mean(axis=0), x.mean()
    ms_rows = 2 * ((rows - total) ** 2).sum() / 4
    ms_columns = 5 * ((columns - total) ** 2).sum() / 1
    ms_rest = ((x - rows[:, None] - columns + total) ** 2).sum() / 4
    icc = (ms_rows - ms_rest) / (ms_rows + ms_rest + 2 * (ms_columns - ms_rest) / 5)
    found = figures_of(only(report(records)))
    assert found["area", "bias"].value == pytest.approx(differences.mean())
    assert found["area", "sd"].value == pytest.approx(spread)
    assert found["area", "loa_low"].value == pytest.approx(differences.mean() - 1.96 * spread)
    assert found["area", "loa_high"].value == pytest.approx(differences.mean() + 1.96 * spread)
    assert found["area", "icc_a1"].value == pytest.approx(icc)


def test_an_interval_is_that_of_resampled_cases_not_images() -> None:
    mean = figures_of(only(report(small_study(), Resampling(resamples=4000))))["dice", "mean"]
    by_case: dict[str, list[float]] = {}
    for case, dice, _ in drawn_twice():
        by_case.setdefault(case, []).append(dice)
    draws = np.random.default_rng(99)
    means = []
    for _ in range(20_000):
        drawn = [by_case[case] for case in draws.choice([*by_case], len(by_case))]
        means.append(np.mean([*chain.from_iterable(drawn)]))
    assert mean.low == pytest.approx(np.quantile(means, 0.025), abs=0.01)
    assert mean.high == pytest.approx(np.quantile(means, 0.975), abs=0.01)


def test_a_threshold_a_floor_and_a_tolerance_are_what_is_asked() -> None:
    found = only(report(small_study(), floor=0.5))
    assert figures_of(found)["dice", "mean"].n == 3
    assert found.unmatched == (4, 3)
    near = image_of(
        "near", look("A", nodule(mask_of(10, 10, 20, 20))), look("B", nodule(mask_of(13, 10, 20, 20)))
    )
    for tolerance, all_near in (("2px", False), ("3px", True)):
        value = figures_of(only(report([near], tolerance=tolerance)))["boundary_f", "mean"].value
        assert (value == 1) is all_near


def test_only_the_structures_asked_for_are_compared() -> None:
    gland = nodule(mask_of(0, 0, 60, 40), structure=Structure.GLAND)
    record = image_of(
        "both", look("A", nodule(mask_of(10, 10, 9, 9)), gland), look("B", nodule(mask_of(10, 10, 9, 9)))
    )
    assert only(report([record])).unmatched == (1, 0)
    assert only(report([record], structures=["nodule"])).unmatched == (0, 0)
    assert only(report([record], structures=["gland"])).unmatched == (1, 0)


# ---------------------------------------------------------------- pixels and millimetres


def with_spacing(record: ImageRecord, spacing: tuple[float, float] | None) -> ImageRecord:
    return replace(record, image=replace(record.image, spacing_mm=spacing))


@pytest.mark.parametrize("spacing", [(0.1, 0.1), (0.25, 0.1), (0.1, 0.4)])
def test_distances_in_mm_are_those_between_points_in_mm(spacing: tuple[float, float]) -> None:
    down, along = spacing
    record = image_of(
        "moved", look("A", nodule(mask_of(10, 10, 20, 12))), look("B", nodule(mask_of(15, 13, 20, 12)))
    )
    found = figures_of(only(report([with_spacing(record, spacing)], tolerance="0.05mm")))
    hausdorff = hypot(5 * along, 3 * down)  # of the corner that is farthest from the other rectangle's edge
    assert found["hausdorff", "mean"].value == pytest.approx(hausdorff)
    assert found["hausdorff", "mean"].unit == "mm"
    assert found["area", "bias"].value == 0
    pair = only(report([with_spacing(record, spacing)], tolerance="0.05mm"))
    assert pair.columns.values["area_a"] == pytest.approx((20 * 12 * along * down,))
    assert pair.columns.values["diameter_a"] == pytest.approx((hypot(20 * along, 12 * down),))
    assert [each.unit for each in pair.differences] == ["mm²", "mm"]


def test_an_image_without_a_spacing_has_an_overlap_and_no_distance_in_mm() -> None:
    records = small_study()
    known = [with_spacing(each, (0.1, 0.1)) for each in records[:3]]
    found = report([*known, *records[3:]], tolerance="0.5mm")
    counts = counts_of(only(found))
    assert (counts["dice", "mean"], counts["hausdorff", "mean"], counts["area", "bias"]) == (6, 3, 3)
    assert places(found, "no-spacing") == tuple(f"toy/{k}" for k in range(3, 7))
    assert places(report(records), "no-spacing") == ()


# ---------------------------------------------------------------- what is no agreement

EMPTY = encode_mask(np.zeros((48, 64), np.bool_))
HERE, THERE = mask_of(8, 8, 20, 12), mask_of(9, 8, 20, 12)
CALIPERS = Calipers(long=((8, 8), (28, 20)))
LEFT = Coverage.NONE


def bad(name: str, *looks: Look) -> ImageRecord:
    return image_of(name, *looks, group=name)


BAD: dict[str, tuple[str, ImageRecord]] = {
    "one of the readers has no reading": ("one-reader", bad("x", look("A", nodule(HERE)))),
    "one of the readers was left out": (
        "covers-nothing",
        bad("x", look("A", nodule(HERE)), look("B", coverage=LEFT)),
    ),
    "nobody has read it": ("no-reader", bad("x", look("A", coverage=LEFT), look("B", coverage=LEFT))),
    "a third reader alone has read it": ("no-reader", bad("x", look("C", nodule(HERE)))),
    "one mask is empty": ("empty-drawing", bad("x", look("A", nodule(HERE)), look("B", nodule(EMPTY)))),
    "both masks are empty": ("empty-drawing", bad("x", look("A", nodule(EMPTY)), look("B", nodule(EMPTY)))),
    "a box has no width": (
        "empty-drawing",
        bad("x", look("A", nodule(box_of(8, 8, 0, 9))), look("B", nodule(HERE))),
    ),
    "a polygon is a line": (
        "empty-drawing",
        bad("x", look("A", nodule(polygon_of(8, 8, 0, 9))), look("B", nodule(HERE))),
    ),
    "both have calipers": ("no-area", bad("x", look("A", nodule(CALIPERS)), look("B", nodule(CALIPERS)))),
    "one has a line": (
        "no-area",
        bad("x", look("A", nodule(HERE)), look("B", nodule(Line(points=((1, 1), (9, 9)))))),
    ),
    "a crowd is several": (
        "crowd",
        bad("x", look("A", nodule(HERE, crowd=True)), look("B", nodule(HERE, crowd=True))),
    ),
    "a nodule is drawn twice": (
        "duplicate-drawing",
        bad("x", look("A", nodule(HERE), nodule(HERE)), look("B", nodule(HERE))),
    ),
    "a nodule is drawn twice by both": (
        "duplicate-drawing",
        bad("x", look("A", nodule(HERE), nodule(HERE)), look("B", nodule(HERE), nodule(HERE))),
    ),
    "a nodule is drawn twice and the other has none": (
        "duplicate-drawing",
        bad("x", look("A", nodule(HERE), nodule(HERE)), look("B")),
    ),
    "nothing tells which of two is meant": (
        "tied-match",
        bad(
            "x",
            look("A", nodule(mask_of(8, 8, 20, 10))),
            look("B", nodule(mask_of(6, 8, 20, 10)), nodule(mask_of(10, 8, 20, 10))),
        ),
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_compared_is_named_and_changes_no_figure(what: str) -> None:
    code, record = BAD[what]
    before, after = report(small_study()), report([*small_study(), record])
    assert counts_of(only(after)) == counts_of(only(before)), what
    assert figures_of(only(after)) == figures_of(only(before)), what
    assert only(after).equal == only(before).equal
    named = places(after, code)
    assert len(named) == len([each for each in named if each.startswith("toy/x")]) > 0
    assert places(before, code) == ()


@pytest.mark.parametrize("what", ["a nodule is drawn twice", "nothing tells which of two is meant"])
def test_what_could_be_matched_in_several_ways_is_no_miss(what: str) -> None:
    pair = only(report([BAD[what][1]]))
    assert (pair.unmatched, pair.unmatched_of_complete) == ((0, 0), (0, 0))


@pytest.mark.parametrize(
    "drawing", [nodule(HERE, crowd=True), nodule(CALIPERS), nodule(EMPTY)], ids=["crowd", "calipers", "empty"]
)
def test_beside_what_cannot_be_compared_matches_count_and_misses_do_not(drawing: Finding) -> None:
    beside, far = mask_of(40, 30, 12, 12), mask_of(2, 36, 9, 9)
    record = bad("x", look("A", nodule(beside), drawing), look("B", nodule(beside), nodule(far)))
    before, after = only(report(small_study())), only(report([*small_study(), record]))
    had, has = counts_of(before), counts_of(after)
    assert has["dice", "mean"] == had["dice", "mean"] + 1
    assert has["detection_f1", "IoU >= 0.5"] == had["detection_f1", "IoU >= 0.5"]
    assert has["image_dice", "mean"] == had["image_dice", "mean"]
    assert after.unmatched == (1, 1)
    assert after.unmatched_of_complete == before.unmatched_of_complete, "A may have meant B's by the drawing"
    assert places(report([record]), "not-whole") == ("toy/x: A and B",)


def test_that_both_have_drawn_nothing_is_an_image_and_no_drawing() -> None:
    before, after = (
        only(report(small_study())),
        only(report([*small_study(), bad("x", look("A"), look("B"))])),
    )
    f1 = "detection_f1", "IoU >= 0.5"
    assert (before.images, after.images) == (7, 8)
    assert figures_of(after)[f1].value == figures_of(before)[f1].value
    assert figures_of(after)[f1].groups == figures_of(before)[f1].groups
    assert figures_of(after)["image_dice", "mean"] == figures_of(before)["image_dice", "mean"]


def test_grades_on_two_schemes_are_named_and_not_compared() -> None:
    kwak = {"labels": (Label(value=TiradsKwak("3")),)}
    record = bad("x", look("A", nodule(HERE, **graded(2))), look("B", nodule(THERE, **kwak)))
    before, after = report(small_study()), report([*small_study(), record])
    assert only(after).grades[0].table == only(before).grades[0].table
    assert places(after, "scheme-of-one") == ("tirads-kwak of the finding: B alone",)
    assert {each.scheme for each in only(after).grades} == {"tirads-acr"}


def test_two_editions_of_a_scheme_are_two_schemes() -> None:
    old, new = (
        {"image_labels": (Label(value=Bethesda("III"), edition=year, reader=reader),)}
        for year, reader in (("2017", "A"), ("2023", "B"))
    )
    labels = old["image_labels"] + new["image_labels"]
    found = report([image_of("x", look("A"), look("B"), image_labels=labels)])
    assert only(found).grades == ()
    assert places(found, "scheme-of-one") == (
        "bethesda (2017) of the image: A alone",
        "bethesda (2023) of the image: B alone",
    )


def test_two_grades_by_one_reader_are_named_and_neither_is_compared() -> None:
    both = {"labels": (Label(value=TR[1]), Label(value=TR[2]))}
    record = bad("x", look("A", nodule(HERE, **graded(1))), look("B", nodule(THERE, **both)))
    before, after = report(small_study()), report([*small_study(), record])
    assert only(after).grades[0].table == only(before).grades[0].table
    assert places(after, "contradictory-grade") == ("toy/x#A/1+B/1: B, tirads-acr",)


def test_equal_drawings_are_counted_and_said_first() -> None:
    found = report([*small_study(), bad("x", look("A", nodule(HERE)), look("B", nodule(HERE)))])
    assert only(found).equal == 1
    assert found.notes[0].code == "equal-drawings"
    assert found.notes[0].places == ("A and B: 1 of 7 matched pairs of drawings",)


def test_boxes_have_an_overlap_and_no_outline() -> None:
    record = bad("x", look("A", nodule(box_of(10, 10, 20, 10))), look("B", nodule(box_of(12, 10, 20, 10))))
    found = figures_of(only(report([record])))
    assert found["iou", "mean"].value == pytest.approx(18 / 22)
    assert found["dice", "mean"].value == pytest.approx(36 / 40)
    assert (found["hausdorff", "mean"].n, found["image_dice", "mean"].n) == (0, 0)
    assert found["hausdorff", "mean"].value is None


def test_a_policys_findings_are_no_readers(tmp_path: Path) -> None:
    derived = Finding(
        finding_id="p/1",
        structure=Structure.NODULE,
        geometries=(HERE,),
        origin=Derived(policy="p", from_ids=("A/1",)),
    )
    record = bad("x", look("A", nodule(HERE)), look("B", nodule(THERE)))
    made = replace(
        record,
        readings=(*record.readings, Reading(reader="derived", coverage=Coverage.COMPLETE)),
        findings=(*record.findings, derived),
    )
    assert report([made]) == report([record])
    (found,) = report_agreement([make_dataset(tmp_path / "d", [made])], resamples=40).agreement.pairs
    assert found.readers == ("A", "B")


# ---------------------------------------------------------------- cases, nodules and images


def worded(name: str, *, case: str = "1", a: Sequence[int] = (), b: Sequence[int] = ()) -> ImageRecord:
    """An image on which readers say something of its case and of the nodule 1."""
    said = tuple(
        Label(value=TR[grade], reader=reader) for reader, grades in (("A", a), ("B", b)) for grade in grades
    )
    nodules = (Nodule(nodule_id="1", labels=said),)
    return image_of(name, look("A"), look("B"), group=case, case_labels=said, nodules=nodules)


def tables(found: Agreement) -> dict[Scope, list[tuple[int, int]]]:
    return {
        each.scope: [(int(i), int(j)) for i, j in np.argwhere(np.array(each.table))]
        for each in only(found).grades
    }


def test_what_is_said_of_a_case_counts_once_whichever_image_says_it() -> None:
    records = [worded("1", a=[1]), worded("2", b=[2]), worded("3", a=[1], b=[2])]
    for order in (records, records[::-1], records[1:], records[:2]):
        assert tables(report(order)) == {Scope.CASE: [(1, 2)], Scope.NODULE: [(1, 2)]}
    assert [each.n for each in only(report(records)).grades[0].figures] == [1, 1, 1]


def test_a_reader_who_contradicts_herself_between_images_of_a_case_is_named_once() -> None:
    records = [worded("1", a=[1], b=[1]), worded("2", a=[2], b=[1]), worded("3", a=[1], b=[1])]
    records.append(worded("4", case="2", a=[1, 3], b=[1]))
    records.append(worded("5", case="2", a=[1], b=[1]))
    for order in (records, records[::-1]):
        found = report(order)
        assert tables(found) == {}
        assert places(found, "contradictory-grade") == (
            "toy/1#1: A, tirads-acr",
            "toy/1: A, tirads-acr",
            "toy/2#1: A, tirads-acr",
            "toy/2: A, tirads-acr",
        )


# ---------------------------------------------------------------- three readers


def test_three_readers_agree_by_twos_and_together() -> None:
    grades = [(0, 0, 0), (1, 1, 2), (2, 2, 2), (3, 4, 3), (4, 4, None)]
    records = []
    for k, said in enumerate(grades):
        shapes = (mask_of(8, 8, 20, 12), mask_of(9, 8, 20, 12), mask_of(9, 9, 20, 12))
        looks = [
            look(name, nodule(shape, **graded(grade)))
            for name, shape, grade in zip("ABC", shapes, said, strict=True)
        ]
        records.append(image_of(str(k), *looks))
    found = report(records, readers=("A", "B", "C"))
    assert [pair.readers for pair in found.pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    outlines, area, diameter, words = found.overall
    means = [figures_of(pair)["dice", "mean"].value for pair in found.pairs]
    assert outlines.figures[0].value == pytest.approx(np.mean([each for each in means if each]))
    assert outlines.figures[0].n == 15
    assert [(each.what, each.figures[0].n) for each in (area, diameter)] == [("area", 5), ("diameter", 5)]
    counts = {each.name: each.n for each in words.figures}
    assert counts == {"alpha_nominal": 5, "alpha_ordinal": 5, "fleiss_kappa": 4}


# ---------------------------------------------------------------- nothing depends on an order or a name

SHAPES = st.builds(mask_of, st.integers(0, 20), st.integers(0, 20), st.integers(4, 24), st.integers(4, 20))
DRAWINGS = st.builds(lambda shape, grade: nodule(shape, **graded(grade)), SHAPES, st.integers(0, 4))
LOOKED = st.tuples(st.lists(DRAWINGS, max_size=3), st.sampled_from([*Coverage, None])).map(
    lambda said: (said[0], said[1] if not said[0] or said[1] is not Coverage.NONE else None)
)
STUDIES = st.lists(st.tuples(LOOKED, LOOKED, LOOKED), min_size=1, max_size=4)
READERS = ("A", "B", "C")


def drawn_by(study: Any, names: Sequence[str] = READERS) -> list[ImageRecord]:
    records = []
    for k, looked in enumerate(study):
        looks = [
            look(name, *drawn, coverage=coverage)
            for name, (drawn, coverage) in zip(names, looked, strict=True)
        ]
        records.append(image_of(str(k), *looks, group=str(k // 2)))
    return records


@given(study=STUDIES, data=st.data())
@settings(max_examples=40)
def test_no_figure_depends_on_the_order_of_images_readings_and_findings(study: Any, data: Any) -> None:
    """The report is the same to the last bit in whatever order the same is given."""
    records = drawn_by(study)
    mixed = [
        replace(
            each,
            readings=tuple(data.draw(st.permutations(each.readings))),
            findings=tuple(data.draw(st.permutations(each.findings))),
        )
        for each in data.draw(st.permutations(records))
    ]
    names = data.draw(st.permutations(READERS))
    assert report(mixed, readers=names).to_json() == report(records, readers=READERS).to_json()


@given(study=STUDIES)
@settings(max_examples=25)
def test_readers_of_other_names_in_the_same_order_have_the_same_report(study: Any) -> None:
    """Names are names: what they are plays no part but for the order in which readers are said."""
    text = json.dumps(report(drawn_by(study), readers=READERS).to_json())
    for name in READERS:
        text = text.replace(f'"{name}"', f'"{name}x"').replace(f"{name}/", f"{name}x/")
    names = tuple(f"{name}x" for name in READERS)
    said = report(drawn_by(study, names), readers=names).to_json()
    for mine, theirs in zip(said["pairs"], json.loads(text)["pairs"], strict=True):
        assert mine == theirs
    assert said["overall"] == json.loads(text)["overall"]


@given(study=STUDIES)
@settings(max_examples=25)
def test_with_two_readers_exchanged_differences_change_their_sign_and_nothing_else(study: Any) -> None:
    """Agreement is symmetric; a difference is of the first less the second."""
    two = [(one, other, ([], None)) for one, other, _ in study]
    pair = only(report(drawn_by(two, ("A", "B", "C"))))
    turned = only(report(drawn_by(two, ("B", "A", "C"))))
    assert pair.figures == turned.figures
    assert pair.unmatched == turned.unmatched[::-1]
    for mine, theirs in zip(pair.grades, turned.grades, strict=True):
        assert np.array_equal(np.array(mine.table), np.array(theirs.table).T)
    mine, theirs = figures_of(pair), figures_of(turned)
    for quantity in {each.quantity for each in pair.differences}:
        for name, other in (("bias", "bias"), ("loa_low", "loa_high"), ("loa_high", "loa_low")):
            one, two_ = mine[quantity, name], theirs[quantity, other]
            assert one.value == (None if two_.value is None else pytest.approx(-two_.value, abs=1e-9))
            assert one.low == (None if two_.high is None else pytest.approx(-two_.high, abs=1e-9))
        assert mine[quantity, "sd"].value == theirs[quantity, "sd"].value


# ---------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantoms of two readers; only to be read."""
    return write_study(tmp_path_factory.mktemp("study") / "data").path


def test_the_planted_disagreements_are_found(study: Path) -> None:
    pair = only(report_agreement([study], resamples=40).agreement)
    assert pair.images == 8
    per_image: dict[str, list[int]] = {}
    for image_id, ids in zip(pair.columns.image_ids, pair.columns.finding_ids, strict=True):
        per_image.setdefault(image_id, []).append(len(ids))
    assert f"study/{MISSED}" not in per_image
    assert f"study/{SHIFTED}" not in per_image
    assert pair.unmatched == pair.unmatched_of_complete
    assert pair.unmatched[0] > pair.unmatched[1] > 0
    table = np.array(pair.grades[0].table)
    assert table[2, 3] == len(per_image[f"study/{FLIPPED}"]) > 0
    assert table.sum() - table[2, 3] == table[2, 2]


@pytest.fixture(scope="module")
def written(study: Path, tmp_path_factory: pytest.TempPathFactory) -> ReportedAgreement:
    """A report of it with the two worst pairs; only to be read."""
    return report_agreement([study], tmp_path_factory.mktemp("report") / "out", resamples=40, worst=2)


@pytest.mark.slow
def test_a_report_of_two_workers_has_the_same_bytes(
    study: Path, written: ReportedAgreement, tmp_path: Path
) -> None:
    with unchanged(study):
        report_agreement([study], tmp_path / "out", resamples=40, worst=2, workers=2)
    assert content(tmp_path / "out") == content(written.out)


def test_a_report_is_written_whole(written: ReportedAgreement) -> None:
    assert {*content(written.out)} == {"index.html", "agreement.json", "pairs.csv"}
    said = json.loads((written.out / "agreement.json").read_text())
    assert said == json.loads(json.dumps(written.agreement.to_json()))
    rows = [*csv.DictReader(io.StringIO((written.out / "pairs.csv").read_text()))]
    pair = only(written.agreement)
    assert len(rows) == len(pair.columns) == figures_of(pair)["dice", "mean"].n
    values = [float(row["dice"]) for row in rows]
    assert np.mean(values) == pytest.approx(figures_of(pair)["dice", "mean"].value)
    assert {(row["reader_a"], row["reader_b"]) for row in rows} == {("A", "B")}


def test_the_worst_pairs_are_drawn_least_first(written: ReportedAgreement) -> None:
    columns = only(written.agreement).columns
    order = sorted(range(len(columns)), key=lambda k: columns.values["dice"][k])
    text = (written.out / "index.html").read_text()
    first, second, third = (columns.image_ids[k] for k in order[:3])
    shown = [text.rfind(each) for each in (first, second)]
    assert -1 < shown[0] < shown[1]
    assert third not in text[shown[0] :] or third in {first, second}


def test_the_worst_pair_is_that_of_any_two_readers(tmp_path: Path) -> None:
    near, far = mask_of(12, 8, 20, 12), mask_of(18, 8, 20, 12)
    records = [
        image_of("better", look("A", nodule(HERE)), look("B", nodule(near)), look("C", nodule(HERE))),
        image_of("worse", look("A", nodule(HERE)), look("B", nodule(HERE)), look("C", nodule(far))),
    ]
    made = report_agreement(
        [make_dataset(tmp_path / "data", records)], tmp_path / "out", resamples=40, worst=1
    )
    text = (tmp_path / "out/index.html").read_text()
    assert next(pair.readers for pair in made.agreement.pairs) == ("A", "B")
    assert "toy/worse" in text
    assert "toy/better" not in text


def test_a_report_in_the_way_is_refused_before_any_work(
    study: Path, written: ReportedAgreement, tmp_path: Path
) -> None:
    seen: list[int] = []
    (tmp_path / "notes.txt").write_text("mine")
    for out, overwrite, said in (
        (written.out, False, "exists"),
        (tmp_path, True, "no agreement.json"),
        (study / "report", False, "inside the source"),
    ):
        with pytest.raises(OutputError, match=said):
            report_agreement([study], out, overwrite=overwrite, progress=lambda done, of: seen.append(done))
    assert seen == []


def test_overwriting_gives_the_same_bytes(study: Path, written: ReportedAgreement, tmp_path: Path) -> None:
    shutil.copytree(written.out, tmp_path / "out")
    (tmp_path / "out/pairs.csv").write_text("spoiled")
    report_agreement([study], tmp_path / "out", resamples=40, worst=2, overwrite=True)
    assert content(tmp_path / "out") == content(written.out)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"readers": ["A", "Z"]}, "there is no reader 'Z'"),
        ({"readers": ["A"]}, "one reader says nothing of agreement"),
        ({"structures": ["goitre"]}, "'goitre'"),
        ({"structures": ["marker"]}, "'marker'"),
        ({"floor": 0}, "the least IoU of a match is 0"),
        ({"thresholds": [0.5, 1.5]}, "a threshold is 1.5"),
        ({"thresholds": [float("nan")]}, "a threshold is nan"),
        ({"tolerance": "2"}, "a tolerance of '2'"),
        ({"tolerance": "-1px"}, "a tolerance of '-1px'"),
        ({"resamples": 10}, "10 resamples are too few"),
        ({"seed": -1}, "the seed is -1"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_before_any_work(
    study: Path, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    seen: list[int] = []
    with pytest.raises(UsageError) as refused:
        report_agreement([study], tmp_path / "out", progress=lambda done, of: seen.append(done), **options)
    assert said in str(refused.value)
    assert seen == []
    assert [*tmp_path.iterdir()] == []


def test_unnamed_readers_are_said_to_be(tmp_path: Path) -> None:
    looks = [look("A", nodule(HERE)), look("B", nodule(HERE))]
    record = image_of("x", *looks)
    unnamed = replace(
        record,
        readings=(Reading(), record.readings[1]),
        findings=(replace(record.findings[0], origin=type(record.findings[0].origin)()), record.findings[1]),
    )
    lonely = image_of("y", look("B"))
    found = report_agreement([make_dataset(tmp_path / "d", [unnamed, lonely])], resamples=40).agreement
    assert only(found).readers == ("", "B")
    assert places(found, "equal-drawings") == ("not named and B: 1 of 1 matched pairs of drawings",)


def test_the_command_prints_json_or_text_or_nothing(
    study: Path, written: ReportedAgreement, tmp_path: Path, command: Callable[..., Any]
) -> None:
    ran = command("agree", "report", study, "--json", "--resamples", 40)
    assert (ran.code, ran.err) == (0, "")
    said = json.loads(ran.out)
    assert said.pop("out") is None
    assert said.pop("account") == str(study / "reports/agreement.json")
    assert said == json.loads((written.out / "agreement.json").read_text())
    ran = command("agree", "report", study, "--resamples", 40)
    assert (ran.code, ran.err) == (0, "")
    for words in ("A and B: 8 images", "dice mean", "the bootstrap over groups", "1 case is not 1 patient"):
        assert words in ran.out
    ran = command("agree", "report", study, "-o", tmp_path / "b", "--quiet", "--resamples", 40, "--worst", 2)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert content(tmp_path / "b") == content(written.out)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--readers", "A,Z"), 2, "there is no reader 'Z'"),
        (("--tolerance", "far"), 2, "a tolerance of 'far'"),
        (("--iou", "2"), 2, "a threshold is 2.0"),
        (("--structure", "goitre"), 2, "'goitre'"),
        (("--resamples", "3"), 2, "3 resamples are too few"),
        (("nowhere",), 2, "there is no such file or folder"),
        (("A=nowhere",), 2, "there is no such file or folder"),
    ],
    ids=str,
)
def test_wrong_input_ends_with_a_sentence_and_a_code(
    study: Path, command: Callable[..., Any], args: tuple[str, ...], code: int, said: str
) -> None:
    ran = command("agree", "report", study, *args)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ")
    assert said in ran.err
    assert "Traceback" not in ran.err
