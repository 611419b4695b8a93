"""A file of frames of 20 GB is converted in bounded memory, and comes out as it was written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

import thyrodata
from tests.fixtures.stanford_cine.make import HEADER

pytestmark = [
    pytest.mark.soak,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # pycocotools' own
]

FRAMES, HEIGHT, WIDTH = 23_700, 802, 1054
NODULES = 192
TEXTURED = (0, 77, 140, 191)
"""The nodules that have an echo and a mask, 2 %; the frames of the others are of unallocated chunks."""

CHUNKS = (137, 51, 66)
"""Frames, rows, columns: to read one frame a part of 137 is read, as in a file that grew frame by frame."""

CONVERT = """
import json, resource, sys, thyrodata
made = thyrodata.convert("stanford_cine", sys.argv[1], sys.argv[2], workers=1)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"images": made.images, "peak_kib": peak}))
"""


def bounds(nodule: int) -> tuple[int, int]:
    """The frames of a nodule: the runs are of unlike lengths, and fill the file."""
    return FRAMES * nodule // NODULES, FRAMES * (nodule + 1) // NODULES


def frame(place: int) -> tuple[np.ndarray, np.ndarray]:
    """An echo, smooth but for some noise, and an ellipse, that are those of one place and no other."""
    draw = np.random.default_rng(place)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    waves = np.sin(x / draw.uniform(20, 90)) + np.sin(y / draw.uniform(20, 90))
    image = (120 + 40 * waves + draw.integers(0, 16, (HEIGHT, WIDTH))).astype(np.uint8)
    image[0, 0] = place % 251
    centre, radii = draw.uniform((250, 300), (550, 700)), draw.uniform(30, 150, 2)
    inside = ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 <= 1
    return image, np.where(inside, np.uint8(255), np.uint8(0))


def write(folder: Path) -> None:
    folder.mkdir()
    with h5py.File(folder / "dataset.hdf5", "w") as file:
        stacks = [
            file.create_dataset(name, (FRAMES, HEIGHT, WIDTH), "u1", chunks=CHUNKS)
            for name in ("image", "mask")
        ]
        places = [range(*bounds(nodule)) for nodule in range(NODULES)]
        file["annot_id"] = [f"{nodule}_".encode() for nodule, of in enumerate(places) for _ in of]
        file["frame_num"] = [str(number).encode() for of in places for number in range(len(of))]
        for nodule in TEXTURED:
            start, stop = bounds(nodule)
            drawn = [frame(place) for place in range(start, stop)]
            for stack, arrays in zip(stacks, zip(*drawn, strict=True), strict=True):
                stack[start:stop] = np.stack(arrays)
    rows = [f"{nodule}_,50,Female,left,2.1,1.4,1.6,2,2,0,0,0,4,0" for nodule in range(NODULES)]
    (folder / "metadata.csv").write_text("\n".join([HEADER, *rows]) + "\n")


def textured() -> Iterator[tuple[str, int]]:
    for nodule in TEXTURED:
        start, stop = bounds(nodule)
        yield from ((f"stanford_cine/{nodule}/{place - start}", place) for place in range(start, stop))


def test_a_file_of_20_gb_is_read_in_less_than_a_gigabyte(tmp_path: Path) -> None:
    write(tmp_path / "raw")
    done = subprocess.run(
        [sys.executable, "-c", CONVERT, tmp_path / "raw", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    assert said["images"] == FRAMES
    assert said["peak_kib"] < 2**20, said
    expected = dict(textured())
    seen = 0
    for record in thyrodata.open(tmp_path / "out").records():
        place = expected.get(record.image_id)
        if place is None:
            assert record.findings == (), record.image_id
            continue
        image, mask = frame(place)
        with Image.open(tmp_path / "out" / str(record.image.path)) as picture:
            assert np.array_equal(np.asarray(picture), image), record.image_id
        (finding,) = record.findings
        rle = {"size": [HEIGHT, WIDTH], "counts": finding.geometries[0].counts}
        assert np.array_equal(255 * coco_mask.decode(rle), mask), record.image_id
        seen += 1
    assert seen == len(expected) > 400
