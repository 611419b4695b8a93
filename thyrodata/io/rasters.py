"""The pixels that a geometry covers: those whose centres lie inside of what was drawn."""

from __future__ import annotations

from itertools import chain
from math import ceil

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from thyrodata.io.masks import decode_mask, encode_mask
from thyrodata.schema.geometry import Box, Mask, Polygon, Ring

__all__ = ["covered", "fill_polygon"]


def covered(geometry: Box | Polygon | Mask, width: int, height: int) -> Mask | None:
    """Return the pixels that a geometry covers; ``None`` if there is none in the image.

    A polygon's rings are filled as COCO's tools fill them, so that its pixels are those of the COCO export.

    Args:
        geometry: Of a finding; a mask is of the image's size, and stays as it is.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
    """
    match geometry:
        case Mask():
            return geometry if any(geometry.runs()[1::2]) else None
        case Box():
            pixels = _box(geometry, width, height)
        case Polygon():
            pixels = fill_polygon(geometry, width, height)
    return encode_mask(pixels) if pixels.any() else None


def fill_polygon(polygon: Polygon, width: int, height: int) -> NDArray[np.bool_]:
    """Return the pixels of a polygon's parts, each less its own holes: bool (height, width)."""
    pixels = np.zeros((height, width), np.bool_)
    for part in polygon.parts:
        filled = _ring(part.exterior, width, height)
        for hole in part.holes:
            filled &= ~_ring(hole, width, height)
        pixels |= filled
    return pixels


def _box(box: Box, width: int, height: int) -> NDArray[np.bool_]:
    pixels = np.zeros((height, width), np.bool_)
    left, right = (min(max(ceil(x - 0.5), 0), width) for x in (box.x, box.x + box.width))
    top, bottom = (min(max(ceil(y - 0.5), 0), height) for y in (box.y, box.y + box.height))
    pixels[top:bottom, left:right] = True
    return pixels


def _ring(ring: Ring, width: int, height: int) -> NDArray[np.bool_]:
    (rle,) = coco_mask.frPyObjects([list(chain.from_iterable(ring))], height, width)
    return decode_mask(Mask(height=height, width=width, counts=rle["counts"].decode())).copy()
