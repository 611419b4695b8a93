"""DDTI version 2: masks of three readers for pictures of DDTI version 1, with a table.

Published in 2023 as a folder of NIfTI masks per reader and ``df_actualizado.csv``. The pictures are those of
version 1 and lie in its own folder, which is named beside this one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thyrodata.converters._values import Values
from thyrodata.converters._version_1 import PICTURE, list_version_1, mask_doubts, read_outlines
from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.images import IMAGE_SUFFIXES
from thyrodata.io.masks import encode_mask
from thyrodata.io.nifti import read_nifti_mask
from thyrodata.io.raw import Raw, RawFile, at_most_one
from thyrodata.io.tables import Row, read_table
from thyrodata.sample import Absent, FileBytes, Sample
from thyrodata.schema.geometry import Ring
from thyrodata.schema.record import (
    MAX_AGE,
    Age,
    Finding,
    ImageRecord,
    ImageRef,
    Label,
    Patient,
    Read,
    Reading,
    Remark,
)
from thyrodata.schema.vocab import SCHEMES, Coverage, GroupKind, Modality, Sex, Structure

__all__ = ["DdtiV2", "DdtiV2Image", "DdtiV2Settings"]

TABLE = "df_actualizado.csv"


class _Reader(NamedTuple):
    name: str
    role: str
    folder: str
    column: str
    """Says whether the reader has a mask of the image."""


_READERS = (
    _Reader("radiologist_1", "radiologist", "RadiologistSegmentations/Segmentations_1", "Seg_radiologo_1"),
    _Reader("resident_1", "resident", "ResidentSegmentations/Segmentations_1", "Seg_residente_1"),
    _Reader("resident_2", "resident", "ResidentSegmentations/Segmentations_2", "Seg_residente_2"),
)
_FOLDERS = {reader.folder for reader in _READERS}
_CASE, _IMAGE, _AGE, _SEX = "Paciente", "Numero_imagen", "Edad", "Sexo"
_SCHEME_OF_COLUMN = {
    "TIRADS": "tirads-eu",  # another scale than version 1's
    "Composicion": "ddti-composition",
    "Ecogenicidad": "ddti-echogenicity",
    "Margenes": "ddti-margins",
    "Calcificaciones": "ddti-calcifications",
}
_HELD = (_CASE, _IMAGE, *(reader.column for reader in _READERS))  # by the record's other fields
_COLUMNS = (*_HELD, _AGE, _SEX, *_SCHEME_OF_COLUMN)
_LABELS = {
    column: {str(term.value): Label(value=term) for term in SCHEMES[scheme]}
    for column, scheme in _SCHEME_OF_COLUMN.items()
}
_SEXES = {"F": Sex.FEMALE, "M": Sex.MALE}
_V1_SIZE = (560, 360)  # of every image of version 1: width, height
_WHOLE = re.compile(r"([0-9]{1,3})(?:\.0)?")  # the table has been through a program that writes 5 as 5.0
_AGAIN = "copy it again from the release"

Masks = Mapping[_Reader, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DdtiV2Settings:
    """Where the pictures are."""

    images: Path | None = field(
        default=None, metadata={"help": "the folder of DDTI version 1, whose N_k.jpg are the pictures"}
    )


_DEFAULTS = DdtiV2Settings()


@dataclass(frozen=True, slots=True, kw_only=True)
class DdtiV2Image:
    """What the table says of an image, in one row if it is whole, and the files of that name."""

    rows: tuple[Row, ...]
    files: tuple[RawFile, ...]

    def __str__(self) -> str:
        """Return the place of the first row."""
        return self.rows[0].where


class DdtiV2:
    """Reads DDTI version 2. What its table calls a patient is the number of a case of version 1."""

    name: ClassVar[str] = "ddti_v2"
    ignores: ClassVar[Mapping[str, str]] = {
        "*clasificaci*.xlsx": "a spreadsheet beside the table, to which nothing in the release refers",
    }
    Settings: ClassVar = DdtiV2Settings

    def __init__(self, settings: DdtiV2Settings = _DEFAULTS) -> None:
        self.settings = settings

    def items(self, raw: Raw) -> Iterator[DdtiV2Image]:
        """List the images in the order of the table.

        Raises:
            RawLayoutError: The table is missing or broken, or the folder of images is not one.
        """
        table = next((file for file in raw.files if file.path == TABLE), None)
        if table is None:
            raise RawLayoutError(
                f"{TABLE} does not lie in the folder",
                where=str(raw.root),
                hint=f"give the folder that holds it beside {_READERS[0].folder}",
            )
        rows: dict[str, list[Row]] = {}
        for row in read_table(table, _COLUMNS).rows:
            place = row.columns.index(_IMAGE)  # a short row is refused later: it costs its own image only
            rows.setdefault(row.cells[place] if place < len(row.cells) else row.where, []).append(row)
        files = list_version_1(self.settings.images) if self.settings.images else {}
        for file in raw.files:
            mask = file.suffix == ".nii" and file.path.rpartition("/")[0] in _FOLDERS
            if mask and PICTURE.fullmatch(file.stem):
                files.setdefault(file.stem, []).append(file)
        for name, said in rows.items():
            case = files.get(name.partition("_")[0], []) if "_" in name else []
            yield DdtiV2Image(rows=tuple(said), files=(table, *files.get(name, []), *case))

    def samples(self, item: DdtiV2Image) -> Iterator[Sample]:
        """Read an image and its masks.

        Raises:
            CaseError: The row or a file is broken, or they do not fit.
        """
        row = _only_row(item)
        name = row[_IMAGE]
        file = at_most_one([file for file in item.files if file.suffix in IMAGE_SUFFIXES], "the picture")
        image = file.image() if file else None
        masks, remarks = _masks(item, row)
        named = {reader.name: mask for reader, mask in masks.items()}
        remarks += mask_doubts(named, _outlines(item, name))
        if not image and self.settings.images:
            text = f"the folder of images has no {name}.jpg: the record is without a picture"
            remarks.append(Remark(code="image-missing", text=text))
        if not masks:
            remarks.append(Remark(code="image-without-mark", text=f"no reader has a mask of {name}"))
        if not image and not masks:
            text = "no file gives the size; it is that of all images of version 1"
            remarks.append(Remark(code="size-not-stated", text=text))
        width, height = next((mask.shape[::-1] for mask in masks.values()), _V1_SIZE)
        said = Values(row)
        patient = Patient(sex=said.read(_SEX, _SEXES.get), age=said.read(_AGE, _age))
        # No row of a case says anything else than the others: it is said of the case, not of the image.
        labels = [said.read(column, partial(_label, column)) for column in _LABELS]
        record = ImageRecord(
            image_id=f"ddti_v2/{name}",
            image=image.ref() if image else ImageRef(width=width, height=height),
            modality=Modality.ULTRASOUND,
            group_id=f"ddti_v2/{row[_CASE]}",
            group_kind=GroupKind.CASE,
            patient=None if patient == Patient() else patient,
            case_labels=tuple(label for label in labels if label),
            readings=tuple(_reading(reader, mask) for reader, mask in masks.items()),
            findings=tuple(_finding(reader, mask) for reader, mask in masks.items() if mask.any()),
            source_fields=said.homeless(but=_HELD),
            remarks=(*remarks, *said.remarks),
            source=row.where,
        )
        yield Sample(record=record, pixels=FileBytes(image=image) if image else Absent())


def _only_row(item: DdtiV2Image) -> Row:
    row, *others = item.rows
    name = PICTURE.fullmatch(row[_IMAGE])
    if not name or name[1] != row[_CASE]:
        raise CaseError(
            f"{row[_IMAGE]!r} is no image of case {row[_CASE]!r}",
            where=row.where,
            hint=f"images are named N_k, N being their {_CASE}",
        )
    if others:
        raise CaseError(f"line {others[0].line} is of {name[0]} too", where=row.where, hint=_AGAIN)
    return row


def _masks(item: DdtiV2Image, row: Row) -> tuple[Masks, list[Remark]]:
    """Return the mask of each reader who has one: nobody else has looked at the image."""
    masks, remarks = {}, []
    for reader in _READERS:
        file = at_most_one(
            [file for file in item.files if file.path.rpartition("/")[0] == reader.folder], "the mask"
        )
        flag = row[reader.column]
        if flag not in {"0", "1"} or (flag == "1" and not file):
            what = f"and {reader.folder}/{row[_IMAGE]}.nii is missing" if flag == "1" else "not 0 or 1"
            raise CaseError(f"{reader.column} is {flag!r}, {what}", where=row.where, hint=_AGAIN)
        if file:
            masks[reader] = read_nifti_mask(file)
            if flag == "0":
                text = f"{reader.column} is 0, and {file} is there; it is kept"
                remarks.append(Remark(code="mask-not-in-table", text=text))
    return masks, remarks


def _outlines(item: DdtiV2Image, name: str) -> Sequence[Ring]:
    case = at_most_one([file for file in item.files if file.suffix == ".xml"], "the case file")
    return case.once(read_outlines).get(name.partition("_")[2], ()) if case else ()


def _reading(reader: _Reader, mask: NDArray[np.bool_]) -> Reading:
    # A mask says nothing of what else the image shows, and one without a pixel says nothing at all.
    return Reading(reader=reader.name, role=reader.role, coverage=None if mask.any() else Coverage.NONE)


def _finding(reader: _Reader, mask: NDArray[np.bool_]) -> Finding:
    return Finding(
        finding_id=f"{reader.name}/1",
        structure=Structure.NODULE,
        geometries=(encode_mask(mask),),  # one drawing, of however many parts
        origin=Read(reader=reader.name),
    )


def _age(text: str) -> Age | None:
    whole = _WHOLE.fullmatch(text)
    return Age(years=int(whole[1])) if whole and int(whole[1]) <= MAX_AGE else None


def _label(column: str, text: str) -> Label | None:
    whole = _WHOLE.fullmatch(text)
    return _LABELS[column].get(whole[1] if whole else text)
