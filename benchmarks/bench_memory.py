"""Peak memory of ``convert ddti`` at 10,000 and at 100,000 records, in one process and with small images."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from bench_ddti import cpu_seconds
from release import make_release

RECORDS = (10_000, 100_000)


def main() -> None:
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    peaks = []
    with tempfile.TemporaryDirectory(dir=place) as folder:
        for records in RECORDS:
            raw = Path(folder) / f"raw-{records}"
            images = make_release(raw, records, size=(180, 120))
            seconds, peak = cpu_seconds("convert", raw, Path(folder) / "out")
            shutil.rmtree(raw)
            peaks.append(peak / 1024)
            print(f"{images} records: {peak / 1024:.0f} MiB at most, {seconds:.1f} s CPU", flush=True)
    print(f"growth: {peaks[1] - peaks[0]:.0f} MiB (target 95, that is 100 MB)")


if __name__ == "__main__":
    main()
