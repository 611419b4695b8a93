"""Agreement of the three readers of DDTI version 2, against figures computed from its files alone.

What is expected is read with nibabel and computed with SimpleITK, scipy and surface-distance; nothing of it
is thyrodata's. Of the release itself only counts stand here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from scipy.ndimage import binary_erosion, distance_transform_edt
from surface_distance import (
    compute_average_surface_distance,
    compute_robust_hausdorff,
    compute_surface_dice_at_tolerance,
    compute_surface_distances,
)

import thyrodata
from thyrodata.agreement.model import PairAgreement, PairColumns
from thyrodata.converters.ddti_v2 import DdtiV2Settings
from thyrodata.curation.agree import ReportedAgreement
from thyrodata.dataset import Dataset

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # pycocotools' own
    pytest.mark.filterwarnings("ignore:Please (import|use) `:DeprecationWarning"),  # surface-distance's own
]

FOLDERS = {
    "radiologist_1": "RadiologistSegmentations/Segmentations_1",
    "resident_1": "ResidentSegmentations/Segmentations_1",
    "resident_2": "ResidentSegmentations/Segmentations_2",
}
RESIDENTS = ("resident_1", "resident_2")
TOLERANCE = 2
LEAST_DICE = 0.8
POLICY = f"""
name: residents
readers: [resident_1, resident_2]
arbiter: radiologist_1
match: 0.1
outlines:
  agree: {{dice: {LEAST_DICE}}}
  then: mean-shape
unmatched: adjudicate
one-reader: leave
"""

Pixels = NDArray[np.bool_]
Masks = Mapping[str, Mapping[str, Pixels]]


@pytest.fixture(scope="module")
def masks(samples: Path) -> Masks:
    """What each reader has drawn of each image, (row, column); nothing where a mask is empty or missing."""
    found: dict[str, dict[str, Pixels]] = {}
    for reader, folder in FOLDERS.items():
        for path in (samples / "ddti_v2" / folder).glob("*.nii"):
            pixels = np.asanyarray(nibabel.load(path).dataobj)[:, :, 0].T.astype(bool)
            if pixels.any():
                found.setdefault(f"ddti_v2/{path.stem}", {})[reader] = pixels
    return found


@pytest.fixture(scope="module")
def dataset(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    out = tmp_path_factory.mktemp("made") / "ddti_v2"
    settings = DdtiV2Settings(images=samples / "ddti")
    return thyrodata.convert("ddti_v2", samples / "ddti_v2", out, settings=settings).dataset


@pytest.fixture(scope="module")
def report(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> ReportedAgreement:
    return thyrodata.report_agreement([dataset], tmp_path_factory.mktemp("report") / "out", floor=1e-9)


def edge(pixels: Pixels) -> Pixels:
    return pixels & ~binary_erosion(pixels)


def dice(one: Pixels, other: Pixels) -> float:
    measured = SimpleITK.LabelOverlapMeasuresImageFilter()
    measured.Execute(*(SimpleITK.GetImageFromArray(each.astype(np.uint8)) for each in (one, other)))
    return float(measured.GetDiceCoefficient())


def expected(one: Pixels, other: Pixels) -> dict[str, float]:
    """Every figure of a pair, by other people's code or the definition."""
    to_other, to_one = (distance_transform_edt(~edge(each)) for each in (other, one))
    ways = to_other[edge(one)], to_one[edge(other)]
    both = np.concatenate(ways)
    hausdorff = SimpleITK.HausdorffDistanceImageFilter()
    hausdorff.Execute(*(SimpleITK.GetImageFromArray(edge(each).astype(np.uint8)) for each in (one, other)))
    near = [(way <= TOLERANCE).mean() for way in ways]
    surfels = compute_surface_distances(one, other, (1, 1))
    shared, either = (one & other).sum(), (one | other).sum()
    return {
        "dice": dice(one, other),
        "iou": shared / either,
        "hausdorff": hausdorff.GetHausdorffDistance(),
        "hd95_pooled": np.percentile(both, 95),
        "hd95_max": max(np.percentile(way, 95) for way in ways),
        "hd95_surfel": compute_robust_hausdorff(surfels, 95),
        "assd": both.mean(),
        "assd_surfel": np.mean(compute_average_surface_distance(surfels)),
        "boundary_f": 2 * near[0] * near[1] / sum(near) if sum(near) else 0.0,
        "surface_dice": compute_surface_dice_at_tolerance(surfels, TOLERANCE),
        "area_a": one.sum(),
        "area_b": other.sum(),
    }


def rows_of(columns: PairColumns) -> dict[str, dict[str, float]]:
    return {
        image_id: {name: values[k] for name, values in columns.values.items()}
        for k, image_id in enumerate(columns.image_ids)
    }


def test_every_figure_of_every_pair_is_that_of_the_files(report: ReportedAgreement, masks: Masks) -> None:
    compared = 0
    for pair in report.agreement.pairs:
        one, other = pair.readers
        found = rows_of(pair.columns)
        overlapping = {
            image_id
            for image_id, by in masks.items()
            if one in by and other in by and (by[one] & by[other]).any()
        }
        assert found.keys() == overlapping
        for image_id, values in found.items():
            known = expected(masks[image_id][one], masks[image_id][other])
            mine = {name: values[name] for name in known}
            assert mine == pytest.approx(known, abs=1e-6), (image_id, pair.readers)
            compared += 1
    assert compared >= 200


def test_counts_and_means_are_those_of_the_files(report: ReportedAgreement, masks: Masks) -> None:
    by_readers: dict[tuple[str, ...], PairAgreement] = {each.readers: each for each in report.agreement.pairs}
    assert [*by_readers] == [*combinations(sorted(FOLDERS), 2)]
    for (one, other), pair in by_readers.items():
        both = [by for by in masks.values() if one in by and other in by]
        values = [dice(by[one], by[other]) for by in both]
        apart = sum(each == 0 for each in values)
        assert pair.images == len(both)
        assert pair.unmatched == (apart, apart)
        assert pair.unmatched_of_complete == (0, 0), "a mask does not say that all was drawn"
        assert pair.only == tuple(
            sum(mine in by and theirs not in by for by in masks.values())
            for mine, theirs in ((one, other), (other, one))
        )
        figures = {(each.name, each.of): each for each in pair.figures}
        assert figures["image_dice", "mean"].value == pytest.approx(np.mean(values))
        assert figures["dice", "mean"].value == pytest.approx(np.sum(values) / (len(values) - apart))
        assert figures["dice", "mean"].n == len(values) - apart
        for least in (0.5, 0.75):
            matched = sum(each / (2 - each) >= least for each in values)
            f1 = figures["detection_f1", f"IoU >= {least:g}"]
            assert f1.value == pytest.approx(2 * matched / (2 * len(both)))
        assert pair.equal == sum(np.array_equal(by[one], by[other]) for by in both)
        areas = np.array([[by[one].sum(), by[other].sum()] for by in both if (by[one] & by[other]).any()])
        bias = next(each.value for each in pair.differences[0].figures if each.name == "bias")
        assert bias == pytest.approx(np.mean(areas[:, 0] - areas[:, 1]))
    for each in report.agreement.readers:
        assert each.images == each.findings == sum(each.reader in by for by in masks.values())


def test_that_the_residents_are_hardly_two_is_said_first(report: ReportedAgreement, masks: Masks) -> None:
    both = [by for by in masks.values() if {*RESIDENTS} <= by.keys()]
    equal = sum(np.array_equal(*(by[reader] for reader in RESIDENTS)) for by in both)
    assert equal > 0.9 * len(both)
    note = report.agreement.notes[0]
    assert note.code == "equal-drawings"
    assert f"resident_1 and resident_2: {equal} of {len(both)} matched pairs of drawings" in note.places
    page = (report.out / "index.html").read_text() if report.out else ""
    assert "equal in every pixel" in page


def test_the_documented_commands_report_and_resolve(
    dataset: Dataset, masks: Masks, tmp_path: Path, command: Callable[..., Any]
) -> None:
    """The residents' outlines become one where they agree, else the radiologist's decides."""
    ran = command("agree", "report", dataset.path, "-o", tmp_path / "agreement", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert len(json.loads(ran.out)["pairs"]) == 3
    (tmp_path / "residents.yaml").write_text(POLICY)
    policy = ("--policy", tmp_path / "residents.yaml")
    ran = command("agree", "resolve", dataset.path, *policy, "-o", tmp_path / "resolved", "--json")
    assert (ran.code, ran.err) == (0, "")

    both = {image_id: by for image_id, by in masks.items() if {*RESIDENTS} <= by.keys()}
    overlaps = {
        image_id: (dice(*(by[reader] for reader in RESIDENTS)), by.get("radiologist_1"))
        for image_id, by in both.items()
    }
    agreed = {image_id for image_id, (value, _) in overlaps.items() if value >= LEAST_DICE}
    (outlines,) = json.loads(ran.out)["outcomes"]
    assert outlines["agreed"] == len(agreed)
    assert outlines["decidable"] == len(both), "the residents' drawings overlap on every image"
    assert outlines["adjudicated"] + outlines["open"] == len(both) - len(agreed)
    assert outlines["left"] == sum(len({*RESIDENTS} & by.keys()) == 1 for by in masks.values())

    resolved = Dataset(tmp_path / "resolved")
    assert resolved.verify() == ()
    raw = {record.image_id: record for record in dataset.records()}
    shown = 0
    for record in resolved.records():
        before = raw[record.image_id]
        assert record.findings[: len(before.findings)] == before.findings, "raw readings stay"
        for finding in record.findings[len(before.findings) :]:
            (mask,) = finding.geometries
            rle = {"size": [mask.height, mask.width], "counts": mask.counts}
            pixels = coco_mask.decode(rle).astype(bool)
            first, second = (both[record.image_id][reader] for reader in RESIDENTS)
            if record.image_id not in agreed:
                assert np.array_equal(pixels, overlaps[record.image_id][1])
            elif np.array_equal(first, second):
                assert np.array_equal(pixels, first)
            else:
                assert ((first & second) <= pixels).all()
                assert (pixels <= (first | second)).all()
            shown += 1
    assert shown == outlines["agreed"] + outlines["adjudicated"]
