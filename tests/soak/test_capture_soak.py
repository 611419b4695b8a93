"""A clip of ten thousand frames is captured in hardly more memory than one of a thousand."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.captures import patient
from tests.dicoms import BASELINE, Region, encode_frame, write_dicom
from thyrodata.capture.key import new_key
from thyrodata.dataset import Dataset

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's means"),
]

FEW, MANY = 1_000, 10_000

GROWTH = 150 * 2**20
"""Bytes by which any process of the longer run may hold more."""

CAPTURE = """
import resource, sys
from thyrodata.collection.run import run_capture
run_capture(sys.argv[1], sys.argv[2], key=sys.argv[3], frames=sys.argv[4], workers=1)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(1024 * int(status["VmHWM"].split()[0]), 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

HEIGHT, WIDTH = 240, 320
REGION = Region(box=(40, 20, 279, 219))


def frame(index: int) -> NDArray[np.uint8]:
    """(240, 320): waves that move, so smooth that they pass for no text; no two frames are alike."""
    x0, y0, x1, y1 = REGION.box
    y, x = np.mgrid[: y1 - y0 + 1, : x1 - x0 + 1]
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    waves = 40 * np.sin(x / 21 + index / 10) + 30 * np.sin(y / 17 + index / 997)
    picture[y0 : y1 + 1, x0 : x1 + 1] = 90 + waves
    return picture


def write_native(path: Path, count: int) -> None:
    """Write a clip frame by frame, which is never in memory."""
    held = io.BytesIO()
    two = np.stack([frame(0), frame(1)])
    write_dicom(held, two, regions=[REGION], elements={**patient(1), "NumberOfFrames": count})
    head = held.getvalue()[: -two.size - 4]
    with path.open("wb") as stream:
        stream.write(head + (count * HEIGHT * WIDTH).to_bytes(4, "little"))
        for index in range(count):
            stream.write(frame(index).tobytes())


def write_jpeg(path: Path, count: int) -> None:
    """Write a clip of compressed frames, a few hundred of them again and again."""
    streams = [encode_frame(frame(index), BASELINE, "MONOCHROME2") for index in range(300)]
    write_dicom(
        path,
        np.broadcast_to(frame(0), (count, HEIGHT, WIDTH)),
        transfer_syntax=BASELINE,
        regions=[REGION],
        codestreams=[streams[index % len(streams)] for index in range(count)],
        elements=patient(1),
    )


def peaks(write: Callable[[Path, int], None], count: int, frames: str, folder: Path) -> tuple[int, int]:
    """Capture a clip; return what the main process and its worker held at most, in bytes."""
    raw = folder / "raw"
    raw.mkdir(parents=True)
    write(raw / "1.dcm", count)
    new_key(folder / "site.key")
    command = [sys.executable, "-c", CAPTURE, raw, folder / "out", folder / "site.key", frames]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = count if frames == "all" else int(frames.split()[1])
    assert sum(1 for _ in Dataset(folder / "out").records()) == expected
    own, worker = done.stdout.split()
    print(f"{write.__name__}, {frames}, {count} frames: {own} and {worker} bytes")  # noqa: T201 -- by pytest -rP
    return int(own), int(worker)


@pytest.mark.parametrize("frames", ["sharpest 3", "all"])
@pytest.mark.parametrize("write", [write_native, write_jpeg])
def test_memory_does_not_grow_with_the_length_of_a_clip(
    write: Callable[[Path, int], None], frames: str, tmp_path: Path
) -> None:
    few = peaks(write, FEW, frames, tmp_path / "few")
    many = peaks(write, MANY, frames, tmp_path / "many")
    assert [after - before for before, after in zip(few, many, strict=True) if after - before > GROWTH] == []
