"""COCO files hold exactly what the view shows, pixel by pixel, and never a made-up negative."""

from __future__ import annotations

import io
import json
import tempfile
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from tests import strategies as some
from tests.fixtures.ddti import make as quirks
from tests.toy import finding, graded, make_dataset, record
from thyrodata import export
from thyrodata.conversion import convert
from thyrodata.dataset import Dataset
from thyrodata.errors import OutputError
from thyrodata.exports.coco import CocoSettings, CocoTarget, write_coco
from thyrodata.exports.view import exported_readers, view
from thyrodata.partition import SplitPlan, add_split
from thyrodata.schema.geometry import Box, Calipers, Line, Mask, Polygon, PolygonPart
from thyrodata.schema.record import Derived, Label, OfficialSplit, Read, Reading
from thyrodata.schema.vocab import Coverage, DeepLesionSite, Malignancy, Structure

# pycocotools' own decoder hands numpy an array in the way of numpy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

HEIGHT, WIDTH = 12, 16
SQUARE = Box(x=2, y=3, width=4, height=5)


def ring(x0, y0, x1, y1):
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def block(*boxes):
    """The pixels inside of rectangles with whole corners."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x0, y0, x1, y1 in boxes:
        pixels[y0:y1, x0:x1] = 1
    return pixels


def mask_of(pixels):
    encoded = coco_mask.encode(np.asfortranarray(pixels))
    return Mask(height=HEIGHT, width=WIDTH, counts=encoded["counts"].decode())


def flat(points):
    return [number for point in points for number in point]


def load(file):
    with redirect_stdout(io.StringIO()):
        return COCO(str(file))


def exported(dataset, folder, part_of=None, reader=None):
    """The COCO of each part, and what was left out; without parts, all images are in one."""
    parts = part_of or {found.image_id: "all" for found in dataset.records()}
    shown = view(dataset, parts, reader)
    write_coco([CocoTarget(view=shown, folder=folder, info={"description": "toy"})])
    ledger = shown.ledger
    assert {path.name for path in folder.iterdir()} == {f"instances_{part}.json" for part in parts.values()}
    assert ledger.given["images"] == ledger.written["images"] + lost(ledger, "images")
    assert ledger.given["findings"] == ledger.written["findings"] + lost(ledger, "findings")
    return {part: load(folder / f"instances_{part}.json") for part in set(parts.values())}, ledger


def lost(ledger, what):
    return sum(n for (kind, _), n in ledger.lost.items() if kind == what)


def one(folder, *geometries):
    """A dataset of one image with one finding."""
    return make_dataset(folder / "d", [record("a", finding("1", *geometries))])


def only(dataset, folder):
    """The one annotation of a dataset's COCO, with its pixels."""
    parts, _ = exported(dataset, folder)
    (annotation,) = parts["all"].anns.values()
    assert annotation["iscrowd"] == 0
    if annotation["segmentation"] == []:
        return annotation, None
    pixels = parts["all"].annToMask(annotation)
    assert annotation["area"] == pixels.sum()
    return annotation, pixels


def names(coco):
    return [category["name"] for category in coco.dataset["categories"]]


# ---------------------------------------------------------------- a whole conversion


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of quirks, converted."""
    folder = tmp_path_factory.mktemp("quirks")
    quirks.make(folder / "raw")
    return convert("ddti", folder / "raw", folder / "ddti").dataset


@pytest.fixture(scope="module")
def parts(whole):
    folder = whole.path / "annotations" / "default"
    return {path.stem.removeprefix("instances_"): load(path) for path in folder.iterdir()}


def test_every_part_has_its_file_and_nothing_else_is_there(whole, parts):
    assert set(parts) == set(whole.split()) == {"train", "val", "test"}


def test_all_that_is_outlined_is_there_once_and_nothing_else(whole, parts):
    of_all = [image["image_id"] for coco in parts.values() for image in coco.imgs.values()]
    outlined = {r.image_id: len(outlines(r)) for r in whole.records() if outlines(r)}
    assert sorted(of_all) == sorted(outlined)
    assert len(of_all) == quirks.EXPECTED["images"] - quirks.EXPECTED["coverage"]["none"]
    drawn = Counter(
        coco.imgs[annotation["image_id"]]["image_id"]
        for coco in parts.values()
        for annotation in coco.anns.values()
    )
    assert drawn == outlined
    assert drawn.total() == quirks.EXPECTED["findings"]["nodule polygon"]


def outlines(found):
    return [f for f in found.findings if f.structure is Structure.NODULE]


def test_an_image_stands_in_the_file_of_its_part(whole, parts):
    part_of = {image_id: part for part, ids in whole.split().items() for image_id in ids}
    for part, coco in parts.items():
        assert {part_of[image["image_id"]] for image in coco.imgs.values()} == {part}


def test_areas_are_those_of_the_decoded_masks_and_boxes_the_extents(parts):
    for coco in parts.values():
        for annotation in coco.anns.values():
            assert annotation["iscrowd"] == 0
            assert annotation["area"] == coco.annToMask(annotation).sum()
            xs = [x for part in annotation["segmentation"] for x in part[::2]]
            ys = [y for part in annotation["segmentation"] for y in part[1::2]]
            assert annotation["bbox"] == [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def test_images_lead_to_files_of_their_size(whole, parts):
    sizes = {r.image.path: (r.image.width, r.image.height) for r in whole.records()}
    for coco in parts.values():
        for image in coco.imgs.values():
            assert (whole.path / image["file_name"]).is_file()
            assert sizes[image["file_name"]] == (image["width"], image["height"])


def test_ids_are_unique_across_parts_and_annotations_lead_to_images(parts):
    for table in ("imgs", "anns"):
        ids = [number for coco in parts.values() for number in getattr(coco, table)]
        assert len(ids) == len(set(ids))
    for coco in parts.values():
        assert {annotation["image_id"] for annotation in coco.anns.values()} == set(coco.imgs)


def test_a_case_label_makes_no_category(parts):
    for coco in parts.values():
        assert coco.dataset["categories"] == [{"id": 1, "name": "nodule"}]
    labels = [image["case_labels"] for coco in parts.values() for image in coco.imgs.values()]
    assert {"value": "tirads-kwak/4a"} in [label for said in labels for label in said]


def test_what_is_left_out_is_counted_in_the_account_of_the_split(whole):
    (left_out,) = whole.split_report()["left_out_of_coco"].values()
    found = Counter()
    for entry in left_out:
        assert entry["reason"]
        found[entry["what"]] += entry["n"]
    assert found == {
        "images": quirks.EXPECTED["coverage"]["none"],
        "findings": quirks.EXPECTED["findings"]["marker line"],
    }


def test_ids_are_the_same_in_every_split(whole, tmp_path):
    """Another split of the same images numbers images, annotations and categories as the first."""
    others = {r.image_id: f"p{k % 5}" for k, r in enumerate(whole.records())}
    again, _ = exported(whole, tmp_path / "again", others)
    firsts = numbers(load(path) for path in (whole.path / "annotations" / "default").iterdir())
    assert numbers(again.values()) == firsts


def numbers(cocos):
    found = {}
    for coco in cocos:
        for number, image in coco.imgs.items():
            found[image["image_id"]] = number
        for number, annotation in coco.anns.items():
            found[coco.imgs[annotation["image_id"]]["image_id"], annotation["finding_id"]] = number
    return found


@pytest.mark.parametrize(
    ("names", "finding_ids", "numbers"),
    [
        (["7", "3"], [["90", "12"], ["11"]], ([7, 3], [90, 12, 11])),
        (["7", "x"], [["90", "12"], ["11"]], ([1, 2], [90, 12, 11])),
        (["7", "3"], [["1", "2"], ["1"]], ([7, 3], [1, 2, 3])),
        (["7", "03"], [["1"], ["2", "-3"]], ([1, 2], [1, 2, 3])),
        (["7", "0"], [["1"], ["0"]], ([1, 2], [1, 2])),
        (["7", "٣"], [["1"], ["1e3"]], ([1, 2], [1, 2])),
        (["7", "9" * 5000], [["5"], []], ([1, 2], [5])),
    ],
    ids=["both", "a name", "twice", "leading zero", "zero", "other digits", "without measure"],
)
def test_numbers_of_a_dataset_that_has_its_own_are_kept(names, finding_ids, numbers, tmp_path):
    """Only where all of them are distinct whole numbers above zero: else they are places in the dataset."""
    complete = (Reading(coverage=Coverage.COMPLETE),)
    records = [
        record(name, *(finding(number, SQUARE) for number in own), readings=complete)
        for name, own in zip(names, finding_ids, strict=True)
    ]
    parts, _ = exported(make_dataset(tmp_path / "d", records), tmp_path / "o")
    assert (list(parts["all"].imgs), list(parts["all"].anns)) == numbers
    assert [a["image_id"] for a in parts["all"].anns.values()] == [
        numbers[0][i] for i, own in enumerate(finding_ids) for _ in own
    ]


def test_a_number_is_of_the_whole_dataset(tmp_path):
    """Whether numbers are distinct is a question to all images, and annotations are counted through all."""
    records = [record(name, finding("5", SQUARE)) for name in ("7", "3")]
    parts, _ = exported(make_dataset(tmp_path / "d", records), tmp_path / "o", {"toy/3": "train"})
    assert (list(parts["train"].imgs), list(parts["train"].anns)) == ([3], [2])


# ---------------------------------------------------------------- geometry


@pytest.mark.parametrize(
    ("parts", "pixels"),
    [
        ([ring(2, 3, 6, 8)], block((2, 3, 6, 8))),
        ([ring(1, 1, 4, 4), ring(9, 2, 12, 11)], block((1, 1, 4, 4), (9, 2, 12, 11))),
        ([ring(1, 1, 6, 6), ring(4, 4, 9, 9)], block((1, 1, 6, 6), (4, 4, 9, 9))),
        ([ring(-3, -2, 5, 4)], block((0, 0, 5, 4))),
        ([ring(13, 9, 40, 30)], block((13, 9, 16, 12))),
    ],
    ids=["one", "two", "overlapping", "out of the top left", "out of the bottom right"],
)
def test_a_polygon_stays_a_polygon_of_all_its_parts(parts, pixels, tmp_path):
    polygon = Polygon(parts=tuple(PolygonPart(exterior=part) for part in parts))
    annotation, decoded = only(
        make_dataset(tmp_path / "d", [record("a", finding("1", polygon))]), tmp_path / "o"
    )
    assert annotation["segmentation"] == [flat(part) for part in parts]
    assert annotation["geometry"] == "polygon"
    assert np.array_equal(decoded, pixels)
    corners = [point for part in parts for point in part]
    left, top = (min(axis) for axis in zip(*corners, strict=True))
    right, bottom = (max(axis) for axis in zip(*corners, strict=True))
    assert annotation["bbox"] == [left, top, right - left, bottom - top]


@pytest.mark.parametrize(
    ("parts", "pixels"),
    [
        ([(ring(1, 1, 11, 11), [ring(3, 4, 8, 9)])], block((1, 1, 11, 11)) - block((3, 4, 8, 9))),
        (
            [(ring(1, 1, 11, 11), [ring(2, 2, 5, 5), ring(4, 4, 8, 8)])],
            block((1, 1, 11, 11)) - block((2, 2, 5, 5), (4, 4, 8, 8)),
        ),
        (
            [(ring(1, 1, 11, 11), [ring(3, 3, 9, 9)]), (ring(5, 5, 7, 7), [])],
            block((1, 1, 11, 11)) - block((3, 3, 9, 9)) + block((5, 5, 7, 7)),
        ),
        ([(ring(0, 0, 4, 4), [ring(2, 2, 9, 9)])], block((0, 0, 4, 4)) - block((2, 2, 4, 4))),
        ([(ring(0, 0, 16, 12), [ring(0, 0, 3, 12)])], block((3, 0, 16, 12))),
        ([(ring(2, 2, 5, 5), [ring(2, 2, 5, 5)])], block()),
    ],
    ids=["one hole", "two that overlap", "an island in it", "over the edge", "at the corner", "all of it"],
)
def test_a_polygon_with_holes_becomes_the_runs_of_its_pixels(parts, pixels, tmp_path):
    polygon = Polygon(parts=tuple(PolygonPart(exterior=out, holes=tuple(holes)) for out, holes in parts))
    annotation, decoded = only(
        make_dataset(tmp_path / "d", [record("a", finding("1", polygon))]), tmp_path / "o"
    )
    assert annotation["segmentation"]["size"] == [HEIGHT, WIDTH]
    assert isinstance(annotation["segmentation"]["counts"], str)
    assert np.array_equal(decoded, pixels)


numbers_near = st.integers(-4, 20) | st.floats(-4, 20)
rings_near = st.lists(st.tuples(numbers_near, numbers_near), min_size=3, max_size=7).map(tuple)
parts_near = st.builds(
    PolygonPart, exterior=rings_near, holes=st.lists(rings_near, min_size=1, max_size=3).map(tuple)
)


@given(st.lists(parts_near, min_size=1, max_size=3))
def test_holes(parts):
    """The pixels of a polygon with holes are those of its parts, each less its own holes."""
    with tempfile.TemporaryDirectory() as folder:
        _, decoded = only(one(Path(folder), Polygon(parts=tuple(parts))), Path(folder, "o"))
    expected = np.zeros((HEIGHT, WIDTH), bool)
    for part in parts:
        holes = np.logical_or.reduce([filled(hole) for hole in part.holes])
        expected |= filled(part.exterior) & ~holes
    assert np.array_equal(decoded, expected)


def filled(points):
    (encoded,) = coco_mask.frPyObjects([flat(points)], HEIGHT, WIDTH)
    return coco_mask.decode(encoded).astype(bool)


@pytest.mark.parametrize(
    "pixels",
    [
        block((1, 1, 11, 11)) - block((3, 4, 8, 9)),
        block((0, 0, 2, 2), (14, 10, 16, 12)),
        block((0, 0, 16, 12)),
        np.indices((HEIGHT, WIDTH)).sum(0).astype(np.uint8) % 2,
    ],
    ids=["a hole", "two parts", "all", "a chessboard"],
)
def test_a_mask_stays_the_mask_that_it_is(pixels, tmp_path):
    mask = mask_of(pixels)
    annotation, decoded = only(
        make_dataset(tmp_path / "d", [record("a", finding("1", mask))]), tmp_path / "o"
    )
    assert annotation["segmentation"] == {"size": [HEIGHT, WIDTH], "counts": mask.counts}
    assert annotation["geometry"] == "mask"
    assert np.array_equal(decoded, pixels)
    ys, xs = np.nonzero(pixels)
    left, top = xs.min(), ys.min()
    assert annotation["bbox"] == [left, top, xs.max() + 1 - left, ys.max() + 1 - top]


def test_a_box_gets_no_made_up_outline(tmp_path):
    box = Box(x=1.5, y=2, width=4, height=3.5)
    annotation, _ = only(one(tmp_path, box), tmp_path / "o")
    assert annotation["segmentation"] == []
    assert annotation["bbox"] == [1.5, 2, 4, 3.5]
    assert annotation["area"] == 14


POLYGON = Polygon(parts=(PolygonPart(exterior=ring(2, 3, 6, 8)),))
DIAMETERS = Calipers(long=((1, 1), (9, 9)), short=((3, 6), (6, 3)))
STROKE = Line(points=((1, 1), (9, 9)))


@pytest.mark.parametrize(
    ("geometries", "chosen"),
    [
        ((SQUARE, POLYGON, mask_of(block((2, 3, 6, 8)))), "mask"),
        ((SQUARE, POLYGON, DIAMETERS), "polygon"),
        ((DIAMETERS, SQUARE), "box"),
    ],
)
def test_the_most_exact_drawing_of_a_finding_is_written(geometries, chosen, tmp_path):
    annotation, _ = only(one(tmp_path, *geometries), tmp_path / "o")
    assert annotation["geometry"] == chosen


# ---------------------------------------------------------------- the export


def test_an_export_has_images_beside_its_annotations(tmp_path):
    """What the dataset's own COCO says, but for file names, which are relative to ``images``."""
    records = [
        replace(
            record(name, finding("1", SQUARE), image=name.encode()),
            official_splits=(OfficialSplit(part="x"),),
        )
        for name in ("a", "b/c")
    ]
    dataset = make_dataset(
        tmp_path / "d", records, {f"images/{name}.jpg": name.encode() for name in ("a", "b/c")}
    )
    export("coco", dataset, tmp_path / "o", split="official")
    ours = json.loads((dataset.path / "annotations" / "official" / "instances_x.json").read_bytes())
    theirs = json.loads((tmp_path / "o" / "annotations" / "instances_x.json").read_bytes())
    for image in ours["images"]:
        image["file_name"] = image["file_name"].removeprefix("images/")
        assert (tmp_path / "o" / "images" / image["file_name"]).read_bytes() == image["image_id"][4:].encode()
    assert {key: theirs[key] for key in ("images", "annotations", "categories")} == {
        key: ours[key] for key in ("images", "annotations", "categories")
    }


def test_pixels_of_a_polygon_with_a_hole_are_named_as_a_change(tmp_path):
    part = PolygonPart(exterior=ring(1, 1, 11, 11), holes=(ring(3, 4, 8, 9),))
    found = record("a", finding("1", Polygon(parts=(part,))), finding("2", POLYGON))
    dataset = make_dataset(tmp_path / "d", [replace(found, official_splits=(OfficialSplit(part="x"),))])
    labels = CocoSettings(labels_only=True)
    with pytest.raises(OutputError, match="polygon-to-mask: 1 finding changed"):
        export("coco", dataset, tmp_path / "o", split="official", settings=labels)
    export("coco", dataset, tmp_path / "o", split="official", settings=labels, accept=["polygon-to-mask"])
    assert {path.name for path in (tmp_path / "o").iterdir()} == {"annotations", "thyrodata-export.json"}


# ---------------------------------------------------------------- what is left out


def test_what_has_no_area_is_left_out_and_counted(tmp_path):
    drawn = record(
        "a",
        finding("1", SQUARE),
        finding("2", STROKE),
        finding("3", DIAMETERS),
        finding("4", SQUARE, structure=Structure.MARKER),
        finding("5", STROKE, structure=Structure.MARKER),
    )
    parts, ledger = exported(make_dataset(tmp_path / "d", [drawn]), tmp_path / "o")
    assert [annotation["finding_id"] for annotation in parts["all"].anns.values()] == ["1"]
    assert ledger.given == {"images": 1, "findings": 5}
    assert sorted(ledger.lost.values()) == [2, 2]


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({"readings": (Reading(coverage=Coverage.COMPLETE),)}, True),
        ({"readings": (Reading(coverage=Coverage.NONE),)}, False),
        ({"readings": (Reading(coverage=Coverage.PARTIAL),)}, False),
        ({"readings": (Reading(),)}, False),
        ({"readings": ()}, False),
        ({"readings": (), "image_labels": (Label(value=Malignancy.BENIGN),)}, False),
    ],
    ids=["complete", "none", "partial", "not stated", "nobody looked", "labelled, not drawn"],
)
def test_an_image_without_findings_is_a_negative_only_if_a_reader_says_so(fields, written, tmp_path):
    dataset = make_dataset(tmp_path / "d", [record("a", **fields), record("b", finding("1", SQUARE))])
    parts, ledger = exported(dataset, tmp_path / "o")
    ids = [image["image_id"] for image in parts["all"].imgs.values()]
    assert ids == (["toy/a", "toy/b"] if written else ["toy/b"])
    assert lost(ledger, "images") == (not written)


@pytest.mark.parametrize("drawn", [DIAMETERS, STROKE], ids=["calipers", "line"])
def test_an_image_whose_findings_have_no_area_is_no_negative(drawn, tmp_path):
    complete = (Reading(coverage=Coverage.COMPLETE),)
    dataset = make_dataset(tmp_path / "d", [record("a", finding("1", drawn), readings=complete)])
    parts, ledger = exported(dataset, tmp_path / "o")
    assert not parts["all"].imgs
    assert lost(ledger, "images") == lost(ledger, "findings") == 1


def test_a_marker_is_nothing_that_a_reader_found(tmp_path):
    complete = (Reading(coverage=Coverage.COMPLETE),)
    arrow = finding("1", STROKE, structure=Structure.MARKER)
    dataset = make_dataset(tmp_path / "d", [record("a", arrow, readings=complete)])
    parts, _ = exported(dataset, tmp_path / "o")
    assert len(parts["all"].imgs) == 1


def test_an_image_of_no_part_is_not_given(tmp_path):
    dataset = make_dataset(tmp_path / "d", [record(name, finding("1", SQUARE)) for name in "ab"])
    parts, ledger = exported(dataset, tmp_path / "o", {"toy/b": "train"})
    assert [image["image_id"] for image in parts["train"].imgs.values()] == ["toy/b"]
    assert ledger.given == {"images": 1, "findings": 1}


def test_splits_written_together_have_the_files_and_accounts_that_each_has_alone(tmp_path):
    """Images are in both, in one of the two, or in none; every other one has an outline with a hole."""
    holed = Polygon(parts=(PolygonPart(exterior=ring(1, 1, 11, 11), holes=(ring(3, 4, 8, 9),)),))
    drawn = [
        record(name, finding("1", holed if odd else SQUARE), finding("2", STROKE))
        for name, odd in zip("abcdefgh", (True, False) * 4, strict=True)
    ]
    dataset = make_dataset(tmp_path / "d", drawn)
    splits = [
        {"toy/a": "train", "toy/b": "test", "toy/c": "train", "toy/g": "test"},
        {"toy/b": "one", "toy/c": "one", "toy/d": "two", "toy/h": "two"},
    ]

    def targets(folder):
        return [
            CocoTarget(view=view(dataset, parts), folder=folder / str(number), info={"description": "toy"})
            for number, parts in enumerate(splits)
        ]

    together, alone = targets(tmp_path / "together"), targets(tmp_path / "alone")
    write_coco(together)
    for target in alone:
        write_coco([target])
    for one, other in zip(together, alone, strict=True):
        assert one.view.ledger.to_json() == other.view.ledger.to_json()
        files = sorted(one.folder.iterdir())
        assert [file.read_bytes() for file in files] == [
            file.read_bytes() for file in sorted(other.folder.iterdir())
        ]
    assert [target.view.ledger.changed["findings", "polygon-to-mask"] for target in together] == [3, 1]


# ---------------------------------------------------------------- categories and extras


def test_categories_are_the_same_in_every_part(tmp_path):
    """Also in a part that has no finding of one; terms stand in the order of their scale."""
    found = {
        "a": finding("1", SQUARE, labels=(Label(value=DeepLesionSite.LUNG),), structure=Structure.LESION),
        "b": finding("1", SQUARE, labels=(Label(value=DeepLesionSite.BONE),), structure=Structure.LESION),
        "c": finding("1", SQUARE),
        "d": finding("1", SQUARE, structure=Structure.GLAND),
    }
    records = [record(name, drawn, case_labels=graded("5")) for name, drawn in found.items()]
    part_of = {"toy/a": "train", "toy/b": "val", "toy/c": "train", "toy/d": "train"}
    parts, _ = exported(make_dataset(tmp_path / "d", records), tmp_path / "o", part_of)
    expected = ["gland", "nodule", "deeplesion-site/bone", "deeplesion-site/lung"]
    assert names(parts["train"]) == names(parts["val"]) == expected
    assert parts["train"].dataset["categories"] == parts["val"].dataset["categories"]
    (bone,) = parts["val"].anns.values()
    assert parts["val"].cats[bone["category_id"]]["name"] == "deeplesion-site/bone"


def test_what_is_known_of_image_and_finding_stands_beside_cocos_keys(tmp_path):
    said = {"case_labels": graded("4a"), "image_labels": graded("3")}
    drawn = finding("n1", SQUARE, labels=(Label(value=Malignancy.MALIGNANT),), score=0.5)
    dataset = make_dataset(tmp_path / "d", [record("a", drawn, group="p", **said)])
    annotation, _ = only(dataset, tmp_path / "o")
    image = json.loads((tmp_path / "o" / "instances_all.json").read_bytes())["images"][0]
    assert image["group_id"] == "toy/p"
    assert image["group_kind"] == "case"
    assert image["case_labels"] == [{"value": "tirads-kwak/4a"}]
    assert image["image_labels"] == [{"value": "tirads-kwak/3"}]
    assert annotation["labels"] == [{"value": "malignancy/malignant"}]
    assert (annotation["finding_id"], annotation["structure"], annotation["score"]) == ("n1", "nodule", 0.5)


# ---------------------------------------------------------------- readers


def by(reader, finding_id, geometry=SQUARE):
    return finding(finding_id, geometry, origin=Read(reader=reader))


TWO = (Reading(reader="ann"), Reading(reader="bob"))


def add(dataset, name="default"):
    add_split(dataset, SplitPlan(name=name, ratios={"train": 0.5, "test": 0.5}))
    assert not dataset.verify()
    return dataset.path / "annotations" / name


def merged(folder):
    """What the files of a folder hold together."""
    return {
        (coco.imgs[a["image_id"]]["image_id"], a["finding_id"]): a["reader"]
        for coco in (load(path) for path in folder.glob("*.json"))
        for a in coco.anns.values()
    }


def test_several_readers_have_a_folder_each(tmp_path):
    records = [record(name, by("ann", "1"), by("bob", "2"), readings=TWO) for name in "abcd"]
    folder = add(make_dataset(tmp_path / "d", records))
    assert {path.name for path in folder.iterdir()} == {"ann", "bob"}
    assert merged(folder / "ann") == {(f"toy/{name}", "1"): "ann" for name in "abcd"}
    assert merged(folder / "bob") == {(f"toy/{name}", "2"): "bob" for name in "abcd"}


@pytest.mark.parametrize("other", [None, Coverage.NONE, Coverage.PARTIAL, Coverage.COMPLETE, "absent"])
def test_what_one_reader_left_out_is_no_negative_of_the_other(other, tmp_path):
    """An image is in a reader's file without findings only if that reader says there is nothing."""
    readings = [Reading(reader="ann", coverage=Coverage.COMPLETE)]
    if other != "absent":
        readings.append(Reading(reader="bob", coverage=other))
    records = [
        record("a", by("ann", "1"), readings=readings),
        record("b", by("ann", "1"), by("bob", "2"), readings=TWO),
    ]
    parts, ledger = exported(make_dataset(tmp_path / "d", records), tmp_path / "o", reader="bob")
    ids = [image["image_id"] for image in parts["all"].imgs.values()]
    assert ids == (["toy/a", "toy/b"] if other is Coverage.COMPLETE else ["toy/b"])
    assert lost(ledger, "findings") == 2


def test_one_reader_has_no_folder_of_their_own(tmp_path):
    records = [record(name, by("ann", "1"), readings=TWO) for name in "abcd"]
    folder = add(make_dataset(tmp_path / "d", records))
    assert {path.suffix for path in folder.iterdir()} == {".json"}


def test_a_consensus_stands_for_the_readers(tmp_path):
    drawn = (by("ann", "1"), by("bob", "2"))
    both = finding("3", SQUARE, origin=Derived(policy="vote", from_ids=("1", "2")))
    records = [record(name, *drawn, both, readings=TWO) for name in "abcd"]
    dataset = make_dataset(tmp_path / "d", records)
    assert merged(add(dataset)) == {(f"toy/{name}", "3"): None for name in "abcd"}
    (left_out,) = dataset.split_report()["left_out_of_coco"].values()
    assert [(entry["what"], entry["n"]) for entry in left_out] == [("findings", 8)]


def test_readers_with_unruly_names_stay_apart_and_inside(tmp_path):
    readers = [None, ".", "..", "../../..", "/etc", "a/b", "a%2Fb", "Dr. Ä\n", "%", "con 1"]
    readings = tuple(Reading(reader=reader) for reader in readers)
    drawn = [by(reader, str(number)) for number, reader in enumerate(readers)]
    records = [record(name, *drawn, readings=readings) for name in "abcd"]
    folder = add(make_dataset(tmp_path / "d", records))
    assert [path.name for path in tmp_path.iterdir()] == ["d"]
    found = [merged(below) for below in folder.iterdir()]
    assert all(len(below) == 4 for below in found)
    assert Counter(reader for below in found for reader in set(below.values())) == Counter(readers)


# ---------------------------------------------------------------- the law


def nearer(found):
    """The record with outlines a thousandth as far away, so that drawing them takes no time."""
    return replace(
        found,
        findings=tuple(
            replace(drawn, geometries=tuple(_nearer(geometry) for geometry in drawn.geometries))
            for drawn in found.findings
        ),
    )


def _nearer(geometry):
    if not isinstance(geometry, Polygon):
        return geometry
    parts = [
        PolygonPart(exterior=_shrunk(part.exterior), holes=tuple(_shrunk(hole) for hole in part.holes))
        for part in geometry.parts
    ]
    return Polygon(parts=tuple(parts))


def _shrunk(points):
    return tuple((x / 1000, y / 1000) for x, y in points)


image_lists = st.lists(
    st.tuples(some.image_records().map(nearer), st.sampled_from([None, "train", "val"])),
    min_size=1,
    max_size=3,
    unique_by=(lambda pair: pair[0].image_id, lambda pair: pair[0].image.path or pair[0].image_id),
)


@pytest.mark.slow
@given(image_lists)
def test_exactly_the_findings_of_the_view(drawn):
    """COCO holds, for each reader, each part's findings with an area and its true negatives, nothing else."""
    part_of = {found.image_id: part for found, part in drawn if part}
    assume(part_of)
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_dataset(Path(folder, "d"), [found for found, _ in drawn])
        for number, reader in enumerate(exported_readers(dataset)):
            parts, ledger = exported(dataset, Path(folder, str(number)), part_of, reader)
            assert {part: written(coco) for part, coco in parts.items()} == {
                part: expected([found for found, its in drawn if its == part], reader) for part in parts
            }
            assert ledger.written["images"] == sum(len(coco.imgs) for coco in parts.values())
            assert ledger.written["findings"] == sum(len(coco.anns) for coco in parts.values())


def written(coco):
    """What a file holds: the findings of each image, and of each the drawing that was taken."""
    found = {image["image_id"]: set() for image in coco.imgs.values()}
    for annotation in coco.anns.values():
        check_annotation(annotation, coco)
        image = coco.imgs[annotation["image_id"]]
        crowd = annotation["iscrowd"] == 1
        found[image["image_id"]].add((annotation["finding_id"], annotation["geometry"], crowd))
    return found


def expected(images, reader):
    found = {}
    for image in images:
        own = [f for f in image.findings if f.structure is not Structure.MARKER and who(f) == reader]
        said = covered(image, reader)
        shown = {(f.finding_id, best(f), f.crowd) for f in own if best(f)}
        if said - {Coverage.NONE} and (shown or (Coverage.COMPLETE in said and not own)):
            found[image.image_id] = shown
    return found


def covered(image, reader):
    """All that is said of what the reader covered, or of what anybody did where the readers agreed."""
    return {reading.coverage for reading in image.readings if reader in {"derived", reading.reader or ""}}


def who(drawn):
    return "derived" if isinstance(drawn.origin, Derived) else drawn.origin.reader or ""


def best(drawn):
    tags = {type(geometry).__name__.lower() for geometry in drawn.geometries}
    return next((tag for tag in ("mask", "polygon", "box") if tag in tags), None)


def check_annotation(annotation, coco):
    assert annotation["iscrowd"] in {0, 1}
    if annotation["geometry"] == "box":
        assert annotation["area"] == annotation["bbox"][2] * annotation["bbox"][3]
    else:
        assert annotation["area"] == coco.annToMask(annotation).sum()


def test_a_dataset_without_findings_has_empty_files(tmp_path):
    complete = (Reading(coverage=Coverage.COMPLETE),)
    dataset = make_dataset(tmp_path / "d", [record(name, readings=complete) for name in "abcd"])
    folder = add(dataset)
    cocos = [load(path) for path in folder.iterdir()]
    assert sum(len(coco.imgs) for coco in cocos) == 4
    assert all(not coco.anns and not coco.cats for coco in cocos)
    assert Dataset(dataset.path).split_report()["left_out_of_coco"] == {"": []}
