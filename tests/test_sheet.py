"""The contact sheet: outlines lie where they should, captions say what is known, and nothing crashes it."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.strategies import compressed, image_records, texts
from thyrodata.errors import CaseError, UsageError
from thyrodata.io.png import encode_png
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.reports.sheet import Tile, contact_sheet
from thyrodata.reports.sheet.captions import caption_lines
from thyrodata.reports.sheet.colours import colours_by_kind
from thyrodata.reports.sheet.layout import Layout, shortened
from thyrodata.reports.sheet.legend import legend_rows, notes
from thyrodata.schema.geometry import Box, Calipers, Geometry, Line, Mask, Point, Polygon, PolygonPart
from thyrodata.schema.record import (
    Derived,
    Finding,
    ImageRecord,
    ImageRef,
    Label,
    Nodule,
    Origin,
    Read,
    Reading,
    Remark,
)
from thyrodata.schema.vocab import (
    Basis,
    Bethesda,
    Coverage,
    DdtiComposition,
    GroupKind,
    Malignancy,
    Modality,
    Structure,
    TiradsKwak,
)

BLUE = (0, 0, 200)  # no colour of the page, of a text or of an outline
YELLOW = (240, 228, 66)  # the first colour of Okabe & Ito's palette that is used
SKY = (86, 180, 233)

UNNAMED = Read()


def finding(
    *geometries: Geometry, structure: Structure = Structure.NODULE, name: str = "1", origin: Origin = UNNAMED
) -> Finding:
    return Finding(finding_id=name, structure=structure, geometries=geometries, origin=origin)


def record(*findings: Finding, width: int = 400, height: int = 200, **fields: Any) -> ImageRecord:
    given_fields = {
        "image_id": "made/1_2",
        "group_id": "made/1",
        "group_kind": GroupKind.CASE,
        "readings": (Reading(),),
        **fields,
    }
    return ImageRecord(
        image=ImageRef(width=width, height=height),
        modality=Modality.ULTRASOUND,
        findings=findings,
        source="made by this test",
        **given_fields,
    )


def blue_tile(*findings: Finding, width: int = 400, height: int = 200) -> Tile:
    pixels = np.full((height, width, 3), BLUE, np.uint8)
    return Tile(record=record(*findings, width=width, height=height), data=encode_png(pixels))


def dark_tile(**fields: Any) -> Tile:
    return Tile(record=record(**fields), data=None)


def polygon(*rings: tuple[Point, ...]) -> Polygon:
    return Polygon(parts=(PolygonPart(exterior=rings[0], holes=rings[1:]),))


def mask(on: NDArray[np.bool_]) -> Mask:
    height, width = on.shape
    flat = np.concatenate(([False], on.T.ravel(), [False]))
    edges = [0, *np.flatnonzero(np.diff(flat)).tolist(), on.size]
    return Mask(
        height=height,
        width=width,
        counts=compressed([end - start for start, end in pairwise(edges)], height, width),
    )


def drawn(*tiles: Tile, **settings: Any) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(contact_sheet(tiles, **settings))) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.array(image)


def is_near(pixels: NDArray[np.uint8], colour: tuple[int, int, int], within: int = 90) -> NDArray[np.bool_]:
    return np.asarray((np.abs(pixels.astype(int) - colour) <= within).all(axis=-1))


def picture(tile: Tile, **settings: Any) -> NDArray[np.uint8]:
    """The part of the sheet that shows a blue image whose outlines leave its corners blue."""
    pixels = drawn(tile, **settings)
    rows, columns = np.nonzero((pixels == BLUE).all(axis=2))
    return pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def distance(shape: tuple[int, ...], segments: list[tuple[Point, Point]]) -> NDArray[np.float64]:
    """From each pixel's middle to the nearest segment, by projection onto each."""
    ys, xs = np.mgrid[: shape[0], : shape[1]] + 0.5
    nearest = np.full(shape[:2], np.inf)
    for (x0, y0), (x1, y1) in segments:
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((xs - x0) * dx + (ys - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        nearest = np.minimum(nearest, np.hypot(xs - x0 - along * dx, ys - y0 - along * dy))
    return nearest


def edges(ring: tuple[Point, ...], scale: Point = (1, 1)) -> list[tuple[Point, Point]]:
    points = [(x * scale[0], y * scale[1]) for x, y in ring]
    return list(pairwise([*points, points[0]]))


OUTER = ((52.5, 31.0), (340.0, 60.0), (260.0, 171.5))
HOLE = ((180.0, 80.0), (240.0, 85.0), (230.0, 110.0))


@pytest.mark.parametrize(("width", "height"), [(400, 200), (200, 400), (1000, 333), (100, 90), (333, 333)])
@pytest.mark.parametrize("tile_width", [150, 320, 501])
def test_outlines_lie_where_the_image_is_scaled_to(width: int, height: int, tile_width: int) -> None:
    """The line of a polygon and of its hole is coloured all along, and nothing else is touched."""
    rings = [tuple((x / 400 * width, y / 200 * height) for x, y in ring) for ring in (OUTER, HOLE)]
    shown = picture(blue_tile(finding(polygon(*rings)), width=width, height=height), tile_width=tile_width)
    scale = (shown.shape[1] / width, shown.shape[0] / height)
    assert shown.shape[0] == pytest.approx(height * scale[0], abs=1)
    assert max(shown.shape[1] / tile_width, shown.shape[0] / tile_width) <= 1
    away = distance(shown.shape, [edge for ring in rings for edge in edges(ring, scale)])
    assert is_near(shown[away < 0.25], YELLOW).all()
    reach = 2.5 + tile_width / 150
    assert (shown[away > reach] == BLUE).all()
    assert (away > reach).mean() > 0.5


def test_a_box_is_drawn_on_its_four_sides() -> None:
    box = Box(x=40, y=30, width=200, height=100)
    shown = picture(blue_tile(finding(box)), tile_width=400)
    away = distance(shown.shape, edges(((40, 30), (240, 30), (240, 130), (40, 130))))
    assert is_near(shown[away < 0.6], YELLOW).all()
    assert (shown[away > 5] == BLUE).all()


def test_a_mask_is_tinted_and_outlined_and_its_hole_is_neither() -> None:
    on = np.zeros((200, 400), np.bool_)
    on[40:160, 100:300] = True
    on[80:120, 180:240] = False
    shown = picture(blue_tile(finding(mask(on))), tile_width=400)
    rings = (
        ((100, 40), (300, 40), (300, 160), (100, 160)),
        ((180, 80), (240, 80), (240, 120), (180, 120)),
    )
    away = distance(shown.shape, [edge for ring in rings for edge in edges(ring)])
    assert is_near(shown[away < 0.6], YELLOW).all()
    assert (shown[(away > 5) & ~on] == BLUE).all()
    tint = np.unique(shown[(away > 5) & on], axis=0)
    assert len(tint) == 1
    assert all(min(a, b) < c < max(a, b) for a, b, c in zip(BLUE, YELLOW, tint[0].tolist(), strict=True))


def test_one_pixel_of_a_mask_of_a_large_image_is_seen() -> None:
    on = np.zeros((900, 1800), np.bool_)
    on[431, 977] = True
    shown = picture(blue_tile(finding(mask(on)), width=1800, height=900), tile_width=64)
    assert (shown != BLUE).any()


def test_an_empty_mask_draws_nothing() -> None:
    shown = picture(blue_tile(finding(mask(np.zeros((200, 400), np.bool_)))))
    assert (shown == BLUE).all()


def test_a_mask_that_fills_the_image_is_outlined_at_its_border() -> None:
    pixels = drawn(blue_tile(finding(mask(np.ones((200, 400), np.bool_)))), tile_width=400)
    margin = 2 * (400 // 22)
    assert is_near(pixels[margin, margin + 20 : margin + 380], YELLOW).all()


def test_calipers_are_lines_with_ticks_at_their_ends() -> None:
    calipers = Calipers(long=((100, 100), (300, 100)), short=((200, 60), (200, 140)))
    coloured = is_near(picture(blue_tile(finding(calipers)), tile_width=400), YELLOW)
    assert coloured[100, 100:300].all()
    assert coloured[60:140, 200].all()
    for x in (100, 300):
        assert coloured[96:104, x].all()
    assert not coloured[96:98, 150].any()
    for y in (60, 140):
        assert coloured[y, 196:204].all()


def test_a_line_has_its_arrow_head_at_its_last_point() -> None:
    arrow = finding(Line(points=((100, 50), (200, 150), (320, 150))), structure=Structure.MARKER)
    coloured = is_near(picture(blue_tile(arrow), tile_width=400), SKY, within=70)
    assert coloured[150, 205:320].all()
    assert coloured[100, 149:152].any()
    assert np.count_nonzero(coloured[140:161, 311]) > 2 * np.count_nonzero(coloured[140:161, 260])
    assert np.count_nonzero(coloured[40:61, 105:]) < 30  # no head at the tail


def test_a_marker_is_thinner_than_a_nodule_and_of_another_colour() -> None:
    box = Box(x=100, y=50, width=200, height=100)
    marker = picture(blue_tile(finding(box, structure=Structure.MARKER)), tile_width=640)
    nodule = picture(blue_tile(finding(box)), tile_width=640)
    assert is_near(marker, SKY).any()
    assert not is_near(marker, YELLOW).any()
    assert np.count_nonzero(marker != BLUE) < np.count_nonzero(nodule != BLUE)


FAR = 1e6


@pytest.mark.parametrize(
    "geometry",
    [
        Box(x=-50, y=-50, width=1000, height=1000),
        Box(x=-FAR, y=-FAR, width=FAR - 50, height=FAR - 50),
        polygon(((-900, -900), (-800, -900), (-900, -800))),
        polygon(((FAR, FAR), (FAR, FAR / 2), (FAR / 2, FAR))),
        Calipers(long=((-9e5, -9e5), (-9e5, 9e5))),
        Line(points=((1e5, 500.0), (2e5, 600.0))),
    ],
)
def test_what_lies_outside_the_image_is_not_drawn(geometry: Geometry) -> None:
    assert (picture(blue_tile(finding(geometry))) == BLUE).all()


def test_a_line_through_the_image_from_far_outside_is_drawn_where_it_crosses() -> None:
    crossing = Line(points=((-FAR, 100), (FAR, 100)))
    pixels = drawn(blue_tile(finding(crossing)), tile_width=400)
    margin = 2 * (400 // 22)
    assert is_near(pixels[margin + 100, margin : margin + 400], YELLOW).all()


@pytest.mark.parametrize(
    "geometry",
    [
        Box(x=100, y=80, width=0, height=0),
        polygon(((100, 80), (100, 80), (100, 80))),
        Calipers(long=((100, 80), (100, 80))),
        Line(points=((100, 80), (100, 80))),
    ],
)
def test_a_geometry_without_extent_is_still_seen(geometry: Geometry) -> None:
    assert is_near(picture(blue_tile(finding(geometry)), tile_width=400)[78:82, 98:102], YELLOW).any()


def test_readers_have_colours_of_their_own() -> None:
    box = Box(x=100, y=50, width=100, height=100)
    origins: list[tuple[int, str, Origin]] = [
        (20, "1", Read(reader="A")),
        (150, "2", Read(reader="B")),
        (280, "3", Derived(policy="vote", from_ids=("1", "2"))),
    ]
    by_a, by_b, by_vote = (
        finding(replace(box, x=x), name=name, origin=origin) for x, name, origin in origins
    )
    pixels = np.full((200, 400, 3), BLUE, np.uint8)
    readings = (Reading(reader="A"), Reading(reader="B"))
    tile = Tile(record=record(by_a, by_b, by_vote, readings=readings), data=encode_png(pixels))
    shown = picture(tile, tile_width=400)
    colours = {tuple(shown[100, x].tolist()) for x in (20, 150, 280)}
    assert len(colours) == 3
    named = colours_by_kind([tile.record])
    assert [*named] == ["nodule, derived by vote", "nodule, reader A", "nodule, reader B"]
    assert colours == set(named.values())


def test_readers_past_the_palette_share_one_colour_and_one_name() -> None:
    readers = [f"r{number:02}" for number in range(9)]
    box = Box(x=1, y=1, width=5, height=5)
    many = record(
        *(finding(box, name=name, origin=Read(reader=name)) for name in readers),
        readings=tuple(Reading(reader=name) for name in readers),
    )
    colours = colours_by_kind([many])
    assert len(colours) == 9
    assert len(set(colours.values())) == 7
    layout = Layout.of([Tile(record=many, data=None)], 1, 320)
    items = [item for row in legend_rows(layout, colours, ["a note"]) for item in row]
    assert [text for text, _ in items][-3:] == ["nodule, reader r05", "any other", "a note"]


# --- pixels ----------------------------------------------------------------------------------------------


def test_an_image_is_shown_as_it_is() -> None:
    """A grey and an RGB image of the tile's own size come through pixel by pixel."""
    grey = phantom(PhantomSpec(seed=1, width=320, height=200)).pixels
    rgb = np.stack((grey, 255 - grey, grey // 2), axis=2)
    margin = 2 * (320 // 22)
    for pixels, expected in ((grey, np.stack((grey,) * 3, axis=2)), (rgb, rgb)):
        tile = Tile(record=record(width=320, height=200), data=encode_png(pixels))
        shown = drawn(tile)[margin : margin + 200, margin : margin + 320]
        assert np.array_equal(shown, expected)


def test_sixteen_bits_are_stretched_and_it_is_said() -> None:
    ramp = np.tile(np.linspace(31_000, 33_000, 320).astype(np.uint16), (200, 1))
    tile = Tile(record=record(width=320, height=200), data=encode_png(ramp))
    margin = 2 * (320 // 22)
    shown = drawn(tile)[margin + 100, margin : margin + 320, 0]
    assert shown[:3].max() == 0
    assert shown[-3:].min() == 255
    assert (np.diff(shown.astype(int)) >= 0).all()
    for percent in (10, 50, 90):
        assert shown[320 * percent // 100] == pytest.approx(255 * (percent - 1) / 98, abs=2)
    assert caption_lines(tile)[-1][0].endswith("windowed")
    assert any(note.startswith("windowed") for note in notes([tile]))


def test_sixteen_bits_of_one_value_are_shown() -> None:
    flat = np.full((200, 400), 40_000, np.uint16)
    assert drawn(Tile(record=record(), data=encode_png(flat))).size


def test_an_image_without_pixels_shows_its_outlines_on_a_ground_that_says_so() -> None:
    seen = (Reading(coverage=Coverage.COMPLETE),)
    plain = dark_tile(readings=seen)
    outlined = Tile(record=record(finding(polygon(OUTER)), readings=seen), data=None)
    assert not is_near(drawn(plain), YELLOW).any()
    assert is_near(drawn(outlined), YELLOW).any()
    top = 2 * (320 // 22)
    lit = drawn(plain)[top : top + 60].max(axis=(1, 2)) > 120
    assert lit.any()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no image",
        encode_png(np.zeros((200, 400), np.uint8))[:-20],
        jpeg_bytes(np.zeros((8, 8), np.uint8)),
    ],
    ids=["empty", "text", "cut", "another size"],
)
def test_a_bad_image_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(CaseError) as caught:
        contact_sheet([blue_tile(), Tile(record=record(), data=data)])
    assert "made/1_2" in caught.value.where
    assert caught.value.hint


def test_a_record_that_claims_a_giant_image_is_refused_before_its_mask_is_decoded() -> None:
    side = 60_000
    giant = Mask(height=side, width=side, counts=compressed([side * side], side, side))
    tile = Tile(record=record(finding(giant), width=side, height=side), data=None)
    with pytest.raises(CaseError, match="past the limit"):
        contact_sheet([tile])


# --- captions --------------------------------------------------------------------------------------------

KWAK = Label(value=TiradsKwak.T4A)
BENIGN = Label(value=Malignancy.BENIGN, basis=Basis.HISTOLOGY)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"image_id": "made/x"}, "made/x"),
        ({"group_kind": GroupKind.CLIP, "group_id": "made/c/7"}, "clip c/7"),
        (
            {"case_labels": (Label(value=DdtiComposition.SOLID), KWAK)},
            "case: TI-RADS Kwak 4a, composition solid",
        ),
        ({"image_labels": (BENIGN, BENIGN)}, "image: benign by histology"),
        (
            {"image_labels": (BENIGN,), "case_labels": (KWAK,)},
            "case: TI-RADS Kwak 4a · image: benign by histology",
        ),
        ({"nodules": (Nodule(nodule_id="1", labels=(Label(value=Bethesda.IV),)),)}, "nodule: Bethesda IV"),
        ({"image_labels": (replace(KWAK, reader="A"),)}, "image: TI-RADS Kwak 4a (A)"),
        ({"readings": (Reading(coverage=Coverage.NONE),)}, "no outline: says nothing"),
        ({"readings": ()}, "no outline: says nothing"),
        ({"readings": (Reading(coverage=Coverage.COMPLETE),)}, "0 outlines, complete"),
        ({"readings": (Reading(coverage=Coverage.PARTIAL),)}, "0 outlines, partial"),
        ({}, "no outline, coverage not stated"),
        ({"remarks": (Remark(code="x", text=""),) * 2}, "no outline, coverage not stated · 2 remarks"),
    ],
)
def test_the_caption_says(fields: dict[str, Any], line: str) -> None:
    assert line in [text for text, _ in caption_lines(dark_tile(**fields))]


def test_the_caption_counts_outlines_and_markers_apart() -> None:
    box = Box(x=1, y=1, width=5, height=5)
    nodule = replace(finding(box), labels=(BENIGN,))
    marker = finding(box, structure=Structure.MARKER, name="2")
    caption = [text for text, _ in caption_lines(Tile(record=record(nodule, marker), data=None))]
    assert caption[-2:] == ["outline: benign by histology", "1 outline · 1 marker"]


def test_the_legend_says_that_a_group_is_no_patient_unless_it_is_one() -> None:
    cases = [dark_tile(image_id=f"made/{n}", group_id=f"made/{n // 2}") for n in range(4)]
    patient = dark_tile(group_kind=GroupKind.PATIENT)
    alone = dark_tile(group_kind=GroupKind.IMAGE)
    assert [*notes([*cases, patient, alone])] == [
        "1 image of 1 patient",
        "4 images of 2 cases: 1 case is not 1 patient",
        "1 image: 1 image is not 1 patient",
    ]


def test_a_long_text_ends_before_its_tile_does() -> None:
    long = "made/" + "wide name " * 40 + "end"
    labels = tuple(Label(value=term) for term in (*TiradsKwak, *Bethesda))
    readers = [name * length for name in "abcd" for length in (1, 10, 100)]
    box = Box(x=1, y=1, width=5, height=5)
    nodules = [finding(box, name=name, origin=Read(reader=name)) for name in readers]
    readings = tuple(Reading(reader=name) for name in readers)
    many = record(*nodules, image_id=long, case_labels=labels, readings=readings)
    pixels = drawn(Tile(record=many, data=None), title="title " * 500, tile_width=200)
    margin = 2 * (200 // 22)
    right = pixels[:, margin + 200 :].reshape(-1, 3)
    assert len(np.unique(right, axis=0)) == 1


@given(text=st.text(max_size=80), width=st.integers(0, 300))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    """A text that fits is kept; another is cut, and fits with its ellipsis wherever that alone does."""
    font = Layout.of([dark_tile()], 1, 320).font
    short = shortened(text, font, width)
    if short.endswith("…") and not text.endswith("…"):
        assert font.getlength(short) <= max(width, font.getlength("…"))
        assert len(short) <= len(text) + 1
    else:
        assert len(short) == len(text)
        assert font.getlength(short) <= width


# --- the page --------------------------------------------------------------------------------------------


def test_tiles_are_laid_out_in_rows() -> None:
    size = {count: drawn(*[blue_tile()] * count, columns=3).shape[:2] for count in (1, 2, 3, 4, 6, 7)}
    assert size[1][1] < size[2][1] < size[3][1] == size[4][1] == size[6][1] == size[7][1]
    assert size[2][0] == size[3][0] < size[4][0] == size[6][0] < size[7][0]
    assert size[7][0] - size[6][0] == size[6][0] - size[3][0]


def test_six_columns_make_a_page_of_about_two_thousand_pixels() -> None:
    assert drawn(*[blue_tile()] * 7).shape[1] == pytest.approx(2000, abs=60)


def test_all_tiles_are_of_one_size() -> None:
    shapes = [(400, 200), (200, 400), (10, 10)]
    tiles = [blue_tile(width=width, height=height) for width, height in shapes]
    blue = (drawn(*tiles) == BLUE).all(axis=2)
    columns = np.flatnonzero(np.diff(blue.any(axis=0).astype(int)))
    centres = [(start + end) / 2 for start, end in zip(columns[::2], columns[1::2], strict=True)]
    assert len(centres) == 3
    assert centres[1] - centres[0] == pytest.approx(centres[2] - centres[1], abs=1)


def test_a_title_adds_a_line_and_nothing_else() -> None:
    plain, titled = drawn(blue_tile()), drawn(blue_tile(), title="Thyroid")
    added = len(titled) - len(plain)
    assert added > 0
    top = 2 * (320 // 22)
    assert np.array_equal(titled[top + added :], plain[top:])
    assert (titled[top : top + added] != titled[0, 0]).any()


def test_equal_tiles_give_equal_bytes_and_other_tiles_other_bytes() -> None:
    tiles = [blue_tile(finding(polygon(OUTER))), blue_tile()]
    assert contact_sheet(tiles) == contact_sheet(tiles)
    assert contact_sheet(tiles) != contact_sheet(tiles[::-1])


@pytest.mark.parametrize(
    ("count", "settings"),
    [
        (0, {}),
        (1, {"columns": 0}),
        (1, {"columns": -3}),
        (1, {"tile_width": 63}),
        (1, {"tile_width": 10**9}),
        (400, {"tile_width": 2000}),
    ],
)
def test_a_sheet_that_cannot_be_made_is_refused(count: int, settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        contact_sheet([dark_tile()] * count, **settings)
    assert caught.value.hint


@st.composite
def tiles(draw: st.DrawFn) -> Tile:
    any_record = draw(image_records())
    size = (any_record.image.height, any_record.image.width)
    pixels = draw(
        st.sampled_from(
            [None, np.zeros(size, np.uint8), np.ones((*size, 3), np.uint8), np.full(size, 700, np.uint16)]
        )
    )
    return Tile(record=any_record, data=None if pixels is None else encode_png(pixels))


@given(
    some=st.lists(tiles(), min_size=1, max_size=3),
    columns=st.integers(1, 4),
    tile_width=st.integers(64, 160),
    title=texts,
)
def test_any_record_can_be_shown(some: list[Tile], columns: int, tile_width: int, title: str) -> None:
    """Every record that the schema allows has a tile, as wide as was asked for."""
    pixels = drawn(*some, columns=columns, tile_width=tile_width, title=title)
    across = min(columns, len(some))
    assert across * tile_width < pixels.shape[1] < across * (tile_width + 40) + 40
