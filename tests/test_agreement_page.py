"""The page of agreement: every figure is on it, no text of the data is markup, and plots are right."""

from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import chain
from math import nan
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray
from PIL import Image

from thyrodata.agreement.definitions import DEFINITIONS
from thyrodata.agreement.model import (
    Agreement,
    Differences,
    Figure,
    GradeAgreement,
    Noted,
    OverallAgreement,
    PairAgreement,
    PairColumns,
    ReaderCount,
    Terms,
)
from thyrodata.errors import CaseError
from thyrodata.io.png import encode_png
from thyrodata.reports import agreementplots
from thyrodata.reports.agreementpage import WorstCase, agreement_page, worst_picture
from thyrodata.reports.agreementplots import (
    MOST_MARKS,
    READER_COLOURS,
    bland_altman,
    confusion,
    dice_histogram,
)
from thyrodata.reports.agreementtables import figures_table, notes_table, readers_table
from thyrodata.reports.sheet import Tile
from thyrodata.schema.geometry import Box, Geometry, Polygon, PolygonPart
from thyrodata.schema.record import Finding, ImageRecord, ImageRef, Read, Reading
from thyrodata.schema.vocab import Bethesda, GroupKind, Modality, Scope, Structure

pytestmark = pytest.mark.slow  # together they take as long as hundreds of others

HOSTILE = "<script src=http://x.org/a.js>'\"</script> $\\frac{1 -- ]]> \x00\u202e 李医生"
SHOWN = HOSTILE.replace("\x00", "\ufffd").replace("\u202e", "\ufffd")
VOID = {"br", "img", "meta"}


def figure(name: str, value: float | None = 0.5, of: str = "", unit: str = "", **fields: Any) -> Figure:
    ends = {"low": None, "high": None} if value is None else {"low": value - 0.125, "high": value + 0.0625}
    given_fields: dict[str, Any] = {"n": 40, "counted": "pairs of outlines", "groups": 17, **ends, **fields}
    return Figure(name=name, of=of, unit=unit, value=value, **given_fields)


def columns(first: Sequence[float], second: Sequence[float], dice: Sequence[float]) -> PairColumns:
    return PairColumns(
        image_ids=tuple(f"made/{k}" for k in range(len(dice))),
        group_ids=tuple(f"made/{k // 2}" for k in range(len(dice))),
        finding_ids=(("a", "b"),) * len(dice),
        values={"iou": tuple(dice), "dice": tuple(dice), "area_a": tuple(first), "area_b": tuple(second)},
    )


def pair_of(readers: tuple[str, str] = ("Ann", "Ben"), n: int = 40, **fields: Any) -> PairAgreement:
    draws = np.random.default_rng(7)
    first = draws.uniform(300, 4000, n)
    second = first + draws.normal(60, 180, n)
    given_fields: dict[str, Any] = {
        "images": n + 9,
        "only": (3, 2),
        "unmatched": (7, 4),
        "unmatched_of_complete": (5, 0),
        "equal": 6,
        "figures": (
            figure("dice", 0.84375, "mean"),
            figure("dice", 0.875, "median"),
            figure("hausdorff", 12.125, "mean", "px"),
            figure("detection_f1", None, "IoU >= 0.5", n=0, groups=0),
        ),
        "differences": (
            Differences(
                quantity="area",
                unit="px²",
                figures=(
                    figure("bias", -60.5, unit="px²", low=-110.0, high=-2.0),
                    figure("loa_low", -410.0, unit="px²", low=-500.0, high=-330.0),
                    figure("loa_high", 289.5, unit="px²", low=210.0, high=380.0),
                    figure("icc_a1", 0.96875),
                ),
            ),
        ),
        "grades": (grades(),),
        "columns": columns(first, second, [1.0] * min(6, n) + [*(1 - draws.beta(2, 9, max(0, n - 6)))]),
        **fields,
    }
    return PairAgreement(readers=readers, **given_fields)


def grades() -> GradeAgreement:
    terms = tuple(Bethesda)
    table = [[3 * (row == column) + (abs(row - column) == 1) for column in range(6)] for row in range(6)]
    return GradeAgreement(
        scheme="bethesda",
        scope=Scope.NODULE,
        terms=terms,
        table=tuple(map(tuple, table)),
        figures=(figure("kappa", 0.625, counted="nodules"), figure("kappa_quadratic", None)),
    )


def report(name: str = "Ann", *, kinds: tuple[str, ...] = ("case",), **fields: Any) -> Agreement:
    given_fields: dict[str, Any] = {
        "terms": Terms(
            dataset=name,
            sources=(name, "second.json"),
            structures=("nodule",),
            floor=0.1,
            tolerance=2,
            unit="px",
            thresholds=(0.5, 0.75),
            group_kinds=kinds,
            seed=0,
            resamples=2000,
            level=0.95,
        ),
        "readers": (ReaderCount(reader=name, roles=(name,), images=49, findings=47, complete=30),),
        "pairs": (pair_of((name, "Ben")), pair_of((name, "Cat"), 2, differences=(), grades=())),
        "overall": (OverallAgreement(what=name, figures=(figure("alpha_ordinal", 0.71875),)),),
        "notes": (
            Noted(code="one-reader", sentence=name, places=tuple(f"made/{k}" for k in range(1, 13))),
            Noted(code="equal-drawings", sentence="hardly two readings", places=(f"{name}: 6 of 40",)),
        ),
        **fields,
    }
    return Agreement(**given_fields)


def case(name: str = "made/1", hausdorff: float | None = 45.125) -> WorstCase:
    picture = worst_picture(tile(), (drawn(Box(x=9, y=9, width=30, height=20)),) * 2)
    return WorstCase(image_id=name, readers=(name, "Ben"), dice=0.12345, hausdorff=hausdorff, picture=picture)


def tile(data: bytes | None = None, reader: str | None = None) -> Tile:
    record = ImageRecord(
        image_id="made/1",
        image=ImageRef(width=100, height=80),
        modality=Modality.ULTRASOUND,
        group_id="made/1",
        group_kind=GroupKind.CASE,
        readings=(Reading(reader=reader),),
        source="made by this test",
    )
    return Tile(record=record, data=data)


def drawn(geometry: Geometry, **fields: Any) -> Finding:
    return Finding(finding_id="1", structure=Structure.NODULE, geometries=(geometry,), **fields)


class Page(HTMLParser):
    """What a browser finds on a page."""

    def __init__(self, page: bytes | str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(page if isinstance(page, str) else page.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & {*self.open} and "sup" not in self.open:
            self.rows[-1][-1] += data

    def values(self, attribute: str) -> list[str]:
        return [str(found[attribute]) for _, found in self.tags if attribute in found]

    def svgs(self) -> list[str]:
        kind = "data:image/svg+xml;base64,"
        return [b64decode(each.removeprefix(kind)).decode() for each in self.values("src") if kind in each]


def all_figures(of: Agreement) -> list[Figure]:
    by_pair = [
        [*pair.figures, *chain.from_iterable(each.figures for each in (*pair.differences, *pair.grades))]
        for pair in of.pairs
    ]
    return [*chain.from_iterable(by_pair), *chain.from_iterable(each.figures for each in of.overall)]


def axes_of(draw: Any, *arguments: Any) -> Axes:
    axes = Canvas(layout="constrained").add_subplot()
    draw(*arguments, axes)
    return axes


# --------------------------------------------------------------------------------------- the page as a whole


def test_equal_reports_give_equal_bytes_whatever_the_settings_of_matplotlib_are() -> None:
    first = agreement_page(report(), [case()])
    with mpl.rc_context({"font.size": 20, "svg.fonttype": "path", "axes.grid": True}):
        before = dict(mpl.rcParams)
        assert agreement_page(report(), [case()]) == first
        assert dict(mpl.rcParams) == before


def test_the_page_refers_to_nothing_outside_and_runs_nothing() -> None:
    page = Page(agreement_page(report(HOSTILE), [case()]))
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "base", "form"} == set()
    assert all(source.startswith("data:image/") for source in page.values("src"))
    assert {link.removeprefix("#") for link in page.values("href")} <= {*page.values("id")}
    assert len(page.values("id")) == len({*page.values("id")})
    (policy,) = page.values("content")
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert "url(" not in page.text
    for svg in page.svgs():
        for element in etree.fromstring(svg.encode()).iter(etree.Element):
            assert etree.QName(element).localname != "script"
            links = [text for key, text in element.attrib.items() if etree.QName(key).localname == "href"]
            assert all(link.startswith("#") for link in links)


def test_hostile_names_are_shown_and_change_no_markup() -> None:
    plain, hostile = (Page(agreement_page(report(name), [case("made/1")])) for name in ("Ann", HOSTILE))
    shape = [[(tag, sorted(found)) for tag, found in page.tags] for page in (plain, hostile)]
    assert shape[0] == shape[1]
    # Title, heading, dataset, source, reader, role, note; a pair in its list, its heading, its differences.
    assert hostile.text.count(SHOWN) >= 9
    assert "\x00" not in hostile.text


@given(st.text(min_size=1))
def test_any_text_stands_on_the_page_as_text(text: str) -> None:
    """A name of any characters is text, and nothing that cannot be printed is left of it."""
    said = "".join(char if char.isprintable() else "\ufffd" for char in text)
    reader = ReaderCount(reader=text, roles=(), images=1, findings=1, complete=0)
    page = Page(readers_table([reader]) + notes_table([Noted(code="x", sentence=text, places=(text,))]))
    assert page.rows[1] == [said, "not stated", "1", "0", "1"]
    assert page.rows[3] == ["x", said, "1", said]
    assert {tag for tag, _ in page.tags} == {"table", "thead", "tbody", "tr", "th", "td"}
    page.text.encode()


def test_what_changes_how_figures_are_read_comes_first() -> None:
    text = Page(agreement_page(report(), [])).text
    first, rest = text.split("What was compared", 1)
    assert "1 case is not 1 patient" in first
    assert "Hardly two readings. Ann: 6 of 40" in first
    assert "made/1" not in first
    assert "equal-drawings" in rest


def test_groups_that_are_patients_need_no_caution() -> None:
    assert "is not 1 patient" not in Page(agreement_page(report(kinds=("patient",)), [])).text
    assert "1 image is not 1 patient" in Page(agreement_page(report(kinds=("patient", "image")), [])).text


def test_a_report_of_nothing_is_a_page() -> None:
    page = Page(agreement_page(report(readers=(), pairs=(), overall=(), notes=()), []))
    assert "No two readers have read the same image." in page.text
    assert "Least agreement" not in page.text


# ----------------------------------------------------------------------------------------------- the figures


def test_every_figure_stands_in_a_row_with_n_and_groups() -> None:
    made = report()
    page = Page(agreement_page(made, []))
    rows = [row for row in page.rows if len(row) in {5, 6} and row[-2] != "n"]
    figures = [row for row in rows if row[-1] in {"17", "0"}]
    assert len(figures) == len(all_figures(made))
    for row, expected in zip(figures, all_figures(made), strict=True):
        assert row[-5] == expected.of
        assert row[-2] == f"{expected.n} {expected.counted}"
        if len(row) == 6:
            assert row[0] == DEFINITIONS[expected.name].title


@pytest.mark.parametrize(
    ("given_figure", "cells"),
    [
        (figure("dice", 0.84375, "mean"), ["mean", "0.844", "0.719 to 0.906"]),
        (figure("hausdorff", 12.125, unit="px"), ["", "12.12 px", "12.00 to 12.19"]),
        (
            figure("loa_high", 1290.25, unit="px²", low=-3.0, high=2e6),
            ["", "1,290.25 px²", "-3.00 to 2,000,000.00"],
        ),
        (figure("bias", -0.001, unit="px", low=None, high=None), ["", "0.00 px", "no interval"]),
        (figure("kappa", -0.0001, low=-0.25, high=0.0), ["", "0.000", "-0.250 to 0.000"]),
        (figure("kappa", None), ["", "not defined", "no interval"]),
    ],
)
def test_a_figure_is_said_to_a_sensible_precision(given_figure: Figure, cells: list[str]) -> None:
    page = Page(figures_table([given_figure], 0.95))
    assert page.rows[0] == ["figure", "", "value", "95 % interval", "n", "groups"]
    assert page.rows[1] == [DEFINITIONS[given_figure.name].title, *cells, "40 pairs of outlines", "17"]


def test_every_definition_stands_on_the_page_with_its_source() -> None:
    rows = Page(agreement_page(report(), [])).rows
    for number, meant in enumerate(DEFINITIONS.values(), 1):
        assert [str(number), meant.title, meant.text, meant.source] in rows


def test_a_figure_leads_to_its_own_definition() -> None:
    page = Page(figures_table([figure("kappa")], 0.95))
    numbers = [int(link.rpartition("-")[2]) for link in page.values("href")]
    assert [[*DEFINITIONS][number - 1] for number in numbers] == ["interval", "kappa"]


def test_a_pair_is_counted_in_one_row() -> None:
    rows = Page(agreement_page(report(), [])).rows
    assert ["Ann and Ben", "49", "3 and 2", "40", "6", "7 and 4", "5 and 0"] in rows


def test_a_note_tells_how_often_and_where_first() -> None:
    (row,) = (row for row in Page(agreement_page(report(), [])).rows if row[0] == "one-reader")
    first = ", ".join(f"made/{k}" for k in range(1, 11))
    assert row[1:] == ["Ann", "12", f"{first} and 2 more"]


# ------------------------------------------------------------------------------------------------- the plots


def test_plots_are_well_formed_and_show_names_as_they_are() -> None:
    made = pair_of(("$a_1$ & <b> \x00", "李医生"))
    for svg in (bland_altman(made, made.differences[0]), confusion(grades(), made.readers)):
        texts = " ".join(etree.fromstring(svg.encode()).itertext())
        assert "$a_1$ & <b> \ufffd" in texts
        assert "李医生" in texts


def test_long_names_that_differ_in_the_end_stay_different_and_short() -> None:
    names = ("the reader of the first hospital, number 1", "the reader of the first hospital, number 2")
    texts = " ".join(etree.fromstring(confusion(grades(), names).encode()).itertext())
    assert "the reader…, number 1" in texts
    assert "the reader…, number 2" in texts


def test_a_reader_whom_the_source_does_not_name_is_called_something() -> None:
    made = report(pairs=(pair_of(("", "Ben")),), readers=(replace(report().readers[0], reader=""),))
    page = Page(agreement_page(made, []))
    assert ["unnamed reader", "Ann", "49", "30", "47"] in page.rows
    assert "Difference in area: unnamed reader less Ben" in page.text
    assert all("unnamed reader" in svg for svg in page.svgs())


def test_a_point_is_the_mean_against_the_first_less_the_second() -> None:
    made = replace(pair_of(), columns=columns([10, 20, nan, 50, 9], [14, 10, 3, 50, nan], [1] * 5))
    first, second = (np.array(made.columns.values[f"area_{side}"]) for side in "ab")
    known = [0, 1, 3]
    axes = axes_of(
        agreementplots._draw_differences, made.readers, made.differences[0], first[known], second[known]
    )
    (cloud,) = (each for each in axes.collections if isinstance(each, PathCollection))
    assert np.asarray(cloud.get_offsets()).tolist() == [[12, -4], [15, 10], [50, 0]]
    levels = [np.asarray(line.get_ydata()).tolist()[0] for line in axes.lines]
    assert levels == [0, -60.5, 289.5, -410.0]
    bands = [(patch.get_y(), patch.get_y() + patch.get_height()) for patch in axes.patches]
    assert bands == [(-110, -2), (210, 380), (-500, -330)]
    assert axes.get_xlabel() == "mean of both (px²)"
    assert axes.get_ylabel() == "Ann\nless Ben (px²)"
    assert "n = 3" in bland_altman(made, made.differences[0])


def test_a_level_that_is_not_defined_is_not_drawn() -> None:
    bare = Differences(
        quantity="area", unit="px²", figures=(figure("bias", None), figure("loa_low", 3, low=None, high=None))
    )
    axes = axes_of(agreementplots._draw_differences, ("A", "B"), bare, np.arange(4.0), np.arange(4.0))
    assert [np.asarray(line.get_ydata()).tolist()[0] for line in axes.lines] == [0, 3]
    assert len(axes.patches) == 0


def test_each_dice_falls_into_the_bin_that_begins_with_it() -> None:
    """The bins' edges are the numbers that one writes: .15 is no less than the edge at .15."""
    dice = np.arange(21) / 20
    axes = axes_of(agreementplots._draw_dice, pair_of(unmatched=(0, 0), equal=0), dice)
    heights = [patch.get_height() for patch in axes.patches[:20]]
    assert heights == [1] * 19 + [2]


def test_drawings_without_a_counterpart_stand_apart_left_of_all_dice() -> None:
    axes = axes_of(agreementplots._draw_dice, pair_of(unmatched=(7, 4), equal=6), np.array([0.5, 1.0]))
    first, second = axes.patches[-2:]
    assert [(bar.get_y(), bar.get_height()) for bar in (first, second)] == [(0, 7), (7, 4)]
    assert max(bar.get_x() + bar.get_width() for bar in (first, second)) < 0
    assert tuple(to_hex(bar.get_facecolor()) for bar in (first, second)) == READER_COLOURS
    labels = axes.get_legend_handles_labels()[1]
    assert labels[1:] == [
        "of these equal in every pixel (6)",
        "drawn by Ann only (7)",
        "drawn by Ben only (4)",
    ]


def test_the_table_of_grades_has_the_whole_scale_in_its_order_and_the_first_reader_in_rows() -> None:
    made = replace(grades(), table=((0, 5, 0, 0, 0, 0), *(((0,) * 6,) * 5)))
    axes = axes_of(agreementplots._draw_confusion, made, ("Ann", "Ben"))
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert len(cells) == 36
    assert cells[1.5, 0.5] == "5"
    assert cells[0.5, 1.5] == "0"
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == ["I", "II", "III", "IV", "V", "VI"]
    assert axes.get_ylim() == (6, 0)
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("Ann", "Ben")


def test_too_few_points_are_said_and_not_drawn() -> None:
    made = replace(pair_of(unmatched=(0, 0)), columns=columns([1, 2, nan], [1, 2, 3], [0.5, 0.75]))
    assert "Area: too few matched pairs for a plot (2)" in bland_altman(made, made.differences[0])
    assert "Dice: too few matched pairs for a plot (2)" in dice_histogram(made)
    assert "no\ncounterpart" not in dice_histogram(made)
    assert "Dice, n = 2" in dice_histogram(replace(made, unmatched=(0, 3)))


def test_a_cloud_of_many_points_keeps_the_plot_small() -> None:
    made = pair_of(n=MOST_MARKS + 1)
    svg = bland_altman(made, made.differences[0])
    assert len(svg) < 150_000
    assert "data:image/png;base64," in svg


# ---------------------------------------------------------------------------------------------- the pictures


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.array(image)


def is_near(pixels: NDArray[np.uint8], colour: str) -> NDArray[np.bool_]:
    rgb = [*bytes.fromhex(colour[1:])]
    return np.asarray((np.abs(pixels.astype(int) - rgb) <= 40).all(axis=-1))


LEFT = Polygon(parts=(PolygonPart(exterior=((10, 20), (40, 20), (40, 60), (10, 60))),))
RIGHT = Box(x=60, y=20, width=30, height=40)


@pytest.mark.parametrize("reader", [None, "Ann"])
def test_each_outline_has_the_colour_of_its_reader_even_if_both_have_one_name(reader: str | None) -> None:
    drawings = (drawn(LEFT, origin=Read(reader=reader)), drawn(RIGHT, origin=Read(reader=reader)))
    pixels = pixels_of(worst_picture(tile(reader=reader), drawings))
    assert pixels.shape == (296, 370, 3)
    for colour, columns_of in zip(READER_COLOURS, ((37, 148), (222, 333)), strict=True):
        rows, found = np.nonzero(is_near(pixels, colour))
        assert (found.min(), found.max()) == pytest.approx(columns_of, abs=3)
        assert (rows.min(), rows.max()) == pytest.approx((74, 222), abs=3)


def test_a_picture_shows_the_image_under_the_outlines() -> None:
    data = encode_png(np.full((80, 100), 200, np.uint8))
    pixels = pixels_of(worst_picture(tile(data), (drawn(LEFT), drawn(RIGHT))))
    assert pixels[5, 5].tolist() == [200, 200, 200]


def test_an_image_of_another_size_is_refused() -> None:
    data = encode_png(np.zeros((80, 101), np.uint8))
    with pytest.raises(CaseError, match="outlines would lie at wrong places"):
        worst_picture(tile(data), (drawn(LEFT), drawn(RIGHT)))


def test_the_worst_cases_are_shown_with_their_figures() -> None:
    page = Page(agreement_page(report(), [case(), case("made/2", None)]))
    assert "made/1made/1 and BenDice 0.123, Hausdorff distance 45.12 px" in page.text
    assert "made/2made/2 and BenDice 0.123" in page.text
    assert page.text.count("Hausdorff distance 4") == 1
    assert sum(source.startswith("data:image/png") for source in page.values("src")) == 2
