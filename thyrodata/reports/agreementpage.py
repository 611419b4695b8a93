"""The report on the agreement of readers as one HTML page, which refers to nothing outside of itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from thyrodata.agreement.model import Agreement, PairAgreement, Terms
from thyrodata.io.png import encode_png
from thyrodata.reports.agreementplots import READER_COLOURS, bland_altman, confusion, dice_histogram
from thyrodata.reports.agreementtables import (
    both_names,
    definitions_table,
    figures_table,
    first_places,
    notes_table,
    pairs_table,
    readers_table,
    safe,
    terms_table,
)
from thyrodata.reports.sheet.colours import Rgb, kind
from thyrodata.reports.sheet.overlay import draw_overlay
from thyrodata.reports.sheet.tile import Tile, picture
from thyrodata.schema.record import Finding, Read, Reading
from thyrodata.schema.vocab import GroupKind, Structure

__all__ = ["WorstCase", "agreement_page", "worst_picture"]

FIRST_NOTES = frozenset({"equal-drawings"})
"""Codes of notes that change how every figure is read."""

PICTURE = 370
"""The longer side of a picture, in pixels: three stand side by side on a usual screen."""

# SVG is embedded as images, in which a browser runs and loads nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = f"""
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem;
       color: #1d2733; }}
h1 {{ font-size: 1.6rem; }} h2 {{ font-size: 1.25rem; margin-top: 2.5rem; }}
h3 {{ font-size: 1.05rem; margin: 1.6rem 0 .4rem; }}
table {{ border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }}
td, th {{ text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; font-weight: normal; }}
thead th {{ border-bottom: 1px solid #9aa7b5; color: #55636f; vertical-align: bottom; max-width: 11rem; }}
tbody tr {{ border-bottom: 1px solid #e6ebf0; }}
.n {{ text-align: right; }} a {{ color: #0a5c96; text-decoration: none; }}
sup {{ margin-left: .2em; line-height: 0; }}
.beside {{ display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }}
.beside > :last-child {{ flex: 1 1 22rem; }} .beside img {{ max-width: min(100%, 30rem); }}
.pictures {{ display: flex; flex-wrap: wrap; gap: 1.2rem; }}
figure {{ margin: 0; padding: .6rem; background: #f2f5f8; border-radius: 6px; break-inside: avoid; }}
figcaption {{ font-size: 13px; margin-top: .4rem; max-width: {PICTURE}px; overflow-wrap: anywhere; }}
.note {{ background: #fff6d8; padding: .6rem .9rem; border-radius: 6px; }}
i {{ display: inline-block; width: 1.4em; height: .35em; vertical-align: .2em; margin: 0 .4em 0 .8em; }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """A matched pair of drawings that agree little."""

    image_id: str
    readers: tuple[str, str]
    dice: float
    hausdorff: float | None
    """In the unit of the report; ``None`` where it is not defined."""
    picture: bytes
    """A PNG file: see :func:`worst_picture`."""


def worst_picture(tile: Tile, drawings: tuple[Finding, Finding]) -> bytes:
    """Draw what two readers drew of one thing over their image, the first in orange, the second in blue.

    Args:
        tile: The image; without its pixels, the outlines lie on grey.
        drawings: Of the first and of the second reader, in pixels of this image.

    Returns:
        A PNG file; equal arguments give equal bytes.

    Raises:
        CaseError: The image cannot be decoded, or is not of the size that its record says.
        SchemaError: A mask is of another size than the image.
    """
    names = ("first", "second")
    # The colour says who drew, whatever it is and by whatever name the reader goes in the record.
    findings = tuple(
        Finding(
            finding_id=name,
            structure=Structure.NODULE,
            geometries=drawing.geometries,
            origin=Read(reader=name),
        )
        for name, drawing in zip(names, drawings, strict=True)
    )
    readings = tuple(Reading(reader=name) for name in names)
    record = replace(tile.record, nodules=(), readings=readings, findings=findings)
    colours = {kind(finding): _rgb(colour) for finding, colour in zip(findings, READER_COLOURS, strict=True)}
    scale = PICTURE / max(record.image.width, record.image.height)
    size = (max(1, round(record.image.width * scale)), max(1, round(record.image.height * scale)))
    drawn = picture(tile, size)
    overlay = draw_overlay(record, size, colours, stroke=2)
    drawn.paste(overlay, (0, 0), overlay)
    return encode_png(np.asarray(drawn))


def agreement_page(report: Agreement, worst: Sequence[WorstCase]) -> bytes:
    """Return the report as a page: HTML in UTF-8; equal reports give equal bytes.

    Args:
        report: The figures.
        worst: Pictures of the pairs that agree least, in the order in which they are shown.
    """
    title = f"Agreement of readers: {safe(report.terms.dataset)}"
    parts = [
        f"<h1>{title}</h1>",
        *(f'<p class="note">{sentence}</p>' for sentence in _cautions(report)),
        "<h2>What was compared</h2>",
        terms_table(report.terms),
        "<h2>Readers</h2>",
        readers_table(report.readers),
        "<h2>Pairs of readers</h2>",
        pairs_table(report.pairs) if report.pairs else "<p>No two readers have read the same image.</p>",
        *(part for k, pair in enumerate(report.pairs, 1) for part in _pair(k, pair, report.terms)),
        *_overall(report),
        *_worst(worst, report.terms.unit),
        "<h2>Notes</h2>",
        notes_table(report.notes) if report.notes else "<p>None.</p>",
        "<h2>Definitions</h2>",
        definitions_table(),
    ]
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>\n"
    )
    return (head + "\n".join(parts) + "\n</body></html>\n").encode()


def _cautions(report: Agreement) -> Iterator[str]:
    """Yield what must be known before any figure is read."""
    finer = [name for name in report.terms.group_kinds if name != GroupKind.PATIENT.value]
    if finer:
        said = "; ".join(f"1 {safe(name)} is not 1 patient" for name in finer)
        yield f"{said}: where one patient has several, the intervals may be narrower than they should be."
    for note in report.notes:
        if note.code in FIRST_NOTES:
            sentence = f"{note.sentence[:1].upper()}{note.sentence[1:]}."
            yield f"<b>{safe(sentence)}</b> {first_places(note)}"


def _pair(number: int, pair: PairAgreement, terms: Terms) -> Iterator[str]:
    both = both_names(pair.readers)
    yield f'<h2 id="pair-{number}">{both}</h2>'
    yield _beside(
        figures_table(pair.figures, terms.level),
        _plot(dice_histogram(pair), f"Histogram of the Dice of {both}"),
    )
    for differences in pair.differences:
        what = safe(differences.quantity)
        yield f"<h3>Difference in {what}: {both_names(pair.readers, ' less ')}</h3>"
        yield _beside(
            figures_table(differences.figures, terms.level),
            _plot(bland_altman(pair, differences), f"Bland-Altman plot of the {what} by {both}"),
        )
    for grades in pair.grades:
        what = f"{safe(grades.scheme)} of the {safe(grades.scope.value)}"
        yield f"<h3>Grades: {what}</h3>"
        yield _beside(
            figures_table(grades.figures, terms.level),
            _plot(confusion(grades, pair.readers), f"Table of {what}: rows and columns are {both}"),
        )


def _overall(report: Agreement) -> Iterator[str]:
    if report.overall:
        yield "<h2>All readers together</h2>"
    for each in report.overall:
        yield f"<h3>{safe(each.what)}</h3>{figures_table(each.figures, report.terms.level)}"


def _worst(cases: Iterable[WorstCase], unit: str) -> Iterator[str]:
    figures = [_worst_case(case, unit) for case in cases]
    if figures:
        names = zip(("first reader", "second reader"), READER_COLOURS, strict=True)
        legend = "".join(f'<i style="background:{colour}"></i>{name}' for name, colour in names)
        yield f"<h2>Least agreement</h2><p>Whoever gets this page gets these images.{legend}</p>"
        yield f'<div class="pictures">{"".join(figures)}</div>'


def _worst_case(case: WorstCase, unit: str) -> str:
    both = both_names(case.readers)
    distance = "" if case.hausdorff is None else f", Hausdorff distance {case.hausdorff:.2f} {safe(unit)}"
    name = safe(case.image_id)
    caption = f"<b>{name}</b><br>{both}<br>Dice {case.dice:.3f}{distance}"
    drawn = _image(case.picture, "image/png", f"{name} with both drawings")
    return f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"


def _beside(*parts: str) -> str:
    return f'<div class="beside">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def _plot(svg: str, alt: str) -> str:
    return _image(svg.encode(), "image/svg+xml", alt)


def _image(data: bytes, media_type: str, alt: str) -> str:
    return f'<img alt="{alt}" src="data:{media_type};base64,{b64encode(data).decode()}">'


def _rgb(colour: str) -> Rgb:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
