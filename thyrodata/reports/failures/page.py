"""Cases as an HTML page, which refers to nothing outside of itself and runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain

import numpy as np
from PIL import Image

from thyrodata.io.png import encode_png
from thyrodata.reports.agreementtables import safe
from thyrodata.reports.datapage.html import (
    figure,
    image,
    link,
    listed,
    note,
    page,
    pictures,
    section,
    sentence,
    table,
)
from thyrodata.reports.failures.cases import (
    PREDICTED,
    SIDE,
    THICK,
    THIN,
    TRUTH,
    Case,
    CaseSheet,
    case_picture,
    heat_scale,
)
from thyrodata.reports.sheet.colours import Rgb

__all__ = ["PageTable", "case_page"]

QUALITY = 88
"""Of JPEG; with colours at full resolution thin lines stay sharp."""
_SCALE = (120, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTable:
    """A table above the cases."""

    heading: str
    header: tuple[str, ...] = ()
    """None where the first cell of a row says what the others are."""
    rows: tuple[tuple[str | int, ...], ...]
    numbers_from: int | None = None
    """The first column, from 0, that holds numbers."""
    says: tuple[str, ...] = ()
    """Sentences below it: what its words mean."""


def case_page(
    *, title: str, notes: Iterable[str], tables: Sequence[PageTable], sheets: Sequence[CaseSheet]
) -> bytes:
    """Return the page: HTML in UTF-8; equal cases give equal bytes.

    Args:
        title: Of the page.
        notes: Sentences that must be known before anything is read.
        tables: In their order.
        sheets: Below the tables, each with its legend.

    Raises:
        CaseError: An image cannot be decoded, or is not of the size that its record says.
    """
    headings = [*(each.heading for each in tables), *(each.heading for each in sheets)]
    entries = "".join(f"<li>{link(f's{k}', heading)}</li>" for k, heading in enumerate(headings))
    body = chain(
        [f"<h1>{safe(title)}</h1>"],
        map(note, notes),
        [f'<nav aria-label="Sections"><ul>{entries}</ul></nav>', "<main>"],
        (section(f"s{k}", each.heading, _table(each)) for k, each in enumerate(tables)),
        (section(f"s{k}", each.heading, _sheet(each)) for k, each in enumerate(sheets, len(tables))),
        ["</main>"],
    )
    return page(title, body)


def _table(made: PageTable) -> Iterator[str]:
    yield table(made.heading, made.header, made.rows, numbers_from=made.numbers_from)
    if made.says:
        yield listed(made.says)


def _sheet(sheet: CaseSheet) -> Iterator[str]:
    yield from map(sentence, sheet.says)
    if not sheet.cases:
        yield sentence("None.")
        return
    yield f"<p>{''.join(_legend(sheet))}</p>"
    yield pictures(map(_figure, sheet.cases))


def _legend(sheet: CaseSheet) -> Iterator[str]:
    for name, colour, width in ((sheet.truth, TRUTH, THICK), (sheet.predicted, PREDICTED, THIN)):
        if name:
            yield f"{_swatch(colour, width)}{safe(name)} "
    if sheet.heated:
        scale = image(encode_png(np.asarray(heat_scale(*_SCALE))), "image/png", "scale of the heat")
        yield f'<span style="margin-left:.8em">heat: none {scale} the most in this image</span>'


def _swatch(colour: Rgb, width: float) -> str:
    return (
        f'<i style="background:#{bytes(colour).hex()};height:{width:g}px;width:2.4em;'
        'outline:1px solid #444"></i>'
    )


def _figure(case: Case) -> str:
    record = case.tile.record
    scale = SIDE / max(record.image.width, record.image.height)
    size = (max(1, round(record.image.width * scale)), max(1, round(record.image.height * scale)))
    name, *lines = case.lines
    drawn = image(_jpeg(case_picture(case, size)), "image/jpeg", f"{name}: {', '.join(lines)}")
    return figure(drawn, name, lines)


def _jpeg(drawn: Image.Image) -> bytes:
    stream = BytesIO()
    drawn.save(stream, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return stream.getvalue()
