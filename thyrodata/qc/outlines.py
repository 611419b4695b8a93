"""Rules of the outline itself, TD106 to TD109: where it meets itself, and in how many pieces the area is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.raster import Raster
from thyrodata.qc.crossings import Crossing, crossing
from thyrodata.qc.drawn import outlined, parts_of
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.schema.geometry import Polygon
from thyrodata.schema.record import Finding, ImageRecord

__all__ = ["RULES"]

LOOP_SHARE = 0.01
"""Share of a loop in the rest from which it changes what is inside. Where a hand ends a curve it often passes
its start, and that cuts off far less."""

LOOP_AREA = 4.0
"""Square pixels."""

PART_SHARE = 0.1
"""Share of a drawing's pixels from which a part of it may be a thing of its own. Specks are less."""

PART_GAP = 0.25
"""Distance of two parts, in diameters of a disk of the smaller one's area, from which they are two things.
Parts of a nodule that a shadow or a caliper divides nearly touch."""

HOLE_SHARE = 0.01
HOLE_AREA = 9
"""Pixels: 3 x 3. Noise of JPEG in a mask leaves holes of a few."""


def _crossing(record: ImageRecord) -> Iterator[Found]:
    for finding, met in _crossings(record):
        if _matters(met):
            share = met.loop / met.rest
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"the outline crosses itself: a loop of {met.loop:.0f} px, {share:.0%} of the rest",
                hint="look at it: tools that fill outlines do not agree on what is inside",
                score=share,
            )


def _not_simple(record: ImageRecord) -> Iterator[Found]:
    for finding, met in _crossings(record):
        if not _matters(met):
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"the outline meets itself and cuts off {met.loop:.1f} px at most",
                hint="its pixels are right, but tools such as shapely call it invalid: give them masks",
                score=met.loop,
            )


def _crossings(record: ImageRecord) -> Iterator[tuple[Finding, Crossing]]:
    """Yield the worst crossing of each polygon that has one."""
    for finding in record.findings:
        polygon = finding.geometry(Polygon)
        if isinstance(polygon, Polygon):
            rings = chain.from_iterable((part.exterior, *part.holes) for part in polygon.parts)
            met = [found for ring in rings if (found := crossing(ring))]
            if met:
                yield finding, max(met, key=lambda found: (_matters(found), found.loop))


def _matters(met: Crossing) -> bool:
    return met.loop >= LOOP_AREA and met.loop >= LOOP_SHARE * met.rest


def _merged(record: ImageRecord) -> Iterator[Found]:
    for finding, pixels in outlined(record):
        parts, gap = _far_parts(pixels)
        if gap:
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"the drawing has {parts} large parts, up to {gap:.0f} px apart: several things in one",
                hint="have each drawn by itself, or mark it as a crowd: counts and sizes are wrong as it is",
                score=gap,
            )


def _far_parts(pixels: Raster) -> tuple[int, float]:
    """Return how many large parts a drawing has, and how far one is from its nearest other; 0 if not far."""
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    labels, count = parts_of(pixels)
    if count < 2:  # noqa: PLR2004 -- one part is apart from nothing
        return count, 0.0
    sizes = np.bincount(labels.ravel())
    large = [part for part in range(1, count + 1) if sizes[part] >= PART_SHARE * pixels.area]
    farthest = 0.0
    for part in large:
        # Specks on the way do not bring two parts nearer.
        others = np.isin(labels, [other for other in large if other != part])
        if others.any():
            gap = float(ndimage.distance_transform_edt(~others)[labels == part].min())
            if gap >= PART_GAP * 2 * sqrt(sizes[part] / pi):
                farthest = max(farthest, gap)
    return len(large), farthest


def _hole(record: ImageRecord) -> Iterator[Found]:
    for finding, pixels in outlined(record):
        inside = _hole_area(pixels.pixels)
        if inside >= max(HOLE_AREA, HOLE_SHARE * pixels.area):
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"there are holes of {inside} px in a drawing of {pixels.area} px",
                hint="fill it unless the source means what is inside to be no part of it",
                score=inside / pixels.area,
            )


def _hole_area(pixels: NDArray[np.bool_]) -> int:
    """Return how many pixels are enclosed; what touches the outside at a corner alone is enclosed."""
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    filled = ndimage.binary_fill_holes(pixels)
    return int(np.count_nonzero(filled)) - int(np.count_nonzero(pixels))


RULES = tuple(
    Rule(code=code, title=title, severity=severity, reads=Reads.RECORD, check=check)
    for code, title, severity, check in (
        ("TD106", "Outline crosses itself", Severity.WARNING, _crossing),
        ("TD107", "Outline is not a simple curve", Severity.NOTE, _not_simple),
        ("TD108", "Several things in one drawing", Severity.WARNING, _merged),
        ("TD109", "Hole in a drawing", Severity.WARNING, _hole),
    )
)
"""The rules of the outline itself."""
