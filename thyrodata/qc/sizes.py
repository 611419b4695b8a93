"""Rules of sizes in millimetres, TD113 and TD114: for drawings of images whose spacing is known."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot

from thyrodata.agreement.outlines import longest_diameter
from thyrodata.qc.drawn import drawn
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.schema.geometry import Box, Calipers, Mask, Polygon, Segment
from thyrodata.schema.record import Finding, ImageRecord
from thyrodata.schema.vocab import Modality, Structure

__all__ = ["LARGEST_MM", "RULES", "SMALLEST_MM"]

SMALLEST_MM = 1.0
"""Of a nodule's longest diameter. No guideline draws the limit. A centimetre written as a millimetre is
mostly below it."""

LARGEST_MM = 100.0
"""No guideline draws the limit. A wrong unit or spacing is likelier than a nodule of 10 cm in one picture."""

LONGER = 1.25
"""Times the largest stated diameter: well above the variation of a nodule's volume between observers of 49 %,
which is 14 % in a diameter (Brauer et al., Thyroid 2005;15:1169-1175)."""

SHORTER = 0.5
"""Times the smallest stated diameter. A slice beside the middle is smaller, but nobody draws it at a half."""

SLACK_MM = 2.0
"""Smallest difference of a diameter that the ACR calls growth (Tessler et al., J Am Coll Radiol
2017;14:587-595)."""


def _impossible(record: ImageRecord) -> Iterator[Found]:
    for finding, diameter in _diameters(record):
        if not SMALLEST_MM <= diameter <= LARGEST_MM:
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"the nodule is drawn {diameter:.2g} mm long",
                hint="check the pixel spacing and its unit, and that the drawing is at this image's scale",
            )


def _unlike_stated(record: ImageRecord) -> Iterator[Found]:
    stated = {nodule.nodule_id: [size for size in nodule.size_mm if size] for nodule in record.nodules}
    for finding, diameter in _diameters(record):
        sizes = stated.get(finding.nodule_id or "", [])
        if not sizes:
            continue
        longer, shorter = diameter - LONGER * max(sizes), SHORTER * min(sizes) - diameter
        if (longer > 0 and diameter - max(sizes) > SLACK_MM) or (
            shorter > 0 and min(sizes) - diameter > SLACK_MM
        ):
            axes = " x ".join(f"{size:g}" for size in sizes)
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"the nodule is drawn {diameter:.1f} mm long, and is stated to measure {axes} mm",
                hint="check the pixel spacing, and that the drawing is linked to the right nodule",
                score=max(diameter / max(sizes), min(sizes) / diameter),
            )


def _diameters(record: ImageRecord) -> Iterator[tuple[Finding, float]]:
    """Yield the nodules drawn on ultrasound, and how long each is in mm, above zero.

    Of several drawings the calipers come first, which are the diameter as a reader measured it.
    """
    if record.image.spacing_mm is None or record.modality is not Modality.ULTRASOUND:
        return
    for finding in record.findings:
        if finding.structure is not Structure.NODULE or finding.crowd:
            continue
        diameter = _diameter(finding, record)
        if diameter:
            yield finding, diameter


def _diameter(finding: Finding, record: ImageRecord) -> float:
    down, along = record.image.spacing_mm or (1.0, 1.0)
    match finding.geometry(Calipers, Mask, Polygon, Box):
        case Calipers(long=long):
            return _length(long, down, along)
        case Box(width=width, height=height):
            return max(width * along, height * down)
        case Mask() | Polygon() as outline:
            pixels = drawn(outline, record.image.width, record.image.height)
            return longest_diameter(pixels, (down, along)) if pixels else 0.0
    return 0.0


def _length(segment: Segment, down: float, along: float) -> float:
    (x0, y0), (x1, y1) = segment
    return hypot((x1 - x0) * along, (y1 - y0) * down)


RULES = (
    Rule(
        code="TD113",
        title="Impossible size",
        severity=Severity.ERROR,
        reads=Reads.RECORD,
        check=_impossible,
    ),
    Rule(
        code="TD114",
        title="Drawn size is not the stated size",
        severity=Severity.WARNING,
        reads=Reads.RECORD,
        check=_unlike_stated,
    ),
)
"""The rules of drawn sizes."""
