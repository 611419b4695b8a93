"""WebDataset's shards hold images byte for byte, say of them what COCO says, and are as large as asked."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from tests.contract.run import contents
from tests.toy import finding, graded, make_dataset, record
from thyrodata import export
from thyrodata.errors import OutputError, UsageError
from thyrodata.exports.run import MARKER
from thyrodata.exports.tarshards import ShardPlan, member_size
from thyrodata.exports.webdataset import WebdatasetSettings
from thyrodata.io.images import decode_image
from thyrodata.io.masks import encode_mask
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Box, Polygon, PolygonPart
from thyrodata.schema.record import ImageRef, OfficialSplit, Read, Reading
from thyrodata.schema.vocab import Coverage, Modality

# pycocotools' own decoder hands numpy an array in the way of numpy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

HEIGHT, WIDTH = 12, 16
COMPLETE = (Reading(coverage=Coverage.COMPLETE),)
RING = ((2.0, 3.0), (6.5, 3.0), (6.0, 8.0))
SQUARE = ((10.0, 1.0), (14.0, 1.0), (14.0, 5.0), (10.0, 5.0))
HOLE = ((11.0, 2.0), (13.0, 2.0), (13.0, 4.0), (11.0, 4.0))
PARTS = Polygon(parts=(PolygonPart(exterior=RING), PolygonPart(exterior=SQUARE)))
HOLED = Polygon(parts=(PolygonPart(exterior=SQUARE, holes=(HOLE,)),))
PIXELS = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 7 == 0


def sample(name, *findings, data=None, part="train", path=None, **fields):
    """A record of an image and its bytes, which say its name unless told otherwise."""
    found = record(name, *findings, **fields)
    image = ImageRef(width=WIDTH, height=HEIGHT, path=path or f"images/{name}.jpg")
    return replace(found, image=image, official_splits=(OfficialSplit(part=part),)), data or name.encode()


def write(folder, *samples, accept=(), link=False, dry_run=False, out="o", **settings):
    """Export samples, and return what was made."""
    if not (folder / "d").exists():
        files = {found.image.path: data for found, data in samples}
        make_dataset(folder / "d", [found for found, _ in samples], files)
    return export(
        "webdataset",
        folder / "d",
        folder / out,
        split="official",
        accept=accept,
        link=link,
        dry_run=dry_run,
        settings=WebdatasetSettings(**settings),
    )


def members(path):
    """The files of a shard in their order: names and contents."""
    with tarfile.open(path) as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar]


def said(path):
    """What the JSON of each sample says, by its key."""
    return {
        name.removesuffix(".json"): json.loads(data) for name, data in members(path) if name.endswith(".json")
    }


# ---------------------------------------------------------------- samples


def test_a_sample_is_an_image_as_it_is_and_what_is_known_of_it(tmp_path):
    drawn = finding("7", Box(x=2, y=3, width=4, height=5.5), score=0.25)
    reading = (Reading(reader="ann", coverage=Coverage.PARTIAL),)
    made = write(
        tmp_path,
        sample(
            "a",
            replace(drawn, origin=Read(reader="ann")),
            group="x",
            readings=reading,
            case_labels=graded("4a"),
        ),
        sample("b", part="test", readings=(Reading(reader="ann", coverage=Coverage.COMPLETE),)),
    )
    assert {path.name for path in (tmp_path / "o").iterdir()} == {
        "README.md",
        "test-000000.tar",
        "train-000000.tar",
        MARKER,
    }
    (image, facts) = members(tmp_path / "o" / "train-000000.tar")
    assert image == ("a.jpg", b"a")
    assert (facts[0], json.loads(facts[1])) == (
        "a.json",
        {
            "image_id": "toy/a",
            "group_id": "toy/x",
            "group_kind": "case",
            "part": "train",
            "width": WIDTH,
            "height": HEIGHT,
            "coverage": "partial",
            "case_labels": [{"value": "tirads-kwak/4a"}],
            "image_labels": [],
            "findings": [
                {
                    "finding_id": "7",
                    "category": "nodule",
                    "structure": "nodule",
                    "crowd": False,
                    "bbox": [2, 3, 4, 5.5],
                    "area": 22.0,
                    "polygons": [],
                    "rle": None,
                    "labels": [],
                    "nodule_id": None,
                    "reader": "ann",
                    "score": 0.25,
                }
            ],
        },
    )
    assert said(tmp_path / "o" / "test-000000.tar")["b"]["findings"] == []
    assert (made.ledger.lost, made.ledger.changed) == ({}, {})


def test_outlines_stay_outlines_and_masks_masks(tmp_path):
    mask = encode_mask(PIXELS)
    both = finding("3", mask, Box(x=0, y=0, width=1, height=1))
    write(tmp_path, sample("a", finding("1", PARTS), finding("2", mask, crowd=True), both))
    outline, crowd, boxed = said(tmp_path / "o" / "train-000000.tar")["a"]["findings"]
    assert outline["polygons"] == [[x for point in ring for x in point] for ring in (RING, SQUARE)]
    assert (outline["rle"], outline["bbox"]) == (None, [2, 1, 12, 7])
    assert (crowd["polygons"], crowd["crowd"]) == ([], True)
    np.testing.assert_array_equal(coco_mask.decode(crowd["rle"]), PIXELS)
    assert boxed["bbox"] == [0, 0, 1, 1]
    assert boxed["area"] == PIXELS.sum()


def test_a_polygon_with_a_hole_is_written_as_pixels_which_is_named(tmp_path):
    drawn = sample("a", finding("1", HOLED), finding("2", PARTS))
    with pytest.raises(OutputError, match="polygon-to-mask: 1 finding changed"):
        write(tmp_path, drawn)
    write(tmp_path, drawn, accept=["polygon-to-mask"])
    holed, whole = said(tmp_path / "o" / "train-000000.tar")["a"]["findings"]
    assert not holed["polygons"]
    pixels = coco_mask.decode(holed["rle"])
    assert (pixels[1:5, 10:14].sum(), pixels[2:4, 11:13].sum(), pixels.sum()) == (12, 0, 12)
    assert whole["rle"] is None


def test_a_window_makes_a_png_of_a_slice(tmp_path):
    pixels = np.linspace(0, 65535, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    found, data = sample("a", finding("1", PARTS), data=encode_png(pixels), path="images/a.PNG")
    found = replace(found, modality=Modality.CT, image=replace(found.image, bit_depth=16))
    with pytest.raises(UsageError, match="16 bits"):
        write(tmp_path, (found, data))
    write(tmp_path, window="-175,275", hu_offset=-32768)
    ((name, windowed), _) = members(tmp_path / "o" / "train-000000.tar")
    assert (name, decode_image(windowed, name).dtype) == ("a.png", np.uint8)
    write(tmp_path, window="16bit", out="deep")
    assert members(tmp_path / "deep" / "train-000000.tar")[0] == ("a.png", data)


# ---------------------------------------------------------------- names


def test_keys_are_what_readers_take_for_keys(tmp_path):
    """No dot but that before the suffix, and no beginning that readers pass over; none twice."""
    paths = ["x/1.2.840.JPG", "x/1.2.jpeg", "__a__/b.png", "__c.png", ".d", "e", "E.bmp", "ü ß.jpg"]
    samples = [sample(str(n), finding("1", PARTS), path=f"images/{path}") for n, path in enumerate(paths)]
    made = write(tmp_path, *samples, accept=["renamed"])
    names = [name for name, _ in members(tmp_path / "o" / "train-000000.tar")]
    assert names[0::2] == [
        "x/1%2E2%2E840.jpg",
        "x/1%2E2.jpeg",
        "%5F_a__/b.png",
        "%5F_c.png",
        "%2Ed.img",
        "e.img",
        "E-2.bmp",
        "ü ß.jpg",
    ]
    assert names[1::2] == [name.rpartition(".")[0] + ".json" for name in names[0::2]]
    assert made.ledger.changed == {("images", "renamed"): 1}


# ---------------------------------------------------------------- shards


def test_a_shard_has_no_time_owner_or_machine(tmp_path):
    write(tmp_path, sample("a", finding("1", PARTS)), sample("b", finding("1", PARTS)))
    with tarfile.open(tmp_path / "o" / "train-000000.tar") as tar:
        for info in tar:
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")
            assert (info.mode, info.isfile()) == (0o644, True)


def test_shards_are_no_larger_than_asked(tmp_path):
    sizes = [400_000, 500_000, 200_000, 1_200_000, 10, 990_000]
    samples = [
        sample(f"{n}", finding("1", PARTS), data=bytes(size), part="val" if n == 4 else "train")
        for n, size in enumerate(sizes)
    ]
    said = write(tmp_path, *samples, shard_mb=1, dry_run=True)
    made = write(tmp_path, *samples, shard_mb=1)
    keys = {
        path.name: [name for name, _ in members(path) if name.endswith(".jpg")]
        for path in sorted((tmp_path / "o").glob("*.tar"))
    }
    assert keys == {
        "train-000000.tar": ["0.jpg", "1.jpg"],
        "train-000001.tar": ["2.jpg"],
        "train-000002.tar": ["3.jpg"],
        "train-000003.tar": ["5.jpg"],
        "val-000000.tar": ["4.jpg"],
    }
    files = contents(tmp_path / "o")
    assert (made.files, made.bytes) == (len(files), sum(map(len, files.values())))
    assert (said.files, said.bytes) == (len(files) - 1, made.bytes - len(files[MARKER]))
    with pytest.raises(UsageError, match="holds nothing"):
        WebdatasetSettings(shard_mb=0)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 120)), max_size=20))
def test_samples_fill_shards_in_their_order(samples):
    """No shard is above the limit unless it is one sample; no two that follow each other would fit one."""
    plan = ShardPlan(100)
    placed = [(part, plan.place(part, size), size) for part, size in samples]
    shards: dict[str, dict[str, list[int]]] = {"a": {}, "b": {}}
    for part, name, size in placed:
        shards[part].setdefault(name, []).append(size)
    for part, of_part in shards.items():
        assert list(of_part) == [f"{part}-{n:06d}.tar" for n in range(len(of_part))]
        assert [size for sizes in of_part.values() for size in sizes] == [s for p, s in samples if p == part]
        assert all(sum(sizes) <= 100 or len(sizes) == 1 for sizes in of_part.values())
        full = list(of_part.values())
        assert all(sum(one) + after[0] > 100 for one, after in pairwise(full))
    assert len(plan.shards) == sum(map(len, shards.values()))


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200)


@given(names, st.integers(0, 2000))
def test_the_size_of_a_member_is_known_before_it_is_written(name, size):
    """Also of a name that is long or no ASCII, for which tar needs another header."""
    info = tarfile.TarInfo(name)
    info.size = size
    with tarfile.TarFile(fileobj=io.BytesIO(), mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar:
        tar.addfile(info, io.BytesIO(bytes(size)))
        assert tar.offset == member_size(name, size)


def test_images_in_shards_cannot_be_links(tmp_path):
    with pytest.raises(UsageError, match="cannot be links") as refused:
        write(tmp_path, sample("a", finding("1", PARTS)), link=True)
    assert "--link" in refused.value.hint
    assert {path.name for path in tmp_path.iterdir()} == {"d"}


def test_progress_counts_images(tmp_path):
    samples = [sample(name, finding("1", PARTS)) for name in "abc"]
    dataset = make_dataset(
        tmp_path / "d", [found for found, _ in samples], {found.image.path: data for found, data in samples}
    )
    seen = []
    export("webdataset", dataset, tmp_path / "o", split="official", progress=lambda *n: seen.append(n))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_without_images_there_is_what_is_known_of_them(tmp_path):
    found, _ = sample("a", finding("1", encode_mask(PIXELS)))
    dataset = make_dataset(tmp_path / "d", [replace(found, image=replace(found.image, path=None))])
    settings = WebdatasetSettings(labels_only=True)
    export("webdataset", dataset, tmp_path / "o", split="official", settings=settings)
    assert [name for name, _ in members(tmp_path / "o" / "train-000000.tar")] == ["a.json"]


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(self, info, fileobj):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(OutputError, match="the disk is full") as failed:
        write(tmp_path, sample("a", finding("1", PARTS)))
    assert failed.value.where.endswith("train-000000.tar")
    assert {path.name for path in tmp_path.iterdir()} == {"d"}


def test_every_finding_of_an_image_is_of_one_type_with_every_other(tmp_path):
    """So that a reader which settles on types need not see every kind of finding first."""
    kinds = [PARTS, HOLED, Box(x=1, y=1, width=2, height=2), encode_mask(PIXELS)]
    write(
        tmp_path, sample("a", *(finding(str(n), k) for n, k in enumerate(kinds))), accept=["polygon-to-mask"]
    )
    for found in said(tmp_path / "o" / "train-000000.tar")["a"]["findings"]:
        assert isinstance(found["polygons"], list)
        assert found["rle"] is None or set(found["rle"]) == {"size", "counts"}
        assert bool(found["polygons"]) + bool(found["rle"]) <= 1
