"""YOLO's labels through thyrodata and back: nothing moves, and no class becomes another."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from thyrodata import export
from thyrodata.conversion import convert
from thyrodata.converters.yolo import YoloSettings as ReaderSettings
from thyrodata.dataset import Dataset
from thyrodata.exports.ledger import LOSSES
from thyrodata.exports.yolo import Task, YoloSettings
from thyrodata.io.png import encode_png
from thyrodata.schema.vocab import SCHEMES, Structure

NAMES = [
    *sorted(structure.value for structure in Structure if structure is not Structure.MARKER),
    *(str(term) for scheme in sorted(SCHEMES) for term in SCHEMES[scheme]),
]
"""Every name of a class that the schema holds, in the order in which exports number them."""

SIZE = st.tuples(st.integers(1, 40), st.integers(1, 40))
ALL = tuple(LOSSES)
TOLERANCE = 1e-6

in_whole_datasets = settings(max_examples=settings.default.max_examples // 4)  # each example converts one

fractions = st.floats(0, 1, allow_subnormal=False)
boxes = st.tuples(fractions, fractions, fractions, fractions)
segments = st.lists(st.tuples(fractions, fractions), min_size=3, max_size=6).map(
    lambda points: tuple(number for point in points for number in point)
)


def labelled(shapes):
    """Names of classes, and images of any size, each with a part and with lines of a class and its numbers.

    There is one line at least: a dataset in which nothing is drawn has no classes to be named.
    """
    names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)
    return names.flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(
                st.tuples(
                    SIZE,
                    st.sampled_from(["train", "val"]),
                    st.lists(st.tuples(st.integers(0, len(names) - 1), shapes), max_size=3),
                ),
                min_size=1,
                max_size=3,
            ).filter(lambda images: any(lines for _, _, lines in images)),
        )
    )


def write(folder, names, images):
    """Write a folder as Ultralytics has it, with numbers as Python prints them."""
    folder.mkdir()
    for number, (size, part, lines) in enumerate(images):
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True, exist_ok=True)
        (folder / f"images/{part}/{number}.png").write_bytes(encode_png(np.zeros(size, np.uint8)))
        text = "".join(f"{index} {' '.join(map(repr, numbers))}\n" for index, numbers in lines)
        (folder / f"labels/{part}/{number}.txt").write_text(text)
    parts = {part: f"images/{part}" for _, part, _ in images}
    (folder / "data.yaml").write_text(yaml.safe_dump({**parts, "names": dict(enumerate(names))}))


def read(folder):
    """Read such a folder as a trainer does: the names, and by part and image the lines with their classes."""
    said = yaml.safe_load((folder / "data.yaml").read_text())
    names = [said["names"][index] for index in range(len(said["names"]))]
    found = {}
    for path in folder.glob("labels/*/*.txt"):
        lines = [line.split() for line in path.read_text().splitlines()]
        found[path.parent.name, path.stem] = [
            (names[int(line[0])], [float(word) for word in line[1:]]) for line in lines
        ]
    return names, found


def there_and_back(names, images, task):
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        write(folder / "raw", names, images)
        convert("yolo", folder / "raw", folder / "d", settings=ReaderSettings(complete=True))
        export(
            "yolo",
            Dataset(folder / "d"),
            folder / "o",
            split="official",
            accept=ALL,
            settings=YoloSettings(task=task),
        )
        return read(folder / "raw"), read(folder / "o")


def check(before, after):
    """Parts, images, lines and classes are the same, and each number to a millionth."""
    assert before.keys() == after.keys()
    for image, lines in before.items():
        assert [name for name, _ in lines] == [name for name, _ in after[image]]
        for (_, given_numbers), (_, again) in zip(lines, after[image], strict=True):
            assert again == pytest.approx(given_numbers, rel=0, abs=TOLERANCE)


@pytest.mark.slow
@in_whole_datasets
@given(labelled(boxes))
def test_boxes_come_back(drawn):
    """YOLO to thyrodata to YOLO keeps every box to a millionth of its image, in its class, part and order."""
    (_, before), (_, after) = there_and_back(*drawn, Task.DETECT)
    check(before, after)


@pytest.mark.slow
@in_whole_datasets
@given(labelled(segments))
def test_segments_come_back(drawn):
    """YOLO to thyrodata to YOLO keeps every point of every segment to a millionth of its image."""
    (_, before), (_, after) = there_and_back(*drawn, Task.SEGMENT)
    check(before, after)


@pytest.mark.slow
@in_whole_datasets
@given(labelled(boxes))
def test_classes_keep_their_names_and_order(drawn):
    """Classes that occur keep their names; those that are in the schema's order keep it and their numbers."""
    names, images = drawn
    (_, before), (after, _) = there_and_back(sorted(names, key=NAMES.index), images, Task.DETECT)
    occurring = {name for lines in before.values() for name, _ in lines}
    assert after == [name for name in sorted(names, key=NAMES.index) if name in occurring]


pixels = st.integers(0, 511)


@in_whole_datasets
@given(pixels, pixels, pixels, pixels, st.sampled_from([6, 8]))
def test_a_box_survives_yolo_within_half_a_pixel(left, top, right, bottom, decimals):
    """A box of whole pixels in an image of 512, written with six decimals or more, is read where it was."""
    x0, x1, y0, y1 = min(left, right), max(left, right) + 1, min(top, bottom), max(top, bottom) + 1
    numbers = ((x0 + x1) / 1024, (y0 + y1) / 1024, (x1 - x0) / 512, (y1 - y0) / 512)
    line = " ".join(f"{number:.{decimals}f}" for number in numbers)
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        write(folder / "raw", ["nodule"], [((512, 512), "train", [])])
        (folder / "raw/labels/train/0.txt").write_text(f"0 {line}\n")
        convert("yolo", folder / "raw", folder / "d")
        (record,) = Dataset(folder / "d").records()
    (box,) = record.findings[0].geometries
    edges = (box.x, box.y, box.x + box.width, box.y + box.height)
    assert edges == pytest.approx((x0, y0, x1, y1), rel=0, abs=0.5)
    assert tuple(map(round, edges)) == (x0, y0, x1, y1)
