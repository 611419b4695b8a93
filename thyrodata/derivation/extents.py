"""Where findings lie in an image, and the box around the nodules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

import numpy as np

from thyrodata.io.masks import decode_mask
from thyrodata.schema.geometry import Geometry, Mask
from thyrodata.schema.record import Finding, PixelBox
from thyrodata.schema.vocab import Structure

__all__ = ["Margin", "extent", "joined", "nodule_box", "whole_pixels"]

Extent = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels, continuous."""

_TARGETS = frozenset({Structure.NODULE, Structure.LESION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """What is left around nodules: pixels, and a share of the longer side of the box around them."""

    pixels: int = 0
    share: float = 0.0

    def of(self, box: PixelBox) -> int:
        """Return the margin of a box, in whole pixels: a part of one counts."""
        share = self.share * max(box[2] - box[0], box[3] - box[1])
        return self.pixels + ceil(round(share, 6))  # 7 % of 100 px are 7 px, whatever a double says


def extent(geometry: Geometry) -> Extent | None:
    """Return the box around a geometry; ``None`` for a mask without a pixel."""
    if isinstance(geometry, Mask):
        pixels = decode_mask(geometry)
        rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
        if not rows.size:
            return None
        return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    x, y, width, height = geometry.bbox_xywh_px
    return (x, y, x + width, y + height)


def whole_pixels(box: Extent, width: int, height: int) -> PixelBox | None:
    """Return the pixels of an image that a box touches, at least one; ``None`` if it lies outside."""
    x0, y0 = floor(box[0]), floor(box[1])
    x1, y1 = max(ceil(box[2]), x0 + 1), max(ceil(box[3]), y0 + 1)
    inside = (max(x0, 0), max(y0, 0), min(x1, width), min(y1, height))
    return inside if inside[0] < inside[2] and inside[1] < inside[3] else None


def joined(boxes: Iterable[PixelBox]) -> PixelBox | None:
    """Return the box around boxes; ``None`` if there is none."""
    corners = tuple(zip(*boxes, strict=True))
    if not corners:
        return None
    return (min(corners[0]), min(corners[1]), max(corners[2]), max(corners[3]))


def nodule_box(findings: Iterable[Finding], margin: Margin, width: int, height: int) -> PixelBox | None:
    """Return the box around all nodules and lesions of an image with a margin, clipped to the image.

    Glands, lymph nodes and markers do not count, nor what lies outside of the image.

    Returns:
        The box, or ``None`` if no nodule or lesion is drawn in the image.
    """
    extents = (extent(g) for f in findings if f.structure in _TARGETS for g in f.geometries)
    box = joined(inside for each in extents if each and (inside := whole_pixels(each, width, height)))
    if box is None:
        return None
    wide = margin.of(box)
    return (
        max(box[0] - wide, 0),
        max(box[1] - wide, 0),
        min(box[2] + wide, width),
        min(box[3] + wide, height),
    )
