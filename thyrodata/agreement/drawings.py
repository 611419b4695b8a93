"""Drawings as they are compared: the pixels that they cover, or their boxes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from thyrodata.agreement.images import ReadImage
from thyrodata.agreement.raster import Raster, box_iou, iou, raster_of
from thyrodata.schema.geometry import Box, Mask, Polygon
from thyrodata.schema.record import Finding, Read
from thyrodata.schema.vocab import Structure

__all__ = ["Drawing", "Unfit", "drawing_of", "drawings_by", "overlap_iou", "unfit_by"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawing:
    """A finding that has an area."""

    finding: Finding
    raster: Raster | None
    """Of its mask or polygon; ``None`` for a finding that is drawn as a box alone."""
    box: Box
    """As drawn, else the extent of the raster."""

    @property
    def order(self) -> tuple[str, tuple[float, ...], bytes]:
        """What drawings are sorted by, so that their order tells what they show and not whose they are."""
        pixels = self.raster.pixels.tobytes() if self.raster else b""
        return (self.finding.structure.value, self.box.bbox_xywh_px, pixels)

    def equals(self, other: Drawing) -> bool:
        """Whether the other drawing is of the same pixels, or the same box."""
        return self.order[1:] == other.order[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """A drawing that cannot be compared, and why: a note's code."""

    finding: Finding
    code: str


def drawings_by(image: ReadImage, reader: str, structures: Collection[Structure]) -> tuple[Drawing, ...]:
    """Return what a reader has drawn of some structures, sorted by what it shows."""
    drawn = (drawing_of(each, image) for each in _by(image, reader, structures) if not each.crowd)
    return tuple(sorted((each for each in drawn if each), key=lambda each: each.order))


def unfit_by(image: ReadImage, reader: str, structures: Collection[Structure]) -> Iterator[Unfit]:
    """Yield what a reader has drawn and :func:`drawings_by` leaves out."""
    for finding in _by(image, reader, structures):
        if finding.crowd:
            yield Unfit(finding=finding, code="crowd")
        elif drawing_of(finding, image) is None:
            has_area = finding.geometry(Mask, Polygon, Box) is not None
            yield Unfit(finding=finding, code="empty-drawing" if has_area else "no-area")


def _by(image: ReadImage, reader: str, structures: Collection[Structure]) -> Iterator[Finding]:
    for finding in image.findings:
        origin = finding.origin
        if isinstance(origin, Read) and (origin.reader or "") == reader and finding.structure in structures:
            yield finding


def drawing_of(finding: Finding, image: ReadImage) -> Drawing | None:
    """Return a finding as it is compared; ``None`` if it covers nothing of its image."""
    box, area = finding.geometry(Box), finding.geometry(Mask, Polygon)
    if isinstance(area, Mask | Polygon):
        raster = raster_of(area, image.image.width, image.image.height)
        if raster is None:
            return None
        height, width = raster.pixels.shape
        extent = Box(x=raster.left, y=raster.top, width=width, height=height)
        return Drawing(finding=finding, raster=raster, box=extent)
    if isinstance(box, Box) and box.width and box.height and _is_inside(box, image):
        return Drawing(finding=finding, raster=None, box=box)
    return None


def _is_inside(box: Box, image: ReadImage) -> bool:
    """Whether something of a box lies on its image."""
    right, bottom = box.x + box.width, box.y + box.height
    return box.x < image.image.width and box.y < image.image.height and right > 0 and bottom > 0


def overlap_iou(a: Drawing, b: Drawing) -> float:
    """Return the IoU of two drawings: of their pixels, or of their boxes if one of them is a box alone."""
    if a.raster is not None and b.raster is not None:
        return iou(a.raster, b.raster)
    return box_iou(a.box, b.box)
