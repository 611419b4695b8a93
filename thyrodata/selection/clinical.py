"""A clinical table: fields that records have no place for, said of groups, nodules or images by their ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import PurePath

from thyrodata.errors import RawLayoutError
from thyrodata.io.parquettable import read_parquet_table
from thyrodata.io.raw import RawFile
from thyrodata.io.tables import read_table
from thyrodata.selection.conditions import Level

__all__ = ["Cell", "ClinicalTable", "Key", "read_clinical"]

Key = str | tuple[str, str]
"""A group id, an image id, or a group id and a nodule id; the group is empty where it is not said."""

_LEVELS = {"group_id": Level.PATIENT, "nodule_id": Level.NODULE, "image_id": Level.IMAGE}
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of a table that is not empty, and its place."""

    text: str
    where: str

    def number(self) -> float:
        """Return the number that the text is.

        Raises:
            RawLayoutError: It is none.
        """
        number = float(self.text) if _NUMBER.fullmatch(self.text) else float("nan")
        if not isfinite(number):
            raise RawLayoutError(
                f"{self.text!r} is not a number",
                where=self.where,
                hint="write digits, with a point if need be; leave the cell empty where it is not known",
            )
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalTable:
    """A table beside a dataset. An id with several rows has the cells of all of them."""

    file: str
    """As it was given."""
    sha256: str
    level: Level
    """What its rows are of."""
    columns: tuple[str, ...]
    """Without the ids."""
    cells: Mapping[Key, Mapping[str, tuple[Cell, ...]]]
    """By id and column."""
    rows: Mapping[Key, tuple[int, ...]]
    """The lines of each id's rows."""

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return PurePath(self.file).name

    def read(self, key: Key, column: str) -> tuple[Cell, ...]:
        """Return what a column says of something: nothing, where the table does not name it."""
        if key not in self.cells and isinstance(key, tuple):
            key = ("", key[1])
        return self.cells[key][column] if key in self.cells else ()


def read_clinical(file: RawFile) -> ClinicalTable:
    """Read a clinical table, CSV or Parquet.

    The first column is ``group_id``, ``nodule_id`` or ``image_id``; after ``nodule_id`` there may be
    ``group_id`` as the second one. The others are clinical fields, whose texts are stripped; an empty one
    is not known.

    Raises:
        CaseError: The file cannot be read, or a row has not as many cells as the header.
        RawLayoutError: It is empty, broken, begins with no id, or has no other column.
    """
    table = read_parquet_table(file) if file.suffix == ".parquet" else read_table(file, (), ends=False)
    first = table.columns[0] if table.columns else ""
    if first not in _LEVELS:
        raise RawLayoutError(
            f"the table begins with {first!r}, which is no id",
            where=f"{file}:1",
            hint=f"name its first column {', '.join(_LEVELS)}: what the rows are of",
        )
    grouped = first == "nodule_id" and table.columns[1:2] == ("group_id",)
    columns = table.columns[2 if grouped else 1 :]
    if not columns or "" in columns:
        raise RawLayoutError(
            "a column has no name" if columns else "the table has no column beside its ids",
            where=f"{file}:1",
            hint="name a clinical field in the header",
        )
    cells: dict[Key, dict[str, tuple[Cell, ...]]] = {}
    rows: dict[Key, tuple[int, ...]] = {}
    for row in table.rows:
        said = row[first].strip()
        if not said:
            raise RawLayoutError("a row names nothing", where=row.where, hint=f"write its {first}")
        key: Key = said
        if first == "nodule_id":
            key = (row["group_id"].strip() if grouped else "", said)
        rows[key] = (*rows.get(key, ()), row.line)
        known = cells.setdefault(key, dict.fromkeys(columns, ()))
        for column in columns:
            text = row[column].strip()
            known[column] += (Cell(text, row.where),) if text else ()
    return ClinicalTable(
        file=str(file),
        sha256=file.raw.reads[file.path],
        level=_LEVELS[first],
        columns=columns,
        cells=cells,
        rows=rows,
    )
