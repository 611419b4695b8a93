"""The report on a dataset: counts are the manifest's, no text of the data is markup, nothing vanishes."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path
from statistics import quantiles
from unittest.mock import patch

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.datapages import (
    HOSTILE,
    SHOWN,
    Page,
    add_issues,
    add_markers,
    add_reports,
    issue,
    jpeg,
    measured,
    pixels_of,
    rich_dataset,
    square,
)
from tests.strategies import image_records
from tests.toy import finding, graded, make_dataset, record
from thyrodata.cli.report import report as command
from thyrodata.curation.report import report_dataset
from thyrodata.dataset import Dataset
from thyrodata.errors import DatasetError, UsageError
from thyrodata.reports.card import HEADINGS
from thyrodata.reports.datapage.accounts import fields
from thyrodata.reports.datapage.distributions import ALL, NOT_STATED, Distribution, Measured
from thyrodata.reports.datapage.gathering import gather
from thyrodata.reports.datapage.quality import joined_clusters
from thyrodata.schema.geometry import Box, Calipers
from thyrodata.schema.record import ImageRecord
from thyrodata.schema.vocab import GRADED

PLOTTER = "thyrodata.reports.datapage.spread.plot_svg"
SECTIONS = [
    "What it is",
    "Counts",
    "What was left out",
    "Splits",
    "Distributions",
    "Images with their outlines",
    "Quality control",
    "Same pictures",
    "Marks over the echo",
    "Shortcuts",
    "Agreement of readers",
    "Remarks",
]


@pytest.fixture
def rich(tmp_path: Path) -> Dataset:
    return rich_dataset(tmp_path / "rich")


def page_of(
    dataset: Dataset, split: str | None = "official", count: int = 24, *, plotted: bool = False
) -> Page:
    """The page of a dataset; drawing its plots would take most of the time, and most tests do not look."""
    out = dataset.path.parent / "page.html"
    with contextlib.nullcontext() if plotted else patch(PLOTTER, return_value=b""):
        report_dataset(dataset, out, split=split, count=count)
    return Page(out.read_bytes())


@pytest.fixture
def unplotted() -> Iterator[None]:
    with patch(PLOTTER, return_value=b""):
        yield


def spread_of(dataset: Dataset, split: str | None = None) -> dict[str, Distribution]:
    return {each.name: each for each in gather(dataset, split, 0, "cases").distributions}


def counts_of(spread: Distribution, part: str = "all") -> dict[str, int]:
    (series,) = (each for each in spread.series if each.name == part)
    found = dict(zip(spread.values, series.counts, strict=True))
    return {value: n for value, n in found.items() if n} | {NOT_STATED: series.unstated}


# ---------------------------------------------------------------------------------------- the page as a whole


@pytest.mark.slow
def test_equal_datasets_give_equal_bytes_whatever_the_settings_of_matplotlib_are(tmp_path: Path) -> None:
    one, other = (rich_dataset(tmp_path / name, HOSTILE) for name in ("one", "other"))
    first = report_dataset(one, tmp_path / "one.html", split="official").page.html
    with mpl.rc_context({"font.size": 20, "svg.fonttype": "path", "axes.grid": True}):
        report_dataset(other, tmp_path / "other.html", split="official")
    assert (tmp_path / "other.html").read_bytes() == first


def test_every_section_stands_in_its_place_and_the_links_at_the_top_lead_to_each(rich: Dataset) -> None:
    page = page_of(rich)
    assert page.headings == SECTIONS
    assert page.values("href") == [f"#{name}" for name in page.values("id", "h2")]


@pytest.mark.parametrize("text", ["plain", HOSTILE])
def test_the_page_refers_to_nothing_outside_and_runs_nothing(text: str, tmp_path: Path) -> None:
    dataset = rich_dataset(tmp_path / "rich", text)
    add_issues(dataset, [issue("TD101", "b1", 1.0, "1", what=text, hint=text)])
    page = page_of(dataset, plotted=True)
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "base", "form"} == set()
    assert all(
        source.startswith(("data:image/jpeg;", "data:image/svg+xml;")) for source in page.values("src")
    )
    assert {each.removeprefix("#") for each in page.values("href")} <= {*page.values("id")}
    assert len(page.values("id")) == len({*page.values("id")})
    assert page.values("content")[0] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert not [name for _, found in page.tags for name in found if name.startswith("on")]
    for svg in page.images("svg+xml"):
        for element in etree.fromstring(svg).iter(etree.Element):
            assert etree.QName(element).localname not in {"script", "image", "foreignObject"}
            links = [value for key, value in element.attrib.items() if etree.QName(key).localname == "href"]
            assert all(each.startswith("#") for each in links)


@pytest.mark.slow
def test_hostile_texts_are_shown_and_change_no_markup(tmp_path: Path) -> None:
    pages = []
    for text in ("plain", HOSTILE):
        dataset = rich_dataset(tmp_path / str(len(pages)), text)
        add_issues(dataset, [issue("TD101", "b1", 1.0, "1", what=text, hint=text), issue(text, "a1")])
        add_reports(
            dataset,
            {
                "reports/select.json": {"criteria": [{"name": text, "removed": {"why": {text: 1}}}]},
                "reports/agree.json": {"notes": [{"what": text, "n": 3}]},
                "agreement/x/policy.yaml": text.encode(),
                **measured(text),
            },
        )
        add_markers(dataset, {"a1": (0.9, text, np.ones((12, 16), np.bool_)), "a2": (0.1, "", None)})
        pages.append(page_of(dataset, plotted=True))
    plain, hostile = ([[tag, sorted(found)] for tag, found in page.tags] for page in pages)
    assert plain == hostile
    # A device, a remark, a reader, an issue's text, hint, code and heading, accounts, a policy, a mark.
    assert pages[1].text.count(SHOWN) >= 30
    assert any(
        "maker <script" in " ".join(etree.fromstring(svg).itertext()) for svg in pages[1].images("svg+xml")
    )


def test_every_picture_has_a_text_for_those_who_do_not_see_it(rich: Dataset) -> None:
    page = page_of(rich)
    alts = page.values("alt", "img")
    assert len(alts) == [tag for tag, _ in page.tags].count("img")
    assert all(alts)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=8)
@given(st.lists(image_records(), max_size=3, unique_by=lambda each: each.image_id))
def test_any_records_have_a_report(
    tmp_path_factory: pytest.TempPathFactory, given_records: list[ImageRecord]
) -> None:
    """Whatever records say, they have a page, and its cases by grade are those of the manifest."""
    folder = tmp_path_factory.mktemp("any")
    bare = [replace(each, image=replace(each.image, path=None, sha256=None)) for each in given_records]
    dataset = make_dataset(folder / "set", bare)
    page_of(dataset, None, count=1)
    assert_grades_are_those_of_the_manifest(dataset)


# ----------------------------------------------------------------------------------------------------- counts


def test_all_that_the_manifest_counts_stands_on_the_page(rich: Dataset, converted: Path) -> None:
    for dataset in (rich, Dataset(converted)):
        rows = page_of(rich if dataset is rich else Dataset(converted), dataset.splits[0]).rows
        for tally in dataset.manifest.counts:
            value = tally.value or ("reader not named" if tally.what == "readers" else "all")
            if tally.what.endswith("-labels"):
                assert [value, f"{tally.n:,}"] in rows
            else:
                assert [HEADINGS[tally.what], value, f"{tally.n:,}"] in rows


def assert_grades_are_those_of_the_manifest(dataset: Dataset) -> None:
    expected = Counter(
        {
            (tally.what.removesuffix("-labels"), tally.value): tally.n
            for tally in dataset.manifest.counts
            if tally.what.endswith("-labels") and tally.value.partition("/")[0] in GRADED
        }
    )
    found: Counter[tuple[str, str]] = Counter()
    for name, spread in spread_of(dataset).items():
        scope, _, scheme = name.partition("-")
        if scheme in GRADED:
            for value, n in zip(spread.values, spread.whole.counts, strict=True):
                word = value.replace(",", " ").split()[0] if scheme == "malignancy" else value
                found[scope, f"{scheme}/{word}"] += n
    assert +found == expected


def test_grades_are_those_of_the_manifest(rich: Dataset, converted: Path) -> None:
    assert_grades_are_those_of_the_manifest(rich)
    assert_grades_are_those_of_the_manifest(Dataset(converted))


def test_what_is_said_of_a_case_counts_once_and_in_each_part_that_the_case_is_in(rich: Dataset) -> None:
    spread = spread_of(rich, "official")
    assert [(each.name, each.things) for each in spread["sex"].series] == [
        ("train", 4),
        ("test", 2),
        ("all", 5),
    ]
    assert counts_of(spread["sex"]) == {"female": 1, "male": 1, NOT_STATED: 3}
    assert counts_of(spread["sex"], "test") == {"male": 1, NOT_STATED: 1}


def test_malignancy_is_told_with_what_it_rests_on(rich: Dataset) -> None:
    spread = spread_of(rich)
    assert counts_of(spread["case-malignancy"]) == {
        "benign by cytology": 1,
        "malignant by histology": 1,
        NOT_STATED: 3,
    }
    assert counts_of(spread["nodule-malignancy"]) == {"malignant, by what is not stated": 1, NOT_STATED: 1}


def test_two_readers_who_grade_one_image_count_twice_and_leave_it_stated(rich: Dataset) -> None:
    assert counts_of(spread_of(rich)["image-tirads-eu"]) == {"4": 1, "5": 1, NOT_STATED: 6}


def test_a_top_coded_age_is_told_apart_from_those_that_are_known(rich: Dataset) -> None:
    spread = spread_of(rich)["age"]
    assert counts_of(spread) == {"40 to under 50": 2, "at least 90": 1, NOT_STATED: 2}
    assert spread.whole.quartiles == (42, 44, 67)


def test_an_image_that_the_split_leaves_out_is_in_no_part(tmp_path: Path) -> None:
    records = [record("a"), record("b")]
    dataset = make_dataset(tmp_path / "set", records)
    add_reports(
        dataset,
        {
            "splits/half.csv": b"image_id,group_id,part\ntoy/a,toy/a,all\n",
            "splits/half.json": {"name": "half"},
        },
    )
    spread = spread_of(dataset, "half")["image-size"]
    # A part may even be called "all".
    assert [(each.name, each.things) for each in spread.series] == [("all", 1), ("in no part", 1), ("all", 2)]


def test_areas_and_diameters_are_those_of_the_drawing_in_pixels_and_mm(tmp_path: Path) -> None:
    calipers = Calipers(long=((1, 1), (4, 5)))
    drawn = record(
        "a",
        finding("1", square(2, 3, 4)),
        finding("2", calipers, Box(x=0, y=0, width=9, height=9)),
        finding("3", Box(x=1, y=1, width=3, height=3)),
    )
    spaced = replace(drawn, image=replace(drawn.image, spacing_mm=(0.5, 0.25)))
    spread = spread_of(make_dataset(tmp_path / "set", [spaced]))
    assert spread["nodule-area-px"].whole.quartiles == (16, 16, 16)
    assert spread["nodule-area-px"].whole.unstated == 2  # of calipers and a box nobody says an area
    assert spread["nodule-area-mm"].whole.quartiles == (2, 2, 2)
    assert spread["nodule-diameter-px"].whole.unstated == 1
    longest = spread["nodule-diameter-px"].whole.quartiles
    assert longest is not None
    assert longest[1] == pytest.approx((np.hypot(4, 4) + 5) / 2)
    in_mm = spread["nodule-diameter-mm"].whole.quartiles
    assert in_mm is not None
    assert in_mm[1] == pytest.approx((np.hypot(1, 2) + np.hypot(0.75, 2)) / 2)


@given(
    st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=2, max_size=60),
    st.sampled_from([None, 10, 0.5]),
    st.integers(0, 5),
)
def test_each_number_is_counted_once_in_the_bin_that_holds_it(
    values: list[float], width: float | None, unstated: int
) -> None:
    """A value at an edge is in the bin above; quartiles are those of the whole list."""
    if width is not None:
        values = [value % 200 for value in values]
    measured = Measured("x", "X", "things", width)
    for place, value in enumerate(values):
        measured.add((ALL, "odd" if place % 2 else "even"), value)
    spread = measured.distribution(["odd", "even"], Counter({ALL: len(values) + unstated}))
    lows = [float(value.split()[0].replace(",", "")) for value in spread.values]
    expected = Counter(max(low for low in lows if low <= value) for value in values)
    assert dict(zip(lows, spread.whole.counts, strict=True)) == {low: expected[low] for low in lows}
    assert spread.whole.unstated == unstated
    odd, even, whole = (each.counts for each in spread.series)
    assert [a + b for a, b in zip(odd, even, strict=True)] == [*whole]
    assert spread.whole.quartiles == pytest.approx(quantiles(values, n=4, method="inclusive"))
    if width is None:
        assert len(lows) <= 13


def test_a_number_at_an_edge_of_tenths_is_in_the_bin_above() -> None:
    measured = Measured("x", "X", "things", 0.2)
    for value in (0.6, 1.4, 0.2):
        measured.add((ALL,), value)
    spread = measured.distribution((), Counter({ALL: 3}))
    assert counts_of(spread) == {
        "0.2 to under 0.4": 1,
        "0.6 to under 0.8": 1,
        "1.4 or more": 1,
        NOT_STATED: 0,
    }


# ---------------------------------------------------------------------------------------------- what is empty


def test_what_a_dataset_does_not_state_is_said_and_does_not_vanish(tmp_path: Path) -> None:
    page = page_of(make_dataset(tmp_path / "bare", [record("a")]), None)
    assert "Age in years\nNot stated of any of 1 cases." in page.text
    assert "malignancy of the case\nNot stated of any of 1 cases." in page.text
    assert "There is no split." in page.text
    assert "Not run. `thyrodata qc run`" in page.text
    assert "No two images are known to show the same picture." in page.text
    assert (
        "No two readers have drawn. How far they agree was not measured: `thyrodata agree report`."
        in page.text
    )
    assert "No readings were resolved into one: `thyrodata agree resolve`." in page.text
    assert "Not looked for. `thyrodata qc markers`" in page.text
    assert "Not audited. `thyrodata qc shortcuts`" in page.text
    assert page.between("Items that could not be read", "Selection") == "\nNone.\n"


def test_a_dataset_without_images_has_a_page(tmp_path: Path) -> None:
    assert "0 images of 0 groups" in page_of(make_dataset(tmp_path / "none", []), None).text


def test_a_group_that_is_no_patient_is_said_to_be_none(rich: Dataset) -> None:
    assert "1 case is not 1 patient" in page_of(rich).text.partition("What it is")[0]


def test_terms_that_do_not_let_images_be_passed_on_are_said_first(converted: Path) -> None:
    first = page_of(Dataset(converted), "default").text.partition("What it is")[0]
    assert "whose terms do not say whether one may pass them on" in first


# ----------------------------------------------------------------------------------------------- the pictures


@pytest.mark.usefixtures("unplotted")
def test_images_are_shown_at_even_steps(rich: Dataset, tmp_path: Path) -> None:
    made = report_dataset(rich, tmp_path / "page.html", count=3)
    assert made.page.shown == ("toy/a1", "toy/b1", "toy/d1")
    assert report_dataset(rich, tmp_path / "page.html", count=0).page.shown == ()
    assert len(report_dataset(rich, tmp_path / "page.html", count=99).page.shown) == 7


def test_an_image_that_cannot_be_shown_says_why_and_ends_nothing(rich: Dataset) -> None:
    (rich.path / "images/c1.jpg").unlink()
    text = page_of(rich).text
    assert "no picture: the image of toy/c1 cannot be read" in text
    assert text.count("no picture: ") == 2
    assert "toy/e1" in text  # of annotations alone


def is_near(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.asarray((np.abs(pixels.astype(int) - colour) <= 60).all(axis=-1))


def test_the_finding_of_an_issue_is_orange_and_others_are_grey(tmp_path: Path) -> None:
    drawn = record("a", finding("1", square(1, 2, 6)), finding("2", square(9, 2, 6)), image=jpeg(0))
    dataset = make_dataset(tmp_path / "set", [drawn], {"images/a.jpg": jpeg(0)})
    add_issues(dataset, [issue("TD101", "a", 1.0, "2")])
    pixels = pixels_of(page_of(dataset, None, count=0).images("jpeg")[0])
    assert pixels.shape == (270, 360, 3)
    _, orange = np.nonzero(is_near(pixels, (230, 159, 0)))
    _, grey = np.nonzero(is_near(pixels, (158, 168, 179)))
    assert (orange.min(), orange.max()) == pytest.approx((9 * 22.5, 15 * 22.5), abs=4)
    assert (grey.min(), grey.max()) == pytest.approx((22.5, 7 * 22.5), abs=4)


def test_equal_files_stand_side_by_side_and_their_parts_are_named(rich: Dataset) -> None:
    text = page_of(rich).between("Same pictures", "Agreement of readers")
    assert "toy/a1 and toy/b1 are in several parts of the split: test, train" in text
    assert "1 of 1 such sets are shown." in text


@pytest.mark.usefixtures("unplotted")
def test_pictures_that_an_operation_found_the_same_join_those_whose_files_are(rich: Dataset) -> None:
    add_reports(rich, {"reports/same_pictures.csv": b"image_id,cluster\ntoy/a1,x\ntoy/c1,x\ntoy/gone,x\n"})
    made = report_dataset(rich, rich.path.parent / "page.html", split="official", count=0)
    assert made.page.same_pictures == 1
    assert len(Page(made.page.html).images("jpeg")) == 3


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3), max_size=8))
def test_sets_that_share_an_image_are_one(several: list[list[str]]) -> None:
    """Two images are in one set if and only if a chain of given sets leads from one to the other."""
    found = joined_clusters(several)
    assert len({*"".join(map("".join, found))}) == sum(map(len, found))
    reach = np.eye(8, dtype=int)
    for ids in several:
        for one in ids:
            for other in ids:
                reach["abcdefgh".index(one), "abcdefgh".index(other)] = 1
    linked = np.linalg.matrix_power(reach, 8) > 0
    together = np.eye(8, dtype=bool)
    for ids in found:
        places = ["abcdefgh".index(one) for one in ids]
        together[np.ix_(places, places)] = True
    assert (linked == together).all()


# -------------------------------------------------------------------------------------------- quality control


def test_issues_are_counted_by_rule_and_the_worst_come_first(rich: Dataset) -> None:
    many = [issue("TD103", "a1", float(k), what=f"degree {k}") for k in range(30)]
    add_issues(rich, [*many, issue("TD101", "b1", None, "1"), issue("TD999", "gone", 2.0)])
    page = page_of(rich)
    assert ["TD103", "Sliver", "warning", "30", "1"] in page.rows
    assert ["TD101", "Outside the image", "warning", "1", "1"] in page.rows
    assert ["TD999", "a rule that this version does not have", "warning", "1", "1"] in page.rows
    listed = [row[2] for row in page.rows if row[2:3] and row[2].startswith("degree")]
    assert listed == [f"degree {k}" for k in range(29, 9, -1)]
    assert "The worst 20 of 30 in words" in page.text
    assert "finding 1: what of b1" in page.text
    assert "Hint of TD103." in page.text


def test_a_rule_is_pictured_by_its_worst_images_each_once(rich: Dataset) -> None:
    add_issues(
        rich, [issue("TD103", name, k) for k, name in enumerate(["a1", "a2", "b1", "c1", "d2", "d2", "e1"])]
    )
    text = page_of(rich, count=0).between("TD103: Sliver", "All 7 in words")
    shown = [name for name in ("a1", "a2", "b1", "c1", "d2", "e1") if f"what of {name}" in text]
    assert shown == ["b1", "c1", "d2", "e1"]


def test_an_image_that_an_issue_names_stands_beside_its_own(rich: Dataset) -> None:
    said = "it shows the picture of toy/b1, of toy/nothing and of toy/a2 (equal bytes)"
    add_issues(rich, [issue("TD103", "a1", what=said)])
    page = page_of(rich, count=0)
    assert [tag for tag, found in page.tags if found.get("class") == "pair"] == ["div"] * 2  # and the twins'
    shown = page.between("TD103: Sliver", "All 1 in words")
    assert shown.index(said) < shown.index("toy/b1case b")
    assert "toy/a2case" not in shown  # one more name is read, and that is of no image


def test_a_run_without_an_issue_says_which_rules_were_run_and_what_was_not_read(rich: Dataset) -> None:
    add_issues(rich, [])
    rules = [{"code": "TD101", "severity": "error"}, {"code": "TD102", "severity": "error"}]
    account = {"complete": False, "images_not_read": [{"image_id": "toy/d1"}], "rules": rules}
    add_reports(rich, {"reports/qc.json": account})
    page = page_of(rich)
    assert ["TD102", "Nothing drawn", "error", "0", "0"] in page.rows
    assert "The run was stopped" in page.text
    assert "no rule has seen the pixels of: 1." in page.text


def test_errors_are_said_at_the_top(rich: Dataset) -> None:
    from thyrodata.qc.rule import Severity  # noqa: PLC0415

    add_issues(rich, [replace(issue("TD101", "a1"), severity=Severity.ERROR), issue("TD103", "a1")])
    assert "Errors that quality control found: 1." in page_of(rich).text.partition("What it is")[0]


# ------------------------------------------------------------------------------------------- what lies beside


def test_the_flow_and_the_criteria_of_a_selection_are_shown(rich: Dataset) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><title>flow</title></svg>'
    why = {"not met": 2, "unknown": 1}
    stage = {"name": "adults", "rule": "r", "level": "patient", "asked": 1500, "after": {"images": 4}}
    stage |= {"removed": {"why": why, "images": 3}}
    add_reports(rich, {"reports/select.svg": svg, "reports/select.json": {"criteria": [stage]}})
    page = page_of(rich)
    assert svg in page.images("svg+xml")
    assert ["adults", "r", "patient", "1,500", "not met: 2, unknown: 1", "3", "4"] in page.rows


DEEP = reduce(lambda inner, _: {"a": inner}, range(900), {})


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"criteria": 3, "targets": 3, "pairs": "x", "audited": 7, "compared": [1], "terms": 1},
        {"criteria": [7, None, {"removed": 1}, {"removed": {"why": DEEP}}]},
        {
            "targets": [7, {"features": [None, {"auc": {"value": "1"}}], "together": {"value": True}}],
            "level": "x",
        },
        {"pairs": [7, {"readers": [1, None], "figures": [{"value": 1e999, "unit": 3}], "grades": [{}]}]},
        DEEP,
    ],
)
def test_an_account_of_another_form_is_shown_as_far_as_it_is_understood(said: object, rich: Dataset) -> None:
    names = ("select", "agree", "agreement", "qc", "shortcuts")
    add_reports(rich, {f"reports/{name}.json": said for name in names})
    add_issues(rich, [])
    assert page_of(rich).headings == SECTIONS


def test_the_account_of_an_operation_is_shown_with_its_parts(tmp_path: Path) -> None:
    said = {"images": 1200, "by_kind": {"a_b": {"c": True}}, "listed": ["x"] * 30, "names": ["x", "y"]}
    assert dict(fields(said)) == {
        "images": "1,200",
        "by kind: a b: c": "yes",
        "listed": "30",
        "names": "x; y",
    }
    assert dict(fields(DEEP)) == {"a: a: a: a": "a: 1"}


def test_the_resolution_of_readings_is_shown_with_its_policy(rich: Dataset) -> None:
    outcome = {"item": "outline", "decidable": 88, "agreed": 87, "policy": 0, "adjudicated": 1, "open": 0}
    said = {"outcomes": [outcome], "reasons": [{"code": "x", "what": "why", "n": 4}], "notes": []}
    add_reports(rich, {"reports/agree.json": said, "agreement/two/policy.yaml": b"name: two\n"})
    page = page_of(rich)
    assert ["outline", "88", "87", "0", "1", "0"] in page.rows
    assert ["why", "4"] in page.rows
    assert "Policy two" in page.text
    assert "name: two" in page.text


def test_skipped_items_are_listed_with_their_reasons(rich: Dataset) -> None:
    skip = {"item": "7.xml", "files": ["7.xml"], "reason": "cut", "where": "7.xml:1", "hint": "get it"}
    manifest = rich.path / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"skips": 30}))
    lines = "".join(json.dumps(skip | {"item": f"{k}.xml"}) + "\n" for k in range(30))
    add_reports(rich, {"reports/skipped.jsonl": lines.encode()})
    page = page_of(Dataset(rich.path))
    assert ["19.xml", "cut", "7.xml:1", "get it"] in page.rows
    assert "20 of 30 are listed." in page.text
    assert "could not be read: 30." in page.text.partition("What it is")[0]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("reports/qc.parquet", b"no table"),
        ("reports/select.json", b"["),
        ("reports/select.json", b"[1]"),
        ("reports/agree.json", b"[" * 100_000),
        ("reports/skipped.jsonl", b"{}\n"),
        ("reports/same_pictures.csv", b"image,cluster\na,b\n"),
        ("reports/markers.parquet", b"PAR1"),
        ("reports/shortcuts.json", b"[1]"),
        ("reports/agreement.json", b"{"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(path: str, content: bytes, rich: Dataset) -> None:
    manifest = rich.path / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"skips": 1}))
    add_reports(rich, {path: content})
    with pytest.raises(DatasetError) as caught:
        page_of(Dataset(rich.path))
    assert caught.value.where.endswith(path)


def test_a_file_that_was_changed_since_it_was_written_is_refused(rich: Dataset) -> None:
    add_reports(rich, {"reports/agree.json": {}})
    (rich.path / "reports/agree.json").write_text('{"a": 1}')
    with pytest.raises(DatasetError, match="differs from its checksum"):
        page_of(rich)


# ---------------------------------------------------------------------------------------- where it is written


@pytest.mark.usefixtures("unplotted")
def test_the_report_joins_the_dataset_which_stays_whole(copied: Path) -> None:
    first = report_dataset(copied)
    assert first.path == copied / "reports/index.html"
    assert Dataset(copied).verify() == ()
    again = report_dataset(copied)
    assert again.path.read_bytes() == first.page.html
    assert Dataset(copied).verify() == ()
    assert '"report"' in (copied / "history.jsonl").read_text()


@pytest.mark.slow
def test_plots_for_papers_are_one_for_each_distribution_that_is_stated(rich: Dataset, tmp_path: Path) -> None:
    from PIL import Image  # noqa: PLC0415

    made = report_dataset(rich, tmp_path / "page.html", split="official", plots=tmp_path / "deep/plots")
    stated = [each for each in made.page.distributions if each.stated]
    assert [place.stem for place in made.plots] == [each.name for each in stated]
    assert len(Page(made.page.html).images("svg+xml")) == len(stated)
    for place in made.plots:
        with Image.open(place) as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            assert {*image.info} == {"dpi"}
    before = [place.read_bytes() for place in made.plots]
    report_dataset(rich, tmp_path / "page.html", split="official", plots=tmp_path / "deep/plots")
    assert [place.read_bytes() for place in made.plots] == before


def test_a_split_or_a_count_that_cannot_be_is_refused_before_anything_is_written(rich: Dataset) -> None:
    out = rich.path.parent / "page.html"
    for wrong in ({"split": "nope"}, {"count": -1}):
        with pytest.raises(UsageError):
            report_dataset(rich, out, **wrong)
    assert not out.exists()


@pytest.mark.usefixtures("unplotted")
def test_the_command_prints_where_the_page_is(rich: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    out = rich.path.parent / "page.html"
    command(rich.path, out=out, split="official", plots=None, count=2, json=True, quiet=False)
    said = json.loads(capsys.readouterr().out)
    assert said["path"] == str(out)
    assert said["bytes"] == out.stat().st_size
    assert said["image_ids"] == ["toy/a1", "toy/c1"]
    assert (said["issues"], said["same_pictures"], said["plots"]) == (None, 1, [])
    command(rich.path, out=out, plots=None, split=None, count=2, json=False, quiet=False)
    assert "quality control was not run" in capsys.readouterr().out


@pytest.mark.usefixtures("unplotted")
def test_progress_ends_at_all_records(rich: Dataset, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report_dataset(rich, tmp_path / "page.html", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(k, 7) for k in range(1, 8)]


@pytest.mark.usefixtures("unplotted")
def test_records_are_streamed(tmp_path: Path) -> None:
    """What is kept of a record is a few numbers: ten times the records are not ten times the page."""
    sizes = []
    for n in (20, 200):
        records = (record(str(k), finding("1", square(1, 1, 3)), case_labels=graded("2")) for k in range(n))
        made = report_dataset(make_dataset(tmp_path / str(n), records), tmp_path / "page.html", count=4)
        sizes.append(len(made.page.html))
    assert sizes[1] < 1.05 * sizes[0]
