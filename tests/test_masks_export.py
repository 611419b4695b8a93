"""Masks are written pixel for pixel, and what a value cannot say is named."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from tests.contract.run import contents
from tests.toy import finding, make_dataset, record
from thyrodata import export
from thyrodata.conversion import convert
from thyrodata.converters.masks import Instances
from thyrodata.converters.masks import MasksSettings as ReaderSettings
from thyrodata.dataset import Dataset
from thyrodata.errors import OutputError
from thyrodata.exports.ledger import LOSSES
from thyrodata.exports.masks import MasksSettings, Values
from thyrodata.io.masks import encode_mask
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Box, Line, Polygon, PolygonPart
from thyrodata.schema.record import ImageRef, Label, OfficialSplit, Reading
from thyrodata.schema.vocab import Coverage, Structure, TiradsKwak

HEIGHT, WIDTH = 12, 16
ALL = tuple(LOSSES)
COMPLETE = (Reading(coverage=Coverage.COMPLETE),)


def write(folder, *records, accept=ALL, part="train", **settings):
    """Export records, all in one part, and return what was made."""
    found = [replace(r, official_splits=(OfficialSplit(part=part),)) for r in records]
    dataset = make_dataset(folder / "d", found)
    chosen = MasksSettings(labels_only=True, **settings)
    return export("masks", dataset, folder / "o", split="official", accept=accept, settings=chosen)


def read(folder, name="a", part="train"):
    """Decode a mask as a trainer does."""
    with Image.open(folder / "o" / "masks" / part / f"{name}.png") as picture:
        return np.array(picture)


def area(top, bottom, left, right):
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[top:bottom, left:right] = True
    return pixels


def mask(name, pixels, *, structure=Structure.NODULE, **fields):
    return finding(name, encode_mask(pixels), structure=structure, **fields)


# ---------------------------------------------------------------- values


def test_a_pixel_has_the_number_of_its_category(tmp_path):
    grade = (Label(value=TiradsKwak.T5),)
    lobe, nodule, graded = area(0, 9, 0, 9), area(10, 12, 0, 4), area(10, 12, 6, 9)
    made = write(
        tmp_path,
        record("a", mask("1", lobe, structure=Structure.GLAND), mask("2", nodule)),
        record("b", mask("1", graded, labels=grade)),
        accept=(),
    )
    classes = json.loads((tmp_path / "o" / "classes.json").read_text())
    assert classes == {"0": "background", "1": "gland", "2": "nodule", "3": "tirads-kwak/5"}
    np.testing.assert_array_equal(read(tmp_path), 1 * lobe + 2 * nodule)
    np.testing.assert_array_equal(read(tmp_path, "b"), 3 * graded)
    assert (made.ledger.lost, made.ledger.changed) == ({}, {})
    assert read(tmp_path).dtype == np.uint8


def test_binary_is_0_and_255(tmp_path):
    write(tmp_path, record("a", mask("1", area(0, 3, 0, 3))), values=Values.BINARY)
    np.testing.assert_array_equal(read(tmp_path), 255 * area(0, 3, 0, 3))
    assert json.loads((tmp_path / "o" / "classes.json").read_text()) == {
        "0": "background",
        "255": "foreground",
    }


def test_instances_are_numbered_and_said(tmp_path):
    first, second = area(0, 3, 0, 3), area(5, 9, 5, 9)
    made = write(
        tmp_path,
        record("a", mask("x", first), mask("y,z", second, structure=Structure.LYMPH_NODE)),
        values=Values.INSTANCES,
        accept=(),
    )
    pixels = read(tmp_path)
    assert pixels.dtype.itemsize > 1
    np.testing.assert_array_equal(pixels, 1 * first + 2 * second)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "o" / "instances.csv").read_text())))
    assert [(row["value"], row["category"], row["finding_id"]) for row in rows] == [
        ("1", "nodule", "x"),
        ("2", "lymph-node", "y,z"),
    ]
    assert {row["mask"] for row in rows} == {"masks/train/a.png"}
    assert not (tmp_path / "o" / "classes.json").exists()
    assert made.ledger.changed == {}


def test_only_a_true_negative_has_an_empty_mask(tmp_path):
    made = write(
        tmp_path,
        record("a", readings=COMPLETE),
        record("b"),
        record("c", readings=(Reading(coverage=Coverage.NONE),)),
        record("d", mask("1", area(0, 0, 0, 0)), readings=COMPLETE),
        record("e", finding("1", Box(x=3.6, y=3, width=0.2, height=4)), readings=COMPLETE),
    )
    assert [path.name for path in (tmp_path / "o" / "masks" / "train").iterdir()] == ["a.png"]
    assert not read(tmp_path).any()
    assert made.ledger.lost == {
        ("images", "empty-unsure"): 3,
        ("images", "unread"): 1,
        ("findings", "no-area"): 1,
        ("findings", "no-pixel"): 1,
    }


# ---------------------------------------------------------------- what a value cannot say


def test_findings_of_one_value_become_one_area_which_is_named(tmp_path):
    two = record("a", mask("1", area(0, 3, 0, 3)), mask("2", area(5, 9, 5, 9)))
    with pytest.raises(OutputError, match="instances-merged") as caught:
        write(tmp_path, two, accept=())
    assert "--accept instances-merged" in caught.value.hint
    assert not (tmp_path / "o").exists()
    (tmp_path / "again").mkdir()
    made = write(tmp_path / "again", two)
    assert made.ledger.changed == {("findings", "instances-merged"): 2}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_smaller_of_two_lies_on_top_and_the_one_below_is_named(tmp_path, order):
    """In the order of the records, a gland that is drawn after its nodule would hide it."""
    lobe, nodule = area(0, 9, 0, 9), area(2, 5, 2, 5)
    drawn = [mask("lobe", lobe, structure=Structure.GLAND), mask("nodule", nodule)]
    made = write(tmp_path, record("a", *(drawn[index] for index in order)))
    np.testing.assert_array_equal(read(tmp_path), np.where(nodule, 2, 1 * lobe))
    assert made.ledger.changed == {("findings", "overlap"): 1}


def test_an_overlap_is_refused_until_it_is_accepted(tmp_path):
    drawn = [mask("1", area(0, 9, 0, 9)), mask("2", area(2, 5, 2, 5))]
    with pytest.raises(OutputError, match="overlap"):
        write(tmp_path, record("a", *drawn), values=Values.INSTANCES, accept=())


@pytest.mark.parametrize(
    ("drawn", "pixels", "names"),
    [
        (Box(x=2, y=3, width=4, height=5), area(3, 8, 2, 6), {"box-to-mask"}),
        (Box(x=2.4, y=3.6, width=4, height=5), area(4, 9, 2, 6), {"box-to-mask"}),
        (Box(x=-5, y=3, width=9, height=50), area(3, 12, 0, 4), {"box-to-mask", "cropped"}),
        (
            Polygon(
                parts=(
                    PolygonPart(
                        exterior=((1, 1), (8, 1), (8, 8), (1, 8)),
                        holes=(((3, 3), (5, 3), (5, 5), (3, 5)),),
                    ),
                    PolygonPart(exterior=((10, 1), (14, 1), (14, 4), (10, 4))),
                )
            ),
            area(1, 8, 1, 8) & ~area(3, 5, 3, 5) | area(1, 4, 10, 14),
            {"polygon-to-mask"},
        ),
    ],
)
def test_a_box_and_a_polygon_become_the_pixels_whose_centres_they_cover(tmp_path, drawn, pixels, names):
    made = write(tmp_path, record("a", finding("1", drawn)))
    np.testing.assert_array_equal(read(tmp_path) > 0, pixels)
    assert {name for _, name in made.ledger.changed} == names


def test_of_several_drawings_the_mask_is_written(tmp_path):
    drawn = finding("1", Box(x=0, y=0, width=9, height=9), encode_mask(area(1, 4, 1, 4)))
    made = write(tmp_path, record("a", drawn), accept=())
    np.testing.assert_array_equal(read(tmp_path), 1 * area(1, 4, 1, 4))
    assert made.ledger.written["findings"] == 1


def test_markers_and_lines_are_lost_by_name(tmp_path):
    stroke = Line(points=((1, 1), (9, 9)))
    arrow = finding("2", stroke, structure=Structure.MARKER)
    made = write(tmp_path, record("a", mask("1", area(0, 3, 0, 3)), arrow, finding("3", stroke)))
    assert made.ledger.lost == {("findings", "marker"): 1, ("findings", "no-area"): 1}


# ---------------------------------------------------------------- files


def png(name):
    return encode_png(np.full((HEIGHT, WIDTH), len(name), np.uint8))


def stored(name, *findings, part="train"):
    """A record with a file, in a part."""
    found = replace(
        record("x", *findings), image_id=f"toy/{name}", official_splits=(OfficialSplit(part=part),)
    )
    return replace(found, image=ImageRef(width=WIDTH, height=HEIGHT, path=f"images/{name}", bit_depth=8))


def test_an_image_and_its_mask_have_one_name(tmp_path):
    names = {"images/1.png": "train", "val/2.png": "val", "images/deep/3.png": "train"}
    drawn = [stored(name, mask("1", area(0, 3, 0, 3)), part=part) for name, part in names.items()]
    dataset = make_dataset(tmp_path / "d", drawn, {f"images/{name}": png(name) for name in names})
    made = export("masks", dataset, tmp_path / "o", split="official")
    files = contents(tmp_path / "o")
    pairs = {"train/1.png", "val/2.png", "train/deep/3.png"}
    assert {path for path in files if path.endswith(".png")} == {
        f"{folder}/{name}" for folder in ("images", "masks") for name in pairs
    }
    assert files["images/train/deep/3.png"] == png("images/deep/3.png")
    again = export("masks", dataset, tmp_path / "again", split="official")
    assert contents(tmp_path / "again") == files
    assert again.ledger == made.ledger


# ---------------------------------------------------------------- round trip


def there_and_back(folder, values, instances, chosen, accept=()):
    """Read masks as a user's own, export them, and return the pixels of each."""
    folder.joinpath("raw/images").mkdir(parents=True)
    folder.joinpath("raw/masks").mkdir()
    for number, pixels in enumerate(values):
        (folder / f"raw/images/{number}.png").write_bytes(encode_png(np.zeros(pixels.shape, np.uint8)))
        (folder / f"raw/masks/{number}.png").write_bytes(encode_png(pixels))
    convert(
        "masks", folder / "raw", folder / "d", settings=ReaderSettings(instances=instances, complete=True)
    )
    export("masks", Dataset(folder / "d"), folder / "o", settings=MasksSettings(values=chosen), accept=accept)
    found = {path.stem: path for path in (folder / "o" / "masks").rglob("*.png")}
    written = []
    for number in range(len(values)):
        with Image.open(found[str(number)]) as picture:
            written.append(np.array(picture))
    return written


in_whole_datasets = settings(max_examples=settings.default.max_examples // 4)  # each example converts one
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@pytest.mark.slow
@in_whole_datasets
@given(st.lists(arrays.arrays(np.bool_, sizes), min_size=1, max_size=3))
def test_every_pixel_comes_back(areas):
    """Masks that are read, exported and decoded are what they were: holes, parts, and nothing at all."""
    with tempfile.TemporaryDirectory() as folder:
        values = [(pixels * 255).astype(np.uint8) for pixels in areas]
        written = there_and_back(Path(folder), values, Instances.ONE, Values.BINARY)
        for given_values, again in zip(values, written, strict=True):
            np.testing.assert_array_equal(given_values, again)


@pytest.mark.slow
@in_whole_datasets
@given(st.lists(arrays.arrays(np.uint8, sizes, elements=st.integers(0, 4)), min_size=1, max_size=3))
def test_every_instance_comes_back(values):
    """Values that are read as findings and exported as instances part the same pixels, numbered from 1."""
    with tempfile.TemporaryDirectory() as folder:
        written = there_and_back(Path(folder), values, Instances.COLOURS, Values.INSTANCES)
        for given_values, again in zip(values, written, strict=True):
            present = [value for value in np.unique(given_values) if value]
            numbered = {0: 0, **{value: number for number, value in enumerate(present, 1)}}
            expected = np.vectorize(numbered.get, otypes=[int])(given_values)
            np.testing.assert_array_equal(expected, again)
