"""Tasks for CVAT, with shapes that are shown or without: the format "CVAT for images 1.1".

The grammar is that of the page "XML annotation format" of CVAT's documentation. CVAT itself writes two
decimals of a coordinate; here as many are written as it takes to read back what it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

import numpy as np
from lxml import etree

from thyrodata.io.drawn import GivenImage, GivenShape
from thyrodata.io.masks import decode_mask
from thyrodata.schema.geometry import Box, Line, Mask, Point, Polygon

__all__ = ["cvat_labels", "cvat_task"]

_FROM_A_FILE = "file"
"""CVAT's word for the source of a shape that nobody has drawn in it."""


def cvat_labels(shapes: Iterable[str], tags: Iterable[str]) -> bytes:
    """Return the JSON text that the task constructor takes as its raw labels.

    Args:
        shapes: Labels of what is drawn, by any tool.
        tags: Labels of the whole image.
    """
    labels = [{"name": name, "type": "any", "attributes": []} for name in shapes]
    labels += [{"name": name, "type": "tag", "attributes": []} for name in tags]
    return (json.dumps(labels, indent=2) + "\n").encode()


def cvat_task(images: Sequence[GivenImage], labels: Iterable[str]) -> bytes:
    """Return the annotations of a task with what is shown on its images, which has no tag.

    Args:
        images: The images of the task, in the order of their names.
        labels: The names of all labels.
    """
    root = etree.Element("annotations")
    etree.SubElement(root, "version").text = "1.1"
    task = etree.SubElement(etree.SubElement(root, "meta"), "task")
    etree.SubElement(task, "size").text = str(len(images))
    etree.SubElement(task, "mode").text = "annotation"
    known = etree.SubElement(task, "labels")
    for name in labels:
        etree.SubElement(etree.SubElement(known, "label"), "name").text = name
    for number, image in enumerate(images):
        name = PurePosixPath(image.file).name
        size = {"width": str(image.width), "height": str(image.height)}
        element = etree.SubElement(root, "image", {"id": str(number), "name": name, **size})
        for shape in image.shapes:
            _add_shape(element, shape)
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True))


def _add_shape(image: etree._Element, shape: GivenShape) -> None:
    said = {"label": shape.label, "source": _FROM_A_FILE, "occluded": "0"}
    match shape.geometry:
        case Box() as box:
            sides = {"xtl": box.x, "ytl": box.y, "xbr": box.x + box.width, "ybr": box.y + box.height}
            tag, own = "box", {name: repr(float(side)) for name, side in sides.items()}
        case Polygon(parts=(part,)):
            tag, own = "polygon", {"points": _points_text(part.exterior)}
        case Line(points=points):
            tag, own = "polyline", {"points": _points_text(points)}
        case Mask() as mask:
            tag, own = "mask", _runs_of(mask)
        case _:
            raise ValueError("CVAT has no polygon of several parts")
    etree.SubElement(image, tag, {**said, **own, "z_order": "0"})


def _points_text(points: Iterable[Point]) -> str:
    return ";".join(f"{float(x)!r},{float(y)!r}" for x, y in points)


def _runs_of(mask: Mask) -> dict[str, str]:
    pixels = decode_mask(mask)
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    inside = pixels[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    height, width = inside.shape
    flat = np.concatenate(([False], inside.ravel(), [not inside[-1, -1]]))  # a run ends where the next begins
    runs = np.diff(np.flatnonzero(flat[1:] != flat[:-1]), prepend=0)
    return {
        "rle": ", ".join(map(str, runs.tolist())),
        "left": str(left),
        "top": str(top),
        "width": str(width),
        "height": str(height),
    }
