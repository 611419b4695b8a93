"""Killed or out of disk at many points, an operation leaves a whole dataset or none, and goes on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.failure.run import KILLER, Ended, content, is_whole, partial_of
from thyrodata.conversion import convert
from thyrodata.dataset import Dataset

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="points are found by /proc"),
]


@pytest.fixture(scope="module")
def parent(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("parent") / "parent"
    convert("ddti", release, out, on_error="skip", max_skipped=0.1)
    return out


def remove(parent: Path, out: Path, *options: str, deed: tuple[str, str] | tuple[()] = ()) -> Ended:
    """Remove the group of the first record, with a deed at a point."""
    group = next(Dataset(parent).records()).group_id
    ask = ("remove", str(parent), "--group", group, "-o", str(out), "--quiet", *options)
    ran = [sys.executable, str(KILLER), *deed, "--", *ask]
    return subprocess.run(ran, capture_output=True, text=True, timeout=120, check=False)


def listed_points(parent: Path, out: Path) -> list[str]:
    listing = out.with_name("points.txt")
    ended = remove(parent, out, deed=("list", str(listing)))
    assert ended.returncode == 0, ended.stderr
    return listing.read_text().splitlines()


def some(points: list[str]) -> list[str]:
    """Every seventh point, and all about journal, state and publication."""
    told = ("work/journal", "state.json", "publish", "SHA256SUMS", "manifest.json")
    return [p for n, p in enumerate(points) if n % 7 == 0 or any(word in p for word in told)]


def test_killed_it_resumes_to_the_same_bytes(parent: Path, tmp_path: Path) -> None:
    points = listed_points(parent, tmp_path / "whole")
    whole, before = content(tmp_path / "whole"), content(parent)

    def trial(point: str) -> tuple[str, str]:
        out = tmp_path / str(points.index(point)) / "out"
        out.parent.mkdir()
        wrong = _killed(parent, out, point) or _mended(parent, out, whole)
        shutil.rmtree(out.parent)
        return point, wrong

    chosen = some(points)
    assert len(chosen) >= 20
    with ThreadPoolExecutor(2) as pool:
        wrong = {point: what for point, what in pool.map(trial, chosen) if what}
    assert wrong == {}
    assert content(parent) == before


def _killed(parent: Path, out: Path, point: str) -> str:
    ended = remove(parent, out, deed=("kill", point))
    if ended.returncode != -signal.SIGKILL:
        return f"was not reached: {ended.returncode} {ended.stderr}"
    return "left a dataset that is not whole" if out.exists() and not is_whole(out) else ""


def _mended(parent: Path, out: Path, whole: dict[str, bytes]) -> str:
    ended = remove(parent, out, "--resume")
    if "nothing to resume" in ended.stderr:
        ended = remove(parent, out)
    if ended.returncode != 0 and "the output exists" not in ended.stderr:
        return f"could not be mended: {ended.stderr}"
    if partial_of(out).exists():
        return "left something beside the dataset"
    return "" if content(out) == whole else "gave other bytes"


def test_a_full_disk_is_named_and_goes_on_when_there_is_space(parent: Path, tmp_path: Path) -> None:
    points = listed_points(parent, tmp_path / "whole")
    whole = content(tmp_path / "whole")
    writes = [p for p in points if p.startswith("write dataset/")][::9]
    assert len(writes) >= 4
    for number, point in enumerate(writes):
        out = tmp_path / str(number) / "out"
        out.parent.mkdir()
        ended = remove(parent, out, deed=("full", point))
        assert ended.returncode == 1, point
        assert "the disk is full" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert not out.exists()
        assert remove(parent, out, "--resume").returncode == 0
        assert content(out) == whole
