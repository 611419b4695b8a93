"""TN3K: thyroid nodules, each image with a mask and a label, and five published folds.

Gong et al., "Thyroid region prior guided attention for ultrasound segmentation of thyroid nodules", Comput
Biol Med 155:106389 (2023), doi 10.1016/j.compbiomed.2022.106389.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from thyrodata.converters._masked import present, read_drawn, read_label
from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import Raw, RawFile
from thyrodata.io.splitfiles import read_index_split
from thyrodata.io.tables import Row, read_table
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.record import ImageRecord, OfficialSplit
from thyrodata.schema.vocab import GroupKind, Modality, Structure

__all__ = ["Tn3k", "Tn3kImage"]

_FILE = re.compile(r"((?:trainval|test)-(?:image|mask))/([0-9]{4})\.jpg")
_NAME = re.compile(r"([0-9]{4})\.jpg")
_FOLDERS = ("trainval-image", "trainval-mask", "test-image", "test-mask")
_FOLDS = tuple(f"fold{number}" for number in range(5))
_PARTS = ("train", "val")
_TABLES = (*(f"tn3k-trainval-{fold}.json" for fold in _FOLDS), "label4trainval.csv", "label4test.csv")
_AGAIN = "copy it again from the release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tn3kImage:
    """What carries one number in one of the two sets, which both start at 0000."""

    part: str
    """``trainval`` or ``test``."""
    number: str
    image: RawFile | None
    mask: RawFile | None
    rows: tuple[Row, ...]
    """Of the table of labels; one, in a whole release."""
    splits: tuple[OfficialSplit, ...]
    tables: tuple[RawFile, ...]

    @property
    def files(self) -> tuple[RawFile, ...]:
        """The image, its mask and the tables that speak of it."""
        return (*(file for file in (self.image, self.mask) if file), *self.tables)

    def __str__(self) -> str:
        """Return the image's path."""
        return f"{self.part}-image/{self.number}.jpg"


class Tn3k:
    """Reads TN3K. It publishes no patients: 3,493 images are of 2,421, and nothing says which of whom."""

    name: ClassVar[str] = "tn3k"
    ignores: ClassVar[Mapping[str, str]] = {}

    def items(self, raw: Raw) -> Iterator[Tn3kImage]:
        """List the images of the training and validation set, then those of the test set, by number.

        Raises:
            RawLayoutError: A folder or table is missing or broken, or the training and validation set is not
                whole: its folds are places in its listing.
        """
        found: dict[str, dict[str, RawFile]] = {folder: {} for folder in _FOLDERS}
        tables = {file.path: file for file in raw.files if file.path in _TABLES}
        for file in raw.files:
            if name := _FILE.fullmatch(file.path):
                found[name[1]][name[2]] = file
        missing = [name for name in (*_FOLDERS, *_TABLES) if not (found.get(name) or tables.get(name))]
        if missing:
            raise RawLayoutError(
                f"there is no {missing[0]} in the folder", where=str(raw.root), hint=_hint(raw)
            )
        for part in ("trainval", "test"):
            images, masks = found[f"{part}-image"], found[f"{part}-mask"]
            labels = tables[f"label4{part}.csv"]
            rows = _rows(labels)
            folds = [tables[f"tn3k-trainval-{fold}.json"] for fold in _FOLDS] if part == "trainval" else []
            splits = _splits(images, masks.keys() | rows.keys(), folds) if folds else {}
            for number in sorted(images | masks | rows):
                yield Tn3kImage(
                    part=part,
                    number=number,
                    image=images.get(number),
                    mask=masks.get(number),
                    rows=tuple(rows.get(number, ())),
                    splits=splits.get(number, _TEST),
                    tables=(labels, *folds),
                )

    def samples(self, item: Tn3kImage) -> Iterator[Sample]:
        """Read an image and its mask.

        Raises:
            CaseError: The image, its mask or its label is missing or broken, or the two are not of one size.
        """
        image = present(item.image, str(item), item).image()
        mask = present(item.mask, f"{item.part}-mask/{item.number}.jpg", item)
        drawn = read_drawn(mask, image, Structure.NODULE)
        image_id = f"tn3k/{item.part}/{item.number}"
        said = read_label(item.rows, "label", f"label4{item.part}.csv", item)
        record = ImageRecord(
            image_id=image_id,
            image=image.ref(),
            modality=Modality.ULTRASOUND,
            group_id=image_id,
            group_kind=GroupKind.IMAGE,
            image_labels=said.labels,
            readings=drawn.readings,
            findings=drawn.findings,
            official_splits=item.splits,
            source_fields=said.source_fields,
            remarks=(*drawn.remarks, *said.remarks),
            source=str(image.file),
        )
        yield Sample(record=record, pixels=FileBytes(image=image))


# The release has one test set beside the five folds: it is the test part of each of them.
_TEST = tuple(OfficialSplit(name=fold, part="test") for fold in _FOLDS)


def _splits(
    images: Mapping[str, RawFile], spoken_of: set[str], folds: list[RawFile]
) -> dict[str, tuple[OfficialSplit, ...]]:
    """Return each image's part in every fold. Folds name places in the listing of the images, by number."""
    odd = sorted(images.keys() ^ spoken_of)
    if odd:
        why = "is missing" if odd[0] in spoken_of else "has neither mask nor label"
        raise RawLayoutError(
            f"trainval-image/{odd[0]}.jpg {why}, and so the folds, which name places in the listing of "
            "trainval-image, would be of other images",
            where=str(folds[0]),
            hint="complete the folder from the release, and remove what was added",
        )
    parts = [read_index_split(file, _PARTS, len(images)) for file in folds]
    made = [{part: OfficialSplit(name=name, part=part) for part in _PARTS} for name in _FOLDS]
    return {
        number: tuple(split[part] for split, part in zip(made, of_image, strict=True))
        for number, of_image in zip(sorted(images), zip(*parts, strict=True), strict=True)
    }


def _rows(labels: RawFile) -> dict[str, list[Row]]:
    """Return the rows of each image: ``0000.jpg,0``, without a header."""
    rows: dict[str, list[Row]] = {}
    for row in read_table(labels, ("image", "label"), header=False, ends=False).rows:
        name = _NAME.fullmatch(row.cells[0])
        if not name:
            raise RawLayoutError(f"{row.cells[0]!r} is no image's name", where=row.where, hint=_AGAIN)
        rows.setdefault(name[1], []).append(row)
    return rows


def _hint(raw: Raw) -> str:
    """Say which folder to give."""
    inside = "/trainval-image/"
    above = sorted({str(file).partition(inside)[0] for file in raw.files if inside in str(file)})
    perhaps = f": perhaps {raw.root / above[0]}" if above else ""
    return f"give the whole release, the folder that holds trainval-image and test-image{perhaps}"
