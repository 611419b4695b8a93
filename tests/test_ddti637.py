"""What is special to DDTI-637: numbers that show one picture, halves, masks, labels that are made up."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

import thyrodata
from tests.contract.run import convert
from tests.fixtures.ddti637.make import CUT_UNEVENLY, make
from thyrodata.converters.ddti637 import Ddti637
from thyrodata.engine import OnError
from thyrodata.errors import CaseError
from thyrodata.io.raw import Raw
from thyrodata.schema.record import Reading
from thyrodata.schema.vocab import Coverage, GroupKind

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ddti637") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    result = convert(Ddti637(), folder, tmp_path_factory.mktemp("out"))
    return {int(record.image_id.removeprefix("ddti637/")): record for record in result.records}


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "raw")


def pixels(folder, name, number):
    return np.array(Image.open(folder / name / f"{number}.PNG"))


def drawn(record):
    """Return a record's only mask as an array, decoded by COCO's own library."""
    (finding,) = record.findings
    (mask,) = finding.geometries
    return coco_mask.decode({"size": [mask.height, mask.width], "counts": mask.counts})


def frame(records, number):
    return records[number].image.crop.frame_key


# ---------------------------------------------------------------- what shows one picture


def test_the_group_is_the_number_of_the_picture_and_of_the_kind_image(records):
    groups = {number: record.group_id for number, record in records.items()}
    assert groups == {number: f"ddti637/{number % 10000}" for number in records}
    assert {record.group_kind for record in records.values()} == {GroupKind.IMAGE}


def test_two_numbers_of_one_picture_have_one_frame_where_groups_and_bytes_tell_them_apart(records):
    one, two = records[1], records[2]
    assert one.group_id != two.group_id  # as numbers modulo 10000 have it
    assert one.image.sha256 != two.image.sha256  # as a search for equal bytes has it
    assert frame(records, 1) == frame(records, 2)
    assert one.findings != two.findings


def test_halves_have_the_frame_of_the_whole_where_no_image_equals_another(folder, records):
    images = {number: pixels(folder, "image", number) for number in (5, 10003, 20003)}
    assert images[10003].shape == images[20003].shape != images[5].shape  # a search for equal pixels fails
    assert frame(records, 5) == frame(records, 10003) == frame(records, 20003)


def test_other_pictures_have_other_frames(records):
    frames = [frame(records, number) for number in (1, 10003, 10004, 6, 7, 100)]
    assert len(set(frames)) == len(frames)


def test_the_default_split_keeps_pictures_together_and_says_why(folder, tmp_path):
    for seed in range(5):
        out = tmp_path / str(seed)
        made = thyrodata.convert("ddti637", folder, out, seed=seed)
        with (out / "splits/default.csv").open(newline="") as file:
            part = {row["image_id"]: row["part"] for row in csv.DictReader(file)}
        assert part["ddti637/1"] == part["ddti637/2"]
        assert part["ddti637/5"] == part["ddti637/10003"] == part["ddti637/20003"]
        assert part["ddti637/10004"] == part["ddti637/20004"]
        joins = json.loads((out / "splits/default.json").read_text())["joins"]
        assert [join["group_ids"] for join in joins] == [
            ["ddti637/1", "ddti637/2"],
            ["ddti637/3", "ddti637/5"],
        ]
        assert all("cut from one frame" in join["why"] for join in joins)
        assert made.dataset.verify() == ()
        assert thyrodata.audit_dataset(made.dataset, "default") == ()


def test_the_audit_knows_frames(folder, tmp_path):
    made = thyrodata.convert("ddti637", folder, tmp_path / "out")
    split = tmp_path / "out/splits/default.csv"
    lines = split.read_text().splitlines(keepends=True)
    part = next(line for line in lines if line.startswith("ddti637/2,")).strip().rsplit(",", 1)[1]
    other = {"train": "test", "val": "train", "test": "train"}[part]
    moved = [line.replace(part, other) if line.startswith("ddti637/2,") else line for line in lines]
    split.write_text("".join(moved))
    (leak,) = thyrodata.audit_dataset(made.dataset, "default")
    assert leak.code == "crosses-parts"
    assert leak.image_ids == ("ddti637/1", "ddti637/2")


# ---------------------------------------------------------------- where a half lies


@pytest.mark.parametrize(
    ("number", "x0", "x1", "width"),
    [
        (1, 0, 160, 160),
        (10003, 0, 160, 320),
        (20003, 160, 320, 320),
        (10004, 0, CUT_UNEVENLY, 320),
        (20004, CUT_UNEVENLY, 320, 320),
    ],
)
def test_the_crop_says_where_the_image_lies_in_its_picture(records, number, x0, x1, width):
    crop = records[number].image.crop
    assert (crop.source_width, crop.source_height) == (width, 120)
    assert crop.kept_box == (x0, 0, x1, 120)
    assert records[number].image.width == x1 - x0


def test_a_half_alone_is_kept_and_remarked(records):
    record = records[10008]
    assert record.image.crop is None
    (remark,) = record.remarks
    assert remark.code == "half-missing"
    assert "right half of picture 8" in remark.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(
    cut=st.integers(1, 39), where=st.tuples(st.integers(0, 11), st.integers(0, 39)), seed=st.integers(0, 9)
)
def test_a_frame_is_found_however_it_is_cut_and_a_pixel_makes_another(tmp_path, cut, where, seed):
    """Wherever a picture is cut it has the frame of the whole, and a picture that differs has another."""
    picture = np.random.default_rng(seed).integers(0, 256, (12, 40), np.uint8)
    changed = picture.copy()
    changed[where] ^= 1
    arrays = {1: picture, 10002: picture[:, :cut], 20002: picture[:, cut:], 3: changed}
    for name in ("image", "mask"):
        (tmp_path / name).mkdir(exist_ok=True)
    for number, array in arrays.items():
        Image.fromarray(np.ascontiguousarray(array)).save(tmp_path / f"image/{number}.PNG")
        Image.fromarray(np.zeros(array.shape, np.uint8)).save(tmp_path / f"mask/{number}.PNG")
    converter = Ddti637()
    samples = [s for item in converter.items(Raw(tmp_path)) for s in converter.samples(item)]
    whole, left, right, other = (sample.record.image.crop.frame_key for sample in samples)
    assert whole == left == right != other


# ---------------------------------------------------------------- masks


def test_masks_are_the_pixels_of_255(folder, records):
    for number, record in records.items():
        if number != 7:
            assert (drawn(record) == (pixels(folder, "mask", number) == 255)).all()


def test_a_mask_of_two_parts_is_one_finding(records):
    mask = drawn(records[6])
    assert mask[30, 30]
    assert mask[70, 100]
    assert not mask[:, 60:80].any()  # they do not touch
    assert len(records[6].findings) == 1


def test_a_mask_without_a_pixel_is_no_negative(records):
    record = records[7]
    assert (record.findings, record.coverage) == ((), Coverage.NONE)
    assert [remark.code for remark in record.remarks] == ["mask-empty"]


def test_nobody_is_named_and_nothing_is_claimed(records):
    for number in records.keys() - {7}:
        assert records[number].readings == (Reading(),)
        assert records[number].image_labels == records[number].case_labels == ()


@pytest.mark.parametrize("value", [1, 127, 128, 254])
def test_another_value_in_a_mask_is_refused_where_a_threshold_takes_it(copy, value):
    mask = pixels(copy, "mask", 6)
    mask[0, 0] = value
    assert (mask >= value).sum() > (mask == 255).sum()  # a threshold there makes it a nodule's
    Image.fromarray(mask).save(copy / "mask/6.PNG")
    converter = Ddti637()
    (item,) = (item for item in converter.items(Raw(copy)) if item.number == 6)
    with pytest.raises(CaseError) as caught:
        list(converter.samples(item))
    assert f"the value {value}," in caught.value.message
    assert caught.value.where == "mask/6.PNG"


# ---------------------------------------------------------------- files


def test_made_up_labels_and_the_answer_key_are_not_read(folder, tmp_path, copy):
    """Whatever stands in them, nothing changes, and they are not even opened."""
    before = convert(Ddti637(), folder, tmp_path / "1")
    for name in ("category.csv", "map_to_ddti.csv", "README.txt"):
        (copy / name).write_bytes(b"\xff\x00 nonsense")
    after = convert(Ddti637(), copy, tmp_path / "2")
    assert after.records == before.records
    assert set(after.plan.ignored) == {"category.csv", "map_to_ddti.csv", "README.txt"}
    assert after.run.raw_sha256 == before.run.raw_sha256
    assert not any(record.source_fields for record in after.records)


def test_pictures_come_in_the_order_of_their_numbers(folder, records):
    numbers = [item.number for item in Ddti637().items(Raw(folder))]
    assert numbers == [1, 2, 3, 4, 5, 6, 7, 8, 100]
    assert [number % 10000 for number in records] == sorted(number % 10000 for number in records)


@pytest.mark.parametrize(
    "stray",
    [
        "image/0.PNG",
        "image/01.PNG",
        "image/30001.PNG",
        "image/10000.PNG",
        "image/1.jpg",
        "image/x.PNG",
        "1.PNG",
    ],
)
def test_files_named_otherwise_belong_to_no_picture(copy, tmp_path, stray):
    (copy / stray).write_bytes(b"")
    result = convert(Ddti637(), copy, tmp_path / "out", on_error=OnError.SKIP)
    assert [skip.item for skip in result.run.skips] == [stray]
    assert len(result.records) == 11
