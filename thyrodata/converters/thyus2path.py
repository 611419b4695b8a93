"""ThyUS2Path: thyroid ultrasound whose patients have a histological diagnosis.

Hou et al., Sci Data 11:1272 (2024), doi 10.1038/s41597-024-04156-5. Two batches, each with a folder of images
``N_*.Jpg`` and a table that says of patient N whether histology found cancer. Nothing is outlined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.images import IMAGE_SUFFIXES
from thyrodata.io.raw import Raw, RawFile, natural_key
from thyrodata.io.tables import Row, Table, read_table
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.record import ImageRecord, Label, Remark, SourceField
from thyrodata.schema.vocab import Basis, GroupKind, Malignancy, Modality

__all__ = ["ThyUs2Path", "ThyUs2PathPatient"]

_BATCH = re.compile(r"(batch[0-9]{1,2})_image/(?:[^/]+/)*[^/]+")
_IMAGE = re.compile(r"([0-9]{1,9})_.+")
_PATIENT = re.compile(r"[0-9]{1,9}")
_LABELS = {
    "0": Label(value=Malignancy.BENIGN, basis=Basis.HISTOLOGY),
    "1": Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ThyUs2PathPatient:
    """The images of one patient of a batch, and the rows that are of that patient."""

    batch: str
    number: str
    place: str
    rows: tuple[int, ...]
    """0-based, in the batch's table."""
    files: tuple[RawFile, ...]
    """The table, and then the images."""

    def __str__(self) -> str:
        """Return the line of the first row; where no row is of the patient, the first image."""
        return self.place


class ThyUs2Path:
    """Reads ThyUS2Path. Numbers of patients begin anew in each batch: 5 is two people."""

    name: ClassVar[str] = "thyus2path"
    ignores: ClassVar[Mapping[str, str]] = {}

    def items(self, raw: Raw) -> Iterator[ThyUs2PathPatient]:
        """List the patients, batch by batch, by number.

        Raises:
            RawLayoutError: There is no batch, or a batch has not one table, or its table is broken.
        """
        batches: dict[str, list[RawFile]] = {}
        for file in raw.files:
            inside = _BATCH.fullmatch(file.path)
            if inside:
                batches.setdefault(inside[1], []).append(file)
        if not batches:
            raise RawLayoutError(
                "no batch of images lies in the folder",
                where=str(raw.root),
                hint="give the folder of the release that holds batch1_image and batch2_image",
            )
        for batch, files in batches.items():
            table_file = _table_file(raw, batch, files)
            rows: dict[str, list[int]] = {}
            for index, row in enumerate(table_file.once(_table).rows):
                rows.setdefault(_patient(row), []).append(index)
            images: dict[str, list[RawFile]] = {}
            for file in files:
                name = _IMAGE.fullmatch(file.stem)
                if name and file.suffix in IMAGE_SUFFIXES:
                    images.setdefault(name[1], []).append(file)
            for number in sorted(rows.keys() | images.keys(), key=lambda text: (natural_key(text), text)):
                yield _item(batch, number, table_file, rows.get(number, []), images.get(number, []))

    def samples(self, item: ThyUs2PathPatient) -> Iterator[Sample]:
        """Read a patient's label and images.

        Raises:
            CaseError: The patient has no row, or no image, or two labels, or a file is broken.
        """
        table, *images = item.files
        rows = [table.once(_table).rows[index] for index in item.rows]
        if not rows:
            raise CaseError(
                f"no row of {table} is of patient {item.number}",
                where=item.place,
                hint="compare the table with the release",
            )
        said = _said(rows)
        if not images:
            raise CaseError(
                f"patient {item.number!r} of {item.batch} has no image",
                where=item.place,
                hint="copy the images again from the release",
            )
        twice = next(
            (b for a, b in pairwise(sorted(images, key=lambda file: file.stem)) if a.stem == b.stem), None
        )
        if twice:
            raise CaseError(
                f"two images of {item.batch} are named {twice.stem}",
                where=str(twice),
                hint="remove the wrong one",
            )
        label = _LABELS.get(said)
        odd = (
            ()
            if label
            else (Remark(code="value-not-understood", text=f"histo_label {said!r} is not 0 or 1"),)
        )
        for file in images:
            image = file.image()
            record = ImageRecord(
                image_id=f"{self.name}/{item.batch}/{file.stem}",
                image=image.ref(),
                modality=Modality.ULTRASOUND,
                group_id=f"{self.name}/{item.batch}/{item.number}",
                group_kind=GroupKind.PATIENT,
                case_labels=(label,) if label else (),
                source_fields=(SourceField(name="histo_label", text=said),) if not label and said else (),
                remarks=odd,
                source=rows[0].where,
            )
            yield Sample(record=record, pixels=FileBytes(image=image))


def _table(file: RawFile) -> Table:
    return read_table(file, ("patient_name", "histo_label"))


def _table_file(raw: Raw, batch: str, files: Sequence[RawFile]) -> RawFile:
    tables = [file for file in files if file.suffix == ".csv" and "label" in file.stem]
    if len(tables) == 1:
        return tables[0]
    hint = f"{batch}_image holds one table whose name has `label` in it"
    if not tables:
        raise RawLayoutError(f"{batch} has no table of labels", where=str(raw.root), hint=hint)
    raise RawLayoutError(f"{batch} has two tables: {tables[0]} is one", where=str(tables[1]), hint=hint)


def _patient(row: Row) -> str:
    """Return whose row it is, also where it is short, so that it costs no other patient."""
    place = row.columns.index("patient_name")
    return row.cells[place].strip() if place < len(row.cells) else ""


def _item(
    batch: str, number: str, table: RawFile, rows: list[int], images: list[RawFile]
) -> ThyUs2PathPatient:
    place = table.once(_table).rows[rows[0]].where if rows else str(images[0])
    return ThyUs2PathPatient(
        batch=batch, number=number, place=place, rows=tuple(rows), files=(table, *images)
    )


def _said(rows: Sequence[Row]) -> str:
    """Return the label of a patient, which all rows of the patient must give."""
    first, *others = rows
    said = first["histo_label"].strip()
    if not _PATIENT.fullmatch(_patient(first)):
        raise CaseError(
            f"{_patient(first)!r} is no number of a patient",
            where=first.where,
            hint="compare the table with the release",
        )
    for row in others:
        if row["histo_label"].strip() != said:
            raise CaseError(
                f"the patient of {first.where} has the label {row['histo_label']!r} here and {said!r} there",
                where=row.where,
                hint="find out which is right",
            )
    return said
