"""Quality control that is stopped as by a terminal's Ctrl-C: what was found is kept, nothing is left over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from tests.toy import make_dataset
from thyrodata.dataset import Dataset
from thyrodata.io.parquettable import read_parquet_table
from thyrodata.io.png import encode_png
from thyrodata.io.raw import named_file
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.schema.record import ImageRecord, ImageRef
from thyrodata.schema.vocab import GroupKind, Modality

pytestmark = pytest.mark.slow

IMAGES = 256
PATIENCE = 100
"""Seconds until a stopped command must have ended: machines that test are busy."""

# The command line as it is, but that progress is told in lines; after some steps it may hold still.
COMMAND = """
import sys, time
from contextlib import contextmanager
from thyrodata.cli import main, output

hold = int(sys.argv.pop(1))

def tell(done, total):
    print(done, flush=True)
    if done == hold:
        time.sleep(600)

@contextmanager
def progress(what, *, quiet):
    yield tell

output.progress = progress
main()
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of many images, of which every fourth is blank; each is of a group of its own."""
    pictures = [phantom(PhantomSpec(seed=seed, height=180, width=240)).pixels for seed in range(16)]
    files, records = {}, []
    for number in range(IMAGES):
        pixels = pictures[number % 16].copy()
        if number % 4 == 3:
            pixels[:] = number // 4
        path, data = f"images/{number}.png", encode_png(pixels)
        files[path] = data
        height, width = pixels.shape[:2]
        image = ImageRef(width=width, height=height, path=path, sha256=sha256(data).hexdigest(), bit_depth=8)
        records.append(
            ImageRecord(
                image_id=f"toy/{number}",
                image=image,
                modality=Modality.ULTRASOUND,
                group_id=f"toy/{number}",
                group_kind=GroupKind.CASE,
                source=str(number),
            )
        )
    return make_dataset(tmp_path_factory.mktemp("many") / "data", records, files).path


def stop(*arguments: str | Path, at: int, hold: bool = False, presses: int = 1) -> str:
    """Run a command with two workers, stop it once so many steps are done, and return what it said.

    Whoever sees nothing happen presses again, a third of a second later.
    """
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            COMMAND,
            str(at if hold else -1),
            *map(str, arguments),
            "--workers",
            "2",
            "-q",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert any(int(line) >= at for line in process.stdout)
        for press in range(presses):
            time.sleep(press and 0.3)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
        _, said = process.communicate(timeout=PATIENCE)
        # The watcher of shared resources, which is no worker, sees a moment later that all have ended.
        until = time.monotonic() + 10
        while running_of(process.pid) and time.monotonic() < until:
            time.sleep(0.05)
        left = running_of(process.pid)
    finally:
        if running_of(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode in {130, -signal.SIGINT}  # a press that comes when all is done ends it too
    assert left == []
    assert "Traceback" not in said
    return said


def running_of(group: int) -> list[str]:
    """The processes of a group that run; one that ended is there until somebody asks for its status."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, fields = place.read_text().rpartition(")")
        except OSError:  # it has ended meanwhile
            continue
        state, _, of_group = fields.split()[:3]
        if int(of_group) == group and state != "Z":
            found.append(name)
    return found


def account_of(data: Path) -> dict[str, object]:
    assert Dataset(data).verify() == ()
    said: dict[str, object] = json.loads((data / "reports/qc.json").read_text())
    assert said["complete"] is False
    return said


def found_in(data: Path, code: str) -> Sequence[str]:
    rows = read_parquet_table(named_file(data / "reports/qc.parquet")).rows
    return [row["image_id"] for row in rows if row["code"] == code]


def test_what_was_found_until_a_stop_in_the_middle_of_the_images_is_kept(many: Path) -> None:
    said = stop("qc", "run", many, "--select", "TD5", at=1)
    account = account_of(many)
    left = account["images_not_reached"]
    assert isinstance(left, int)
    assert 0 < left < IMAGES
    blank = [f"toy/{number}" for number in range(IMAGES - left) if number % 4 == 3]
    assert found_in(many, "TD501") == blank
    assert f"stopped after {IMAGES - left} of {IMAGES} images" in said


def test_a_stop_while_files_are_compared_leaves_their_rules_named(many: Path) -> None:
    stop("qc", "run", many, "--select", "TD301,TD302,TD501", at=IMAGES + 1)
    account = account_of(many)
    assert account["rules_not_run"] == ["TD301", "TD302"]
    assert account["images_not_reached"] == 0
    assert len(found_in(many, "TD501")) == IMAGES // 4


def test_a_stop_among_the_rules_of_the_dataset_leaves_the_others_named(many: Path) -> None:
    stop("qc", "run", many, "--select", "TD401,TD403,TD410", at=1, hold=True)
    assert account_of(many)["rules_not_run"] == ["TD403", "TD410"]


@pytest.mark.parametrize("name", ["markers", "shortcuts"])
def test_nothing_half_written_is_left_of_marks_or_shortcuts(name: str, many: Path) -> None:
    assert "error: stopped" in stop("qc", name, many, at=1)
    assert not [*many.glob(f"reports/{name}*")]
    assert [path.name for path in many.parent.iterdir()] == ["data"]
    assert Dataset(many).verify() == ()


def test_a_second_stop_while_workers_end_does_not_leave_the_command_waiting(many: Path) -> None:
    stop("qc", "run", many, "--select", "TD2,TD5", at=1, presses=2)
    left = account_of(many)["images_not_reached"]
    assert isinstance(left, int)
    assert 0 < left < IMAGES
