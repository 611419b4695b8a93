"""``convert tn3k`` on 3,493 phantom pairs of image and mask against the floor: decode, hash, copy.

CPU seconds (user + system of the whole process) of one process each, in turn, output on tmpfs where the
machine has one; the start of the interpreter and of the imports is taken off each. Beside the floor and
thyrodata run what a user would write or install instead: a careful script on pycocotools, and, where
``BENCH_DATUMARO`` or ``BENCH_SUPERVISION`` name a folder that pip has installed them to (``pip install
--target``), Datumaro and supervision.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from release import with_comment

TRAINVAL, TEST = 2879, 614
DRAWN = 240
"""Pairs that are really drawn; the others are their copies with another JPEG comment."""
ROUNDS = 5


# ---------------------------------------------------------------- the folder that all read


def make(raw: Path, trainval: int, test: int, quality: int = 90) -> None:
    """Write a folder in the layout of TN3K."""
    pairs = [_pair(seed, quality) for seed in range(min(DRAWN, trainval + test))]
    for part, count in (("trainval", trainval), ("test", test)):
        for kind in ("image", "mask"):
            (raw / f"{part}-{kind}").mkdir(parents=True)
        for number in range(count):
            image, mask = pairs[number % len(pairs)]
            copy = number + (trainval if part == "test" else 0)
            (raw / f"{part}-image" / f"{number:04d}.jpg").write_bytes(with_comment(image, copy))
            (raw / f"{part}-mask" / f"{number:04d}.jpg").write_bytes(with_comment(mask, copy))
        labels = "".join(f"{number:04d}.jpg,{number % 3 // 2}\n" for number in range(count))
        (raw / f"label4{part}.csv").write_text(labels)
    for fold in range(5):
        said = {"val": [*range(fold, trainval, 5)], "train": [k for k in range(trainval) if k % 5 != fold]}
        (raw / f"tn3k-trainval-fold{fold}.json").write_text(json.dumps(said))


def _pair(seed: int, quality: int) -> tuple[bytes, bytes]:
    from thyrodata.phantoms import PhantomSpec, phantom  # noqa: PLC0415 -- not in the jobs that are measured

    width, height = 380 + seed % 7 * 8, 280 + seed % 5 * 8
    drawn = phantom(PhantomSpec(seed=seed, width=width, height=height))
    mask = Image.new("L", (width, height))
    for nodule in drawn.nodules:
        ImageDraw.Draw(mask).polygon(nodule.outline, fill=255)
    return _jpeg(Image.fromarray(drawn.pixels).convert("L"), quality), _jpeg(mask, 75)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=quality)
    return buffer.getvalue()


# ---------------------------------------------------------------- the jobs


def pairs(raw: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield a name, the image and the mask of every pair."""
    for part in ("trainval", "test"):
        for name in sorted(entry.name for entry in os.scandir(raw / f"{part}-image")):
            yield f"{part}-{name}", raw / f"{part}-image" / name, raw / f"{part}-mask" / name


def floor(raw: Path, out: Path) -> None:
    """Read each file once and hash it, write the copy of each image, decode each mask."""
    out.mkdir(parents=True)
    for name, image, mask in pairs(raw):
        data = image.read_bytes()
        hashlib.sha256(data).hexdigest()
        (out / name).write_bytes(data)
        data = mask.read_bytes()
        hashlib.sha256(data).hexdigest()
        np.asarray(Image.open(io.BytesIO(data)))


def converted(raw: Path, out: Path) -> None:
    """What a user runs, in one process. It writes six COCO files of every mask: the folds and the default."""
    from thyrodata import convert  # noqa: PLC0415

    convert("tn3k", raw, out, workers=1)


def scripted(raw: Path, out: Path) -> None:
    """A careful script on pycocotools: one COCO file, no hash, no label, no split, no check."""
    from pycocotools import mask as coco_mask  # noqa: PLC0415

    out.mkdir(parents=True)
    images, annotations = [], []
    for number, (name, image, mask) in enumerate(pairs(raw), 1):
        shutil.copyfile(image, out / name)
        foreground = np.asarray(Image.open(mask)) > 127
        height, width = foreground.shape
        rle = coco_mask.encode(np.asfortranarray(foreground, np.uint8))
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "iscrowd": 0,
                "area": int(coco_mask.area(rle)),
                "bbox": coco_mask.toBbox(rle).tolist(),
                "segmentation": {"size": [height, width], "counts": rle["counts"].decode()},
            }
        )
    said = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "nodule"}]}
    (out / "instances.json").write_text(json.dumps(said))


def datumaro(raw: Path, out: Path) -> None:
    """Datumaro's dataset of masks, exported as COCO with its images."""
    import datumaro as dm  # noqa: PLC0415

    def items() -> Iterator[dm.DatasetItem]:
        for name, image, mask in pairs(raw):
            foreground = np.asarray(Image.open(mask)) > 127
            yield dm.DatasetItem(
                id=name.removesuffix(".jpg"),
                media=dm.Image.from_file(path=str(image)),
                annotations=[dm.Mask(image=foreground, label=0)],
            )

    dataset = dm.Dataset.from_iterable(list(items()), categories=["nodule"])
    dataset.export(str(out), "coco_instances", save_media=True)


def supervised(raw: Path, out: Path) -> None:
    """Supervision's dataset of masks, exported as COCO with its images."""
    import supervision as sv  # noqa: PLC0415

    for part in ("trainval", "test"):  # it refuses two images of one name
        annotations = {}
        for name, image, mask in pairs(raw):
            if name.startswith(part):
                foreground = (np.asarray(Image.open(mask)) > 127)[np.newaxis]
                annotations[str(image)] = sv.Detections(
                    xyxy=sv.mask_to_xyxy(foreground), mask=foreground, class_id=np.array([0])
                )
        dataset = sv.DetectionDataset(["nodule"], list(annotations), annotations)
        dataset.as_coco(str(out / part), str(out / f"{part}.json"))


JOBS = {
    "floor": floor,
    "convert": converted,
    "pycocotools": scripted,
    "datumaro": datumaro,
    "supervision": supervised,
}
INSTALLED_AT = {"datumaro": "BENCH_DATUMARO", "supervision": "BENCH_SUPERVISION"}


# ---------------------------------------------------------------- measuring


def measure(job: str, raw: Path, out: Path) -> tuple[float, int]:
    """Run one job in a process of its own; return its CPU seconds and peak memory in KiB."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, __file__, job, str(raw), str(out)]
    folder = os.environ.get(INSTALLED_AT.get(job, ""))
    environment = {**os.environ, "PYTHONPATH": folder} if folder else None
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    seconds, peak = re.findall(r"^([\d.]+) s CPU, (\d+) KiB$", said, re.MULTILINE)[-1]
    return float(seconds), int(peak)


def main() -> None:
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    jobs = [job for job in JOBS if job not in INSTALLED_AT or os.environ.get(INSTALLED_AT[job])]
    for job in JOBS.keys() - set(jobs):
        print(f"{job}: not installed ({INSTALLED_AT[job]} names no folder)")
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        base = Path(temporary)
        tiny, raw = base / "tiny", base / "raw"
        for folder, trainval, test in ((tiny, 10, 5), (raw, TRAINVAL, TEST)):
            # In a process of its own: a child's peak is never told lower than its parent's was.
            maker = multiprocessing.get_context("spawn").Process(target=make, args=(folder, trainval, test))
            maker.start()
            maker.join()
        took: dict[str, list[float]] = {job: [] for job in jobs}
        for _ in range(ROUNDS):
            for job in jobs:
                start, tiny_peak = measure(job, tiny, base / "out")
                whole, peak = measure(job, raw, base / "out")
                took[job].append(whole - start)
                grown = (peak - tiny_peak) // 1024
                print(f"{job:11} {whole - start:6.2f} s CPU, {peak // 1024} MiB ({grown} grown)", flush=True)
    best = {job: min(seconds) for job, seconds in took.items()}
    print(f"{TRAINVAL + TEST} pairs, best of {ROUNDS}; target 1.5 times the floor and a fifth of Datumaro")
    for job, seconds in best.items():
        print(f"{job:11} {seconds:6.2f} s = {seconds / best['floor']:5.2f} floor = ", end="")
        print(f"{seconds / best['convert']:5.2f} convert")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        JOBS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(f"{usage.ru_utime + usage.ru_stime:.3f} s CPU, {usage.ru_maxrss} KiB")
    else:
        main()
