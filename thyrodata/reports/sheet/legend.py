"""The legend of a contact sheet: what its colours stand for, and notes on its images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from PIL import ImageDraw

from thyrodata.reports.sheet.captions import counted
from thyrodata.reports.sheet.colours import MUTED, OTHER_COLOUR, Rgb
from thyrodata.reports.sheet.layout import Layout, shortened
from thyrodata.reports.sheet.tile import Tile, is_windowed
from thyrodata.schema.vocab import GroupKind

__all__ = ["LegendItem", "draw_legend", "legend_rows", "notes"]

LegendItem = tuple[str, Rgb | None]
"""A text, and the colour that it explains."""

_OTHER = "any other"


def notes(tiles: Sequence[Tile]) -> Iterator[str]:
    """Say how many images of how many groups there are, and that a group of another kind is no patient."""
    for kind in GroupKind:
        groups = [tile.record.group_id for tile in tiles if tile.record.group_kind is kind]
        if not groups:
            continue
        text = counted(len(groups), "image")
        if kind is not GroupKind.IMAGE:
            text += f" of {counted(len(set(groups)), kind.value)}"
        yield text if kind is GroupKind.PATIENT else f"{text}: 1 {kind.value} is not 1 patient"
    if any(is_windowed(tile) for tile in tiles):
        yield "windowed: 16-bit values from the 1st to the 99th percentile"


def legend_rows(layout: Layout, colours: dict[str, Rgb], texts: Iterable[str]) -> list[list[LegendItem]]:
    """Break the legend, colours and then texts, into rows that fit the page."""
    named = {_OTHER if colour == OTHER_COLOUR else kind: colour for kind, colour in colours.items()}
    room = layout.width - 2 * layout.margin
    rows: list[list[LegendItem]] = []
    used = 0.0
    items: list[LegendItem] = [*named.items(), *((text, None) for text in texts)]
    for text, colour in items:
        swatch = 0 if colour is None else layout.swatch
        line = shortened(text, layout.font, room - swatch)
        width = swatch + layout.font.getlength(line)
        if not rows or used + width > room:
            rows.append([])
            used = 0.0
        rows[-1].append((line, colour))
        used += width + layout.margin
    return rows


def draw_legend(draw: ImageDraw.ImageDraw, layout: Layout, rows: list[list[LegendItem]], top: int) -> None:
    """Draw the legend's rows, the first at `top`, in pixels of the page."""
    step = layout.line(layout.font)
    for row, items in enumerate(rows):
        x, y = float(layout.margin), top + row * step
        for text, colour in items:
            if colour is not None:
                middle = y + step // 2
                thickness = max(2, round(layout.stroke * 1.5))
                draw.line((x, middle, x + 2 * layout.pad, middle), colour, thickness)
                x += layout.swatch
            draw.text((x, y), text, MUTED, layout.font)
            x += layout.font.getlength(text) + layout.margin
