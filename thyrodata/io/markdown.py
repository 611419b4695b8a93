"""Lines of Markdown that no text can break: cells, lists, and chapters moved below a heading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

__all__ = ["bullets", "chapter", "table"]


def table(header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> list[str]:
    """Return the lines of a table; numbers are set to the right, and written with commas."""
    body = [list(row) for row in rows]
    numeric = [bool(body) and all(isinstance(row[at], int) for row in body) for at in range(len(header))]
    rule = ["--:" if number else "---" for number in numeric]
    return [_row(header), _row(rule), *map(_row, body)]


def _row(cells: Sequence[str | int]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(cell: str | int) -> str:
    # An entity, since what a backslash before a backslash does differs between readers of Markdown.
    return f"{cell:,}" if isinstance(cell, int) else " ".join(cell.replace("|", "&#124;").split())


def bullets(items: Iterable[str]) -> list[str]:
    """Return the lines of a list, an item each."""
    return [f"- {' '.join(item.split())}" for item in items]


def chapter(prose: str, *, below: int) -> Iterator[str]:
    """Yield the lines of a text without its title, its headings moved below one of a level.

    Args:
        prose: Markdown whose title has one ``#``, and whose chapters two.
        below: The level of the heading above.
    """
    title, _, rest = prose.strip("\n").partition("\n")
    fenced = False
    for line in (rest if title.startswith("# ") else prose).strip("\n").splitlines():
        fenced ^= line.startswith("```")
        yield f"{'#' * (below - 1)}{line}" if line.startswith("#") and not fenced else line
