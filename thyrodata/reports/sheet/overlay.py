"""The overlay of an image: the geometry of its findings, in colour over a dark casing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from thyrodata.reports.sheet.colours import Rgb, kind
from thyrodata.schema.geometry import Box, Calipers, Geometry, Line, Mask, Point, Polygon, Segment
from thyrodata.schema.record import Finding, ImageRecord
from thyrodata.schema.vocab import Structure

__all__ = ["draw_overlay"]

_Path = NDArray[np.float64]
"""(points, 2) of x, y: an open line in pixels of the drawing."""

_OVERSAMPLING = 3
_CASING_ALPHA, _TINT_ALPHA = 150, 56


def draw_overlay(
    record: ImageRecord, size: tuple[int, int], colours: dict[str, Rgb], stroke: float
) -> Image.Image:
    """Draw a record's findings on a clear ground of a size (width, height): colour over a dark casing."""
    drawing = (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING)
    view = _View(
        image=(record.image.width, record.image.height),
        drawing=drawing,
        head=6 * stroke * _OVERSAMPLING,
    )
    overlay = Image.new("RGBA", drawing)
    strokes = [
        (
            geometry,
            colours[kind(finding)],
            stroke * _OVERSAMPLING * (0.75 if _is_thin(finding, geometry) else 1),
        )
        for finding in record.findings
        for geometry in finding.geometries
    ]
    for geometry, colour, _ in strokes:
        if isinstance(geometry, Mask):
            overlay.paste((*colour, _TINT_ALPHA), mask=view.raster(geometry))
    for geometry, _, width in strokes:
        overlay.paste((0, 0, 0, _CASING_ALPHA), mask=_ink(geometry, view, width + 1.2 * _OVERSAMPLING))
    for geometry, colour, width in strokes:
        overlay.paste((*colour, 255), mask=_ink(geometry, view, width))
    return overlay.reduce(_OVERSAMPLING)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """How an image's coordinates map to a drawing that is `_OVERSAMPLING` times as large as it is shown."""

    image: tuple[int, int]
    """Width and height in pixels of the image."""
    drawing: tuple[int, int]
    """Width and height in pixels of the drawing."""
    head: float
    """Length of an arrow's head and of a caliper's tick, in pixels of the drawing."""

    def path(self, points: Iterable[Point], *, closed: bool = False) -> _Path:
        """Map an open or closed line."""
        path = np.array([*points], np.float64)
        if closed:
            path = np.vstack((path, path[:1]))
        return path * np.divide(self.drawing, self.image)

    def raster(self, mask: Mask) -> Image.Image:
        """Map a mask; a pixel of the drawing is on where any of the mask's pixels in it is."""
        runs = mask.runs()
        raster = np.repeat(np.arange(len(runs), dtype=np.uint8) % 2, runs).reshape(mask.width, mask.height)
        for axis, size in enumerate(self.drawing):
            # reduceat takes the maximum of a range, and the single value where a range is empty.
            starts = np.arange(size) * raster.shape[axis] // size
            raster = np.maximum.reduceat(raster, starts, axis=axis)
        return Image.fromarray(np.ascontiguousarray(raster.T * np.uint8(255)))


def _is_thin(finding: Finding, geometry: Geometry) -> bool:
    """Tell what is drawn with a thinner line: markers, and a box around what is drawn in another way too."""
    return finding.structure is Structure.MARKER or (
        isinstance(geometry, Box) and len(finding.geometries) > 1
    )


def _ink(geometry: Geometry, view: _View, width: float) -> Image.Image:
    """Return a raster of the drawing's size: 255 where the line of a width runs, 0 elsewhere."""
    match geometry:
        case Mask():
            return _rim(view.raster(geometry), width)
        case Box(x=x, y=y, width=w, height=h):
            paths = [view.path(((x, y), (x + w, y), (x + w, y + h), (x, y + h)), closed=True)]
        case Polygon(parts=parts):
            rings = (ring for part in parts for ring in (part.exterior, *part.holes))
            paths = [view.path(ring, closed=True) for ring in rings]
        case Calipers(long=long, short=short):
            paths = [*_with_ticks(view, long), *(_with_ticks(view, short) if short else ())]
        case Line(points=points):
            paths = [*_with_head(view, points)]
    ink = Image.new("L", view.drawing)
    draw = ImageDraw.Draw(ink)
    for path in paths:
        _trace(draw, path, view.drawing, width)
    return ink


def _rim(raster: Image.Image, width: float) -> Image.Image:
    """Return what lies within half a width of a raster's edge, the image's own border taken as outside."""
    margin = round(width / 2) + 1
    blurred = ImageOps.expand(raster, margin).filter(ImageFilter.BoxBlur((width - 1) / 2))
    return ImageOps.crop(blurred.point([0, *[255] * 254, 0]), margin)


def _with_ticks(view: _View, segment: Segment) -> Iterator[_Path]:
    path = view.path(segment)
    yield path
    along = _unit(path[1] - path[0])
    across = np.array((-along[1], along[0])) * (view.head / 2)
    for end in path:
        yield np.array((end - across, end + across))


def _with_head(view: _View, points: Sequence[Point]) -> Iterator[_Path]:
    """Yield a line, and the two strokes of the head at its last point."""
    path = view.path(points)
    yield path
    along = _unit(path[-1] - path[-2]) * view.head
    across = np.array((-along[1], along[0])) * 0.5
    yield np.array((path[-1] - along + across, path[-1], path[-1] - along - across))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.hypot(*vector))
    return vector / length if length else np.array((1.0, 0.0))


def _trace(draw: ImageDraw.ImageDraw, path: _Path, size: tuple[int, int], width: float) -> None:
    """Draw a line with round joints and ends."""
    radius = (width - 1) / 2
    for segment in _clipped(path, size, width):
        ends = segment - 0.5  # Pillow counts from the middle of a pixel
        draw.line([tuple(end) for end in ends.tolist()], 255, 2 * int(width / 2) + 1)
        for x, y in ends.tolist():
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), 255)


def _clipped(path: _Path, size: tuple[int, int], margin: float) -> NDArray[np.float64]:
    """Return what of a line's segments lies in a drawing or within a margin around it.

    Far points would cost Pillow a step per pixel. The method is that of Liang and Barsky (ACM Trans. Graph.
    1984;3:1-22).

    Returns:
        (segments, 2 ends, 2) of x, y.
    """
    start, step = path[:-1], np.diff(path, axis=0)
    with np.errstate(all="ignore"):  # a segment along an axis crosses two borders at infinity
        crossings = np.stack(((-margin - start) / step, (np.array(size) + margin - start) / step))
    enter = np.fmin(*crossings).max(axis=1, initial=0)
    leave = np.fmax(*crossings).min(axis=1, initial=1)
    seen = enter <= leave
    times = np.stack((enter[seen], leave[seen]), axis=1)
    clipped: NDArray[np.float64] = start[seen, None] + times[..., None] * step[seen, None]
    return clipped
