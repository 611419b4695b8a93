"""What is known of an image and its findings as JSON whose fields are each of one type whatever they hold."""

from __future__ import annotations

from typing import Any

from thyrodata.exports.cocoentries import annotation_entries, image_entry
from thyrodata.exports.view import ViewedImage

__all__ = ["SAMPLE_TYPES", "sample_entry"]

_LABELS = [
    {"name": "value", "dtype": "string"},
    {"name": "edition", "dtype": "string"},
    {"name": "basis", "dtype": "string"},
    {"name": "reader", "dtype": "string"},
]

SAMPLE_TYPES: list[dict[str, Any]] = [
    {"name": "image_id", "dtype": "string"},
    {"name": "group_id", "dtype": "string"},
    {"name": "group_kind", "dtype": "string"},
    {"name": "part", "dtype": "string"},
    {"name": "width", "dtype": "int64"},
    {"name": "height", "dtype": "int64"},
    {"name": "coverage", "dtype": "string"},
    {"name": "case_labels", "list": _LABELS},
    {"name": "image_labels", "list": _LABELS},
    {
        "name": "findings",
        "list": [
            {"name": "finding_id", "dtype": "string"},
            {"name": "category", "dtype": "string"},
            {"name": "structure", "dtype": "string"},
            {"name": "crowd", "dtype": "bool"},
            {"name": "bbox", "list": "float64"},
            {"name": "area", "dtype": "float64"},
            {"name": "polygons", "list": {"list": "float64"}},
            {
                "name": "rle",
                "struct": [{"name": "size", "list": "int64"}, {"name": "counts", "dtype": "string"}],
            },
            {"name": "labels", "list": _LABELS},
            {"name": "nodule_id", "dtype": "string"},
            {"name": "reader", "dtype": "string"},
            {"name": "score", "dtype": "float64"},
        ],
    },
]
"""The types of the fields, as the YAML of a dataset's card says them to ``datasets``."""


def sample_entry(image: ViewedImage) -> dict[str, Any]:
    """Return what COCO's entries say of an image and its findings, less their numbers.

    ``bbox`` is left, top, width and height in pixels. An outline is in ``polygons``, a ring x0, y0, x1, ...
    for each part, a mask in ``rle``; a box has neither.
    """
    entry: dict[str, Any] = {**image_entry(image)}
    for name in ("id", "file_name"):
        del entry[name]
    return {**entry, "part": image.part, "findings": [*_findings(image)]}


def _findings(image: ViewedImage) -> list[dict[str, Any]]:
    numbers = {viewed.category: 0 for viewed in image.findings}
    found = []
    for viewed, annotation in zip(image.findings, annotation_entries(image, numbers, 1), strict=True):
        drawn = annotation["segmentation"]
        found.append(
            {
                "finding_id": annotation["finding_id"],
                "category": viewed.category,
                "structure": annotation["structure"],
                "crowd": bool(annotation["iscrowd"]),
                "bbox": annotation["bbox"],
                "area": annotation["area"],
                "polygons": drawn if isinstance(drawn, list) else [],
                "rle": drawn if isinstance(drawn, dict) else None,
                "labels": annotation["labels"],
                "nodule_id": annotation["nodule_id"],
                "reader": annotation["reader"],
                "score": annotation["score"],
            }
        )
    return found
