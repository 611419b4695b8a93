"""TG3K: frames of thyroid ultrasound videos, each with a mask of the gland.

Published with TN3K: Gong et al., Comput Biol Med 155:106389 (2023), doi 10.1016/j.compbiomed.2022.106389.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from thyrodata.converters._masked import present, read_drawn
from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import Raw, RawFile
from thyrodata.io.splitfiles import read_index_split
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.record import ImageRecord, OfficialSplit
from thyrodata.schema.vocab import GroupKind, Modality, Structure

__all__ = ["Tg3k", "Tg3kFrame"]

_FILE = re.compile(r"thyroid-(image|mask)/([0-9]{4})\.jpg")
_SPLIT = "tg3k-trainval.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tg3kFrame:
    """What carries one number."""

    number: str
    image: RawFile
    mask: RawFile | None
    part: str
    """Of the published split."""
    split: RawFile

    @property
    def files(self) -> tuple[RawFile, ...]:
        """The image, its mask and the split."""
        return (self.image, *([self.mask] if self.mask else ()), self.split)

    def __str__(self) -> str:
        """Return the image's path."""
        return str(self.image)


class Tg3k:
    """Reads TG3K. Its frames are of 16 videos, and nothing in the release says which of which."""

    name: ClassVar[str] = "tg3k"
    ignores: ClassVar[Mapping[str, str]] = {}

    def items(self, raw: Raw) -> Iterator[Tg3kFrame]:
        """List the frames by number.

        Raises:
            RawLayoutError: A folder or the split is missing, or the split is of another listing.
        """
        found: dict[str, dict[str, RawFile]] = {"image": {}, "mask": {}}
        split = next((file for file in raw.files if file.path == _SPLIT), None)
        for file in raw.files:
            if name := _FILE.fullmatch(file.path):
                found[name[1]][name[2]] = file
        images, masks = found["image"], found["mask"]
        if not images or not masks or split is None:
            lost = _SPLIT if images and masks else f"thyroid-{'mask' if images else 'image'}/0000.jpg"
            raise RawLayoutError(
                f"there is no {lost} in the folder",
                where=str(raw.root),
                hint="give the whole release, the folder that holds thyroid-image and thyroid-mask",
            )
        odd = sorted(masks.keys() - images.keys())
        if odd:
            raise RawLayoutError(
                f"thyroid-image/{odd[0]}.jpg is missing, and so the split, which names places in the listing "
                "of thyroid-image, would be of other images",
                where=str(split),
                hint="complete the folder from the release",
            )
        parts = read_index_split(split, ("train", "val"), len(images))
        for (number, image), part in zip(sorted(images.items()), parts, strict=True):
            yield Tg3kFrame(number=number, image=image, mask=masks.get(number), part=part, split=split)

    def samples(self, item: Tg3kFrame) -> Iterator[Sample]:
        """Read a frame and its mask.

        Raises:
            CaseError: One of them is missing or broken, or the two are not of one size.
        """
        image = item.image.image()
        mask = present(item.mask, f"thyroid-mask/{item.number}.jpg", item)
        drawn = read_drawn(mask, image, Structure.GLAND)
        image_id = f"tg3k/{item.number}"
        record = ImageRecord(
            image_id=image_id,
            image=image.ref(),
            modality=Modality.ULTRASOUND,
            group_id=image_id,
            group_kind=GroupKind.IMAGE,
            readings=drawn.readings,
            findings=drawn.findings,
            official_splits=(OfficialSplit(part=item.part),),
            remarks=drawn.remarks,
            source=str(image.file),
        )
        yield Sample(record=record, pixels=FileBytes(image=image))
