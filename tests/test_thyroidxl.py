"""What is special to ThyroidXL: three drawings of a nodule, years of birth, bases of labels, lists."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from tests.contract.run import convert
from tests.fixtures.thyroidxl.make import (
    FIRST,
    HEIGHT,
    INFO,
    OUTSIDE,
    SECOND,
    WIDTH,
    box_of,
    make,
    mask_of,
)
from thyrodata.converters.thyroidxl import ThyroidXl
from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.jsontext import parse_verbatim
from thyrodata.io.raw import Raw
from thyrodata.io.viaregions import read_via_regions
from thyrodata.schema.geometry import Box, Mask, Polygon
from thyrodata.schema.plain import to_plain
from thyrodata.schema.record import Age, Label, Patient, SourceField
from thyrodata.schema.vocab import (
    Basis,
    Bethesda,
    Coverage,
    GroupKind,
    Location,
    Malignancy,
    Sex,
    Structure,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # pycocotools' own

PLAIN = "00000102_AAAA0001_0"
"""An image about which nothing is odd."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thyroidxl") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    result = convert(ThyroidXl(), folder, tmp_path_factory.mktemp("out"))
    return {record.image_id.removeprefix("thyroidxl/"): record for record in result.records}


def of(records, patient):
    """Return the only record of a patient."""
    (record,) = (record for name, record in records.items() if name.startswith(patient))
    return record


def codes(record):
    return [remark.code for remark in record.remarks]


def kinds(record):
    return [[type(geometry) for geometry in finding.geometries] for finding in record.findings]


def pixels(mask):
    return coco_mask.decode({"size": [mask.height, mask.width], "counts": mask.counts})


# ---------------------------------------------------------------- drawings


@pytest.mark.parametrize("name", ["00000058_2201CE11_0", "00000058_A73CED93_1", PLAIN])
def test_mask_box_and_outline_of_one_extent_are_one_finding(folder, records, name):
    (finding,) = records[name].findings
    mask, box, polygon = finding.geometries
    assert finding.structure is Structure.NODULE
    with Image.open(folder / f"train/masks/{name}.png") as picture:
        assert np.array_equal(255 * pixels(mask), np.asarray(picture))
    number, *fractions = (folder / f"train/labels/{name}.txt").read_text().split()
    cx, cy, w, h = map(float, fractions)
    expected = ((cx - w / 2) * WIDTH, (cy - h / 2) * HEIGHT, w * WIDTH, h * HEIGHT)
    assert box.bbox_xywh_px == pytest.approx(expected)
    region = json.loads((folder / f"train/labels_orig/{name}.json").read_text())
    region = region[0] if isinstance(region, list) else region
    (part,) = polygon.parts
    assert part.exterior == tuple(zip(region["all_points_x"], region["all_points_y"], strict=True))
    assert finding.source_fields == (
        SourceField(name="labels", text=number),
        SourceField(name="labels_orig/label", text="nodule"),
    )
    assert "drawings-disagree" not in codes(records[name])


def test_outlines_come_as_an_object_and_as_an_array(folder):
    shapes = {
        type(json.loads((folder / f"train/labels_orig/00000058_{end}.json").read_text()))
        for end in ("2201CE11_0", "A73CED93_1")
    }
    assert shapes == {dict, list}


def test_no_outline_is_linked_to_a_nodule(records):
    assert len(of(records, "00000101").nodules) == 2
    for record in records.values():
        assert all(finding.nodule_id is None and finding.labels == () for finding in record.findings)
        assert record.image_labels == ()


def test_a_mask_of_two_regions_is_one_finding_beside_theirs(records):
    record = of(records, "00000104")
    assert kinds(record) == [[Box, Polygon], [Box, Polygon], [Mask]]
    assert codes(record) == ["mask-of-several"]
    (mask,) = record.findings[2].geometries
    assert np.array_equal(255 * pixels(mask), mask_of((FIRST, SECOND)))


def test_a_box_elsewhere_is_a_finding_of_its_own(records):
    """Taking the first box for the first outline's, by place in the files, would join what lies apart."""
    record = of(records, "00000105")
    assert kinds(record) == [[Mask, Polygon], [Box]]
    (remark,) = record.remarks
    assert remark.code == "drawings-disagree"
    assert "finding 1 has outline 1 and mask; finding 2 has box 1" in remark.text
    box, outline = record.findings[1].geometries[0], record.findings[0].geometries[1]
    assert box.bbox_xywh_px[0] > sum(outline.bbox_xywh_px[::2])


def test_a_mask_with_a_region_more_is_a_finding_of_its_own(records):
    record = of(records, "00000107")
    assert kinds(record) == [[Box, Polygon], [Mask]]
    assert codes(record) == ["drawings-disagree"]


def test_an_empty_mask_draws_nothing_and_takes_nothing_away(records):
    record = of(records, "00000106")
    assert kinds(record) == [[Box, Polygon]]
    assert codes(record) == ["mask-empty", "drawings-disagree"]
    assert record.coverage is None


def test_what_leaves_the_image_is_kept_and_remarked_and_agrees_inside(records):
    record = of(records, "00000109")
    assert kinds(record) == [[Mask, Box, Polygon]]
    (part,) = record.findings[0].geometries[2].parts
    assert part.exterior == OUTSIDE
    assert sorted(codes(record)) == ["outside-image", "split-in-doubt"]


@pytest.fixture
def one_image(folder, tmp_path):
    """A function that draws in one image, and returns its record or raises what its converter raises."""
    copy = shutil.copytree(folder, tmp_path / "raw")

    def read(outlines=(FIRST,), mask=(FIRST,), labels=None):
        regions = [
            {"all_points_x": [x for x, _ in points], "all_points_y": [y for _, y in points]}
            for points in outlines
        ]
        (copy / f"train/labels_orig/{PLAIN}.json").write_text(json.dumps(regions))
        labels = "".join(f"{box_of(points)}\n" for points in outlines) if labels is None else labels
        (copy / f"train/labels/{PLAIN}.txt").write_text(labels)
        Image.fromarray(mask_of(mask)).save(copy / f"train/masks/{PLAIN}.png")
        converter = ThyroidXl()
        (item,) = (item for item in converter.items(Raw(copy)) if item.name == PLAIN)
        (sample,) = converter.samples(item)
        return sample.record

    return read


def test_where_nothing_is_drawn_the_image_is_no_negative(one_image):
    record = one_image(outlines=(), mask=(), labels="")
    assert record.findings == ()
    assert record.coverage is Coverage.NONE
    assert codes(record) == ["mask-empty"]


def test_labels_that_may_be_cut_are_refused_or_remarked(one_image):
    line = box_of(FIRST)
    assert codes(one_image(labels=line)) == ["no-line-end"]
    for cut in ("", "\n", line[:-2]):
        with pytest.raises(CaseError, match="may be cut"):
            one_image(labels=cut)
    with pytest.raises(CaseError, match="no box"):
        one_image(outlines=(FIRST, SECOND), mask=(FIRST, SECOND), labels="\n")


def test_a_missing_box_of_two_is_remarked(one_image):
    record = one_image(outlines=(FIRST, SECOND), mask=(FIRST, SECOND), labels=f"{box_of(SECOND)}\n")
    assert kinds(record) == [[Polygon], [Box, Polygon], [Mask]]
    assert sorted(codes(record)) == ["drawings-disagree", "mask-of-several"]


def test_a_box_to_the_edge_does_not_leave_the_image(one_image):
    edge = ((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT))
    assert codes(one_image((edge,), (edge,), "0 0.5 0.5 1.000001 1.000001\n")) == []


corner = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1))
region = st.tuples(corner, corner).map(lambda c: (c[0], (c[1][0], c[0][1]), c[1], (c[0][0], c[1][1])))
drawings = st.lists(region, max_size=3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawings, drawings, drawings)
def test_every_drawing_is_in_one_finding(one_image, outlines, boxes, mask):
    """Each outline, each box and the mask are in one finding, with none but drawings of their extent."""
    labels = "".join(f"{box_of(points)}\n" for points in boxes)
    if (outlines or mask) and not boxes:
        with pytest.raises(CaseError, match="no box"):
            one_image(outlines, mask, labels)
        return
    record = one_image(outlines, mask, labels)
    drawn = [geometry for finding in record.findings for geometry in finding.geometries]
    exteriors = [g.parts[0].exterior for g in drawn if isinstance(g, Polygon)]
    assert sorted(exteriors) == sorted(tuple(points) for points in outlines)
    assert sum(isinstance(g, Box) for g in drawn) == len(boxes)
    masks = [g for g in drawn if isinstance(g, Mask)]
    assert len(masks) == bool(mask)
    if masks:
        assert np.array_equal(255 * pixels(masks[0]), mask_of(mask))
    for finding in record.findings:
        extents = [
            np.argwhere(pixels(g))[[0, -1]][:, 0].tolist()
            if isinstance(g, Mask)
            else [g.bbox_xywh_px[1], g.bbox_xywh_px[1] + g.bbox_xywh_px[3]]
            for g in finding.geometries
        ]  # rows only: those of a mask are its first and last
        assert np.ptp(extents, axis=0).max() <= 3


# ---------------------------------------------------------------- what is said


def test_an_age_is_an_age_and_a_year_is_not(records):
    """Read as an age, the year makes a patient of 1,961 years; an age of it needs a date not stated."""
    assert of(records, "00000102").patient == Patient(sex=Sex.FEMALE, age=Age(years=33))
    assert of(records, "00000109").patient.age == Age(years=52)  # written 52.0
    record = of(records, "00000101")
    assert record.patient == Patient(sex=Sex.MALE)
    assert record.source_fields == (SourceField(name="age", text="1961"),)
    (remark,) = record.remarks
    assert (remark.code, remark.text) == ("age-doubtful", "age 1961 may be a year of birth")


@pytest.mark.parametrize(
    ("patient", "value", "basis"),
    [
        ("00000101", Malignancy.MALIGNANT, Basis.HISTOLOGY),
        ("00000102", Malignancy.MALIGNANT, Basis.CYTOLOGY),
        ("00000104", Malignancy.BENIGN, Basis.CYTOLOGY),
        ("00000103", Malignancy.BENIGN, Basis.HISTOLOGY),
    ],
)
def test_a_conclusion_is_of_the_patient_and_keeps_its_basis(records, patient, value, basis):
    """As two classes alone, malignant by cytology and malignant by histology would be the same label."""
    record = of(records, patient)
    assert record.case_labels == (Label(value=value, basis=basis),)
    assert Label(value=value, basis=basis) in record.nodules[0].labels


def test_nodules_are_those_of_the_table(records):
    first, second = of(records, "00000101").nodules
    assert (first.nodule_id, second.nodule_id) == ("nodule_1", "nodule_2")
    assert (first.location, second.location) == (Location.RIGHT_LOBE, Location.LEFT_LOBE)
    assert (first.size_mm, second.size_mm) == ((19.0, 11.5, 12.0), (22.0, 14.5, None))
    assert first.labels == (
        Label(value=Bethesda.V, basis=Basis.CYTOLOGY),
        Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY),
    )
    assert second.labels == (
        Label(value=Bethesda.II, basis=Basis.CYTOLOGY),
        Label(value=Malignancy.BENIGN, basis=Basis.CYTOLOGY),
    )
    assert first.source_fields == (
        SourceField(name="TIRADS", text="5"),
        SourceField(name="Histopathology", text="an invented carcinoma"),
    )
    assert of(records, "00000102").nodules[0].size_mm == ()
    assert of(records, "00000201").nodules == ()


def test_what_is_not_understood_is_kept_as_text_and_remarked(records):
    record = of(records, "00000108")
    assert record.patient is None
    assert record.case_labels == ()
    assert {field.name: field.text for field in record.source_fields} == {
        "age": "unknown",
        "gender": "3",
        "conclusion": "5",
        "note": '["kept", "1"]',
    }
    (nodule,) = record.nodules
    assert (nodule.location, nodule.size_mm, nodule.labels) == (None, (), ())
    assert {field.name: field.text for field in nodule.source_fields} == {
        "Position": "left",
        "Width": "0",
        "Height": "wide",
        "Depth": "-3.5",
        "FNAC": "7",
        "Conclusion": "-",
    }
    assert codes(record) == 9 * ["value-not-understood"]
    assert sum("nodule_1" in remark.text for remark in record.remarks) == 6


def test_nothing_is_said_of_someone_of_whom_all_is_null(records):
    record = of(records, "00000201")
    assert (record.patient, record.case_labels, record.source_fields, record.remarks) == (None, (), (), ())


# ---------------------------------------------------------------- lists and layout


def test_the_group_is_the_patient_and_the_split_is_the_folder(records):
    for name, record in records.items():
        assert record.group_id == f"thyroidxl/{name[:8]}"
        assert record.group_kind is GroupKind.PATIENT
        (split,) = record.official_splits
        assert (split.name, split.part) == ("", record.source.split("/")[0])
        assert record.source == f"{split.part}/images/{name}.png"


def test_a_patient_in_both_lists_is_remarked_and_stays(records):
    record = of(records, "00000109")
    assert record.official_splits[0].part == "train"
    (remark,) = (remark for remark in record.remarks if remark.code == "split-in-doubt")
    assert "train and test" in remark.text


@pytest.mark.parametrize(("listed", "said"), [({"test"}, "listed in test"), (set(), "listed in neither")])
def test_a_patient_in_the_other_list_or_in_none_is_remarked(folder, tmp_path, listed, said):
    copy = shutil.copytree(folder, tmp_path / "raw")
    for part in ("train", "test"):
        path = copy / f"stats/{part}_patients.txt"
        numbers = [number for number in path.read_text().split() if number != "00000102"]
        path.write_text(
            "".join(f"{number}\n" for number in [*numbers, *(["00000102"] if part in listed else [])])
        )
    (item,) = (item for item in ThyroidXl().items(Raw(copy)) if item.name == PLAIN)
    (sample,) = ThyroidXl().samples(item)
    (remark,) = sample.record.remarks
    assert remark.code == "split-in-doubt"
    assert said in remark.text
    assert sample.record.official_splits[0].part == "train"


def test_a_list_without_a_last_line_end_is_whole_if_nobody_lacks(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "raw")
    path = copy / "stats/test_patients.txt"
    path.write_text(path.read_text().rstrip("\n"))
    assert len(list(ThyroidXl().items(Raw(copy)))) == 16


def test_images_that_the_list_has_or_lacks_are_remarked(records):
    said = {
        name: [remark.text for remark in record.remarks if remark.code == "images-differ"]
        for name, record in records.items()
        if name.startswith("00000110")
    }
    (missing,) = said["00000110_AAAA0009_0"]
    unnamed, again = said["00000110_AAAA0010_1"]
    assert "00000110_AAAA0011_2" in missing == again
    assert "does not name the image" in unnamed


def test_images_come_in_the_order_of_their_numbers_and_train_first(records):
    names = list(records)
    assert [record.official_splits[0].part for record in records.values()] == 13 * ["train"] + 3 * ["test"]
    assert names[-3:] == ["00000200_BBBB0001_10", "00000200_BBBB0002_9", "00000201_BBBB0003_0"]


@pytest.mark.parametrize("name", [INFO, "stats/train_patients.txt", "stats/test_patients.txt"])
def test_every_table_is_needed(folder, tmp_path, name):
    copy = shutil.copytree(folder, tmp_path / "raw")
    (copy / name).unlink()
    with pytest.raises(RawLayoutError, match=name) as caught:
        list(ThyroidXl().items(Raw(copy)))
    assert caught.value.where == str(copy)


def test_a_record_has_the_shape_of_the_golden_one(records):
    golden = json.loads((Path(__file__).parent / "fixtures/thyroidxl/golden.json").read_text())
    plain = to_plain(of(records, "00000101"))
    assert plain.keys() == golden.keys()
    assert plain["acquisition"] == golden["acquisition"]
    assert plain["nodules"][0].keys() == golden["nodules"][0].keys()
    assert plain["findings"][0].keys() == golden["findings"][0].keys()
    assert [list(g) for g in plain["findings"][0]["geometries"]] == [["mask"], ["box"], ["polygon"]]
    assert plain["case_labels"] == golden["case_labels"]
    assert plain["source_fields"] == golden["source_fields"]
    assert plain["remarks"] == golden["remarks"]


# ---------------------------------------------------------------- the grammars beneath


def test_numbers_are_kept_as_they_are_written():
    assert parse_verbatim(b'\xef\xbb\xbf{"a": [1.50, -0, 1e3, "2", true, null], "b": NaN}', "x.json") == {
        "a": ["1.50", "-0", "1e3", "2", True, None],
        "b": "NaN",
    }
    assert parse_verbatim(b"9" * 5_000, "x.json") == "9" * 5_000


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}', b"\xff", 10**5 * b"[", b"[1] [2]"]
)
def test_broken_json_is_refused_by_name(text):
    for error in (CaseError, RawLayoutError):
        with pytest.raises(error) as caught:
            parse_verbatim(text, "x.json", error)
        assert caught.value.where == "x.json"
        assert len(caught.value.message) < 200


@given(st.lists(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=3), max_size=4))
def test_outlines_keep_their_points(tmp_path_factory, outlines):
    """The points of an outline are read as they were written, and in order."""
    folder = tmp_path_factory.mktemp("via")
    regions = [
        {"all_points_x": [x for x, _ in points], "all_points_y": [y for _, y in points], "label": str(index)}
        for index, points in enumerate(outlines)
    ]
    (folder / "1.json").write_text(json.dumps(regions))
    read = read_via_regions(Raw(folder).files[0])
    assert [region.points for region in read] == [tuple(points) for points in outlines]
    assert [region.notes for region in read] == [(("label", str(index)),) for index in range(len(outlines))]
