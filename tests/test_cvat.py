"""CVAT's XML: what is read of it, where each number goes, and what is refused with its line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from drawing_tools import Drawn, cvat_xml, pixels_of
from hypothesis import given
from lxml import etree
from strategies import masks

from thyrodata.errors import CaseError
from thyrodata.io.cvat import read_cvat
from thyrodata.io.cvattasks import cvat_labels, cvat_task
from thyrodata.io.drawn import GivenImage, GivenShape, Note
from thyrodata.schema.geometry import Box, Line, Polygon

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>4</id><name>lists</name><size>1</size><mode>annotation</mode>
    <owner><username>admin</username><email></email></owner></task>
    <dumped>2026-01-01 11:38:28.799808+03:00</dumped></meta>
"""
IMAGE = '<image id="0" name="0007.png" width="16" height="12">\n{}\n</image>'
LINE = 8
"""Of what stands in the image."""


def document(inside: str, image: str = IMAGE) -> bytes:
    return f"{HEAD}  {image.format(inside)}\n</annotations>\n".encode()


def read(inside: str):
    (image,) = read_cvat(document(inside), "sent/annotations.xml")
    return image


def test_a_box_is_read_between_its_corners():
    image = read(
        '<box label="nodule" source="manual" occluded="0" xtl="2.00" ytl="3.5" xbr="16.00" ybr="12.0"/>'
    )
    (drawing,) = image.drawings
    assert drawing.geometry == Box(x=2, y=3.5, width=14, height=8.5)
    assert (drawing.labels, drawing.drawn_by) == (("nodule",), "manual")
    assert drawing.where == f"sent/annotations.xml:{LINE}"
    assert (image.name, image.size, image.submitted) == ("0007.png", (16, 12), True)


def test_points_are_x_to_the_right_and_y_down():
    image = read(
        '<polygon label="nodule" points="0.00,0.00;16.00,0.00;8.25,12.00"/>'
        '<polyline label="marker" points="1,2;3,4"/>'
    )
    polygon, line = (drawing.geometry for drawing in image.drawings)
    assert isinstance(polygon, Polygon)
    assert polygon.parts[0].exterior == ((0, 0), (16, 0), (8.25, 12))
    assert line == Line(points=((1, 2), (3, 4)))


def test_a_mask_is_read_row_by_row_from_the_background():
    image = read('<mask label="nodule" rle="1, 2, 1, 3, 1" left="5" top="9" width="4" height="2"/>')
    (drawing,) = image.drawings
    expected = np.zeros((12, 16), bool)
    expected[9, [6, 7]] = expected[10, [5, 6, 7]] = True
    assert np.array_equal(pixels_of(drawing.geometry), expected)


def test_a_mask_that_begins_with_its_pixels():
    image = read('<mask label="nodule" rle="0, 3, 1" left="0" top="0" width="2" height="2"/>')
    assert np.argwhere(pixels_of(image.drawings[0].geometry)).tolist() == [[0, 0], [0, 1], [1, 0]]


def test_tags_are_of_the_image():
    image = read('<tag label="nothing to outline" source="manual"></tag>')
    assert (image.tags, image.drawings, image.submitted) == (("nothing to outline",), (), True)


def test_an_image_that_nothing_was_done_to_is_not_known_to_be_read():
    assert not read("").submitted


def test_what_has_no_place_is_noted_with_its_line():
    image = read(
        '<box label="nodule" xtl="0" ytl="0" xbr="1" ybr="1" occluded="1" group_id="3" z_order="7">'
        '<attribute name="sure">no</attribute></box>'
    )
    where = f"sent/annotations.xml:{LINE}"
    assert image.notes == (
        Note(what="the attribute 'sure'", where=where),
        Note(what="that the shape is occluded", where=where),
        Note(what="a group of shapes", where=where),
    )


def test_a_name_may_have_folders():
    data = document("", IMAGE.replace("0007.png", "share/A/batch-01/images/0007.png"))
    assert read_cvat(data, "x")[0].name == "0007.png"


@pytest.mark.parametrize("tag", ["points", "ellipse", "cuboid", "skeleton"])
def test_a_shape_of_which_no_outline_can_be_made_is_named_with_its_line(tag):
    image = read(f'<{tag} label="nodule" points="1,2"><points label="1" points="1,2"/></{tag}>')
    assert image.no_outlines == (Note(what=f"<{tag}>", where=f"sent/annotations.xml:{LINE}"),)
    assert (image.drawings, image.submitted) == ((), True)


BOX = '<box label="nodule" {}/>'
CORNERS = 'xtl="1" ytl="2" xbr="3" ybr="4"'
MASK = '<mask label="nodule" rle="{}" left="{}" top="{}" width="{}" height="{}"/>'


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ('<circle label="nodule" cx="4" cy="4" r="1"/>', "no shape <circle>"),
        (BOX.format(CORNERS + ' rotation="30.00"'), "is rotated"),
        (BOX.format('xtl="1" ytl="2" xbr="nan" ybr="4"'), "xbr 'nan'"),
        (BOX.format('xtl="1" ytl="2" xbr="inf" ybr="4"'), "xbr 'inf'"),
        (BOX.format('xtl="1" ytl="2" xbr="1e999" ybr="4"'), "not a finite number"),
        (BOX.format('xtl="1" ytl="2" ybr="4"'), "has no xbr"),
        (BOX.format('xtl="3" ytl="2" xbr="3" ybr="4"'), "has no area"),
        (BOX.format('xtl="3" ytl="4" xbr="4" ybr="2"'), "has no area"),
        ("<box " + CORNERS + "/>", "has no label"),
        ('<box label="" ' + CORNERS + "/>", "has no label"),
        ('<polygon label="nodule" points="1,2;3,4"/>', "has 2 points"),
        ('<polygon label="nodule" points="1,2;3,4;5"/>', "'5' is no point"),
        ('<polygon label="nodule" points="1,2;3,4;5,NaN"/>', "'5,NaN' is no point"),
        ('<polygon label="nodule" points="1,2;3,4;5,6,7"/>', "'5,6,7' is no point"),
        ('<polygon label="nodule" points=""/>', "has no points"),
        ('<polyline label="nodule" points="1,2"/>', "1 points"),
        (MASK.format("4", 0, 0, 2, 2), "no pixel"),
        (MASK.format("1, 2", 0, 0, 2, 2), "do not sum to its 2 x 2"),
        (MASK.format("0, 5", 0, 0, 2, 2), "do not sum to its 2 x 2"),
        (MASK.format("0, x", 0, 0, 2, 2), "do not sum to its 2 x 2"),
        (MASK.format("0, -4, 8", 0, 0, 2, 2), "do not sum to its 2 x 2"),
        (MASK.format("0, 4", 15, 0, 2, 2), "leaves its image"),
        (MASK.format("0, 4", 0, 11, 2, 2), "leaves its image"),
        (MASK.format("0, 4", -1, 0, 2, 2), "left '-1'"),
        (MASK.format("0, 4", 0.5, 0, 2, 2), "left '0.5'"),
        (MASK.format("0, 4", 0, 0, 999999999999, 2), "width '999999999999'"),
    ],
)
def test_a_shape_that_is_no_outline_is_refused_with_its_line(inside, said):
    with pytest.raises(CaseError) as caught:
        read(inside)
    assert said in caught.value.message
    assert caught.value.where == f"sent/annotations.xml:{LINE}"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "said", "line"),
    [
        (b"", "not well formed", 1),
        (document(BOX.format(CORNERS))[:-40], "not well formed", None),
        (document("").replace(b"1.1</v", b"1.0</v"), "no annotations of version 1.1", 2),
        (document("").replace(b"annotations>", b"annotation>"), "no annotations of version 1.1", 2),
        (document("", '<track id="0" label="nodule"></track>'), "tracks", LINE - 1),
        (document("", "<frame/>"), "no <frame>", LINE - 1),
        (document("", IMAGE.replace('width="16"', 'width="x"')), "width 'x'", LINE - 1),
        (document("", IMAGE.replace('width="16"', 'width="0"')), "0 x 12 pixels", LINE - 1),
        (document("", IMAGE.replace('width="16"', 'width="99999999"')), "99999999 x 12 pixels", LINE - 1),
        (document("", IMAGE.replace('name="0007.png"', "")), "has no name", LINE - 1),
        (
            b'<!DOCTYPE a [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]><annotations>&b;</annotations>',
            "declares a document type",
            1,
        ),
    ],
)
def test_a_file_that_is_no_such_file_is_refused(data, said, line):
    with pytest.raises(CaseError) as caught:
        read_cvat(data, "sent/annotations.xml")
    assert said in caught.value.message
    assert caught.value.where.startswith("sent/annotations.xml:")
    assert line is None or caught.value.where == f"sent/annotations.xml:{line}"
    assert caught.value.hint


def test_a_task_shows_no_outline_and_reads_back_as_not_worked_on():
    images = [GivenImage(file="batch-01/images/0003.png", width=5, height=4)] * 2
    data = cvat_task(images, ["nodule", "all outlined"])
    first, second = read_cvat(data, "x")
    assert (first.name, first.size, first.submitted) == ("0003.png", (5, 4), False)
    assert second.where != first.where
    assert b'<image id="1" name="0003.png" width="5" height="4"/>' in data


def test_labels_are_those_of_the_task_constructor():
    labels = json.loads(cvat_labels(["nodule"], ["all outlined"]))
    assert labels == [
        {"name": "nodule", "type": "any", "attributes": []},
        {"name": "all outlined", "type": "tag", "attributes": []},
    ]


@given(masks().filter(lambda mask: any(mask.runs()[1::2])))
def test_a_mask_is_written_as_cvat_writes_it(mask):
    """The runs of any mask, and the box that they are in, are those that CVAT's documentation makes of it."""
    size = {"width": mask.width, "height": mask.height}
    ours = cvat_task(
        [GivenImage(file="1.png", shapes=(GivenShape(label="x", geometry=mask),), **size)], ["x"]
    )
    theirs = cvat_xml([Drawn(name="1.png", shapes=[("x", mask)], **size)])
    one, other = (etree.fromstring(data).find("image/mask") for data in (ours, theirs))
    for name in ("rle", "left", "top", "width", "height"):
        assert one.get(name) == other.get(name)
