"""Pascal VOC's grammar: where a box is, what is kept verbatim, what lists say, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.voc.make import LISTS, make
from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.raw import Raw
from thyrodata.io.voc import list_voc, object_names, read_voc
from thyrodata.schema.geometry import Box


def text(*objects, head="<filename>a.jpg</filename>"):
    return f"<annotation>{head}{''.join(objects)}</annotation>"


def found(box, more="", name="nodule"):
    corners = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>"


def read(*objects, **parts):
    return read_voc(text(*objects, **parts).encode(), "a.xml")


def refused(content):
    with pytest.raises(CaseError) as caught:
        read_voc(content.encode(), "a.xml")
    assert caught.value.where.startswith("a.xml:")
    assert caught.value.hint
    return caught.value.message


# ---------------------------------------------------------------- boxes

corners = st.tuples(st.integers(1, 40), st.integers(1, 30), st.integers(0, 20), st.integers(0, 20)).map(
    lambda c: (c[0], c[1], c[0] + c[2], c[1] + c[3])
)


@given(corners)
def test_a_box_covers_the_pixels_that_voc_means(box):
    """By VOC's definition a box holds the pixels xmin..xmax, 1-based, both ends counted; so does ours."""
    xmin, ymin, xmax, ymax = box
    meant = {(x - 1, y - 1) for x in range(xmin, xmax + 1) for y in range(ymin, ymax + 1)}
    ours = read(found(box)).objects[0].box
    columns = np.arange(100)
    xs = columns[(columns >= ours.x) & (columns + 1 <= ours.x + ours.width)]
    ys = columns[(columns >= ours.y) & (columns + 1 <= ours.y + ours.height)]
    assert {(x, y) for x in xs.tolist() for y in ys.tolist()} == meant


def test_the_naive_reading_of_a_box_loses_a_row_and_a_column():
    xmin, ymin, xmax, ymax = 10, 12, 40, 50
    naive = Box(x=xmin, y=ymin, width=xmax - xmin, height=ymax - ymin)
    ours = read(found((xmin, ymin, xmax, ymax))).objects[0].box
    assert ours == Box(x=9, y=11, width=31, height=39)
    assert ours.width * ours.height != naive.width * naive.height


def test_a_box_of_the_whole_image_is_the_whole_image():
    assert read(found((1, 1, 160, 120))).objects[0].box == Box(x=0, y=0, width=160, height=120)


def test_equal_corners_are_one_pixel():
    assert read(found((5, 7, 5, 7))).objects[0].box == Box(x=4, y=6, width=1, height=1)


def test_decimals_and_spaces_are_read():
    box = read(found((" 45.5\n", "2e1", "9.125e1", "+47.25"))).objects[0].box
    assert box == Box(x=44.5, y=19, width=46.75, height=28.25)


@pytest.mark.parametrize(
    "xmin",
    ["", "a", "nan", "inf", "-inf", "1_0", "1,5", "0x10", "१", "1 2", "--1", "9" * 5000, "1e999", "2e6"],
)
def test_what_is_no_coordinate_is_refused(xmin):
    assert refused(text(found((xmin, 1, 9999999, 2))))


@pytest.mark.parametrize("box", [(6, 7, 5, 8), (5, 9, 8, 8), (6, 7, 5.999, 8)])
def test_maxima_below_minima_are_refused(box):
    assert "less than its minima" in refused(text(found(box)))


# ---------------------------------------------------------------- all else


def test_all_else_is_kept_verbatim_by_its_path_in_the_order_of_the_file():
    said = read(
        found((1, 1, 2, 2), more="<pose> Left </pose><part><name>head</name><a b='c'/></part><empty/>"),
        head="<folder>x</folder><filename>a.jpg</filename><source><database>D &amp; E</database></source>"
        "<size><width>8</width><height>9</height><depth>3</depth></size><!-- no word -->"
        "<segmented>0</segmented>",
    )
    assert said.fields == (
        ("folder", "x"),
        ("source/database", "D & E"),
        ("size/depth", "3"),
        ("segmented", "0"),
    )
    assert said.objects[0].fields == (("pose", " Left "), ("part/name", "head"), ("part/a/@b", "c"))
    assert (said.filename, said.size) == ("a.jpg", (8, 9))


def test_fields_of_one_name_in_two_places_are_told_apart():
    """A reading by the last tag alone would give the database and the image's source one name."""
    fields = read(head="<image>a</image><source><image>flickr</image></source>").fields
    assert fields == (("image", "a"), ("source/image", "flickr"))


def test_a_file_that_says_nothing_is_read():
    said = read_voc(b"<annotation/>", "a.xml")
    assert said == replace(said, filename=None, size=None, objects=(), fields=())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<annotation>",
        "<annotations/>",
        "<annotation/><annotation/>",
        text(found((1, 1, 2, 2))) + "x",
        text("x" + found((1, 1, 2, 2)), head="<a/>"),
        text("<object><bndbox/></object>"),
        text("<object><name/><bndbox/></object>"),
        text("<object><name>a</name></object>"),
        text("<object><name>a</name><bndbox/></object>"),
        text("<object><name>a<b/></name><bndbox/></object>"),
        text("<object><name>a</name><name>a</name></object>"),
        text(head="<size><width>1</width></size>"),
        text(head="<size><width>1.5</width><height>2</height></size>"),
        text(head="<size/><size/>"),
        text(head="<filename>a</filename><filename>b</filename>"),
        "<!DOCTYPE annotation>" + text(),
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + text(head="<folder>&e;</folder>"),
        text(head=100_000 * "<a>"),
    ],
)
def test_what_is_no_annotation_is_refused(content):
    assert refused(content)


fragments = st.lists(
    st.text(max_size=3)
    | st.sampled_from(
        [f"<{close}{tag}>" for tag in ("object", "name", "bndbox", "xmin") for close in ("", "/")]
    )
    | st.sampled_from(
        [found((1, 1, 2, 2)), "<size>", "</size>", "<width>8</width>", "<height>8</height>", "&#0;"]
    )
).map("".join)


@given(st.binary(max_size=60) | fragments.map(lambda inside: f"<annotation>{inside}</annotation>".encode()))
def test_no_bytes_do_more_than_be_refused(data):
    """Whatever a file holds, it is read or refused by its name and line."""
    where = ["a.xml:1"]
    try:
        read_voc(data, "a.xml")
    except CaseError as error:
        where.append(error.where)
    assert all(place.startswith("a.xml:") for place in where)


# ---------------------------------------------------------------- folders and lists


@pytest.fixture
def folder(tmp_path):
    make(tmp_path / "raw")
    return tmp_path / "raw"


def listed(folder):
    return {image.name: image for image in list_voc(Raw(folder))}


def test_parts_are_those_of_the_lists(folder):
    images = listed(folder)
    for name, image in images.items():
        assert image.parts == tuple(sorted(part for part in ("test", "train", "val") if name in LISTS[part]))
    assert images["plain_01"].doubts == ()


def test_trainval_is_no_part_and_is_checked(folder):
    """A naive reading takes the four files for four parts, so that every image of train is in two."""
    naive = [name for names in LISTS.values() for name in names]
    assert len(naive) > len(set(naive)) + 1
    assert [name for name, image in listed(folder).items() if any("trainval" in d for d in image.doubts)] == [
        "more_06"
    ]


def test_trainval_alone_is_a_part(folder):
    for part in ("train", "val"):
        (folder / f"ImageSets/Main/{part}.txt").unlink()
    assert listed(folder)["plain_01"].parts == ("trainval",)


def test_an_image_of_two_parts_or_of_none_is_in_doubt(folder):
    images = listed(folder)
    assert "test and train" in images["both_11"].doubts[0]
    assert images["stray_10"].doubts == ("no list of a part names it",)


def test_lists_of_a_class_are_no_parts(folder):
    images = listed(folder)
    assert images["decimals_03"].classes == (("nodule_trainval", "0"),)
    assert images["negative_02"].classes == (("nodule_trainval", "-1"),)
    assert images["stray_10"].classes == ()


def test_a_name_may_end_like_a_line_of_a_class(folder):
    assert listed(folder)["extra 1"].parts == ("test",)


def test_without_lists_there_is_no_doubt(folder):
    shutil.rmtree(folder / "ImageSets")
    assert all(image.parts == image.doubts == () for image in listed(folder).values())


@pytest.mark.parametrize("ending", ["\r\n", "\n\n", " \n"])
def test_line_ends_do_not_matter(folder, ending):
    (folder / "ImageSets/Main/val.txt").write_bytes(ending.join(["\ufeffmore_06", "resized_07"]).encode())
    assert [n for n, image in listed(folder).items() if image.parts == ("val",)] == ["more_06", "resized_07"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("My List.txt", b"plain_01\n", "cannot name a part"),
        ("val.txt", b"", "empty"),
        ("val.txt", b"more_06\nmore_06\n", "twice"),
        ("val.txt", b"more_06 2\n", "neither annotation nor image"),
        ("val.txt", b"../Annotations/more_06\n", "neither annotation nor image"),
        ("val.txt", b"more_0", "neither annotation nor image"),
        ("val.txt", b"\xff", "UTF-8"),
    ],
)
def test_a_broken_list_is_refused(folder, name, data, message):
    (folder / "ImageSets/Main" / name).write_bytes(data)
    with pytest.raises(RawLayoutError, match=message) as caught:
        listed(folder)
    assert caught.value.where.startswith(f"ImageSets/Main/{name}")


def test_a_folder_above_is_refused_with_a_hint(folder):
    with pytest.raises(RawLayoutError) as caught:
        listed(folder.parent)
    assert str(folder) in caught.value.hint


def test_names_of_objects_are_gathered_over_broken_files(folder):
    (folder / "Annotations/sub/deeper_05.xml").write_text("<annotation>")
    assert object_names(list_voc(Raw(folder))) == (
        "lymph-node",
        "malignancy/benign",
        "malignancy/malignant",
        "nodule",
        "tirads-kwak/4a",
    )
