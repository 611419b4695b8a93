"""What a record says once its image was cut and scaled, and what that did to its findings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from thyrodata.derivation.affine import map_vector
from thyrodata.derivation.extents import Extent, extent
from thyrodata.derivation.framing import Framing, framed
from thyrodata.derivation.rasters import cut_pixels, resample_pixels
from thyrodata.io.masks import decode_mask, encode_mask
from thyrodata.schema.geometry import Geometry, Mask
from thyrodata.schema.record import Acquisition, Finding, ImageRecord, Remark, readings_without
from thyrodata.schema.vocab import Structure

__all__ = ["FindingChange", "Reach", "derive_record"]

TOUCHING = 1e-6
"""Pixels by which an outline may pass an edge and count as lying on it."""


class Reach(Enum):
    """How far a finding reaches out of what a crop keeps of its image."""

    CUT = "cut"
    """A part of it lies outside."""
    OUTSIDE = "outside"
    """All of it lies outside; its points are kept, with coordinates outside of the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingChange:
    """What became of a finding that a crop cuts or whose mask loses all of its pixels."""

    finding_id: str
    structure: Structure
    reach: Reach | None
    mask_pixels: int
    """Of the image before; 0 where there is no mask."""
    mask_pixels_cut: int
    """Of them, those outside of the crop."""
    mask_emptied: bool
    """The mask has no pixel left, and is not kept."""
    left_out: bool
    """The mask was all that the finding was drawn as: the finding is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mapped:
    geometry: Geometry | None
    reach: Reach | None
    seen: bool
    """Something of it lay in the image before."""
    pixels: int = 0
    pixels_cut: int = 0


def derive_record(
    record: ImageRecord, framing: Framing, frame_key: str, window_hu: tuple[float, float] | None
) -> tuple[ImageRecord, tuple[FindingChange, ...]]:
    """Return the record of an image that was cut and scaled, and what became of findings on the way.

    Sizes in mm stay. A reading that lost a finding covers the image in part at most, since the absence of
    that finding is no statement of the reader's; a remark names it.

    Args:
        record: The record before.
        framing: How its image is cut and scaled.
        frame_key: Of the crop ledger, if the image has none yet.
        window_hu: The window by which its pixels became 8 bits, which ``acquisition`` then states.

    Raises:
        SchemaError: A coordinate would be beyond a million pixels.
    """
    findings, changes = [], []
    for finding in record.findings:
        new, change = _finding(finding, record, framing)
        if new:
            findings.append(new)
        if change:
            changes.append(change)
    gone = frozenset(change.finding_id for change in changes if change.left_out)
    lost = [finding for finding in record.findings if finding.finding_id in gone]
    acquisition = record.acquisition
    if window_hu:
        acquisition = replace(acquisition or Acquisition(), window_hu=window_hu)
    derived = replace(
        record,
        image=framed(record.image, framing, frame_key),
        acquisition=acquisition,
        findings=tuple(findings),
        readings=readings_without(record.readings, lost),
        remarks=(*record.remarks, *map(_remark, lost)),
    )
    return derived, tuple(changes)


def _finding(
    finding: Finding, record: ImageRecord, framing: Framing
) -> tuple[Finding | None, FindingChange | None]:
    mapped = [_mapped(geometry, record, framing) for geometry in finding.geometries]
    kept = tuple(each.geometry for each in mapped if each.geometry)
    seen = [each.reach for each in mapped if each.seen]
    reach = None
    if any(seen):
        reach = Reach.OUTSIDE if all(each is Reach.OUTSIDE for each in seen) else Reach.CUT
    new = replace(finding, geometries=kept) if kept else None
    emptied = len(kept) < len(mapped)
    if reach is None and not emptied:
        return new, None
    return new, FindingChange(
        finding_id=finding.finding_id,
        structure=finding.structure,
        reach=reach,
        mask_pixels=sum(each.pixels for each in mapped),
        mask_pixels_cut=sum(each.pixels_cut for each in mapped),
        mask_emptied=emptied,
        left_out=new is None,
    )


def _mapped(geometry: Geometry, record: ImageRecord, framing: Framing) -> _Mapped:
    if isinstance(geometry, Mask):
        return _mapped_mask(geometry, framing)
    box = extent(geometry)
    clipped = box and _clipped(box, (0, 0, record.image.width, record.image.height))
    new = map_vector(geometry, framing.affine)
    return _Mapped(geometry=new, reach=clipped and _reach(clipped, framing), seen=bool(clipped))


def _mapped_mask(mask: Mask, framing: Framing) -> _Mapped:
    pixels = decode_mask(mask)
    kept = cut_pixels(pixels, framing.box)
    before, after = int(np.count_nonzero(pixels)), int(np.count_nonzero(kept))
    reach = None if after == before else Reach.CUT if after else Reach.OUTSIDE
    width, height = framing.size
    if framing.resizes():
        kept = resample_pixels(kept, framing.scaling, width=width, height=height)
    emptied = before and not kept.any()
    return _Mapped(
        geometry=None if emptied else encode_mask(kept),
        reach=reach,
        seen=before > 0,
        pixels=before,
        pixels_cut=before - after,
    )


def _clipped(box: Extent, within: tuple[int, int, int, int]) -> Extent | None:
    """Return the part of a box inside of another; one without area has a part where it touches."""
    x0, y0 = max(box[0], within[0]), max(box[1], within[1])
    x1, y1 = min(box[2], within[2]), min(box[3], within[3])
    empty = x1 < x0 or y1 < y0 or (x1 == x0 and box[0] < box[2]) or (y1 == y0 and box[1] < box[3])
    return None if empty else (x0, y0, x1, y1)


def _reach(box: Extent, framing: Framing) -> Reach | None:
    inside = _clipped(box, framing.box)
    if inside is None:
        return Reach.OUTSIDE
    passed = max(abs(a - b) for a, b in zip(inside, box, strict=True))
    return Reach.CUT if passed > TOUCHING else None


def _remark(finding: Finding) -> Remark:
    what = f"{finding.structure.value} {finding.finding_id!r}"
    return Remark(code="finding-left-out", text=f"{what} has no pixel left in this image")
