"""Runs a conversion in a process of its own, disturbed or not, and looks at what it left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.contract.run import contents
from thyrodata.dataset import HISTORY, Dataset

__all__ = ["Ended", "command", "content", "convert", "is_whole", "partial_of", "points", "recover"]

KILLER = Path(__file__).with_name("killer.py")

Ended = subprocess.CompletedProcess[str]


def command(raw: Path, out: Path, *options: str, deed: tuple[str, str] | tuple[()] = ()) -> list[str]:
    """Return the command that converts the release, with a deed at a point."""
    ask = ("convert", "ddti", str(raw), "-o", str(out), "--quiet")
    skip = ("--on-error", "skip", "--max-skipped", "0.1")
    return [sys.executable, str(KILLER), *deed, "--", *ask, *skip, *options]


def convert(raw: Path, out: Path, *options: str, deed: tuple[str, str] | tuple[()] = ()) -> Ended:
    """Run the command to its end: until its workers, which share its output, have ended too."""
    ran = command(raw, out, *options, deed=deed)
    return subprocess.run(ran, capture_output=True, text=True, timeout=120, check=False)


def recover(raw: Path, out: Path, *options: str) -> Ended:
    """Resume; where there is nothing to resume, convert anew."""
    ended = convert(raw, out, *options, "--resume")
    if "nothing to resume" in ended.stderr:
        return convert(raw, out, *options)
    return ended


def points(raw: Path, out: Path, *options: str) -> list[str]:
    """Convert, and return the points passed by, in order."""
    listing = out.with_name("points.txt")
    ended = convert(raw, out, *options, deed=("list", str(listing)))
    assert ended.returncode == 0, ended.stderr
    named = listing.read_text().splitlines()
    listing.unlink()
    return named


def partial_of(out: Path) -> Path:
    """Return where a dataset is built."""
    return out.with_name(out.name + ".partial")


def content(out: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a dataset that equal conversions have in common."""
    return {path: data for path, data in contents(out).items() if path != HISTORY}


def is_whole(out: Path) -> bool:
    """Whether a dataset is there and passes its own verification."""
    return out.exists() and Dataset(out).verify() == ()
