"""Several drawings of the same thing: a mask, a box and an outline that a source publishes side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from thyrodata.converters._masked import ABOVE
from thyrodata.converters._own import outside_image
from thyrodata.errors import CaseError
from thyrodata.io.masks import encode_mask, read_mask
from thyrodata.io.raw import RawFile
from thyrodata.io.viaregions import read_via_regions
from thyrodata.io.yololabels import read_yolo_labels
from thyrodata.schema.geometry import Box, Geometry, Mask, Polygon, PolygonPart
from thyrodata.schema.record import Finding, Remark, SourceField
from thyrodata.schema.vocab import Structure

__all__ = ["Drawing", "Drawn", "read_drawn"]

_AGAIN = "copy it again from the release"

TOLERANCE = 2.0
"""Pixels by which the edges of two drawings of one thing may differ: a mask filled from an outline reaches up
to one beyond its vertices, and a box rounded to whole pixels lies up to one beside them."""

_ORDER = (Mask, Box, Polygon)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One of them."""

    name: str
    """As remarks name it: ``box 1``."""
    geometry: Geometry
    edges: tuple[float, float, float, float]
    """x0, y0, x1, y1 of its extent inside the image, in pixels."""
    source_fields: tuple[SourceField, ...] = ()

    def same_extent(self, other: Drawing) -> bool:
        """Tell whether each edge lies within two pixels of the other's."""
        return all(abs(a - b) <= TOLERANCE for a, b in zip(self.edges, other.edges, strict=True))


def read_drawn(mask: RawFile, labels: RawFile, regions: RawFile, width: int, height: int) -> Drawn:
    """Read the three files of drawings of an image: they make findings, and none of them is left out.

    Drawings of one extent are of one thing. A mask of several things is of none of them alone, and is not
    split: it stays a finding of its own.

    Args:
        mask: An image file of the image's size.
        labels: YOLO's lines.
        regions: Outlines as the VGG Image Annotator has them.
        width: Of the image, in pixels.
        height: Of the image, in pixels.

    Raises:
        CaseError: One is broken, or of another size than the image; or the boxes, of which alone a cut file
            is not known by its end, may be cut: they have none, and the other drawings are elsewhere.
    """
    foreground = read_mask(mask, above=ABOVE)
    if foreground.shape != (height, width):
        found = f"{foreground.shape[1]} x {foreground.shape[0]}"
        text = f"the mask is {found} px, and its image {width} x {height} px"
        raise CaseError(text, where=str(mask), hint=_AGAIN)
    size, folder = (width, height), regions.path.split("/")[-2]
    outlines = [
        _drawing_of(
            f"outline {index}",
            Polygon(parts=(PolygonPart(exterior=region.points),)),
            size,
            [SourceField(name=f"{folder}/{name}", text=text) for name, text in region.notes],
        )
        for index, region in enumerate(read_via_regions(regions), 1)
    ]
    lines = read_yolo_labels(labels)
    boxes = [
        _drawing_of(
            f"box {index}",
            line.to_box(width, height) if line.is_box else line.to_polygon(width, height),
            size,
            [SourceField(name=labels.path.split("/")[-2], text=str(line.class_index))],
        )
        for index, line in enumerate(lines, 1)
    ]
    shown = _drawing_of_mask("mask", foreground) if foreground.any() else None
    drawn = _read_together(shown, boxes, outlines, width, height)
    if not drawn.findings or (lines and lines[-1].ended):
        return drawn
    text = f"{labels} has no line end" if lines else f"{labels} has no box"
    if not drawn.agree:
        raise CaseError(
            f"{text}, and mask and outlines differ: it may be cut", where=str(labels), hint=_AGAIN
        )
    remark = Remark(code="no-line-end", text=text)
    return replace(drawn, remarks=(*drawn.remarks, remark))


def _drawing_of(
    name: str, geometry: Box | Polygon, size: tuple[int, int], notes: Iterable[SourceField]
) -> Drawing:
    """Return a box or an outline as a drawing; ``size`` is the image's width and height, in pixels."""
    x, y, width, height = geometry.bbox_xywh_px
    x0, x1 = (min(max(edge, 0), size[0]) for edge in (x, x + width))
    y0, y1 = (min(max(edge, 0), size[1]) for edge in (y, y + height))
    return Drawing(name=name, geometry=geometry, edges=(x0, y0, x1, y1), source_fields=tuple(notes))


def _drawing_of_mask(name: str, foreground: NDArray[np.bool_]) -> Drawing:
    """Return a mask as a drawing.

    Args:
        name: As remarks name it.
        foreground: bool (height, width), true somewhere.
    """
    rows, columns = (np.flatnonzero(foreground.any(axis=axis)) for axis in (1, 0))
    edges = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return Drawing(name=name, geometry=encode_mask(foreground), edges=edges)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What all drawings of an image come to."""

    findings: tuple[Finding, ...]
    agree: bool
    """Whether each thing was drawn in every way, in one place."""
    remarks: tuple[Remark, ...]


def _read_together(
    mask: Drawing | None, boxes: Sequence[Drawing], outlines: Sequence[Drawing], width: int, height: int
) -> Drawn:
    masks = [mask] if mask else []
    several = max(len(boxes), len(outlines)) > 1
    things = _together([*outlines, *boxes] if several else [*outlines, *boxes, *masks])
    agree = all(len(thing) == (2 if several else 3) for thing in things) and bool(things) == bool(masks)
    remarks = []
    if not masks:
        remarks.append(Remark(code="mask-empty", text="nothing is drawn in the mask"))
    elif several:
        agree = agree and _covers(masks[0], [*outlines, *boxes])
        text = f"the mask shows {len(things)} outlined things at once: it is a finding of its own"
        remarks.append(Remark(code="mask-of-several", text=text))
        things.append(masks)
    if not agree:
        said = "; ".join(
            f"finding {index} has {' and '.join(drawing.name for drawing in thing)}"
            for index, thing in enumerate(things, 1)
        )
        text = f"mask, boxes and outlines do not agree within {TOLERANCE:g} px: {said}"
        remarks.append(Remark(code="drawings-disagree", text=text))
    findings = []
    for index, thing in enumerate(things, 1):
        thing.sort(key=lambda drawing: _ORDER.index(type(drawing.geometry)))
        fields = chain.from_iterable(drawing.source_fields for drawing in thing)
        finding = Finding(
            finding_id=str(index),
            structure=Structure.NODULE,
            geometries=tuple(drawing.geometry for drawing in thing),
            source_fields=tuple(fields),
        )
        findings.append(finding)
        outside = outside_image(str(index), map(_rounded, finding.geometries), width, height)
        remarks += [outside] if outside else []
    return Drawn(findings=tuple(findings), agree=agree, remarks=tuple(remarks))


def _covers(mask: Drawing, drawings: Sequence[Drawing]) -> bool:
    """Tell whether a mask has the extent of all other drawings together."""
    x0, y0, x1, y1 = zip(*(drawing.edges for drawing in drawings), strict=True)
    return mask.same_extent(replace(mask, edges=(min(x0), min(y0), max(x1), max(y1))))


def _rounded(geometry: Geometry) -> Geometry:
    """Return a box in hundredths of a pixel: six decimals of an image's size are not more exact."""
    if not isinstance(geometry, Box):
        return geometry
    x, y, width, height = (round(number, 2) for number in geometry.bbox_xywh_px)
    return Box(x=x, y=y, width=width, height=height)


def _together(drawings: Iterable[Drawing]) -> list[list[Drawing]]:
    """Put drawings of one thing together: those of one extent, at most one of a class.

    Each joins the first of the things that it fits, or else is a thing of its own; none is left out.
    """
    things: list[list[Drawing]] = []
    for drawing in drawings:
        for thing in things:
            if all(
                type(other.geometry) is not type(drawing.geometry) and other.same_extent(drawing)
                for other in thing
            ):
                thing.append(drawing)
                break
        else:
            things.append([drawing])
    return things
