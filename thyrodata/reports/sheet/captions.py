"""The captions of a contact sheet: what is said of an image, and what the absence of an outline means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from PIL import ImageDraw

from thyrodata.reports.sheet.colours import BRIGHT, CAUTION, MUTED, Rgb
from thyrodata.reports.sheet.layout import Layout, shortened
from thyrodata.reports.sheet.tile import Tile, is_windowed
from thyrodata.schema.record import ImageRecord, Label
from thyrodata.schema.vocab import Coverage, Structure

__all__ = ["Caption", "caption_lines", "counted", "draw_caption"]

Caption = tuple[tuple[str, Rgb], ...]
"""Lines and their colours."""

_SCHEME_NAMES = {
    "bethesda": "Bethesda",
    "malignancy": "",
    "tirads-acr": "ACR TI-RADS",
    "tirads-chinese": "C-TIRADS",
    "tirads-eu": "EU-TIRADS",
    "tirads-eu-risk": "EU-TIRADS",
    "tirads-french": "French TIRADS",
    "tirads-horvath": "TIRADS Horvath",
    "tirads-korean": "K-TIRADS",
    "tirads-kwak": "TI-RADS Kwak",
}


def caption_lines(tile: Tile) -> Caption:
    """Return what stands under an image, most important first; the coverage in another colour if partial."""
    record = tile.record
    group = record.group_id.partition("/")[2]
    findings = [label for finding in record.findings for label in finding.labels]
    nodules = [label for nodule in record.nodules for label in nodule.labels]
    coverage = _coverage_note(record)
    lines = (
        (record.image_id, BRIGHT),
        (f"{record.group_kind.value} {group}", MUTED),
        (_said({"case": record.case_labels, "image": record.image_labels}), MUTED),
        (_said({"nodule": nodules, "outline": findings}), MUTED),
        (" · ".join([coverage, *_counts(tile)]), MUTED if _is_whole(record) else CAUTION),
    )
    return tuple(line for line in lines if line[0])


def draw_caption(draw: ImageDraw.ImageDraw, layout: Layout, caption: Caption, x: int, y: int) -> None:
    """Draw a caption whose tile's left edge is x and whose own top is y, in pixels of the page."""
    for row, (text, colour) in enumerate(caption):
        line = shortened(text, layout.font, layout.tile_width - 2 * layout.pad)
        draw.text((x + layout.pad, y + row * layout.line(layout.font)), line, colour, layout.font)


def _said(labels_by_scope: dict[str, Iterable[Label]]) -> str:
    """Return ``case: TI-RADS Kwak 4a, solid · image: benign``: scope first, so that it is not cut off."""
    texts = {
        scope: ", ".join(dict.fromkeys(_label_text(label) for label in sorted(labels, key=_is_minor)))
        for scope, labels in labels_by_scope.items()
    }
    return " · ".join(f"{scope}: {text}" for scope, text in texts.items() if text)


def _is_minor(label: Label) -> bool:
    """Tell labels that grade concern, which come first, from those that describe."""
    return label.value.scheme not in _SCHEME_NAMES


def _label_text(label: Label) -> str:
    scheme = label.value.scheme
    name = _SCHEME_NAMES.get(scheme, scheme.partition("-")[2])
    text = f"{name} {label.value.value}".strip()
    if label.basis:
        text += f" by {label.basis.value}"
    return text if label.reader is None else f"{text} ({label.reader})"


def _outlines(record: ImageRecord) -> int:
    return sum(finding.structure is not Structure.MARKER for finding in record.findings)


def _is_whole(record: ImageRecord) -> bool:
    """Tell whether the absence of an outline needs no caution."""
    return record.coverage is Coverage.COMPLETE or (record.coverage is None and _outlines(record) > 0)


def _coverage_note(record: ImageRecord) -> str:
    outlines = _outlines(record)
    drawn = counted(outlines, "outline")
    match record.coverage:
        case Coverage.COMPLETE:
            return f"{drawn}, complete"
        case Coverage.PARTIAL:
            return f"{drawn}, partial"
        case Coverage.NONE:
            return f"{drawn}: no reading covers it" if outlines else "no outline: says nothing"
        case None:
            return drawn if outlines else "no outline, coverage not stated"


def _counts(tile: Tile) -> Iterator[str]:
    markers = len(tile.record.findings) - _outlines(tile.record)
    if markers:
        yield counted(markers, "marker")
    if tile.record.remarks:
        yield counted(len(tile.record.remarks), "remark")
    if is_windowed(tile):
        yield "windowed"


def counted(count: int, noun: str) -> str:
    """Return ``1 outline`` or ``2 outlines``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
