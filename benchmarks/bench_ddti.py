"""``convert ddti`` on 20,000 phantom images against the floor: parse, read once, hash, copy.

CPU seconds (user + system of the whole process) of one process each, in turn, output on tmpfs where
the machine has one; the start of the interpreter and of the imports is taken off both.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from release import make_release

IMAGES = 20_000
ROUNDS = 7


def floor(raw: Path, out: Path) -> None:
    """Per case parse the XML and its JSON, read each image once, hash it and write the copy."""
    out.mkdir(parents=True)
    for name in sorted(entry.name for entry in os.scandir(raw)):
        if not name.endswith(".xml"):
            continue
        case = ET.fromstring((raw / name).read_bytes())  # noqa: S314 -- our own files
        for mark in case.iter("mark"):
            json.loads(mark.findtext("svg") or "[]")
            image = f"{name[:-4]}_{mark.findtext('image')}.jpg"
            data = (raw / image).read_bytes()
            hashlib.sha256(data).hexdigest()
            (out / image).write_bytes(data)


def converted(raw: Path, out: Path) -> None:
    """What a user runs, in one process."""
    from thyrodata import convert  # noqa: PLC0415

    convert("ddti", raw, out, workers=1)


JOBS = {"floor": floor, "convert": converted}


def cpu_seconds(job: str, raw: Path, out: Path) -> tuple[float, int]:
    """Run one job in a process of its own; return its CPU seconds and peak memory in KiB."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, __file__, job, str(raw), str(out)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, peak = re.fullmatch(r"([\d.]+) (\d+)\n", said).groups()  # type: ignore[union-attr]
    return float(seconds), int(peak)


def main() -> None:
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    with tempfile.TemporaryDirectory(dir=place) as folder:
        base = Path(folder)
        tiny, raw = base / "tiny", base / "raw"
        make_release(tiny, 10)
        images = make_release(raw, IMAGES)
        took: dict[str, list[float]] = {job: [] for job in JOBS}
        for _ in range(ROUNDS):
            for job in JOBS:
                start, _peak = cpu_seconds(job, tiny, base / "out")
                whole, peak = cpu_seconds(job, raw, base / "out")
                took[job].append(whole - start)
                print(f"{job:8} {whole - start:6.2f} s CPU  {peak // 1024} MiB", flush=True)
        ratios = [c / f for c, f in zip(took["convert"], took["floor"], strict=True)]
        print(f"{images} images: convert / floor, round by round: {', '.join(f'{r:.2f}' for r in ratios)}")
        best = min(took["convert"]) / min(took["floor"])
        print(f"median {statistics.median(ratios):.2f}, best to best {best:.2f} (target 2.5)")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        JOBS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(f"{usage.ru_utime + usage.ru_stime:.3f} {usage.ru_maxrss}")
    else:
        main()
