"""YOLO's files say where things are to a fraction of a pixel, and only true negatives have an empty one."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from math import isclose
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from tests.contract.run import contents
from tests.toy import finding, make_dataset, record
from thyrodata import export
from thyrodata.errors import OutputError
from thyrodata.exports.ledger import LOSSES
from thyrodata.exports.yolo import Task, YoloSettings
from thyrodata.schema.geometry import Box, Line, Mask, Polygon, PolygonPart
from thyrodata.schema.record import ImageRef, Label, OfficialSplit, Reading
from thyrodata.schema.vocab import Coverage, DeepLesionSite, Structure

# pycocotools' own decoder hands numpy an array in the way of numpy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

COMPLETE = (Reading(coverage=Coverage.COMPLETE),)
SQUARE = Box(x=2, y=3, width=4, height=5)
ALL = tuple(LOSSES)


def write(folder, records, part="train", accept=ALL, **settings):
    """Export records, all in one part, and return what was made."""
    found = [replace(r, official_splits=(OfficialSplit(part=part),)) for r in records]
    files = {r.image.path: b"pixels" for r in found if r.image.path}
    dataset = make_dataset(folder / "d", found, files)
    settings.setdefault("labels_only", not files)
    return export(
        "yolo",
        dataset,
        folder / "o",
        split="official",
        accept=accept,
        settings=YoloSettings(**settings),
    )


def label(folder, name="a", part="train"):
    return (folder / "o" / "labels" / part / f"{name}.txt").read_text()


def numbers(text):
    """The class and the numbers of each line."""
    return [(int(line.split()[0]), [float(word) for word in line.split()[1:]]) for line in text.splitlines()]


def sized(width, height, *findings, name="a", **fields):
    """A record of an image of this size."""
    image = ImageRef(width=width, height=height)
    return replace(record(name, **fields), image=image, findings=findings)


# ---------------------------------------------------------------- boxes


def test_a_box_by_hand(tmp_path):
    """A 16 x 12 px image; the box spans columns 2 to 5 and rows 3 to 7."""
    write(tmp_path, [record("a", finding("1", SQUARE))])
    assert label(tmp_path) == "0 0.25000000 0.45833333 0.25000000 0.41666667\n"


def test_shares_are_of_the_images_own_size(tmp_path):
    """A constant size, such as 512, would put the box elsewhere."""
    write(tmp_path, [sized(1024, 768, finding("1", Box(x=512, y=384, width=256, height=192)))])
    assert numbers(label(tmp_path)) == [(0, [0.625, 0.625, 0.25, 0.25])]


sides = st.integers(1, 4096)
shares = st.floats(0, 1)


@given(st.tuples(sides, sides), st.lists(st.tuples(shares, shares, shares, shares), min_size=1, max_size=4))
def test_a_box_survives(size, drawn):
    """Read back by the definition of the format, a box is where it was, to a ten-thousandth of a pixel."""
    width, height = size
    boxes = [
        Box(x=min(a, b) * width, y=min(c, d) * height, width=abs(a - b) * width, height=abs(c - d) * height)
        for a, b, c, d in drawn
    ]
    with tempfile.TemporaryDirectory() as folder:
        findings = [finding(str(i), box) for i, box in enumerate(boxes)]
        write(Path(folder), [sized(width, height, *findings)], accept=())
        read = numbers(label(Path(folder)))
    for box, (_, (cx, cy, w, h)) in zip(boxes, read, strict=True):
        back = ((cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height)
        assert all(abs(x - y) < 1e-4 for x, y in zip(back, box.bbox_xywh_px, strict=True))
        assert all(0 <= share <= 1 for share in (cx, cy, w, h))


sixths = st.integers(0, 10**6)


@given(st.tuples(sides, sides), sixths, sixths, sixths, sixths)
def test_six_decimals_survive_both_ways(size, cx, cy, w, h):
    """A line with six decimals, read and written again, says the same: also one that fills the image."""
    w, h = min(w, 2 * cx, 2 * (10**6 - cx)), min(h, 2 * cy, 2 * (10**6 - cy))
    given_line = [cx / 1e6, cy / 1e6, w / 1e6, h / 1e6]
    width, height = size
    x, y, wide, high = given_line
    box = Box(x=(x - wide / 2) * width, y=(y - high / 2) * height, width=wide * width, height=high * height)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), [sized(width, height, finding("1", box))], accept=(), clip=True)
        ((_, read),) = numbers(label(Path(folder)))
    assert [round(share, 6) for share in read] == given_line
    assert all(abs(a - b) < 1e-7 for a, b in zip(read, given_line, strict=True))


LEAVING = Box(x=-2, y=10, width=6, height=4)


def test_a_box_that_leaves_the_image_is_cut_only_when_asked(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
    with pytest.raises(OutputError, match="outside-image"):
        write(tmp_path / "a", [record("a", finding("1", LEAVING))], accept=())
    write(tmp_path / "b", [record("a", finding("1", LEAVING))], accept=["outside-image"])
    assert numbers(label(tmp_path / "b")) == [(0, [1 / 16, 1, 6 / 16, pytest.approx(4 / 12)])]
    made = write(tmp_path / "c", [record("a", finding("1", LEAVING))], accept=(), clip=True)
    assert made.ledger.changed == {("findings", "clipped"): 1}
    assert numbers(label(tmp_path / "c")) == [
        (0, [2 / 16, pytest.approx(11 / 12), 4 / 16, pytest.approx(2 / 12)])
    ]


def test_the_extent_of_an_outline_needs_a_word(tmp_path):
    triangle = Polygon(parts=(PolygonPart(exterior=((4, 3), (8, 3), (4, 9))),))
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="polygon-to-box"):
        write(tmp_path / "a", [record("a", finding("1", triangle))], accept=())
    write(tmp_path, [record("a", finding("1", triangle))], accept=["polygon-to-box"])
    assert numbers(label(tmp_path)) == [(0, [6 / 16, 0.5, 4 / 16, 0.5])]


# ---------------------------------------------------------------- negatives


@pytest.mark.parametrize(
    ("fields", "drawn", "written"),
    [
        ({"readings": COMPLETE}, [], ""),
        ({"readings": COMPLETE}, [Line(points=((1, 1), (9, 9)))], None),
        ({"readings": (Reading(),)}, [], None),
        ({"readings": (Reading(coverage=Coverage.PARTIAL),)}, [], None),
        ({"readings": (Reading(coverage=Coverage.NONE),)}, [], None),
        ({"readings": ()}, [], None),
    ],
    ids=["negative", "not drawn as an area", "not stated", "partial", "unread", "nobody"],
)
def test_only_a_true_negative_has_an_empty_file(fields, drawn, written, tmp_path):
    """A script that writes a file for every image makes negatives of all six."""
    findings = [finding(str(i), geometry) for i, geometry in enumerate(drawn)]
    write(tmp_path, [record("a", *findings, **fields), record("b", finding("1", SQUARE))])
    file = tmp_path / "o" / "labels" / "train" / "a.txt"
    assert (file.read_text() if file.exists() else None) == written


# ---------------------------------------------------------------- classes


def test_a_class_keeps_its_number_if_its_findings_vanish(tmp_path):
    """Numbers are of the whole dataset, so that they agree between parts and between exports."""
    bone, lung = (
        {"labels": (Label(value=site),), "structure": Structure.LESION}
        for site in (DeepLesionSite.BONE, DeepLesionSite.LUNG)
    )
    drawn = [
        record("a", finding("1", Line(points=((1, 1), (9, 9))), **bone)),
        record("b", finding("1", SQUARE, **lung)),
        record("c", finding("1", SQUARE)),
    ]
    write(tmp_path, drawn)
    told = yaml.safe_load((tmp_path / "o" / "data.yaml").read_text())
    assert told["names"] == {0: "nodule", 1: "deeplesion-site/bone", 2: "deeplesion-site/lung"}
    assert [numbers(label(tmp_path, name))[0][0] for name in "bc"] == [2, 0]


def test_data_yaml_names_the_parts_that_there_are(tmp_path):
    records = [
        replace(
            record(name, finding("1", SQUARE), image=b"pixels"), official_splits=(OfficialSplit(part=part),)
        )
        for name, part in (("a", "test"), ("b", "train"), ("c", "val"), ("d", "extra"))
    ]
    dataset = make_dataset(tmp_path / "d", records, {f"images/{name}.jpg": b"pixels" for name in "abcd"})
    export("yolo", dataset, tmp_path / "o", split="official")
    told = yaml.safe_load((tmp_path / "o" / "data.yaml").read_text())
    assert list(told) == ["train", "val", "test", "extra", "names"]
    for part in ("train", "val", "test", "extra"):
        assert (tmp_path / "o" / told[part]).is_dir()


# ---------------------------------------------------------------- names


def placed(name, path, **fields):
    """A record of a file at a place below the dataset."""
    found = record(name, finding("1", SQUARE), **fields)
    return replace(found, image=ImageRef(width=16, height=12, path=path))


def sought(image):
    """Where trainers seek the label of an image: the last `images` folder becomes `labels`."""
    before, _, after = str(image).rpartition("/images/")
    return Path(before) / "labels" / Path(after).with_suffix(".txt")


def test_trainers_find_every_label(tmp_path):
    paths = [
        "images/a.jpg",
        "images/a.png",
        "images/A.jpg",
        "images/images/a.bmp",
        "images/x/images/b.jpg",
        "images/x/y/b.jpg",
        "images/train/c.jpg",
        "images/images/train/d.jpg",
    ]
    made = write(tmp_path, [placed(str(i), path) for i, path in enumerate(paths)])
    files = sorted(file for file in (tmp_path / "o" / "images").rglob("*") if file.is_file())
    assert [str(file.relative_to(tmp_path / "o" / "images")) for file in files] == [
        "train/A-3.jpg",
        "train/a-2.png",
        "train/a-4.bmp",
        "train/a.jpg",
        "train/c.jpg",
        "train/d.jpg",
        "train/x/b.jpg",
        "train/x/y/b.jpg",
    ]
    assert made.ledger.changed == {("images", "renamed"): 3}
    labels = {file for file in (tmp_path / "o" / "labels").rglob("*") if file.is_file()}
    assert {sought(file) for file in files} == labels


def test_an_id_stands_for_a_file_that_is_not_there(tmp_path):
    write(tmp_path, [record("1.2.840.10008", finding("1", SQUARE))])
    assert label(tmp_path, "1.2.840.10008")
    assert not (tmp_path / "o" / "images").exists()


def test_labels_alone_lose_no_image(tmp_path):
    made = write(tmp_path, [record("a", finding("1", SQUARE))], accept=(), labels_only=True)
    assert not made.ledger.lost
    assert set(contents(tmp_path / "o")) == {"data.yaml", "labels/train/a.txt", "thyrodata-export.json"}


# ---------------------------------------------------------------- outlines


def segment(folder, *geometries, accept=ALL, **settings):
    """The ring of the only finding, in pixels."""
    made = write(
        folder, [record("a", finding("1", *geometries))], accept=accept, task=Task.SEGMENT, **settings
    )
    ((_, flat),) = numbers(label(folder))
    return [(x * 16, y * 12) for x, y in zip(flat[::2], flat[1::2], strict=True)], made


def covered(ring):
    (encoded,) = coco_mask.frPyObjects([[number for point in ring for number in point]], 12, 16)
    return coco_mask.decode(encoded).astype(bool)


def test_an_outline_keeps_its_corners(tmp_path):
    drawn = ((2.25, 3.0), (6.0, 3.5), (6.0, 8.0))
    ring, made = segment(tmp_path, Polygon(parts=(PolygonPart(exterior=drawn),)), accept=())
    assert not made.ledger.changed
    assert all(
        isclose(a, b, abs_tol=1e-6)
        for p, q in zip(ring, drawn, strict=True)
        for a, b in zip(p, q, strict=True)
    )


def test_an_outline_of_a_mask_covers_its_pixels(tmp_path):
    pixels = np.zeros((12, 16), np.uint8, order="F")
    pixels[2:9, 3:7] = pixels[5:7, 7:14] = 1
    mask = Mask(height=12, width=16, counts=coco_mask.encode(pixels)["counts"].decode())
    ring, made = segment(tmp_path, mask, accept=["mask-to-polygon"])
    assert made.ledger.changed == {("findings", "mask-to-polygon"): 1}
    assert np.array_equal(covered(ring), pixels.astype(bool))
    assert len(ring) == 8


def test_a_hole_is_filled_and_parts_are_joined_by_name_only(tmp_path):
    hole = ((3.0, 4.0), (4.0, 4.0), (4.0, 6.0))
    parts = (
        PolygonPart(exterior=((1.0, 1.0), (6.0, 1.0), (6.0, 8.0), (1.0, 8.0)), holes=(hole,)),
        PolygonPart(exterior=((9.0, 2.0), (14.0, 2.0), (14.0, 9.0), (9.0, 9.0))),
    )
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match=r"hole-filled.*parts-merged"):
        segment(tmp_path / "a", Polygon(parts=parts), accept=())
    ring, made = segment(tmp_path, Polygon(parts=parts), accept=["hole-filled", "parts-merged"])
    assert made.ledger.changed == {("findings", "hole-filled"): 1, ("findings", "parts-merged"): 1}
    expected = np.zeros((12, 16), bool)
    expected[1:8, 1:6] = expected[2:9, 9:14] = True
    assert np.array_equal(covered(ring), expected)


def test_a_box_is_no_outline(tmp_path):
    made = write(tmp_path, [record("a", finding("1", SQUARE))], task=Task.SEGMENT)
    assert made.ledger.lost == {("findings", "no-outline"): 1, ("images", "empty-unsure"): 1}


def test_an_outline_that_leaves_the_image_is_cut_when_asked(tmp_path):
    drawn = Polygon(parts=(PolygonPart(exterior=((-4.0, 2.0), (4.0, 2.0), (4.0, 8.0), (-4.0, 8.0))),))
    ring, made = segment(tmp_path, drawn, accept=(), clip=True)
    assert made.ledger.changed == {("findings", "clipped"): 1}
    assert {(round(x, 5), round(y, 5)) for x, y in ring} == {(0, 2), (4, 2), (4, 8), (0, 8)}
