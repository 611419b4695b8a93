"""The report of a capture as one HTML page: each screen before and after, counts, and what was put aside.

A screen before is drawn from its cells of 32 x 32 pixels, black or lit: what stood in them cannot be read.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image

from thyrodata.io.images import decode_image
from thyrodata.schema.record import PixelBox

__all__ = ["CapturedScreen", "capture_page"]

THUMBNAIL = 260
"""Width of a screen on the page, in pixels."""

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
       color: #1d2733; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: .2rem .9rem .2rem 0; vertical-align: top; }
th { border-bottom: 1px solid #9aa7b5; } td.n { text-align: right; }
.screens { display: flex; flex-wrap: wrap; gap: 1.2rem; }
figure { margin: 0; padding: .6rem; background: #f2f5f8; border-radius: 6px; }
figure div { display: flex; gap: .5rem; align-items: flex-start; flex-wrap: wrap; }
figcaption { font-size: 13px; margin-top: .4rem; max-width: 34rem; }
.note { background: #fff6d8; padding: .6rem .9rem; border-radius: 6px; }
i { display: inline-block; width: .9em; height: .9em; vertical-align: -1px; margin: 0 .3em 0 .8em; }
"""
_LEGEND = (
    ("#7c8896", "lit cells of the screen"),
    ("#2fa36b", "kept: what became images"),
    ("#d9482b", "blanked for text"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedScreen:
    """A screen, and one image from each of its regions."""

    title: str
    caption: str
    width: int
    height: int
    cell: int
    """Pixels along each side of a cell."""
    lit: Sequence[tuple[int, int]]
    """Column and row of each lit cell."""
    kept: Sequence[PixelBox]
    blanked: Sequence[PixelBox]
    pictures: Sequence[bytes]
    """Image files."""


def capture_page(
    *,
    title: str,
    notes: Iterable[str],
    tables: Iterable[tuple[str, Sequence[str], Sequence[Sequence[str]]]],
    screens: Iterable[CapturedScreen],
) -> str:
    """Return the page: HTML that refers to nothing outside of itself.

    Args:
        title: Of the page.
        notes: Sentences that must be known.
        tables: Each with its heading, its columns' names, and its rows.
        screens: In the order in which they are shown.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="note">{escape(note)}</p>' for note in notes),
        *(_table(*table) for table in tables),
        "<h2>Screens, before and after</h2>",
        "<p>" + "".join(f'<i style="background:{colour}"></i>{what}' for colour, what in _LEGEND) + "</p>",
        '<div class="screens">',
        *map(_figure, screens),
        "</div>",
    ]
    head = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    return f"{head}<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"


def _table(heading: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = "".join(
        "<tr>" + "".join(f"<td{_number(cell)}>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<h2>{escape(heading)}</h2><table><tr>{cells}</tr>{lines}</table>"


def _number(cell: str) -> str:
    return ' class="n"' if cell.isdigit() else ""


def _figure(screen: CapturedScreen) -> str:
    pictures = "".join(
        f'<img alt="after: {escape(screen.title)}" src="data:image/png;base64,{_thumbnail(data)}">'
        for data in screen.pictures
    )
    caption = f"<b>{escape(screen.title)}</b> {escape(screen.caption)}"
    return f"<figure><div>{_before(screen)}{pictures}</div><figcaption>{caption}</figcaption></figure>"


def _before(screen: CapturedScreen) -> str:
    height = max(1, round(THUMBNAIL * screen.height / screen.width))
    drawn = "".join(_shapes(screen))
    return (
        f'<svg role="img" aria-label="before: {escape(screen.title)}" width="{THUMBNAIL}" height="{height}" '
        f'viewBox="0 0 {screen.width} {screen.height}"><rect width="100%" height="100%"/>{drawn}</svg>'
    )


def _shapes(screen: CapturedScreen) -> Iterator[str]:
    size = screen.cell
    squares = "".join(f"M{column * size} {row * size}h{size}v{size}h-{size}z" for column, row in screen.lit)
    yield f'<path fill="#7c8896" d="{squares}"/>'
    stroke = max(2, screen.width // 160)
    for x0, y0, x1, y1 in screen.blanked:
        yield f'<rect x="{x0}" y="{y0}" width="{x1 - x0}" height="{y1 - y0}" fill="#d9482b"/>'
    for x0, y0, x1, y1 in screen.kept:
        yield (
            f'<rect x="{x0}" y="{y0}" width="{x1 - x0}" height="{y1 - y0}" fill="none" stroke="#2fa36b" '
            f'stroke-width="{stroke}"/>'
        )


def _thumbnail(data: bytes) -> str:
    """Return a small PNG of an image file, in base64."""
    pixels = decode_image(data, "an image of the dataset")
    picture = Image.fromarray((pixels >> (8 * (pixels.dtype.itemsize - 1))).astype(np.uint8))
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = BytesIO()
    picture.save(stream, "PNG")
    return b64encode(stream.getvalue()).decode()
