"""Killed, interrupted or out of disk at any point, a capture leaves a whole dataset or none, and goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.captures import patient
from tests.dicoms import Region
from tests.failure.run import KILLER, Ended, content, is_whole, partial_of
from tests.hostile import dicom_bytes, waves
from thyrodata.capture.key import new_key
from thyrodata.io.hashes import list_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="points are found by /proc"),
]

TOLD = ("rename state.json:after", "write work/journal.jsonl#2", "publish", "rename dataset/SHA256SUMS:after")
"""Points that are worth a kill each; of all others one in many is taken."""

FEWEST = 12
"""Points at which a capture is killed, at least."""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stills, a clip, one with a region that is in doubt and so has a preview, and one that is broken."""
    folder = tmp_path_factory.mktemp("raw")
    studies = {
        n: {"elements": {**patient(1, study=n), "PatientID": "1"}} for n in range(1, 5)
    }  # in this order
    for number in (1, 2):
        (folder / f"{number}.dcm").write_bytes(dicom_bytes(waves(number), **studies[number]))
    clip = np.stack([waves(3), waves(4), waves(5)])
    (folder / "3.dcm").write_bytes(dicom_bytes(clip, **studies[3]))
    outside = Region(box=(16, 8, 200, 103))
    (folder / "4.dcm").write_bytes(dicom_bytes(waves(6), regions=[outside], **studies[4]))
    (folder / "5.dcm").write_bytes(b"<html>")
    new_key(folder.with_name("site.key"))
    return folder


def command(raw: Path, out: Path, *options: str, deed: tuple[str, str] | tuple[()] = ()) -> list[str]:
    """Return the command that captures the export, with a deed at a point.

    Images go through zlib: what is asked here is whether a capture resumes to the same, and ISA-L has been
    seen to give other bytes for the same pixels in an undisturbed run (docs/design.md).
    """
    key = str(raw.with_name("site.key"))
    given = ("--key", key, "--encoder", "zlib", "--workers", "1", "--quiet")
    ask = ("capture", "run", str(raw), "-o", str(out), *given, *options)
    return [sys.executable, str(KILLER), *deed, "--", *ask]


def capture(raw: Path, out: Path, *options: str, deed: tuple[str, str] | tuple[()] = ()) -> Ended:
    out.parent.mkdir(exist_ok=True)
    ran = command(raw, out, *options, deed=deed)
    return subprocess.run(ran, capture_output=True, text=True, timeout=120, check=False)


def quarantine_of(out: Path) -> dict[str, bytes]:
    folder = out.with_name("out.quarantine")
    return {path: (folder / path).read_bytes() for path in list_files(folder)}


@pytest.fixture(scope="module")
def whole(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The bytes of the dataset and of the quarantine that an undisturbed capture makes."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    ended = capture(raw, out)
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr == ""
    aside = quarantine_of(out)
    assert sorted(aside) == ["file-4.png", "quarantine.csv"]
    return content(out), aside


Whole = tuple[dict[str, bytes], dict[str, bytes]]


def mended(raw: Path, out: Path, whole: Whole) -> str:
    """Resume, or begin anew where there is nothing to resume; return what is wrong, or nothing."""
    ended = capture(raw, out, "--resume")
    if "nothing to resume" in ended.stderr:
        ended = capture(raw, out)
    finished = "the quarantine of an earlier capture is there" in ended.stderr and is_whole(out)
    if ended.returncode != 1 or (ended.stderr and not finished):
        return f"could not be mended: {ended.stderr}"
    if not finished and partial_of(out).exists():
        return f"left {sorted(path.name for path in partial_of(out).iterdir())} beside the dataset"
    made = content(out)
    if made != whole[0]:
        paths = made.keys() | whole[0].keys()
        return f"gave other bytes: {sorted(path for path in paths if made.get(path) != whole[0].get(path))}"
    return "" if quarantine_of(out) == whole[1] else "left another quarantine"


def test_killed_at_many_points_it_resumes_to_the_same_bytes(raw: Path, whole: Whole, tmp_path: Path) -> None:
    listing = tmp_path / "points.txt"
    assert capture(raw, tmp_path / "whole" / "out", deed=("list", str(listing))).returncode == 1
    points = listing.read_text().splitlines()
    chosen = [p for n, p in enumerate(points) if n % 11 == 0 or p.startswith(TOLD)]

    def trial(point: str) -> tuple[str, str]:
        out = tmp_path / str(points.index(point)) / "out"
        ended = capture(raw, out, deed=("kill", point))
        wrong = ""
        if ended.returncode != -signal.SIGKILL:
            wrong = f"was not reached: {ended.returncode} {ended.stderr}"
        elif out.exists() and not is_whole(out):
            wrong = "left a dataset that is not whole"
        wrong = wrong or mended(raw, out, whole)
        shutil.rmtree(out.parent)
        return point, wrong

    with ThreadPoolExecutor(2) as two:
        outcomes = dict(two.map(trial, chosen))
    print(f"killed at {len(outcomes)} points:", *outcomes, sep="\n  ")  # noqa: T201 -- shown by pytest -rP
    assert {point: wrong for point, wrong in outcomes.items() if wrong} == {}
    assert len(outcomes) >= FEWEST
    assert {"publish:before", "publish:after"} <= outcomes.keys()


def test_a_worker_that_is_killed_costs_the_file_in_its_hands_and_the_run_goes_on(
    raw: Path, whole: Whole, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = capture(raw, out, deed=("kill-worker", "write work/journal.jsonl#2:before"))
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr == ""
    undisturbed = verdicts(whole[0]["reports/capture.jsonl"].decode())
    found = verdicts((out / "reports/capture.jsonl").read_text())
    changed = {file: found[file] for file in found if found[file] != undisturbed[file]}
    assert changed == {"3": "crashed"}  # the clip: two stills were done, so it was in the worker's hands
    assert is_whole(out)
    assert "3,crashed" in quarantine_of(out)["quarantine.csv"].decode()


def verdicts(account: str) -> dict[str, str]:
    return {each["file"]: each["verdict"] for each in map(json.loads, account.splitlines())}


def test_a_full_disk_is_named_and_goes_on_when_there_is_space(
    raw: Path, whole: Whole, tmp_path: Path
) -> None:
    listing = tmp_path / "points.txt"
    capture(raw, tmp_path / "whole" / "out", deed=("list", str(listing)))
    points = [p for p in listing.read_text().splitlines() if p.startswith("write ") and ":half" in p]
    chosen = [*[p for p in points if "journal" in p][1:2], *[p for p in points if "dataset/" in p][::4]]
    assert len(chosen) >= 4

    def trial(point: str) -> str:
        out = tmp_path / str(points.index(point)) / "out"
        ended = capture(raw, out, deed=("full", point))
        error = dict(line.split(": ", 1) for line in ended.stderr.splitlines())
        if (ended.returncode, error["error"]) != (1, "the disk is full") or out.exists():
            return f"{point} gave {ended.returncode}: {ended.stderr}"
        if not Path(error["where"]).is_relative_to(partial_of(out)):
            return f"{point} is said to be in another place: {ended.stderr}"
        return mended(raw, out, whole)

    with ThreadPoolExecutor(2) as two:
        assert set(two.map(trial, chosen)) == {""}


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a disk in memory; the test is skipped where that is not allowed."""
    folder.mkdir()
    ask = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(ask, capture_output=True, check=False).returncode:
        pytest.skip("a disk can be mounted only as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_workers_that_find_the_disk_full_end_the_run_and_not_their_file(
    raw: Path, whole: Whole, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 2**20) as disk:
        filling = disk / "other"
        filling.write_bytes(bytes(2**20 - 12 * 4096))  # a few pages are left: for the begin, not for images
        out = disk / "out"
        ended = capture(raw, out)
        error = dict(line.split(": ", 1) for line in ended.stderr.splitlines())
        assert error["error"] == "the disk is full"
        assert Path(error["where"]).is_relative_to(partial_of(out))
        assert not out.exists()
        filling.unlink()
        assert mended(raw, out, whole) == ""


@pytest.mark.parametrize(
    "point", ["write work/journal.jsonl:before", "write work/journal.jsonl#3:half", "publish:before"]
)
def test_interrupted_it_says_how_to_go_on(point: str, raw: Path, whole: Whole, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = command(raw, out, deed=("stop", point))
    with subprocess.Popen(
        ran, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "stopped\n", process.communicate()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    error = dict(line.split(": ", 1) for line in said.splitlines())
    assert error == {
        "error": "stopped; what was done is kept",
        "where": str(partial_of(out)),
        "hint": "continue with --resume",
    }
    assert not out.exists()
    assert mended(raw, out, whole) == ""
