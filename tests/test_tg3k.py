"""What is special to TG3K: masks of the gland, frames of videos that nothing tells apart, a leaky split."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

import thyrodata
from tests.contract.run import convert
from tests.fixtures.tg3k.make import SECOND_VIDEO, TRUTH, make
from thyrodata.converters.tg3k import Tg3k
from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import Raw
from thyrodata.schema.record import OfficialSplit
from thyrodata.schema.vocab import Coverage, GroupKind, Structure

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tg3k") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def records(folder, tmp_path_factory):
    result = convert(Tg3k(), folder, tmp_path_factory.mktemp("out"))
    return {record.image_id.removeprefix("tg3k/"): record for record in result.records}


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "raw")


@pytest.mark.parametrize("number", TRUTH)
def test_a_mask_is_of_the_gland_as_it_was_drawn(folder, records, number):
    with Image.open(folder / f"thyroid-mask/{number}.jpg") as image:
        noisy = np.asarray(image)
    if not TRUTH[number].any():
        assert records[number].findings == ()
        assert records[number].coverage is Coverage.NONE
        return
    (finding,) = records[number].findings
    assert finding.structure is Structure.GLAND
    (mask,) = finding.geometries
    decoded = coco_mask.decode({"size": [mask.height, mask.width], "counts": mask.counts})
    np.testing.assert_array_equal(decoded, TRUTH[number])
    assert np.count_nonzero((noisy > 0) != TRUTH[number]) > 100  # the naive readings
    assert np.count_nonzero((noisy == 255) != TRUTH[number]) > 100


def test_a_gland_says_nothing_of_nodules(records):
    assert {record.coverage for record in records.values()} == {None, Coverage.NONE}
    assert all(not record.nodules and not record.image_labels for record in records.values())


def test_the_videos_are_not_told_apart_and_nobody_guesses(records):
    """The sizes would tell them apart in the fixture; the release does not say that they do."""
    sizes = {number: (r.image.width, r.image.height) for number, r in records.items()}
    assert len(set(sizes.values())) == 2
    assert len({record.group_id for record in records.values()}) == len(records)
    assert {record.group_kind for record in records.values()} == {GroupKind.IMAGE}


def test_the_published_split_is_kept_as_published_and_cuts_a_video(records):
    parts = {number: record.official_splits for number, record in records.items()}
    assert parts == {
        number: (OfficialSplit(part="train" if number <= "0004" else "val"),) for number in TRUTH
    }
    assert {split.part for number in SECOND_VIDEO for split in parts[number]} == {"train", "val"}


def test_convert_writes_the_official_split(folder, tmp_path):
    thyrodata.convert("tg3k", folder, tmp_path / "out")
    lines = (tmp_path / "out/splits/official.csv").read_text().splitlines()[1:]
    assert sorted(line.rsplit(",", 1)[1] for line in lines) == ["train"] * 5 + ["val"] * 3


def test_places_are_of_the_listing_and_a_partial_copy_is_refused(copy):
    """Numbers with a gap are fine, since places count the files; a listing of another length is not."""
    for kind in ("image", "mask"):
        (copy / f"thyroid-{kind}/0007.jpg").rename(copy / f"thyroid-{kind}/0012.jpg")
    (last,) = [item for item in Tg3k().items(Raw(copy)) if item.number == "0012"]
    assert last.part == "val"
    for kind in ("image", "mask"):
        (copy / f"thyroid-{kind}/0002.jpg").unlink()
    with pytest.raises(RawLayoutError) as caught:
        list(Tg3k().items(Raw(copy)))
    assert "names 8 places and there are 7 images" in caught.value.message
    assert caught.value.where == "tg3k-trainval.json"
    assert caught.value.hint


@pytest.mark.parametrize("name", ["thyroid-image", "thyroid-mask", "tg3k-trainval.json"])
def test_what_is_missing_is_named(copy, name):
    path = copy / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(RawLayoutError) as caught:
        list(Tg3k().items(Raw(copy)))
    assert name in caught.value.message
    assert caught.value.where == str(copy)
