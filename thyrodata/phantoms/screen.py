"""The layout of a scanner's screen: its fonts, and where the echo region lies."""

from __future__ import annotations

from functools import lru_cache

from PIL import ImageFont

__all__ = ["Font", "echo_box", "label_font", "margin_font"]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=8)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _margin_font_size(height: int) -> int:
    return max(9, height // 32)


def margin_font(height: int) -> Font:
    """Return the font of the margin of a picture of that many rows."""
    return _font(_margin_font_size(height))


def label_font(height: int) -> Font:
    """Return the font of text burned into the echo region of a picture of that many rows."""
    return _font(max(12, height // 18))


def echo_box(width: int, height: int) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 of the echo region, x1 and y1 exclusive.

    It leaves a margin for one line of text above and below, and for the grey bar on the right.
    """
    line = _margin_font_size(height) + 8
    return (width // 20, line, width - width // 12, height - line)
