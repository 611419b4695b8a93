"""``thyrodata capture run`` on clips against the usual script: pydicom's ``pixel_array`` and Pillow's PNG.

CPU seconds (user + system of the whole tree of processes) of one run each, in turn, output on tmpfs where the
machine has one; imports and the start of worker processes count. The script writes whole frames, names and
all; capture looks for text, cuts, names and checks as well. Its look for text takes about the same for a clip
of any length, so a third job leaves it out, to tell what the frames cost; nobody should run it.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the writer of DICOM files is that of the tests

HEIGHT, WIDTH = 600, 800
FRAMES = (300, 1_000)
ROUNDS = 2
TARGET = 5.0
KINDS = ("mono", "grey as rgb", "rgb", "jpeg")


# ---------------------------------------------------------------- the clips


def make(path: Path, kind: str, count: int) -> None:
    """Write a clip: a phantom whose tissue moves, under a margin that does not."""
    from tests.captures import patient  # noqa: PLC0415 -- not in the jobs that are measured
    from tests.dicoms import BASELINE, EXPLICIT, Region, write_dicom  # noqa: PLC0415
    from thyrodata.phantoms import PhantomSpec, phantom  # noqa: PLC0415

    drawn = phantom(PhantomSpec(seed=1, height=HEIGHT, width=WIDTH))
    x0, y0, x1, y1 = drawn.echo_box
    frames = np.repeat(drawn.pixels[None], count, axis=0)
    for index in range(count):
        frames[index, y0:y1, x0:x1] = np.roll(drawn.pixels[y0:y1, x0:x1], 3 * index, axis=1)
    if kind != "mono":
        frames = np.repeat(frames[..., None], 3, axis=-1)
    if kind == "rgb":
        frames[:, y0:y1, x0 : x0 + 8] = (200, 120, 0)  # a bar of colours: the channels differ
    write_dicom(
        path,
        frames,
        transfer_syntax=BASELINE if kind == "jpeg" else EXPLICIT,
        regions=[Region(box=(x0, y0, x1 - 1, y1 - 1))],
        elements=patient(1),
    )


# ---------------------------------------------------------------- the jobs


def capture(raw: Path, out: Path) -> None:
    """What a user runs, with one worker."""
    from thyrodata.capture.key import new_key  # noqa: PLC0415
    from thyrodata.cli import main as thyrodata  # noqa: PLC0415

    key = out.parent / "site.key"
    key.unlink(missing_ok=True)
    new_key(key)
    sys.argv[1:] = ["capture", "run", str(raw), "-o", str(out), "--key", str(key), "--workers", "1"]
    try:
        thyrodata()
    except SystemExit as end:
        if end.code:
            raise


def unguarded(raw: Path, out: Path) -> None:
    """The same without a look for text, and in one process, in which it can be left out."""
    from tests.captures import InProcess  # noqa: PLC0415
    from thyrodata.capture.text import Hidden  # noqa: PLC0415
    from thyrodata.collection import making, run  # noqa: PLC0415

    making.hide = lambda *_: Hidden(boxes=(), clean=True)
    run.Sandbox = InProcess
    capture(raw, out)


def script(raw: Path, out: Path) -> None:
    """What one writes without thyrodata: every frame as it is, burned-in names and all."""
    import pydicom  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    out.mkdir(parents=True)
    for path in sorted(raw.iterdir()):
        pixels = pydicom.dcmread(path).pixel_array
        for index, frame in enumerate(pixels):
            Image.fromarray(frame).save(out / f"{path.stem}-{index}.png")


JOBS = {"capture": capture, "unguarded": unguarded, "script": script}


# ---------------------------------------------------------------- measuring


def measure(job: str, raw: Path, out: Path) -> float:
    """Run one job in a process of its own; return its CPU seconds, and those of its workers."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, __file__, job, str(raw), str(out)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.findall(r"^([\d.]+) s CPU$", said, re.MULTILINE)[-1])


def main() -> None:
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    ratios = []
    for kind, count in product(KINDS, FRAMES):
        with tempfile.TemporaryDirectory(dir=place) as temporary:
            base = Path(temporary)
            (base / "raw").mkdir()
            make(base / "raw/1.dcm", kind, count)
            took = dict.fromkeys(JOBS, float("inf"))
            for _ in range(ROUNDS):
                for job in JOBS:
                    took[job] = min(took[job], measure(job, base / "raw", base / "out"))
        ratios.append(took["script"] / took["capture"])
        for job, seconds in took.items():
            print(
                f"{kind:11} {count:5} frames, {job:9} {seconds:7.2f} s CPU, {count / seconds:6.0f} frames/s"
            )
        print(f"{kind:11} {count:5} frames: {ratios[-1]:.1f} times the script", end="")
        print(f", {took['script'] / took['unguarded']:.1f} without the look for text", flush=True)
    print(f"{min(ratios):.1f} to {max(ratios):.1f} times the script (target {TARGET})")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        JOBS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
        spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        print(f"{sum(each.ru_utime + each.ru_stime for each in spent):.3f} s CPU")
    else:
        main()
