"""The DDTI-637 converter on a part of the release, against an independent reading and an answer key.

The key says which picture of DDTI each number shows; it was made by comparing pixels, and nothing but these
tests reads it. Of the release itself only counts stand here.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections import Counter, defaultdict

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import thyrodata
from thyrodata.io.raw import Raw
from thyrodata.partition import SplitPlan, plan_split

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(samples):
    return samples / "ddti637"


@pytest.fixture(scope="module")
def key(folder):
    with (folder / "map_to_ddti.csv").open(newline="") as file:
        return {f"ddti637/{row['id637']}": row["ddti_image"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "ddti637"
    return thyrodata.convert("ddti637", folder, out)


@pytest.fixture(scope="module")
def records(made):
    return {record.image_id: record for record in made.dataset.records()}


def numbers_of(picture_of, record_of):
    """Return the sets of images that are the only ones of some picture, by any reading of "picture"."""
    found = defaultdict(set)
    for image in record_of:
        found[picture_of(image)].add(image)
    return sorted(map(sorted, found.values()))


def test_the_dataset_is_whole_and_does_not_leak(made, records, key):
    assert records.keys() == key.keys()
    assert len(records) == 382
    assert made.skips == ()
    assert made.dataset.verify() == ()
    assert thyrodata.audit_dataset(made.dataset, "default") == ()
    assert made.dataset.manifest.sources[0].raw_files_ignored == 1
    assert made.dataset.manifest.sources[0].raw_files_read == 2 * 382


def test_no_picture_of_ddti_crosses_parts(made, key):
    """For five seeds. Twins of DDTI have one name in the key."""
    for seed in range(5):
        split = plan_split(made.dataset.survey(), SplitPlan(seed=seed)).split
        parts = defaultdict(set)
        for row in split.assignments:
            parts[key[row.image_id]].add(row.part)
        assert len(parts) == 240
        assert not [picture for picture, met in parts.items() if len(met) > 1]


def test_frames_are_the_pictures_of_the_key_where_numbers_are_not(records, key):
    by_key = numbers_of(key.get, records)
    assert numbers_of(lambda image: records[image].image.crop.frame_key, records) == by_key
    by_number = numbers_of(lambda image: records[image].group_id, records)
    assert (len(by_key), len(by_number)) == (240, 242)
    assert [found for found in by_key if found not in by_number] == [
        ["ddti637/1", "ddti637/2"],
        ["ddti637/181", "ddti637/71"],
    ]


def test_masks_and_crops_are_as_read_independently(folder, samples, records, key):
    """Each image is the kept box of the DDTI picture, and each mask the pixels of 255."""
    widths = Counter()
    for name, record in records.items():
        number = name.removeprefix("ddti637/")
        image, drawn = (np.array(Image.open(folder / below / f"{number}.PNG")) for below in ("image", "mask"))
        (mask,) = record.findings[0].geometries
        assert len(record.findings) == 1
        assert (
            coco_mask.decode({"size": [mask.height, mask.width], "counts": mask.counts}) * 255 == drawn
        ).all()
        x0, y0, x1, y1 = record.image.crop.kept_box
        picture = np.array(Image.open(samples / f"ddti/{key[name]}.jpg").convert("L"))
        difference = np.abs(picture[y0:y1, x0:x1].astype(int) - image)
        exact = difference.max() == 0
        assert difference.mean() < 0.05
        assert difference.max() <= 20
        widths[x1 - x0, exact] += 1
    # The pictures that were cut at column 315 have coloured marks in DDTI, and all others have not.
    assert widths == {(560, True): 102, (280, True): 252, (315, False): 14, (245, False): 14}


def test_the_key_is_not_read(folder):
    raw = Raw(folder)
    (_, *_) = thyrodata.converters.load_converter("ddti637").items(raw)
    assert raw.reads == {}


def test_coco_holds_every_mask(made):
    images = annotations = 0
    for file in sorted((made.dataset.path / "annotations/default").glob("*.json")):
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(file)
        images += len(coco.imgs)
        annotations += len(coco.anns)
    assert (images, annotations) == (382, 382)
