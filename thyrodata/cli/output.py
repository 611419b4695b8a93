"""Printing: one object as JSON or as text, and the progress of long work."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["NOTHING", "emit", "images", "lines", "progress", "table"]

NOTHING = "-"
"""Stands in a table where there is no number."""


def emit(value: Any, text: Callable[[], None], *, json: bool, quiet: bool) -> None:
    """Print a result: as JSON, as text, or not at all."""
    if json:
        print(json_module.dumps(value, indent=2, ensure_ascii=False))
    elif not quiet:
        text()


def images(n: int, done: str = "") -> str:
    """Return ``1 image was added`` or ``2 images were added``, for what is ``added``."""
    noun = f"{n} image" if n == 1 else f"{n} images"
    return f"{noun} {'was' if n == 1 else 'were'} {done}" if done else noun


def lines(texts: Iterable[str]) -> None:
    """Print lines as they are."""
    for text in texts:
        print(text)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """Print a table; columns that hold numbers are set to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [list(row) for row in rows]
    # Where nobody looks on, as in a pipe, a line is as long as it needs to be.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    drawn = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD)
    for i, name in enumerate(header):
        numbers = all(
            row[i].replace(" %", "").replace(".", "").isdigit() for row in cells if row[i] != NOTHING
        )
        drawn.add_column(Text(name), justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Give a function that shows items done of all as a bar, where standard error is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what)
        yield lambda done, total: bar.update(task, completed=done, total=total)
