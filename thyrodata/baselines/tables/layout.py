"""The forms in which a table of baselines is written."""

from __future__ import annotations

from enum import Enum
from typing import assert_never

from thyrodata.baselines.tables import latex, markdown, tidy
from thyrodata.baselines.tables.block import BaselineTable
from thyrodata.errors import UsageError

__all__ = ["Format", "laid_out", "parse_format"]


class Format(Enum):
    """A form."""

    MARKDOWN = "markdown"
    """To read: a table for each paper, with what has to be known of it."""
    CSV = "csv"
    """To compute with: a line for each figure, since the papers' columns differ."""
    LATEX = "latex"
    """To print: a ``table`` for each paper, for the package ``booktabs``."""


def parse_format(name: str) -> Format:
    """Return a form by its name.

    Raises:
        UsageError: There is none of that name.
    """
    known = {form.value: form for form in Format}
    if name not in known:
        raise UsageError(f"there is no form {name!r} of a table", hint=f"there are: {', '.join(known)}")
    return known[name]


def laid_out(table: BaselineTable, form: Format) -> str:
    """Return a table as a text that ends with a line break."""
    match form:
        case Format.MARKDOWN:
            return markdown.text(table)
        case Format.CSV:
            return tidy.text(table)
        case Format.LATEX:
            return latex.text(table)
        case _:
            assert_never(form)
