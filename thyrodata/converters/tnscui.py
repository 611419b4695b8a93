"""TN-SCUI 2020: the thyroid nodule segmentation and classification challenge at MICCAI (Zenodo 3715942)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from thyrodata.converters._masked import Drawn, Said, present, read_drawn, read_label
from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import Raw, RawFile
from thyrodata.io.tables import Row, read_table
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.record import ImageRecord, OfficialSplit
from thyrodata.schema.vocab import GroupKind, Modality, Structure

__all__ = ["Tnscui", "TnscuiImage"]

_TRAIN = re.compile(r"TNSCUI2020_train/(image|mask)/([1-9][0-9]{0,8})\.PNG")
_TEST = re.compile(r"(?:TNSCUI2020_test|tnscui2020_testset)/(?:image/)?((?:test_)?[1-9][0-9]{0,8})\.PNG")
_NAME = re.compile(r"([1-9][0-9]{0,8})\.PNG")
_TABLES = ("TNSCUI2020_train/train.csv", "train.csv")  # public copies have it in either place
_AGAIN = "copy the table again from the release"
_NOTHING_DRAWN = Drawn(findings=(), readings=(), remarks=())


@dataclass(frozen=True, slots=True, kw_only=True)
class TnscuiImage:
    """What carries one number of the training set, or an image of the test set."""

    part: str
    """``train`` or ``test``."""
    number: str
    path: str
    """Of the image, there or not."""
    image: RawFile | None
    mask: RawFile | None = None
    rows: tuple[Row, ...] = ()
    """Of the table of labels; one, in a whole release."""
    table: RawFile | None = None

    @property
    def files(self) -> tuple[RawFile, ...]:
        """The image, its mask and the table."""
        return tuple(file for file in (self.image, self.mask, self.table) if file)

    def __str__(self) -> str:
        """Return the image's path."""
        return self.path


class Tnscui:
    """Reads TN-SCUI 2020. It publishes images, not patients, and of the test set neither masks nor labels."""

    name: ClassVar[str] = "tnscui"
    ignores: ClassVar[Mapping[str, str]] = {}

    def items(self, raw: Raw) -> Iterator[TnscuiImage]:
        """List the training images by number, then those of the test set, if they are there.

        Raises:
            RawLayoutError: The images, the masks or the table of labels are missing, or the table is broken.
        """
        found: dict[str, dict[str, RawFile]] = {"image": {}, "mask": {}}
        tests: dict[str, RawFile] = {}
        for file in raw.files:
            if name := _TRAIN.fullmatch(file.path):
                found[name[1]][name[2]] = file
            elif name := _TEST.fullmatch(file.path):
                tests.setdefault(name[1], file)
        tables = [file for file in raw.files if file.path in _TABLES]
        images, masks = found["image"], found["mask"]
        if not images or not masks:
            raise _layout("there is no TNSCUI2020_train with image/N.PNG and mask/N.PNG", str(raw.root))
        if len(tables) != 1:
            what = "is there twice" if tables else "is missing"
            raise _layout(f"train.csv {what}", str(raw.root))
        rows = _rows(tables[0])
        for number in sorted(images | masks | rows, key=int):
            yield TnscuiImage(
                part="train",
                number=number,
                path=f"TNSCUI2020_train/image/{number}.PNG",
                image=images.get(number),
                mask=masks.get(number),
                rows=tuple(rows.get(number, ())),
                table=tables[0],
            )
        for number, file in tests.items():
            yield TnscuiImage(part="test", number=number, path=str(file), image=file)

    def samples(self, item: TnscuiImage) -> Iterator[Sample]:
        """Read an image and, of the training set, its mask and label.

        Raises:
            CaseError: One of them is missing or broken, or image and mask are not of one size.
        """
        image = present(item.image, str(item), item).image()
        drawn, said, source = _NOTHING_DRAWN, Said(), str(image.file)
        if item.table:
            mask = present(item.mask, f"TNSCUI2020_train/mask/{item.number}.PNG", item)
            said = read_label(item.rows, "CATE", str(item.table), item)
            drawn, source = read_drawn(mask, image, Structure.NODULE), item.rows[0].where
        image_id = f"tnscui/{item.part}/{item.number}"
        record = ImageRecord(
            image_id=image_id,
            image=image.ref(),
            modality=Modality.ULTRASOUND,
            group_id=image_id,
            group_kind=GroupKind.IMAGE,  # one per patient, says a paper; the release does not
            image_labels=said.labels,
            readings=drawn.readings,  # nobody's, of the test set: its coverage is none
            findings=drawn.findings,
            official_splits=(OfficialSplit(part=item.part),),
            source_fields=said.source_fields,
            remarks=(*drawn.remarks, *said.remarks),
            source=source,
        )
        yield Sample(record=record, pixels=FileBytes(image=image))


def _rows(table: RawFile) -> dict[str, list[Row]]:
    """Return the rows of each image: ``5189.PNG,0`` below ``ID,CATE``. A public copy ends its lines by CR."""
    rows: dict[str, list[Row]] = {}
    found = read_table(table, ("ID", "CATE"), ends=False)
    if found.columns != ("ID", "CATE"):
        raise RawLayoutError(
            f"the columns are {', '.join(found.columns)} and not ID, CATE", where=f"{table}:1", hint=_AGAIN
        )
    for row in found.rows:
        name = _NAME.fullmatch(row.cells[0])
        if not name:
            raise RawLayoutError(f"{row.cells[0]!r} is no image's name", where=row.where, hint=_AGAIN)
        rows.setdefault(name[1], []).append(row)
    return rows


def _layout(what: str, where: str) -> RawLayoutError:
    return RawLayoutError(
        what, where=where, hint="give the folder that holds TNSCUI2020_train, unpacked as it was published"
    )
