"""Pascal VOC's files say where boxes are, exactly, and only true negatives have a file without objects."""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import thyrodata
from tests.fixtures.voc import make as fixture
from tests.toy import finding, make_dataset, record
from thyrodata import export
from thyrodata.errors import OutputError
from thyrodata.exports.ledger import LOSSES
from thyrodata.exports.voc import VocSettings
from thyrodata.schema.geometry import Box, Line, Polygon, PolygonPart
from thyrodata.schema.record import ImageRef, Label, OfficialSplit, Reading
from thyrodata.schema.vocab import Coverage, Malignancy, Structure

COMPLETE = (Reading(coverage=Coverage.COMPLETE),)
SQUARE = Box(x=2, y=3, width=4, height=5)
TRIANGLE = Polygon(parts=(PolygonPart(exterior=((2, 3), (6, 3), (6, 8))),))


def write(folder, records, part="train", accept=tuple(LOSSES), **settings):
    """Export records, all in one part, and return the account."""
    found = [replace(r, official_splits=(OfficialSplit(part=part),)) for r in records]
    files = {r.image.path: b"pixels" for r in found if r.image.path}
    dataset = make_dataset(folder / "d", found, files)
    settings.setdefault("labels_only", not files)
    chosen = VocSettings(**settings)
    return export("voc", dataset, folder / "o", split="official", accept=accept, settings=chosen).ledger


def annotation(folder, name="a"):
    return ET.parse(folder / f"o/Annotations/{name}.xml").getroot()  # noqa: S314 -- written a moment ago


def corners(root):
    """The class and the corners of each object, as text."""
    sides = ("xmin", "ymin", "xmax", "ymax")
    return [
        (found.findtext("name"), *(found.findtext(f"bndbox/{side}") for side in sides))
        for found in root.iter("object")
    ]


def pixels_of(box):
    """The pixels that a box of VOC holds by its definition: 1-based, both ends counted."""
    xmin, ymin, xmax, ymax = map(int, box)
    return {(x - 1, y - 1) for x in range(xmin, xmax + 1) for y in range(ymin, ymax + 1)}


# ---------------------------------------------------------------- boxes


def test_a_box_by_hand(tmp_path):
    """The box covers columns 2 to 5 and rows 3 to 7, counted from 0."""
    write(tmp_path, [record("a", finding("1", SQUARE))])
    ((name, *box),) = corners(annotation(tmp_path))
    assert (name, box) == ("nodule", ["3", "4", "6", "8"])
    ys, xs = np.mgrid[3:8, 2:6]
    assert pixels_of(box) == set(zip(xs.ravel().tolist(), ys.ravel().tolist(), strict=True))


def test_the_naive_corners_cover_other_pixels(tmp_path):
    write(tmp_path, [record("a", finding("1", SQUARE))])
    ((_, *box),) = corners(annotation(tmp_path))
    naive = (SQUARE.x, SQUARE.y, SQUARE.x + SQUARE.width, SQUARE.y + SQUARE.height)
    assert pixels_of(naive) != pixels_of(box)


numbers = st.integers(1, 1600) | st.decimals(1, 1600, places=3) | st.decimals(1, 1600, places=9)
sides = st.tuples(numbers, numbers).map(sorted)


def text(number):
    """A number as people write it: without an exponent or zeros at its end."""
    return f"{number:f}".rstrip("0").rstrip(".") if "." in f"{number:f}" else str(number)


PICTURE = io.BytesIO()
Image.new("L", (1600, 1600)).save(PICTURE, "PNG")


@pytest.mark.slow
@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=4))
def test_voc_comes_back_as_it_was(drawn):
    """Corners and lists, read and written again, are the same texts."""
    boxes = [[text(n) for n in (x0, y0, x1, y1)] for (x0, x1), (y0, y1) in drawn]
    objects = [fixture._object("malignancy/benign", *box) for box in boxes]
    files = {
        "Annotations/b.xml": fixture._annotation("b.png", *objects, size=(1600, 1600)).encode(),
        "JPEGImages/b.png": PICTURE.getvalue(),
        "ImageSets/Main/val.txt": b"b\n",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in files.items():
            (folder / "raw" / path).parent.mkdir(parents=True)
            (folder / "raw" / path).write_bytes(data)
        dataset = thyrodata.convert("voc", folder / "raw", folder / "d").dataset
        export("voc", dataset, folder / "o", split="official")
        assert [list(box) for _, *box in corners(annotation(folder, "b"))] == boxes
        for path in ("JPEGImages/b.png", "ImageSets/Main/val.txt"):
            assert (folder / "o" / path).read_bytes() == files[path]


reals = st.floats(0, 1000)


@given(reals, reals, st.floats(1, 1000), st.floats(1, 1000))
def test_a_box_between_pixels_is_not_rounded(x, y, width, height):
    """Any box that is a pixel wide or more comes back to a billionth of a pixel."""
    box = Box(x=x, y=y, width=width, height=height)
    with tempfile.TemporaryDirectory() as name:
        size = ImageRef(width=2001, height=2001)
        write(Path(name), [replace(record("a", finding("1", box)), image=size)], accept=())
        ((_, *found),) = corners(annotation(Path(name)))
    xmin, ymin, xmax, ymax = map(float, found)
    back = (xmin - 1, ymin - 1, xmax - xmin + 1, ymax - ymin + 1)
    assert all(abs(a - b) < 2e-9 for a, b in zip(back, box.bbox_xywh_px, strict=True))


def test_a_box_thinner_than_a_pixel_is_widened_if_that_is_accepted(tmp_path):
    thin = Box(x=2.5, y=3, width=0.25, height=4)
    with pytest.raises(OutputError, match="widened"):
        write(tmp_path, [record("a", finding("1", thin))], accept=())
    (tmp_path / "again").mkdir()
    ledger = write(tmp_path / "again", [record("a", finding("1", thin))])
    assert ledger.changed == {("findings", "widened"): 1}
    assert corners(annotation(tmp_path / "again")) == [("nodule", "3.5", "4", "3.5", "7")]


def test_what_leaves_the_image_is_named_or_clipped(tmp_path):
    outside = Box(x=-1, y=3, width=4, height=20)
    with pytest.raises(OutputError, match="outside-image"):
        write(tmp_path, [record("a", finding("1", outside))], accept=())
    for name, clip, expected in (
        ("keep", False, ["0", "4", "3", "23"]),
        ("clip", True, ["1", "4", "3", "12"]),
    ):
        (tmp_path / name).mkdir()
        write(tmp_path / name, [record("a", finding("1", outside))], clip=clip)
        assert corners(annotation(tmp_path / name)) == [("nodule", *expected)]


def test_of_an_outline_the_extent_is_written_if_that_is_accepted(tmp_path):
    with pytest.raises(OutputError, match="polygon-to-box"):
        write(tmp_path, [record("a", finding("1", TRIANGLE))], accept=())
    (tmp_path / "again").mkdir()
    write(tmp_path / "again", [record("a", finding("1", TRIANGLE))], accept=("polygon-to-box",))
    assert corners(annotation(tmp_path / "again")) == [("nodule", "3", "4", "6", "8")]


# ---------------------------------------------------------------- the rest of the file


def test_the_file_says_what_readers_ask_for_and_no_depth(tmp_path):
    malignant = (Label(value=Malignancy.MALIGNANT),)
    findings = (finding("1", SQUARE, labels=malignant), finding("2", SQUARE, structure=Structure.GLAND))
    write(tmp_path, [record("a", *findings, image=b"x")])
    root = annotation(tmp_path)
    assert [child.tag for child in root] == [
        *("folder", "filename", "source", "size", "segmented"),
        *("object", "object"),
    ]
    assert root.findtext("filename") == "a.jpg"
    assert (root.findtext("size/width"), root.findtext("size/height")) == ("16", "12")
    assert root.find("size/depth") is None
    assert [found.findtext("name") for found in root.iter("object")] == ["malignancy/malignant", "gland"]
    assert {found.findtext("difficult") for found in root.iter("object")} == {"0"}
    assert (tmp_path / "o/JPEGImages/a.jpg").read_bytes() == b"pixels"


def test_only_a_true_negative_has_a_file_without_objects(tmp_path):
    records = [
        record("negative", readings=COMPLETE),
        record("unread", readings=()),
        record("unsure"),
        record("line", finding("1", Line(points=((1, 1), (5, 5)))), readings=COMPLETE),
        record("box", finding("1", SQUARE)),
    ]
    ledger = write(tmp_path, records)
    files = {path.stem: annotation(tmp_path, path.stem) for path in (tmp_path / "o/Annotations").iterdir()}
    assert {name: len(root.findall("object")) for name, root in files.items()} == {"negative": 0, "box": 1}
    assert (tmp_path / "o/ImageSets/Main/train.txt").read_text() == "negative\nbox\n"
    assert ledger.written == {"images": 2, "findings": 1}


def test_names_that_would_share_a_file_are_told_apart(tmp_path):
    names = ("images/a.jpg", "images/JPEGImages/a.png", "images/sub/a.jpg")
    records = [
        replace(found, image=replace(found.image, path=path, sha256=f"{number}" * 64))
        for number, path in enumerate(names)
        for found in [record(f"r{number}", finding("1", SQUARE), image=b"x")]
    ]
    ledger = write(tmp_path, records)
    assert ledger.changed[("images", "renamed")] == 1
    assert (tmp_path / "o/ImageSets/Main/train.txt").read_text().splitlines() == ["a", "a-2", "sub/a"]
    assert (tmp_path / "o/JPEGImages/a-2.png").exists()
    assert annotation(tmp_path, "a-2").findtext("filename") == "a-2.png"


def test_trainval_lists_train_and_val(tmp_path):
    fixture.make(tmp_path / "raw")
    dataset = thyrodata.convert("voc", tmp_path / "raw", tmp_path / "d").dataset
    export("voc", dataset, tmp_path / "o", split="official", accept=("outside-image", "unread"))
    lists = {path.stem: path.read_text().splitlines() for path in (tmp_path / "o/ImageSets/Main").iterdir()}
    assert set(lists) == {"train", "val", "test", "trainval"}
    assert lists["trainval"] == lists["train"] + lists["val"]


def test_what_was_written_is_read_again(tmp_path):
    """Categories, boxes and parts come back; the export's own account is no part of the data."""
    fixture.make(tmp_path / "raw")
    first = thyrodata.convert("voc", tmp_path / "raw", tmp_path / "d").dataset
    export("voc", first, tmp_path / "o", split="official", accept=("outside-image", "unread"))
    second = thyrodata.convert("voc", tmp_path / "o", tmp_path / "d2").dataset
    before = {r.image_id: r for r in first.records()}
    after = {r.image_id: r for r in second.records()}
    assert len(after) == 8
    for image_id, found in after.items():
        was = before[image_id]
        assert found.official_splits == was.official_splits
        assert found.image.sha256 == was.image.sha256
        drawn = [(f.structure, f.labels, f.geometries) for f in found.findings]
        assert drawn == [(f.structure, f.labels, f.geometries) for f in was.findings]
