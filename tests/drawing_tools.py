"""CVAT and Label Studio as far as they write what a reader has drawn, written from their documentation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from xml.sax.saxutils import quoteattr

import numpy as np
from pycocotools import mask as coco_mask

from thyrodata.schema.geometry import Box, Line, Mask, Polygon

__all__ = ["WRITERS", "Drawn", "brush_rle", "cvat_xml", "label_studio_json", "pixels_of"]


@dataclass
class Drawn:
    """An image as a reader leaves it in a tool: shapes with their labels, and tags."""

    name: str
    width: int
    height: int
    shapes: Sequence[tuple[str, Box | Polygon | Mask | Line]] = ()
    tags: Sequence[str] = field(default_factory=tuple)


def pixels_of(mask: Mask) -> np.ndarray:
    """The pixels of a mask, as pycocotools decodes it: bool (height, width)."""
    return coco_mask.decode({"size": [mask.height, mask.width], "counts": mask.counts}).astype(bool)


# ---------------------------------------------------------------- CVAT


def cvat_xml(images: Iterable[Drawn]) -> bytes:
    """The annotations as CVAT exports them: coordinates have two decimals."""
    text = "".join(
        f'<image id="{number}" name={quoteattr(image.name)} width="{image.width}" height="{image.height}">\n'
        + "".join(_cvat_shape(label, shape) for label, shape in image.shapes)
        + "".join(f'<tag label={quoteattr(tag)} source="manual"></tag>\n' for tag in image.tags)
        + "</image>\n"
        for number, image in enumerate(images)
    )
    head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta></meta>\n'
    return f"{head}{text}</annotations>\n".encode()


def _cvat_shape(label, shape) -> str:
    said = f'label={quoteattr(label)} source="manual" occluded="0"'
    match shape:
        case Box():
            sides = {
                "xtl": shape.x,
                "ytl": shape.y,
                "xbr": shape.x + shape.width,
                "ybr": shape.y + shape.height,
            }
            tag, own = "box", " ".join(f'{name}="{value:.2f}"' for name, value in sides.items())
        case Polygon():
            (part,) = shape.parts
            tag, own = "polygon", f'points="{_cvat_points(part.exterior)}"'
        case Line():
            tag, own = "polyline", f'points="{_cvat_points(shape.points)}"'
        case Mask():
            tag, own = "mask", _cvat_mask(pixels_of(shape))
    return f'<{tag} {said} {own} z_order="0">\n</{tag}>\n'


def _cvat_points(points) -> str:
    return ";".join(f"{x:.2f},{y:.2f}" for x, y in points)


def _cvat_mask(pixels) -> str:
    ys, xs = np.nonzero(pixels)
    left, top = xs.min(), ys.min()
    inside = pixels[top : ys.max() + 1, left : xs.max() + 1]
    flat = inside.ravel().tolist()  # row by row
    runs = [len(list(run)) for _, run in groupby(flat)]
    runs = [0, *runs] if flat[0] else runs  # the first run is of background
    height, width = inside.shape
    rle = ", ".join(map(str, runs))
    return f'rle="{rle}" left="{left}" top="{top}" width="{width}" height="{height}"'


# ---------------------------------------------------------------- Label Studio


def label_studio_json(images: Iterable[Drawn], account: int = 1) -> bytes:
    """The tasks as Label Studio exports them: one whose annotation is empty was not worked on."""
    tasks = []
    for number, image in enumerate(images, 1):
        result = [_region(image, label, shape, i) for i, (label, shape) in enumerate(image.shapes)]
        result += [_choice(tag) for tag in image.tags]
        annotation = {
            "id": 100 + number,
            "completed_by": account,
            "result": result,
            "was_cancelled": False,
            "ground_truth": False,
            "lead_time": 4.288,
        }
        task = {
            "id": number,
            "annotations": [annotation] if result else [],
            "predictions": [],
            "data": {"image": f"/data/local-files/?d=batch-01/images/{image.name}"},
        }
        tasks.append(task)
    return json.dumps(tasks).encode()


def _region(image, label, shape, number):
    def percent(x, y):
        return [x / image.width * 100, y / image.height * 100]

    match shape:
        case Box():
            kind = "rectanglelabels"
            x, y = percent(shape.x, shape.y)
            width, height = percent(shape.width, shape.height)
            value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
        case Polygon():
            kind = "polygonlabels"
            value = {"points": [percent(*point) for point in shape.parts[0].exterior], "closed": True}
        case Mask():
            kind = "brushlabels"
            value = {"format": "rle", "rle": brush_rle(pixels_of(shape))}
    return {
        "id": f"r{number}",
        "type": kind,
        "from_name": kind,
        "to_name": "image",
        "origin": "manual",
        "image_rotation": 0,
        "original_width": image.width,
        "original_height": image.height,
        "value": {**value, kind: [label]},
    }


def _choice(text):
    return {
        "id": "c",
        "type": "choices",
        "from_name": "said",
        "to_name": "image",
        "value": {"choices": [text]},
    }


def brush_rle(
    pixels: np.ndarray,
    *,
    colour: tuple[int, int, int, int] = (7, 255, 0, 90),
    sizes: tuple[int, int, int, int] = (3, 4, 8, 16),
    literal: bool = False,
) -> list[int]:
    """The bytes of a brush of one colour, packed by writing out every bit."""
    values = [channel for painted in pixels.ravel() for channel in (colour if painted else (0, 0, 0, 0))]
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    longest = 1 << sizes[3]
    runs = [list(run) for _, run in groupby(values)] if not literal else [values]
    for run in runs:
        for start in range(0, len(run), longest):
            piece = run[start : start + longest]
            choice = next(i for i, size in enumerate(sizes) if len(piece) <= 1 << size)
            bits += f"{0 if literal else 1}{choice:02b}{len(piece) - 1:0{sizes[choice]}b}"
            bits += "".join(f"{value:08b}" for value in (piece if literal else piece[:1]))
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


WRITERS: dict[str, Callable[[Iterable[Drawn]], bytes]] = {
    "cvat": cvat_xml,
    "label-studio": label_studio_json,
}
