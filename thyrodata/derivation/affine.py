"""Maps of points from one image to another that was cut and scaled from it, along each axis alone."""

from __future__ import annotations

from dataclasses import dataclass

from thyrodata.schema.geometry import Box, Calipers, Line, Point, Polygon, PolygonPart, Ring, Segment
from thyrodata.schema.record import ImageRef

__all__ = ["Affine", "Vector", "map_vector", "to_frame"]

Vector = Box | Polygon | Calipers | Line
"""A geometry that is made of points, and so is mapped without loss wherever it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """A point (x, y) goes to (x * scale_x + offset_x, y * scale_y + offset_y), all in pixels."""

    scale_x: float = 1.0
    scale_y: float = 1.0
    offset_x: float = 0.0
    offset_y: float = 0.0

    def point(self, point: Point) -> Point:
        """Return where a point goes."""
        return (point[0] * self.scale_x + self.offset_x, point[1] * self.scale_y + self.offset_y)

    def inverse(self) -> Affine:
        """Return the map back."""
        return Affine(
            scale_x=1 / self.scale_x,
            scale_y=1 / self.scale_y,
            offset_x=-self.offset_x / self.scale_x,
            offset_y=-self.offset_y / self.scale_y,
        )

    def then(self, after: Affine) -> Affine:
        """Return this map followed by another."""
        x, y = after.point((self.offset_x, self.offset_y))
        return Affine(
            scale_x=self.scale_x * after.scale_x,
            scale_y=self.scale_y * after.scale_y,
            offset_x=x,
            offset_y=y,
        )


def to_frame(image: ImageRef) -> Affine:
    """Return the map from an image to the frame that its crop ledger names.

    Without a ledger the frame is the image itself, before any scaling.
    """
    unscaled = Affine()
    if image.scaling:
        unscaled = Affine(
            scale_x=image.scaling.scale_x,
            scale_y=image.scaling.scale_y,
            offset_x=image.scaling.offset_x,
            offset_y=image.scaling.offset_y,
        ).inverse()
    left, top = image.crop.kept_box[:2] if image.crop else (0, 0)
    return unscaled.then(Affine(offset_x=left, offset_y=top))


def map_vector(geometry: Vector, affine: Affine) -> Vector:
    """Return where a geometry goes: each of its points, and nothing is clipped.

    Raises:
        SchemaError: A coordinate would be beyond a million pixels.
    """
    match geometry:
        case Box():
            x, y = affine.point((geometry.x, geometry.y))
            width, height = geometry.width * affine.scale_x, geometry.height * affine.scale_y
            return Box(x=x, y=y, width=width, height=height)
        case Polygon(parts=parts):
            return Polygon(parts=tuple(_part(part, affine) for part in parts))
        case Calipers(long=long, short=short):
            return Calipers(long=_segment(long, affine), short=short and _segment(short, affine))
        case Line(points=points):
            return Line(points=_points(points, affine))


def _part(part: PolygonPart, affine: Affine) -> PolygonPart:
    holes = tuple(_points(hole, affine) for hole in part.holes)
    return PolygonPart(exterior=_points(part.exterior, affine), holes=holes)


def _points(points: Ring, affine: Affine) -> Ring:
    return tuple(affine.point(point) for point in points)


def _segment(segment: Segment, affine: Affine) -> Segment:
    return (affine.point(segment[0]), affine.point(segment[1]))
