"""The sizes of everything on a contact sheet, and texts cut to fit them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_high

from PIL import ImageFont

from thyrodata.errors import UsageError
from thyrodata.io.images import MAX_PIXELS
from thyrodata.reports.sheet.tile import Tile

__all__ = ["Font", "Layout", "shortened"]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_MIN_TILE_WIDTH = 64
_LONGEST_TEXT = 300  # characters; no tile shows more


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The sizes of everything, in pixels of the sheet."""

    columns: int
    tile_width: int
    picture_height: int
    font: Font
    title_font: Font

    @classmethod
    def of(cls, tiles: Sequence[Tile], columns: int, tile_width: int) -> Layout:
        """Lay out tiles of a width; they are as high as the median image of them, within 1:2 and 1:1.

        Raises:
            UsageError: There is no tile, or a number is too small or too large.
        """
        if not tiles:
            raise UsageError("a contact sheet needs at least one tile", hint="select at least one image")
        if columns < 1:
            raise UsageError(f"a contact sheet cannot have {columns} columns", hint="use 1 or more")
        if tile_width < _MIN_TILE_WIDTH:
            raise UsageError(
                f"a tile of {tile_width} px is too narrow", hint=f"use {_MIN_TILE_WIDTH} px or more"
            )
        if tile_width * tile_width > MAX_PIXELS:
            raise UsageError(f"a tile of {tile_width} px is too wide", hint="give a smaller tile width")
        aspect = median_high([tile.record.image.height / tile.record.image.width for tile in tiles])
        return cls(
            columns=min(columns, len(tiles)),
            tile_width=tile_width,
            picture_height=round(tile_width * min(max(aspect, 0.5), 1)),
            font=ImageFont.load_default(max(8, tile_width / 24)),
            title_font=ImageFont.load_default(max(12, tile_width / 13)),
        )

    @property
    def gap(self) -> int:
        """Between tiles."""
        return max(4, self.tile_width // 22)

    @property
    def margin(self) -> int:
        """Around the page."""
        return 2 * self.gap

    @property
    def pad(self) -> int:
        """Around a text in its tile."""
        return max(3, self.tile_width // 32)

    @property
    def swatch(self) -> int:
        """A legend's line of colour and the space after it."""
        return 3 * self.pad

    @property
    def stroke(self) -> float:
        """The width of an outline."""
        return max(1.4, self.tile_width / 190)

    @property
    def width(self) -> int:
        """The width of the page."""
        return 2 * self.margin + self.columns * (self.tile_width + self.gap) - self.gap

    @staticmethod
    def line(font: Font) -> int:
        """Return the distance between lines."""
        return round(1.32 * (font.size if isinstance(font, ImageFont.FreeTypeFont) else 11))


def shortened(text: str, font: Font, width: float) -> str:
    """Cut a text with an ellipsis to fit a width; what no font can print becomes a box."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in text[:_LONGEST_TEXT])
    if font.getlength(text) <= width:
        return text
    fitting = bisect_right(range(len(text)), width, key=lambda n: font.getlength(text[:n] + "…"))
    return text[: max(0, fitting - 1)].rstrip() + "…"
