"""What is special to YOLO: where labels and classes lie, parts, and what an empty label file says."""

from __future__ import annotations

import pytest
import yaml
from PIL import Image

from tests.contract.run import convert
from tests.fixtures.yolo.make import DATA, HEIGHT, WIDTH, make
from thyrodata.conversion import convert as convert_dataset
from thyrodata.converters.yolo import Yolo, YoloSettings
from thyrodata.errors import CaseError, RawLayoutError, UsageError
from thyrodata.io.raw import Raw
from thyrodata.io.yolodata import label_path
from thyrodata.schema.geometry import Box, Polygon
from thyrodata.schema.record import Label, SourceField
from thyrodata.schema.vocab import Coverage, GroupKind, Malignancy, Structure


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("yolo") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    result = convert(Yolo(), folder, tmp_path_factory.mktemp("out"))
    return {record.image_id.removeprefix("yolo/images/"): record for record in result.records}


def codes(record):
    return [remark.code for remark in record.remarks]


@pytest.fixture
def lay(tmp_path):
    """A function that lays out empty files, or files of a text, and returns the source."""

    def lay(*names, **texts):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"")
        for name, text in texts.items():
            (tmp_path / name.replace("__", "/").replace("_dot_", ".")).write_text(text)
        return Raw(tmp_path)

    return lay


def parts(raw):
    return {str(item.image): item.part for item in Yolo().items(raw)}


# ---------------------------------------------------------------- labels


def test_a_box_is_given_by_its_centre(records):
    (finding,) = records["train/1"].findings
    assert finding.geometries == (Box(x=60, y=45, width=40, height=30),)
    assert (finding.finding_id, finding.structure, finding.labels) == ("1", Structure.NODULE, ())
    naive = Box(x=0.5 * WIDTH, y=0.5 * HEIGHT, width=40, height=30)
    assert finding.geometries != (naive,)


def test_a_segment_is_a_polygon_with_the_points_of_its_line(folder, records):
    triangle, square = records["train/2"].findings
    lines = (folder / "labels/train/2.txt").read_text().split("\n")
    for finding, line in zip((triangle, square), lines, strict=False):
        numbers = [float(word) for word in line.split()[1:]]
        (polygon,) = finding.geometries
        assert isinstance(polygon, Polygon)
        expected = [(x * WIDTH, y * HEIGHT) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        assert polygon.parts[0].exterior == tuple(expected)
    assert triangle.labels == (Label(value=Malignancy.MALIGNANT),)
    assert square.labels == (Label(value=Malignancy.BENIGN),)


def test_boxes_and_segments_of_one_file_are_named_by_their_lines(records):
    found = [(f.finding_id, type(f.geometries[0])) for f in records["train/3"].findings]
    assert found == [("1", Box), ("3", Polygon)]


def test_boxes_a_little_outside_are_kept_and_remarked(records):
    outside, rounded = records["val/4"].findings
    (box,) = outside.geometries
    assert box.bbox_xywh_px == pytest.approx((136, 36, 32, 48))
    assert rounded.geometries[0].x < 0
    assert codes(records["val/4"]) == ["outside-image", "outside-image"]


def test_windows_and_its_editors_change_nothing(records):
    (finding,) = records["test/7"].findings
    assert finding.geometries == (Box(x=60, y=30, width=40, height=60),)
    assert records["test/7"].remarks == ()


def test_a_last_line_without_an_end_is_remarked(records):
    assert codes(records["test/8"]) == ["no-line-end"]
    assert len(records["test/8"].findings) == 1


# ---------------------------------------------------------------- what nothing says


def test_an_empty_label_file_and_a_missing_one_are_no_negatives(records):
    """A trainer takes both for background, as a reader does that skips what it does not find."""
    for name, code in (("val/5", "label-file-empty"), ("val/6", "image-without-mark")):
        assert records[name].findings == ()
        assert records[name].coverage is Coverage.NONE
        assert codes(records[name]) == [code]
    assert records["val/6"].source == "images/val/6.jpg"


def test_complete_makes_a_negative_of_the_empty_one_alone(folder, tmp_path):
    result = convert(Yolo(YoloSettings(complete=True)), folder, tmp_path)
    said = {record.image_id.rpartition("/")[2]: (record.coverage, codes(record)) for record in result.records}
    assert said["1"] == (Coverage.COMPLETE, [])
    assert said["5"] == (Coverage.COMPLETE, [])
    assert said["6"] == (Coverage.NONE, ["image-without-mark"])


# ---------------------------------------------------------------- classes


def test_classes_that_do_not_speak_for_themselves_want_a_meaning(folder, tmp_path):
    make(tmp_path / "raw")
    (tmp_path / "raw/data.yaml").write_text(DATA.replace("malignancy/benign", "0"))
    with pytest.raises(UsageError, match="'0'") as caught:
        convert(Yolo(), tmp_path / "raw", tmp_path / "out")
    assert caught.value.where == "data.yaml"
    assert "--category '0=nodule'" in caught.value.hint
    said = YoloSettings(category=("0=malignancy/benign",))
    result = convert(Yolo(said), tmp_path / "raw", tmp_path / "out")
    (found,) = [f for r in result.records for f in r.findings if f.source_fields and f.finding_id == "2"]
    assert found.labels == (Label(value=Malignancy.BENIGN),)
    assert found.source_fields == (SourceField(name="class", text="0"),)


def test_a_class_is_no_name_of_yaml(lay):
    """`no` is the text of a name; a reader that makes a truth value of it has a class called False."""
    names = "names: [no, nodule]"
    raw = lay("images/1.jpg", data_dot_yaml=f"train: images\n{names}\n")
    converter = Yolo(YoloSettings(category=("no=lymph-node",)))
    (item,) = converter.items(raw)
    assert item.classes.names == ("no", "nodule")
    assert yaml.safe_load(names) == {"names": [False, "nodule"]}


@pytest.mark.parametrize(
    "names",
    [
        "names: [a, nodule]",
        "names: {0: a, 1: nodule}",
        "names:\n  1: nodule\n  0: a",
        "nc: 2\nnames: [a, nodule]",
    ],
)
def test_names_are_a_list_or_a_mapping_of_indexes(lay, names):
    raw = lay("images/1.jpg", data_dot_yaml=f"train: images\n{names}\n")
    (item,) = Yolo(YoloSettings(category=("a=gland",))).items(raw)
    assert item.classes.names == ("a", "nodule")


@pytest.mark.parametrize(
    ("said", "line", "message"),
    [
        ("names: {0: a, 2: nodule}", 2, "not 0, 1, 2"),
        ("names: {zero: nodule}", 2, "not 0, 1, 2"),
        ("names: []", 2, "no names"),
        ("names: nodule", 2, "not a mapping"),
        ("names: [[nodule]]", 2, "not one text"),
        ("nc: 3\nnames: [nodule]", 2, "nc is 3"),
        ("nc: 1", 1, "names no classes"),
        ("names: [nodule]\nval: /data/val", 3, "does not stay"),
        ("names: [nodule]\nval: images/../../val", 3, "does not stay"),
        ("names: [nodule]\nval: ~/val", 3, "does not stay"),
        ("names: [nodule]\nval: https://x/val", 3, "does not stay"),
        ("names: [nodule]\nval: [images, [x]]", 3, "not one text"),
        ("names: [nodule]\nval: val.txt", 3, "list of images"),
        ("names: [nodule]\nThe Test: images", 3, "names no part"),
    ],
)
def test_what_data_yaml_may_not_say(lay, said, line, message):
    raw = lay("images/1.jpg", data_dot_yaml=f"train: images\n{said}\n")
    with pytest.raises(RawLayoutError) as caught:
        list(Yolo().items(raw))
    assert message in caught.value.message
    assert caught.value.where == f"data.yaml:{line}"
    assert caught.value.hint


def test_a_list_of_names_does_without_data_yaml(lay):
    raw = lay("images/train/1.jpg", "images/P7/2.jpg", "images/3.jpg", classes_dot_txt="nodule\ngland\n\n")
    assert parts(raw) == {"images/train/1.jpg": "train", "images/P7/2.jpg": None, "images/3.jpg": None}
    (first, *_) = Yolo().items(raw)
    assert first.classes.names == ("nodule", "gland")


@pytest.mark.parametrize(("text", "message"), [("nodule\n\ngland\n", "no class's name"), (" \n", "no class")])
def test_a_list_of_names_has_no_gaps(lay, text, message):
    with pytest.raises(RawLayoutError, match=message):
        list(Yolo().items(lay("images/1.jpg", classes_dot_txt=text)))


def test_two_lists_of_names_must_agree(lay):
    raw = lay(
        "images/1.jpg",
        "labels/1.txt",
        data_dot_yaml="train: images\nnames: [nodule]\n",
        classes_dot_txt="nodule",
    )
    assert len(list(Yolo().items(raw))) == 1
    raw = lay(classes_dot_txt="gland")
    with pytest.raises(RawLayoutError, match=r"not those of data\.yaml"):
        list(Yolo().items(Raw(raw.root)))


# ---------------------------------------------------------------- places and parts


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("images/train/1.jpg", "labels/train/1.txt"),
        ("train/images/1.jpg", "train/labels/1.txt"),
        ("images/a/images/1.b.jpg", "images/a/labels/1.b.txt"),
        ("pictures/1.jpg", "pictures/1.txt"),
        ("1.JPG", "1.txt"),
    ],
)
def test_labels_lie_where_trainers_look(lay, image, labels):
    (file,) = lay(image).files
    assert label_path(file) == labels


def test_the_parts_are_those_of_data_yaml(lay):
    data = "path: d\ntrain: [a/images, b/images]\nval: ./c/images/\ntest:\nextra: d/x\nnames: [nodule]\n"
    files = ("d/a/images/1.jpg", "d/b/images/2.jpg", "d/c/images/3.jpg", "d/d/x/4.jpg", "d/e/5.jpg")
    assert parts(lay(*files, data_dot_yaml=data)) == {
        "d/a/images/1.jpg": "train",
        "d/b/images/2.jpg": "train",
        "d/c/images/3.jpg": "val",
        "d/d/x/4.jpg": "extra",
    }


def test_an_image_in_two_parts_is_refused(lay):
    data = "train: images\nval: images/val\nnames: [nodule]\n"
    with pytest.raises(RawLayoutError, match=r"images/val/1\.jpg is in train and in val"):
        list(Yolo().items(lay("images/val/1.jpg", data_dot_yaml=data)))


def test_two_images_of_one_label_file_are_refused(lay):
    data = "train: images\nnames: [nodule]\n"
    with pytest.raises(RawLayoutError, match="one label file"):
        list(Yolo().items(lay("images/1.jpg", "images/1.png", data_dot_yaml=data)))


def test_labels_alone_are_refused(lay):
    raw = lay("images/1.jpg", "labels/2.txt", data_dot_yaml="train: images\nnames: [nodule]\n")
    _, alone = Yolo().items(raw)
    with pytest.raises(CaseError, match="no image") as caught:
        list(Yolo().samples(alone))
    assert caught.value.where == "labels/2.txt"


def test_a_class_beyond_the_names_is_an_error_of_its_line(folder, tmp_path):
    make(tmp_path / "raw")
    with (tmp_path / "raw/labels/train/1.txt").open("a") as stream:
        stream.write("3 0.5 0.5 0.1 0.1\n")
    with pytest.raises(CaseError, match=r"no class 3: data\.yaml names 3") as caught:
        convert(Yolo(), tmp_path / "raw", tmp_path / "out")
    assert caught.value.where == "labels/train/1.txt:2"


def test_the_parts_become_the_official_split_of_a_dataset(folder, tmp_path):
    settings = YoloSettings(group="/([0-9]+)[.]", group_kind=GroupKind.PATIENT)
    done = convert_dataset("yolo", folder, tmp_path / "out", settings=settings, by="patient")
    split = done.dataset.split("official")
    assert {part: len(ids) for part, ids in split.items()} == {"train": 3, "val": 3, "test": 3}
    groups = {record.image_id: record.group_id for record in done.dataset.records()}
    assert groups["yolo/images/test/a/9"] == "yolo/9"


def test_the_box_of_a_phantom_is_where_its_nodule_is(tmp_path):
    """A picture with one bright rectangle: the pixels that are bright are those in the box."""
    picture = Image.new("L", (WIDTH, HEIGHT))
    picture.paste(255, (30, 20, 70, 50))
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    picture.save(tmp_path / "images/1.png")
    x, y, w, h = 50 / WIDTH, 35 / HEIGHT, 40 / WIDTH, 30 / HEIGHT
    (tmp_path / "labels/1.txt").write_text(f"0 {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n")
    (tmp_path / "classes.txt").write_text("nodule\n")
    ((sample,),) = [Yolo().samples(item) for item in Yolo().items(Raw(tmp_path))]
    box = sample.record.findings[0].geometries[0]
    assert picture.getbbox() == pytest.approx((box.x, box.y, box.x + box.width, box.y + box.height), abs=1e-3)


def test_a_path_from_a_folder_beside_the_part_is_read_as_it_is_meant(folder, records, tmp_path):
    """Some tools write ``../images/train``, and mean the folder beside the file; two steps up are refused."""
    data = tmp_path / "raw" / "data.yaml"
    make(data.parent)
    data.write_text(DATA.replace(": images/", ": ../images/"))
    assert data.read_text() != DATA
    result = convert(Yolo(), data.parent, tmp_path / "out")
    assert [record.image_id for record in result.records] == [r.image_id for r in records.values()]
    data.write_text(DATA.replace(": images/", ": ../../images/"))
    with pytest.raises(RawLayoutError, match="does not stay"):
        convert(Yolo(), data.parent, tmp_path / "out2")
