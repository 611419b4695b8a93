"""Label Studio's JSON: what is read of it, where each number goes, and what is refused with its place."""

from __future__ import annotations

import json

import numpy as np
import pytest
from drawing_tools import brush_rle, pixels_of
from lxml import etree

from thyrodata.errors import CaseError
from thyrodata.io.brush import brush_mask
from thyrodata.io.drawn import GivenImage, Note
from thyrodata.io.labelstudio import read_label_studio
from thyrodata.io.labelstudiotasks import label_studio_config, label_studio_tasks
from thyrodata.schema.geometry import Box, Polygon

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BOX = {"x": 50, "y": 25, "width": 12.5, "height": 75, "rotation": 0, "rectanglelabels": ["nodule"]}
POLYGON = {"points": [[0, 0], [100, 0], [50, 100]], "closed": True, "polygonlabels": ["nodule"]}
PAINTED = np.arange(16 * 12).reshape(12, 16) % 5 == 0
BRUSH = {"format": "rle", "rle": brush_rle(PAINTED), "brushlabels": ["nodule"]}
PLACE = "sent.json#[0].annotations[0].result[0]"


def region(kind, value, **changed):
    return {
        "id": "r",
        "type": kind,
        "from_name": "x",
        "to_name": "image",
        "origin": "manual",
        "image_rotation": 0,
        "original_width": 16,
        "original_height": 12,
        "value": value,
        **changed,
    }


def tasks(*results, **changed):
    annotation = {"id": 1, "result": [*results], "was_cancelled": False, "completed_by": 10, **changed}
    return [
        {
            "id": 1,
            "data": {"image": "/data/local-files/?d=batch-01/images/0007.png"},
            "annotations": [annotation],
            "predictions": [{"result": [region("keypointlabels", {"x": 1, "y": 1})]}],
        }
    ]


def read(value):
    (image,) = read_label_studio(json.dumps(value).encode(), "sent.json")
    return image


def test_a_box_is_in_percent_of_the_image():
    image = read(tasks(region("rectanglelabels", BOX)))
    (drawing,) = image.drawings
    assert drawing.geometry == Box(x=8, y=3, width=2, height=9)
    assert (drawing.labels, drawing.drawn_by, drawing.where) == (("nodule",), "manual", PLACE)
    assert (image.name, image.size, image.account) == ("0007.png", (16, 12), "10")
    assert image.submitted


def test_a_polygon_is_in_percent_of_the_image():
    image = read(tasks(region("polygonlabels", POLYGON)))
    polygon = image.drawings[0].geometry
    assert isinstance(polygon, Polygon)
    assert polygon.parts[0].exterior == ((0, 0), (16, 0), (8, 12))


def test_a_brush_covers_what_is_not_transparent():
    image = read(tasks(region("brushlabels", BRUSH)))
    assert np.array_equal(pixels_of(image.drawings[0].geometry), PAINTED)


def test_choices_are_of_the_image():
    said = {
        "type": "choices",
        "from_name": "said",
        "to_name": "image",
        "value": {"choices": ["all outlined"]},
    }
    image = read(tasks(said))
    assert (image.tags, image.drawings, image.size, image.submitted) == (("all outlined",), (), None, True)


def test_a_task_without_an_annotation_was_not_worked_on():
    (task,) = tasks()
    assert not read([{**task, "annotations": []}]).submitted
    assert read([task]).submitted  # somebody pressed submit, and drew nothing


def test_what_was_cancelled_or_left_as_a_draft_is_noted():
    (task,) = tasks(region("rectanglelabels", BOX), was_cancelled=True)
    image = read([{**task, "drafts": [{"result": []}]}])
    assert (image.submitted, image.drawings) == (False, ())
    assert image.notes == (
        Note(what="a draft that was not submitted", where="sent.json#[0]"),
        Note(what="an annotation that was cancelled", where="sent.json#[0].annotations[0]"),
    )


def test_a_cancelled_annotation_beside_a_submitted_one():
    (task,) = tasks(region("rectanglelabels", BOX))
    (cancelled,) = tasks(was_cancelled=True)
    image = read([{**task, "annotations": [*cancelled["annotations"], *task["annotations"]]}])
    assert len(image.drawings) == 1


def test_what_has_no_place_is_noted():
    image = read(
        tasks(
            region("rectanglelabels", BOX, meta={"text": ["unsure"]}),
            region("choices", {**BOX, "choices": ["x"]}),
            {"type": "textarea", "value": {"text": ["a remark"]}},
            {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"},
        )
    )
    assert [note.what for note in image.notes] == [
        "a remark on a region",
        "a result of type 'choices' of the region",
        "a result of type 'textarea' of the image",
        "a relation of two regions",
    ]
    assert [note.where[-1 - len("result[0]") :] for note in image.notes] == [
        f".result[{number}]" for number in range(4)
    ]
    assert len(image.drawings) == 1


def test_a_user_may_be_an_object():
    assert read(tasks(completed_by={"id": 7, "email": "a@b.c"})).account == "7"
    assert read(tasks(completed_by={"email": "a@b.c"})).account == "a@b.c"
    assert read(tasks(completed_by=None)).account == ""


@pytest.mark.parametrize("kind", ["ellipselabels", "keypointlabels", "labels"])
def test_a_region_of_which_no_outline_can_be_made_is_named_with_its_place(kind):
    image = read(tasks(region(kind, {"x": 1, "y": 1, "width": 1})))
    assert image.no_outlines == (Note(what=f"region of the type {kind!r}", where=PLACE),)
    assert (image.drawings, image.submitted) == ((), True)


def without(value, name):
    return {key: each for key, each in value.items() if key != name}


def encoded(**changed):
    return {**BRUSH, **changed}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (region("rectanglelabels", {**BOX, "rotation": 12.5}), "is rotated"),
        (region("rectanglelabels", BOX, image_rotation=90), "was turned"),
        (region("rectanglelabels", {**BOX, "x": float("nan")}), "are no two numbers"),
        (region("rectanglelabels", {**BOX, "x": None}), "are no two numbers"),
        (region("rectanglelabels", {**BOX, "x": 1e400}), "are no two numbers"),
        (region("rectanglelabels", {**BOX, "width": 0}), "has no area"),
        (region("rectanglelabels", {**BOX, "height": -1}), "has no area"),
        (region("rectanglelabels", {**BOX, "height": 10**8}), "beyond 1000000 px"),
        (region("rectanglelabels", without(BOX, "rectanglelabels")), "no rectanglelabels"),
        (region("rectanglelabels", {**BOX, "rectanglelabels": [None]}), "are no texts"),
        (region("rectanglelabels", BOX, original_width=None), "does not state the size"),
        (region("rectanglelabels", BOX, original_width=16.5), "does not state the size"),
        (region("rectanglelabels", BOX, original_width=99999999), "does not state the size"),
        (region("polygonlabels", {**POLYGON, "closed": False}), "not closed"),
        (region("polygonlabels", {**POLYGON, "points": [[1, 2], [3, 4]]}), "2 points"),
        (region("polygonlabels", {**POLYGON, "points": [[1, 2], [3, 4], [5]]}), "are no two numbers"),
        (region("polygonlabels", {**POLYGON, "points": [[1, 2], [3, 4], 5]}), "are no two numbers"),
        (region("polygonlabels", {**POLYGON, "points": [[1, 2], [3, 4], [5, [6]]]}), "are no two numbers"),
        (region("polygonlabels", {**POLYGON, "points": 5}), "no points"),
        (region("brushlabels", encoded(format="png")), "format 'png'"),
        (region("brushlabels", encoded(rle=[])), "it is cut"),
        (region("brushlabels", encoded(rle=BRUSH["rle"][:-3])), "it is cut"),
        (region("brushlabels", encoded(rle=[256])), "no byte"),
        (region("brushlabels", encoded(rle=[-1])), "no byte"),
        (region("brushlabels", encoded(rle=["x"])), "no byte"),
        (region("brushlabels", encoded(rle=brush_rle(PAINTED[:6]))), "384 values, not 4 for each of 16 x 12"),
        (region("brushlabels", encoded(rle=brush_rle(np.zeros((12, 16), bool)))), "no pixel"),
        (region("brushlabels", BRUSH, original_height=6), "768 values, not 4 for each of 16 x 6"),
    ],
)
def test_a_region_that_is_no_outline_is_refused_with_its_place(result, said):
    with pytest.raises(CaseError) as caught:
        read(tasks(result))
    assert said in caught.value.message
    assert caught.value.where == PLACE
    assert caught.value.hint


def test_a_brush_whose_run_goes_past_the_end_is_refused():
    values = brush_rle(np.ones((1, 1), bool), sizes=(1, 1, 1, 16))
    bits = "".join(f"{value:08b}" for value in values)
    header = bits[: 32 + 5 + 16]
    longer = header + "1" + "11" + f"{4:016b}" + "11111111"
    longer += "0" * (-len(longer) % 8)
    data = [int(longer[i : i + 8], 2) for i in range(0, len(longer), 8)]
    with pytest.raises(CaseError, match="past the last pixel"):
        brush_mask(data, (1, 1), "x")


def test_a_brush_of_other_values_is_refused():
    data = brush_rle(np.ones((1, 1), bool))
    data[4] = 0b00011_000 | data[4] & 0b111  # words of 4 bits
    with pytest.raises(CaseError, match="not of 8 bits"):
        brush_mask(data, (1, 1), "x")


@pytest.mark.parametrize(
    ("data", "said", "where"),
    [
        (b"", "broken JSON", "sent.json"),
        (json.dumps(tasks(region("rectanglelabels", BOX))).encode()[:-20], "broken JSON", "sent.json"),
        (b"[" * 200_000, "broken JSON", "sent.json"),
        (b"\xff\xfe", "broken JSON", "sent.json"),
        (b'[{"data": {}, "data": {}}]', "a member twice", "sent.json"),
        (b"{}", "no list of tasks", "sent.json"),
        (b"[3]", "no data", "sent.json#[0]"),
        (b'[{"data": {"image": 3}, "annotations": []}]', "no annotations", None),
        (b'[{"data": {"image": "x.png"}}]', "no annotations", "sent.json#[0]"),
        (b'[{"data": {"image": "x.png"}, "annotations": [3]}]', "no object", "sent.json#[0].annotations[0]"),
        (b'[{"data": {"image": "x"}, "annotations": [{}]}]', "no result", "sent.json#[0].annotations[0]"),
    ],
)
def test_a_file_that_is_no_such_file_is_refused(data, said, where):
    if where is None:  # a number is read as the text that it is
        assert read_label_studio(data, "sent.json")[0].name == "3"
        return
    with pytest.raises(CaseError) as caught:
        read_label_studio(data, "sent.json")
    assert said in caught.value.message
    assert caught.value.where == where
    assert caught.value.hint


def test_an_image_that_two_have_annotated_is_refused():
    (task,) = tasks(region("rectanglelabels", BOX))
    with pytest.raises(CaseError, match="annotated twice") as caught:
        read([{**task, "annotations": task["annotations"] * 2}])
    assert caught.value.where == "sent.json#[0].annotations[1]"


def test_regions_agree_on_the_size_of_their_image():
    other = region("rectanglelabels", BOX, original_width=17)
    with pytest.raises(CaseError, match="two sizes") as caught:
        read(tasks(region("rectanglelabels", BOX), other))
    assert caught.value.where == "sent.json#[0].annotations[0].result[1]"


def test_tasks_name_images_below_the_served_folder():
    data = label_studio_tasks([GivenImage(file="batch-01/images/0003.png", width=5, height=4)])
    assert json.loads(data) == [{"data": {"image": "/data/local-files/?d=batch-01/images/0003.png"}}]


def test_the_configuration_offers_shapes_and_one_required_choice():
    view = etree.fromstring(label_studio_config(["nodule", "gland"], ["all outlined", "nothing to outline"]))
    for kind in ("PolygonLabels", "RectangleLabels", "BrushLabels"):
        (control,) = view.iterfind(kind)
        assert [label.get("value") for label in control] == ["nodule", "gland"]
        assert control.get("toName") == view.find("Image").get("name")
    (choices,) = view.iterfind("Choices")
    assert [choice.get("value") for choice in choices] == ["all outlined", "nothing to outline"]
    assert (choices.get("required"), choices.get("choice")) == ("true", "single")
    names = [control.get("name") for control in view]
    assert len(set(names)) == len(names)
    assert view.find("Image").get("value") == "$image"
