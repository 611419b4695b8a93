"""Cases as one picture: tiles with their captions above a legend."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from thyrodata.errors import UsageError
from thyrodata.io.images import MAX_PIXELS
from thyrodata.io.png import encode_png
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
from thyrodata.reports.sheet.captions import draw_caption
from thyrodata.reports.sheet.colours import BRIGHT, MUTED
from thyrodata.reports.sheet.layout import Layout, shortened

__all__ = ["case_sheet"]

COLUMNS = 4
_PAGE, _PANEL, _WELL = (17, 20, 24), (28, 32, 38), (9, 11, 13)
_SWATCH = 48
"""Length of a line in the legend, in pixels."""


def case_sheet(sheet: CaseSheet, *, of: str) -> bytes:
    """Draw cases as tiles of 360 px, four in a row, in letters that are read at full size.

    Args:
        sheet: The cases.
        of: Whose they are, for the title.

    Returns:
        A PNG file; equal cases give equal bytes.

    Raises:
        UsageError: There is no case, or so many that the picture would be too large.
        CaseError: An image cannot be decoded, or is not of the size that its record says.
    """
    layout = Layout.of([case.tile for case in sheet.cases], COLUMNS, SIDE)
    line = layout.line(layout.font)
    width = max(layout.width, 3 * SIDE)  # the sentences need room where there are few tiles
    says = [row for text in sheet.says for row in _wrapped(text, layout, width)]
    top = 2 * layout.margin + layout.line(layout.title_font) + len(says) * line
    panel = layout.picture_height + 2 * layout.pad + max(len(case.lines) for case in sheet.cases) * line
    rows = -(-len(sheet.cases) // layout.columns)
    legend_top = top + rows * (panel + layout.gap)
    height = legend_top + line + layout.margin
    if width * height > MAX_PIXELS:
        raise UsageError(
            f"a picture of {len(sheet.cases)} cases would have {width} x {height} pixels, past the limit of "
            f"{MAX_PIXELS}",
            hint="show fewer with --count",
        )
    drawn = Image.new("RGB", (width, height), _PAGE)
    draw = ImageDraw.Draw(drawn)
    title = shortened(f"{sheet.heading}: {of}", layout.title_font, width - 2 * layout.margin)
    draw.text((layout.margin, layout.margin), title, BRIGHT, layout.title_font)
    for row, text in enumerate(says):
        y = layout.margin + layout.line(layout.title_font) + row * line
        draw.text((layout.margin, y), text, MUTED, layout.font)
    for index, case in enumerate(sheet.cases):
        row, column = divmod(index, layout.columns)
        x, y = layout.margin + column * (SIDE + layout.gap), top + row * (panel + layout.gap)
        draw.rectangle((x, y, x + SIDE - 1, y + panel - 1), _PANEL)
        drawn.paste(_framed(case, layout), (x, y))
        caption = tuple((text, MUTED if number else BRIGHT) for number, text in enumerate(case.lines))
        draw_caption(draw, layout, caption, x, y + layout.picture_height + layout.pad)
    _draw_legend(drawn, sheet, layout, legend_top)
    return encode_png(np.asarray(drawn))


def _wrapped(text: str, layout: Layout, width: int) -> list[str]:
    """Return a sentence in lines that fit a page of a width."""
    room = width - 2 * layout.margin
    rows: list[str] = []
    for word in text.split():
        if rows and layout.font.getlength(f"{rows[-1]} {word}") <= room:
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    return [shortened(row, layout.font, room) for row in rows]


def _framed(case: Case, layout: Layout) -> Image.Image:
    """Return the picture, as large as fits the tile, in the middle of a dark well."""
    image = case.tile.record.image
    scale = min(SIDE / image.width, layout.picture_height / image.height)
    shown = case_picture(case, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    well = Image.new("RGB", (SIDE, layout.picture_height), _WELL)
    well.paste(shown, ((well.width - shown.width) // 2, (well.height - shown.height) // 2))
    return well


def _draw_legend(drawn: Image.Image, sheet: CaseSheet, layout: Layout, top: int) -> None:
    draw = ImageDraw.Draw(drawn)
    x, middle = float(layout.margin), top + layout.line(layout.font) // 2
    for name, colour, stroke in ((sheet.truth, TRUTH, THICK), (sheet.predicted, PREDICTED, THIN)):
        if name:
            draw.line((x, middle, x + _SWATCH, middle), colour, round(stroke))
            draw.text((x + _SWATCH + layout.pad, top), name, MUTED, layout.font)
            x += _SWATCH + layout.pad + layout.font.getlength(name) + layout.margin
    if sheet.heated:
        low, high = "heat: none", "the most in this image"
        draw.text((x, top), low, MUTED, layout.font)
        x += layout.font.getlength(low) + layout.pad
        drawn.paste(heat_scale(3 * _SWATCH, layout.line(layout.font) - 4), (round(x), top))
        draw.text((x + 3 * _SWATCH + layout.pad, top), high, MUTED, layout.font)
