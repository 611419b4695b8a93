"""What is special to ThyUS2Path: batches that number anew, labels of patients, a byte-order mark, .Jpg."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

import thyrodata
from tests.contract.run import convert
from tests.fixtures.thyus2path.make import IMAGES, LABELS, TABLES, make
from thyrodata.converters.thyus2path import ThyUs2Path
from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.raw import Raw
from thyrodata.schema.record import Label, SourceField
from thyrodata.schema.vocab import Basis, Coverage, GroupKind, Malignancy

BENIGN = Label(value=Malignancy.BENIGN, basis=Basis.HISTOLOGY)
MALIGNANT = Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thyus2path") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    result = convert(ThyUs2Path(), folder, tmp_path_factory.mktemp("out"))
    return {record.image_id.removeprefix("thyus2path/"): record for record in result.records}


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "raw")


def test_every_image_is_read_in_the_order_of_batches_and_numbers(records):
    assert list(records) == [
        *("batch1/5_001", "batch1/5_002", "batch1/5_010", "batch1/10_001", "batch1/62_001", "batch1/62_013"),
        *("batch2/5_001_173920", "batch2/5_002_173921", "batch2/7_001_101010"),
        *("batch2/8_001_101010", "batch2/12_001_101010"),
    ]
    assert {record.image.path for record in records.values()} == {
        f"images/{batch}_image/dataset/{name}.Jpg" for batch, names in IMAGES.items() for name in names
    }


def test_one_number_in_two_batches_is_two_patients(records):
    """A reading that groups by the bare number merges them, though histology says two things of the one."""
    first, second = records["batch1/5_001"], records["batch2/5_001_173920"]
    assert (first.group_id, second.group_id) == ("thyus2path/batch1/5", "thyus2path/batch2/5")
    assert (first.case_labels, second.case_labels) == ((MALIGNANT,), (BENIGN,))
    bare = {record.group_id.rpartition("/")[2] for record in records.values()}
    assert len(bare) == len({record.group_id for record in records.values()}) - 1
    assert {record.group_kind for record in records.values()} == {GroupKind.PATIENT}


def test_a_split_keeps_a_patient_together_and_not_two_of_one_number(folder, tmp_path):
    made = thyrodata.convert("thyus2path", folder, tmp_path / "out", workers=1)
    assert made.dataset.verify() == ()
    assert thyrodata.audit_dataset(made.dataset, "default") == ()
    rows = csv.DictReader((tmp_path / "out/splits/default.csv").read_text().splitlines())
    assert len({row["group_id"] for row in rows}) == 7


def test_the_label_is_of_the_patient_and_of_histology(records):
    for record in records.values():
        batch, number = record.group_id.split("/")[1:]
        expected = {"0": (BENIGN,), "1": (MALIGNANT,), "2": ()}[LABELS[batch][number]]
        assert record.case_labels == expected
        assert record.image_labels == ()


def test_an_image_of_which_nothing_is_outlined_is_no_negative(records):
    for record in records.values():
        assert (record.findings, record.readings) == ((), ())
        assert record.coverage is Coverage.NONE


def test_no_image_goes_into_coco(folder, tmp_path):
    thyrodata.convert("thyus2path", folder, tmp_path / "out", workers=1)
    for file in (tmp_path / "out/annotations").rglob("*.json"):
        assert '"images": [\n]' in file.read_text() or '"images": []' in file.read_text()


def test_a_label_that_is_neither_is_kept_as_text_and_remarked(records):
    record = records["batch2/8_001_101010"]
    assert record.case_labels == ()
    assert record.source_fields == (SourceField(name="histo_label", text="2"),)
    assert [remark.code for remark in record.remarks] == ["value-not-understood"]


def test_the_table_begins_with_a_byte_order_mark(folder, records):
    """A reading that takes the mark for a letter loses the column of patients."""
    for batch, table in TABLES.items():
        with (folder / table).open(encoding="utf-8", newline="") as stream:
            columns = next(csv.reader(stream))
        assert columns == ["\ufeffpatient_name", "histo_label"]
        assert any(record.source.startswith(f"{table}:") for record in records.values()), batch


def test_a_table_without_the_mark_is_read_as_well(copy, records):
    for table in TABLES.values():
        (copy / table).write_bytes((copy / table).read_bytes().removeprefix(b"\xef\xbb\xbf"))
    assert [s.record for i in ThyUs2Path().items(Raw(copy)) for s in ThyUs2Path().samples(i)] == list(
        records.values()
    )


def test_the_suffix_is_in_mixed_case(folder, records):
    """A pattern in lower case finds nothing where names are told apart by case."""
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    assert not [name for name in names if name.endswith(".jpg")]
    assert sum(name.endswith(".Jpg") for name in names) == len(records) == 11


def test_a_record_names_the_row_of_its_patient(folder, records):
    for record in records.values():
        table, _, line = record.source.rpartition(":")
        row = (folder / table).read_text("utf-8-sig").splitlines()[int(line) - 1]
        assert row.split(",")[0] == record.group_id.rpartition("/")[2]


def test_a_row_that_is_there_twice_says_nothing_new(copy, records):
    table = copy / TABLES["batch1"]
    table.write_bytes(table.read_bytes() + b"5,1\r\n")
    found = [s.record for i in ThyUs2Path().items(Raw(copy)) for s in ThyUs2Path().samples(i)]
    assert found == list(records.values())


def test_two_labels_of_one_patient_are_an_error_that_names_both_rows(copy):
    table = copy / TABLES["batch1"]
    table.write_bytes(table.read_bytes() + b"5,0\r\n")
    (item,) = (item for item in ThyUs2Path().items(Raw(copy)) if str(item) == f"{TABLES['batch1']}:3")
    with pytest.raises(CaseError) as caught:
        list(ThyUs2Path().samples(item))
    assert caught.value.where == f"{TABLES['batch1']}:5"
    assert f"{TABLES['batch1']}:3" in caught.value.message


def test_images_may_lie_deeper(copy, records):
    """Where below a batch its images lie makes no difference to what they are."""
    deeper = copy / "batch2_image/ultrasound/dataset"
    deeper.parent.mkdir()
    (copy / "batch2_image/dataset").rename(deeper)
    found = [s.record for i in ThyUs2Path().items(Raw(copy)) for s in ThyUs2Path().samples(i)]
    assert [(r.image_id, r.group_id, r.case_labels) for r in found] == [
        (r.image_id, r.group_id, r.case_labels) for r in records.values()
    ]


def test_a_batch_has_one_table(copy):
    (copy / "batch1_image/other_labels.csv").write_bytes((copy / TABLES["batch1"]).read_bytes())
    with pytest.raises(RawLayoutError, match="two tables"):
        list(ThyUs2Path().items(Raw(copy)))
    Path(copy / "batch1_image/other_labels.csv").unlink()
    Path(copy / TABLES["batch1"]).unlink()
    with pytest.raises(RawLayoutError, match="batch1 has no table") as caught:
        list(ThyUs2Path().items(Raw(copy)))
    assert caught.value.hint
