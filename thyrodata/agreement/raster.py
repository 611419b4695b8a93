"""The pixels that a drawing covers, cut to their extent, and how much of them two drawings share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.io.masks import decode_mask
from thyrodata.io.rasters import covered, fill_polygon
from thyrodata.schema.geometry import Box, Mask, Polygon

__all__ = ["Raster", "box_iou", "crop", "dice", "iou", "overlap", "raster_of", "stack"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Raster:
    """The pixels that a drawing covers, cut to their extent: at least one.

    Raises:
        ValueError: A border row or column holds no pixel.
    """

    left: int
    """Column of the image that the first column of ``pixels`` is."""
    top: int
    """Row of the image that the first row of ``pixels`` is."""
    pixels: NDArray[np.bool_]
    """bool (height, width)."""

    def __post_init__(self) -> None:
        borders = (self.pixels[:1], self.pixels[-1:], self.pixels[:, :1], self.pixels[:, -1:])
        if not all(border.any() for border in borders):
            raise ValueError("the pixels of a raster are not cut to their extent")

    @property
    def right(self) -> int:
        """The first column right of it."""
        return self.left + int(self.pixels.shape[1])

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + int(self.pixels.shape[0])

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.pixels))


def crop(pixels: NDArray[np.bool_], *, left: int = 0, top: int = 0) -> Raster | None:
    """Cut an array of pixels to the extent of those that are true; ``None`` where none is.

    Args:
        pixels: bool (height, width); it is copied.
        left: Column of the image that the array's first column is.
        top: Row of the image that the array's first row is.
    """
    rows = np.flatnonzero(pixels.any(axis=1))
    if not rows.size:
        return None
    first, last = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(pixels[first:last].any(axis=0))
    start, stop = int(columns[0]), int(columns[-1]) + 1
    return Raster(left=left + start, top=top + first, pixels=pixels[first:last, start:stop].copy(order="C"))


def raster_of(geometry: Mask | Polygon | Box, width: int, height: int) -> Raster | None:
    """Return the pixels that a geometry covers, as the COCO export has them; ``None`` if there are none.

    Args:
        geometry: Of a finding; a mask is of the image's size.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
    """
    match geometry:
        case Mask():
            return crop(decode_mask(geometry))
        case Polygon():
            return crop(fill_polygon(geometry, width, height))
        case Box():
            mask = covered(geometry, width, height)
            return crop(decode_mask(mask)) if mask else None


def stack(rasters: Sequence[Raster], *, margin: int = 0) -> tuple[int, int, NDArray[np.bool_]]:
    """Lay rasters of one image over each other, in the extent of all of them.

    Args:
        rasters: One or more.
        margin: Empty rows and columns to leave on each side, in pixels; they may lie outside of the image.

    Returns:
        Column and row of the image at which the extent starts, and bool (rasters, height, width).
    """
    left = min(raster.left for raster in rasters) - margin
    top = min(raster.top for raster in rasters) - margin
    right = max(raster.left + raster.pixels.shape[1] for raster in rasters) + margin
    bottom = max(raster.top + raster.pixels.shape[0] for raster in rasters) + margin
    layers = np.zeros((len(rasters), bottom - top, right - left), np.bool_)
    for layer, raster in zip(layers, rasters, strict=True):
        height, width = raster.pixels.shape
        y, x = raster.top - top, raster.left - left
        layer[y : y + height, x : x + width] = raster.pixels
    return left, top, layers


def overlap(a: Raster, b: Raster) -> int:
    """Return how many pixels two rasters share."""
    left, top = max(a.left, b.left), max(a.top, b.top)
    right = min(a.left + a.pixels.shape[1], b.left + b.pixels.shape[1])
    bottom = min(a.top + a.pixels.shape[0], b.top + b.pixels.shape[0])
    if left >= right or top >= bottom:
        return 0
    of_a, of_b = (
        raster.pixels[top - raster.top : bottom - raster.top, left - raster.left : right - raster.left]
        for raster in (a, b)
    )
    return int(np.count_nonzero(of_a & of_b))


def iou(a: Raster, b: Raster) -> float:
    """Return the shared pixels over those of either: 0 to 1 (Jaccard 1901)."""
    shared = overlap(a, b)
    return shared / (a.area + b.area - shared)


def dice(a: Raster, b: Raster) -> float:
    """Return twice the shared pixels over the sum of both areas: 0 to 1 (Dice 1945, Sørensen 1948)."""
    return 2 * overlap(a, b) / (a.area + b.area)


def box_iou(a: Box, b: Box) -> float:
    """Return the shared area over that of either, in continuous coordinates: 0 to 1.

    Two boxes without an area share nothing: 0.
    """
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(width, 0.0) * max(height, 0.0)
    either = a.width * a.height + b.width * b.height - shared
    return shared / either if either else 0.0
