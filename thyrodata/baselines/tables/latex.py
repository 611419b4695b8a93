"""A table of baselines as LaTeX, for the packages ``booktabs`` and ``graphicx``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from thyrodata.baselines.tables.block import BaselineTable
from thyrodata.baselines.tables.grid import READING, Grid, Line, grid

__all__ = ["escaped", "text"]

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    # Behind a line break of a table a bracket would be its argument.
    "[": "{[}",
    "]": "{]}",
}
_TEXT_COLUMNS = 3
"""Those of words, set to the left: model, kind and data."""


def escaped(plain: str) -> str:
    """Return a text of one line that LaTeX prints as it stands."""
    return "".join(_ESCAPES.get(character, character) for character in " ".join(plain.split()))


def text(made: BaselineTable) -> str:
    """Return it: a ``table*`` for each block, as wide as the text, ours in bold."""
    packages = r"% \usepackage{booktabs} \usepackage{graphicx} \usepackage[T1]{fontenc}"
    return "\n".join([packages, *(line for block in made.blocks for line in _table(grid(block)))]) + "\n"


def _table(block: Grid) -> Iterator[str]:
    columns = "l" * _TEXT_COLUMNS + "r" * (len(block.header) - _TEXT_COLUMNS)
    yield from (r"\begin{table*}", r"\centering", rf"\caption{{{escaped(block.title)}.}}")
    yield from (r"\resizebox{\textwidth}{!}{%", rf"\begin{{tabular}}{{{columns}}}", r"\toprule")
    yield from (_row(map(escaped, block.header)), r"\midrule")
    yield from (_row(_cells(line)) for line in block.lines)
    yield from (r"\bottomrule", r"\end{tabular}}", "", r"\footnotesize")
    numbered = (rf"\textsuperscript{{{n}}}{escaped(note)}" for n, note in enumerate(block.notes, 1))
    yield from (*numbered, *map(escaped, (*READING, *block.before, *block.after)))
    yield r"\end{table*}"


def _cells(line: Line) -> Iterator[str]:
    first, *rest = line.cells
    marks = rf"\textsuperscript{{{','.join(map(str, line.marks))}}}" if line.marks else ""
    yield (rf"\textbf{{{escaped(first)}}}" if line.ours else escaped(first)) + marks
    yield from map(escaped, rest)


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
