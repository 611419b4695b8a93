"""``export yolo`` and the way to and from COCO, beside the floor and what one would use instead.

Three tasks, each of as many images as a large release has; jobs run in turn, one process each:

- a table of 32,735 lesions without images to YOLO's labels; the floor writes the same files and does no more;
- COCO of 30,000 images to YOLO, and YOLO to COCO, with the images (thyrodata reads, hashes and copies them on
  ``convert``) and, of a dataset that is there, the labels alone.

labelformat and Datumaro take part where they can be imported (``PYTHONPATH``). CPU seconds (user + system of
the whole process), output on tmpfs where the machine has one; the same job on a tiny source is taken off.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS, IMAGES, TINY, ROUNDS = 32_735, 30_000, 10, 5
JPEG = b"\xff\xd8" + bytes.fromhex("ffc0000b080100010001011100 ffda0008010100003f00 00 ffd9")
"""A header that says 256 x 256 px, and an end; nothing here decodes it."""


# ---------------------------------------------------------------- sources


def make_table(raw: Path, rows: int) -> None:
    """Write a table of lesions in the layout of DeepLesion, a lesion a slice, coordinates 1-based."""
    raw.mkdir(parents=True)
    chance = random.Random(0)  # noqa: S311 -- no secret
    with (raw / "DL_info.csv").open("w", newline="") as stream:
        table = None
        for i in range(rows):
            patient, slice_index = i // 7 + 1, i % 7 + 10
            x, y = (round(chance.uniform(20, 400), 3) for _ in range(2))
            w, h = (round(chance.uniform(20, 80), 3) for _ in range(2))
            ends = (x + 5, y + 5, x + w - 5, y + h - 5, x + 5, y + h - 5, x + w - 5, y + 5)
            row = {
                "File_name": f"{patient:06d}_01_01_{slice_index:03d}.png",
                "Patient_index": patient,
                "Study_index": 1,
                "Series_ID": 1,
                "Key_slice_index": slice_index,
                "Measurement_coordinates": ", ".join(f"{n:.3f}" for n in ends),
                "Bounding_boxes": ", ".join(f"{n:.3f}" for n in (x, y, x + w, y + h)),
                "Lesion_diameters_Pixel_": "11.9677, 5.10387",
                "Normalized_lesion_location": "0.44666, 0.283794, 0.434454",
                "Coarse_lesion_type": i % 8 + 1 if i % 3 else -1,
                "Possibly_noisy": 0,
                "Slice_range": "5, 17",
                "Spacing_mm_px_": "0.488281, 0.488281, 5",
                "Image_size": "512, 512",
                "DICOM_windows": "-175, 275",
                "Patient_gender": "F",
                "Patient_age": 62,
                "Train_Val_Test": patient % 3 + 1,
            }
            if table is None:
                table = csv.DictWriter(stream, list(row), lineterminator="\n")
                table.writeheader()
            table.writerow(row)


def boxes(images: int) -> list[list[float]]:
    """One box for each image, left, top, width and height in whole pixels."""
    chance = random.Random(0)  # noqa: S311
    return [[float(chance.randint(0, 127)) for _ in range(2)] + [64.0, 32.0] for _ in range(images)]


def make_coco(raw: Path, images: int) -> None:
    (raw / "images").mkdir(parents=True)
    (raw / "annotations").mkdir()
    for i in range(1, images + 1):
        (raw / "images" / f"{i:06d}.jpg").write_bytes(JPEG + str(i).encode())
    said = {
        "images": [
            {"id": i, "file_name": f"{i:06d}.jpg", "width": 256, "height": 256} for i in range(1, images + 1)
        ],
        "categories": [{"id": 1, "name": "nodule"}],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": 1,
                "iscrowd": 0,
                "bbox": box,
                "area": box[2] * box[3],
                "segmentation": [],
            }
            for i, box in enumerate(boxes(images), 1)
        ],
    }
    (raw / "annotations" / "instances_train.json").write_text(json.dumps(said))


def make_yolo(raw: Path, images: int) -> None:
    for below in ("images", "labels"):
        (raw / below / "train").mkdir(parents=True)
    (raw / "data.yaml").write_text("train: images/train\nnames:\n  0: nodule\n")
    for i, (x, y, w, h) in enumerate(boxes(images), 1):
        line = f"0 {(x + w / 2) / 256} {(y + h / 2) / 256} {w / 256} {h / 256}\n"
        (raw / "images" / "train" / f"{i:06d}.jpg").write_bytes(JPEG + str(i).encode())
        (raw / "labels" / "train" / f"{i:06d}.txt").write_text(line)


def make_sources(base: Path, rows: int, images: int) -> None:
    """Write the sources and the datasets that exports are timed on."""
    from thyrodata import convert, export  # noqa: PLC0415
    from thyrodata.converters import settings_class  # noqa: PLC0415
    from thyrodata.exports.yolo import YoloSettings  # noqa: PLC0415

    only = settings_class("deeplesion")(annotations_only=True)
    make_table(base / "table", rows)
    make_coco(base / "coco", images)
    make_yolo(base / "yolo", images)
    convert(
        "deeplesion",
        base / "table",
        base / "lesions",
        settings=only,
        workers=1,
    )
    convert("coco", base / "coco", base / "from-coco", workers=1)
    convert("yolo", base / "yolo", base / "from-yolo", workers=1)
    labels = YoloSettings(labels_only=True)
    export("yolo", base / "lesions", base / "files", split="official", settings=labels)
    files = {
        str(file.relative_to(base / "files")): file.read_text() for file in (base / "files").rglob("*.txt")
    }
    (base / "files.json").write_text(json.dumps(files))


# ---------------------------------------------------------------- jobs


def write_files(base: Path, out: Path) -> None:
    """The floor: the label files that the export writes, and nothing else."""
    files = json.loads((base / "files.json").read_text())
    for part in ("train", "val", "test"):
        (out / "labels" / part).mkdir(parents=True)
    for name, text in files.items():
        with open(f"{out}/{name}", "w") as stream:  # noqa: PTH123 -- a path object costs as much again
            stream.write(text)


def export_lesions(base: Path, out: Path) -> None:
    _export("yolo", base / "lesions", out)


def export_yolo(base: Path, out: Path) -> None:
    _export("yolo", base / "from-coco", out)


def export_coco(base: Path, out: Path) -> None:
    _export("coco", base / "from-yolo", out)


def _export(name: str, dataset: Path, out: Path) -> None:
    from thyrodata import export  # noqa: PLC0415
    from thyrodata.exports import settings_class  # noqa: PLC0415

    export(name, dataset, out, split="official", settings=settings_class(name)(labels_only=True))


def coco_to_yolo(base: Path, out: Path) -> None:
    _through("coco", base / "coco", "yolo", out)


def yolo_to_coco(base: Path, out: Path) -> None:
    _through("yolo", base / "yolo", "coco", out)


def _through(source: str, raw: Path, target: str, out: Path) -> None:
    from thyrodata import convert, export  # noqa: PLC0415

    convert(source, raw, out / "dataset", workers=1)
    export(target, out / "dataset", out / target, split="official", link=True)


def labelformat_coco_to_yolo(base: Path, out: Path) -> None:
    from labelformat.formats import COCOObjectDetectionInput, YOLOv8ObjectDetectionOutput  # noqa: PLC0415

    source = COCOObjectDetectionInput(input_file=base / "coco" / "annotations" / "instances_train.json")
    YOLOv8ObjectDetectionOutput(output_file=out / "data.yaml", output_split="train").save(label_input=source)


def labelformat_yolo_to_coco(base: Path, out: Path) -> None:
    from labelformat.formats import COCOObjectDetectionOutput, YOLOv8ObjectDetectionInput  # noqa: PLC0415

    source = YOLOv8ObjectDetectionInput(input_file=base / "yolo" / "data.yaml", input_split="train")
    COCOObjectDetectionOutput(output_file=out / "train.json").save(label_input=source)


def datumaro_lesions(base: Path, out: Path) -> None:
    import datumaro as dm  # noqa: PLC0415

    items = []
    with (base / "table" / "DL_info.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            x0, y0, x1, y1 = (float(n) - 1 for n in row["Bounding_boxes"].split(","))
            box = dm.Bbox(x0, y0, x1 - x0, y1 - y0, label=max(int(row["Coarse_lesion_type"]), 0))
            media = dm.Image.from_file(path=row["File_name"], size=(512, 512))
            part = ("train", "val", "test")[int(row["Train_Val_Test"]) - 1]
            items.append(dm.DatasetItem(row["File_name"][:-4], subset=part, media=media, annotations=[box]))
    labels = [f"type{i}" for i in range(9)]
    dm.Dataset.from_iterable(items, categories=labels).export(str(out), "yolo", save_media=False)


def datumaro_coco_to_yolo(base: Path, out: Path) -> None:
    _datumaro(base / "coco", "coco", out, "yolo")


def datumaro_yolo_to_coco(base: Path, out: Path) -> None:
    _datumaro(base / "yolo", "yolo", out, "coco_instances")


def _datumaro(raw: Path, source: str, out: Path, target: str) -> None:
    import datumaro as dm  # noqa: PLC0415

    dm.Dataset.import_from(str(raw), source).export(str(out), target, save_media=False)


TASKS = {
    "lesions to YOLO's labels": (export_lesions, write_files, datumaro_lesions),
    "COCO to YOLO": (export_yolo, coco_to_yolo, labelformat_coco_to_yolo, datumaro_coco_to_yolo),
    "YOLO to COCO": (export_coco, yolo_to_coco, labelformat_yolo_to_coco, datumaro_yolo_to_coco),
}
"""The first job of each task is what the others are compared with."""

JOBS = {job.__name__: job for jobs in TASKS.values() for job in jobs}


def available(job: str) -> bool:
    tool = job.partition("_")[0]
    return tool not in {"labelformat", "datumaro"} or importlib.util.find_spec(tool) is not None


def cpu_seconds(job: str, base: Path) -> tuple[float, int]:
    """Run one job in a process of its own; return its CPU seconds and peak memory in KiB."""
    out = base / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, __file__, job, str(base), str(out)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, peak = re.search(r"^cpu ([\d.]+) (\d+)$", said, re.MULTILINE).groups()  # type: ignore[union-attr]
    shutil.rmtree(out, ignore_errors=True)
    return float(seconds), int(peak)


def main() -> None:
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    with tempfile.TemporaryDirectory(dir=place) as folder:
        tiny, whole = Path(folder, "tiny"), Path(folder, "whole")
        for base, rows, images in ((tiny, TINY, TINY), (whole, ROWS, IMAGES)):
            # In a process of its own: a child's peak memory begins with its parent's.
            subprocess.run(
                [sys.executable, __file__, "sources", str(base), str(rows), str(images)], check=True
            )
        for task, jobs in TASKS.items():
            names = [job.__name__ for job in jobs if available(job.__name__)]
            took: dict[str, list[float]] = {name: [] for name in names}
            peaks = dict.fromkeys(names, 0)
            for _ in range(ROUNDS):
                for name in names:
                    start, _peak = cpu_seconds(name, tiny)
                    seconds, peaks[name] = cpu_seconds(name, whole)
                    took[name].append(seconds - start)
            first, *others = names
            print(f"{task}:")
            for name in names:
                print(f"  {name:26} {statistics.median(took[name]):6.2f} s CPU  {peaks[name] // 1024} MiB")
            for name in others:
                ratio = statistics.median(b / a for a, b in zip(took[first], took[name], strict=True))
                print(f"  {name} / {first}: {ratio:.2f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["sources"]:
        make_sources(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    elif len(sys.argv) > 1:
        JOBS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(f"\ncpu {usage.ru_utime + usage.ru_stime:.3f} {usage.ru_maxrss}")
    else:
        main()
