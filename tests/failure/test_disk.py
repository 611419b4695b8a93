"""A full disk, an interrupt, a changed source or a second process is said clearly, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.run import contents
from tests.failure.run import Ended, command, content, convert, partial_of, recover

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="points are found by /proc"),
]

Bytes = dict[str, bytes]
Workers = pytest.mark.parametrize("workers", ["1", "2"])


def said(ended: Ended, code: int = 1) -> dict[str, str]:
    """Return the lines of an error by what they say: error, where and hint."""
    assert ended.returncode == code, ended.stderr
    lines = ended.stderr.splitlines()
    assert len(lines) == 3, ended.stderr
    return dict(line.split(": ", 1) for line in lines)


# ---------------------------------------------------------------- no space, no permission


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a disk in memory; the test is skipped where that is not allowed."""
    folder.mkdir()
    mount = shutil.which("mount")
    ask = [mount or "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if mount is None or subprocess.run(ask, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk can be mounted only as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@Workers
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.97])
def test_a_full_disk_is_said_and_what_was_done_is_kept(
    workers: str, share: float, release: Path, whole: Bytes, tmp_path: Path
) -> None:
    need = sum(len(data) // 4096 + 1 for data in whole.values()) * 4096
    with mounted(tmp_path / "disk", f"size={4 * need}") as disk:
        (disk / "other").write_bytes(bytes(int((4 - share) * need)))
        out = disk / "out"
        error = said(convert(release, out, "--workers", workers))
        assert error["error"] == "the disk is full"
        assert Path(error["where"]).is_relative_to(partial_of(out))
        assert error["hint"] == "free some space, then run again; with --resume if OUT.partial is there"
        assert not out.exists()
        (disk / "other").unlink()
        assert convert(release, out, "--workers", workers, "--resume").returncode == 0
        assert content(out) == whole
        assert not partial_of(out).exists()


@pytest.mark.parametrize(
    "point",
    [
        "rename state.json:after",
        "write dataset/images/4_1.jpg:half",
        "write work/chunk-000002.arrow.part:half",
        "write work/journal.jsonl#2:half",
        "write dataset/reports/skipped.jsonl.part:half",
        "write dataset/records.parquet.part:half",
        "write dataset/manifest.json.part:half",
        "mkdir dataset/splits:before",
        "write dataset/annotations/default/instances_train.json.part:half",
        "write dataset/history.jsonl:before",
        "write dataset/SHA256SUMS.part:half",
    ],
)
def test_a_disk_may_be_full_at_any_write(point: str, release: Path, whole: Bytes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    error = said(convert(release, out, deed=("full", point)))
    assert error["error"] == "the disk is full"
    assert Path(error["where"]).is_relative_to(partial_of(out))
    assert not out.exists()
    assert convert(release, out, "--resume").returncode == 0
    assert content(out) == whole


@pytest.mark.parametrize("point", ["mkdir .:before", "mkdir work:before", "write state.json.part:half"])
def test_a_disk_that_is_full_from_the_start_leaves_nothing_behind(
    point: str, release: Path, whole: Bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert said(convert(release, out, deed=("full", point)))["error"] == "the disk is full"
    assert list(tmp_path.iterdir()) == []
    assert recover(release, out).returncode == 0
    assert content(out) == whole


def test_a_file_larger_than_allowed_is_said(release: Path, whole: Bytes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    limited = ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh", *command(release, out)]  # 16 times 512 bytes
    error = said(subprocess.run(limited, capture_output=True, text=True, timeout=120, check=False))
    assert error["error"] == "cannot write: File too large"
    assert Path(error["where"]).is_relative_to(partial_of(out) / "dataset" / "images")
    assert not out.exists()
    assert convert(release, out, "--resume").returncode == 0
    assert content(out) == whole


def test_a_read_only_disk_is_said(release: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro") as disk:
        error = said(convert(release, disk / "out"))
    assert error["error"] == "cannot write: Read-only file system"
    assert error["where"] == str(partial_of(tmp_path / "disk" / "out"))
    assert "permissions" in error["hint"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_said(release: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    error = said(convert(release, tmp_path / "out"))
    assert error["error"] == "cannot write: Permission denied"
    assert error["where"] == str(partial_of(tmp_path / "out"))
    assert "permissions" in error["hint"]


# ---------------------------------------------------------------- interrupts


@contextmanager
def stopped(release: Path, out: Path, point: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run a conversion in a process group of its own up to a point, where it waits for a signal."""
    ran = command(release, out, *options, deed=("stop", point))
    with subprocess.Popen(
        ran, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "stopped\n", process.communicate()
        yield process


def interrupt(process: subprocess.Popen[str]) -> Ended:
    """Send Ctrl-C as a terminal does, to the whole group, and wait for the end."""
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return Ended(process.args, process.returncode, out, err)


@Workers
@pytest.mark.parametrize(
    "point",
    [
        "write work/journal.jsonl:before",
        "write work/journal.jsonl#3:half",
        "rename dataset/records.parquet:before",
        "publish:before",
    ],
)
def test_an_interrupted_run_says_how_to_go_on(
    workers: str, point: str, release: Path, whole: Bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with stopped(release, out, point, "--workers", workers) as process:
        error = said(interrupt(process), code=130)
    assert error == {
        "error": "stopped; what was done is kept",
        "where": str(partial_of(out)),
        "hint": "continue with --resume",
    }
    assert not out.exists()
    assert convert(release, out, "--workers", workers, "--resume").returncode == 0
    assert content(out) == whole
    assert not partial_of(out).exists()


def test_an_interrupt_while_workers_start_is_said_as_clearly(release: Path, tmp_path: Path) -> None:
    ran = command(release, tmp_path / "out", "--workers", "2")
    with subprocess.Popen(ran, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while process.poll() is None and len(children.read_text().split()) < 3:  # the tracker, two workers
            time.sleep(0.001)
        assert said(interrupt(process), code=130)["error"] == "stopped; what was done is kept"


def test_an_interrupt_after_publishing_leaves_only_the_cleaning_up(
    release: Path, whole: Bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with stopped(release, out, "unlink work/journal.jsonl:before") as process:
        assert said(interrupt(process), code=130)["where"] == str(partial_of(out))
    assert content(out) == whole
    assert convert(release, out, "--resume").returncode == 0
    assert content(out) == whole
    assert not partial_of(out).exists()


# ---------------------------------------------------------------- what a build may meet when it goes on


def test_a_source_that_has_changed_is_not_mixed_with_what_was_read_before(
    release: Path, whole: Bytes, tmp_path: Path
) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(release, raw)
    killed = convert(raw, out, deed=("kill", "write work/journal.jsonl#2:after"))
    assert killed.returncode == -signal.SIGKILL
    before = contents(partial_of(out))
    case = raw / "20.xml"
    text, time_ns = case.read_bytes(), case.stat().st_mtime_ns
    case.write_bytes(text.replace(b"<age>", b"<age>1", 1))

    error = said(convert(raw, out, "--resume"))
    assert error["error"] == "the unfinished build differs in its source"
    assert error["where"] == str(partial_of(out))
    assert "--overwrite" in error["hint"]
    assert contents(partial_of(out)) == before
    assert not out.exists()

    case.write_bytes(text)
    os.utime(case, ns=(time_ns, time_ns))
    assert convert(raw, out, "--resume").returncode == 0
    assert content(out) == whole


@pytest.mark.parametrize("options", [(), ("--resume",), ("--overwrite",), ("--resume", "--overwrite")])
def test_two_processes_never_build_one_dataset(
    options: tuple[str, ...], release: Path, whole: Bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with stopped(release, out, "write work/journal.jsonl#2:before") as first:
        before = contents(partial_of(out))
        error = said(convert(release, out, *options))
        assert error["error"] == "another process is building this dataset"
        assert error["where"] == str(partial_of(out))
        assert contents(partial_of(out)) == before
        interrupt(first)
    assert convert(release, out, "--resume").returncode == 0
    assert content(out) == whole


def test_an_unfinished_build_wants_to_be_resumed_or_overwritten(
    release: Path, whole: Bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert said(convert(release, out, "--resume"))["error"] == "there is nothing to resume"
    assert list(tmp_path.iterdir()) == []
    convert(release, out, deed=("kill", "write work/journal.jsonl#2:after"))
    error = said(convert(release, out))
    assert error["error"] == "an unfinished build is there"
    assert "--resume" in error["hint"]
    assert "--overwrite" in error["hint"]
    assert convert(release, out, "--overwrite").returncode == 0
    assert content(out) == whole
