"""The rows of a clinical table, each value understood or refused; no error quotes a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from thyrodata.capture.clinicalmap import ClinicalMap
from thyrodata.capture.pseudonyms import is_placeholder, normalise_id
from thyrodata.errors import CaseError
from thyrodata.io.columnmap import Column
from thyrodata.io.tables import Row, Table
from thyrodata.schema.record import Age, Label
from thyrodata.schema.vocab import Scope, Sex

__all__ = ["ClinicalRow", "PatientKey", "agreed", "rows_by_patient"]

T = TypeVar("T")

PatientKey = tuple[str, str]
"""Issuer, empty where no column names it, and id, both normalised."""

# How tables say that nothing is known, beside an empty cell, in columns that give these no other meaning.
_NOTHING = frozenset(
    {"-", "--", "?", ".", "na", "n/a", "nan", "nil", "none", "null", "unknown", "not available"}
)

_SHOWN = 10
"""Places that an error lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalRow:
    """What a row says of a patient, all whose exams it is of if it names no study."""

    where: str
    """Its line."""
    patient: PatientKey
    study: str
    """Normalised; empty where the row names none."""
    nodule: str | None
    sex: Sex | None
    age: Age | None
    biopsy: date | None
    labels: tuple[Label | None, ...]
    """One for each column of labels."""


def rows_by_patient(table: Table, columns: ClinicalMap) -> Mapping[PatientKey, tuple[ClinicalRow, ...]]:
    """Return the rows of each patient, in the order of the table. Rows of empty cells are none.

    Raises:
        CaseError: A row is short, names no patient, or has a cell that is not understood or a label of a
            nodule that it does not name; or two are of the same patient, study and nodule.
    """
    misread: dict[str, list[str]] = {}
    filled = (row for row in table.rows if any(cell.strip() for cell in row.cells))
    rows = [_read(row, columns, misread) for row in filled]
    for column, places in misread.items():
        raise CaseError(
            f"{len(places)} cells of the column {column!r} are not understood",
            where=places[0],
            hint=f"correct them, empty them, or map their spellings; they are in {_some(places)}",
        )
    found: dict[PatientKey, dict[tuple[str, str | None], ClinicalRow]] = {}
    for row in rows:
        _check_nodule(row, columns)
        same = found.setdefault(row.patient, {}).setdefault((row.study, row.nodule), row)
        if same is not row:
            raise CaseError(
                "two rows are of the same patient, study and nodule",
                where=row.where,
                hint=f"compare it with {same.where}, and remove one of them",
            )
    return {patient: tuple(those.values()) for patient, those in found.items()}


def _read(row: Row, columns: ClinicalMap, misread: dict[str, list[str]]) -> ClinicalRow:
    def cell(column: Column[T] | None) -> T | None:
        text = row[column.name].strip() if column else ""
        value = column.parse(text) if column and text else None
        if column and text and value is None and text.casefold() not in _NOTHING:
            misread.setdefault(column.name, []).append(row.where)
        return value

    patient_id = row[columns.patient.name]
    if is_placeholder(patient_id):
        misread.setdefault(columns.patient.name, []).append(row.where)
    return ClinicalRow(
        where=row.where,
        patient=(normalise_id(cell(columns.issuer)), normalise_id(patient_id)),
        study=normalise_id(cell(columns.study)),
        nodule=cell(columns.nodule),
        sex=cell(columns.sex),
        age=cell(columns.age),
        biopsy=cell(columns.biopsy_date),
        labels=tuple(cell(label.column) for label in columns.labels),
    )


def _check_nodule(row: ClinicalRow, columns: ClinicalMap) -> None:
    for label, column in zip(row.labels, columns.labels, strict=True):
        if label and column.scope is Scope.NODULE and row.nodule is None:
            raise CaseError(
                f"the column {column.column.name!r} is of a nodule, and the row names none",
                where=row.where,
                hint="fill in the nodule, or empty the cell",
            )


def _some(places: Sequence[str]) -> str:
    shown = ", ".join(places[:_SHOWN])
    return f"{shown} and {len(places) - _SHOWN} more" if len(places) > _SHOWN else shown


def agreed(rows: Iterable[ClinicalRow], value_of: Callable[[ClinicalRow], T | None], what: str) -> T | None:
    """Return what rows say of one thing, or those of them that say anything.

    Raises:
        CaseError: Two of them say different things.
    """
    found: tuple[T, ClinicalRow] | None = None
    for row in rows:
        value = value_of(row)
        if value is None:
            continue
        if found is not None and value != found[0]:
            raise CaseError(
                f"two rows of a patient contradict each other: {what}",
                where=row.where,
                hint=f"compare it with {found[1].where}, and correct the table, or map a column of studies",
            )
        found = found or (value, row)
    return found[0] if found else None
