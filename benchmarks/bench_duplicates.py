"""The search for same pictures on phantoms against its floor: read, hash and decode each file once.

CPU seconds of one process each, floor and search by turns in one run; a tenth of the pictures are crops of
others. The growth is that of the search's time per picture from a thousand pictures to five thousand.
"""

from __future__ import annotations

import hashlib
import io
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

SIZES = (1_000, 5_000)
ROUNDS = 3
COPIES = 10
"""One picture in so many is a crop of another."""


def draw(folder: Path, n: int) -> None:
    """Write phantoms of one scanner as JPEG, and crops of some of them as PNG."""
    from PIL import Image  # noqa: PLC0415

    from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom  # noqa: PLC0415

    for seed in range(n):
        pixels = phantom(PhantomSpec(seed=seed // COPIES * COPIES if seed % COPIES == 1 else seed)).pixels
        if seed % COPIES == 1:
            Image.fromarray(pixels[7:-20, 33:-40]).save(folder / f"{seed:05d}.png", compress_level=1)
        else:
            (folder / f"{seed:05d}.jpg").write_bytes(jpeg_bytes(pixels))


def files(folder: Path, n: str) -> list[Path]:
    return sorted(folder.iterdir())[: int(n)]


def floor(folder: Path, n: str) -> None:
    """Read, hash and decode each file once."""
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    for file in files(folder, n):
        data = file.read_bytes()
        hashlib.sha256(data).hexdigest()
        np.array(Image.open(io.BytesIO(data)))


def search(folder: Path, n: str) -> None:
    """Find the crops."""
    from thyrodata.duplicates import Picture, find_same  # noqa: PLC0415

    pictures = [Picture(image_id=f.stem, place=str(f), sha256=None) for f in files(folder, n)]
    found = find_same(pictures, workers=1)
    expected = {(f"{seed - 1:05d}", f"{seed:05d}") for seed in range(1, int(n), COPIES)}
    if {same.image_ids for same in found} != expected:
        sys.exit("the crops were not found, or more than the crops")


JOBS: dict[str, Callable[[Path, str], None]] = {"floor": floor, "search": search}


def measure(job: str, folder: Path, n: int) -> tuple[float, int]:
    """Run one job in a process of its own; return its CPU seconds and peak memory in KiB."""
    command = [sys.executable, __file__, job, str(folder), str(n)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(said[0]), int(said[1])


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder, max(SIZES))
        per_image: dict[tuple[str, int], float] = {}
        for n in SIZES:
            took: dict[str, list[float]] = {job: [] for job in JOBS}
            for _ in range(ROUNDS):
                for job in JOBS:
                    start, base = measure(job, folder, 1)
                    whole, peak = measure(job, folder, n)
                    took[job].append((whole - start) / (n - 1) * 1000)
                    memory = (peak - base) * 1024 / n
                    print(
                        f"{job:6} {n:5} {took[job][-1]:5.2f} ms an image, {memory / 1000:5.1f} kB", flush=True
                    )
            per_image |= {(job, n): statistics.median(found) for job, found in took.items()}
            print(f"{n} images: search / floor {per_image['search', n] / per_image['floor', n]:.2f}")
        small, large = (per_image["search", n] for n in SIZES)
        print(f"growth of the time per image from {SIZES[0]} to {SIZES[1]} images: {large / small:.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        JOBS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(f"{usage.ru_utime + usage.ru_stime:.3f} {usage.ru_maxrss}")
    else:
        main()
