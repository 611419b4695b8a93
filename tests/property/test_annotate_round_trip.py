"""What a reader draws comes back as drawn, through either tool's format."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from curated import with_images
from drawing_tools import WRITERS, Drawn, brush_rle, label_studio_json, pixels_of
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import record

from thyrodata import export_worklists, import_readings
from thyrodata.annotation.assignment import Task, Tool
from thyrodata.annotation.batches import WorkItem, choose, make_batches
from thyrodata.annotation.worklist import WorkList, make_worklists
from thyrodata.io.brush import brush_mask
from thyrodata.io.cvat import read_cvat
from thyrodata.io.labelstudio import read_label_studio
from thyrodata.io.masks import encode_mask
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Box, Line, Mask, Polygon, PolygonPart
from thyrodata.schema.vocab import Coverage, Structure

# pycocotools 2.0.10 decodes through a numpy interface that numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

READERS = {"cvat": read_cvat, "label-studio": read_label_studio}
TOLERANCE = 1e-6
"""Pixels. CVAT writes two decimals: what is drawn between them comes back within half a hundredth."""

in_whole_datasets = settings(max_examples=settings.default.max_examples // 10)


# ---------------------------------------------------------------- shapes inside an image


@st.composite
def drawn_images(draw, name="0001.png", *, lines=True, hundredths=True):
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))

    def along(length):
        if hundredths:  # the grid that CVAT writes
            return st.integers(0, 100 * length).map(lambda n: n / 100)
        return st.floats(0, length)

    points = st.tuples(along(width), along(height))
    kinds = [
        st.builds(
            lambda ring: Polygon(parts=(PolygonPart(exterior=tuple(ring)),)),
            st.lists(points, min_size=3, max_size=6),
        ),
        st.tuples(points, points)
        .filter(lambda ends: all(abs(a - b) >= 0.01 for a, b in zip(*ends, strict=True)))
        .map(box_between),
        st.lists(st.booleans(), min_size=width * height, max_size=width * height)
        .filter(any)
        .map(lambda flat: encode_mask(np.array(flat).reshape(height, width))),
    ]
    if lines:
        kinds.append(st.lists(points, min_size=2, max_size=5).map(lambda ends: Line(points=tuple(ends))))
    labels = st.sampled_from(["nodule", "gland", "lymph-node", "tirads-acr/TR4", "a <label> & 'one'"])
    shapes = draw(st.lists(st.tuples(labels, st.one_of(kinds)), max_size=3))
    tags = draw(st.lists(st.sampled_from(["all outlined", "a & tag"]), max_size=2, unique=True))
    return Drawn(name=name, width=width, height=height, shapes=shapes, tags=tags)


def box_between(ends):
    (x0, y0), (x1, y1) = ends
    left, top = min(x0, x1), min(y0, y1)
    return Box(x=left, y=top, width=abs(x1 - x0), height=abs(y1 - y0))


def farthest(one, other) -> float:
    """The most by which a coordinate of two geometries differs; endless where they are of another kind."""
    if type(one) is not type(other):
        return math.inf
    if isinstance(one, Mask):
        return 0.0 if np.array_equal(pixels_of(one), pixels_of(other)) else math.inf
    numbers, others = (np.array(flat(shape)) for shape in (one, other))
    return float(np.abs(numbers - others).max()) if numbers.shape == others.shape else math.inf


def flat(shape):
    match shape:
        case Box():
            return [shape.x, shape.y, shape.x + shape.width, shape.y + shape.height]
        case Line():
            return shape.points
        case Polygon():
            assert len(shape.parts) == 1
            assert shape.parts[0].holes == ()
            return shape.parts[0].exterior


@pytest.mark.parametrize("tool", WRITERS)
@given(data=st.data())
def test_what_is_drawn_comes_back(tool, data):
    """Every shape comes back within a millionth of a pixel, a mask in every pixel, with labels and tags."""
    drawn = data.draw(drawn_images(lines=tool == "cvat"))
    (read,) = READERS[tool](WRITERS[tool]([drawn]), "file")
    assert read.name == drawn.name
    size = (drawn.width, drawn.height)
    assert read.size in ([size] if drawn.shapes else [size, None])  # Label Studio states it with a shape
    assert list(read.tags) == drawn.tags
    assert [shape.labels for shape in read.drawings] == [(label,) for label, _ in drawn.shapes]
    for shape, (_, given_shape) in zip(read.drawings, drawn.shapes, strict=True):
        assert farthest(shape.geometry, given_shape) <= TOLERANCE


@given(drawn_images(lines=False, hundredths=False))
def test_percent_lose_nothing(drawn):
    """In Label Studio's percent any point comes back within a millionth of a pixel."""
    (read,) = read_label_studio(label_studio_json([drawn]), "file")
    for shape, (_, given_shape) in zip(read.drawings, drawn.shapes, strict=True):
        assert farthest(shape.geometry, given_shape) <= TOLERANCE


@given(drawn_images(hundredths=False))
def test_two_decimals_lose_half_a_hundredth(drawn):
    """In CVAT's two decimals any point comes back within half a hundredth of a pixel."""
    shapes = [(label, shape) for label, shape in drawn.shapes if not isinstance(shape, Box)]
    drawn = replace(drawn, shapes=[*shapes, *_wide_boxes(drawn)])
    (read,) = read_cvat(WRITERS["cvat"]([drawn]), "file")
    for shape, (_, given_shape) in zip(read.drawings, drawn.shapes, strict=True):
        assert farthest(shape.geometry, given_shape) <= 0.005 + TOLERANCE


def _wide_boxes(drawn):
    """The boxes that two decimals do not flatten."""
    boxes = [(label, shape) for label, shape in drawn.shapes if isinstance(shape, Box)]
    return [(label, box) for label, box in boxes if min(box.width, box.height) > 0.02]


@given(
    pixels=st.integers(1, 12).flatmap(
        lambda width: st.lists(
            st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=9
        )
    ),
    colour=st.tuples(*[st.integers(0, 255)] * 3, st.integers(1, 255)),
    sizes=st.tuples(*[st.integers(1, 16)] * 4).map(lambda sizes: tuple(sorted(sizes))),
    literal=st.booleans(),
)
def test_a_brush_is_decoded_however_it_is_packed(pixels, colour, sizes, literal):
    """A brush of any colour, and runs of any sizes, repeated or written out, gives the painted pixels."""
    painted = np.array(pixels)
    if not painted.any():
        painted[0, 0] = True
    size = (painted.shape[1], painted.shape[0])
    mask = brush_mask(brush_rle(painted, colour=colour, sizes=sizes, literal=literal), size, "file")
    assert np.array_equal(pixels_of(mask), painted)


# ---------------------------------------------------------------- through a dataset


@pytest.mark.parametrize("tool", WRITERS)
@in_whole_datasets
@given(data=st.data())
def test_findings_come_back_through_a_dataset(tool, data):
    """What a reader draws on an exported list is, once imported, the same findings of that reader."""
    drawn = data.draw(st.lists(drawn_images(lines=tool == "cvat"), min_size=1, max_size=3))
    drawn = [replace(each, shapes=[("nodule", s) for _, s in each.shapes]) for each in drawn]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        parent = with_images(
            folder / "parent",
            [sized(record(str(number), readings=()), each) for number, each in enumerate(drawn)],
            {f"toy/{number}": blank(each) for number, each in enumerate(drawn)},
        )
        lists = export_worklists(parent, folder / "lists", readers=["A", "B"], tool=tool).lists
        file_of = {entry.item.image_id: Path(entry.file).name for entry in lists.lists[0].entries}
        sent = []
        for number, each in enumerate(drawn):
            mark = "all outlined" if each.shapes else "nothing to outline"
            sent.append(replace(each, name=file_of[f"toy/{number}"], tags=[mark]))
        (folder / "sent").write_bytes(WRITERS[tool](sent))
        made = import_readings(
            parent, [folder / "sent"], key=folder / "lists/key.csv", reader="A", out=folder / "out"
        ).revision.dataset
        assert made
        for each, read in zip(drawn, made.records(), strict=True):
            assert [(r.reader, r.coverage) for r in read.readings] == [("A", Coverage.COMPLETE)]
            assert [f.origin.reader for f in read.findings] == ["A"] * len(each.shapes)
            for finding, (_, shape) in zip(read.findings, each.shapes, strict=True):
                assert farthest(finding.geometries[0], shape) <= TOLERANCE


def sized(each, drawn):
    return replace(each, image=replace(each.image, width=drawn.width, height=drawn.height))


def blank(drawn):
    return encode_png(np.zeros((drawn.height, drawn.width), np.uint8))


# ---------------------------------------------------------------- lists


def items_of(groups):
    """Images of groups, each given by its stratum and its size."""
    return [
        WorkItem(image_id=f"i{g}.{i}", group_id=f"g{g}", stratum=stratum)
        for g, (stratum, size) in enumerate(groups)
        for i in range(size)
    ]


groups_of_any_size = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 7)), min_size=1, max_size=25)
single_images = st.lists(st.tuples(st.sampled_from("abcd"), st.just(1)), min_size=1, max_size=80)


@given(groups_of_any_size, st.integers(1, 12), st.integers(0, 3))
def test_every_image_is_in_one_batch_and_no_group_in_two_that_fits_into_one(groups, size, seed):
    """Batches hold every image once, at most the number asked for, and keep each group that fits whole."""
    items = items_of(groups)
    batches = make_batches(items, size, seed)
    assert sorted(item.image_id for batch in batches for item in batch) == sorted(i.image_id for i in items)
    assert min(map(len, batches)) >= 1
    assert max(map(len, batches)) <= size
    for number, (_, images) in enumerate(groups):
        has_it = sum(any(item.group_id == f"g{number}" for item in batch) for batch in batches)
        assert has_it == 1 if images <= size else has_it >= -(-images // size)


@given(single_images, st.integers(1, 30), st.integers(0, 3))
def test_batches_of_single_images_are_alike(groups, size, seed):
    """Of single images, batches are as few as can be, and alike to one image of each grade."""
    items = items_of(groups)
    batches = make_batches(items, size, seed)
    assert len(batches) == -(-len(items) // size)
    for stratum in "abcd":
        numbers = [sum(item.stratum == stratum for item in batch) for batch in batches]
        assert max(numbers) - min(numbers) <= 1
    assert max(map(len, batches)) - min(map(len, batches)) <= 1


@given(groups_of_any_size, st.data())
def test_what_is_chosen_is_whole_groups_and_no_more_than_asked(groups, data):
    """A choice holds whole groups, no more images than asked, and no group that is left would fit."""
    items = items_of(groups)
    count = data.draw(st.integers(min(size for _, size in groups), len(items)))
    chosen = {item.image_id for item in choose(items, count, 0)}
    assert len(chosen) <= count
    for number, (_, size) in enumerate(groups):
        taken = sum(f"i{number}.{i}" in chosen for i in range(size))
        assert taken in {0, size}
        assert taken or size > count - len(chosen)


@given(single_images, st.data())
def test_a_choice_of_single_images_has_the_mix_of_all(groups, data):
    """Where no group ties images together, so many are chosen as asked, of each grade its share to one."""
    items = items_of(groups)
    count = data.draw(st.integers(1, len(items)))
    chosen = choose(items, count, 0)
    assert len(chosen) == count
    for stratum in "abcd":
        share = count * sum(item.stratum == stratum for item in items) / len(items)
        assert abs(sum(item.stratum == stratum for item in chosen) - share) < 1


TASK = Task(
    readers=("A", "B"),
    tool=Tool.CVAT,
    structures=(Structure.NODULE,),
    split=None,
    part=None,
    count=None,
    batch=50,
    seed=0,
)


@given(groups_of_any_size, st.integers(0, 3))
def test_a_group_follows_itself_only_where_it_must(groups, seed):
    """In a batch as many images follow one of their own group as the largest group leaves no way around."""
    items = items_of(groups)
    for each in make_worklists(items, replace(TASK, batch=len(items), seed=seed)).lists:
        follow = sum(a.item.group_id == b.item.group_id for a, b in pairwise(each.entries))
        largest = max(size for _, size in groups)
        assert follow == max(0, 2 * largest - len(items) - 1) == each.neighbours


@given(groups_of_any_size, st.integers(1, 10), st.integers(0, 3))
def test_readers_get_the_same_images_under_names_of_their_own(groups, size, seed):
    """A batch holds the same images for every reader, no two files share a name, and names ascend."""
    readers = ("A", "B", "C")
    lists = make_worklists(items_of(groups), replace(TASK, readers=readers, batch=size, seed=seed)).lists
    assert [each.reader for each in lists] == [*readers]
    batches = [[{e.item.image_id for e in batch} for batch in each.batches] for each in lists]
    assert batches[0] == batches[1] == batches[2]
    names = [entry.file.rpartition("/")[2] for each in lists for entry in each.entries]
    assert sorted(int(name.removesuffix(".png")) for name in names) == [*range(1, len(names) + 1)]
    for each in lists:
        assert files(each) == sorted(files(each))


def files(each: WorkList) -> list[str]:
    return [entry.file for entry in each.entries]
