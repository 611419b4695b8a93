"""The page of a contact sheet: rows of tiles above a legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from thyrodata.errors import UsageError
from thyrodata.io.images import MAX_PIXELS
from thyrodata.io.png import encode_png
from thyrodata.reports.sheet.captions import caption_lines, draw_caption
from thyrodata.reports.sheet.colours import BRIGHT, MUTED, Rgb, colours_by_kind
from thyrodata.reports.sheet.layout import Layout, shortened
from thyrodata.reports.sheet.legend import draw_legend, legend_rows, notes
from thyrodata.reports.sheet.overlay import draw_overlay
from thyrodata.reports.sheet.tile import Tile, picture

__all__ = ["contact_sheet"]

_PAGE, _PANEL, _WELL = (17, 20, 24), (28, 32, 38), (9, 11, 13)


def contact_sheet(
    tiles: Sequence[Tile], *, columns: int = 6, tile_width: int = 320, title: str = ""
) -> bytes:
    """Draw images with their outlines over them, captions under them and a legend at the bottom.

    Outlines are coloured by structure and by reader or policy; markers are thinner and have a colour of
    their own; masks are tinted too. What lies outside an image is not drawn. Images of 16 bits are shown from
    their 1st to their 99th percentile, which caption and legend say.

    Args:
        tiles: What to show, in reading order.
        columns: Tiles in a row, at most.
        tile_width: Pixels; everything else scales with it.
        title: One line above the tiles.

    Returns:
        A PNG file; equal tiles and settings give equal bytes.

    Raises:
        UsageError: There is no tile, a number is too small, or the sheet would be too large.
        CaseError: An image cannot be decoded, or is not of the size that its record says.
    """
    layout = Layout.of(tiles, columns, tile_width)
    colours = colours_by_kind(tile.record for tile in tiles)
    captions = [caption_lines(tile) for tile in tiles]
    legend = legend_rows(layout, colours, notes(tiles))
    top = layout.margin + (layout.line(layout.title_font) + layout.gap if title else 0)
    panel_height = layout.picture_height + 2 * layout.pad + max(map(len, captions)) * layout.line(layout.font)
    rows = -(-len(tiles) // layout.columns)
    legend_top = top + rows * (panel_height + layout.gap)
    height = legend_top + len(legend) * layout.line(layout.font) + layout.margin
    if layout.width * height > MAX_PIXELS:
        raise UsageError(
            f"the sheet would have {layout.width} x {height} pixels, past the limit of {MAX_PIXELS}",
            hint="show fewer tiles, or give a smaller tile width",
        )
    sheet = Image.new("RGB", (layout.width, height), _PAGE)
    draw = ImageDraw.Draw(sheet)
    if title:
        line = shortened(title, layout.title_font, layout.width - 2 * layout.margin)
        draw.text((layout.margin, layout.margin), line, BRIGHT, layout.title_font)
    for index, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        row, column = divmod(index, layout.columns)
        x = layout.margin + column * (layout.tile_width + layout.gap)
        y = top + row * (panel_height + layout.gap)
        draw.rectangle((x, y, x + layout.tile_width - 1, y + panel_height - 1), _PANEL)
        sheet.paste(_framed(tile, layout, colours), (x, y))
        draw_caption(draw, layout, caption, x, y + layout.picture_height + layout.pad)
    draw_legend(draw, layout, legend, legend_top)
    return encode_png(np.asarray(sheet))


def _framed(tile: Tile, layout: Layout, colours: dict[str, Rgb]) -> Image.Image:
    """Return the image with its outlines, as large as fits the tile, in the middle of a dark well."""
    width, height = tile.record.image.width, tile.record.image.height
    scale = min(layout.tile_width / width, layout.picture_height / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shown = picture(tile, size)
    overlay = draw_overlay(tile.record, size, colours, layout.stroke)
    shown.paste(overlay, (0, 0), overlay)
    well = Image.new("RGB", (layout.tile_width, layout.picture_height), _WELL)
    well.paste(shown, ((well.width - size[0]) // 2, (well.height - size[1]) // 2))
    if tile.data is None:
        note = shortened("annotations only, no image", layout.font, layout.tile_width - 2 * layout.pad)
        ImageDraw.Draw(well).text((layout.pad, layout.pad), note, MUTED, layout.font)
    return well
