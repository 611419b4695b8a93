"""What takes too long for every change: fuzzed sources, kills at any moment, many records."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import thyrodata
from benchmarks.release import make_release
from tests.contract.run import contents
from tests.fixtures.ddti.make import make
from thyrodata.conversion import convert
from thyrodata.converters import load_converter
from thyrodata.dataset import HISTORY
from thyrodata.demo import write_release
from thyrodata.engine import OnError, plan_items, run_items
from thyrodata.io.raw import Raw
from thyrodata.partition import audit_dataset

pytestmark = pytest.mark.soak

MUTATIONS = 3_000
KILLS = 40
RECORDS = 100_000


def lossless(folder: Path) -> dict[str, bytes]:
    """All bytes of a dataset but those of the file that holds a time."""
    return {path: data for path, data in contents(folder).items() if path != HISTORY}


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Flip, cut, repeat or insert bytes at random places."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(changed) + 1)
        match draw.randrange(4):
            case 0 if at < len(changed):
                changed[at] ^= 1 << draw.randrange(8)
            case 1:
                del changed[at : at + draw.randint(1, 200)]
            case 2:
                changed[at:at] = changed[max(0, at - 60) : at]
            case _:
                changed[at:at] = draw.randbytes(draw.randint(1, 20))
    return bytes(changed)


def test_mutated_files_are_read_or_named_and_never_crash_the_run(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    make(whole)
    names = sorted(file.name for file in whole.iterdir())
    draw = random.Random(0)  # noqa: S311 -- nothing is secret here
    outcomes = {"read": 0, "skipped": 0}
    for _ in range(MUTATIONS):
        name = draw.choice(names)
        original = (whole / name).read_bytes()
        (whole / name).write_bytes(mutated(original, draw))
        plan = plan_items(load_converter("ddti"), Raw(whole))
        touched = tuple(item for item in plan.items if any(file.name == name for file in item.files))
        run = run_items(load_converter("ddti"), replace(plan, items=touched), None, on_error=OnError.SKIP)
        outcomes["skipped" if run.skips else "read"] += 1
        (whole / name).write_bytes(original)
    assert min(outcomes.values()) > MUTATIONS // 20, outcomes


def test_killed_at_any_moment_and_resumed_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    write_release(raw, cases=400)
    convert("ddti", raw, tmp_path / "whole")
    expected = lossless(tmp_path / "whole")
    draw = random.Random(0)  # noqa: S311 -- nothing is secret here
    out = tmp_path / "out"
    killed = finished = 0
    while killed < KILLS:
        state = Path(f"{out}.partial", "state.json")
        if (
            out.exists() and not state.exists()
        ):  # published; a folder with nothing to do may be left beside it
            assert lossless(out) == expected
            finished += 1
            shutil.rmtree(out)
        resume = ["--resume"] if state.exists() else []
        command = [
            sys.executable,
            "-m",
            "thyrodata",
            "convert",
            "ddti",
            str(raw),
            "-o",
            str(out),
            "-q",
            *resume,
        ]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                process.wait(draw.uniform(0.1, 2.5))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                killed += 1
                continue
            assert process.returncode == 0, process.stderr and process.stderr.read()
    assert finished


def test_many_records_convert_verify_and_do_not_leak(tmp_path: Path) -> None:
    images = make_release(tmp_path / "raw", RECORDS, size=(90, 60))
    made = convert("ddti", tmp_path / "raw", tmp_path / "out")
    assert made.images == images
    dataset = thyrodata.open(tmp_path / "out")
    assert dataset.verify() == ()
    assert audit_dataset(dataset, "default") == ()
