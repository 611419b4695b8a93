"""A table of baselines as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from thyrodata.baselines.tables.block import BaselineTable
from thyrodata.baselines.tables.grid import READING, Grid, Line, grid
from thyrodata.io.markdown import bullets, table

__all__ = ["text"]


def text(made: BaselineTable) -> str:
    """Return it: a chapter for each block, ours in bold."""
    lines = ["# Baselines beside printed figures", "", *bullets(READING)]
    for block in made.blocks:
        lines += ["", *_chapter(grid(block))]
    return "\n".join(lines) + "\n"


def _chapter(block: Grid) -> Iterator[str]:
    yield from (f"## {block.title}", "", *bullets(block.before), "")
    yield from table(block.header, [_cells(line) for line in block.lines])
    if block.notes:
        yield from ("", *(f"{n}. {note}" for n, note in enumerate(block.notes, 1)))
    yield from ("", *bullets(block.after))


def _cells(line: Line) -> list[str]:
    first, *rest = line.cells
    marks = f" ({', '.join(map(str, line.marks))})" if line.marks else ""
    return [(f"**{first}**" if line.ours else first) + marks, *rest]
