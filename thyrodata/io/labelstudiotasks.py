"""Tasks for Label Studio, with shapes that are shown or without, and its labeling configuration.

The grammar is that of the pages "Import pre-annotated data into Label Studio" and "Units of image
annotations" and of the tags ``RectangleLabels``, ``PolygonLabels``, ``BrushLabels`` and ``Choices`` in its
documentation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lxml import etree

from thyrodata.io.brush import brush_rle
from thyrodata.io.drawn import GivenImage, GivenShape
from thyrodata.schema.geometry import Box, Mask, Polygon

__all__ = ["label_studio_config", "label_studio_tasks"]

_LOCAL_FILES = "/data/local-files/?d="
_CONTROLS = {"polygonlabels": "polygon", "rectanglelabels": "box", "brushlabels": "brush"}
"""The name that the labeling configuration gives the control of each kind of shape."""
_SHOWN = "readings"
"""Stands where a prediction names its model."""


def label_studio_tasks(images: Iterable[GivenImage]) -> bytes:
    """Return a list of tasks, whose images lie below the folder that Label Studio serves local files from.

    What is shown is a prediction: Label Studio copies it into the annotation of whoever works on the task,
    where it can be changed. An annotation would make every task one that somebody has worked on.
    """
    tasks = []
    for number, image in enumerate(images):
        task: dict[str, Any] = {"data": {"image": f"{_LOCAL_FILES}{image.file}"}}
        if image.shapes:
            result = [
                _result(shape, image, f"shown-{number}-{place}") for place, shape in enumerate(image.shapes)
            ]
            task["predictions"] = [{"model_version": _SHOWN, "result": result}]
        tasks.append(task)
    return (json.dumps(tasks) + "\n").encode()


def _result(shape: GivenShape, image: GivenImage, result_id: str) -> dict[str, Any]:
    def percent(x: float, y: float) -> list[float]:
        return [x * 100 / image.width, y * 100 / image.height]

    value: dict[str, Any]
    match shape.geometry:
        case Box() as box:
            kind = "rectanglelabels"
            (x, y), (width, height) = percent(box.x, box.y), percent(box.width, box.height)
            value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
        case Polygon(parts=(part,)):
            kind = "polygonlabels"
            value = {"points": [percent(*point) for point in part.exterior], "closed": True}
        case Mask() as mask:
            kind = "brushlabels"
            value = {"format": "rle", "rle": brush_rle(mask)}
        case _:
            raise ValueError("Label Studio has no line, and no polygon of several parts")
    return {
        "id": result_id,
        "type": kind,
        "from_name": _CONTROLS[kind],
        "to_name": "image",
        "original_width": image.width,
        "original_height": image.height,
        "image_rotation": 0,
        "value": {**value, kind: [shape.label]},
    }


def label_studio_config(shapes: Iterable[str], tags: Iterable[str]) -> bytes:
    """Return the labeling configuration.

    Args:
        shapes: Labels of what is drawn, as a polygon, rectangle or brush.
        tags: What is said of the whole image, one of them of each.
    """
    view = etree.Element("View")
    etree.SubElement(view, "Image", {"name": "image", "value": "$image", "zoom": "true"})
    names = tuple(shapes)
    for kind in ("PolygonLabels", "RectangleLabels", "BrushLabels"):
        control = etree.SubElement(view, kind, {"name": _CONTROLS[kind.lower()], "toName": "image"})
        for label in names:
            etree.SubElement(control, "Label", {"value": label})
    said = {"name": "said", "toName": "image", "choice": "single", "required": "true"}
    choices = etree.SubElement(view, "Choices", said)
    for tag in tags:
        etree.SubElement(choices, "Choice", {"value": tag})
    return bytes(etree.tostring(view, encoding="utf-8", xml_declaration=True, pretty_print=True))
