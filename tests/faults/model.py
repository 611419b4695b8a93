"""What a planted fault is made of, and the drawings that they share."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from thyrodata.io.masks import encode_mask
from thyrodata.phantoms import Phantom, PhantomSpec, jpeg_bytes, phantom
from thyrodata.schema.geometry import Mask, Polygon, PolygonPart
from thyrodata.schema.record import Finding, ImageRecord, ImageRef, Reading
from thyrodata.schema.vocab import GroupKind, Modality, Structure

__all__ = [
    "HEIGHT",
    "WIDTH",
    "Fault",
    "disk",
    "ellipse",
    "ellipse_points",
    "image_record",
    "mask_of",
    "nodule",
    "outlined",
    "pictured",
    "png",
]

WIDTH, HEIGHT = 560, 360


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Records, and the images that they name."""

    records: tuple[ImageRecord, ...]
    images: Mapping[str, bytes] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    """Codes of other rules without which there is no such fault, in their order."""


def image_record(name: str, *findings: Finding, picture: bytes | None = None, **fields: Any) -> ImageRecord:
    """A record of an ultrasound image that one unnamed reader looked at."""
    width, height = fields.pop("size", (WIDTH, HEIGHT))
    return ImageRecord(
        image_id=f"toy/{name}",
        image=ImageRef(
            width=width,
            height=height,
            path=None if picture is None else f"images/{name}.jpg",
            sha256=None if picture is None else sha256(picture).hexdigest(),
            spacing_mm=fields.pop("spacing_mm", None),
        ),
        modality=Modality.ULTRASOUND,
        group_id=f"toy/{fields.pop('group', name)}",
        group_kind=GroupKind.CASE,
        readings=(Reading(),),
        findings=findings,
        source=name,
        **fields,
    )


def png(pixels: NDArray[Any]) -> bytes:
    """A PNG of these pixels."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def pictured(spec: PhantomSpec, *findings: Finding, **fields: Any) -> Fault:
    """A phantom with these findings."""
    picture = jpeg_bytes(phantom(spec).pixels)
    record = image_record("a", *findings, picture=picture, **fields)
    return Fault(records=(record,), images={"images/a.jpg": picture})


def outlined(of: Phantom) -> tuple[Finding, ...]:
    """The phantom's nodules as findings."""
    polygons = (Polygon(parts=(PolygonPart(exterior=each.outline),)) for each in of.nodules)
    return tuple(nodule(polygon, finding_id=str(number)) for number, polygon in enumerate(polygons, 1))


def nodule(*geometries: Any, finding_id: str = "1", **fields: Any) -> Finding:
    return Finding(finding_id=finding_id, structure=Structure.NODULE, geometries=geometries, **fields)


def ellipse_points(x: float = 280, y: float = 180, a: float = 60, b: float = 40) -> list[tuple[float, float]]:
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    return [(float(x + a * np.cos(t)), float(y + b * np.sin(t))) for t in angles]


def ellipse(x: float = 280, y: float = 180, a: float = 60, b: float = 40) -> Polygon:
    """An ellipse's outline, by its centre and half axes."""
    return Polygon(parts=(PolygonPart(exterior=tuple(ellipse_points(x, y, a, b))),))


def mask_of(*inside: np.ndarray) -> Mask:
    """The mask of the pixels that are in one of these."""
    return encode_mask(np.logical_or.reduce(inside))


def disk(x: float = 280, y: float = 180, radius: float = 50) -> np.ndarray:
    """bool (height, width): the pixels whose centres lie in a disk."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
