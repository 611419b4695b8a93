"""A user's own data in Pascal VOC's layout: boxes in XML files, and lists of parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from thyrodata.converters._own import OwnSettings
from thyrodata.converters._voc import voc_sample
from thyrodata.io.raw import Raw
from thyrodata.io.voc import VocImage, VocObject, list_voc, object_names
from thyrodata.sample import Sample
from thyrodata.schema.category import Category, category
from thyrodata.schema.record import Finding, SourceField

__all__ = ["Voc", "VocSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VocSettings(OwnSettings):
    """What the files do not say."""


_DEFAULTS = VocSettings()


class Voc:
    """Reads a folder of annotation files, images and lists."""

    name: ClassVar[str] = "voc"
    Settings: ClassVar[type[VocSettings]] = VocSettings
    ignores: ClassVar[Mapping[str, str]] = {
        "ImageSets/[!M]*": "lists for tasks other than detection",
        "SegmentationClass/*": "masks of classes: only boxes are read",
        "SegmentationObject/*": "masks of objects: only boxes are read",
        "thyrodata-export.json": "the account of an export",
    }

    def __init__(self, settings: VocSettings = _DEFAULTS) -> None:
        self.settings = settings

    def items(self, raw: Raw) -> Iterator[VocImage]:
        """List the images by their paths. The objects' names are read first, so that all are understood.

        Raises:
            RawLayoutError: The folder has no annotation files, or a list is broken.
            UsageError: A name is not understood.
        """
        images = tuple(list_voc(raw))
        self.settings.categories(object_names(images), str(raw.root))
        yield from images

    def samples(self, item: VocImage) -> Iterator[Sample]:
        """Read an annotation file and its image.

        Raises:
            CaseError: One of them is missing or broken, or the image's path names no group.
        """
        file, said = item.annotation()
        image = item.image()
        findings = tuple(
            _finding(found, index, self.settings.category_of(found.name, str(file)))
            for index, found in enumerate(said.objects, 1)
        )
        image_id = f"{self.name}/{item.name}"
        yield voc_sample(
            self.name,
            item,
            image.image(),
            said,
            findings=findings,
            reading=self.settings.reading(findings),
            group=(self.settings.group_id(image, image_id), self.settings.group_kind),
            modality=self.settings.modality,
        )


def _finding(found: VocObject, index: int, meaning: Category) -> Finding:
    structure, labels = meaning
    own = () if found.name == category(structure, labels) else (SourceField(name="name", text=found.name),)
    return Finding(
        finding_id=str(index),
        structure=structure,
        geometries=(found.box,),
        labels=labels,
        source_fields=(*own, *(SourceField(name=name, text=text) for name, text in found.fields)),
    )
