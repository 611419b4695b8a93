"""What is special to TN-SCUI 2020: carriage returns alone, gaps in the numbers, a silent test set."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from scipy import ndimage

import thyrodata
from tests.contract.run import convert
from tests.fixtures.tnscui.make import LABELS, TRUTH, make
from thyrodata.converters.tnscui import Tnscui
from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import Raw
from thyrodata.schema.record import Label, OfficialSplit, Reading, SourceField
from thyrodata.schema.vocab import Coverage, GroupKind, Malignancy

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TABLE = "TNSCUI2020_train/train.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tnscui") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    result = convert(Tnscui(), folder, tmp_path_factory.mktemp("out"))
    return {record.image_id.removeprefix("tnscui/"): record for record in result.records}


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "raw")


def read(folder):
    """Return the records of a folder, by name, without writing anything."""
    raw = Raw(folder)
    samples = (sample for item in Tnscui().items(raw) for sample in Tnscui().samples(item))
    return {sample.record.image_id.removeprefix("tnscui/"): sample.record for sample in samples}


def labels(records):
    return {name: (record.image_labels, record.source_fields) for name, record in records.items()}


# ---------------------------------------------------------------- the table


def test_lines_that_end_with_a_carriage_return_alone_are_lines(folder, records):
    """Split at line feeds, the whole table is one line, and the csv module refuses or misreads it."""
    data = (folder / TABLE).read_bytes()
    assert data.count(b"\r") == len(LABELS) + 1
    assert b"\n" not in data
    assert len(data.split(b"\n")) == 1
    with pytest.raises(csv.Error):
        list(csv.DictReader(data.decode().split("\n")))
    for number, label in LABELS.items():
        expected = {"0": (Malignancy.BENIGN,), "1": (Malignancy.MALIGNANT,)}.get(label, ())
        assert tuple(said.value for said in records[f"train/{number}"].image_labels) == expected


def test_a_record_names_the_line_of_its_row(records):
    for line, number in enumerate(LABELS, 2):
        assert records[f"train/{number}"].source == f"{TABLE}:{line}"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_same_table_with_other_line_ends_says_the_same(copy, records, end):
    (copy / TABLE).write_bytes((copy / TABLE).read_bytes().replace(b"\r", end))
    found = read(copy)
    assert list(found) == list(records)
    assert labels(found) == labels(records)


def test_the_table_may_lie_beside_the_folder_but_not_in_both_places(copy, records):
    shutil.copy(copy / TABLE, copy / "train.csv")
    with pytest.raises(RawLayoutError) as caught:
        read(copy)
    assert "twice" in caught.value.message
    (copy / TABLE).unlink()
    found = read(copy)
    assert labels(found) == labels(records)
    assert found["train/104"].source == "train.csv:2"
    (copy / "train.csv").unlink()
    with pytest.raises(RawLayoutError) as caught:
        read(copy)
    assert "missing" in caught.value.message


def test_a_label_that_means_nothing_is_kept_and_remarked(records):
    record = records["train/4"]
    assert record.image_labels == ()
    assert record.source_fields == (SourceField(name="CATE", text="unknown"),)
    assert [remark.code for remark in record.remarks] == ["value-not-understood"]


def test_labels_are_of_the_image_and_of_no_stated_basis(records):
    assert records["train/2"].image_labels == (Label(value=Malignancy.BENIGN),)
    assert all(record.case_labels == () for record in records.values())


# ---------------------------------------------------------------- images and masks


def test_numbers_are_sorted_as_numbers_and_suffixes_are_in_capitals(folder, records):
    assert list(records) == [
        *(f"train/{number}" for number in ("2", "4", "9", "30", "104", "311", "9767")),
        "test/test_1",
        "test/test_2",
    ]
    train = folder / "TNSCUI2020_train/image"
    assert not [path for path in train.iterdir() if path.suffix == ".png"]  # what a naive pattern finds
    assert [path.stem for path in sorted(train.iterdir())][:2] == ["104", "2"]
    assert records["train/2"].image.path == "images/TNSCUI2020_train/image/2.PNG"


@pytest.mark.parametrize("number", [number for number, truth in TRUTH.items() if truth.any()])
def test_a_mask_is_what_was_drawn(records, number):
    (finding,) = records[f"train/{number}"].findings
    (mask,) = finding.geometries
    decoded = coco_mask.decode({"size": [mask.height, mask.width], "counts": mask.counts})
    np.testing.assert_array_equal(decoded, TRUTH[number])


def test_two_parts_are_one_finding(records):
    assert ndimage.label(TRUTH["9"], np.ones((3, 3)))[1] == 2
    assert len(records["train/9"].findings) == 1


def test_an_empty_mask_is_no_finding_and_no_negative(records):
    record = records["train/311"]
    assert record.findings == ()
    assert record.readings == (Reading(coverage=Coverage.NONE),)
    assert [remark.code for remark in record.remarks] == ["mask-empty"]


def test_of_the_test_set_nothing_is_said(records):
    for name in ("test/test_1", "test/test_2"):
        record = records[name]
        assert (record.findings, record.readings, record.image_labels) == ((), (), ())
        assert record.coverage is Coverage.NONE
        assert record.official_splits == (OfficialSplit(part="test"),)


def test_without_a_test_set_the_rest_is_read(copy, records):
    shutil.rmtree(copy / "tnscui2020_testset")
    assert read(copy).keys() == {name for name in records if name.startswith("train/")}


@pytest.mark.parametrize("below", ["TNSCUI2020_test/image", "TNSCUI2020_test", "tnscui2020_testset"])
def test_the_test_set_may_lie_otherwise(copy, records, below):
    (copy / "tnscui2020_testset").rename(copy / "moved")
    (copy / below).parent.mkdir(exist_ok=True)
    shutil.move(copy / "moved/image", copy / below)
    assert list(read(copy)) == list(records)


def test_an_image_is_its_own_group_whatever_a_paper_says_of_patients(records):
    for record in records.values():
        assert record.group_kind is GroupKind.IMAGE
        assert record.group_id == record.image_id
        assert record.patient is None


def test_convert_leaves_the_test_set_out_of_coco(folder, tmp_path):
    thyrodata.convert("tnscui", folder, tmp_path / "out")
    written = "".join(path.read_text() for path in (tmp_path / "out/annotations/official").glob("*.json"))
    assert "tnscui/train/2" in written
    assert "tnscui/test/" not in written
    rows = (tmp_path / "out/splits/official.csv").read_text()
    assert rows.count(",test\n") == 2
