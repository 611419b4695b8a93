"""How FiftyOne's App shows a dataset before anything is chosen: its fields, in groups and colours."""

from __future__ import annotations

from thyrodata.exports.fiftyone.labels import Document, object_id
from thyrodata.exports.fiftyone.layout import Layout
from thyrodata.schema.vocab import GRADED

__all__ = ["app_config"]

COLOURS = ("#f0e442", "#56b4e9", "#e69f00", "#cc79a7", "#009e73", "#d55e00")
"""Told apart by everybody, and from grey: of Okabe and Ito (Color Universal Design, 2008), less the dark."""

OPACITY = 0.35
"""Of lines and of what they enclose: the texture of a nodule must be seen through its outline."""

_DRAWN = ("Detections", "Polylines")
_GRADES = tuple(f"_{scheme.replace('-', '_')}" for scheme in sorted(GRADED))
_QUALITY = ("found_marks", "marked", "same_picture", "qc")
_PERSON = ("image_id", "group_", "patient_", "study_id", "series_id", "coverage")
_FOLDED = {
    "metadata": [
        f"metadata.{name}" for name in ("size_bytes", "mime_type", "width", "height", "num_channels")
    ],
    "other": ["id", "filepath", "created_at", "last_modified_at"],
}


def app_config(layout: Layout) -> Document:
    """Return what the App is told of a dataset's fields.

    Without a word it hides masks and fills outlines with dark colours. The grid shows what is drawn, and the
    grades of published scales.
    """
    drawn = layout.names(*_DRAWN)
    graded = [name for name in layout.names("Classification") if name.endswith(_GRADES)]
    shown = [*drawn, *graded]
    return {
        "active_fields": {"paths": shown},
        "color_scheme": {
            "_id": object_id("colours"),
            "color_by": "field",
            "color_pool": [*COLOURS],
            "fields": [
                {"path": name, "fieldColor": COLOURS[number % len(COLOURS)]}
                for number, name in enumerate(shown)
            ],
            "opacity": OPACITY,
        },
        "sidebar_groups": [
            {"name": name, "paths": paths, "expanded": name not in {*_FOLDED, "image"}}
            for name, paths in _groups(layout).items()
        ],
    }


def _groups(layout: Layout) -> dict[str, list[str]]:
    """Return the groups of the side bar with their fields."""
    labels = set(layout.names("Classification", "Classifications"))
    drawn = set(layout.names(*_DRAWN))
    groups: dict[str, list[str]] = {
        name: []
        for name in ("tags", "drawings", "labels", "quality control", "splits", "group and patient", "image")
    }
    for name in layout.names():
        if name.startswith(_QUALITY):
            group = "quality control"
        elif name in drawn:
            group = "drawings"
        elif name in labels:
            group = "labels"
        elif name.startswith("split_"):
            group = "splits"
        else:
            group = "group and patient" if name.startswith(_PERSON) else "image"
        groups[group].append(name)
    return {name: fields for name, fields in groups.items() if fields or name == "tags"} | _FOLDED
