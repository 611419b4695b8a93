"""The columns of a dataset on the Hub, read from the features of its card, and what each means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["HubColumn", "hub_columns"]

_MEANINGS = {
    "acquisition": "how the image was made: scanner, probe, view plane, CT window",
    "case_labels": "what is said of the case, and so of none of its images, with edition, basis and reader",
    "file": "of the image file: path in the dataset, bit depth, SHA-256, frame, pixel spacing (y, x) in mm, "
    "and how it was cut and scaled from a larger frame",
    "findings": "everything drawn: structure, geometries, labels, score, and by whom or by which policy",
    "group_id": "the published identity that the image belongs to",
    "group_kind": "what that identity is of; only `patient` is a patient",
    "height": "of the image, in pixels",
    "image": "the picture: the bytes of the dataset's own file, unchanged",
    "image_id": "`source/name`, unique and stable",
    "image_labels": "what is said of the image, with edition, basis and reader",
    "masks": "the pixels of each finding that has an area",
    "masks.category": "as in `objects`",
    "masks.counts": "COCO's compressed run-length encoding, column by column",
    "masks.finding_id": "as in `findings`",
    "masks.size": "height and width in pixels",
    "modality": "`ultrasound` or `ct`",
    "nodules": "what is said of each nodule as a clinical thing, outlined or not; sizes in mm",
    "objects": "the findings of the reading that is shown; null, not empty, where nothing can be said",
    "objects.area": "in square pixels",
    "objects.bbox": "x, y, width and height in pixels, x and y from the top-left corner of the image",
    "objects.category": "the finding's own label, or else the structure",
    "objects.finding_id": "as in `findings`",
    "objects.iscrowd": "one drawing of several things that nobody told apart",
    "official_splits": "the parts that splits published with the source give the image",
    "patient": "sex and age in years, as the source states them",
    "readings": "who looked, in which role, and what the absence of a finding by that reader means",
    "remarks": "what the source lost or left doubtful: a code and a sentence",
    "row": "the image's place in the dataset, from 0",
    "series_id": "the series that the image is of, where the source names one",
    "source": "the file of the source, and the place in it, that a person would open",
    "source_fields": "names and texts of the source, verbatim, that have no other place",
    "study_id": "the study that the image is of, where the source names one",
    "width": "of the image, in pixels",
}
_SAID_OF = re.compile(r"(case|image)_[a-z_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubColumn:
    """A column, or a member of the structures that a column lists."""

    name: str
    kind: str
    """``image``, ``class``, ``struct``, or the name of a number or text type, such as ``int64``."""
    meaning: str
    """In words; empty for a member of a record's own structures."""
    classes: tuple[str, ...] = ()
    """Of a class: the names of its numbers, from 0."""
    many: bool = False
    """Whether it is a list."""
    members: tuple[HubColumn, ...] = ()


def hub_columns(features: Iterable[Mapping[str, Any]]) -> tuple[HubColumn, ...]:
    """Return the columns that the features of a card's ``dataset_info`` describe, in the same order."""
    return tuple(_column(feature, "") for feature in features)


def _column(feature: Mapping[str, Any], within: str) -> HubColumn:
    name = str(feature["name"])
    many = "list" in feature
    inner: Any = feature.get("list", feature.get("struct", feature.get("dtype")))
    members: tuple[HubColumn, ...] = ()
    classes: tuple[str, ...] = ()
    match inner:
        case str():
            kind = inner
        case [*parts]:
            kind, members = "struct", tuple(_column(part, f"{within}{name}.") for part in parts)
        case {"class_label": {"names": names}}:
            kind, classes = "class", _names(names)
        case _:  # a list of lists, or what later versions of `datasets` may add
            kind = "nested"
    meaning = _meaning(f"{within}{name}", classes)
    return HubColumn(name=name, kind=kind, meaning=meaning, classes=classes, many=many, members=members)


def _names(names: Mapping[str, str] | Sequence[str]) -> tuple[str, ...]:
    """Return the names by number: `datasets` writes a mapping, and reads a list too."""
    return tuple(names[key] for key in sorted(names, key=int)) if isinstance(names, Mapping) else tuple(names)


def _meaning(path: str, classes: Sequence[str]) -> str:
    if path in _MEANINGS:
        return _MEANINGS[path]
    said = _SAID_OF.fullmatch(path)
    if said and classes:
        return f"the one term said of the {said[1]}; null where none is said, or several are"
    return ""
