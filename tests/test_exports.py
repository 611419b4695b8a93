"""Every export accounts for what it is given, is refused unless losses are accepted, and comes whole."""

from __future__ import annotations

import inspect
import json
import re
import tempfile
from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco_mask

from tests import strategies as some
from tests.contract.run import contents
from tests.toy import finding, graded, make_dataset, record
from thyrodata import export
from thyrodata.errors import DatasetError, OutputError, UsageError
from thyrodata.exports import EXPORTS, load_export, settings_class
from thyrodata.exports.boxes import boxed_images
from thyrodata.exports.fields import FIELDS, count_fields
from thyrodata.exports.folder import FileNames, Folder
from thyrodata.exports.ledger import BY_REQUEST, LOSSES, LossLedger
from thyrodata.exports.outlines import clip_ring, join_parts, outlines
from thyrodata.exports.run import MARKER
from thyrodata.exports.shapes import Outside, Shape
from thyrodata.exports.view import View, exported_readers, view
from thyrodata.exports.windows import AllBits
from thyrodata.io.images import decode_image
from thyrodata.io.parquet import batch_of, write_records
from thyrodata.io.png import encode_png
from thyrodata.io.windows import RecordWindow, apply_window
from thyrodata.schema.geometry import Box, Line, Mask, Polygon, PolygonPart
from thyrodata.schema.record import Acquisition, Derived, ImageRef, Label, OfficialSplit, Read, Reading
from thyrodata.schema.vocab import SCHEMES, Coverage, DeepLesionSite, Modality, Structure

# pycocotools' own decoder hands numpy an array in the way of numpy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

DOCS = Path(__file__).parents[1] / "docs" / "export.md"
COMPLETE = (Reading(coverage=Coverage.COMPLETE),)
SQUARE = Box(x=2, y=3, width=4, height=5)
RING = ((2.0, 3.0), (6.0, 3.0), (6.0, 8.0))
POLYGON = Polygon(parts=(PolygonPart(exterior=RING),))
STROKE = Line(points=((1, 1), (9, 9)))
PICTURE = encode_png(np.zeros((12, 16), np.uint8))
GRADE = graded("4a")

WHOLE = {"huggingface"}
"""Formats that lose nothing, since they hold the records as they are."""

formats = pytest.mark.parametrize("name", EXPORTS)
losing_formats = pytest.mark.parametrize("name", [name for name in EXPORTS if name not in WHOLE])

OF_CLASSES = {"imagefolder"}
"""Formats of the classes of whole images, for which it is no loss that nobody outlined anything."""
in_whole_datasets = settings(max_examples=settings.default.max_examples // 4)  # each example writes one


# ---------------------------------------------------------------- the table


def test_the_table_is_alphabetical_and_every_format_is_of_one_form():
    assert list(EXPORTS) == sorted(EXPORTS)
    for name in EXPORTS:
        assert list(inspect.signature(load_export(name)).parameters) == ["view", "out", "settings"]
        assert all(field.metadata["help"] for field in fields(settings_class(name)))
        settings_class(name)()


def test_every_module_that_writes_a_format_is_in_the_table():
    folder = Path(inspect.getfile(load_export("coco"))).parent
    found = {
        name
        for path in folder.rglob("*.py")
        for name in re.findall(r"^def export_(\w+)\(", path.read_text(), re.MULTILINE)
    }
    assert found == set(EXPORTS)


def test_what_is_no_format_is_refused(tmp_path):
    dataset = make_dataset(tmp_path / "d", [record("a")])
    with pytest.raises(UsageError, match="no-such"):
        export("no-such", dataset, tmp_path / "o")
    with pytest.raises(UsageError, match="YoloSettings"):
        export("yolo", dataset, tmp_path / "o", settings=settings_class("coco")())
    assert not (tmp_path / "o").exists()


def test_every_loss_is_explained_in_the_docs():
    table = re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", DOCS.read_text(), re.MULTILINE)
    assert [(name, text) for name, text in table if name not in EXPORTS] == list(LOSSES.items())
    assert list(LOSSES) == sorted(LOSSES)
    assert {name for name, _ in table} & set(EXPORTS) == set(EXPORTS)


# ---------------------------------------------------------------- the account of what is lost


def nearer(found):
    """The record with coordinates a thousandth as far away, many of them inside of the image."""
    drawn = (
        replace(f, geometries=tuple(near(geometry) for geometry in f.geometries)) for f in found.findings
    )
    return replace(found, findings=tuple(drawn))


def near(geometry):
    match geometry:
        case Box(x=x, y=y, width=w, height=h):
            return Box(x=x / 1000, y=y / 1000, width=w / 1000, height=h / 1000)
        case Polygon(parts=parts):
            return Polygon(
                parts=tuple(
                    PolygonPart(exterior=shrunk(p.exterior), holes=tuple(map(shrunk, p.holes))) for p in parts
                )
            )
    return geometry


def shrunk(ring):
    return tuple((x / 1000, y / 1000) for x, y in ring)


datasets = st.lists(
    st.tuples(some.image_records().map(nearer), st.sampled_from([None, "train", "val"])),
    min_size=1,
    max_size=4,
    unique_by=(lambda pair: pair[0].image_id, lambda pair: pair[0].image.path or pair[0].image_id),
)


def with_files(drawn):
    """The records with paths that any disk can hold, and the files there: formats may look at them."""
    placed = [
        (found if found.image.path is None else at(found, f"images/{number}.png"), part)
        for number, (found, part) in enumerate(drawn)
    ]
    return placed, {found.image.path: PICTURE for found, _ in placed if found.image.path}


def at(found, path):
    return replace(found, image=replace(found.image, path=path))


def settings_of(name, draw):
    """Settings of a format drawn at random, which do not ask for more than a record can give."""
    cls = settings_class(name)
    drawn = {}
    for field in fields(cls):
        if isinstance(field.default, bool):
            drawn[field.name] = draw(st.booleans())
        elif hasattr(type(field.default), "__members__"):
            drawn[field.name] = draw(st.sampled_from(type(field.default)))
        elif field.name == "label":  # by default the only one that a dataset has
            drawn[field.name] = draw(st.sampled_from(sorted(SCHEMES)))
    if "window" in {field.name for field in fields(cls)} and not drawn.get("labels_only"):
        drawn["window"] = "16bit"
    return cls(**drawn)


@pytest.mark.slow
@formats
@in_whole_datasets
@given(st.data())
def test_written_and_lost_are_what_is_given(name, data):
    """Of images and of findings, what is written and what is lost sum to what the split holds."""
    drawn, files = with_files(data.draw(datasets))
    part_of = {found.image_id: part for found, part in drawn if part}
    assume(part_of)
    chosen = settings_of(name, data.draw)
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_dataset(Path(folder, "d"), [found for found, _ in drawn], files)
        for number, reader in enumerate(exported_readers(dataset)):
            out = Folder(Path(folder, str(number)))
            out.path.mkdir()
            ledger = load_export(name)(view(dataset, part_of, reader), out, chosen)
            assert ledger.given["images"] == len(part_of)
            assert ledger.given["findings"] == sum(len(found.findings) for found, part in drawn if part)
            for what in ("images", "findings"):
                lost = sum(n for (kind, _), n in ledger.lost.items() if kind == what)
                assert ledger.written[what] + lost == ledger.given[what]
            for (what, loss), n in [*ledger.lost.items(), *ledger.changed.items()]:
                assert n > 0
                assert what in {"images", "findings"}
                assert loss in LOSSES
            for (what, _), n in ledger.changed.items():
                assert n <= ledger.written[what]
            assert all(0 < n <= ledger.written["images"] for n in ledger.fields.values())


shapes = st.sampled_from(Shape)
outsides = st.sampled_from(Outside)


@pytest.mark.slow
@in_whole_datasets
@given(datasets, shapes, outsides, st.booleans())
def test_no_view_makes_a_negative(drawn, shape, outside, images):
    """An image without findings is shown only if the reader says that it was read completely and has none."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_dataset(Path(folder, "d"), [found for found, _ in drawn])
        everything = {found.image_id: "all" for found, _ in drawn}
        for reader in exported_readers(dataset):
            shown = replace(
                view(dataset, everything, reader),
                shape=shape,
                outside=outside,
                images=images,
                window=AllBits(),
            )
            for image in shown:
                said = {
                    reading.coverage
                    for reading in image.record.readings
                    if reader in {"derived", reading.reader or ""}
                }
                own = [f for f in image.record.findings if of(f, reader)]
                assert {f.finding.finding_id for f in image.findings} <= {f.finding_id for f in own}
                assert image.findings or (Coverage.COMPLETE in said and not own)
                assert image.record.image.path or not images
                check_shape(image, shape, outside)


def of(drawn, reader):
    who = "derived" if isinstance(drawn.origin, Derived) else drawn.origin.reader or ""
    return drawn.structure is not Structure.MARKER and who == reader


def check_shape(image, shape, outside):
    width, height = image.record.image.width, image.record.image.height
    for viewed in image.findings:
        geometry = viewed.geometry
        assert isinstance(
            geometry,
            {
                Shape.AREA: Mask | Polygon | Box,
                Shape.BOX: Box,
                Shape.OUTLINE: Polygon,
                Shape.PIXELS: Mask,
            }[shape],
        )
        if shape is Shape.OUTLINE:
            assert len(geometry.parts) == 1
            assert not geometry.parts[0].holes
        if shape in {Shape.BOX, Shape.OUTLINE} and outside is Outside.CLIP:
            x, y, w, h = geometry.bbox_xywh_px
            assert x > -0.01
            assert y > -0.01
            assert x + w < width + 0.01
            assert y + h < height + 0.01


@pytest.mark.parametrize(
    ("drawn", "shape", "outside", "names"),
    [
        (SQUARE, Shape.BOX, Outside.NAME, []),
        (POLYGON, Shape.BOX, Outside.NAME, ["polygon-to-box"]),
        (SQUARE, Shape.OUTLINE, Outside.NAME, "no-outline"),
        (STROKE, Shape.AREA, Outside.KEEP, "no-area"),
        (STROKE, Shape.BOX, Outside.KEEP, "no-area"),
        (Box(x=-1, y=3, width=4, height=4), Shape.AREA, Outside.KEEP, []),
        (Box(x=-1, y=3, width=4, height=4), Shape.BOX, Outside.NAME, ["outside-image"]),
        (Box(x=-1, y=3, width=4, height=4), Shape.BOX, Outside.CLIP, ["clipped"]),
        (Box(x=-1e-6, y=0, width=16, height=12.000_001), Shape.BOX, Outside.CLIP, []),
        (Box(x=20, y=3, width=4, height=4), Shape.BOX, Outside.CLIP, "nothing-inside"),
        (
            Polygon(parts=(PolygonPart(exterior=((-5, 0), (-1, 0), (-1, 3))),)),
            Shape.OUTLINE,
            Outside.CLIP,
            "nothing-inside",
        ),
        (
            Polygon(parts=(PolygonPart(exterior=RING, holes=(RING,)), PolygonPart(exterior=RING))),
            Shape.OUTLINE,
            Outside.NAME,
            ["hole-filled", "parts-merged"],
        ),
    ],
)
def test_what_befalls_a_finding_has_its_name(drawn, shape, outside, names, tmp_path):
    """A name by itself is a loss; the others are changes."""
    dataset = make_dataset(
        tmp_path / "d", [record("a", finding("1", drawn), finding("2", SQUARE, POLYGON), readings=COMPLETE)]
    )
    shown = replace(view(dataset, {"toy/a": "all"}), shape=shape, outside=outside)
    assert len(list(shown)) == 1
    lost = {name: n for (what, name), n in shown.ledger.lost.items() if what == "findings"}
    changed = {name: n for (what, name), n in shown.ledger.changed.items() if what == "findings"}
    if isinstance(names, str):
        assert (lost, changed) == ({names: 1}, {})
    else:
        assert (lost, changed) == ({}, dict.fromkeys(names, 1))


def test_a_mask_without_a_pixel_has_no_extent(tmp_path):
    empty = coco_mask.encode(np.zeros((12, 16), np.uint8, order="F"))["counts"].decode()
    dataset = make_dataset(
        tmp_path / "d",
        [record("a", finding("1", Mask(height=12, width=16, counts=empty)), readings=COMPLETE)],
    )
    for shape in (Shape.BOX, Shape.OUTLINE):
        shown = replace(view(dataset, {"toy/a": "all"}), shape=shape)
        assert not list(shown)
        assert shown.ledger.lost == {("images", "empty-unsure"): 1, ("findings", "no-area"): 1}


def test_an_image_that_is_lost_takes_its_findings_along(tmp_path):
    marker = finding("1", STROKE, structure=Structure.MARKER)
    unread = record("a", marker, readings=(Reading(coverage=Coverage.NONE),))
    shown = replace(
        view(
            make_dataset(tmp_path / "d", [unread, record("b", finding("1", SQUARE))]),
            {"toy/a": "x", "toy/b": "x"},
        ),
        images=True,
    )
    assert not list(shown)
    assert shown.ledger.lost == {
        ("images", "unread"): 1,
        ("findings", "unread"): 1,
        ("images", "no-image"): 1,
        ("findings", "no-image"): 1,
    }


def test_what_only_a_setting_does_needs_no_second_word():
    ledger = LossLedger()
    for name in BY_REQUEST:
        ledger.change("images", name)
    assert ledger.refused(()) == ()
    ledger.lose("findings", "marker")
    assert ledger.refused(()) == ("marker",)
    assert ledger.refused(("marker",)) == ()


# ---------------------------------------------------------------- boxes read from columns

readers = st.sampled_from([None, "ann", "derived"])
near_sides = st.floats(-1, 14) | st.sampled_from([0.0, 12.0, 16.0])


@st.composite
def plain_records(draw):
    """Records of which most need no decision, and some differ in one thing only."""
    name = draw(st.integers(0, 10**6).map(str) | st.sampled_from(["a b", "1.2.3", "../x", "ä", "x/y"]))
    reader = draw(readers)
    drawn = [
        finding(
            str(i),
            *draw(st.permutations([near_box(draw), *draw(st.sampled_from([[], [STROKE], [POLYGON]]))])),
            structure=draw(st.sampled_from([Structure.LESION] * 5 + [Structure.MARKER])),
            labels=draw(st.sampled_from([(), (Label(value=DeepLesionSite.LUNG),)])),
            origin=draw(st.sampled_from([Read(reader=reader)] * 5 + [Derived(policy="p", from_ids=())])),
        )
        for i in range(draw(st.integers(0, 3)))
    ]
    coverage = draw(st.sampled_from([None, *Coverage])) if not drawn else Coverage.PARTIAL
    found = record(name, *drawn, readings=[Reading(reader=reader, coverage=coverage)])
    path = draw(st.sampled_from([None, f"images/{name.replace('..', 'o')}.png", f"images/ä/{len(name)}.png"]))
    depth = draw(st.sampled_from([None, 8, 8, 8, 16]))
    return replace(found, image=replace(found.image, path=path, bit_depth=depth))


def near_box(draw):
    return Box(
        x=draw(near_sides), y=draw(near_sides), width=abs(draw(near_sides)), height=abs(draw(near_sides))
    )


mixed = st.lists(
    st.tuples(
        st.one_of(plain_records(), plain_records(), plain_records(), some.image_records().map(nearer)),
        st.sampled_from([None, "train", "val"]),
    ),
    min_size=1,
    max_size=6,
    unique_by=(lambda pair: pair[0].image_id, lambda pair: pair[0].image.path or pair[0].image_id),
)


@pytest.mark.slow
@in_whole_datasets
@given(mixed, outsides, st.booleans())
def test_boxes_from_columns(drawn, outside, images):
    """What is read from columns is what the records show: the same boxes in the same order and account."""
    part_of = {found.image_id: part for found, part in drawn if part}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("thyrodata.io.parquet.ROW_GROUP", 2)
        dataset = make_dataset(Path(folder, "d"), [found for found, _ in drawn])
        for reader in exported_readers(dataset):
            asked = {"shape": Shape.BOX, "outside": outside, "images": images, "window": AllBits()}
            by_records, by_columns = (
                replace(view(dataset, part_of, reader), holds=frozenset(), **asked) for _ in range(2)
            )
            expected = [
                (
                    image.image_id,
                    image.path,
                    image.part,
                    (image.record.image.width, image.record.image.height),
                    [(f.category, tuple(f.geometry.bbox_xywh_px)) for f in image.findings],
                )
                for image in by_records
            ]
            found = [
                (i.image_id, i.path, i.part, (i.width, i.height), [(c, tuple(box)) for c, box in i.boxes])
                for i in boxed_images(by_columns)
            ]
            assert found == expected
            assert by_columns.ledger.to_json() == by_records.ledger.to_json()


def test_most_boxes_are_read_from_columns(tmp_path, monkeypatch):
    """Only of the record that leaves its image is an object built."""
    records = [record(f"{i}", finding("1", Box(x=i, y=1, width=4, height=4))) for i in range(16)]
    dataset = make_dataset(tmp_path / "d", records)
    seen = []
    monkeypatch.setattr(View, "show", lambda self, record, number, part: seen.append(record.image_id))
    shown = replace(
        view(dataset, {found.image_id: "x" for found in records}), shape=Shape.BOX, outside=Outside.NAME
    )
    assert len(list(boxed_images(shown))) == 13
    assert seen == ["toy/13", "toy/14", "toy/15"]


STATED = {
    "acquisition": lambda r: r.acquisition is not None,
    "case_labels": lambda r: r.case_labels,
    "findings.geometries": lambda r: any(len(f.geometries) > 1 for f in r.findings),
    "findings.labels": lambda r: any(len(f.labels) > 1 for f in r.findings),
    "findings.nodule_id": lambda r: any(f.nodule_id is not None for f in r.findings),
    "findings.score": lambda r: any(f.score is not None for f in r.findings),
    "findings.source_fields": lambda r: {field.name for f in r.findings for field in f.source_fields},
    "group_id": lambda r: True,
    "image.crop": lambda r: r.image.crop is not None,
    "image.scaling": lambda r: r.image.scaling is not None,
    "image.frame_index": lambda r: r.image.frame_index is not None,
    "image.spacing_mm": lambda r: r.image.spacing_mm is not None,
    "image_labels": lambda r: r.image_labels,
    "nodules": lambda r: r.nodules,
    "official_splits": lambda r: r.official_splits,
    "patient": lambda r: r.patient is not None,
    "readings": lambda r: r.readings,
    "remarks": lambda r: r.remarks,
    "series_id": lambda r: r.series_id is not None,
    "source": lambda r: True,
    "source_fields": lambda r: {field.name for field in r.source_fields},
    "study_id": lambda r: r.study_id is not None,
}


@pytest.mark.slow
@in_whole_datasets
@given(st.lists(some.image_records(), max_size=6, unique_by=lambda r: r.image_id), st.data())
def test_fields_that_are_stated(records, data):
    """Of the records that are meant those are counted that state a field, or a source field's name."""
    held = data.draw(st.sets(st.sampled_from(sorted(FIELDS))))
    meant = [place for place in range(len(records)) if data.draw(st.booleans())]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("thyrodata.io.parquet.ROW_GROUP", 2)
        path = Path(folder, "records.parquet")
        write_records(path, [batch_of(records)])
        counted = count_fields(path, meant, held)
    expected = Counter()
    for name, states in STATED.items():
        for said in (states(records[place]) for place in meant if name not in held):
            if isinstance(said, set):
                expected.update(f"{name}/{key}" for key in said)
            elif said:
                expected[name] += 1
    assert counted == expected
    assert set(STATED) == set(FIELDS)


# ---------------------------------------------------------------- outlines


def even_odd(ring, shape):
    """The pixels whose centres a ring winds around an odd number of times."""
    ys, xs = np.indices(shape) + 0.5
    inside = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in pairwise((*ring, ring[0])):
        if y0 != y1:
            inside ^= ((y0 > ys) != (y1 > ys)) & (x0 + (ys - y0) * (x1 - x0) / (y1 - y0) < xs)
    return inside


pixel_arrays = arrays.arrays(np.bool_, st.tuples(st.integers(1, 8), st.integers(1, 8)))


@given(pixel_arrays)
def test_the_outline_of_a_mask_covers_its_pixels(pixels):
    """The parts of a mask's outline, each less its holes, cover its pixels once and no others."""
    encoded = coco_mask.encode(np.asfortranarray(pixels.view(np.uint8)))
    height, width = pixels.shape
    outline = outlines(Mask(height=height, width=width, counts=encoded["counts"].decode()))
    covered = np.zeros(pixels.shape, int)
    for part in outline.parts if outline else ():
        covered += even_odd(part.exterior, pixels.shape)
        for hole in part.holes:
            covered -= even_odd(hole, pixels.shape)
    assert np.array_equal(covered, pixels.astype(int))


rings = st.lists(st.tuples(st.integers(-6, 14), st.integers(-6, 14)), min_size=3, max_size=6).map(
    lambda points: tuple((float(x), float(y)) for x, y in points)
)


@given(rings)
def test_a_clipped_ring_covers_what_of_it_is_inside(ring):
    """Inside of the image a clipped ring covers the same pixels as before, and it stays inside."""
    clipped = clip_ring(ring, 8, 7)
    assert all(0 <= x <= 8 and 0 <= y <= 7 for x, y in clipped)
    around = np.zeros((7, 8), bool) if not clipped else even_odd(clipped, (7, 8))
    edges = np.array(
        [abs(on_edge(ring, x + 0.5, y + 0.5)) < 1e-9 for y in range(7) for x in range(8)]
    ).reshape(7, 8)
    assert np.array_equal(around | edges, even_odd(ring, (7, 8)) | edges)


def on_edge(ring, x, y):
    """The distance of a point from the nearest edge."""
    return min(distance(a, b, x, y) for a, b in pairwise((*ring, ring[0])))


def distance(a, b, x, y):
    ax, ay, dx, dy = *a, b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    t = min(1, max(0, ((x - ax) * dx + (y - ay) * dy) / length)) if length else 0
    return float(np.hypot(x - ax - t * dx, y - ay - t * dy))


@given(st.lists(rings, min_size=1, max_size=4))
def test_joined_parts_cover_each_pixel_as_often(parts):
    """A joined ring winds around a pixel an odd number of times just where an odd number of its parts do."""
    joined = join_parts(parts)
    expected = np.logical_xor.reduce([even_odd(part, (14, 14)) for part in parts])
    assert np.array_equal(even_odd(joined, (14, 14)), expected)
    assert Counter(joined) >= Counter(point for part in parts for point in part)


# ---------------------------------------------------------------- a whole export


def some_records():
    """Four images in two parts: a box, a negative, an unread one and one without a file."""
    given = {
        "train": [
            record("a", finding("1", SQUARE), image=PICTURE, case_labels=GRADE),
            record("b", image=PICTURE, readings=COMPLETE, case_labels=GRADE),
            record("c", image=PICTURE, readings=(), case_labels=GRADE),
        ],
        "test": [record("d", finding("1", SQUARE), case_labels=GRADE)],
    }
    return [
        replace(found, official_splits=(OfficialSplit(part=part),))
        for part, records in given.items()
        for found in records
    ]


@pytest.fixture
def toy(tmp_path):
    """A dataset with a published split."""
    return make_dataset(tmp_path / "d", some_records(), {f"images/{name}.jpg": PICTURE for name in "abc"})


ALL = tuple(LOSSES)


def lost_images(name):
    """The losses of the toy's images."""
    if name in WHOLE:
        return set()
    return {"no-image"} if name in OF_CLASSES else {"no-image", "unread"}


@losing_formats
def test_an_export_is_refused_until_its_losses_are_accepted(name, toy, tmp_path):
    before = contents(tmp_path)
    with pytest.raises(OutputError) as refused:
        export(name, toy, tmp_path / "o", split="official")
    assert contents(tmp_path) == before
    needed = re.findall(r"--accept ([a-z-]+)", refused.value.hint)
    assert lost_images(name) <= set(needed)
    for name_of_loss in needed:
        assert f"{name_of_loss}: " in refused.value.message
    with pytest.raises(OutputError):
        export(name, toy, tmp_path / "o", split="official", accept=needed[1:])
    assert contents(tmp_path) == before
    made = export(name, toy, tmp_path / "o", split="official", accept=needed)
    assert {loss: n for (what, loss), n in made.ledger.lost.items() if what == "images"} == dict.fromkeys(
        lost_images(name), 1
    )
    assert (tmp_path / "o" / MARKER).exists()


@losing_formats
def test_a_dry_run_says_all_and_writes_nothing(name, toy, tmp_path):
    before = contents(tmp_path)
    said = export(name, toy, tmp_path / "o", split="official", dry_run=True)
    assert contents(tmp_path) == before
    assert lost_images(name) <= set(said.refused)
    made = export(name, toy, tmp_path / "o", split="official", accept=said.refused)
    assert made.ledger.to_json() == said.ledger.to_json()
    assert not made.refused
    files = contents(tmp_path / "o")
    assert said.files == len(files) - 1  # less the marker
    assert said.bytes == sum(len(data) for path, data in files.items() if path != MARKER)
    assert (made.files, made.bytes) == (len(files), sum(map(len, files.values())))


@formats
def test_the_marker_says_what_was_done_and_no_place_or_time(name, toy, tmp_path):
    export(name, toy, tmp_path / "o", split="official", accept=ALL)
    text = (tmp_path / "o" / MARKER).read_text()
    said = json.loads(text)
    assert said["format"] == name
    assert said["dataset"] == "toy"
    assert said["split"] == "official"
    assert said["given"] == {"images": 4, "findings": 2}
    assert {entry["name"] for entry in said["lost"] if entry["what"] == "images"} == lost_images(name)
    assert set(said["settings"]) == {field.name for field in fields(settings_class(name))}
    assert str(tmp_path) not in "".join(
        file.read_text(errors="replace") for file in (tmp_path / "o").rglob("*") if file.is_file()
    )


@formats
def test_the_same_bytes_each_time_and_nothing_appended(name, toy, tmp_path):
    for place in ("o", "again"):
        export(name, toy, tmp_path / place, split="official", accept=ALL)
    first = contents(tmp_path / "o")
    assert contents(tmp_path / "again") == first
    with pytest.raises(OutputError, match="exists"):
        export(name, toy, tmp_path / "o", split="official", accept=ALL)
    (tmp_path / "o" / "left over").touch()
    export(name, toy, tmp_path / "o", split="official", accept=ALL, overwrite=True)
    assert contents(tmp_path / "o") == first


def test_nothing_but_an_export_is_replaced(toy, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    before = contents(tmp_path)
    for place in (tmp_path / "mine", toy.path, tmp_path, toy.path / "images", toy.path / "new"):
        with pytest.raises(OutputError):
            export("yolo", toy, place, split="official", accept=ALL, overwrite=True)
    assert contents(tmp_path) == before


def test_what_a_killed_export_left_is_thrown_away(toy, tmp_path):
    left = tmp_path / "o.partial"
    (left / "dataset" / "labels").mkdir(parents=True)
    (left / "work").mkdir()
    (left / "state.json").write_text("{}")
    (left / "dataset" / "labels" / "old.txt").touch()
    export("yolo", toy, tmp_path / "o", split="official", accept=ALL)
    assert not left.exists()
    assert not list((tmp_path / "o").rglob("old.txt"))


@pytest.mark.parametrize("link", [False, True], ids=["copied", "linked"])
def test_images_are_the_same_files_or_copies(link, toy, tmp_path):
    export("coco", toy, tmp_path / "o", split="official", accept=ALL, link=link)
    for name in "ab":
        ours, theirs = toy.path / "images" / f"{name}.jpg", tmp_path / "o" / "images" / f"{name}.jpg"
        assert theirs.read_bytes() == PICTURE
        assert ours.samefile(theirs) == link
    assert not (tmp_path / "o" / "images" / "c.jpg").exists()


@pytest.mark.parametrize("link", [False, True], ids=["copied", "linked"])
def test_an_image_that_is_missing_is_told_and_nothing_is_left(link, toy, tmp_path):
    (toy.path / "images" / "a.jpg").unlink()
    before = contents(tmp_path)
    with pytest.raises(DatasetError) as missing:
        export("yolo", toy, tmp_path / "o", split="official", accept=ALL, link=link)
    assert missing.value.where.endswith("images/a.jpg")
    assert contents(tmp_path) == before


def test_a_part_that_would_leave_the_folder_is_refused(toy, tmp_path):
    table = toy.path / "splits" / "official.csv"
    table.write_text(table.read_text().replace(",test", ",../../test"))
    with pytest.raises(DatasetError, match="not the name of a part"):
        export("yolo", toy, tmp_path / "o", split="official", accept=ALL)


def test_what_a_split_excludes_is_not_given(toy, tmp_path):
    table = toy.path / "splits" / "official.csv"
    table.write_text(table.read_text().replace(",test", ",excluded"))
    made = export("yolo", toy, tmp_path / "o", split="official", accept=ALL)
    assert made.ledger.given == {"images": 3, "findings": 1}


def test_a_reader_must_be_chosen_where_there_are_several(tmp_path):
    by = [finding(str(i), SQUARE, origin=Read(reader=reader)) for i, reader in enumerate(("ann", "bob"), 1)]
    found = record("a", *by, readings=tuple(Reading(reader=reader) for reader in ("ann", "bob")))
    dataset = make_dataset(tmp_path / "d", [replace(found, official_splits=(OfficialSplit(part="train"),))])
    with pytest.raises(UsageError, match="several readers"):
        export("yolo", dataset, tmp_path / "o", split="official")
    settings = settings_class("yolo")(labels_only=True)
    made = export(
        "yolo", dataset, tmp_path / "o", split="official", reader="bob", settings=settings, accept=ALL
    )
    assert made.ledger.lost == {("findings", "other-reader"): 1}


def test_fields_without_a_place_are_told_and_never_refused(tmp_path):
    found = replace(
        record("a", finding("1", SQUARE, score=0.5), study_id="s", image=PICTURE),
        official_splits=(OfficialSplit(part="train"),),
    )
    dataset = make_dataset(tmp_path / "d", [found], {"images/a.jpg": PICTURE})
    for name, told in (("yolo", {"findings.score", "study_id"}), ("coco", {"study_id"})):
        made = export(name, dataset, tmp_path / name, split="official")
        assert set(made.ledger.fields) & {"findings.score", "study_id", "series_id"} == told


# ---------------------------------------------------------------- names of files


@given(st.lists(st.text("abAB-2", min_size=1, max_size=3), max_size=12))
def test_no_two_files_have_one_name(stems):
    """Names differ by more than case, and the first of equal ones keeps its own."""
    ledger = LossLedger()
    names = FileNames(ledger)
    taken = [names.take(stem) for stem in stems]
    assert len({name.casefold() for name in taken}) == len(stems)
    assert ledger.changed["images", "renamed"] == sum(a != b for a, b in zip(stems, taken, strict=True))
    assert not stems or taken[0] == stems[0]


@pytest.mark.parametrize("hostile", ["..", ".", "../x", "a/../../x", "/etc/x", "a//b", "a\\..\\b"])
@formats
def test_an_id_is_no_way_out_of_the_folder(name, hostile, tmp_path):
    found = record(hostile, finding("1", SQUARE), case_labels=GRADE)
    found = replace(found, official_splits=(OfficialSplit(part="train"),))
    dataset = make_dataset(tmp_path / "d", [found])
    settings = None if name in WHOLE else settings_class(name)(labels_only=True)
    export(name, dataset, tmp_path / "o", split="official", settings=settings, accept=ALL)
    assert {path.name for path in tmp_path.iterdir()} == {"d", "o"}


# ---------------------------------------------------------------- images of 16 bits


def ct(name, pixels, window=None, modality=Modality.CT):
    """A record of a slice and its file."""
    data = encode_png(pixels)
    found = record(name, finding("1", SQUARE), official_splits=(OfficialSplit(part="train"),))
    image = ImageRef(width=pixels.shape[1], height=pixels.shape[0], path=f"images/{name}.png", bit_depth=16)
    acquisition = Acquisition(window_hu=window) if window else None
    return replace(found, image=image, acquisition=acquisition, modality=modality), data


@pytest.fixture
def slices(tmp_path):
    """Two slices, of which one states its window."""
    pixels = np.linspace(0, 65535, 12 * 16).reshape(12, 16).astype(np.uint16)
    found = [ct("a", pixels, (-175.0, 275.0)), ct("b", pixels)]
    return make_dataset(
        tmp_path / "d", [r for r, _ in found], {r.image.path: data for r, data in found}
    ), pixels


def shown_as(low, high, pixels):
    """The linear window in whole numbers: the nearest of 256 greys, ties to the even one."""
    stored = pixels.astype(object)
    scaled = [[min(max((v - low) * 255 / (high - low), 0), 255) for v in row] for row in stored]
    return np.array([[round(v) for v in row] for row in scaled], np.uint8)


@pytest.mark.parametrize("name", ["coco", "yolo"])
def test_an_image_of_16_bits_wants_a_choice(name, slices, tmp_path):
    dataset, _ = slices
    with pytest.raises(UsageError) as asked:
        export(name, dataset, tmp_path / "o", split="official", accept=ALL)
    for choice in ("LOW,HIGH", "per-row", "16bit", "--hu-offset"):
        assert choice in asked.value.hint
    assert {path.name for path in tmp_path.iterdir()} == {"d"}
    labels = settings_class(name)(labels_only=True)
    export(name, dataset, tmp_path / "o", split="official", settings=labels)


@pytest.mark.parametrize("name", ["coco", "yolo"])
def test_a_window_makes_greys_of_hounsfield_units(name, slices, tmp_path):
    dataset, pixels = slices
    settings = settings_class(name)(window="-175,275", hu_offset=-32768)
    made = export(name, dataset, tmp_path / "o", split="official", settings=settings)
    assert made.ledger.changed == {("images", "windowed"): 2}
    for file in ("a", "b"):
        (picture,) = (tmp_path / "o").rglob(f"{file}.png")
        decoded = decode_image(picture.read_bytes(), "")
        assert decoded.dtype == np.uint8
        assert np.array_equal(decoded, shown_as(-175 + 32768, 275 + 32768, pixels))


def test_each_row_has_its_own_window_or_none(slices, tmp_path):
    dataset, pixels = slices
    settings = settings_class("yolo")(window="per-row", hu_offset=-32768)
    with pytest.raises(OutputError, match="no-window"):
        export("yolo", dataset, tmp_path / "o", split="official", settings=settings)
    made = export("yolo", dataset, tmp_path / "o", split="official", settings=settings, accept=["no-window"])
    assert made.ledger.lost == {("images", "no-window"): 1, ("findings", "no-window"): 1}
    picture = tmp_path / "o" / "images" / "train" / "a.png"
    assert np.array_equal(decode_image(picture.read_bytes(), ""), shown_as(-175 + 32768, 275 + 32768, pixels))
    assert [path.name for path in (tmp_path / "o" / "labels" / "train").iterdir()] == ["a.txt"]


def test_16_bits_stay_as_they_are(slices, tmp_path):
    dataset, _ = slices
    settings = settings_class("yolo")(window="16bit")
    made = export("yolo", dataset, tmp_path / "o", split="official", settings=settings, link=True)
    assert not made.ledger.changed
    assert (tmp_path / "o" / "images" / "train" / "a.png").samefile(dataset.path / "images" / "a.png")


def test_only_ct_has_hounsfield_units(tmp_path):
    found, data = ct("a", np.ones((12, 16), np.uint16), modality=Modality.ULTRASOUND)
    dataset = make_dataset(tmp_path / "d", [found], {found.image.path: data})
    settings = settings_class("yolo")(window="-175,275", hu_offset=-32768)
    with pytest.raises(UsageError, match="16 bits"):
        export("yolo", dataset, tmp_path / "o", split="official", settings=settings)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"window": "-175,275"}, "needs to know"),
        ({"window": "per-row"}, "needs to know"),
        ({"window": "bone", "hu_offset": 0.0}, "no window"),
        ({"window": "1,2,3", "hu_offset": 0.0}, "no window"),
        ({"window": "275,-175", "hu_offset": 0.0}, "empty"),
        ({"window": "nan,2", "hu_offset": 0.0}, "empty"),
        ({"window": "0,inf", "hu_offset": 0.0}, "empty"),
        ({"window": "0,1", "hu_offset": float("nan")}, "needs to know"),
        ({"window": "16bit", "hu_offset": 0.0}, "offset"),
        ({"hu_offset": 0.0}, "offset"),
        ({"window": "16bit", "labels_only": True}, "no image is written"),
    ],
)
def test_what_is_no_window(said, problem):
    with pytest.raises(UsageError, match=problem):
        settings_class("yolo")(**said)


@given(st.integers(0, 65534), st.integers(1, 65535))
def test_a_window_keeps_the_order_of_greys(low, width):
    """Brighter stays brighter or equal; the ends are black and white."""
    greys = apply_window(np.arange(65536, dtype=np.uint16), (low, low + width))
    assert np.all(np.diff(greys.astype(int)) >= 0)
    assert greys[low] == 0
    assert greys[min(low + width, 65535)] == (255 if low + width <= 65535 else greys[-1])


def test_a_row_s_own_window_needs_no_choice_for_others():
    assert RecordWindow(offset_hu=-32768) != AllBits()


# ---------------------------------------------------------------- the command


@losing_formats
def test_the_command_tells_losses_and_what_accepts_them(name, toy, command, tmp_path):
    ran = command("export", name, toy.path, tmp_path / "o", "--split", "official")
    assert (ran.code, ran.out) == (1, "")
    options = re.findall(r"--accept [a-z-]+", ran.err)
    assert options
    dry = command("export", name, toy.path, tmp_path / "o", "--split", "official", "--dry-run")
    assert (dry.code, dry.err) == (1, "")
    assert all(LOSSES[option.split()[1]][:20] in dry.out for option in options)
    words = " ".join(options).split()
    ran = command("export", name, toy.path, tmp_path / "o", "--split", "official", *words, "--json")
    assert (ran.code, ran.err) == (0, "")
    said = json.loads(ran.out)
    marker = json.loads((tmp_path / "o" / MARKER).read_text())
    assert {key: said[key] for key in ("given", "written", "lost", "changed", "fields")} == {
        key: marker[key] for key in ("given", "written", "lost", "changed", "fields")
    }
    ran = command(
        "export", name, toy.path, tmp_path / "o", "--split", "official", *words, "--overwrite", "-q"
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_window_may_begin_with_a_minus(slices, command, tmp_path):
    dataset, _ = slices
    window = ["--window", "-175,275", "--hu-offset", "-32768"]
    ran = command("export", "yolo", dataset.path, tmp_path / "o", "--split", "official", *window)
    assert (ran.code, ran.err) == (0, "")
    marker = json.loads((tmp_path / "o" / MARKER).read_text())
    assert marker["settings"]["window"] == "-175,275"
    assert marker["settings"]["hu_offset"] == -32768


def test_a_wrong_name_or_option_is_told(toy, command, tmp_path):
    for args, said in (
        (["--accept", "all"], "no-image"),
        (["--no-such"], "--labels-only"),
        (["--task", "classify"], "detect or segment"),
        (["--split", "none-such"], "official"),
    ):
        ran = command("export", "yolo", toy.path, tmp_path / "o", *args)
        assert ran.code != 0
        assert said in ran.err
    assert not (tmp_path / "o").exists()
