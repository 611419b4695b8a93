"""5,000 synthetic images into FiftyOne: ``browse`` against FiftyOne's own importer of COCO, by turns.

What is measured runs in FiftyOne's own environment, with a mongod on the path or in .cache/mongod. Both
begin with a dataset on disk and end with a FiftyOne dataset of all images and outlines, each in a process of
its own; the start of the interpreter, of FiftyOne and of the connection is not counted. COCO's file has the
outlines and sizes; what records say beside them has no place in it, and is brought by ``browse`` alone.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
from pathlib import Path

from release import make_release

from thyrodata import convert

PYTHON = ".cache/fiftyone/bin/python"
IMAGES = 5_000
ROUNDS = 3
READY = """
import resource, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import fiftyone
from thyrodata.curation.browse import browse_dataset
fiftyone.list_datasets()
data, name = Path(sys.argv[1]), sys.argv[2]
before, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
"""
BROWSE = "browse_dataset(data, name=name)"
COCO = """
fiftyone.Dataset.from_dir(
    dataset_type=fiftyone.types.COCODetectionDataset, data_path=str(data / "images"), name=name,
    labels_path=str(data / "coco.json"), label_types="segmentations", use_polylines=True, progress=False,
)
"""
DONE = """
now, after = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - before
made = fiftyone.load_dataset(name)
fields = made.get_field_schema(embedded_doc_type=fiftyone.Polylines)
shapes = sum(made.count(f"{field}.polylines") for field in fields)
cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
print(f"{after} {cpu} {now.ru_maxrss} {len(made)} {shapes} {len(made.get_field_schema(flat=True))}")
"""
JOBS = {"browse": BROWSE, "COCO importer": COCO}


def main() -> None:
    mongod = shutil.which("mongod") or ".cache/mongod/fiftyone/db/bin/mongod"
    if not Path(mongod).exists() or not Path(PYTHON).exists():
        print("FiftyOne or a mongod is not installed: make fiftyone")
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_release(folder / "raw", IMAGES, size=(64, 48))
        convert("ddti", folder / "raw", folder / "data")
        join_coco(folder / "data")
        (folder / "database").mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        where = ["--dbpath", folder / "database", "--bind_ip", "127.0.0.1", "--port", port]
        database = subprocess.Popen([mongod, *where, "--nounixsocket"], stdout=subprocess.DEVNULL)
        try:
            measure(folder, port)
        finally:
            database.terminate()
            database.wait()


def join_coco(data: Path) -> None:
    """Write one COCO file of all parts, which FiftyOne's importer takes."""
    whole = {"images": [], "annotations": [], "categories": []}
    for file in sorted((data / "annotations/default").glob("instances_*.json")):
        said = json.loads(file.read_text())
        whole["categories"] = said["categories"]
        for key in ("images", "annotations"):
            whole[key] += said[key]
    for image in whole["images"]:
        image["file_name"] = image["file_name"].removeprefix("images/")
    (data / "coco.json").write_text(json.dumps(whole))


def measure(folder: Path, port: str) -> None:
    environment = {
        **os.environ,
        "HOME": str(folder),
        "FIFTYONE_DATABASE_URI": f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=20000",
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_DO_NOT_TRACK": "true",
    }
    took: dict[str, list[list[float]]] = {job: [] for job in JOBS}
    for turn in range(ROUNDS):
        for job, text in JOBS.items():
            command = [PYTHON, "-c", READY + text + DONE, folder / "data", f"{job} {turn}"]
            said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
            took[job].append([float(number) for number in said.splitlines()[-1].split()])
    for job, rounds in took.items():
        wall, cpu, peak, images, shapes, fields = map(statistics.median, zip(*rounds, strict=True))
        print(
            f"{job:14} {wall:6.2f} s, {cpu:6.2f} s CPU here, peak {peak / 1024:5.0f} MiB; "
            f"{images:.0f} images, {shapes:.0f} outlines, {fields:.0f} fields"
        )
    ours, theirs = ([each[0] for each in took[job]] for job in JOBS)
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    print(f"browse is {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
