"""Outlines that were drawn on whole frames before the capture: a COCO file that names the export's files.

``file_name`` is a path in the export, ``frame_index`` beside it the frame from 0, which is 0 where it is left
out, and width and height are the frame's. The outlines move with the crop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from thyrodata.capture.source import SourceFile
from thyrodata.collection.model import Drawn, Outlines
from thyrodata.errors import CaseError, RawLayoutError, SchemaError
from thyrodata.io.coco import CocoAnnotation, CocoImage, read_coco
from thyrodata.io.raw import named_file
from thyrodata.schema.category import Category, parse_categories
from thyrodata.schema.record import Finding, Read, Reading
from thyrodata.schema.vocab import Structure

__all__ = ["read_drawn"]


def read_drawn(path: Path, files: Sequence[SourceFile], categories: Sequence[str]) -> Mapping[str, Drawn]:
    """Return what is drawn on each file of an export, by the file's path.

    Args:
        path: The COCO file.
        files: Of the export; members of archives cannot be named.
        categories: ``NAME=CATEGORY`` for categories whose name is no structure and no ``scheme/value``.

    Raises:
        CaseError: An annotation draws nothing, or what is none.
        RawLayoutError: The file is no COCO file, or names a file that is not there, or a frame twice.
        UsageError: The file is not there, or a category is not understood.
    """
    source = read_coco(named_file(path))
    if source is None:
        raise RawLayoutError(
            "it is no COCO file", where=str(path), hint="give a JSON file with images and annotations"
        )
    meanings = parse_categories(
        categories, [category.name for category in source.categories], Structure.NODULE, str(path)
    )
    known = {file.path for file in files if file.member is None}
    drawn: dict[str, Drawn] = {}
    for image in source.images:
        if image.file_name not in known:
            _refuse(image, "the export has no file of the image's file_name", "write its path in the export")
        frames = drawn.setdefault(image.file_name, {})
        index = image.extra.get("frame_index", 0)
        if type(index) is not int or index < 0 or index in frames:
            _refuse(image, "its frame_index is none, or that of another image", "number the frames from 0")
        frames[index] = _outlines(image, meanings)
    return drawn


def _refuse(image: CocoImage, what: str, hint: str) -> NoReturn:
    raise RawLayoutError(what, where=image.place, hint=hint)


def _outlines(image: CocoImage, meanings: Mapping[str, Category]) -> Outlines:
    if any(type(side) is not int or side < 1 for side in (image.width, image.height)):
        _refuse(image, "its width or height is no size", "write the size of the frame that was drawn on")
    findings = tuple(
        _finding(said, meanings[said.category.name], image.width, image.height) for said in image.annotations
    )
    readers = dict.fromkeys(f.origin.reader for f in findings if isinstance(f.origin, Read))
    return Outlines(
        width=image.width,
        height=image.height,
        findings=findings,
        readings=tuple(Reading(reader=reader) for reader in readers),
    )


def _finding(said: CocoAnnotation, meaning: Category, width: int, height: int) -> Finding:
    structure, labels = meaning
    reader = said.extra.get("reader")
    try:
        return Finding(
            finding_id=str(said.id),
            structure=structure,
            geometries=said.geometries(height, width),
            labels=labels,
            crowd=said.is_crowd,
            origin=Read(reader=reader if isinstance(reader, str) else None),
        )
    except SchemaError as error:
        raise CaseError(error.message, where=said.place, hint="draw it again") from None
