"""An export full of hostile files: each is put aside for a reason that was thought of, the others leave."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.captures import capture
from tests.hostile import CANARY, Hostile, archives, dicom_bytes, files, waves
from thyrodata.capture.key import new_key
from thyrodata.capture.source import list_source
from thyrodata.dataset import Dataset
from thyrodata.io.hashes import list_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's means"),
]

GOOD = 3
"""Files that nothing is wrong with: at the begin, at the end, and in an archive."""

MOST_RESIDENT = 2 * 10**9
"""Bytes of memory that any process of the run may ever hold."""

MOST_RESIDENT_MAIN = 500 * 10**6
"""Of the main process, in which no file is opened."""

DEEP = 1_200
"""Folders in each other: more than Python has levels of calls."""

MEASURED = """
import resource, sys
from thyrodata.cli import main
try:
    main()
finally:
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    own = int(status["VmHWM"].split()[0])
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print("peaks", own * 1024, workers * 1024)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What the command line came to."""

    code: int
    said: str
    peaks: tuple[int, int]
    """Bytes that the main process and the largest of all others held."""
    out: Path
    expected: dict[str, Hostile]
    """By the file's ordinal."""

    @property
    def account(self) -> dict[str, dict[str, str]]:
        lines = (self.out / "reports/capture.jsonl").read_text().splitlines()
        return {each["file"]: each for each in map(json.loads, lines)}


def run(raw: Path, folder: Path, expected: dict[str, Hostile]) -> Ran:
    new_key(folder / "site.key")
    out = folder / "out"
    command = [sys.executable, "-c", MEASURED, "capture", "run", raw, "-o", out]
    options = ["--key", folder / "site.key", "--workers", "2", "--json"]
    ended = subprocess.run([*command, *options], capture_output=True, timeout=600, check=False)
    text, _, peaks = ended.stdout.decode().rpartition("peaks")
    own, workers = peaks.split()
    by_path = {file.path: file.ordinal for file in list_source(raw)}
    return Ran(
        code=ended.returncode,
        said=text + ended.stderr.decode(),
        peaks=(int(own), int(workers)),
        out=out,
        expected={by_path[path]: hostile for path, hostile in expected.items()},
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One export with all of them, and the good ones among them."""
    folder = tmp_path_factory.mktemp("hostile")
    raw = folder / f"{CANARY}^raw"
    raw.mkdir()
    expected = {}
    for number, hostile in enumerate(files()):
        path = f"{CANARY}^{number:03d} {hostile.name}"
        hostile.write(raw / path)
        expected[path] = hostile
    (raw / "0 first.dcm").write_bytes(dicom_bytes(waves(1), 91))
    (raw / "z last.dcm").write_bytes(dicom_bytes(waves(2), 92))
    for level in range(1, DEEP):
        raw.joinpath(*["d"] * level).mkdir()
    for name, data in archives():
        (raw / f"{CANARY} {name}.zip").write_bytes(data)
    made = run(raw, folder, expected)
    subprocess.run(["rm", "-r", raw], check=True)  # which Python's own would not do so deep
    return made


def test_every_hostile_file_is_put_aside_for_a_reason_that_was_thought_of(ran: Ran) -> None:
    verdicts = {hostile.name: ran.account[n]["verdict"] for n, hostile in ran.expected.items()}
    expected = {hostile.name: hostile.verdicts for hostile in ran.expected.values()}
    assert {name: came for name, came in verdicts.items() if came not in expected[name]} == {}
    assert len(verdicts) > 100


def test_a_lost_process_or_a_bug_is_no_verdict_of_an_archives_member_either(ran: Ran) -> None:
    found = {each["verdict"] for each in ran.account.values()}
    assert found <= {
        *("exported", "archive", "directory"),
        *("not-read", "broken", "not-decoded", "region", "colour", "not-ultrasound", "text"),
    }


def test_the_run_goes_on_and_what_is_good_is_exported(ran: Ran) -> None:
    assert ran.code == 1
    assert Dataset(ran.out).verify() == ()
    assert len([each for each in ran.account.values() if each["verdict"] == "exported"]) == GOOD
    assert {record.image.width for record in Dataset(ran.out).records()} == {128}


def test_no_process_holds_two_gigabytes_and_the_main_one_hardly_anything(ran: Ran) -> None:
    own, workers = ran.peaks
    assert own < MOST_RESIDENT_MAIN
    assert workers < MOST_RESIDENT


def test_nothing_of_a_file_or_its_name_is_said_or_written(ran: Ran) -> None:
    texts = [ran.said.replace(str(ran.out.parent), "")]
    quarantine = ran.out.with_name("out.quarantine")
    texts += [path.read_text() for path in (quarantine / "quarantine.csv",)]
    texts += list_files(ran.out) + list_files(quarantine)
    texts += [str(table.to_pylist()) for table in map(pq.read_table, ran.out.rglob("*.parquet"))]
    texts += [path.read_bytes().decode("latin_1") for path in ran.out.rglob("*") if path.is_file()]
    assert [text for text in texts if CANARY in text or "Traceback" in text] == []


def test_everything_in_quarantine_is_listed_there(ran: Ran) -> None:
    with ran.out.with_name("out.quarantine").joinpath("quarantine.csv").open(newline="") as stream:
        listed = {row["file"]: row["code"] for row in csv.DictReader(stream)}
    aside = {n: each["verdict"] for n, each in ran.account.items()}
    skipped = {"exported", "archive", "directory"}
    assert listed == {n: verdict for n, verdict in aside.items() if verdict not in skipped}


def _link(path: Path, secret: Path) -> None:
    path.unlink()
    path.symlink_to(secret)


def _pipe(path: Path, secret: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _another(path: Path, secret: Path) -> None:
    path.unlink()
    shutil.copy(secret, path)


def _gone(path: Path, secret: Path) -> None:
    path.unlink()


def _cut(path: Path, secret: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


@pytest.mark.parametrize("change", [_link, _pipe, _another, _gone, _cut])
def test_a_file_that_changes_after_its_header_was_read_is_not_read_as_another(
    change: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for number in (1, 2):
        (raw / f"{number}.dcm").write_bytes(dicom_bytes(waves(number), number))
    secret = tmp_path / "secret"
    secret.write_bytes(dicom_bytes(waves(7), 7))

    def between(done: int, of: int) -> None:
        if done == of // 2:  # all headers
            change(raw / "1.dcm", secret)

    made = capture(raw, tmp_path / "out", progress=between)
    assert [done.verdict for done in made.files] == ["not-decoded", "exported"]
