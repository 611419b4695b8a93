"""The tissue of one view before it is scanned: its echogenicity, the shadows in it, and its calcium."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageDraw

from thyrodata.phantoms.model import Point, Side

__all__ = ["ENHANCED", "SHADOWED", "UNSHADED", "WALL", "Tissue"]

WALL: Final = 150
"""Grey level, 0-255, of the wall of a vessel or a cyst before speckle, shadows and depth gain."""
_DEEP: Final = 70

UNSHADED, SHADOWED, ENHANCED = 128, 48, 174
"""Beam strength below a structure: ``UNSHADED`` leaves tissue as it is."""
_COARSE: Final = 4  # shadows are drawn on a raster coarser by this factor


class Tissue:
    """One lobe in transverse section, in pixels of its view.

    Args:
        width: Columns of the view.
        height: Rows of the view.
        side: The side of the neck; the trachea lies towards the right of a right lobe's view.
    """

    def __init__(self, width: int, height: int, side: Side) -> None:
        self.width, self.height = width, height
        self.stroke = max(1, round(height / 280))
        self.image = Image.new("L", (width, height), _DEEP)
        self.draw = ImageDraw.Draw(self.image)
        self.shade = Image.new("L", (-(-width // _COARSE), -(-height // _COARSE)), UNSHADED)
        self.specks: list[Point] = []
        self._side = side

    def at(self, u: float, v: float) -> Point:
        """Map fractions of the view: u from lateral (0) to the trachea (1), v from the skin (0) down."""
        x = u * self.width
        return (x if self._side == "RT" else self.width - x, v * self.height)

    def cast(self, x: float, y: float, half_width: float, level: int) -> None:
        """Shadow or enhance all that lies below a structure."""
        left, top, right = ((x - half_width) / _COARSE, y / _COARSE, (x + half_width) / _COARSE)
        ImageDraw.Draw(self.shade).rectangle((left, top, right, self.shade.height), level)
