"""The report on a dataset as a reader sees it: in a real browser, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.browser import Browser, browser
from tests.datapages import (
    HOSTILE,
    add_issues,
    add_markers,
    add_reports,
    issue,
    measured,
    pixels_of,
    rich_dataset,
)
from thyrodata.conversion import convert
from thyrodata.curation.markers import find_markers
from thyrodata.curation.qc import run_qc
from thyrodata.curation.report import report_dataset
from thyrodata.curation.shortcuts import audit_shortcuts
from thyrodata.dataset import Dataset

pytestmark = pytest.mark.slow

WIDTHS = [pytest.param(1280, id="desk"), pytest.param(390, id="phone")]
# Whatever reaches further right than the window, and does not scroll in itself.
TOO_WIDE = """[...document.querySelectorAll("body *")].filter(each =>
    each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    && !each.closest(".wide")).map(each => each.outerHTML.slice(0, 200))"""
MISSING = "[...document.images].filter(each => !each.complete || !each.naturalWidth).map(each => each.alt)"


@pytest.fixture(scope="module")
def chromium(
    system_tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    with browser(system_tool("chromium"), tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a dataset with long and hostile texts in every place, and something in every section."""
    folder = tmp_path_factory.mktemp("rich")
    dataset = rich_dataset(folder / "rich", HOSTILE)
    add_issues(dataset, [issue("TD101", "b1", 1.0, "1", what=HOSTILE, hint=HOSTILE), issue(HOSTILE, "a1")])
    svg = (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="850" height="9"><rect width="850" height="9"/></svg>'
    )
    stage = {"name": HOSTILE, "rule": HOSTILE, "removed": {"why": {HOSTILE: 1}}}
    add_reports(
        dataset,
        {
            "reports/select.svg": svg,
            "reports/select.json": {"criteria": [stage]},
            "reports/agree.json": {"notes": [{"what": HOSTILE, "n": 3}]},
            "agreement/x/policy.yaml": HOSTILE.encode(),
            **measured(HOSTILE),
        },
    )
    add_markers(dataset, {"a1": (0.9, HOSTILE, np.ones((12, 16), np.bool_)), "a2": (0.1, "", None)})
    return report_dataset(dataset, folder / "page.html", split="official").path


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows_and_nothing_is_asked_for(width: int, page: Path, chromium: Browser) -> None:
    assert_is_sound(chromium, page, width)


def assert_is_sound(chromium: Browser, page: Path, width: int) -> None:
    view = chromium.open(page, width, mobile=width < 600)
    try:
        assert view.value(TOO_WIDE) == []
        assert view.value("document.documentElement.scrollWidth") == width
        assert view.value(MISSING) == []
        asked = view.requests()
        assert [each for each in asked if not each.startswith("data:image/")] == [page.resolve().as_uri()]
        assert view.complaints() == []
        pixels = pixels_of(view.screenshot())
    finally:
        chromium.close()
    assert pixels.shape[1] == width
    # A margin is left at both sides, from top to bottom, and there is something between them.
    for margin in (pixels[:, :8], pixels[:, -8:]):
        assert (margin[..., :3] == 255).all()
    assert pixels[..., :3].std() > 20


def test_a_script_or_a_wide_thing_that_got_into_the_page_would_be_seen(
    page: Path, chromium: Browser, tmp_path: Path
) -> None:
    """The checks of a sound page can fail, and the page's policy stops what it does not know."""
    spoiled = tmp_path / "spoiled.html"
    more = "<script>document.title = 'ran'</script><img src='x.png'><p style='width: 2000px'>wide</p>"
    text = page.read_text().replace("</body>", f"{more}</body>")
    spoiled.write_text(text)
    view = chromium.open(spoiled, 1280)
    try:
        assert view.value("document.title") == "Dataset toy"
        assert any("Content Security Policy" in said for said in view.complaints())
        assert view.value(MISSING) == [""]
        assert view.value(TOO_WIDE) == ['<p style="width: 2000px">wide</p>']
        assert view.value("document.documentElement.scrollWidth") > 2000
    finally:
        chromium.close()


def test_the_page_is_read_by_keys_alone(page: Path, chromium: Browser) -> None:
    view = chromium.open(page, 1280)
    try:
        view.press("Tab", 9)
        assert view.value("document.activeElement.getAttribute('href')") == "#about"
        view.press("Tab", 9)
        view.press("Enter", 13, "\r")
        assert view.value("location.hash") == "#counts"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        view.press("Tab", 9)
        assert view.value(outline) == "solid"
        view.value("document.querySelector('summary').focus()")
        assert view.value("document.querySelector('details').open") is False
        view.press("Enter", 13, "\r")
        assert view.value("document.querySelector('details').open") is True
        reached = "[...document.querySelectorAll('.wide')].every(each => each.tabIndex === 0)"
        assert view.value(reached) is True
    finally:
        chromium.close()


def test_a_table_wider_than_a_phone_scrolls_in_itself(page: Path, chromium: Browser) -> None:
    view = chromium.open(page, 390, mobile=True)
    try:
        wide = "[...document.querySelectorAll('.wide')].filter(each => each.scrollWidth > each.clientWidth)"
        assert view.value(f"{wide}.length > 0")
        assert view.value(f"{wide}.every(each => getComputedStyle(each).overflowX === 'auto')")
    finally:
        chromium.close()


def test_the_report_of_the_published_sample_is_sound(
    samples: Path, chromium: Browser, tmp_path: Path
) -> None:
    convert("ddti", samples / "ddti", tmp_path / "ddti")
    run_qc(tmp_path / "ddti")
    find_markers(tmp_path / "ddti")
    audit_shortcuts(tmp_path / "ddti", resamples=200)
    made = report_dataset(tmp_path / "ddti", tmp_path / "page.html")
    assert len(made.page.html) < 15e6
    assert Dataset(tmp_path / "ddti").manifest.count("images") == 360
    # Equal in every byte: {150_1, 233_2} across cases and four pairs within one; two more pairs are alike.
    assert made.page.same_pictures == 7
    for width in (1280, 390):
        assert_is_sound(chromium, made.path, width)
