"""Readers' files without a key: CVAT, Label Studio, COCO and folders of masks, in the same terms."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from drawing_tools import WRITERS, Drawn, pixels_of
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from thyrodata.annotation.readings import Scene, interpret
from thyrodata.annotation.received import read_drawn, readings_of_file
from thyrodata.errors import CaseError, ThyrodataError
from thyrodata.io.drawn import GivenImage, GivenShape, Note
from thyrodata.io.drawncoco import coco_task
from thyrodata.io.masks import encode_mask
from thyrodata.schema.geometry import Box, Polygon, PolygonPart
from thyrodata.schema.record import Finding, Label, Read
from thyrodata.schema.vocab import Basis, Coverage, Structure, TiradsAcr

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BOX = Box(x=2, y=3, width=5, height=3)  # in eighths of percent, so that percent are exact
POLYGON = Polygon(parts=(PolygonPart(exterior=((1, 1), (9.5, 1), (5, 8.25))),))
FOREGROUND = np.arange(12 * 16).reshape(12, 16) % 7 == 0
MASK = encode_mask(FOREGROUND)
SIZE = {"width": 16, "height": 12}


def saved(folder: Path, data: bytes, name: str = "sent") -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def picture_of(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


# ---------------------------------------------------------------- COCO


def coco(*annotations, images=None, categories=("nodule", "tirads-acr/TR4")) -> bytes:
    names = [{"id": number, "name": name} for number, name in enumerate(categories, 1)]
    listed = images or [{"id": 1, "file_name": "images/12.png", **SIZE}]
    drawn = [{"id": n, "image_id": 1, "category_id": 1, **each} for n, each in enumerate(annotations, 1)]
    return json.dumps({"images": listed, "annotations": drawn, "categories": names}).encode()


POLYGON_ENTRY = {"segmentation": [[1, 1, 9.5, 1, 5, 8.25]], "bbox": [1, 1, 8.5, 7.25]}


def test_a_coco_file_is_read_with_its_scores(tmp_path):
    mask = {"size": [12, 16], "counts": MASK.counts}
    place = saved(
        tmp_path,
        coco(
            {**POLYGON_ENTRY, "score": 0.75},
            {"bbox": [2, 3, 5, 3], "category_id": 2},
            {"segmentation": mask, "iscrowd": 1},
        ),
    )
    found = readings_of_file(place, "M")
    assert list(found) == ["12"]
    assert (found["12"].size, found["12"].notes) == ((16, 12), ())
    assert found["12"].where == f"{place}#images[0]"
    by = {"structure": Structure.NODULE, "origin": Read(reader="M")}
    term = Label(value=TiradsAcr.TR4, basis=Basis.IMAGING, reader="M")
    assert found["12"].reading.findings == (
        Finding(finding_id="1", geometries=(POLYGON,), score=0.75, **by),
        Finding(finding_id="2", geometries=(BOX,), labels=(term,), **by),
        Finding(finding_id="3", geometries=(MASK,), crowd=True, **by),
    )


def test_a_box_beside_its_outline_is_noted(tmp_path):
    entry = {**POLYGON_ENTRY, "bbox": [1, 1, 9, 8]}
    (image,) = read_drawn(saved(tmp_path, coco(entry, entry)))[1]
    assert [note.what for note in image.notes] == ["2 boxes beside an outline, of another extent"]
    assert [drawing.geometry for drawing in image.drawings] == [POLYGON, POLYGON]


@pytest.mark.parametrize(
    ("said", "coverage"),
    [
        ({}, None),  # COCO has no word for how much of an image was outlined
        ({"coverage": None}, None),
        ({"coverage": "complete"}, Coverage.COMPLETE),
        ({"coverage": "partial"}, Coverage.PARTIAL),
    ],
)
def test_coverage_of_a_coco_file_is_what_it_states(said, coverage, tmp_path):
    listed = [{"id": 1, "file_name": "a/7.png", **SIZE, **said}]
    reading = readings_of_file(saved(tmp_path, coco(images=listed)), "A")["7"].reading
    assert (reading.coverage, reading.findings) == (coverage, ())


def test_an_image_that_nobody_looked_at_has_no_reading(tmp_path):
    listed = [{"id": 1, "file_name": "7.png", **SIZE, "coverage": "none"}]
    assert readings_of_file(saved(tmp_path, coco(images=listed)), "A")["7"].reading is None


@pytest.mark.parametrize(
    ("data", "said", "where"),
    [
        (
            coco(POLYGON_ENTRY, categories=("thyroid thing",)),
            "'thyroid thing' is not understood",
            "annotations[0]",
        ),
        (coco(POLYGON_ENTRY, categories=("bethesda/V",)), "no image shows it", "annotations[0]"),
        (coco({**POLYGON_ENTRY, "score": "high"}), "the score 'high' is no number", "annotations[0]"),
        (coco({**POLYGON_ENTRY, "score": True}), "the score 'True' is no number", "annotations[0]"),
        (coco({"bbox": [12, 3, 5, 3]}), "a shape leaves its image", "annotations[0]"),
        (coco({"bbox": []}), "neither a segmentation nor a bbox", "annotations[0]"),
        (coco({**POLYGON_ENTRY, "image_id": 9}), "of no image of the file", "annotations[0]"),
        (
            coco(images=[{"id": 1, "file_name": "7.png", "width": 16}]),
            "does not state its width",
            "images[0]",
        ),
        (coco(images=[{"id": 1, "file_name": "7", "width": 2**20, "height": 2**20}]), "pixels", "images[0]"),
        (
            coco(images=[{"id": 1, "file_name": "7.png", **SIZE, "coverage": 3}]),
            "the coverage '3'",
            "images[0]",
        ),
        (
            coco(POLYGON_ENTRY, images=[{"id": 1, "file_name": "7", **SIZE, "coverage": "none"}]),
            "is 'none', and something is drawn",
            "images[0]",
        ),
        (
            coco(images=[{"id": n, "file_name": f"{n}/7.png", **SIZE} for n in (1, 2)]),
            "'7' is there twice",
            "images[1]",
        ),
        (coco()[:-9], "broken JSON", ""),
        (b'{"images": 3, "annotations": []}', "no COCO file", ""),
    ],
)
def test_a_coco_file_that_says_nothing_of_readings_is_refused_with_its_place(data, said, where, tmp_path):
    place = saved(tmp_path, data)
    with pytest.raises(CaseError) as caught:
        readings_of_file(place, "A")
    assert said in caught.value.message
    assert caught.value.where.startswith(str(place))
    assert caught.value.where.endswith(where)
    assert caught.value.hint


# ---------------------------------------------------------------- masks


@pytest.fixture
def masks(tmp_path) -> Path:
    folder = tmp_path / "masks"
    folder.mkdir()
    return folder


def drawn_in(masks: Path, name: str = "12"):
    (finding,) = readings_of_file(masks, "A")[name].reading.findings
    return pixels_of(finding.geometries[0])


@pytest.mark.parametrize("values", [(0, 255), (0, 1), (3, 9), (200, 255)])
def test_a_mask_of_two_values_is_the_higher_one(values, masks):
    saved(masks, picture_of(np.where(FOREGROUND, values[1], values[0]).astype(np.uint8)), "12.png")
    assert np.array_equal(drawn_in(masks), FOREGROUND)


def test_a_mask_of_many_values_is_what_is_brighter_than_the_middle(masks):
    blurred = np.where(FOREGROUND, 250, 4).astype(np.uint8)
    blurred[0, 0], blurred[5, 5] = 128, 127
    saved(masks, picture_of(blurred), "12.png")
    expected = FOREGROUND.copy()
    expected[0, 0], expected[5, 5] = True, False
    assert np.array_equal(drawn_in(masks), expected)


def test_masks_are_findings_of_the_structure_that_was_asked_for(masks):
    saved(masks, picture_of(np.full((12, 16), 255, np.uint8)), "a.png")
    saved(masks, picture_of(np.zeros((12, 16), np.uint8)), "b.png")
    saved(masks, picture_of(np.where(FOREGROUND[..., None], 255, 0).astype(np.uint8).repeat(3, 2)), "c.bmp")
    (masks / ".DS_Store").write_bytes(b"")
    found = readings_of_file(masks, "A", (Structure.GLAND,))
    assert {name: len(each.reading.findings) for name, each in found.items()} == {"a": 1, "b": 0, "c": 1}
    (gland,) = found["a"].reading.findings
    assert (gland.structure, gland.origin, gland.labels) == (Structure.GLAND, Read(reader="A"), ())
    assert {each.size for each in found.values()} == {(16, 12)}
    assert found["b"].reading.coverage is None  # an empty mask does not say that there was nothing


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("12.png", picture_of((FOREGROUND * 9 + np.eye(12, 16)).astype(np.uint8)), "brighter than 127"),
        ("12.png", picture_of(np.ones((12, 16), np.uint8)), "brighter than 127"),
        ("12.png", picture_of((np.eye(12, 16)[..., None] * [255, 0, 0]).astype(np.uint8)), "in colour"),
        ("12.png", b"", "empty"),
        ("12.txt", b"", "the file is no mask"),
        (".hidden", b"", "there is no mask in the folder"),
    ],
)
def test_what_is_no_mask_is_refused_by_name(name, data, said, masks):
    saved(masks, data, name)
    with pytest.raises(CaseError) as caught:
        readings_of_file(masks, "A")
    assert said in caught.value.message
    assert caught.value.where in {str(masks / name), str(masks)}
    assert caught.value.hint


def test_the_digest_of_a_folder_is_of_its_names_and_bytes(masks):
    saved(masks, picture_of(np.zeros((12, 16), np.uint8)), "a.png")
    first = read_drawn(masks)[0]
    assert read_drawn(masks)[0] == first
    (masks / "a.png").rename(masks / "b.png")
    assert read_drawn(masks)[0] != first


# ---------------------------------------------------------------- one truth in all formats


def test_the_same_reading_is_read_from_every_format(tmp_path, masks):
    images = [Drawn(name="12.png", shapes=[("nodule", MASK)], **SIZE)]
    places = [saved(tmp_path, write(images), tool) for tool, write in WRITERS.items()]
    mask = {"size": [12, 16], "counts": MASK.counts}
    places.append(saved(tmp_path, coco({"segmentation": mask}), "coco"))
    saved(masks, picture_of(FOREGROUND), "12.png")
    readings = [readings_of_file(place, "A")["12"].reading for place in (*places, masks)]
    assert readings[0].findings[0].geometries == (MASK,)
    assert all(reading == readings[0] for reading in readings)


def test_two_people_are_not_one_reader(tmp_path):
    one, other = (
        WRITERS["label-studio"]([Drawn(name=n, tags=["not all outlined"], **SIZE)], account=a)
        for n, a in (("a.png", 1), ("b.png", 2))
    )
    place = saved(tmp_path, json.dumps(json.loads(one) + json.loads(other)).encode())
    with pytest.raises(CaseError, match="two people have annotated"):
        readings_of_file(place, "A")


parts = st.integers(3, 9).flatmap(
    lambda n: st.lists(
        st.tuples(st.floats(0, 16, allow_nan=False), st.floats(0, 12, allow_nan=False)),
        min_size=n,
        max_size=n,
    )
)


@given(
    st.lists(parts.map(lambda points: PolygonPart(exterior=tuple(points))), min_size=1, max_size=3),
    st.binary(min_size=24, max_size=24),
)
def test_coco_loses_nothing_of_what_it_holds(tmp_path_factory, polygon, bits):
    """A polygon of several parts, a box and a mask that are written as COCO are read back equal."""
    pixels = np.unpackbits(np.frombuffer(bits, np.uint8)).reshape(12, 16).astype(bool)
    shapes = [GivenShape(label="nodule", geometry=Polygon(parts=tuple(polygon)))]
    shapes += [
        GivenShape(label="gland", geometry=Box(x=polygon[0].exterior[0][0], y=0.1, width=0.2, height=3))
    ]
    shapes += [GivenShape(label="nodule", geometry=encode_mask(pixels))]
    data = coco_task([GivenImage(file="images/1.png", shapes=tuple(shapes), **SIZE)], ["nodule", "gland"])
    (image,) = read_drawn(saved(tmp_path_factory.mktemp("coco"), data))[1]
    assert [drawing.geometry for drawing in image.drawings] == [shape.geometry for shape in shapes]
    assert [drawing.labels for drawing in image.drawings] == [("nodule",), ("gland",), ("nodule",)]
    assert (image.notes, image.coverage, image.size) == ((), None, (16, 12))


# ---------------------------------------------------------------- what the tools document

CVAT_EXAMPLE = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>3</id><name>plates</name><size>1</size><mode>annotation</mode><overlap>0</overlap>
      <bugtracker></bugtracker><flipped>False</flipped>
      <created>2020-01-02 10:20:30.400500+00:00</created><updated>2020-01-02 11:20:30.400500+00:00</updated>
      <labels>
        <label><name>part</name><attributes></attributes></label>
        <label>
          <name>frame</name><type>skeleton</type><attributes></attributes>
          <svg>&lt;line x1="1" y1="2" x2="3" y2="4" data-type="edge"&gt;&lt;/line&gt;</svg>
        </label>
        <label><name>1</name><type>points</type><attributes></attributes><parent>frame</parent></label>
      </labels>
      <segments><segment><id>3</id><start>0</start><stop>0</stop><url>http://host/?id=3</url></segment></segments>
      <owner><username>someone</username><email></email></owner>
    </task>
    <dumped>2020-01-02 12:20:30.400500+00:00</dumped>
  </meta>
  <image id="0" name="file0.jpg" width="160" height="120">
    <box label="part" xtl="10.50" ytl="20.25" xbr="40.00" ybr="50.75" occluded="0" z_order="4">
      <attribute name="kind">round</attribute>
    </box>
    <polygon label="part" points="56.10,91.20;56.10,84.30;55.40,76.10" occluded="0" z_order="1">
    </polygon>
    <polyline label="part" points="46.20,0.00;12.60,120.00" occluded="1" z_order="3">
    </polyline>
    <points label="part" points="57.40,93.90;117.00,90.70" occluded="0" z_order="5">
    </points>
    <tag label="good" source="manual">
    </tag>
    <skeleton label="frame" source="manual" z_order="0">
      <points label="1" occluded="0" source="manual" outside="0" points="54.40,94.80">
      </points>
    </skeleton>
    <mask label="part" source="manual" occluded="0" rle="1, 2, 2, 5" left="70" top="80" width="5" height="2">
    </mask>
  </image>
</annotations>
"""
"""With every element that the page "XML annotation format" of CVAT's documentation shows of images."""


def test_what_cvat_documents_is_read(tmp_path):
    (image,) = read_drawn(saved(tmp_path, CVAT_EXAMPLE.encode()))[1]
    assert (image.name, image.size, image.tags, image.submitted) == ("file0.jpg", (160, 120), ("good",), True)
    kinds = [type(drawing.geometry).__name__ for drawing in image.drawings]
    assert kinds == ["Box", "Polygon", "Line", "Mask"]
    assert image.drawings[0].geometry == Box(x=10.5, y=20.25, width=29.5, height=30.5)
    assert np.argwhere(pixels_of(image.drawings[3].geometry)).tolist() == [
        [80, 71], [80, 72], [81, 70], [81, 71], [81, 72], [81, 73], [81, 74]
    ]  # fmt: skip
    assert [note.what for note in image.no_outlines] == ["<points>", "<skeleton>"]
    assert [note.what for note in image.notes] == ["the attribute 'kind'", "that the shape is occluded"]


LABEL_STUDIO_EXAMPLE = [
    {
        "id": 1,
        "created_at": "2020-01-02T10:20:30.400500Z",
        "updated_at": "2020-01-02T10:30:30.400500Z",
        "project": 7,
        "data": {"image": "https://host/folder/file0.jpg"},
        "annotations": [
            {
                "id": "1001",
                "result": [
                    {
                        "from_name": "tag",
                        "id": "a1",
                        "source": "$image",
                        "to_name": "img",
                        "type": "rectanglelabels",
                        "value": {
                            "height": 12.5,
                            "rectanglelabels": ["nodule"],
                            "rotation": 0,
                            "width": 25,
                            "x": 50,
                            "y": 6.25,
                        },
                    }
                ],
                "was_cancelled": False,
                "ground_truth": False,
                "created_at": "2020-01-02T10:20:30.400500Z",
                "lead_time": 4.5,
                "result_count": 0,
                "task": 1,
                "completed_by": 10,
            }
        ],
        "predictions": [{"created_ago": "3 hours", "model_version": "model 1", "result": [{"type": "x"}]}],
    }
]
"""With every member that the page "Label Studio JSON format of annotated tasks" shows: there is no size."""


def test_what_label_studio_documents_is_read(tmp_path):
    place = saved(tmp_path, json.dumps(LABEL_STUDIO_EXAMPLE).encode())
    (image,) = read_drawn(place)[1]
    assert (image.name, image.size, image.account) == ("file0.jpg", None, "10")
    scene = Scene(reader="A", structures=(Structure.NODULE,), width=160, height=80)
    (finding,) = interpret(image, scene).findings
    assert finding.geometries == (Box(x=80, y=5, width=40, height=10),)
    with pytest.raises(CaseError, match="no region states the size of its image") as caught:
        readings_of_file(place, "A")
    assert caught.value.where == f"{place}#[0]"


def test_percent_of_a_polygon_become_pixels_of_the_dataset(tmp_path):
    (task,) = LABEL_STUDIO_EXAMPLE
    value = {"points": [[0, 0], [100, 0], [50, 100]], "closed": True, "polygonlabels": ["nodule"]}
    result = [{"type": "polygonlabels", "value": value}]
    (image,) = read_drawn(saved(tmp_path, json.dumps([with_result(task, result)]).encode()))[1]
    scene = Scene(reader="A", structures=(Structure.NODULE,), width=160, height=80)
    (finding,) = interpret(image, scene).findings
    assert finding.geometries[0].parts[0].exterior == ((0, 0), (160, 0), (80, 80))


def with_result(task, result):
    return {**task, "annotations": [{**task["annotations"][0], "result": result}]}


def test_a_region_without_a_size_beside_one_with_it_is_refused(tmp_path):
    (task,) = LABEL_STUDIO_EXAMPLE
    (region,) = task["annotations"][0]["result"]
    sized = {**region, "original_width": 16, "original_height": 12}
    place = saved(tmp_path, json.dumps([with_result(task, [region, sized])]).encode())
    with pytest.raises(CaseError, match="two sizes of the image, or one of them none"):
        read_drawn(place)


def test_marks_alone_need_no_size(tmp_path):
    data = WRITERS["label-studio"]([Drawn(name="12.png", tags=["nothing to outline"], **SIZE)])
    (found,) = readings_of_file(saved(tmp_path, data), "A").values()
    assert (found.size, found.reading.coverage, found.reading.findings) == (None, Coverage.COMPLETE, ())


def test_a_shape_that_is_no_outline_makes_no_reading(tmp_path):
    place = saved(tmp_path, CVAT_EXAMPLE.encode())
    with pytest.raises(CaseError, match="a shape is a <points>, which is no outline") as caught:
        readings_of_file(place, "A")
    assert caught.value.where.startswith(f"{place}:")


def test_errors_are_ours(tmp_path):
    """Whatever bytes a COCO file holds, what is raised is an error that names its place."""
    mask = {"size": [12, 16], "counts": MASK.counts}
    data = coco({**POLYGON_ENTRY, "score": 0.75}, {"segmentation": mask})
    random = np.random.default_rng(0)
    errors = []
    for _ in range(300):
        spoiled = bytearray(data)
        for place in random.integers(0, len(data), 3):
            spoiled[place] = random.integers(32, 127)
        try:
            readings_of_file(saved(tmp_path, bytes(spoiled)), "A")
        except ThyrodataError as error:
            errors.append(error)
    assert len(errors) > 100
    assert all(isinstance(error, CaseError) and error.where and error.hint for error in errors)


def test_notes_say_what_no_reading_holds(tmp_path):
    data = WRITERS["cvat"]([Drawn(name="12.png", shapes=[("nodule", BOX)], **SIZE)])
    place = saved(tmp_path, data.replace(b'occluded="0"', b'occluded="1"'))
    (found,) = readings_of_file(place, "A").values()
    assert found.notes == (Note(what="that the shape is occluded", where=f"{place}:6"),)
