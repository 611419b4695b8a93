"""The pixels that a finding's drawing covers, cut to their extent and kept for the next rule that asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from thyrodata.io.masks import decode_mask
from thyrodata.io.rasters import covered
from thyrodata.schema.geometry import Box, Mask, Polygon
from thyrodata.schema.record import Finding, ImageRecord
from thyrodata.schema.vocab import Structure

__all__ = ["Drawn", "areas", "drawn", "longest_diameter", "outlined", "overlap", "parts_of"]

KEPT = 64
"""Drawings kept: those of one image, seldom more."""

_COMPACT = frozenset({Structure.NODULE, Structure.LESION, Structure.LYMPH_NODE})
"""What is one body. A gland has two lobes and an isthmus that may not show."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """Pixels of an image, cut to their extent."""

    left: int
    """Of the extent in the image, in pixels."""
    top: int
    pixels: NDArray[np.bool_]
    """(height, width); no row and no column at its border is empty. Read only."""
    area: int
    """Pixels."""

    @property
    def right(self) -> int:
        """The first column right of it."""
        return self.left + int(self.pixels.shape[1])

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + int(self.pixels.shape[0])


def areas(record: ImageRecord) -> Iterator[tuple[Finding, Mask | Polygon | Box, Drawn | None]]:
    """Yield each finding that is an area, what it is drawn as, and its pixels, ``None`` if it has none.

    Of several drawings the mask comes first, then the polygon. Markers are left out.
    """
    for finding in record.findings:
        geometry = finding.geometry(Mask, Polygon, Box)
        if finding.structure is not Structure.MARKER and isinstance(geometry, Mask | Polygon | Box):
            yield finding, geometry, drawn(geometry, record.image.width, record.image.height)


def outlined(record: ImageRecord) -> Iterator[tuple[Finding, Drawn]]:
    """Yield the findings that one body was outlined as, by a mask or polygon that covers pixels.

    Glands are left out, and what is one drawing of several things by its own account.
    """
    for finding, geometry, pixels in areas(record):
        compact = finding.structure in _COMPACT and not finding.crowd
        if pixels is not None and compact and not isinstance(geometry, Box):
            yield finding, pixels


@lru_cache(maxsize=KEPT)
def drawn(geometry: Mask | Polygon | Box, width: int, height: int) -> Drawn | None:
    """Return the pixels of an image that a drawing covers; ``None`` if there are none.

    Args:
        geometry: A mask is of the image's size.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
    """
    mask = covered(geometry, width, height)
    if mask is None:
        return None
    pixels = decode_mask(mask)
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    cut = np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    cut.setflags(write=False)
    return Drawn(left=int(columns[0]), top=int(rows[0]), pixels=cut, area=int(np.count_nonzero(cut)))


def longest_diameter(of: Drawn, spacing: tuple[float, float] = (1.0, 1.0)) -> float:
    """Return the greatest distance between two corners of pixels, in the unit of the spacing.

    Args:
        of: The pixels.
        spacing: Of pixel centres down a column and along a row (y, x); by default the result is in pixels.
    """
    from scipy.spatial import ConvexHull  # noqa: PLC0415 -- takes as long to import as all the rest

    height, width = of.pixels.shape
    rows = np.arange(height)
    first, last = of.pixels.argmax(axis=1), width - of.pixels[:, ::-1].argmax(axis=1)
    filled = of.pixels.any(axis=1)  # a row between two parts is empty
    x = np.tile(np.concatenate([first[filled], last[filled]]), 2) * spacing[1]
    y = np.concatenate([np.tile(rows[filled], 2), np.tile(rows[filled] + 1, 2)]) * spacing[0]
    corners = np.stack([x, y], axis=1)
    hull = corners[ConvexHull(corners).vertices]
    gaps = hull[:, np.newaxis] - hull
    return float(np.sqrt((gaps**2).sum(axis=2).max()))


def parts_of(of: Drawn) -> tuple[NDArray[np.intp], int]:
    """Return the number of the part that each pixel belongs to, 0 for none, and how many parts there are.

    Pixels that touch at a corner are of one part.
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    numbers, count = ndimage.label(of.pixels, np.ones((3, 3), np.bool_))
    return numbers.astype(np.intp), count


def overlap(one: Drawn, other: Drawn) -> int:
    """Return how many pixels of one image two drawings share."""
    left, right = max(one.left, other.left), min(one.right, other.right)
    top, bottom = max(one.top, other.top), min(one.bottom, other.bottom)
    if left >= right or top >= bottom:
        return 0
    shared = [
        each.pixels[top - each.top : bottom - each.top, left - each.left : right - each.left]
        for each in (one, other)
    ]
    return int(np.count_nonzero(shared[0] & shared[1]))
