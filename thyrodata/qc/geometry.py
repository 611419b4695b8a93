"""Rules of what was drawn and where, TD101 to TD105: each looks at the drawings of one record alone."""

from __future__ import annotations

from collections.abc import Iterator

from thyrodata.agreement.outlines import longest_diameter
from thyrodata.agreement.raster import Raster, iou
from thyrodata.qc.drawn import areas, drawn, parts_of
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.schema.geometry import Box, Geometry, Mask, Polygon
from thyrodata.schema.record import Finding, ImageRecord

__all__ = ["RULES"]

OUTSIDE = 1.0
"""Pixels that a drawing may reach out of its image: conventions of where a pixel begins differ by one."""

LEAST_AREA = 16
"""Pixels: 4 x 4. A nodule of 2 mm is 10 px wide where 5 cm are shown on 250 px, the smallest in use."""

LEAST_WIDTH = 0.1
"""Mean width of a drawing as a share of its longest diameter: an ellipse of 1 : 8 has as much. Nodules are
hardly longer than three times their width."""

BOX_OFF = 2.0
"""Pixels: one for a corner that is counted from one or included, one for rounding."""

SAME_IOU = 0.8
"""IoU from which two drawings by one reader are of one thing. Two readers who draw one nodule reach a Dice of
0.9 or so, which is an IoU of 0.8; two things do not lie in one another's place."""


def _outside(record: ImageRecord) -> Iterator[Found]:
    width, height = record.image.width, record.image.height
    for finding in record.findings:
        beyond = max(map(max, (_beyond(g, width, height) for g in finding.geometries)), default=0.0)
        if beyond > OUTSIDE:
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"the drawing reaches {beyond:.1f} px out of an image of {width} x {height} px",
                hint="see whether it belongs to another image or scale; an export cuts off what is outside",
                score=beyond,
            )


def _beyond(geometry: Geometry, width: int, height: int) -> tuple[float, ...]:
    """Return how far a geometry reaches out of its image on each side, in pixels."""
    if isinstance(geometry, Mask):
        return (0.0,)
    x, y, wide, high = geometry.bbox_xywh_px
    return (-x, -y, x + wide - width, y + high - height)


def _empty(record: ImageRecord) -> Iterator[Found]:
    width, height = record.image.width, record.image.height
    for finding, geometry, pixels in areas(record):
        if pixels is None and max(_beyond(geometry, width, height)) <= OUTSIDE:
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"the {_kind(geometry)} covers 0 px: nothing is drawn",
                hint="remove the finding, or say with a reading of complete coverage that there is none",
            )


def _kind(geometry: Geometry) -> str:
    return type(geometry).__name__.lower()


def _sliver(record: ImageRecord) -> Iterator[Found]:
    for finding, _, pixels in areas(record):
        if pixels is None:
            continue
        length = longest_diameter(pixels)
        width = pixels.area / length
        # Small parts far apart are no sliver, though the whole is long for its area.
        is_thin = width < LEAST_WIDTH * length and parts_of(pixels)[1] == 1
        if pixels.area < LEAST_AREA or is_thin:
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"the drawing covers {pixels.area} px: {length:.0f} px long, {width:.1f} px wide",
                hint="look at it: a slip of the mouse, a line never closed, or a shape at a wrong scale",
            )


def _box_off(record: ImageRecord) -> Iterator[Found]:
    width, height = record.image.width, record.image.height
    for finding in record.findings:
        box, outline = finding.geometry(Box), finding.geometry(Mask, Polygon)
        if not isinstance(box, Box) or not isinstance(outline, Mask | Polygon):
            continue
        pixels = drawn(outline, width, height)
        if pixels is None:
            continue
        # A box of an outline that leaves the image may leave it or end with it.
        x0, y0 = max(box.x, 0.0), max(box.y, 0.0)
        x1, y1 = min(box.x + box.width, width), min(box.y + box.height, height)
        sides = (x0 - pixels.left, y0 - pixels.top, x1 - pixels.right, y1 - pixels.bottom)
        off = max(map(abs, sides))
        if off > BOX_OFF:
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"a side of the box is {off:.1f} px away from the extent of the {_kind(outline)}",
                hint="see which of the two is of this thing and at this image's scale; neither is changed",
                score=off,
            )


def _twice(record: ImageRecord) -> Iterator[Found]:
    earlier: list[tuple[Finding, Raster]] = []
    for finding, _, pixels in areas(record):
        if pixels is None:
            continue
        like = {
            other.finding_id: iou(pixels, of_other) for other, of_other in earlier if _is_like(other, finding)
        }
        nearest = max(like, key=lambda finding_id: like[finding_id], default="")
        if like and like[nearest] >= SAME_IOU:
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"the same reader drew finding {nearest!r} there, and the IoU is {like[nearest]:.2f}",
                hint="keep one of the two: nodules are counted twice as it is",
                score=like[nearest],
            )
        earlier.append((finding, pixels))


def _is_like(one: Finding, other: Finding) -> bool:
    """Tell whether two findings could be one: the same reader, or policy, drew them as the same."""
    return (one.origin, one.structure, one.crowd) == (other.origin, other.structure, other.crowd)


RULES = tuple(
    Rule(code=code, title=title, severity=severity, reads=Reads.RECORD, check=check)
    for code, title, severity, check in (
        ("TD101", "Outside the image", Severity.ERROR, _outside),
        ("TD102", "Nothing drawn", Severity.ERROR, _empty),
        ("TD103", "Sliver", Severity.WARNING, _sliver),
        ("TD104", "Box is not the extent of its outline", Severity.WARNING, _box_off),
        ("TD105", "Drawn twice by one reader", Severity.WARNING, _twice),
    )
)
"""The rules of what was drawn, and where."""
