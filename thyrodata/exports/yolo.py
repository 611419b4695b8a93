"""YOLO's folders: an image and a text file of the same name for each, and ``data.yaml``.

A line of a label file is the class, numbered from 0, and the centre, width and height of the box, or the
corners of the outline, as shares of the image's own width and height. A file without a line says that the
image shows nothing: only true negatives have one. ``data.yaml`` names no ``path``: folders lie beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from thyrodata.exports.boxes import BoxedImage, boxed_images
from thyrodata.exports.folder import FileNames, Folder, file_name
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.shapes import Outside, Shape
from thyrodata.exports.view import View, ViewedImage
from thyrodata.exports.windows import PictureSettings
from thyrodata.schema.geometry import Polygon

__all__ = ["Task", "YoloSettings", "export_yolo"]


class Task(Enum):
    """What a YOLO model is trained for."""

    DETECT = "detect"
    SEGMENT = "segment"


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloSettings(PictureSettings):
    """How YOLO's files are written."""

    task: Task = field(default=Task.DETECT, metadata={"help": "detect writes boxes, segment outlines"})
    clip: bool = field(
        default=False, metadata={"help": "cut off at the image's edge what leaves it: trainers refuse it"}
    )


def export_yolo(view: View, out: Folder, settings: YoloSettings) -> LossLedger:
    """Write ``images/<part>/``, ``labels/<part>/`` and ``data.yaml``."""
    shown = replace(
        view,
        shape=Shape.BOX if settings.task is Task.DETECT else Shape.OUTLINE,
        outside=Outside.CLIP if settings.clip else Outside.NAME,
        images=not settings.labels_only,
        window=settings.pixel_choice(),
        holds=frozenset(),
    )
    classes = {name: number for number, name in enumerate(view.categories)}
    labelled = _boxes(shown, classes) if settings.task is Task.DETECT else _outlines(shown, classes)
    names = FileNames(view.ledger)
    for image, lines in labelled:
        stem, suffix = _place(image)
        stem = names.take(stem)
        out.write(f"labels/{stem}.txt", lines.encode())
        if not settings.labels_only:
            out.image(image, f"images/{stem}{suffix}")
    out.write("data.yaml", _data_yaml(view).encode())
    return view.ledger


def _place(image: BoxedImage | ViewedImage) -> tuple[str, str]:
    """Return an image's place below ``images/``, which begins with its part, and its suffix.

    Trainers find a label by putting ``labels`` in the place of the last folder called ``images``, so there is
    no other one; and a release that has a folder for each part does not get two.
    """
    stem, suffix = file_name(image)
    if "/" not in stem:
        return f"{image.part}/{stem}", suffix
    *folders, last = stem.split("/")
    kept = [folder for folder in folders if folder != "images"]
    if kept[:1] == [image.part]:
        del kept[0]
    return "/".join([image.part, *kept, last]), suffix


# Eight decimals of a side: a hundredth of a pixel in a million.


def _boxes(view: View, classes: Mapping[str, int]) -> Iterator[tuple[BoxedImage, str]]:
    """Yield each image with the lines of its boxes."""
    for image in boxed_images(view):
        width, height = image.width, image.height
        lines = [
            f"{classes[name]} {(x + w / 2) / width:.8f} {(y + h / 2) / height:.8f} "
            f"{w / width:.8f} {h / height:.8f}\n"
            for name, (x, y, w, h) in image.boxes
        ]
        yield image, "".join(lines)


def _outlines(view: View, classes: Mapping[str, int]) -> Iterator[tuple[ViewedImage, str]]:
    """Yield each image with the lines of its outlines."""
    for image in view:
        width, height = image.record.image.width, image.record.image.height
        lines = []
        for viewed in image.findings:
            if isinstance(viewed.geometry, Polygon):
                (part,) = viewed.geometry.parts
                shares = (f" {x / width:.8f} {y / height:.8f}" for x, y in part.exterior)
                lines.append(f"{classes[viewed.category]}{''.join(shares)}\n")
        yield image, "".join(lines)


def _data_yaml(view: View) -> str:
    """Return the content of ``data.yaml``; a string of JSON is one of YAML."""
    parts = sorted(view.parts, key=_part_rank)
    lines = [f"{part}: images/{part}" for part in parts]
    lines += ["names:", *(f"  {i}: {json.dumps(name)}" for i, name in enumerate(view.categories))]
    return "\n".join(lines) + "\n"


def _part_rank(part: str) -> tuple[int, str]:
    usual = ("train", "val", "test")
    return (usual.index(part), "") if part in usual else (len(usual), part)
