"""What is special to DDTI version 2: three readers, axes, a second folder, another scale, masks in doubt."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import thyrodata
from tests.contract.run import contents, convert
from tests.fixtures.ddti_v2.make import FOLDERS, TABLE, box, make, make_images, nifti
from thyrodata.converters.ddti_v2 import DdtiV2, DdtiV2Settings
from thyrodata.engine import OnError
from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.raw import Raw
from thyrodata.schema.record import Age, Label, Patient, Read, Reading, SourceField
from thyrodata.schema.vocab import Coverage, DdtiComposition, GroupKind, Sex, TiradsEu, TiradsKwak

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

READERS = ("radiologist_1", "resident_1", "resident_2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ddti_v2") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ddti_v1") / "images"
    make_images(folder)
    return folder


def read(folder, out, images=None, on_error=OnError.RAISE):
    result = convert(DdtiV2(DdtiV2Settings(images=images)), folder, out, on_error=on_error)
    return {record.image_id.removeprefix("ddti_v2/"): record for record in result.records}


@pytest.fixture(scope="module")
def alone(folder, tmp_path_factory):
    """The records without pictures."""
    return read(folder, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def records(folder, images, tmp_path_factory):
    """The records with pictures."""
    return read(folder, tmp_path_factory.mktemp("out"), images)


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "raw")


@pytest.fixture
def pictures(images, tmp_path):
    return shutil.copytree(images, tmp_path / "images")


def drawn(record):
    """Return each reader's mask as an array, decoded by COCO's own library."""
    found = {}
    for finding in record.findings:
        (mask,) = finding.geometries
        rle = {"size": [mask.height, mask.width], "counts": mask.counts}
        found[finding.origin.reader] = coco_mask.decode(rle)
    return found


def codes(record):
    return [remark.code for remark in record.remarks]


def change(copy, old, new):
    text = (copy / TABLE).read_text()
    assert old in text
    (copy / TABLE).write_text(text.replace(old, new, 1))


# ---------------------------------------------------------------- readers


def test_a_reader_without_a_mask_has_no_reading(alone):
    who = {name: [reading.reader for reading in record.readings] for name, record in alone.items()}
    assert who["2_1"] == [*READERS]
    assert who["1_1"] == ["radiologist_1", "resident_1"]
    assert who["10_1"] == ["radiologist_1", "resident_2"]
    assert who["5_1"] == ["radiologist_1"]
    assert who["4_1"] == []
    assert alone["4_1"].coverage is Coverage.NONE


def test_readings_say_who_and_findings_by_whom(alone):
    record = alone["2_1"]
    assert record.readings == tuple(
        Reading(reader=reader, role=reader.partition("_")[0]) for reader in READERS
    )
    assert [finding.origin for finding in record.findings] == [Read(reader=reader) for reader in READERS]
    assert [finding.finding_id for finding in record.findings] == [f"{reader}/1" for reader in READERS]


def test_equal_masks_are_kept_and_remarked(alone):
    record = alone["1_2"]
    masks = drawn(record)
    assert len(masks) == 3
    assert (masks["resident_1"] == masks["resident_2"]).all()
    (remark,) = record.remarks
    assert remark.code == "readers-equal"
    assert "resident_1 and resident_2" in remark.text
    others = [name for name, other in alone.items() if name != "1_2"]
    assert not any("readers-equal" in codes(alone[name]) for name in others)


def test_an_empty_mask_is_no_finding_and_no_negative(alone):
    record = alone["7_1"]
    assert [finding.origin.reader for finding in record.findings] == ["radiologist_1"]
    assert [reading.coverage for reading in record.readings] == [None, Coverage.NONE]
    assert codes(record) == ["mask-empty"]


def test_a_mask_that_the_table_denies_is_kept_and_remarked(alone):
    record = alone["6_1"]
    assert set(drawn(record)) == {*READERS}
    (remark,) = record.remarks
    assert remark.code == "mask-not-in-table"
    assert f"{FOLDERS[2]}/6_1.nii" in remark.text


# ---------------------------------------------------------------- axes


def test_masks_are_turned_from_x_y_to_rows_and_columns(folder, alone):
    for name, record in alone.items():
        masks = drawn(record)
        for reader, below in zip(READERS, FOLDERS, strict=True):
            path = folder / below / f"{name}.nii"
            stored = np.asanyarray(nibabel.load(path).dataobj) if path.exists() else np.zeros((160, 120, 1))
            assert stored.shape == (160, 120, 1)
            found = masks.get(reader, np.zeros((120, 160)))
            assert (found == stored[:, :, 0].T).all()


def test_a_mask_that_is_not_turned_is_another(folder, alone):
    """The counter-example: the stored numbers as they are, taken for rows of 160 pixels."""
    stored = np.asanyarray(nibabel.load(folder / FOLDERS[0] / "3_1.nii").dataobj)[..., 0]
    found = drawn(alone["3_1"])["radiologist_1"]
    assert found.shape == (120, 160) != stored.shape
    assert (found != stored.reshape(120, 160)).any()
    assert (found[30:40, 5:140] == 1).all()  # the fixture's box: wider than it is high


def test_a_mask_of_two_parts_is_one_finding(alone):
    mask = drawn(alone["3_1"])["radiologist_1"]
    assert mask[35, 20]
    assert mask[82, 120]
    assert not mask[50:70].any()  # they do not touch
    assert len(alone["3_1"].findings) == 3


# ---------------------------------------------------------------- pictures


def test_without_a_folder_of_images_records_hold_annotations_only(alone, folder, tmp_path):
    assert all(record.image.path is None and record.image.sha256 is None for record in alone.values())
    assert {(record.image.width, record.image.height) for name, record in alone.items() if name != "4_1"} == {
        (160, 120)
    }
    made = thyrodata.convert("ddti_v2", folder, tmp_path / "out")
    assert not (tmp_path / "out/images").exists()
    assert made.dataset.verify() == ()
    assert thyrodata.audit_dataset(made.dataset, "default") == ()


def test_with_one_they_hold_its_files(records, folder, images, tmp_path):
    without = {name for name, record in records.items() if record.image.path is None}
    assert without == {"9_1"}
    result = convert(DdtiV2(DdtiV2Settings(images=images)), folder, tmp_path / "out")
    written = {path.removeprefix("images/"): data for path, data in contents(result.images).items()}
    published = {name: data for name, data in contents(images).items() if name.endswith(".jpg")}
    del published["300_1.jpg"]
    assert written == published


def test_a_missing_picture_is_remarked_and_what_is_said_is_kept(records):
    record = records["9_1"]
    assert codes(record) == ["image-missing"]
    assert "9_1.jpg" in record.remarks[0].text
    assert set(drawn(record)) == {"radiologist_1"}


def test_the_size_of_an_image_of_which_there_is_nothing_is_the_published_one(alone, records):
    assert (alone["4_1"].image.width, alone["4_1"].image.height) == (560, 360)
    assert codes(alone["4_1"]) == ["image-without-mark", "size-not-stated"]
    assert (records["4_1"].image.width, records["4_1"].image.height) == (160, 120)
    assert codes(records["4_1"]) == ["image-without-mark"]
    assert alone["4_1"].case_labels == (Label(value=TiradsEu.EU2),)


def test_masks_and_annotations_do_not_depend_on_the_pictures(alone, records):
    for name, record in records.items():
        assert record.findings == alone[name].findings
        assert record.case_labels == alone[name].case_labels


@pytest.mark.parametrize("files", [[], ["1.xml"], ["below/1_1.jpg"], ["1_1.txt"]])
def test_a_folder_of_images_without_any_is_refused(folder, tmp_path, files):
    for file in files:
        (tmp_path / "images" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / file).write_bytes(b"")
    (tmp_path / "images").mkdir(exist_ok=True)
    with pytest.raises(RawLayoutError) as caught:
        list(DdtiV2(DdtiV2Settings(images=tmp_path / "images")).items(Raw(folder)))
    assert caught.value.where == str(tmp_path / "images")
    assert caught.value.hint


def test_a_folder_of_images_that_is_not_there_is_refused(folder, tmp_path):
    with pytest.raises(RawLayoutError) as caught:
        list(DdtiV2(DdtiV2Settings(images=tmp_path / "none")).items(Raw(folder)))
    assert caught.value.where == str(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "data", "where"),
    [
        ("2_1.jpg", b"", "images:2_1.jpg"),
        ("2_1.JPG", b"another", "images:2_1.JPG"),
        ("2.xml", b"<case><mark></case>", "images:2.xml:1"),
        ("2.xml", b'<!DOCTYPE case [<!ENTITY e "x">]><case>&e;</case>', "images:2.xml:1"),
        ("2.xml", b"<case><mark><image>1</image><svg>[{]</svg></mark></case>", "images:2.xml:1"),
        (
            "2.xml",
            (
                b'<case><mark><image>1</image><svg>[{"points": [{"x": 1e999, "y": 0}, {"x": 1, "y": 0}, '
                b'{"x": 0, "y": 1}], "regionType": "freehand"}]</svg></mark></case>'
            ),
            f"{TABLE}:4",
        ),
    ],
)
def test_a_broken_file_of_version_1_costs_its_image(folder, pictures, tmp_path, name, data, where):
    (pictures / name).write_bytes(data)
    result = convert(DdtiV2(DdtiV2Settings(images=pictures)), folder, tmp_path / "out", on_error=OnError.SKIP)
    (skip,) = result.run.skips
    assert (skip.item, skip.where) == (f"{TABLE}:4", where)
    assert skip.hint
    assert len(result.records) == 10


def test_a_picture_of_another_size_costs_its_image(folder, pictures, tmp_path):
    smaller = shutil.copytree(folder, tmp_path / "raw")
    (smaller / FOLDERS[0] / "9_1.nii").write_bytes(nifti(box(0, 0, 9, 9)[:100]))
    shutil.copy(pictures / "8_1.jpg", pictures / "9_1.jpg")
    with pytest.raises(CaseError) as caught:
        read(smaller, tmp_path / "out", pictures)
    assert "of another size than its image" in caught.value.message
    assert caught.value.where == f"{TABLE}:11"


# ---------------------------------------------------------------- orientation


def test_a_mask_that_fits_better_upside_down_is_remarked_and_kept(records):
    record = records["8_1"]
    (remark,) = record.remarks
    assert remark.code == "orientation-doubtful"
    assert "the mask of resident_1" in remark.text
    assert "as it is 0.00" in remark.text
    assert "upside down 1.00" in remark.text
    assert (drawn(record)["resident_1"] == np.flipud(box(30, 10, 70, 40))).all()


def test_masks_that_fit_are_not_remarked(records):
    assert codes(records["2_1"]) == []


def test_without_an_outline_nothing_is_compared(alone, records):
    assert codes(alone["8_1"]) == []  # no folder of version 1
    assert codes(records["10_1"]) == []  # an empty one
    assert codes(records["6_1"]) == ["mask-not-in-table"]  # no case file


@pytest.mark.parametrize(
    ("flip", "how"), [(np.fliplr, "left to right"), (np.flipud, "upside down"), (np.rot90, "both ways")]
)
def test_each_flip_is_named(folder, images, copy, tmp_path, flip, how):
    mask = np.rot90(box(30, 10, 70, 40), 2) if flip is np.rot90 else flip(box(30, 10, 70, 40))
    (copy / FOLDERS[1] / "8_1.nii").write_bytes(nifti(np.ascontiguousarray(mask)))
    (remark,) = read(copy, tmp_path / "out", images)["8_1"].remarks
    assert f"{how} 1.00" in remark.text


def test_a_mask_of_something_else_is_not_turned_into_a_flip(copy, images, tmp_path):
    """A mask that no flip brings near the outline is another drawing, and its orientation not in doubt."""
    (copy / FOLDERS[1] / "8_1.nii").write_bytes(nifti(box(75, 55, 85, 65)))
    assert codes(read(copy, tmp_path / "out", images)["8_1"]) == []


# ---------------------------------------------------------------- what is said


def test_what_a_row_says_is_said_of_the_case(alone):
    record = alone["2_1"]
    assert [str(label.value) for label in record.case_labels] == [
        "tirads-eu/4",
        "ddti-composition/solid",
        "ddti-echogenicity/hypoechogenicity",
        "ddti-margins/well defined",
        "ddti-calcifications/microcalcifications",
    ]
    assert record.patient == Patient(sex=Sex.FEMALE, age=Age(years=49))
    assert (record.image_labels, record.source_fields, record.nodules) == ((), (), ())
    assert record.source == f"{TABLE}:4"


def test_groups_are_cases_and_never_patients(alone):
    for name, record in alone.items():
        assert record.group_id == f"ddti_v2/{name.partition('_')[0]}"
        assert record.group_kind is GroupKind.CASE


def test_tirads_is_another_scale_than_that_of_version_1(alone):
    """The counter-example: the same text is a value of Kwak's scale too."""
    terms = [label.value for record in alone.values() for label in record.case_labels]
    assert TiradsEu.EU5 in terms
    assert TiradsKwak("5") not in terms
    assert alone["1_1"].case_labels == (Label(value=TiradsEu.EU5),)


def test_what_is_not_stated_is_not_made_up(alone):
    record = alone["3_1"]
    assert record.case_labels == (Label(value=DdtiComposition.CYSTIC),)
    assert alone["6_1"].patient is None
    assert alone["6_1"].case_labels == ()


def test_a_value_outside_its_scale_is_kept_as_text_and_remarked(alone):
    record = alone["5_1"]
    assert record.case_labels == ()
    assert record.patient is None
    assert set(record.source_fields) == {
        SourceField(name="Edad", text="49.5"),
        SourceField(name="Sexo", text="u"),
        SourceField(name="TIRADS", text="4a"),
        SourceField(name="Margenes", text="irregular"),
    }
    assert codes(record) == 4 * ["value-not-understood"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", TiradsEu.EU1),
        ("1.0", TiradsEu.EU1),
        ("5", TiradsEu.EU5),
        ("3.00", None),
        ("6.0", None),
        ("4b", None),
    ],
)
def test_grades_are_whole_numbers(copy, tmp_path, text, value):
    change(copy, "2_1,4.0", f"2_1,{text}")
    record = read(copy, tmp_path / "out")["2_1"]
    graded = [label.value for label in record.case_labels if isinstance(label.value, TiradsEu)]
    assert graded == ([] if value is None else [value])
    assert codes(record) == ([] if value else ["value-not-understood"])


@pytest.mark.parametrize("text", ["-4", "4.5", "131.0", "999", 5000 * "9", "٤٥", "1e2"])
def test_an_age_that_is_no_number_of_years_is_kept_as_text_and_remarked(copy, tmp_path, text):
    change(copy, "2,49.0", f"2,{text}")
    record = read(copy, tmp_path / "out")["2_1"]
    assert record.patient == Patient(sex=Sex.FEMALE)
    assert record.source_fields == (SourceField(name="Edad", text=text),)
    assert codes(record) == ["value-not-understood"]


def test_a_further_column_is_kept_as_text(copy, tmp_path):
    lines = (copy / TABLE).read_text().splitlines()
    lines = [f"{lines[0]},Nota", *(f"{line}," for line in lines[1:3]), *(f"{line},ver" for line in lines[3:])]
    (copy / TABLE).write_text("\n".join(lines) + "\n")
    found = read(copy, tmp_path / "out")
    assert found["1_1"].source_fields == ()
    assert found["2_1"].source_fields == (SourceField(name="Nota", text="ver"),)


def test_columns_are_found_by_their_names(copy, alone, tmp_path):
    with (copy / TABLE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (copy / TABLE).open("w", newline="") as file:
        writer = csv.DictWriter(file, sorted(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    found = read(copy, tmp_path / "out")
    assert found.keys() == alone.keys()
    for name, record in found.items():  # what is kept as text is in the order of the columns
        fields = tuple(sorted(alone[name].source_fields, key=lambda field: field.name))
        assert record.source_fields == fields
        assert replace(record, source_fields=()) == replace(alone[name], source_fields=())


# ---------------------------------------------------------------- the dataset


def test_coco_comes_as_a_folder_per_reader(folder, images, tmp_path, capsys):
    settings = DdtiV2Settings(images=images)
    made = thyrodata.convert("ddti_v2", folder, tmp_path / "out", settings=settings)
    below = tmp_path / "out/annotations/default"
    assert sorted(path.name for path in below.iterdir()) == [*READERS]
    counts = {}
    for reader in READERS:
        read_in = [COCO(file) for file in sorted((below / reader).glob("*.json"))]
        assert len(read_in) == 3
        counts[reader] = sum(len(coco.anns) for coco in read_in)
        assert counts[reader] == sum(len(coco.imgs) for coco in read_in)
        assert {ann["reader"] for coco in read_in for ann in coco.anns.values()} <= {reader}
    capsys.readouterr()
    assert counts == {"radiologist_1": 10, "resident_1": 6, "resident_2": 5}
    assert made.dataset.verify() == ()


def test_the_place_of_the_pictures_is_not_in_the_dataset(folder, images, tmp_path):
    """Two copies of the pictures make the same bytes."""
    again = shutil.copytree(images, tmp_path / "elsewhere")
    for name, place in (("1", images), ("2", again)):
        thyrodata.convert("ddti_v2", folder, tmp_path / name, settings=DdtiV2Settings(images=place))
    one, two = ({n: d for n, d in contents(tmp_path / k).items() if n != "history.jsonl"} for k in "12")
    assert one == two
    assert not any(b"elsewhere" in data for data in contents(tmp_path / "2").values())


def test_the_spreadsheet_is_ignored_by_its_name_in_any_encoding(copy, tmp_path):
    (copy / "clasificación.xlsx").write_bytes(b"")
    result = convert(DdtiV2(), copy, tmp_path / "out")
    assert len(result.plan.ignored) == 2
    assert result.plan.unclaimed == ()
