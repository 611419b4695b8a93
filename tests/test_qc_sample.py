"""The rules of geometry and labels on published samples: what was looked at and is real, and no more."""

from __future__ import annotations

from collections import defaultdict

import pytest

import thyrodata
from thyrodata.converters.ddti_v2 import DdtiV2Settings
from thyrodata.converters.deeplesion import DeepLesionSettings
from thyrodata.qc.look import look_at
from thyrodata.qc.run import check_dataset
from thyrodata.qc.table import choose_rules

pytestmark = pytest.mark.slow


def found(dataset):
    """The images with an issue, without the namespace, by code."""
    checked = check_dataset(dataset, choose_rules(["TD1", "TD4"], ["TD412"]))  # which reads texts
    assert checked.complete
    images = defaultdict(set)
    for issue in checked.issues:
        images[issue.code].add(issue.image_id.partition("/")[2])
    return dict(images)


def test_ddti_has_one_outline_thrice_and_six_cut_by_the_edge_of_a_view(samples, tmp_path):
    """All but TD107 were looked at; its 120 outlines of 526 are those that shapely calls invalid."""
    dataset = thyrodata.convert("ddti", samples / "ddti", tmp_path / "ddti").dataset
    images = found(dataset)
    assert len(images.pop("TD107")) == 108  # some have two outlines
    assert images == {"TD105": {"294_1"}, "TD111": {"75_1", "88_2", "96_1", "127_1", "166_1", "219_1"}}


def test_ddti_v2_draws_both_views_of_a_dual_view_as_one_nodule(samples, tmp_path):
    settings = DdtiV2Settings(images=samples / "ddti")
    dataset = thyrodata.convert("ddti_v2", samples / "ddti_v2", tmp_path / "v2", settings=settings).dataset
    images = found(dataset)
    assert images.keys() == {"TD108", "TD111", "TD112"}
    assert images["TD112"] == {"78_1"}  # whose two views touch
    merged = [r for r in dataset.records() if r.image_id.partition("/")[2] in images["TD108"]]
    assert len(merged) == 16
    single = [record.image_id for record in merged if look_at(dataset, record).seam is None]
    assert single == ["ddti_v2/77_1"]  # a dual view, most of it in shadow


def test_deeplesion_has_the_two_boxes_that_exceed_the_width(samples, tmp_path):
    settings = DeepLesionSettings(annotations_only=True)
    made = thyrodata.convert("deeplesion", samples / "deeplesion", tmp_path / "d", settings=settings)
    assert found(made.dataset) == {"TD101": {"000211_02_01_018", "000211_04_01_022"}}
