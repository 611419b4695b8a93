"""What is special to TN5000: classes without a basis, VOC's corners, the lists, no patients."""

from __future__ import annotations

import pytest

from tests.contract.run import convert
from tests.fixtures.tn5000.make import HEIGHT, OBJECTS, PARTS, WIDTH, make
from thyrodata.converters.tn5000 import Tn5000
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Label, OfficialSplit, SourceField
from thyrodata.schema.vocab import Coverage, GroupKind, Malignancy, Structure


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tn5000") / "raw"
    make(folder)
    return folder


def records_of(folder, out):
    return {r.image_id.removeprefix("tn5000/"): r for r in convert(Tn5000(), folder, out).records}


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    return records_of(folder, tmp_path_factory.mktemp("out"))


def test_classes_are_benign_and_malignant_and_rest_on_nothing_stated(records):
    meaning = {"0": Malignancy.BENIGN, "1": Malignancy.MALIGNANT}
    for name, objects in OBJECTS.items():
        labels = [finding.labels for finding in records[name].findings]
        assert labels == [(Label(value=meaning[c]),) if c in meaning else () for c, _ in objects]
        assert all(label.basis is None for said in labels for label in said)
        assert {finding.structure for finding in records[name].findings} == {Structure.NODULE}


def test_another_name_is_kept_and_remarked(records):
    (finding,) = records["000007"].findings
    assert finding.source_fields[0] == SourceField(name="name", text="2")
    assert [remark.code for remark in records["000007"].remarks] == ["value-not-understood"]


def test_two_objects_are_two_findings_with_labels_of_their_own(records):
    first, second = records["000003"].findings
    assert (first.finding_id, second.finding_id) == ("1", "2")
    assert first.labels != second.labels


def test_a_box_that_fills_the_image_fills_it(records):
    """Taken for 0-based with exclusive maxima, it would lack a row and a column."""
    (finding,) = records["000002"].findings
    assert finding.geometries == (Box(x=0, y=0, width=WIDTH, height=HEIGHT),)
    assert not records["000002"].remarks
    xmin, ymin, xmax, ymax = OBJECTS["000002"][0][1]
    assert finding.geometries != (Box(x=xmin, y=ymin, width=xmax - xmin, height=ymax - ymin),)


def test_a_box_that_leaves_the_image_is_kept_and_remarked(records):
    (finding,) = records["000008"].findings
    assert finding.geometries == (Box(x=-1, y=11, width=41, height=110),)
    assert [remark.code for remark in records["000008"].remarks] == ["outside-image"]


def test_the_lists_are_the_official_split_and_trainval_is_no_part(records):
    for part in ("train", "val", "test"):
        for name in PARTS[part]:
            assert records[name].official_splits == (OfficialSplit(part=part),)


def test_every_image_is_its_own_group_since_no_patient_is_named(records):
    assert {record.group_kind for record in records.values()} == {GroupKind.IMAGE}
    assert all(record.group_id == record.image_id for record in records.values())


def test_nothing_is_said_of_other_nodules(records):
    assert {record.coverage for record in records.values()} == {None}
    assert all(not record.case_labels + record.image_labels for record in records.values())


def test_flags_are_kept_verbatim(records):
    (finding,) = records["000001"].findings
    assert [(field.name, field.text) for field in finding.source_fields] == [
        ("pose", "Unspecified"),
        ("truncated", "0"),
        ("difficult", "0"),
    ]


def test_an_image_without_objects_is_no_negative(tmp_path):
    make(tmp_path / "raw")
    file = tmp_path / "raw/Annotations/000001.xml"
    text = file.read_text()
    file.write_text(text[: text.index("\t<object>")] + "</annotation>\n")
    assert records_of(tmp_path / "raw", tmp_path)["000001"].coverage is Coverage.NONE


def test_a_list_cut_at_a_line_leaves_a_remark(tmp_path):
    """It cannot be told from a whole list; its images are then in no list."""
    make(tmp_path / "raw")
    (tmp_path / "raw/ImageSets/Main/test.txt").write_text("000007\n")
    record = records_of(tmp_path / "raw", tmp_path)["000008"]
    assert record.official_splits == ()
    assert "split-in-doubt" in [remark.code for remark in record.remarks]
