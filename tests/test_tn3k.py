"""What is special to TN3K: noisy masks, two sets of the same names, folds of places, labels."""

from __future__ import annotations

import csv
import io
import json
import shutil
from contextlib import redirect_stdout

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from scipy import ndimage

import thyrodata
from tests.contract.run import convert
from tests.fixtures.tn3k.make import FOLDS, TRAINVAL, TRUTH, make
from thyrodata.converters.tn3k import Tn3k
from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.raw import Raw
from thyrodata.io.splitfiles import read_index_split
from thyrodata.schema.record import Label, Reading, SourceField
from thyrodata.schema.vocab import Coverage, GroupKind, Malignancy, Structure

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

WITH_PIXELS = [name for name, truth in TRUTH.items() if truth.any()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tn3k") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    result = convert(Tn3k(), folder, tmp_path_factory.mktemp("out"))
    return {record.image_id.removeprefix("tn3k/"): record for record in result.records}


@pytest.fixture(scope="module")
def dataset(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("dataset") / "tn3k"
    thyrodata.convert("tn3k", folder, out)
    return out


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "raw")


def grey(folder, name):
    """Return a mask's file as any program would decode it."""
    part, number = name.split("/")
    with Image.open(folder / f"{part}-mask" / f"{number}.jpg") as image:
        return np.asarray(image.convert("L"))


def pixels(record):
    """Return a record's only mask as an array, decoded by COCO's own library."""
    (finding,) = record.findings
    (mask,) = finding.geometries
    rle = {"size": [mask.height, mask.width], "counts": mask.counts}
    return coco_mask.decode(rle).astype(bool)


def refused(folder):
    with pytest.raises(RawLayoutError) as caught:
        list(Tn3k().items(Raw(folder)))
    assert caught.value.hint
    return caught.value


# ---------------------------------------------------------------- masks


@pytest.mark.parametrize("name", WITH_PIXELS)
def test_a_mask_is_what_was_drawn_before_it_became_jpeg(records, name):
    np.testing.assert_array_equal(pixels(records[name]), TRUTH[name])


@pytest.mark.parametrize("name", WITH_PIXELS)
def test_the_naive_readings_of_a_mask_are_other_masks(folder, name):
    """Above 0, equal to 255, and divided by 255: each moves the border, by the pixels that are noise."""
    noisy, truth = grey(folder, name), TRUTH[name]
    assert set(np.unique(noisy)) - {0, 255}
    above_0 = np.count_nonzero((noisy > 0) != truth)
    equal_255 = np.count_nonzero((noisy == 255) != truth)
    divided = np.count_nonzero((noisy / 255).astype(np.uint8) != truth)
    assert above_0 > 0.05 * np.count_nonzero(truth)
    assert equal_255 == divided > 0.05 * np.count_nonzero(truth)
    assert np.count_nonzero((noisy > 127) != truth) == 0


def test_a_mask_of_two_parts_and_a_hole_is_one_finding(records):
    record = records["trainval/0002"]
    parts, count = ndimage.label(pixels(record))
    assert count == 2
    assert not pixels(record)[68, 70]  # the hole
    assert parts[68, 30] != parts[40, 199] != 0
    assert [finding.finding_id for finding in record.findings] == ["1"]


def test_a_mask_in_three_equal_channels_is_grey(folder, records):
    with Image.open(folder / "trainval-mask/0006.jpg") as image:
        assert image.mode == "RGB"
    np.testing.assert_array_equal(pixels(records["trainval/0006"]), grey(folder, "trainval/0006") > 127)


def test_an_empty_mask_is_no_finding_and_no_negative(records, dataset):
    record = records["trainval/0003"]
    assert record.findings == ()
    assert record.readings == (Reading(coverage=Coverage.NONE),)
    assert [remark.code for remark in record.remarks] == ["mask-empty"]
    written = [image for coco in every_coco(dataset) for image in coco.imgs.values()]
    assert "tn3k/trainval/0003" not in {image["image_id"] for image in written}


def test_masks_are_of_nodules_by_nobody_who_is_named(records):
    for record in records.values():
        for finding in record.findings:
            assert finding.structure is Structure.NODULE
            assert finding.labels == ()
            assert record.coverage is None


def every_coco(dataset, split="default"):
    for file in sorted((dataset / "annotations" / split).glob("*.json")):
        with redirect_stdout(io.StringIO()):
            yield COCO(file)


def test_coco_and_png_keep_every_pixel(folder, records, dataset):
    """Through the dataset's COCO files, read by COCO's own library, and through PNG, all masks come back."""
    seen = set()
    for coco in every_coco(dataset):
        for annotation in coco.anns.values():
            name = coco.imgs[annotation["image_id"]]["image_id"].removeprefix("tn3k/")
            mask = coco.annToMask(annotation).astype(bool)
            np.testing.assert_array_equal(mask, grey(folder, name) > 127)
            assert annotation["iscrowd"] == 0
            assert annotation["area"] == np.count_nonzero(mask)
            saved = io.BytesIO()
            Image.fromarray(255 * mask.astype(np.uint8)).save(saved, "PNG")
            np.testing.assert_array_equal(np.asarray(Image.open(saved)) == 255, pixels(records[name]))
            seen.add(name)
    assert seen == {name for name, record in records.items() if record.findings}


# ---------------------------------------------------------------- names


def test_both_sets_have_an_image_0000_and_they_are_told_apart(folder, records):
    stems = [path.stem for path in folder.glob("*-image/*.jpg")]
    assert len(set(stems)) < len(stems) == len(records)  # by the file's name alone, three would be lost
    first, second = records["trainval/0000"], records["test/0000"]
    assert (first.image.width, first.image.height) != (second.image.width, second.image.height)
    assert first.image.path == "images/trainval-image/0000.jpg"
    assert second.image.path == "images/test-image/0000.jpg"


def test_every_image_is_its_own_group(records):
    for record in records.values():
        assert record.group_id == record.image_id
        assert record.group_kind is GroupKind.IMAGE


# ---------------------------------------------------------------- folds


def test_folds_are_of_places_in_the_sorted_listing(records):
    """Image k of the listing is validated in fold k modulo 5, as the fixture's folds say."""
    for place, number in enumerate(TRAINVAL):
        parts = {split.name: split.part for split in records[f"trainval/{number}"].official_splits}
        assert parts == {f"fold{k}": "val" if k == place % FOLDS else "train" for k in range(FOLDS)}


def test_places_are_not_numbers_of_files(folder, records):
    """Taken for the numbers in the names, as some programs do, the places are of other images."""
    said = json.loads((folder / "tn3k-trainval-fold0.json").read_text())
    naive = {f"{place:04d}" for place in said["val"]}
    right = {
        name.removeprefix("trainval/")
        for name, record in records.items()
        if any((split.name, split.part) == ("fold0", "val") for split in record.official_splits)
    }
    assert naive == {"0000", "0005"}  # the second is not even there
    assert right == {"0000", "0006"}


def test_the_test_set_is_the_test_part_of_every_fold(records):
    for name, record in records.items():
        parts = [split.part for split in record.official_splits]
        assert (parts == ["test"] * FOLDS) == name.startswith("test/")


def test_convert_writes_five_official_splits(dataset):
    names = sorted(path.stem for path in (dataset / "splits").glob("official*.csv"))
    assert names == [f"official-fold{k}" for k in range(FOLDS)]
    for name in names:
        rows = list(csv.DictReader((dataset / "splits" / f"{name}.csv").read_text().splitlines()))
        assert len(rows) == 13
        parts = [row["part"] for row in rows]
        assert (parts.count("train"), parts.count("val"), parts.count("test")) == (8, 2, 3)
        assert (dataset / "annotations" / name / "instances_test.json").exists()


@given(st.lists(st.sampled_from(["train", "val"]), min_size=1, max_size=12), st.data())
def test_a_split_names_every_place_once(tmp_path_factory, parts, data):
    """Any assignment of places to parts, in any order, is read as it is; with one place dropped, repeated or
    added it is refused."""
    folder = tmp_path_factory.mktemp("split")
    order = data.draw(st.permutations(range(len(parts))))
    said = {part: [place for place in order if parts[place] == part] for part in ("val", "train")}

    def read():
        (folder / "fold.json").write_text(json.dumps(said))
        (file,) = Raw(folder).files
        return read_index_split(file, ("train", "val"), len(parts))

    assert read() == tuple(parts)
    spoiled = said[parts[order[0]]]
    match data.draw(st.sampled_from(["drop", "repeat", "add"])):
        case "drop":
            spoiled.remove(order[0])
        case "repeat":
            said[data.draw(st.sampled_from(["train", "val"]))].append(order[0])
        case "add":
            spoiled.append(data.draw(st.sampled_from([-1, len(parts), len(parts) + 5])))
    with pytest.raises(RawLayoutError) as caught:
        read()
    assert caught.value.where == "fold.json"


@pytest.mark.parametrize("number", ["0000", "0006", "0010"])
def test_in_a_partial_copy_the_folds_mean_nothing_and_nothing_is_guessed(copy, number):
    """Without one pair and its row, the folds, left as they are, are of a longer listing."""
    for kind in ("image", "mask"):
        (copy / f"trainval-{kind}" / f"{number}.jpg").unlink()
    table = copy / "label4trainval.csv"
    table.write_text(
        "".join(line for line in table.read_text().splitlines(keepends=True) if not line.startswith(number))
    )
    error = refused(copy)
    assert "names 10 places and there are 9 images" in error.message
    assert error.where == "tn3k-trainval-fold0.json"
    assert "whole release" in error.hint


def test_an_exchanged_image_does_not_make_up_for_a_missing_one(copy):
    """The listing has the right length, but its places have shifted."""
    (copy / "trainval-image/0001.jpg").rename(copy / "trainval-image/0005.jpg")
    error = refused(copy)
    assert "trainval-image/0001.jpg is missing" in error.message


# ---------------------------------------------------------------- labels


def test_labels_are_of_the_image_and_of_no_stated_basis(records):
    said = {name: record.image_labels for name, record in records.items()}
    assert said["trainval/0000"] == (Label(value=Malignancy.BENIGN),)
    assert said["trainval/0001"] == (Label(value=Malignancy.MALIGNANT),)
    assert said["test/0000"] == (Label(value=Malignancy.MALIGNANT),)
    assert all(record.case_labels == () for record in records.values())


def test_a_reader_that_expects_a_header_loses_the_first_image(folder, records):
    naive = list(csv.DictReader((folder / "label4trainval.csv").read_text().splitlines()))
    assert len(naive) == len(TRAINVAL) - 1
    assert records["trainval/0000"].image_labels


def test_a_label_that_means_nothing_is_kept_and_remarked(records):
    record = records["trainval/0006"]
    assert record.image_labels == ()
    assert record.source_fields == (SourceField(name="label", text="2"),)
    assert [remark.code for remark in record.remarks] == ["value-not-understood"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_any_line_end_will_do(copy, records, end, last):
    table = copy / "label4test.csv"
    lines = table.read_text().split()
    table.write_bytes((end.join(lines) + (end if last else "")).encode())
    items = [item for item in Tn3k().items(Raw(copy)) if item.part == "test"]
    found = [sample.record.image_labels for item in items for sample in Tn3k().samples(item)]
    assert found == [records[f"test/{number}"].image_labels for number in ("0000", "0001", "0002")]


def test_two_labels_of_one_image_cost_that_image(copy):
    with (copy / "label4test.csv").open("a") as table:
        table.write("0001.jpg,0\n")
    (item,) = (item for item in Tn3k().items(Raw(copy)) if str(item) == "test-image/0001.jpg")
    with pytest.raises(CaseError) as caught:
        list(Tn3k().samples(item))
    assert caught.value.where == "label4test.csv:4"


# ---------------------------------------------------------------- folders that are not the release


@pytest.mark.parametrize(
    "name", ["trainval-mask", "test-image", "tn3k-trainval-fold3.json", "label4test.csv"]
)
def test_what_is_missing_is_named(copy, name):
    path = copy / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    error = refused(copy)
    assert name in error.message
    assert error.where == str(copy)


def test_the_right_folder_is_proposed(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "Thyroid Dataset/tn3k")
    assert str(tmp_path / "Thyroid Dataset/tn3k") in refused(tmp_path).hint
