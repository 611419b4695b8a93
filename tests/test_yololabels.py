"""The grammar of YOLO label lines: boxes and segments in fractions of an image, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thyrodata.errors import CaseError
from thyrodata.io.raw import Raw
from thyrodata.io.yololabels import YoloLabel, parse_yolo_labels, read_yolo_labels
from thyrodata.schema.geometry import Box

sizes = st.integers(1, 10_000)
fractions = st.floats(0, 1)


def test_a_box_and_a_segment_are_told_apart_by_their_numbers():
    box, segment = parse_yolo_labels("0 0.5 0.25 0.5 0.5\n3 0 0 1 0 0.5 1\n", "1.txt")
    assert (box.line, box.class_index, box.values) == (1, 0, (0.5, 0.25, 0.5, 0.5))
    assert (segment.line, segment.class_index, segment.values) == (2, 3, (0, 0, 1, 0, 0.5, 1))
    assert (box.is_box, segment.is_box) == (True, False)
    assert box.to_box(200, 100) == Box(x=50, y=0, width=100, height=50)
    (part,) = segment.to_polygon(200, 100).parts
    assert part.exterior == ((0, 0), (200, 0), (100, 100))
    assert part.holes == ()


def test_the_centre_is_no_corner():
    """Reading the first two numbers as a corner, as the box of other formats has it, moves the box."""
    (label,) = parse_yolo_labels("0 0.5 0.5 0.2 0.4\n", "1.txt")
    cx, cy, w, h = label.values
    naive = Box(x=cx * 100, y=cy * 100, width=w * 100, height=h * 100)
    right = label.to_box(100, 100)
    assert right != naive
    assert right.bbox_xywh_px == pytest.approx((40, 30, 20, 40))


def test_a_label_of_the_one_kind_is_not_asked_for_the_other():
    box, segment = parse_yolo_labels("0 .5 .5 .5 .5\n0 0 0 1 0 1 1\n", "1.txt")
    with pytest.raises(ValueError, match="segment"):
        segment.to_box(10, 10)
    with pytest.raises(ValueError, match="box"):
        box.to_polygon(10, 10)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_keep_their_numbers_whatever_ends_them(end):
    labels = parse_yolo_labels(end.join(["", "1 .5 .5 .1 .1", "", "2\t.5  .5 .1 .1 "]), "1.txt")
    assert [(label.line, label.class_index, label.ended) for label in labels] == [
        (2, 1, True),
        (4, 2, False),
    ]


@pytest.mark.parametrize("text", ["", "\n", "\n \t\n"])
def test_a_file_without_objects_has_none(text):
    assert parse_yolo_labels(text, "1.txt") == ()


def test_numbers_a_little_outside_are_kept():
    (label,) = parse_yolo_labels("0 -0.01 1.02 0.5 1.0000001\n", "1.txt")
    assert label.values == (-0.01, 1.02, 0.5, 1.0000001)


@pytest.mark.parametrize(
    "row",
    [
        "0",
        "0 0.5 0.5 0.1",
        "0 0.5 0.5 0.1 0.1 0.9",  # a box with a confidence is a prediction
        "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4",
        "-1 0.5 0.5 0.1 0.1",
        "0.5 0.5 0.5 0.1 0.1",
        "nodule 0.5 0.5 0.1 0.1",
        "٣ 0.5 0.5 0.1 0.1",
        "9999999999 0.5 0.5 0.1 0.1",
        "0 nan 0.5 0.1 0.1",
        "0 0.5 inf 0.1 0.1",
        "0 0.5 0.5 1e999 0.1",
        "0 0.5 0.5 1_0 0.1",
        "0 0.5 0,5 0.1 0.1",
        "0 0.5 0x1 0.1 0.1",
        "0 ٣ 0.5 0.1 0.1",
        "0 0.5 0.5 -0.1 0.1",
        "0 0.5 0.5 0.1 -0.1",
        "0 320 240 100 80",  # pixels
        "0 -1.1 0.5 0.1 0.1",
        "\0",
        f"0 {5000 * '9'} 0.5 0.1 0.1",
    ],
)
def test_what_is_no_label_is_refused_at_its_line(row):
    with pytest.raises(CaseError) as caught:
        parse_yolo_labels(f"0 0.5 0.5 0.1 0.1\n{row}\n", "labels/1.txt")
    assert caught.value.where == "labels/1.txt:2"
    assert caught.value.message
    assert caught.value.hint
    assert len(caught.value.message) < 200


def test_a_file_is_read_and_named(tmp_path):
    (tmp_path / "1.txt").write_bytes(b"\xef\xbb\xbf0 .5 .5 .5 .5\n")
    (tmp_path / "2.txt").write_bytes(b"0 .5 .5 .5 .5\xff\n")
    (tmp_path / "3.txt").write_bytes(b"0 .5 .5 .5 .5\n0 .5")
    raw = Raw(tmp_path)
    whole, no_text, cut = raw.files
    assert read_yolo_labels(whole) == (YoloLabel(line=1, class_index=0, values=(0.5, 0.5, 0.5, 0.5)),)
    for file, where in [(no_text, "2.txt"), (cut, "3.txt:2")]:
        with pytest.raises(CaseError) as caught:
            read_yolo_labels(file)
        assert caught.value.where == where
    assert set(raw.reads) == {"1.txt", "2.txt", "3.txt"}


@given(sizes, sizes, fractions, fractions, fractions, fractions)
def test_a_box_survives_six_decimals(width, height, left, top, across, down):
    """A box written with six decimals is read back to a millionth of the image's size."""
    x, y = left * width, top * height
    w, h = across * (width - x), down * (height - y)
    line = f"0 {(x + w / 2) / width:.6f} {(y + h / 2) / height:.6f} {w / width:.6f} {h / height:.6f}\n"
    (label,) = parse_yolo_labels(line, "1.txt")
    read = label.to_box(width, height)
    assert (read.x, read.width) == pytest.approx((x, w), abs=1e-6 * width)
    assert (read.y, read.height) == pytest.approx((y, h), abs=1e-6 * height)


@given(sizes, sizes, st.lists(st.tuples(fractions, fractions), min_size=3, max_size=20))
def test_a_segment_s_points_are_its_own(width, height, points):
    """The points of a segment are read back in order, none added, none left out."""
    text = " ".join(f"{x!r} {y!r}" for x, y in points)
    (label,) = parse_yolo_labels(f"7 {text}\n", "1.txt")
    (part,) = label.to_polygon(width, height).parts
    assert part.exterior == tuple((x * width, y * height) for x, y in points)


@given(st.text(max_size=60) | st.text("0123456789.-+e nai\n\r\t", max_size=80))
def test_any_text_is_read_or_refused(text):
    """Whatever a text holds, it is read as labels that can be drawn, or refused at a line that it has."""
    try:
        labels = parse_yolo_labels(text, "1.txt")
    except CaseError as error:
        name, _, line = error.where.partition(":")
        assert name == "1.txt"
        assert 1 <= int(line) <= 1 + text.count("\n") + text.count("\r")
        return
    for label in labels:
        drawn = label.to_box(640, 480) if label.is_box else label.to_polygon(640, 480)
        assert min(drawn.bbox_xywh_px[2:]) >= 0
