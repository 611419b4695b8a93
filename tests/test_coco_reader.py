"""A user's own COCO: ids and parts, where images lie, what a category means, crowds, all that is unknown."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

import thyrodata
from tests.contract.run import convert
from tests.fixtures.coco.make import HEIGHT, HOLED, JSON, RING, WIDTH, make
from thyrodata.converters.coco import Coco, CocoSettings
from thyrodata.errors import CaseError, RawLayoutError, ThyrodataError, UsageError
from thyrodata.io import coco as grammar
from thyrodata.io.coco import read_coco
from thyrodata.io.raw import Raw
from thyrodata.schema.geometry import Box, Mask, Polygon, PolygonPart
from thyrodata.schema.record import Label, Nodule, OfficialSplit, Read, Reading, SourceField
from thyrodata.schema.vocab import (
    Basis,
    Bethesda,
    Coverage,
    GroupKind,
    Malignancy,
    Structure,
    TiradsAcr,
)

# pycocotools' own decoder hands numpy an array in the way of numpy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

VAL = "annotations/instances_val.json"


@pytest.fixture
def folder(tmp_path):
    make(tmp_path / "raw")
    return tmp_path / "raw"


def records_of(folder, **settings):
    out = folder.parent / f"out{len(list(folder.parent.iterdir()))}"
    result = convert(Coco(CocoSettings(**settings)), folder, out)
    return {record.image_id.removeprefix("coco/"): record for record in result.records}


@pytest.fixture
def records(folder):
    return records_of(folder)


def edit(folder, change, file=JSON):
    root = json.loads((folder / file).read_text())
    change(root)
    (folder / file).write_text(json.dumps(root))


def refused(folder, error=CaseError, **settings):
    with pytest.raises(error) as caught:
        records_of(folder, **settings)
    return caught.value


def fields(thing):
    return {field.name: field.text for field in thing.source_fields}


def by_id(record, number):
    return next(finding for finding in record.findings if finding.finding_id == str(number))


def codes(record):
    return [remark.code for remark in record.remarks]


# ---------------------------------------------------------------- ids and parts


def test_ids_of_images_and_annotations_stay(records):
    assert sorted(map(int, records)) == [11, 12, 13, 14, 15, 16, 17, 21, 22, 23]
    assert [finding.finding_id for finding in records["12"].findings] == ["102", "105"]


def test_annotations_belong_to_the_image_of_their_image_id(records):
    """A reading by position would give the first annotation, of image 12, to the first image, 11."""
    assert [finding.finding_id for finding in records["11"].findings] == ["101", "104"]


def test_ids_that_come_again_in_another_file_are_told_apart(folder):
    edit(folder, lambda root: root["images"][0].update(id=11), VAL)
    edit(folder, lambda root: root["annotations"][0].update(image_id=11), VAL)
    records = records_of(folder)
    assert len(records) == 10
    assert records["annotations/instances_train/11"].official_splits == (OfficialSplit(part="train"),)
    assert records["annotations/instances_val/11"].official_splits == (OfficialSplit(part="val"),)


def test_a_part_is_what_the_files_name_says(folder):
    shutil.move(folder / VAL, folder / "annotations/mine.json")
    edit(
        folder,
        lambda root: root["images"][0].update(file_name="val/of_the_part.jpg"),
        "annotations/mine.json",
    )
    records = records_of(folder)
    assert records["11"].official_splits == (OfficialSplit(part="train"),)
    assert records["21"].official_splits == ()


def test_a_part_needs_a_plain_name(folder):
    shutil.move(folder / VAL, folder / "annotations/instances_My Part.json")
    assert "My Part" in refused(folder, RawLayoutError).message


# ---------------------------------------------------------------- where images lie


@pytest.mark.parametrize(
    "place", ["{}", "images/{}", "annotations/{}", "annotations/images/{}", "train/{}", "images/train/{}"]
)
def test_an_image_is_found_in_each_of_the_places(folder, place):
    target = folder / place.format("masks.jpg")
    target.parent.mkdir(exist_ok=True)
    shutil.move(folder / "images/masks.jpg", target)
    assert records_of(folder)["12"].image.path == f"images/{place.format('masks.jpg')}"


def test_a_file_beside_the_images_of_each_part_is_read(tmp_path):
    """One folder for each part, with its own COCO file and images of the same names."""
    make(tmp_path / "whole")
    image = (tmp_path / "whole/images/boxes.jpg").read_bytes()
    for number, part in enumerate(("train", "valid"), 1):
        (tmp_path / "raw" / part).mkdir(parents=True)
        (tmp_path / "raw" / part / "1.jpg").write_bytes(image)
        entry = {"id": number, "file_name": "1.jpg", "width": WIDTH, "height": HEIGHT}
        text = json.dumps({"images": [entry], "annotations": []})
        (tmp_path / "raw" / part / "_annotations.coco.json").write_text(text)
    assert [r.image.path for r in records_of(tmp_path / "raw").values()] == [
        "images/train/1.jpg",
        "images/valid/1.jpg",
    ]


def test_a_file_name_that_may_mean_two_files_is_refused(folder):
    shutil.copy(folder / "images/masks.jpg", folder / "masks.jpg")
    error = refused(folder)
    assert "masks.jpg or images/masks.jpg" in error.message
    assert error.where == f"{JSON}#images[1]"


@pytest.mark.parametrize(
    "name",
    [
        "../masks.jpg",
        "images/../images/masks.jpg",
        "/images/masks.jpg",
        "images//masks.jpg",
        "images\\masks.jpg",
        "images/masks.jpg\0",
        "images/MASKS.jpg",
        "",
        ".",
        "images",
        "file:///etc/passwd",
        "https://example.org/masks.jpg",
    ],
)
def test_a_file_name_that_is_no_path_in_the_folder_is_refused(folder, name):
    edit(folder, lambda root: root["images"][1].update(file_name=name))
    shutil.move(folder / "images/masks.jpg", folder.parent / "masks.jpg")
    assert refused(folder).where == f"{JSON}#images[1]"


def test_two_entries_of_one_image_are_refused(folder):
    edit(folder, lambda root: root["images"][2].update(file_name="images/masks.jpg"))
    error = refused(folder, RawLayoutError)
    assert error.where == f"{JSON}#images[2]"
    assert f"{JSON}#images[1]" in error.message


# ---------------------------------------------------------------- what is drawn


def test_a_polygon_whose_box_is_its_extent_is_one_drawing(records):
    points = tuple(zip(map(float, RING[::2]), map(float, RING[1::2]), strict=True))
    assert by_id(records["11"], 101).geometries == (Polygon(parts=(PolygonPart(exterior=points),)),)


def test_two_rings_are_one_finding_of_two_parts_and_another_box_is_kept(records):
    """Taken for a finding each, the rings would be two nodules."""
    polygon, box = by_id(records["11"], 104).geometries
    assert len(polygon.parts) == 2
    assert box == Box(x=15, y=15, width=110, height=85)


def test_a_mask_keeps_its_hole(records):
    """The outer outline of it alone would cover the hole too."""
    (mask,) = by_id(records["12"], 102).geometries
    pixels = coco_mask.decode({"size": [mask.height, mask.width], "counts": mask.counts})
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[10:50, 3:6] = 1
    expected[20:40, 4] = 0
    assert np.array_equal(pixels, expected)
    assert pixels.sum() == sum(HOLED[1::2]) == 100
    assert isinstance(mask, Mask)


def test_a_box_alone_is_a_box(records):
    assert by_id(records["13"], 106).geometries == (Box(x=10, y=11, width=30.5, height=20),)


def test_a_drawing_that_leaves_the_image_is_kept_and_remarked(records):
    assert codes(records["13"]) == ["outside-image"]


@pytest.mark.parametrize(
    ("area", "kept"), [(1142.375, False), (1142.3751, False), (None, False), (1143, True), ("1", True)]
)
def test_an_area_is_kept_where_it_says_more_than_the_outline(folder, area, kept):
    edit(folder, lambda root: root["annotations"][1].update(area=area))
    assert ("area" in fields(by_id(records_of(folder)["11"], 101))) == kept


def test_the_area_of_the_pixels_says_no_more_either(folder):
    rings = coco_mask.frPyObjects([list(map(float, RING))], HEIGHT, WIDTH)
    area = int(coco_mask.area(coco_mask.merge(rings)))
    assert area != 1142.375
    edit(folder, lambda root: root["annotations"][1].update(area=area))
    assert "area" not in fields(by_id(records_of(folder)["11"], 101))


def test_a_crowd_is_kept_as_one(records):
    assert by_id(records["15"], 108).crowd
    crowds = [f.finding_id for record in records.values() for f in record.findings if f.crowd]
    assert crowds == ["108"]


# ---------------------------------------------------------------- what is refused, and where


@pytest.mark.parametrize(
    ("index", "key", "value"),
    [
        (8, "image_id", 99),
        (8, "category_id", 99),
        (8, "id", 101),
        (8, "iscrowd", True),
        (8, "image_id", None),
        (8, "category_id", 7.0),
        (8, "id", "110"),
    ],
)
def test_what_refers_to_nothing_is_refused_with_its_place(folder, index, key, value):
    edit(folder, lambda root: root["annotations"][index].update({key: value}))
    assert refused(folder, RawLayoutError).where == f"{JSON}#annotations[{index}]"


def test_a_drawing_that_is_none_is_refused_with_its_place(folder):
    edit(folder, lambda root: root["annotations"][1].update(segmentation=[[1, 2, 3]]))
    assert refused(folder).where == f"{JSON}#annotations[1]"


def test_a_file_too_large_is_refused_before_it_is_read(folder, monkeypatch):
    monkeypatch.setattr(grammar, "MAX_BYTES", 1000)
    raw = Raw(folder)
    with pytest.raises(RawLayoutError, match="larger"):
        list(Coco().items(raw))
    assert not raw.reads


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "name", "size", "counts", "reader", "value"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
KEYS = {
    "images": [
        "id",
        "file_name",
        "width",
        "height",
        "coverage",
        "group_kind",
        "group_id",
        "case_labels",
        "license",
    ],
    "annotations": [
        "id",
        "image_id",
        "category_id",
        "bbox",
        "segmentation",
        "iscrowd",
        "area",
        "labels",
        "score",
    ],
    "categories": ["id", "name", "supercategory"],
}
changes = st.sampled_from(sorted(KEYS)).flatmap(
    lambda where: st.tuples(st.just(where), st.integers(0, 2), st.sampled_from([*KEYS[where], ""]), values)
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared") / "raw"
    make(folder)
    return folder, (folder / JSON).read_text()


@given(st.lists(changes, min_size=1, max_size=2))
def test_no_value_does_more_than_be_refused(shared, drawn):
    """Whatever stands in a COCO file, it is read or refused by the name of the file."""
    folder, text = shared
    root = json.loads(text)
    for where, index, key, value in drawn:
        if key and isinstance(root[where][index], dict):
            root[where][index][key] = value
        else:
            root[where][index] = value
    (folder / JSON).write_text(json.dumps(root))
    places = [JSON]
    try:
        converter, raw = Coco(), Raw(folder)
        for item in converter.items(raw):
            list(converter.samples(item))
    except ThyrodataError as error:
        places.append(error.where or JSON)
    assert all(place.startswith((JSON, "annotations/", "images/")) for place in places)


def test_another_json_is_no_coco(folder):
    (folder / "notes.json").write_text('{"images": 1, "annotations": []}')
    raw = Raw(folder)
    (notes,) = (file for file in raw.files if file.path == "notes.json")
    assert read_coco(notes) is None


# ---------------------------------------------------------------- categories, groups, coverage


def test_a_category_that_is_not_understood_is_refused_with_the_option_that_says_it(folder):
    edit(folder, lambda root: root["categories"][0].update(name="TN"))
    error = refused(folder, UsageError)
    assert "'TN'" in error.message
    assert "of no annotation" not in error.message
    assert "--category 'TN=nodule'" in error.hint


def test_its_name_is_kept_beside_what_it_means(folder):
    edit(folder, lambda root: root["categories"][0].update(name="TN"))
    (finding,) = records_of(folder, category=("TN=nodule",))["16"].findings
    assert finding.structure is Structure.NODULE
    assert fields(finding) == {"category": "TN", "category/supercategory": '"finding"'}


def test_a_mapping_of_a_category_that_is_not_there_is_refused(folder):
    assert "'TX'" in refused(folder, UsageError, category=("TX=nodule",)).message


def test_a_mapping_of_a_category_without_annotations_is_taken(folder):
    assert len(records_of(folder, category=("of no annotation=gland",))) == 10


def test_a_label_is_of_the_structure_that_is_asked_for(folder):
    assert by_id(records_of(folder, structure=Structure.LESION)["12"], 102).structure is Structure.LESION


def test_groups_are_found_in_the_path(folder):
    records = records_of(folder, group="([a-z]+)/[^/]*$", group_kind=GroupKind.CASE)
    assert records["21"].group_id == "coco/val"
    assert records["17"].group_id == "coco/train"
    assert records["22"].group_id == "coco/images", "the user's word goes before the file's"
    assert fields(records["22"])["group_id"] == '"toy/case 5"'


def test_an_image_without_annotations_is_a_negative_only_if_the_user_says_so(folder):
    assert records_of(folder)["14"].coverage is Coverage.NONE
    assert records_of(folder, complete=True)["14"].coverage is Coverage.COMPLETE


# ---------------------------------------------------------------- what thyrodata has written, and the rest


def test_what_thyrodata_has_written_is_read_back(records):
    record = records["22"]
    assert (record.group_id, record.group_kind) == ("coco/toy/case 5", GroupKind.CASE)
    assert record.case_labels == (Label(value=Bethesda.IV, edition="2017"),)
    assert record.readings == (Reading(reader="A", coverage=Coverage.COMPLETE),)
    assert record.nodules == (Nodule(nodule_id="n1"),)
    (finding,) = record.findings
    assert (finding.nodule_id, finding.score, finding.origin) == ("n1", 0.5, Read(reader="A"))
    assert finding.labels == (
        Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY, reader="pathology"),
        Label(value=TiradsAcr.TR4),
    )
    assert fields(finding) == {"finding_id": '"1"'}
    assert fields(record)["image_id"] == '"toy/a"'


def test_a_category_that_was_changed_since_is_read(records):
    """The labels beside it would still say benign."""
    (finding,) = records["23"].findings
    assert finding.labels == ()
    assert codes(records["23"]) == ["category-differs"]
    assert json.loads(fields(finding)["labels"]) == [{"value": "malignancy/benign"}]


def test_values_that_are_none_of_thyrodatas_are_kept_as_they_are(folder):
    strange = {"score": "high", "labels": [1, 2], "reader": 5, "nodule_id": ["x"], "structure": "wart"}
    edit(folder, lambda root: root["annotations"][1].update(strange))
    edit(folder, lambda root: root["images"][0].update(coverage=1, group_kind="x", case_labels="y"))
    record = records_of(folder)["11"]
    kept = {name: json.loads(text) for name, text in fields(by_id(record, 101)).items()}
    assert {name: kept[name] for name in strange} == strange
    assert by_id(record, 101).origin == Read()
    assert (fields(record)["coverage"], fields(record)["group_kind"]) == ("1", '"x"')


def test_a_kind_of_group_without_its_name_is_no_group(folder):
    edit(folder, lambda root: root["images"][0].update(group_kind="patient"))
    record = records_of(folder)["11"]
    assert (record.group_id, record.group_kind) == ("coco/11", GroupKind.IMAGE)
    assert fields(record)["group_kind"] == '"patient"'


def test_a_crowd_of_a_nodule_keeps_the_nodule(folder):
    edit(folder, lambda root: root["annotations"][6].update(nodule_id="n", reader="B"))
    record = records_of(folder)["15"]
    assert record.nodules == (Nodule(nodule_id="n"),)
    assert record.findings[0].crowd
    assert record.readings == (Reading(reader="B"),)


def test_unknown_keys_are_kept_as_json(records):
    said = fields(by_id(records["13"], 107))
    assert said["keypoints"] == "[1, 2, 2]"
    assert said["category/keypoints"] == '["hilum"]'
    assert fields(by_id(records["13"], 106))["attributes"] == '{"occluded": false}'
    assert fields(records["13"])["date_captured"] == '"2020-01-01"'


def test_the_licence_of_an_image_stands_with_it(records):
    assert json.loads(fields(records["11"])["licenses"]) == {"id": 4, "name": "CC BY 4.0"}
    assert "licenses" not in fields(records["12"])


def test_a_file_name_is_kept_where_it_is_not_the_path(records):
    assert SourceField(name="file_name", text="masks.jpg") in records["12"].source_fields
    assert "file_name" not in fields(records["11"])


def test_a_whole_dataset_is_made_and_sound(folder):
    made = thyrodata.convert("coco", folder, folder.parent / "coco").dataset
    assert made.verify() == ()
    assert {part for part, ids in made.split("official").items() if ids} == {"train", "val"}
