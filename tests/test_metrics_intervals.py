"""Intervals and strata: any figure, by the bootstrap over groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tests.toy import finding, graded, record
from thyrodata.agreement import resampling
from thyrodata.agreement.differences import mean_sums, ratio
from thyrodata.agreement.resampling import Resampling, by_group, estimate
from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.baselines.metrics.classification import Classified, classification_figures
from thyrodata.baselines.metrics.detection import coco_figures, froc_figures
from thyrodata.baselines.metrics.figures import Figure, mean_figure, ratio_figure
from thyrodata.baselines.metrics.intervals import measured
from thyrodata.baselines.metrics.strata import (
    SEVERAL,
    Axis,
    by_stratum,
    label_axis,
    marker_axis,
    size_axis,
)
from thyrodata.errors import UsageError
from thyrodata.schema.geometry import Box
from thyrodata.schema.vocab import Structure

FEW = Resampling(resamples=200, seed=3)
BOX = Box(x=1, y=2, width=5, height=4)


def figure_named(figures, name: str) -> Figure:
    return next(figure for figure in figures if figure.name == name)


def detections(random: np.random.Generator, images: int) -> list[BoxedImage]:
    """One true box an image, found more or less well, and a false one."""
    boxed = []
    for k in range(images):
        corner = random.uniform(0, 200, 2)
        truth = np.concatenate([corner, corner + 40])[None]
        found = np.concatenate([truth + random.normal(0, 4, 4), truth + 300])
        boxed.append(
            BoxedImage(
                image_id=f"a/{k}",
                truth=truth,
                truth_labels=np.zeros(1, int),
                crowd=np.zeros(1, bool),
                predicted=found,
                predicted_labels=np.zeros(2, int),
                scores=random.uniform(0, 1, 2),
            )
        )
    return boxed


units = st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1) | st.none()), min_size=1, max_size=30)


# ---------------------------------------------------------------- intervals


@given(units)
def test_the_interval_of_a_mean_is_that_of_reports_of_agreement(rows) -> None:
    """The same seed, groups and values give the same interval, whichever of the two computes it."""
    groups = [f"p/{group}" for group, _ in rows]
    found = measured(mean_figure("dice_mean", [value for _, value in rows]), groups, FEW)
    known = [(group, value) for group, (_, value) in zip(groups, rows, strict=True) if value is not None]
    assert (found.units, found.undefined) == (len(known), len(rows) - len(known))
    if not known:
        assert (found.value, found.low, found.high, found.groups) == (None, None, None, 0)
        return
    sums = by_group([group for group, _ in known], mean_sums(np.array([value for _, value in known])))
    theirs = estimate(sums, ratio, FEW)
    assert found.groups == theirs.groups
    for ours, wanted in ((found.value, theirs.value), (found.low, theirs.low), (found.high, theirs.high)):
        assert ours == (None if wanted is None else pytest.approx(wanted, abs=1e-12))


def test_the_interval_of_an_auc_is_that_of_copies_of_patients() -> None:
    """Each resample, written out: every image of a patient as often as the patient was drawn."""
    random = np.random.default_rng(1)
    patients = random.integers(0, 12, 80)
    labels = random.integers(0, 2, 80)
    positive = np.round(np.clip(labels * 0.2 + random.uniform(0, 0.8, 80), 0, 1), 2)
    given = Classified(
        classes=("b", "m"), labels=labels, probabilities=np.column_stack([1 - positive, positive])
    )
    groups = [f"p/{patient:02}" for patient in patients]
    found = measured(figure_named(classification_figures(given), "auc/m"), groups, FEW)

    draws = np.random.default_rng(FEW.seed).multinomial(12, np.full(12, 1 / 12), size=FEW.resamples)
    aucs = []
    for draw in draws:
        copies = np.repeat(np.arange(80), draw[patients])
        aucs.append(roc_auc_score(labels[copies], positive[copies]))
    assert found.value == pytest.approx(roc_auc_score(labels, positive))
    assert (found.low, found.high) == pytest.approx(np.quantile(aucs, [0.025, 0.975]))
    assert (found.units, found.groups) == (80, 12)


def test_boxes_have_intervals_that_hold_their_figure() -> None:
    images = detections(np.random.default_rng(2), 40)
    groups = [f"p/{k // 2}" for k in range(40)]
    for figure in (*coco_figures(images, ("nodule",)), *froc_figures(images, 1)):
        found = measured(figure, groups, FEW)
        assert found.low is not None
        assert found.low <= found.value <= found.high, figure.name
        assert found.groups == 20


@settings(max_examples=20)
@given(units.filter(lambda rows: len(rows) > 3), st.randoms(use_true_random=False))
def test_neither_order_nor_blocks_change_an_interval(rows, random) -> None:
    """What is held at once, and who comes first, decides nothing."""
    shuffled = [*rows]
    random.shuffle(shuffled)
    with pytest.MonkeyPatch.context() as patched:
        one = interval(rows)
        patched.setattr(resampling, "_BLOCK", 7)
        two = interval(shuffled)
    assert one == two


def interval(rows) -> list[float | None]:
    values = [value for _, value in rows]
    found = measured(mean_figure("x", values), [f"p/{group}" for group, _ in rows], FEW)
    return [None if each is None else round(each, 9) for each in (found.value, found.low, found.high)]


@given(units, st.data())
def test_units_that_are_not_looked_at_are_as_if_not_there(rows, data) -> None:
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool)
    groups = [f"p/{group}" for group, _ in rows]
    among = measured(mean_figure("x", [value for _, value in rows]), groups, FEW, among=chosen)
    left = [k for k in range(len(rows)) if chosen[k]]
    alone = measured(mean_figure("x", [rows[k][1] for k in left]), [groups[k] for k in left], FEW)
    assert (among.units, among.undefined, among.groups) == (alone.units, alone.undefined, alone.groups)
    for ours, wanted in ((among.value, alone.value), (among.low, alone.low), (among.high, alone.high)):
        assert ours == (None if wanted is None else pytest.approx(wanted, abs=1e-12))


def test_one_patient_gives_a_value_and_no_interval() -> None:
    found = measured(mean_figure("hausdorff_mean", [3.0, 5.0], unit="px"), ["p/1", "p/1"], FEW)
    assert (found.value, found.low, found.high, found.groups, found.unit) == (4, None, None, 1, "px")


def test_images_of_one_patient_widen_the_interval() -> None:
    """Ten copies of each image tell no more than the image: an interval over images would think so."""
    values = [float(value) for value in np.random.default_rng(4).uniform(0, 1, 20) for _ in range(10)]
    figure = mean_figure("dice_mean", values)
    by_patient = measured(figure, [f"p/{k // 10}" for k in range(200)], FEW)
    by_image = measured(figure, [f"i/{k}" for k in range(200)], FEW)
    assert by_patient.high - by_patient.low > 2 * (by_image.high - by_image.low)


def test_groups_of_other_units_are_refused() -> None:
    with pytest.raises(UsageError, match="dice_mean is of 2 units, of which 1 groups"):
        measured(mean_figure("dice_mean", [0.1, 0.2]), ["p/1"], FEW)


# ---------------------------------------------------------------- strata


def test_each_stratum_has_its_figure_its_numbers_and_its_own_interval() -> None:
    # small: 0.5 and 0.7 of two patients; large: 0.9 of two; unknown: one image
    figure = mean_figure("dice_mean", [0.5, 0.9, 0.7, 0.9, None, 0.1])
    axis = size_axis([4, 12, 9.9, 10, 30, None], [10], unit="mm")
    groups = ["p/1", "p/1", "p/2", "p/2", "p/3", "p/4"]
    small, large, unknown = by_stratum(figure, axis, groups, FEW, least=2)
    assert (small.axis, small.value, small.units, small.groups) == ("size_mm", "<10", 2, 2)
    assert small.figure.value == pytest.approx(0.6)
    assert (small.figure.low, small.figure.high) == pytest.approx((0.5, 0.7))
    assert (large.value, large.units, large.groups) == (">=10", 3, 3)
    assert (large.figure.value, large.figure.units, large.figure.undefined) == (pytest.approx(0.9), 2, 1)
    assert (unknown.value, unknown.units, unknown.groups, unknown.figure) == (None, 1, 1, None)


def test_a_stratum_of_many_images_of_few_patients_has_no_figure() -> None:
    axis = Axis(name="side", values=("left",) * 50 + ("right",) * 50, order=("right", "left"))
    groups = ["p/1"] * 50 + [f"p/{k}" for k in range(50)]
    right, left = by_stratum(mean_figure("x", [0.5] * 100), axis, groups, FEW)
    assert (right.value, right.figure.value) == ("right", 0.5)
    assert (left.value, left.units, left.groups, left.figure) == ("left", 50, 1, None)


def test_patients_of_whom_a_figure_tells_nothing_do_not_make_a_stratum_large() -> None:
    axis = Axis(name="side", values=("left",) * 3, order=("left",))
    (left,) = by_stratum(mean_figure("x", [0.5, None, None]), axis, ["p/1", "p/2", "p/3"], FEW, least=2)
    assert (left.units, left.groups, left.figure) == (3, 3, None)


@given(units)
def test_strata_part_the_units(rows) -> None:
    """Each unit is in one stratum, and a pooled figure's sums are those of the strata."""
    values = np.array([value or 0.0 for _, value in rows])
    axis = Axis(name="x", values=tuple("ab"[g] if g < 2 else None for g, _ in rows), order=("a", "b"))
    figure = ratio_figure("pooled", values, np.ones(len(rows)))
    strata = by_stratum(figure, axis, [f"p/{k}" for k in range(len(rows))], FEW, least=1)
    assert sum(stratum.units for stratum in strata) == len(rows)
    total = sum(stratum.units * stratum.figure.value for stratum in strata)
    assert total == pytest.approx(values.sum())


def test_sizes_are_parted_at_bounds_which_belong_above() -> None:
    axis = size_axis([9.99, 10.0, 19.5, 20.0, None], [10, 20], unit="px")
    assert axis.order == ("<10", "10-<20", ">=20")
    assert axis.values == ("<10", "10-<20", "10-<20", ">=20", None)
    assert axis.name == "size_px"


def test_labels_part_images_whatever_they_are_said_of() -> None:
    images = [
        record("a", case_labels=graded("4a")),
        record("b", finding("1", BOX, labels=graded("5"))),
        record("c", finding("1", BOX, labels=graded("5")), case_labels=graded("4a")),
        record("d"),
    ]
    axis = label_axis(images, "tirads-kwak")
    assert axis.values == ("tirads-kwak/4a", "tirads-kwak/5", SEVERAL, None)
    assert axis.order[0] == "tirads-kwak/1"
    assert set(label_axis(images, "bethesda").values) == {None}


def test_markers_part_images() -> None:
    marked = record("a", finding("1", BOX, structure=Structure.MARKER), finding("2", BOX))
    plain = record("b", finding("1", BOX))
    assert marker_axis([marked, plain]).values == ("markers recorded", "no marker recorded")


def test_a_search_for_markers_adds_to_the_records_and_what_it_did_not_read_is_unknown() -> None:
    marked = record("a", finding("1", BOX, structure=Structure.MARKER), finding("2", BOX))
    images = [marked, *(record(name) for name in "bcd")]
    axis = marker_axis(images, {"toy/a": False, "toy/b": True, "toy/c": False})
    assert axis.values == (*["markers recorded or found"] * 2, "no marker found", None)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: size_axis([1.0], [], unit="mm"), "bounds"),
        (lambda: size_axis([1.0], [20, 10], unit="mm"), "bounds"),
        (lambda: size_axis([1.0], [10], unit="cm"), "'cm'"),
        (lambda: size_axis([float("nan")], [10], unit="mm"), "not a number"),
        (lambda: label_axis([], "tirads"), "no vocabulary 'tirads'"),
        (
            lambda: by_stratum(mean_figure("x", [1.0]), Axis(name="a", values=(), order=()), [], FEW),
            "1 units",
        ),
        (
            lambda: by_stratum(mean_figure("x", [1.0]), Axis(name="a", values=("b",), order=()), ["p"], FEW),
            "'b' is no value of a",
        ),
    ],
)
def test_strata_of_nothing_are_refused(made, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        made()
