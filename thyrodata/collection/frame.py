"""The records of one frame: one for each region, each with the outlines that lie in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from thyrodata.capture.regions import KeptRegion
from thyrodata.collection.model import NAMESPACE, FileJob, Outlines
from thyrodata.derivation.extents import extent
from thyrodata.derivation.framing import framing
from thyrodata.derivation.records import Reach, derive_record
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.schema.record import Finding, ImageRecord, ImageRef, PixelBox, Remark, SourceField
from thyrodata.schema.vocab import Modality

__all__ = ["frame_records"]


def frame_records(
    job: FileJob,
    header: DicomHeader,
    regions: Sequence[KeptRegion],
    blanked: Sequence[tuple[PixelBox, ...]],
    *,
    index: int,
    sharpness: int | None,
    found_by: str,
) -> list[ImageRecord] | None:
    """Return a record for each region of a frame, without hash and bit depth.

    Args:
        job: The file.
        header: Its header.
        regions: What is kept of the screen.
        blanked: For each region, what of it is set to zero, in pixels of the screen.
        index: Of the frame, from 0.
        sharpness: Of the frame, where it was looked at.
        found_by: How the regions were found.

    Returns:
        The records; ``None`` where an outline lies wholly in none of the regions, so that all of them cut it.
    """
    drawn = job.drawn.get(index)
    placed: set[str] = set()
    records = []
    for number, (region, boxes) in enumerate(zip(regions, blanked, strict=True), 1):
        whole = ImageRecord(
            image_id=f"{NAMESPACE}/{job.subject.name}/{index}/{number}",
            image=ImageRef(
                width=header.columns,
                height=header.rows,
                path=f"images/{job.subject.name}/{index}-{number}.png",
                frame_index=index,
                spacing_mm=region.spacing_mm,
            ),
            modality=Modality.ULTRASOUND,
            acquisition=job.subject.acquisition,
            group_id=f"{NAMESPACE}/{job.subject.group}",
            group_kind=job.subject.group_kind,
            patient=job.subject.patient,
            study_id=str(job.subject.numbers[0]),
            series_id=str(job.subject.numbers[1]),
            nodules=job.subject.nodules,
            case_labels=job.subject.case_labels,
            source_fields=(*job.subject.source_fields, *_fields(header, region, sharpness)),
            remarks=(*job.subject.remarks, *_remarks(found_by)),
            source=f"{job.source}#frame {index}#region {number}",
        )
        record = _cut(
            _inside(whole, drawn, region.box), region.box, f"{job.subject.tokens[0]}/{index}", boxes
        )
        placed.update(finding.finding_id for finding in record.findings)
        records.append(record)
    missing = {finding.finding_id for finding in drawn.findings} - placed if drawn else set()
    return None if missing else records


def _inside(record: ImageRecord, drawn: Outlines | None, box: PixelBox) -> ImageRecord:
    """Return the record of a whole frame with the outlines that a crop leaves whole."""
    if drawn is None:
        return record
    full = replace(record, readings=drawn.readings, findings=drawn.findings)
    _, changes = derive_record(full, framing(full.image, box, None), "", None)
    cut = {change.finding_id for change in changes if change.reach in (Reach.CUT, Reach.OUTSIDE)}
    return replace(full, findings=tuple(f for f in drawn.findings if f.finding_id not in cut))


def _cut(record: ImageRecord, box: PixelBox, frame_key: str, blanked: tuple[PixelBox, ...]) -> ImageRecord:
    """Return the record of what is kept of a frame; outlines and spacing follow."""
    hurt = [finding for finding in record.findings if _touches(finding, blanked)]
    cut, _ = derive_record(record, framing(record.image, box, None), frame_key, None)
    crop = cut.image.crop
    image = replace(cut.image, crop=crop and replace(crop, blanked_boxes=blanked))
    remarks = tuple(
        Remark(
            code="outline-blanked",
            text=f"pixels near {finding.structure.value} {finding.finding_id!r} were set to zero for text",
        )
        for finding in hurt
    )
    return replace(cut, image=image, remarks=(*cut.remarks, *remarks))


def _touches(finding: Finding, boxes: Sequence[PixelBox]) -> bool:
    """Return whether a box of the screen meets the extent of an outline."""
    extents = [found for geometry in finding.geometries if (found := extent(geometry))]
    return any(
        found[0] < box[2] and box[0] < found[2] and found[1] < box[3] and box[1] < found[3]
        for found in extents
        for box in boxes
    )


def _fields(header: DicomHeader, region: KeptRegion, sharpness: int | None) -> Iterator[SourceField]:
    if region.data_type is not None:
        yield SourceField(name="RegionDataType", text=str(region.data_type))
    yield SourceField(name="NumberOfFrames", text=str(header.frames))
    if sharpness is not None:
        yield SourceField(name="Sharpness", text=str(sharpness))


def _remarks(found_by: str) -> Iterator[Remark]:
    if found_by == "pixels":
        yield Remark(
            code="region-by-pixels",
            text="the header names no region: where the picture lies on the screen was found by its pixels",
        )
