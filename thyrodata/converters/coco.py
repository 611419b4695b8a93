"""A user's own data as COCO annotation files, and COCO files that thyrodata has written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from thyrodata.converters._cocorecord import coco_record
from thyrodata.converters._own import OwnSettings
from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.coco import CocoFile, CocoImage, candidates, part_of, read_coco
from thyrodata.io.raw import Raw, RawFile
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.category import Category

__all__ = ["Coco", "CocoItem", "CocoSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoSettings(OwnSettings):
    """What the files do not say."""


_DEFAULTS = CocoSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoItem:
    """An image of a COCO file."""

    place: str
    index: int
    """0-based, in the file's list of images."""
    image_id: str
    part: str | None
    meanings: Mapping[str, Category]
    """What the categories say; one mapping for all items."""
    files: tuple[RawFile, ...]
    """The COCO file, and the images that its file_name may mean: one, if all is well."""

    def __str__(self) -> str:
        """Return ``file.json#images[3]``."""
        return self.place


class Coco:
    """Reads a folder of COCO files and the images that they name."""

    name: ClassVar[str] = "coco"
    Settings: ClassVar[type[CocoSettings]] = CocoSettings
    ignores: ClassVar[Mapping[str, str]] = {"thyrodata-export.json": "the account of an export"}

    def __init__(self, settings: CocoSettings = _DEFAULTS) -> None:
        self.settings = settings

    def items(self, raw: Raw) -> Iterator[CocoItem]:
        """List the images in the order of the files.

        Raises:
            RawLayoutError: There is no COCO file, one is broken, or two entries name one image file.
            UsageError: A category is not understood.
        """
        read = {file: file.once(read_coco) for file in raw.files if file.suffix == ".json"}
        sources = {file: source for file, source in read.items() if source}
        if not sources:
            raise RawLayoutError(
                "no COCO file lies in the folder",
                where=str(raw.root),
                hint="give a folder that holds a JSON file with images and annotations, and the images",
            )
        meanings = self._meanings(sources.values(), ", ".join(map(str, sources)))
        ids = Counter(image.id for source in sources.values() for image in source.images)
        unique = ids.total() == len(ids)
        paths = {file.path: file for file in raw.files}
        taken: dict[RawFile, str] = {}
        for file, source in sources.items():
            part = part_of(file)
            for index, image in enumerate(source.images):
                found = candidates(file, part, image, paths)
                _check_apart(found, image, taken)
                within = "" if unique else f"{file.path.removesuffix('.json')}/"
                yield CocoItem(
                    place=image.place,
                    index=index,
                    image_id=f"{self.name}/{within}{image.id}",
                    part=part,
                    meanings=meanings,
                    files=(file, *found),
                )

    def _meanings(self, sources: Iterable[CocoFile], where: str) -> Mapping[str, Category]:
        """Return what the categories say that are used, or of which the settings say what they mean."""
        names: dict[str, bool] = {}
        for source in sources:
            used = {said.category.id for image in source.images for said in image.annotations}
            for found in source.categories:
                names[found.name] = names.get(found.name, False) or found.id in used
        given = {text.rpartition("=")[0] for text in self.settings.category}
        return self.settings.categories([n for n, used in names.items() if used or n in given], where)

    def samples(self, item: CocoItem) -> Iterator[Sample]:
        """Read an image and its annotations.

        Raises:
            CaseError: The image is missing, there twice, broken or of another size, an annotation draws
                nothing or what is none, or the image's path names no group.
        """
        source = item.files[0].once(read_coco)
        if source is None:  # changed since it was listed
            raise CaseError("the file is no COCO file", where=item.place, hint="convert it again")
        said = source.images[item.index]
        image = _file(item, said).image()
        record = coco_record(
            said, source, image, item.meanings, self.settings, image_id=item.image_id, part=item.part
        )
        yield Sample(record=record, pixels=FileBytes(image=image))


def _check_apart(found: tuple[RawFile, ...], image: CocoImage, taken: dict[RawFile, str]) -> None:
    """Refuse an image file that an earlier entry names."""
    if len(found) != 1:
        return
    if found[0] in taken:
        raise RawLayoutError(
            f"the image {found[0]} is also that of {taken[found[0]]}",
            where=image.place,
            hint="one image needs one entry: join the annotations, or convert one file at a time",
        )
    taken[found[0]] = image.place


def _file(item: CocoItem, said: CocoImage) -> RawFile:
    found = item.files[1:]
    if len(found) == 1:
        return found[0]
    if found:
        raise CaseError(
            f"the file_name {said.file_name!r} may mean {' or '.join(map(str, found))}",
            where=item.place,
            hint="write the path from the folder that is converted, or remove the wrong one",
        )
    raise CaseError(
        f"the image {said.file_name!r} is not there",
        where=item.place,
        hint="a file_name is a path with forward slashes from the COCO file's folder, the one above it or "
        "the one that is converted, or below images or a folder named like the part there",
    )
