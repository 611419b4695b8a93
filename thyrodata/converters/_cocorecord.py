"""What an image of a COCO file comes to: COCO's own keys, those that thyrodata writes, and all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from thyrodata.converters._extra import Extra, labels_of, member, plain_text, score
from thyrodata.converters._own import OwnSettings, outside_image
from thyrodata.errors import CaseError
from thyrodata.io.coco import CocoAnnotation, CocoFile, CocoImage, json_text
from thyrodata.io.raw import RawFile, RawImage
from thyrodata.schema.category import Category, category
from thyrodata.schema.plain import union_tag
from thyrodata.schema.record import (
    Finding,
    ImageRecord,
    Nodule,
    OfficialSplit,
    Read,
    Reading,
    Remark,
    SourceField,
)
from thyrodata.schema.vocab import Coverage, GroupKind, Structure

__all__ = ["coco_record"]


def coco_record(
    said: CocoImage,
    source: CocoFile,
    image: RawImage,
    meanings: Mapping[str, Category],
    settings: OwnSettings,
    *,
    image_id: str,
    part: str | None,
) -> ImageRecord:
    """Return all that a COCO file says of an image.

    Args:
        said: The image in the file, with its annotations.
        source: The file.
        image: The image's file.
        meanings: What each category says.
        settings: What the user says.
        image_id: ``namespace/name``.
        part: Of the official split, if the file is of one.

    Raises:
        CaseError: The image is of another size, an annotation draws nothing or what is none, or the image's
            path names no group.
    """
    width, height = image.header.width, image.header.height
    _check_size(said, width, height)
    drawn = [_finding(found, meanings[found.category.name], height, width) for found in said.annotations]
    findings = tuple(finding for finding, _ in drawn)
    extra = Extra(said.extra)
    extra.drop("image_id", image_id)
    group_id, group_kind = _group(said, extra, image.file, settings, image_id)
    coverage = extra.take("coverage", member(Coverage)) or settings.reading(findings).coverage
    readers = dict.fromkeys(f.origin.reader if isinstance(f.origin, Read) else None for f in findings)
    nodules = dict.fromkeys(finding.nodule_id for finding in findings if finding.nodule_id)
    return ImageRecord(
        image_id=image_id,
        image=image.ref(),
        modality=settings.modality,
        group_id=group_id,
        group_kind=group_kind,
        nodules=tuple(Nodule(nodule_id=nodule) for nodule in nodules),
        case_labels=extra.take("case_labels", labels_of) or (),
        image_labels=extra.take("image_labels", labels_of) or (),
        readings=tuple(
            Reading(reader=reader, coverage=coverage) for reader in readers or (_file_reader(source),)
        ),
        findings=findings,
        official_splits=(OfficialSplit(part=part),) if part else (),
        source_fields=(*_file_name(said, image), *extra.fields(), *_of_file(said, source)),
        remarks=tuple(remark for _, remarks in drawn for remark in remarks),
        source=said.place,
    )


def _check_size(said: CocoImage, width: int, height: int) -> None:
    for what, stated, actual in (("width", said.width, width), ("height", said.height, height)):
        if stated is not None and stated != actual:
            raise CaseError(
                f"the {what} is not that of the image, which has {width} x {height} px",
                where=said.place,
                hint="the outlines were drawn on another picture: find it, or scale them",
            )


def _group(
    said: CocoImage, extra: Extra, image: RawFile, settings: OwnSettings, image_id: str
) -> tuple[str, GroupKind]:
    """Return the identity that the settings find, else the one that thyrodata has written, else the image."""
    written = Extra(said.extra)
    kind, name = written.take("group_kind", member(GroupKind)), written.take("group_id", plain_text)
    if settings.group is not None or kind is None or name is None:
        return settings.group_id(image, image_id), settings.group_kind
    extra.take("group_kind", member(GroupKind))
    extra.take("group_id", plain_text)
    namespace = f"{image_id.partition('/')[0]}/"
    return namespace + name.removeprefix(namespace), kind


def _finding(
    said: CocoAnnotation, meaning: Category, height: int, width: int
) -> tuple[Finding, tuple[Remark, ...]]:
    geometries = said.geometries(height, width)
    extra = Extra(said.extra)
    extra.drop("finding_id", str(said.id))
    extra.drop("geometry", union_tag(type(geometries[0])))
    if not said.own_area(geometries[0], height, width):
        extra.take("area", lambda area: area)
    (structure, labels), remarks = _meaning(extra, said, meaning)
    finding = Finding(
        finding_id=str(said.id),
        structure=structure,
        geometries=geometries,
        labels=labels,
        score=extra.take("score", score),
        crowd=said.is_crowd,
        nodule_id=extra.take("nodule_id", plain_text),
        origin=Read(reader=extra.take("reader", plain_text)),
        source_fields=(*_of_category(said, (structure, labels)), *extra.fields()),
    )
    outside = outside_image(finding.finding_id, geometries, width, height)
    return finding, (*remarks, outside) if outside else remarks


def _meaning(extra: Extra, said: CocoAnnotation, meaning: Category) -> tuple[Category, tuple[Remark, ...]]:
    """Return structure and labels: as thyrodata has written them, unless the category has changed since."""
    written = Extra(said.extra)
    structure = written.take("structure", member(Structure))
    labels = written.take("labels", labels_of) or ()
    if structure is None:
        return meaning, ()
    if category(structure, labels) == category(*meaning):
        extra.take("structure", member(Structure))
        extra.take("labels", labels_of)
        return (structure, labels), ()
    text = f"annotation {said.id} has the category {said.category.name!r}, and structure or labels of another"
    return meaning, (Remark(code="category-differs", text=text),)


def _of_category(said: CocoAnnotation, meaning: Category) -> Iterator[SourceField]:
    if said.category.name != category(*meaning):
        yield SourceField(name="category", text=said.category.name)
    for key, value in said.category.extra.items():
        yield SourceField(name=f"category/{key}", text=json_text(value))


def _file_name(said: CocoImage, image: RawImage) -> Iterator[SourceField]:
    if said.file_name != image.file.path:
        yield SourceField(name="file_name", text=said.file_name)


def _of_file(said: CocoImage, source: CocoFile) -> Iterator[SourceField]:
    """Yield what the file says of itself and so of the image, and the image's licence."""
    licence = said.extra.get("license")
    if type(licence) is int and licence in source.licences:
        yield SourceField(name="licenses", text=json_text(source.licences[licence]))
    for key, value in source.extra.items():
        yield SourceField(name=key, text=json_text(value))


def _file_reader(source: CocoFile) -> str | None:
    info = source.extra.get("info")
    return plain_text(info.get("reader")) if isinstance(info, dict) else None
