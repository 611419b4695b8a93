"""Which drawing of a finding a format takes, and what becomes of it on the way."""

from __future__ import annotations

from enum import Enum

from pycocotools import mask as coco_mask

from thyrodata.exports.outlines import clip_ring, join_parts, outlines
from thyrodata.io.rasters import covered
from thyrodata.schema.geometry import Box, Geometry, Mask, Polygon, PolygonPart
from thyrodata.schema.record import Finding

__all__ = ["Drawn", "Outside", "Shape", "draw"]

ROUNDING = 2e-6
"""Share of an image's side by which an edge may pass it: six decimals of a side are no more exact."""

Drawn = tuple[Geometry | None, tuple[str, ...]]
"""The geometry that is written with the names of what was changed; or nothing, with the name of the loss."""


class Shape(Enum):
    """What a format writes of a finding."""

    AREA = "area"
    """The mask as it is, else the polygon, else the box."""
    BOX = "box"
    """The box as the dataset has it, else the extent of the mask, else of the polygon."""
    OUTLINE = "outline"
    """A polygon of one part without holes: of the polygon, else of the mask."""
    PIXELS = "pixels"
    """A mask: as it is, else the pixels that the polygon covers, else the box."""


class Outside(Enum):
    """What becomes of a box or outline that leaves its image."""

    KEEP = "keep"
    """It is written: the format has no opinion of it."""
    NAME = "name"
    """It is written, and named as a change."""
    CLIP = "clip"
    """It is cut off at the image's edge."""


def draw(finding: Finding, shape: Shape, outside: Outside, *, width: int, height: int) -> Drawn:
    """Return what a format writes of a finding.

    Args:
        finding: The finding.
        shape: What the format writes.
        outside: What becomes of what leaves the image.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
    """
    match shape:
        case Shape.AREA:
            geometry = finding.geometry(Mask, Polygon, Box)
            return (geometry, ()) if geometry else (None, ("no-area",))
        case Shape.BOX:
            return _within(_box(finding), outside, width, height)
        case Shape.OUTLINE:
            return _within(_outline(finding), outside, width, height)
        case Shape.PIXELS:
            return _pixels(finding, width, height)


def _pixels(finding: Finding, width: int, height: int) -> Drawn:
    """Return the pixels; there is no outside in a raster, so what leaves the image is cut off and named."""
    geometry = finding.geometry(Mask, Polygon, Box)
    if not isinstance(geometry, Mask | Polygon | Box):
        return None, ("no-area",)
    pixels = covered(geometry, width, height)
    if isinstance(geometry, Mask):
        return (pixels, ()) if pixels else (None, ("no-area",))
    if pixels is None:
        return None, ("no-pixel",)
    name = "box-to-mask" if isinstance(geometry, Box) else "polygon-to-mask"
    return pixels, (name, "cropped") if _leaves(geometry, width, height) else (name,)


def _box(finding: Finding) -> Drawn:
    match finding.geometry(Box, Mask, Polygon):
        case Box() as box:
            return box, ()
        case Mask() as mask:
            rle = {"size": [mask.height, mask.width], "counts": mask.counts}
            x, y, width, height = coco_mask.toBbox(rle).tolist()
            if not width:
                return None, ("no-area",)
            return Box(x=x, y=y, width=width, height=height), ("mask-to-box",)
        case Polygon() as polygon:
            x, y, width, height = polygon.bbox_xywh_px
            return Box(x=x, y=y, width=width, height=height), ("polygon-to-box",)
    return None, ("no-area",)


def _outline(finding: Finding) -> Drawn:
    match finding.geometry(Polygon, Mask):
        case Polygon() as polygon:
            return polygon, ()
        case Mask() as mask:
            outline = outlines(mask)
            return (outline, ("mask-to-polygon",)) if outline else (None, ("no-area",))
    return None, ("no-outline",)


def _within(drawn: Drawn, outside: Outside, width: int, height: int) -> Drawn:
    """Do with what leaves the image as is asked, and make one ring of a polygon."""
    geometry: Geometry | None
    geometry, names = drawn
    if not isinstance(geometry, Box | Polygon):
        return drawn
    if outside is not Outside.KEEP and _leaves(geometry, width, height):
        if outside is Outside.NAME:
            names = (*names, "outside-image")
        else:
            geometry, names = _clip(geometry, width, height), (*names, "clipped")
    if geometry is None:
        return None, ("nothing-inside",)
    return _one_ring(geometry, names) if isinstance(geometry, Polygon) else (geometry, names)


def _leaves(geometry: Box | Polygon, width: int, height: int) -> bool:
    x, y, wide, high = geometry.bbox_xywh_px
    dx, dy = ROUNDING * width, ROUNDING * height
    return x < -dx or y < -dy or x + wide > width + dx or y + high > height + dy


def _clip(geometry: Box | Polygon, width: int, height: int) -> Box | Polygon | None:
    if isinstance(geometry, Box):
        left, top = max(geometry.x, 0), max(geometry.y, 0)
        right, bottom = min(geometry.x + geometry.width, width), min(geometry.y + geometry.height, height)
        if right <= left or bottom <= top:
            return None
        return Box(x=left, y=top, width=right - left, height=bottom - top)
    parts = [
        PolygonPart(exterior=ring, holes=part.holes)
        for part in geometry.parts
        if (ring := clip_ring(part.exterior, width, height))
    ]
    return Polygon(parts=tuple(parts)) if parts else None


def _one_ring(polygon: Polygon, names: tuple[str, ...]) -> Drawn:
    if any(part.holes for part in polygon.parts):
        names = (*names, "hole-filled")
    if len(polygon.parts) > 1:
        names = (*names, "parts-merged")
    ring = join_parts([part.exterior for part in polygon.parts])
    return Polygon(parts=(PolygonPart(exterior=ring),)), names
