"""What several readers have drawn, built from rectangles whose overlap is known, for tests of agreement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from curated import picture, with_images

from thyrodata.agreement.consensus import read_image_of
from thyrodata.agreement.policy import Boxes, BoxRule, Lone, OutlineRule, Outlines, Policy, Unmatched
from thyrodata.agreement.resolving import Resolution, resolve_image
from thyrodata.dataset import Dataset
from thyrodata.io.masks import encode_mask
from thyrodata.schema.geometry import Box, Geometry, Mask, Polygon, PolygonPart
from thyrodata.schema.record import Derived, Finding, ImageRecord, ImageRef, Read, Reading
from thyrodata.schema.vocab import Coverage, GroupKind, Modality, Structure

__all__ = [
    "HEIGHT",
    "SHAPES",
    "WIDTH",
    "Look",
    "box_of",
    "consensus_of",
    "image_of",
    "iou_of_shift",
    "look",
    "mask_of",
    "nodule",
    "policy",
    "polygon_of",
    "resolved",
    "written",
]

WIDTH, HEIGHT = 64, 48


def mask_of(x: int, y: int, width: int, height: int) -> Mask:
    """A rectangle of whole pixels."""
    pixels = np.zeros((HEIGHT, WIDTH), np.bool_)
    pixels[y : y + height, x : x + width] = True
    return encode_mask(pixels)


def polygon_of(x: int, y: int, width: int, height: int) -> Polygon:
    """The outline of a rectangle."""
    ring = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return Polygon(parts=(PolygonPart(exterior=ring),))


def box_of(x: float, y: float, width: float, height: float) -> Box:
    """A rectangle."""
    return Box(x=x, y=y, width=width, height=height)


SHAPES: Mapping[str, Callable[[int, int, int, int], Geometry]] = {
    "mask": mask_of,
    "polygon": polygon_of,
    "box": box_of,
}


def iou_of_shift(width: int, height: int, dx: int, dy: int) -> float:
    """The IoU of a rectangle with itself, moved."""
    shared = max(width - abs(dx), 0) * max(height - abs(dy), 0)
    return shared / (2 * width * height - shared)


def nodule(*geometries: Geometry, structure: Structure = Structure.NODULE, **fields: Any) -> Finding:
    """A drawing that is not yet anybody's."""
    return Finding(finding_id="", structure=structure, geometries=geometries, **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one reader has made of one image."""

    reader: str
    coverage: Coverage | None
    findings: tuple[Finding, ...]

    @property
    def reading(self) -> Reading:
        """The reader's reading."""
        return Reading(reader=self.reader, coverage=self.coverage)


def look(reader: str, *drawn: Finding, coverage: Coverage | None = Coverage.COMPLETE) -> Look:
    """A reader's drawings, numbered in the order in which they are given; complete unless told otherwise."""
    findings = tuple(
        replace(each, finding_id=f"{reader}/{number}", origin=Read(reader=reader))
        for number, each in enumerate(drawn, 1)
    )
    return Look(reader=reader, coverage=coverage, findings=findings)


def image_of(name: str, *looks: Look, group: str | None = None, **fields: Any) -> ImageRecord:
    """An image of 64 x 48 px that these readers have looked at."""
    return ImageRecord(
        image_id=f"toy/{name}",
        image=ImageRef(width=WIDTH, height=HEIGHT),
        modality=Modality.ULTRASOUND,
        group_id=f"toy/{group or name}",
        group_kind=GroupKind.CASE,
        readings=tuple(each.reading for each in looks),
        findings=tuple(finding for each in looks for finding in each.findings),
        source=name,
        **fields,
    )


def policy(**said: Any) -> Policy:
    """A and B agree from a Dice of 0.8 or an IoU of 0.5 on, the rest is left open, unless told otherwise."""
    given: dict[str, Any] = {
        "name": "two",
        "readers": ("A", "B"),
        "match": 0.1,
        "outlines": Outlines(measure="dice", least=0.8, rule=OutlineRule.UNION),
        "boxes": Boxes(least=0.5, rule=BoxRule.UNION),
        "unmatched": Unmatched.ADJUDICATE,
        "one_reader": Lone.LEAVE,
        "classes": {},
    }
    return Policy(**{**given, **said})


def resolved(record: ImageRecord, chosen: Policy) -> Resolution:
    """What a policy makes of an image."""
    return resolve_image(read_image_of(record), chosen)


def written(folder: Path, *records: ImageRecord) -> Dataset:
    """A dataset of the records, with images."""
    images = {each.image_id: picture(n, width=WIDTH, height=HEIGHT) for n, each in enumerate(records)}
    return with_images(folder, records, images)


def consensus_of(record: ImageRecord) -> tuple[Finding, ...]:
    """The findings that a policy made."""
    return tuple(each for each in record.findings if isinstance(each.origin, Derived))
