"""What the converters of Pascal VOC share: all of an image's record but what the names of objects mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from thyrodata.converters._own import outside_image
from thyrodata.io.raw import RawImage
from thyrodata.io.voc import VocAnnotation, VocImage
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.record import Finding, ImageRecord, OfficialSplit, Reading, Remark, SourceField
from thyrodata.schema.vocab import GroupKind, Modality

__all__ = ["voc_sample"]


def voc_sample(
    namespace: str,
    item: VocImage,
    image: RawImage,
    said: VocAnnotation,
    *,
    findings: Sequence[Finding],
    reading: Reading,
    remarks: Sequence[Remark] = (),
    group: tuple[str, GroupKind] | None = None,
    modality: Modality = Modality.ULTRASOUND,
) -> Sample:
    """Return the sample of an annotated image.

    Args:
        namespace: The converter's name.
        item: The image among its lists.
        image: Its file.
        said: Its annotation file, whose objects have become the findings.
        findings: By the unnamed reader.
        reading: Of that reader.
        remarks: On the objects' names.
        group: Its identity; by default it is its own.
        modality: How it was acquired.
    """
    image_id = f"{namespace}/{item.name}"
    group_id, group_kind = group or (image_id, GroupKind.IMAGE)
    record = ImageRecord(
        image_id=image_id,
        image=image.ref(),
        modality=modality,
        group_id=group_id,
        group_kind=group_kind,
        readings=(reading,),
        findings=tuple(findings),
        official_splits=_official_splits(item),
        source_fields=tuple(_fields(item, image, said)),
        remarks=(*_remarks(item, image, said, findings), *remarks),
        source=str(item),
    )
    return Sample(record=record, pixels=FileBytes(image=image))


def _official_splits(item: VocImage) -> tuple[OfficialSplit, ...]:
    # An image in two parts of one split is in none of them: what the lists say stands in source_fields.
    return (OfficialSplit(part=item.parts[0]),) if len(item.parts) == 1 else ()


def _fields(item: VocImage, image: RawImage, said: VocAnnotation) -> Iterator[SourceField]:
    if _other_name(image, said):
        yield SourceField(name="filename", text=str(said.filename))
    if said.size and said.size != _size(image):
        yield SourceField(name="size/width", text=str(said.size[0]))
        yield SourceField(name="size/height", text=str(said.size[1]))
    for name, text in (*said.fields, *item.classes):
        yield SourceField(name=name, text=text)
    if len(item.parts) > 1:
        for part in item.parts:
            yield SourceField(name="ImageSets/Main", text=part)


def _remarks(
    item: VocImage, image: RawImage, said: VocAnnotation, findings: Sequence[Finding]
) -> Iterator[Remark]:
    width, height = _size(image)
    if _other_name(image, said):
        text = f"{item} names the image {said.filename!r}, and lies beside {image.file.name!r}"
        yield Remark(code="filename-differs", text=text)
    if said.size and said.size != (width, height):
        text = f"{item} says {said.size[0]} x {said.size[1]} px, the image has {width} x {height} px"
        yield Remark(code="size-differs", text=text)
    for finding in findings:
        outside = outside_image(finding.finding_id, finding.geometries, width, height)
        if outside:
            yield outside
    for doubt in item.doubts:
        yield Remark(code="split-in-doubt", text=f"{item.name}: {doubt}")


def _size(image: RawImage) -> tuple[int, int]:
    return image.header.width, image.header.height


def _other_name(image: RawImage, said: VocAnnotation) -> bool:
    return said.filename is not None and said.filename != image.file.name
