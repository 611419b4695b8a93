"""The rows of the papers' tables, read from the CSV files beside this module, each cell as printed."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources

from thyrodata.baselines.published.papers import TABLES, Paper, TableSource
from thyrodata.errors import UsageError

__all__ = ["Row", "Table", "load_table", "load_tables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table."""

    table: str
    name: str
    """The cells that name it, as printed, joined by a comma."""
    figures: Mapping[str, str]
    """The other cells by their columns, as printed; empty where nothing is printed."""

    @property
    def key(self) -> str:
        """``table/name``: what a recipe says that it stands for."""
        return f"{self.table}/{self.name}"

    def value(self, column: str) -> Decimal | None:
        """Return a figure with the digits that were printed, or nothing where no number stands.

        Raises:
            KeyError: The table has no such column.
        """
        try:
            return Decimal(self.figures[column])
        except InvalidOperation:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of a paper."""

    paper: Paper
    source: TableSource
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """Return the row of a name.

        Raises:
            KeyError: There is none.
        """
        return {row.name: row for row in self.rows}[name]


@cache
def load_table(name: str) -> Table:
    """Return a shipped table.

    Args:
        name: A key of :data:`thyrodata.baselines.published.papers.TABLES`.

    Raises:
        UsageError: There is no such table.
    """
    if name not in TABLES:
        raise UsageError(f"there is no table {name!r}", hint=f"there are: {', '.join(TABLES)}")
    paper, source = TABLES[name]
    with (resources.files(__package__) / f"{name}.csv").open(encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    rows = tuple(
        Row(
            table=name,
            name=", ".join(line[: source.naming]),
            figures=dict(zip(header[source.naming :], line[source.naming :], strict=True)),
        )
        for line in lines
    )
    return Table(paper=paper, source=source, rows=rows)


def load_tables() -> tuple[Table, ...]:
    """Return every shipped table, in the order of the papers."""
    return tuple(load_table(name) for name in TABLES)
