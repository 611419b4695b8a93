"""The tables of a report on agreement, as HTML in which every text of the data is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from thyrodata.agreement.definitions import DEFINITIONS
from thyrodata.agreement.model import Figure, Noted, PairAgreement, ReaderCount, Terms
from thyrodata.reports.agreementplots import UNNAMED, shown

__all__ = [
    "both_names",
    "definitions_table",
    "figures_table",
    "first_places",
    "notes_table",
    "pairs_table",
    "readers_table",
    "rounded",
    "safe",
    "terms_table",
]

FIRST_PLACES = 10
"""Of a note: more stand in the report's JSON."""

_NUMBERS = {name: number for number, name in enumerate(DEFINITIONS, 1)}


def safe(text: str) -> str:
    """Return a text as HTML, with a replacement character for each that cannot be printed."""
    return escape(shown(text))


def both_names(readers: tuple[str, str], between: str = " and ") -> str:
    """Return the names of two readers as HTML."""
    return between.join(safe(reader or UNNAMED) for reader in readers)


def figures_table(figures: Sequence[Figure], level: float) -> str:
    """Return figures with their intervals; the small numbers lead to :func:`definitions_table`."""
    header = ("figure", "", "value", f"{100 * level:g} % interval{_note('interval')}", "n", "groups")
    rows: list[str] = []
    for name, run in groupby(figures, key=lambda figure: figure.name):
        cells = [_figure_cells(figure) for figure in run]
        title = f"{safe(DEFINITIONS[name].title)}{_note(name)}"
        rows += [f'<th scope=rowgroup rowspan="{len(cells)}">{title}</th>{cells[0]}', *cells[1:]]
    return _table(header, rows)


def terms_table(terms: Terms) -> str:
    """Return on what terms the readers were compared."""
    found = ", ".join(f"{threshold:g}" for threshold in terms.thresholds)
    kinds = ", ".join(terms.group_kinds) or "none"
    rows = {
        "dataset": terms.dataset,
        "other sources of readings": ", ".join(terms.sources) or "none",
        "structures": ", ".join(terms.structures),
        "a pair": f"two drawings of one image, matched one to one, with an IoU of {terms.floor:g} or more",
        "tolerance": f"{terms.tolerance:g} {terms.unit}",
        "distances": f"in {terms.unit}",
        "found by the other": f"from an IoU of {found}",
        "intervals": f"{100 * terms.level:g} %, by bootstrap over groups, {terms.resamples:,} resamples, "
        f"seed {terms.seed}",
        "a group": kinds,
    }
    body = "".join(f"<tr><th scope=row>{name}</th>{_cell(text)}</tr>" for name, text in rows.items())
    return f"<table>{body}</table>"


def readers_table(readers: Iterable[ReaderCount]) -> str:
    """Return what each reader has read."""
    rows = (
        f"<th scope=row>{safe(each.reader or UNNAMED)}</th>{_cell(', '.join(each.roles) or 'not stated')}"
        f"{_count(each.images)}{_count(each.complete)}{_count(each.findings)}"
        for each in readers
    )
    header = ("reader", "role", "images read", "of these stated complete", "drawings")
    return _table(header, rows, numbers_from=2)


def pairs_table(pairs: Sequence[PairAgreement]) -> str:
    """Return what there is to compare of each pair of readers, which leads to the pair's own section."""
    rows = (
        f'<th scope=row><a href="#pair-{k}">{both_names(pair.readers)}</a></th>'
        f"{_count(pair.images)}{_both(pair.only)}{_count(len(pair.columns))}{_count(pair.equal)}"
        f"{_both(pair.unmatched)}{_both(pair.unmatched_of_complete)}"
        for k, pair in enumerate(pairs, 1)
    )
    header = (
        "first and second",
        "images read by both",
        "by one only",
        "matched pairs",
        "of these equal in every pixel",
        "no counterpart",
        "of these where the other says that all was drawn",
    )
    return _table(header, rows, numbers_from=1)


def notes_table(notes: Iterable[Noted]) -> str:
    """Return what was not compared, and what a reader of the figures must know, with how often."""
    rows = (
        f"<th scope=row>{safe(note.code)}</th>{_cell(note.sentence)}{_count(len(note.places))}"
        f"<td>{first_places(note)}</td>"
        for note in notes
    )
    return _table(("note", "what", "n", "where first"), rows)


def first_places(note: Noted) -> str:
    """Return where a note is made, as far as a page has room for it."""
    more = len(note.places) - FIRST_PLACES
    rest = f" and {more:,} more" if more > 0 else ""
    return f"{', '.join(map(safe, note.places[:FIRST_PLACES]))}{rest}"


def definitions_table() -> str:
    """Return what every figure means, with the source of its definition."""
    rows = (
        f'{_count(number)}<th scope=row id="definition-{number}">{safe(meant.title)}</th>'
        f"{_cell(meant.text)}{_cell(meant.source)}"
        for number, meant in enumerate(DEFINITIONS.values(), 1)
    )
    return _table(("", "figure", "definition", "source"), rows)


def _note(name: str) -> str:
    """Return the link to the definition of a figure."""
    number = _NUMBERS[name]
    return f'<sup><a href="#definition-{number}">{number}</a></sup>'


def _figure_cells(figure: Figure) -> str:
    value = "not defined"
    if figure.value is not None:
        value = f"{rounded(figure.value, figure.unit)} {figure.unit}".rstrip()
    interval = "no interval"
    if figure.low is not None and figure.high is not None:
        interval = f"{rounded(figure.low, figure.unit)} to {rounded(figure.high, figure.unit)}"
    counted = f"{figure.n:,} {figure.counted}"
    return f"{_cell(figure.of)}{_cell(value)}{_cell(interval)}{_cell(counted)}{_count(figure.groups)}"


def rounded(value: float, unit: str) -> str:
    """Return a measure to 2 decimals, and a number without a unit, of 0 to 1, to 3; never a negative zero."""
    text = f"{value:,.2f}" if unit else f"{value:.3f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def _table(header: Sequence[str], rows: Iterable[str], *, numbers_from: int | None = None) -> str:
    numeric = len(header) if numbers_from is None else numbers_from
    head = "".join(
        f"<th scope=col{' class=n' if place >= numeric else ''}>{name}</th>"
        for place, name in enumerate(header)
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str) -> str:
    return f"<td>{safe(text)}</td>"


def _count(count: int) -> str:
    return f'<td class="n">{count:,}</td>'


def _both(counts: tuple[int, int]) -> str:
    return f'<td class="n">{counts[0]:,} and {counts[1]:,}</td>'
