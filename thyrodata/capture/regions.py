"""Where the ultrasound is: what SequenceOfUltrasoundRegions says, and when it is not believed.

A region alone does not prove that its pixels are safe: readable text stands inside of most 2-D regions. It
says what a crop keeps, and the text guard looks at what was kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite

from thyrodata.io.dicomheader import UltrasoundRegion
from thyrodata.schema.record import PixelBox

__all__ = ["KeptRegion", "RegionDoubt", "kept_regions"]

TWO_D = 1
"""RegionSpatialFormat of a 2-D picture (DICOM PS3.3 C.8.5.5.1.1)."""

ECHO = (1, 2)
"""RegionDataType of tissue and of colour flow (DICOM PS3.3 C.8.5.5.1.2)."""

CENTIMETRES = 3
"""PhysicalUnitsXDirection and Y of cm (DICOM PS3.3 C.8.5.5.1.15)."""

MOST_OF_SCREEN, LEAST_OF_SCREEN = 0.95, 0.10
"""Shares of the screen that a region may cover: one that covers more holds the banner too, and a smaller one
is an inset, or stale."""

NEGLIGIBLE_OVERLAP = 0.02
"""Share of the smaller of two regions by which they may overlap: one column, as dual views do."""


class RegionDoubt(Exception):  # noqa: N818 -- a doubt, on which the file is put aside
    """The regions cannot be believed. Its text says why, and quotes nothing but numbers of pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRegion:
    """A part of the screen that becomes an image."""

    box: PixelBox
    """x0, y0, x1, y1 in pixels of the frame; x1 and y1 are the first column and row outside."""
    data_type: int | None
    """RegionDataType; ``None`` where the picture was found by its pixels."""
    spacing_mm: tuple[float, float] | None
    """Between pixel centres down a column and along a row (y, x)."""


def kept_regions(regions: Sequence[UltrasoundRegion], width: int, height: int) -> tuple[KeptRegion, ...]:
    """Return the parts of a screen that hold ultrasound, each of which becomes an image.

    Regions of other formats (a spectrum, an M-mode trace, a curve) and of other data are left out; a union
    of all regions would keep the banner, since some devices add a region over nearly all of the screen.

    Args:
        regions: As the header lists them.
        width: Of the frame, in pixels.
        height: Of the frame, in pixels.

    Returns:
        The regions from left to right, then from top to bottom; none where the header names no 2-D region.

    Raises:
        RegionDoubt: One cannot be believed; then the others cannot either.
    """
    kept = {}
    for region in regions:
        if region.spatial_format == TWO_D and region.data_type in ECHO:
            box = _box(region, width, height)
            kept[box] = KeptRegion(box=box, data_type=region.data_type, spacing_mm=_spacing(region))
    for one, other in combinations(kept, 2):
        if _overlap(one, other) > NEGLIGIBLE_OVERLAP:
            raise RegionDoubt("two regions of the screen overlap")
    return tuple(kept[box] for box in sorted(kept))


def _box(region: UltrasoundRegion, width: int, height: int) -> PixelBox:
    if region.box is None:
        raise RegionDoubt("a region does not say where it lies")
    x0, y0, last_x, last_y = region.box
    # The maxima are inside on several vendors, and one further on others: then they equal the size.
    x1, y1 = min(last_x + 1, width), min(last_y + 1, height)
    if x0 < 0 or y0 < 0 or last_x > width or last_y > height:
        raise RegionDoubt(f"a region leaves the screen of {width} x {height} px: it is of another size")
    if x0 >= x1 or y0 >= y1:
        raise RegionDoubt("a region is empty")
    share = (x1 - x0) * (y1 - y0) / (width * height)
    if share > MOST_OF_SCREEN:
        raise RegionDoubt(f"a region covers {share:.0%} of the screen, margin and all")
    if share < LEAST_OF_SCREEN:
        raise RegionDoubt(f"a region covers only {share:.0%} of the screen")
    return (x0, y0, x1, y1)


def _spacing(region: UltrasoundRegion) -> tuple[float, float] | None:
    """Return the distance between pixels, mm (y, x); deltas are negative on some devices."""
    delta_x, delta_y = region.delta
    if region.units != (CENTIMETRES, CENTIMETRES) or delta_x is None or delta_y is None:
        return None
    spacing = (abs(delta_y) * 10, abs(delta_x) * 10)
    return spacing if all(isfinite(value) and value > 0 for value in spacing) else None


def _overlap(one: PixelBox, other: PixelBox) -> float:
    """Return the share of the smaller box that lies in the other."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(0, width) * max(0, height) / smaller
