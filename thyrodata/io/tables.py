"""Tables that come as text: CSV, read whole, each row with the line that a person would open."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.raw import RawFile

__all__ = ["Row", "Table", "read_table"]

_AGAIN = "copy the table again from the release, and do not save it with a spreadsheet program"


@dataclass(frozen=True, slots=True)
class Row(Mapping[str, str]):
    """One row of a table: its cells, verbatim, by the name of their column.

    A row that has not as many cells as the table has columns is there too: reading a cell of it raises, so
    that it costs the item that needs it and no other.
    """

    columns: tuple[str, ...]
    cells: tuple[str, ...]
    file: str
    line: int
    """1-based, of the row's first line."""
    ended: bool = True
    """Whether its line has an end; one without may be the last of a table that was cut."""

    @property
    def where(self) -> str:
        """The place that a person would open: ``DL_info.csv:4711``."""
        return f"{self.file}:{self.line}"

    def __getitem__(self, column: str) -> str:
        """Return the cell of a column.

        Raises:
            CaseError: The row is short or long.
            KeyError: The table has no such column.
        """
        if len(self.cells) != len(self.columns):
            raise CaseError(
                f"the row has {len(self.cells)} cells where the header has {len(self.columns)}",
                where=self.where,
                hint=_AGAIN,
            )
        if column not in self.columns:
            raise KeyError(column)
        return self.cells[self.columns.index(column)]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the columns."""
        return iter(self.columns)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(
    file: RawFile, columns: Sequence[str], *, header: bool = True, ends: bool = True, delimiter: str = ","
) -> Table:
    """Read a table of comma-separated values: UTF-8 with or without a byte-order mark, any kind of line end.

    Args:
        file: The file.
        columns: Columns that must be there, in any order; others are kept. Without a header, all columns.
        header: Whether the first row names the columns.
        ends: Whether the writer of such tables always ends the last line, so that one without is cut. If not,
            a last line without an end is cut if a cell is missing, or its last cell is empty.
        delimiter: What stands between two cells.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is empty, cut, not UTF-8, wrongly quoted, or lacks a column or names one twice.
    """
    text = _text(file)
    terminated = text.endswith(("\n", "\r"))
    if ends and text and not terminated:
        raise RawLayoutError("the table is cut: its last line has no end", where=str(file), hint=_AGAIN)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[tuple[int, tuple[str, ...]]] = []
    line = 1
    try:
        for cells in reader:
            if cells:  # an empty line is no row
                found.append((line, tuple(cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise RawLayoutError(
            f"the table cannot be read: {error}", where=f"{file}:{line}", hint=_AGAIN
        ) from None
    names = tuple(columns)
    if header:
        if not found:
            raise RawLayoutError("the table is empty", where=str(file), hint=_AGAIN)
        names = tuple(name.strip() for name in found.pop(0)[1])
        _check_columns(names, columns, str(file))
    rows = [Row(columns=names, cells=cells, file=str(file), line=line) for line, cells in found]
    if rows and not terminated:
        rows[-1] = replace(rows[-1], ended=False)
        if len(rows[-1].cells) < len(names) or not rows[-1].cells[-1]:
            raise RawLayoutError("the table is cut inside its last row", where=rows[-1].where, hint=_AGAIN)
    return Table(columns=names, rows=tuple(rows))


def _text(file: RawFile) -> str:
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RawLayoutError(
            f"the table is not UTF-8: byte {error.start}", where=str(file), hint="save it as UTF-8"
        ) from None
    if "\0" in text:
        raise RawLayoutError("the table holds null characters", where=str(file), hint=_AGAIN)
    return text


def _check_columns(names: Sequence[str], wanted: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    missing = [name for name in wanted if name not in names]
    if twice:
        raise RawLayoutError(f"the header names {twice[0]!r} twice", where=f"{where}:1", hint=_AGAIN)
    if missing:
        raise RawLayoutError(
            f"the table has no column {', '.join(map(repr, missing))}",
            where=f"{where}:1",
            hint=f"it has: {', '.join(names)}",
        )
