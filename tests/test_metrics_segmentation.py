"""Figures of masks, against SimpleITK, scipy, definitions and hand-worked cases; images are not square."""

from __future__ import annotations

from dataclasses import asdict

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.ndimage import binary_erosion, distance_transform_edt
from scipy.spatial.distance import cdist, directed_hausdorff

from thyrodata.baselines.metrics.figures import value_of
from thyrodata.baselines.metrics.segmentation import (
    Pair,
    compare,
    confidence_of,
    mmcl_figures,
    segmentation_figures,
)
from thyrodata.errors import UsageError

DISTANCES = ("chamfer", "hausdorff", "hd95_max", "hd95_pooled")
SHAPES = st.sampled_from([(1, 9), (9, 1), (3, 14), (14, 5), (8, 8)])


@st.composite
def masks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(SHAPES)
    return draw(npst.arrays(np.bool_, shape)), draw(npst.arrays(np.bool_, shape))


def rectangle(shape, top, left, height, width) -> np.ndarray:
    mask = np.zeros(shape, np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


def values(figures) -> dict[str, float | None]:
    return {figure.name: value_of(figure) for figure in figures}


def edge(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask & ~binary_erosion(mask)).astype(float)


# ---------------------------------------------------------------- independent ones


@given(masks(), st.sampled_from([0.0, 1.0, 2.0]))
def test_each_figure_of_a_pair_equals_its_definition(pair, tolerance: float) -> None:
    """Overlaps are SimpleITK's, Hausdorff is scipy's; the rest is written anew, from edge pixels."""
    truth, predicted = pair
    ours = compare(truth, predicted, tolerance=tolerance)
    if not (truth.any() and predicted.any()):
        return
    overlaps = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlaps.Execute(*(SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in pair))
    distances = cdist(edge(truth), edge(predicted))
    ways = distances.min(axis=1), distances.min(axis=0)
    recall, precision = ((way <= tolerance).mean() for way in ways)
    theirs = {
        "truth": truth.sum(),
        "predicted": predicted.sum(),
        "shared": (truth & predicted).sum(),
        "dice": overlaps.GetDiceCoefficient(),
        "iou": overlaps.GetJaccardCoefficient(),
        "bf": 2 * precision * recall / (precision + recall) if precision + recall else 0,
        "chamfer": (ways[0].mean() + ways[1].mean()) / 2,
        "hausdorff": max(directed_hausdorff(edge(one), edge(other))[0] for one, other in (pair, pair[::-1])),
        "hd95_max": max(np.percentile(way, 95) for way in ways),
        "hd95_pooled": np.percentile(np.concatenate(ways), 95),
    }
    assert asdict(ours) == pytest.approx(theirs, abs=1e-6)


# ---------------------------------------------------------------- laws


@given(masks())
def test_truth_and_prediction_may_be_exchanged(pair) -> None:
    one, other = (asdict(compare(*each, tolerance=1.0)) for each in (pair, pair[::-1]))
    assert one == {**other, "truth": other["predicted"], "predicted": other["truth"]}


@given(masks())
def test_a_picture_on_its_side_has_the_same_figures(pair) -> None:
    """Rows and columns play one part; some libraries' Hausdorff distance errs where they differ in number."""
    upright, lying = (
        asdict(compare(*each, tolerance=1.0)) for each in (pair, [mask.T.copy() for mask in pair])
    )
    assert lying == {name: None if v is None else pytest.approx(v, rel=1e-12) for name, v in upright.items()}


@given(masks())
def test_the_figures_are_in_their_ranges(pair) -> None:
    ours = asdict(compare(*pair, tolerance=1.0))
    diagonal = np.hypot(*pair[0].shape)
    for name in ("dice", "iou", "bf"):
        assert ours[name] is None or 0 <= ours[name] <= 1
    for name in DISTANCES:
        assert ours[name] is None or 0 <= ours[name] <= diagonal
    if ours["hausdorff"] is not None:
        assert max(ours[name] for name in DISTANCES) == ours["hausdorff"]


@given(masks())
def test_of_one_image_the_mean_is_the_pooled_figure(pair) -> None:
    ours = values(segmentation_figures([compare(*pair, tolerance=1.0)], unit="px"))
    for name in ("dice", "iou"):
        pooled = ours[f"{name}_pooled"]
        assert ours[f"{name}_mean"] == (None if pooled is None else pytest.approx(pooled))


@given(st.lists(masks(), max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_images_changes_no_figure(pairs, random) -> None:
    compared = [compare(*pair, tolerance=1.0) for pair in pairs]
    one = values(segmentation_figures(compared, unit="px"))
    random.shuffle(compared)
    two = values(segmentation_figures(compared, unit="px"))
    assert one == {name: None if v is None else pytest.approx(v) for name, v in two.items()}


# ---------------------------------------------------------------- cases


def test_a_bar_and_a_longer_bar_have_the_figures_that_follow() -> None:
    # Rows of one pixel: all are edge. Truth is columns 0 to 3, prediction columns 0 to 9.
    # From the truth all are at 0. From the prediction: 0 0 0 0 1 2 3 4 5 6, sum 21, mean 2.1.
    truth, predicted = (rectangle((3, 20), 1, 0, 1, width) for width in (4, 10))
    ours = compare(truth, predicted, tolerance=2.0)
    assert (ours.truth, ours.predicted, ours.shared) == (4, 10, 4)
    assert ours.dice == pytest.approx(8 / 14)
    assert ours.iou == pytest.approx(4 / 10)
    # within 2 px: 4 of 4, and 6 of 10: 2 x 1 x 0.6 / 1.6
    assert ours.bf == pytest.approx(0.75)
    assert ours.chamfer == pytest.approx((0 + 2.1) / 2)
    assert ours.hausdorff == 6
    # the 95th percentile of ten lies at place 8.55: 5 + 0.55; of fourteen at 12.35: 5 + 0.35
    assert ours.hd95_max == pytest.approx(5.55)
    assert ours.hd95_pooled == pytest.approx(5.35)


def test_distances_in_mm_are_by_the_spacing_of_rows_and_columns() -> None:
    truth, predicted = (rectangle((12, 7), 0, 0, height, 1) for height in (1, 4))
    ours = compare(truth, predicted, tolerance=0.5, spacing=(0.25, 0.1))
    assert ours.hausdorff == pytest.approx(0.75)
    assert ours.chamfer == pytest.approx((0 + (0.25 + 0.5 + 0.75) / 4) / 2)
    assert ours.bf == pytest.approx(2 * 0.75 / 1.75)  # 0, 0.25, 0.5 of four are within half a millimetre


def test_two_empty_masks_have_no_figure() -> None:
    empty = np.zeros((4, 6), np.bool_)
    ours = compare(empty, empty, tolerance=1.0)
    assert {name for name, value in asdict(ours).items() if value is None} == {
        "dice",
        "iou",
        "bf",
        *DISTANCES,
    }
    assert (ours.truth, ours.predicted, ours.shared) == (0, 0, 0)


def test_one_empty_mask_shares_nothing_and_is_at_no_distance() -> None:
    full, empty = rectangle((4, 6), 1, 1, 2, 3), np.zeros((4, 6), np.bool_)
    for pair in ((full, empty), (empty, full)):
        ours = compare(*pair, tolerance=1.0)
        assert (ours.dice, ours.iou, ours.bf) == (0, 0, 0)
        assert [getattr(ours, name) for name in DISTANCES] == [None] * 4


def test_means_and_pooled_figures_of_three_images_by_hand() -> None:
    # Small: 4 px, all found. Large: 100 px, 50 found and nothing else. None: nothing true, 10 px predicted.
    small, large = rectangle((20, 30), 0, 0, 2, 2), rectangle((20, 30), 5, 5, 10, 10)
    half, none, false = rectangle((20, 30), 5, 5, 10, 5), small & False, rectangle((20, 30), 0, 9, 1, 10)
    pairs = [compare(*each, tolerance=1.0) for each in ((small, small), (large, half), (none, false))]
    figures = {figure.name: figure for figure in segmentation_figures(pairs, unit="px")}
    ours = values(figures.values())
    assert ours["dice_mean"] == pytest.approx((1 + 100 / 150 + 0) / 3)
    assert ours["iou_mean"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert ours["dice_pooled"] == pytest.approx(2 * 54 / (104 + 64))
    assert ours["iou_pooled"] == pytest.approx(54 / 114)
    assert ours["hausdorff_mean"] == pytest.approx((0 + 5) / 2)
    assert figures["hausdorff_mean"].tells.tolist() == [True, True, False]
    assert {figure.unit for figure in figures.values()} == {"", "px"}


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [
            Pair(
                **dict.fromkeys(("truth", "predicted", "shared"), 0),
                **dict.fromkeys(("dice", "iou", "bf", *DISTANCES)),
            )
        ],
    ],
)
def test_of_no_image_and_of_empty_ones_all_is_undefined(pairs: list[Pair]) -> None:
    assert set(values(segmentation_figures(pairs, unit="px")).values()) == {None}


def test_masks_of_other_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\(6, 4\) is compared with one of \(4, 6\)"):
        compare(np.ones((4, 6), bool), np.ones((6, 4), bool), tolerance=1.0)


# ---------------------------------------------------------------- MMCL


def test_mmcl_by_hand() -> None:
    # Of 1 x 2 px: 0.9 and 0.6, mean 0.75. Of 1 x 1 px: 0.5. Means: 0.625; pooled: 2.0 / 3.
    wide = np.array([[[0.9, 0.4]], [[0.1, 0.6]]])
    small = np.array([[[0.5]], [[0.5]]])
    ours = values(mmcl_figures([confidence_of(wide), confidence_of(small)]))
    assert ours == {"mmcl_mean": pytest.approx(0.625), "mmcl_pooled": pytest.approx(2 / 3)}


@given(npst.arrays(np.float64, (3, 4, 7), elements=st.floats(0.01, 1)), st.permutations(range(3)))
def test_mmcl_is_between_chance_and_one_whatever_the_classes_are_called(raw, order) -> None:
    """Of images of one size, the mean and the pooled figure are one."""
    probabilities = raw / raw.sum(axis=0)
    ours = values(mmcl_figures([confidence_of(probabilities), confidence_of(probabilities[order])]))
    assert ours["mmcl_mean"] == pytest.approx(ours["mmcl_pooled"])
    assert ours["mmcl_mean"] == pytest.approx(probabilities.max(axis=0).mean())
    assert 1 / 3 - 1e-9 <= ours["mmcl_mean"] <= 1 + 1e-9


@pytest.mark.parametrize(
    ("probabilities", "told"),
    [(np.ones((1, 2, 3)), "shape"), (np.ones((2, 3)), "shape"), (np.ones((2, 2, 3)), "no probabilities")],
)
def test_mmcl_of_what_are_no_probabilities_is_refused(probabilities: np.ndarray, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        confidence_of(probabilities)


# ---------------------------------------------------------------- published samples


@pytest.mark.slow
def test_a_resident_taken_for_a_model_has_figures_that_images_of_distances_give(samples) -> None:
    """Distances are read from scipy's Euclidean distance transform, overlaps from SimpleITK."""
    folder = samples / "ddti_v2"
    pairs = []
    for path in sorted((folder / "RadiologistSegmentations/Segmentations_1").glob("*.nii")):
        other = folder / "ResidentSegmentations/Segmentations_1" / path.name
        if other.exists():
            truth, drawn = (
                np.asanyarray(nibabel.load(each).dataobj)[:, :, 0].T > 0 for each in (path, other)
            )
            if truth.shape == drawn.shape and truth.any() and drawn.any():
                pairs.append((truth, drawn))
    pairs = pairs[:40]
    assert len(pairs) == 40
    assert any(truth.shape[0] != truth.shape[1] for truth, _ in pairs)
    theirs = {name: [] for name in ("dice", "iou", "chamfer", "hausdorff")}
    for truth, drawn in pairs:
        overlaps = SimpleITK.LabelOverlapMeasuresImageFilter()
        overlaps.Execute(*(SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (truth, drawn)))
        edges = [mask & ~binary_erosion(mask) for mask in (truth, drawn)]
        ways = [distance_transform_edt(~edges[1 - k])[edges[k]] for k in (0, 1)]
        theirs["dice"].append(overlaps.GetDiceCoefficient())
        theirs["iou"].append(overlaps.GetJaccardCoefficient())
        theirs["chamfer"].append(np.mean([way.mean() for way in ways]))
        theirs["hausdorff"].append(max(way.max() for way in ways))
    compared = [compare(truth, drawn, tolerance=2.0) for truth, drawn in pairs]
    ours = values(segmentation_figures(compared, unit="px"))
    for name, each in theirs.items():
        assert ours[f"{name}_mean"] == pytest.approx(np.mean(each), abs=1e-6)
