"""A user's own data in images and masks: two folders of the same names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from thyrodata.converters._own import OwnSettings
from thyrodata.errors import CaseError, RawLayoutError, UsageError
from thyrodata.io.images import is_image_name
from thyrodata.io.masks import components, encode_mask, read_mask
from thyrodata.io.maskvalues import read_mask_values
from thyrodata.io.raw import Raw, RawFile
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.category import Category, parse_categories
from thyrodata.schema.record import Finding, ImageRecord, Reading, Remark
from thyrodata.schema.vocab import Coverage

__all__ = ["Instances", "MaskedImage", "Masks", "MasksSettings"]

THRESHOLD = 127
"""Between the 0 and 255 of most masks, where the noise of JPEG does not reach."""

MAX_PARTS = 1000
"""A mask with more connected parts is noise."""

Parts = Iterator[tuple[str, NDArray[np.bool_]]]
"""Each finding's id and its pixels, bool (height, width)."""


class Instances(Enum):
    """What in a mask is one finding."""

    ONE = "one"
    COMPONENTS = "components"
    COLOURS = "colours"


def _folder(path: str) -> str:
    return f"{path.strip('/')}/" if path.strip("/.") else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasksSettings(OwnSettings):
    """What the files do not say.

    Raises:
        UsageError: Both folders are one and no suffix tells masks from images, or ``category`` is given for
            masks that are not read by colours.
    """

    images: str = field(default="images", metadata={"help": "the folder of the images"})
    masks: str = field(default="masks", metadata={"help": "the folder of the masks"})
    mask_suffix: str = field(
        default="", metadata={"help": "what a mask's name has after its image's: _mask for 12_mask.png"}
    )
    instances: Instances = field(
        default=Instances.ONE,
        metadata={"help": "what in a mask is one finding: one (all of it), components or colours"},
    )
    threshold: int = field(
        default=THRESHOLD, metadata={"help": "the grey value above which a pixel is of the finding"}
    )

    def __post_init__(self) -> None:
        OwnSettings.__post_init__(self)
        if _folder(self.images) == _folder(self.masks) and not self.mask_suffix:
            raise UsageError("nothing tells masks from images", hint="give --mask-suffix, or two folders")
        if self.category and self.instances is not Instances.COLOURS:
            raise UsageError(
                "--category gives a meaning to values, which only --instances colours reads",
                hint="say with --structure what the masks are of",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedImage:
    """The files of one name."""

    images: tuple[RawFile, ...]
    masks: tuple[RawFile, ...]

    @property
    def files(self) -> tuple[RawFile, ...]:
        """All of them."""
        return (*self.masks, *self.images)

    def __str__(self) -> str:
        """Return the path of the mask, or of the image without one."""
        return str(self.files[0])


_DEFAULTS = MasksSettings()


class Masks:
    """Reads a folder of images and a folder of masks."""

    name: ClassVar[str] = "masks"
    Settings: ClassVar[type[MasksSettings]] = MasksSettings
    ignores: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: MasksSettings = _DEFAULTS) -> None:
        self.settings = settings
        given = [text.rpartition("=")[0] for text in settings.category]
        self._meanings = parse_categories(settings.category, given, settings.structure, "--category")

    def items(self, raw: Raw) -> Iterator[MaskedImage]:
        """List the names in the order of the images' paths; masks without an image come last.

        Raises:
            RawLayoutError: There are no images, or no masks.
        """
        images: dict[str, list[RawFile]] = {}
        masks: dict[str, list[RawFile]] = {}
        at, masks_at = _folder(self.settings.images), _folder(self.settings.masks)
        suffix = self.settings.mask_suffix
        for file in raw.files:
            if not is_image_name(file.path):
                continue
            name = file.path[: -len(file.suffix)]
            if name.startswith(masks_at) and name.endswith(suffix):
                masks.setdefault(name[len(masks_at) : len(name) - len(suffix)], []).append(file)
            elif name.startswith(at):
                images.setdefault(name[len(at) :], []).append(file)
        for found, folder, what in (
            (images, self.settings.images, "images"),
            (masks, self.settings.masks, "masks"),
        ):
            if not found:
                raise RawLayoutError(
                    f"there are no {what} in the folder {folder!r}",
                    where=str(raw.root),
                    hint="give the folder that holds both; --images and --masks name them, --mask-suffix how "
                    "a mask's name ends",
                )
        for name in images | masks:
            yield MaskedImage(images=tuple(images.get(name, ())), masks=tuple(masks.get(name, ())))

    def samples(self, item: MaskedImage) -> Iterator[Sample]:
        """Read an image and its mask.

        Raises:
            CaseError: One of them is broken or there twice, the image is missing, or they do not fit.
        """
        file, mask = _one(item.images, item), _one(item.masks, item)
        if file is None:
            raise CaseError(
                "the mask has no image", where=str(mask), hint="add the image, or remove the mask"
            )
        image = file.image()
        size = (image.header.height, image.header.width)
        findings = tuple(self._findings(mask, size)) if mask else ()
        remarks = []
        if mask is None:  # whatever the user says of completeness: nobody has saved that nothing is there
            text = f"no file of the folder {self.settings.masks!r} is the mask of {file}"
            remarks.append(Remark(code="image-without-mark", text=text))
        elif not findings and not self.settings.complete:
            remarks.append(Remark(code="mask-empty", text="the mask holds no pixel of anything"))
        image_id = f"{self.name}/{file.path[: -len(file.suffix)]}"
        record = ImageRecord(
            image_id=image_id,
            image=image.ref(),
            modality=self.settings.modality,
            group_id=self.settings.group_id(file, image_id),
            group_kind=self.settings.group_kind,
            readings=(self.settings.reading(findings) if mask else Reading(coverage=Coverage.NONE),),
            findings=findings,
            remarks=tuple(remarks),
            source=str(mask or file),
        )
        yield Sample(record=record, pixels=FileBytes(image=image))

    def _findings(self, mask: RawFile, size: tuple[int, int]) -> Iterator[Finding]:
        for number, (finding_id, pixels) in enumerate(self._parts(mask), 1):
            if pixels.shape != size:
                raise CaseError(
                    f"the mask is {_shown(pixels.shape)} px, and its image {_shown(size)} px",
                    where=str(mask),
                    hint="export both at one size: a mask that is resized is another one",
                )
            if number > MAX_PARTS:
                raise CaseError(
                    f"the mask has more than {MAX_PARTS} parts",
                    where=str(mask),
                    hint="it is noise: check that it is a mask",
                )
            structure, labels = self._meaning(finding_id, str(mask))
            yield Finding(
                finding_id=finding_id,
                structure=structure,
                geometries=(encode_mask(pixels),),
                labels=labels,
            )

    def _meaning(self, finding_id: str, where: str) -> Category:
        if not self._meanings:
            return self.settings.structure, ()
        if finding_id not in self._meanings:
            raise CaseError(
                f"what the value {finding_id} of the mask means is not said",
                where=where,
                hint=f"say it: --category '{finding_id}=nodule'; said are {', '.join(self._meanings)}",
            )
        return self._meanings[finding_id]

    def _parts(self, mask: RawFile) -> Parts:
        if self.settings.instances is Instances.COLOURS:
            yield from read_mask_values(mask)
            return
        pixels = read_mask(mask, above=self.settings.threshold)
        if not pixels.any():
            self._check_empty(mask)
        elif self.settings.instances is Instances.ONE:
            yield "1", pixels
        else:
            yield from ((str(number), part) for number, part in enumerate(components(pixels), 1))

    def _check_empty(self, mask: RawFile) -> None:
        """Refuse a mask of 0 and 1, or of classes, that the threshold of other masks would empty."""
        if self.settings.threshold == THRESHOLD and read_mask(mask, above=0).any():
            raise CaseError(
                f"the mask has pixels above 0, and none above {THRESHOLD}",
                where=str(mask),
                hint="say from which value on a pixel counts: --threshold 0; or --instances colours",
            )


def _shown(size: tuple[int, ...]) -> str:
    return f"{size[1]} x {size[0]}"


def _one(files: tuple[RawFile, ...], item: MaskedImage) -> RawFile | None:
    if len(files) > 1:
        names = " and ".join(map(str, files))
        raise CaseError(f"one name has two files: {names}", where=str(item), hint="remove the wrong one")
    return files[0] if files else None
