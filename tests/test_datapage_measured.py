"""What a report on a dataset says of marks, shortcuts and the agreement of readers: what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from tests.datapages import (
    Page,
    add_issues,
    add_markers,
    add_reports,
    issue,
    jpeg,
    measured,
    pixels_of,
    rich_dataset,
)
from tests.study import write_predictions, write_study
from tests.toy import make_dataset, record
from thyrodata.curation.agree import report_agreement
from thyrodata.curation.report import DatasetReport, report_dataset
from thyrodata.dataset import Dataset
from thyrodata.io.hashes import SUMS, read_sums

PLOTTERS = [f"thyrodata.reports.datapage.{module}.plot_svg" for module in ("spread", "shortcuts", "readers")]
ORANGE = (230, 159, 0)


@pytest.fixture
def rich(tmp_path: Path) -> Dataset:
    return rich_dataset(tmp_path / "rich")


def made_of(dataset: Dataset, **options: Any) -> tuple[DatasetReport, Page]:
    """The report on a dataset without its plots, which take most of the time."""
    out = dataset.path.parent / "page.html"
    plotters = [patch(name, return_value=b"") for name in PLOTTERS]
    for plotter in plotters:
        plotter.start()
    try:
        made = report_dataset(dataset, out, **{"split": "official", "count": 0} | options)
    finally:
        for plotter in plotters:
            plotter.stop()
    return made, Page(out.read_bytes())


def corner(height: int = 12, width: int = 16) -> np.ndarray:
    pixels = np.zeros((height, width), np.bool_)
    pixels[2:6, 3:8] = True
    return pixels


# ------------------------------------------------------------------------------------------------------ marks


def test_marks_are_counted_by_part_and_by_the_gravest_label_that_is_said_of_the_image(rich: Dataset) -> None:
    marked = (0.9, "cross-caliper+text", corner())
    add_markers(rich, {"a1": marked, "a2": (0.2, "", None), "b1": (0.7, "text", corner()), "c1": marked})
    made, page = made_of(rich)
    spread = {each.name: each for each in made.page.distributions}["marks"]
    assert spread.values == ("no mark", "a mark", "cross-caliper", "text")
    # The parts are train (a1, a2, c1, d2, e1) and test (b1, d1); what has no row was not looked at.
    assert [(each.name, each.counts, each.unstated) for each in spread.series] == [
        ("train", (1, 2, 2, 2), 2),
        ("test", (0, 1, 0, 1), 1),
        ("all", (1, 3, 2, 3), 3),
    ]
    # Of a1, a2 and c1 Kwak's 4a is said, of c1 by its finding; of b1 two readers say EU-TIRADS 4 and 5.
    assert ["4a", "3", "2 (66.7 %)", "2 (66.7 %)", "2 (66.7 %)"] in page.rows
    assert ["5", "1", "1 (100 %)", "0 (0.0 %)", "1 (100 %)"] in page.rows
    assert ["not stated", "1", "1 (100 %)", "0 (0.0 %)", "1 (100 %)"] in page.rows  # of b1 no Kwak
    assert ["not stated", "3", "2 (66.7 %)", "2 (66.7 %)", "2 (66.7 %)"] in page.rows  # of the others no EU


def test_the_surest_marks_of_each_kind_are_pictured_in_orange_beside_the_bare_image(rich: Dataset) -> None:
    scores = {"a1": 0.6, "a2": 0.9, "c1": 0.8, "d2": 0.7}
    add_markers(rich, {name: (score, "text", corner()) for name, score in scores.items()})
    _, page = made_of(rich, split=None)
    shown = page.between("Marks over the echo", "Shortcuts")
    assert shown.index("toy/a2score 0.90: text") < shown.index("toy/c1score 0.80: text")
    assert "toy/a1" not in shown
    marked, bare = (pixels_of(data).astype(int) for data in page.images("jpeg")[2:4])
    orange = np.abs(marked - ORANGE).sum(2) < 90
    height, width = orange.shape
    rows, columns = np.nonzero(orange)
    # The marks lie in rows 2 to 6 of 12 and columns 3 to 8 of 16, and the line has a width.
    assert (rows.min() / height, rows.max() / height) == pytest.approx((2 / 12, 6 / 12), abs=0.02)
    assert (columns.min() / width, columns.max() / width) == pytest.approx((3 / 16, 8 / 16), abs=0.02)
    assert np.ptp(bare) < 12  # the image is one grey, and its outlines are not drawn


def test_marks_are_pictured_where_nobody_has_read_the_image(tmp_path: Path) -> None:
    data = jpeg(90)
    records = [record("a", image=data, readings=())]
    dataset = make_dataset(tmp_path / "set", records, {"images/a.jpg": data})
    add_markers(dataset, {"a": (0.9, "text", corner())})
    _, page = made_of(dataset, split=None)
    assert "no picture" not in page.text
    assert len(page.images("jpeg")) == 2


def test_a_mask_of_another_size_and_marks_of_other_images_are_said(rich: Dataset) -> None:
    add_markers(rich, {"a1": (0.9, "text", corner(20, 20)), "gone": (0.5, "text", corner())})
    _, page = made_of(rich)
    shown = page.between("Marks over the echo", "Shortcuts")
    assert "made for other records: the dataset does not have 1 of its images" in shown
    assert "no picture: " in shown
    assert "toy/gone" not in shown


# -------------------------------------------------------------------------------------------------- shortcuts


@pytest.mark.slow
def test_shortcuts_are_a_table_a_plot_and_their_own_sentence(rich: Dataset, tmp_path: Path) -> None:
    add_reports(rich, measured("x"))
    made, page = made_of(rich, plots=tmp_path / "plots")
    assert ["size x", "0.750 (0.625 to 0.875)", "0.750 (0.625 to 0.875)"] in page.rows
    assert ["margin", "0.500 (no interval)", "0.500 (no interval)"] in page.rows
    assert ["all of them together", "", "0.812 (0.625 to 0.875)"] in page.rows
    shown = page.between("Shortcuts", "Agreement of readers")
    for words in (
        "it leaks: x",
        "split x: too few",
        "99 %",
        "telling nothing: x.",
        "not read",
        "looked at: 1.",
    ):
        assert words in shown
    audited, agreeing = made.page.forests
    assert (audited.name, audited.title, audited.chance) == ("shortcuts-1", "label x", 0.5)
    assert [(each.name, each.value, each.low) for each in audited.estimates] == [
        ("size x", 0.75, 0.625),
        ("margin", 0.5, None),
        ("all of them together", 0.8125, 0.625),
    ]
    assert {"shortcuts-1.png", "agreement-1.png"} <= {place.name for place in made.plots}
    assert agreeing.chance is None


def test_what_was_measured_on_other_files_is_said_to_be(rich: Dataset) -> None:
    sums = read_sums(rich.path / SUMS)
    now = {path: sums[path] for path in ("records.parquet", "splits/official.csv")}
    said = measured("x")
    for files, warned in ((now, False), ({**now, "splits/gone.csv": "0" * 64, "records.parquet": ""}, True)):
        add_reports(
            rich,
            {
                "reports/shortcuts.json": said["reports/shortcuts.json"] | {"audited": files},
                "reports/agreement.json": said["reports/agreement.json"] | {"compared": files},
            },
        )
        text = made_of(rich)[1].text
        changed = "before these files changed: records.parquet, splits/gone.csv. Run `thyrodata"
        assert (f"Audited {changed} qc shortcuts`." in text) is warned
        assert (f"Measured {changed} agree report`." in text) is warned


# ------------------------------------------------------------------------------------------------- readers


def test_the_agreement_of_each_pair_is_shown_with_what_must_be_known_first(rich: Dataset) -> None:
    add_reports(rich, measured("x"))
    made, page = made_of(rich)
    dice = "0.750 (0.625 to 0.875)"
    assert ["x and unnamed reader", "12", "11", "3", "1 and 2", dice] in page.rows
    assert ["Dice mean", dice, "12 x", "7"] in page.rows
    assert ["Hausdorff distance mean", "12.50 x (no interval)", "12 x", "7"] in page.rows
    assert ["x median", "not defined", "12 x", "7"] in page.rows
    assert any(row[0].startswith("x of the case: ") for row in page.rows)
    (plotted,) = (each for each in made.page.forests if each.name.startswith("agreement"))
    assert [each.value for each in plotted.estimates] == [0.75, 0.75]  # no distance, no median, no area
    shown = page.between("Agreement of readers", "Remarks")
    assert shown.index("x (x)") < shown.index("matched one to one")


def test_what_agree_report_measured_stands_on_the_page_of_its_dataset(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", images=4)
    made = report_agreement([study], resamples=40)
    assert made.account == study.path / "reports/agreement.json"
    assert Dataset(study.path).verify() == ()
    said = json.loads(made.account.read_text())
    assert said.pop("compared") == {"records.parquet": read_sums(study.path / SUMS)["records.parquet"]}
    assert said == made.agreement.to_json()
    _, page = made_of(Dataset(study.path), split=None)
    assert "before these files changed" not in page.text
    (pair,) = made.agreement.pairs
    mean = next(each.value for each in pair.figures if (each.name, each.of) == ("dice", "mean"))
    assert any(row[:2] == ["A and B", "4"] and row[5].startswith(f"{mean:.3f} (") for row in page.rows)


def test_readings_of_files_alone_are_added_to_no_dataset(tmp_path: Path) -> None:
    write_predictions(write_study(tmp_path / "study", images=2), tmp_path / "boxes.json")
    made = report_agreement([f"{name}={tmp_path / 'boxes.json'}" for name in "AB"], resamples=40)
    assert made.account is None
    assert not (tmp_path / "study/reports").exists()


def test_agree_report_writes_nothing_in_a_dry_run(tmp_path: Path, command: Callable[..., Any]) -> None:
    study = write_study(tmp_path / "study", images=2)
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    ran = command(
        "agree", "report", study.path, "-o", tmp_path / "out", "--dry-run", "--json", "--resamples", 40
    )
    assert ran.code == 0
    assert (json.loads(ran.out)["out"], json.loads(ran.out)["account"]) == (None, None)
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


# ---------------------------------------------------------------------------------------------- same pictures


def test_copies_that_quality_control_found_stand_side_by_side(rich: Dataset) -> None:
    said = "it shows the picture of toy/a2 (alike in every part, correlation 0.95), whose group is toy/a"
    add_issues(rich, [issue("TD302", "c1", what=said)])
    made, page = made_of(rich)
    assert made.page.same_pictures == 2  # and the twins, whose files are equal
    assert "toy/a2" in page.between("Same pictures", "Marks over the echo")
