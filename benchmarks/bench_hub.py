"""``export huggingface`` of 3,493 phantom images with masks against the floor: reading and writing the bytes.

CPU seconds (user + system of the whole process) of one process each, in turn, output on tmpfs where the
machine has one; the start of the interpreter and of the imports is taken off each. Beside the floor and
thyrodata, which writes the whole tree with every record, card and checksum, run what writes the images and
their ids alone: pyarrow with the whole table in memory, and the way in which `datasets` pushes a dataset.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_masks import TEST, TRAINVAL, make

ROUNDS = 5
QUALITY = 97
"""Of JPEG: the phantoms then have 53 KB on average, as many as images of TN3K."""


def images(dataset: Path) -> list[Path]:
    return sorted(path for path in (dataset / "images").rglob("*") if path.is_file())


def floor(dataset: Path, out: Path) -> None:
    """Read every image, and write its bytes into one file."""
    out.mkdir(parents=True)
    with (out / "all").open("wb") as stream:
        for path in images(dataset):
            stream.write(path.read_bytes())


def exported(dataset: Path, out: Path) -> None:
    """What a user runs."""
    from thyrodata import export  # noqa: PLC0415

    export("huggingface", dataset, out)


def direct(dataset: Path, out: Path) -> None:
    """All images in one Arrow table."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    out.mkdir(parents=True)
    rows = [
        {"image_id": path.stem, "image": {"bytes": path.read_bytes(), "path": path.name}}
        for path in images(dataset)
    ]
    pq.write_table(pa.Table.from_pylist(rows), out / "all.parquet", row_group_size=100)


def pushed(dataset: Path, out: Path) -> None:
    """What ``push_to_hub`` does before it uploads: images embedded in memory, a shard of 500 MB, its hash."""
    import datasets  # noqa: PLC0415
    from datasets.table import embed_table_storage  # noqa: PLC0415
    from huggingface_hub import CommitOperationAdd  # noqa: PLC0415

    paths = [str(path) for path in images(dataset)]
    datasets.disable_progress_bars()
    out.mkdir(parents=True)
    made = datasets.Dataset.from_dict({"image_id": paths, "image": paths})
    made = made.cast_column("image", datasets.Image())
    size = sum(path.stat().st_size for path in images(dataset))
    shards = size // 500_000_000 + 1
    for index in range(shards):
        shard = made.shard(num_shards=shards, index=index, contiguous=True).with_format("arrow")
        shard = shard.map(embed_table_storage, batched=True, batch_size=100, keep_in_memory=True)
        place = str(out / f"{index}.parquet")
        shard.with_format(None).to_parquet(place, batch_size=100)
        CommitOperationAdd(path_in_repo=f"{index}.parquet", path_or_fileobj=place)


JOBS = {"floor": floor, "export": exported, "pyarrow": direct, "datasets": pushed}


def measure(job: str, dataset: Path, out: Path) -> tuple[float, int]:
    """Run one job in a process of its own; return its CPU seconds and peak memory in KiB."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, __file__, job, str(dataset), str(out)]
    environment = {**os.environ, "HF_HOME": f"{out}-home", "HF_DATASETS_OFFLINE": "1"}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    seconds, peak = re.findall(r"^([\d.]+) s CPU, (\d+) KiB$", said, re.MULTILINE)[-1]
    return float(seconds), int(peak)


def prepare(folder: Path, trainval: int, test: int) -> None:
    from thyrodata import convert  # noqa: PLC0415

    make(folder / "raw", trainval, test, QUALITY)
    convert("tn3k", folder / "raw", folder / "data", workers=1)


def main() -> None:
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        base = Path(temporary)
        for name, trainval, test in (("tiny", 10, 5), ("whole", TRAINVAL, TEST)):
            # In a process of its own: a child's peak is never told lower than its parent's was.
            maker = multiprocessing.get_context("spawn").Process(
                target=prepare, args=(base / name, trainval, test)
            )
            maker.start()
            maker.join()
        took: dict[str, list[float]] = {job: [] for job in JOBS}
        peaks: dict[str, int] = {}
        for _ in range(ROUNDS):
            for job in JOBS:
                start, _ = measure(job, base / "tiny/data", base / "out")
                whole, peak = measure(job, base / "whole/data", base / "out")
                took[job].append(whole - start)
                peaks[job] = max(peaks.get(job, 0), peak // 1024)
    best = {job: min(seconds) for job, seconds in took.items()}
    print(
        f"{TRAINVAL + TEST} images, best of {ROUNDS}; target 3.5 times the floor, a quarter of datasets' time"
    )
    for job, seconds in best.items():
        print(f"{job:9} {seconds:6.2f} s = {seconds / best['floor']:5.2f} floor, {peaks[job]} MiB at most")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        JOBS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(f"{usage.ru_utime + usage.ru_stime:.3f} s CPU, {usage.ru_maxrss} KiB")
    else:
        main()
