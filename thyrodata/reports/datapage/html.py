"""The HTML of a report on a dataset: its head, tables and pictures. Every text of the data is escaped.

Nothing is loaded and nothing runs: pictures stand in the page itself, and its policy forbids all else.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence

from thyrodata.reports.agreementtables import safe

__all__ = [
    "Html",
    "beside",
    "figure",
    "image",
    "link",
    "listed",
    "note",
    "page",
    "pictures",
    "section",
    "sentence",
    "side_by_side",
    "table",
    "wide_image",
]

# SVG is embedded as images, in which a browser runs and loads nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem;
       color: #1d2733; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.3rem; margin-top: 3rem; }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; padding: 0; list-style: none; }
.wide { overflow-x: auto; margin: .4rem 0 1.2rem; }
.wide > img { max-width: none; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: .2rem .9rem .2rem 0; vertical-align: top; font-weight: normal; }
.pairs td { overflow-wrap: anywhere; } .pairs th { min-width: 5rem; }
thead th { border-bottom: 1px solid #9aa7b5; color: #55636f; vertical-align: bottom; }
tbody tr { border-bottom: 1px solid #e6ebf0; }
.n { text-align: right; }
@media (min-width: 40rem) { .n { white-space: nowrap; } }
@media (max-width: 40rem) { td, th { padding-right: .5rem; } }
a { color: #0a5c96; } :focus-visible { outline: 3px solid #e69f00; outline-offset: 2px; }
img { max-width: 100%; height: auto; }
.beside { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; align-items: flex-start; }
.beside > * { flex: 0 1 auto; min-width: 0; max-width: 100%; }
.pictures { display: grid; gap: 1.2rem;
            grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); }
.pair { display: flex; flex-wrap: wrap; gap: 1rem; margin-bottom: 1.2rem; padding: .6rem; background: #dfe6ed;
        border-radius: 6px; width: fit-content; max-width: 100%; box-sizing: border-box; }
.pictures > .pair { grid-column: 1 / -1; margin: 0; }
.pair figure { flex: 1 1 17rem; max-width: 360px; }
td ul { margin: 0; padding-left: 1.1em; }
figure { margin: 0; padding: .6rem; background: #f2f5f8; border-radius: 6px; break-inside: avoid; }
figure img { display: block; width: 100%; max-width: 360px; }
figcaption { font-size: 13px; margin-top: .4rem; overflow-wrap: anywhere; }
.note { background: #fff6d8; padding: .6rem .9rem; border-radius: 6px; }
details { margin-top: .6rem; }
pre { white-space: pre-wrap; background: #f2f5f8; padding: .6rem; }
i { display: inline-block; width: 1.4em; height: .35em; vertical-align: .2em; margin: 0 .4em 0 .8em; }
"""


class Html(str):
    """Markup, which is not escaped again."""

    __slots__ = ()


def page(title: str, body: Iterable[str]) -> bytes:
    """Return a page: HTML in UTF-8.

    Args:
        title: A text.
        body: HTML.
    """
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{safe(title)}</title><style>{_STYLE}</style></head><body>\n"
    )
    return (head + "\n".join(body) + "\n</body></html>\n").encode()


def section(name: str, heading: str, parts: Iterable[str]) -> str:
    """Return a section that ``#name`` leads to."""
    body = "\n".join(parts)
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{safe(heading)}</h2>\n{body}\n</section>'


def link(name: str, text: str) -> Html:
    """Return a link to a place on the page."""
    return Html(f'<a href="#{safe(name)}">{safe(text)}</a>')


def sentence(text: str) -> str:
    """Return a sentence."""
    return f"<p>{safe(text)}</p>"


def listed(texts: Iterable[str]) -> Html:
    """Return texts as a list."""
    return Html(f"<ul>{''.join(f'<li>{safe(text)}</li>' for text in texts)}</ul>")


def note(text: str) -> str:
    """Return a sentence that must not be overlooked."""
    return f'<p class="note">{safe(text)}</p>'


def table(
    label: str, header: Sequence[str], rows: Iterable[Sequence[str | int]], *, numbers_from: int | None = None
) -> str:
    """Return a table that scrolls in itself where the page is narrow, by keys too.

    Args:
        label: What it is, for those who hear it.
        header: Texts; none where the first cell of a row says what the others are.
        rows: Texts, HTML and whole numbers; the first cell is the heading of its row.
        numbers_from: The first column, from 0, that is set to the right; by default none is.
    """
    head = "".join(
        f'<th scope="col"{_aligned(place, numbers_from)}>{safe(name)}</th>'
        for place, name in enumerate(header)
    )
    body = "".join(f"<tr>{''.join(_cells(row, numbers_from))}</tr>" for row in rows)
    opened = f"<table><thead><tr>{head}</tr></thead>" if header else '<table class="pairs">'
    return _wide(label, f"{opened}<tbody>{body}</tbody></table>")


def _wide(label: str, content: str) -> str:
    return f'<div class="wide" tabindex="0" role="region" aria-label="{safe(label)}">{content}</div>'


def _cells(row: Sequence[str | int], numbers_from: int | None) -> Iterator[str]:
    for place, cell in enumerate(row):
        text = cell if isinstance(cell, Html) else safe(f"{cell:,}" if isinstance(cell, int) else cell)
        yield f"<td{_aligned(place, numbers_from)}>{text}</td>" if place else f'<th scope="row">{text}</th>'


def _aligned(place: int, numbers_from: int | None) -> str:
    return "" if numbers_from is None or place < numbers_from else ' class="n"'


def beside(*parts: str) -> str:
    """Return parts beside each other where there is room."""
    return f'<div class="beside">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def image(data: bytes, media_type: str, alt: str) -> str:
    """Return a picture that stands in the page itself."""
    return f'<img alt="{safe(alt)}" src="data:{media_type};base64,{b64encode(data).decode()}">'


def wide_image(data: bytes, media_type: str, alt: str) -> str:
    """Return a picture with small letters, which scrolls in itself where the page is narrow."""
    return _wide(alt, image(data, media_type, alt))


def pictures(figures: Iterable[str]) -> str:
    """Return figures in as many columns as there is room for."""
    return f'<div class="pictures">{"".join(figures)}</div>'


def side_by_side(figures: Iterable[str]) -> str:
    """Return figures that belong together, beside each other where there is room."""
    return f'<div class="pair">{"".join(figures)}</div>'


def figure(drawn: str, title: str, lines: Iterable[str]) -> str:
    """Return a picture with its caption.

    Args:
        drawn: HTML of the picture.
        title: A text.
        lines: Texts.
    """
    caption = "<br>".join([f"<b>{safe(title)}</b>", *map(safe, lines)])
    return f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"
