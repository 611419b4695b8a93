"""The pixels that a finding's drawing covers, cut to their extent and kept for the next rule that asks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.raster import Raster, raster_of
from thyrodata.schema.geometry import Box, Mask, Polygon
from thyrodata.schema.record import Finding, ImageRecord
from thyrodata.schema.vocab import Structure

__all__ = ["areas", "drawn", "outlined", "parts_of"]

KEPT = 64
"""Drawings kept: those of one image, seldom more."""

_COMPACT = frozenset({Structure.NODULE, Structure.LESION, Structure.LYMPH_NODE})
"""What is one body. A gland has two lobes and an isthmus that may not show."""


def areas(record: ImageRecord) -> Iterator[tuple[Finding, Mask | Polygon | Box, Raster | None]]:
    """Yield each finding that is an area, what it is drawn as, and its pixels, ``None`` if it has none.

    Of several drawings the mask comes first, then the polygon. Markers are left out.
    """
    for finding in record.findings:
        geometry = finding.geometry(Mask, Polygon, Box)
        if finding.structure is not Structure.MARKER and isinstance(geometry, Mask | Polygon | Box):
            yield finding, geometry, drawn(geometry, record.image.width, record.image.height)


def outlined(record: ImageRecord) -> Iterator[tuple[Finding, Raster]]:
    """Yield the findings that one body was outlined as, by a mask or polygon that covers pixels.

    Glands are left out, and what is one drawing of several things by its own account.
    """
    for finding, geometry, pixels in areas(record):
        compact = finding.structure in _COMPACT and not finding.crowd
        if pixels is not None and compact and not isinstance(geometry, Box):
            yield finding, pixels


@lru_cache(maxsize=KEPT)
def drawn(geometry: Mask | Polygon | Box, width: int, height: int) -> Raster | None:
    """Return the pixels of an image that a drawing covers; ``None`` if there are none.

    Args:
        geometry: A mask is of the image's size.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
    """
    return raster_of(geometry, width, height)


def parts_of(of: Raster) -> tuple[NDArray[np.intp], int]:
    """Return the number of the part that each pixel belongs to, 0 for none, and how many parts there are.

    Pixels that touch at a corner are of one part.
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    numbers, count = ndimage.label(of.pixels, np.ones((3, 3), np.bool_))
    return numbers.astype(np.intp), count
