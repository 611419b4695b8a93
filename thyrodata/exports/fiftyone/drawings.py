"""The findings of an image as FiftyOne's labels: a field for each reader and each kind of drawing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from thyrodata.exports.fiftyone.labels import Document, detection, mask_detection, object_id, polyline
from thyrodata.io.drawn import Note
from thyrodata.io.rasters import covered
from thyrodata.schema.category import category
from thyrodata.schema.geometry import Box, Calipers, Geometry, Line, Mask, Point, Polygon
from thyrodata.schema.record import Derived, Finding, ImageRecord, Label
from thyrodata.schema.vocab import Structure
from thyrodata.survey import CONSENSUS, reader_of

__all__ = ["Drawings", "Readers", "said_of"]

_KINDS = {Box: "boxes", Calipers: "calipers", Line: "lines", Mask: "masks", Polygon: "outlines"}
_LISTS = {"boxes": "Detections", "masks": "Detections"}  # of others Polylines


class Readers:
    """Gives each reader what the names of fields begin with: nothing where the source names no reader.

    FiftyOne takes few characters in a field's name; two readers whose names differ in others get numbers.
    """

    def __init__(self) -> None:
        self._prefixes = {"": "", CONSENSUS: "consensus_"}

    def prefix(self, reader: str) -> str:
        """Return what the names of a reader's fields begin with."""
        if reader not in self._prefixes:
            plain = re.sub(r"[^a-z0-9]+", "_", reader.lower()).strip("_") or "unnamed"
            free, number = f"reader_{plain}_", 1
            while free in self._prefixes.values():
                number += 1
                free = f"reader_{plain}_{number}_"
            self._prefixes[reader] = free
        return self._prefixes[reader]


@dataclass(slots=True, kw_only=True)
class Drawings:
    """Draws the findings of images, and keeps count."""

    readers: Readers = field(default_factory=Readers)
    shapes: int = 0
    as_pixels: int = 0
    """Outlines with holes, which FiftyOne cannot draw: the pixels that they cover stand for them."""
    cropped: int = 0
    """Those of them that leave their image: of what is outside there are no pixels."""
    not_shown: list[Note] = field(default_factory=list)
    """Masks without a pixel, which are there as boxes without a size."""

    def fields(self, record: ImageRecord, findings: Iterable[Finding]) -> dict[str, Document]:
        """Return the fields of a sample that hold what is drawn in an image.

        ``outlines``, ``masks``, ``boxes``, ``calipers`` and ``lines``; of a named reader
        ``reader_<name>_outlines``, of a policy ``consensus_outlines``; of markers ``marker_lines``.
        """
        fields: dict[str, Document] = {}
        for finding in findings:
            reader = self.readers.prefix(reader_of(finding.origin))
            prefix = f"{reader}marker_" if finding.structure is Structure.MARKER else reader
            for geometry in finding.geometries:
                kind, label = self._label(record, finding, geometry)
                self.shapes += 1
                list_of = _LISTS.get(kind, "Polylines")
                held = fields.setdefault(prefix + kind, {"_cls": list_of, list_of.lower(): []})
                held[list_of.lower()].append(label)
        return fields

    def _label(self, record: ImageRecord, finding: Finding, geometry: Geometry) -> tuple[str, Document]:
        size = (record.image.width, record.image.height)
        kind = _KINDS[type(geometry)]
        key = object_id(record.image_id, finding.finding_id, kind)
        called = category(finding.structure, finding.labels)
        said = _said(finding)
        match geometry:
            case Box():
                return kind, detection(key, called, geometry, size, **said)
            case Calipers() | Line():
                return kind, polyline(key, called, _lines(geometry), size, closed=False, **said)
            case Mask() if len(geometry.runs()) > 1:
                return kind, mask_detection(key, called, geometry, size, **said)
            case Mask():
                where = f"{record.image_id}#{finding.finding_id}"
                self.not_shown.append(Note(what="the mask has no pixel", where=where))
                return kind, detection(key, called, Box(x=0, y=0, width=0, height=0), size, **said)
        rings = [ring for part in geometry.parts for ring in (part.exterior, *part.holes)]
        if len(rings) > len(geometry.parts) and (mask := covered(geometry, *size)):
            self.as_pixels += 1
            self.cropped += _leaves(geometry, *size)
            return "masks", mask_detection(key, called, mask, size, **said)
        return kind, polyline(key, called, rings, size, closed=True, **said)


def _leaves(polygon: Polygon, width: int, height: int) -> bool:
    x, y, wide, high = polygon.bbox_xywh_px
    return x < 0 or y < 0 or x + wide > width or y + high > height


def _lines(geometry: Calipers | Line) -> list[tuple[Point, ...]]:
    if isinstance(geometry, Line):
        return [geometry.points]
    return [geometry.long] if geometry.short is None else [geometry.long, geometry.short]


def _said(finding: Finding) -> dict[str, Any]:
    """Return what is said of a finding beside its drawing, as attributes of its label."""
    said: dict[str, Any] = {
        "finding_id": finding.finding_id,
        "structure": finding.structure.value,
        "reader": reader_of(finding.origin),
        "nodule_id": finding.nodule_id,
        "confidence": finding.score,
        "iscrowd": finding.crowd or None,
    }
    if isinstance(finding.origin, Derived):
        said |= {"policy": finding.origin.policy, "from_ids": [*finding.origin.from_ids]}
    said |= dict(said_of(finding.labels))
    said["source_fields"] = [f"{each.name}: {each.text}" for each in finding.source_fields]
    return {name: value for name, value in said.items() if value not in (None, "", [])}


def said_of(labels: Iterable[Label]) -> Iterator[tuple[str, str]]:
    """Yield the schemes of labels, as names of attributes, with the terms; several of one are joined by +.

    What a term rests on, its edition and its reader follow under names of their own: ``malignancy_basis``.
    """
    by_scheme: dict[str, list[Label]] = {}
    for label in labels:
        by_scheme.setdefault(label.value.scheme.replace("-", "_"), []).append(label)
    for scheme, said in by_scheme.items():
        texts = {
            scheme: [str(label.value.value) for label in said],
            f"{scheme}_basis": [label.basis.value for label in said if label.basis],
            f"{scheme}_edition": [label.edition for label in said if label.edition],
            f"{scheme}_reader": [label.reader for label in said if label.reader],
        }
        yield from ((name, "+".join(dict.fromkeys(values))) for name, values in texts.items() if values)
