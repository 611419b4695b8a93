"""Killed at any moment, a conversion leaves a whole dataset or none, and resumes to the same bytes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.failure.run import content, convert, is_whole, partial_of, points, recover
from thyrodata.demo import write_release

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="points are found by /proc"),
]

Bytes = dict[str, bytes]

FEWEST = 50

SEVERAL_ALIKE = (
    "write dataset/images/",
    "mkdir dataset/",
    "unlink dataset/annotations/",
    "unlink work/chunk-",
)
"""Changes of one kind to many files: a few of them are as good as all."""


def chosen(listed: Iterable[str]) -> list[str]:
    """Leave out most of the points that are alike, and of the halves of files that are yet to be renamed."""
    alike = [
        p for p in listed if p.startswith(SEVERAL_ALIKE) or ".part" in p or p.endswith(".annotations:half")
    ]
    left_out = set(alike) - set(alike[::8])
    return [point for point in listed if point not in left_out]


def kill(point: str, release: Path, out: Path, *options: str) -> str:
    """Kill a conversion at a point; return what is wrong, or nothing."""
    ended = convert(release, out, *options, deed=("kill", point))
    if ended.returncode != -signal.SIGKILL:
        return f"was not reached: {ended.returncode} {ended.stderr}"
    if out.exists() and not is_whole(out):
        return "left a dataset that is not whole"
    return ""


def mend(expected: Bytes, release: Path, out: Path, *options: str) -> str:
    """Resume a killed conversion, or begin anew where there is nothing to resume; return what is wrong."""
    ended = recover(release, out, *options)
    if ended.returncode != 0 and "the output exists" not in ended.stderr:
        return f"could not be mended: {ended.stderr}"
    if partial_of(out).exists():
        return f"left {sorted(path.name for path in partial_of(out).iterdir())} beside the dataset"
    if content(out) != expected:
        return "gave other bytes"
    return ""


def test_killed_anywhere_it_resumes_to_the_same_bytes(release: Path, whole: Bytes, tmp_path: Path) -> None:
    listed = points(release, tmp_path / "out")
    assert content(tmp_path / "out") == whole
    begun = listed[listed.index("rename state.json:after") : listed.index("unlink state.json:before") + 1]

    def trial(point: str) -> tuple[str, str]:
        out = tmp_path / str(listed.index(point)) / "out"
        wrong = kill(point, release, out)
        if not wrong and (partial_of(out) / "state.json").exists() != (point in begun):
            wrong = "left no state, or one that says what is not so"
        wrong = wrong or mend(whole, release, out)
        shutil.rmtree(out.parent, ignore_errors=True)
        return point, wrong

    with ThreadPoolExecutor(2) as two:
        outcomes = dict(two.map(trial, chosen(listed)))
    print(f"killed at {len(outcomes)} points:", *outcomes, sep="\n  ")  # noqa: T201 -- shown by pytest -rP
    assert {point: wrong for point, wrong in outcomes.items() if wrong} == {}
    assert len(outcomes) >= FEWEST
    assert {"publish:before", "publish:after"} <= outcomes.keys()
    must = ("rename ", "write work/journal.jsonl")
    assert {point for point in listed if point.startswith(must)} <= outcomes.keys()


@pytest.fixture(scope="module")
def older(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that differs: it was split by another seed."""
    out = tmp_path_factory.mktemp("older") / "out"
    ended = convert(release, out, "--seed", "1")
    assert ended.returncode == 0, ended.stderr
    return out


@pytest.mark.parametrize(
    "point",
    [
        "mkdir .:before",
        "mkdir work:before",
        "rename state.json:after",
        "write work/journal.jsonl:half",
        "rename dataset/SHA256SUMS:before",
        "rename replaced:before",
        "rename replaced:after",
        "publish:before",
        "publish:after",
        "unlink replaced/manifest.json:before",
        "rmdir replaced:before",
        "unlink work/journal.jsonl:before",
        "rmdir work:before",
        "unlink state.json:before",
        "unlink lock:before",
        "rmdir .:before",
    ],
)
def test_killed_while_it_overwrites_it_leaves_the_old_dataset_or_the_new(
    point: str, release: Path, whole: Bytes, older: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(older, out)
    assert kill(point, release, out, "--overwrite") == ""
    assert out.exists() == (point not in {"rename replaced:after", "publish:before"})
    assert not out.exists() or content(out) in (content(older), whole)
    assert mend(whole, release, out, "--overwrite") == ""


@pytest.fixture(scope="module")
def unfinished(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an unfinished build."""
    out = tmp_path_factory.mktemp("unfinished") / "out"
    assert kill("rename dataset/manifest.json:after", release, out) == ""
    return partial_of(out)


@pytest.mark.parametrize(
    "point",
    [
        "unlink state.json:before",
        "unlink work/journal.jsonl:before",
        "rmdir work:before",
        "unlink dataset/manifest.json:before",
        "rmdir dataset:before",
        "mkdir dataset:before",
        "write state.json.part:half",
    ],
)
def test_killed_while_it_throws_away_an_unfinished_build_it_begins_anew(
    point: str, release: Path, whole: Bytes, unfinished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(unfinished, partial_of(out))
    assert kill(point, release, out, "--overwrite") == ""
    assert not out.exists()
    assert mend(whole, release, out) == ""


def test_an_old_dataset_that_a_kill_has_set_aside_comes_back(
    release: Path, older: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(older, out)
    assert kill("publish:before", release, out, "--overwrite") == ""
    assert not out.exists()
    assert kill("write work/journal.jsonl:half", release, out, "--overwrite") == ""
    assert content(out) == content(older)


def test_killed_again_and_again_it_resumes_to_the_same_bytes(
    release: Path, whole: Bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert kill("write work/journal.jsonl#2:half", release, out) == ""
    for point in (
        "truncate work/journal.jsonl:before",  # drops the line that was cut
        "write work/journal.jsonl:half",
        "truncate work/journal.jsonl:before",
        "write work/journal.jsonl#2:after",
        "write dataset/records.parquet.part:half",
        "unlink dataset/records.parquet.part:before",  # what was left of it
        "rename dataset/annotations/default/instances_train.json:after",
        "write dataset/history.jsonl:after",
        "publish:after",
        "rmdir work:before",
        "unlink state.json:before",
    ):
        assert kill(point, release, out, "--resume") == "", point
    assert mend(whole, release, out) == ""


@pytest.mark.parametrize(
    "point",
    [
        "write work/journal.jsonl:half",
        "write work/journal.jsonl#3:before",
        "write work/journal.jsonl#5:after",
        "rename dataset/records.parquet:before",
        "publish:before",
    ],
)
def test_killed_with_workers_it_leaves_none_of_them_and_resumes_to_the_same_bytes(
    point: str, release: Path, whole: Bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert kill(point, release, out, "--workers", "2") == ""  # waits for the workers too
    assert mend(whole, release, out, "--workers", "2") == ""


def test_a_killed_worker_ends_the_run_which_resumes_to_the_same_bytes(
    release: Path, whole: Bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = convert(release, out, "--workers", "2", deed=("kill-worker", "write work/journal.jsonl:before"))
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: a worker process died\n")
    assert "--resume" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not out.exists()
    assert convert(release, out, "--workers", "2", "--resume").returncode == 0
    assert content(out) == whole


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    write_release(raw, cases=200)  # four chunks of the length that users have
    (raw / "150.xml").write_bytes(b"<case>")
    for workers in ("1", "2", "4"):
        ask = ["convert", "ddti", str(raw), "-o", str(tmp_path / workers), "--workers", workers]
        skip = ["--on-error", "skip", "--quiet"]
        subprocess.run([sys.executable, "-m", "thyrodata", *ask, *skip], check=True, timeout=120)
    one = content(tmp_path / "1")
    assert content(tmp_path / "2") == one
    assert content(tmp_path / "4") == one
