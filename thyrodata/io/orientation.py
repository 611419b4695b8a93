"""How well a mask fits outlines of the same image, as it is and flipped: files may lose which way is up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from thyrodata.schema.geometry import Ring

__all__ = ["AS_IS", "dice_of_flips", "fill_rings"]

AS_IS = "as it is"
_BACK = slice(None, None, -1)
_FLIPS = {
    AS_IS: (slice(None), slice(None)),
    "left to right": (slice(None), _BACK),
    "upside down": (_BACK, slice(None)),
    "both ways": (_BACK, _BACK),
}


def dice_of_flips(mask: NDArray[np.bool_], rings: Iterable[Ring]) -> Mapping[str, float]:
    """Return the Dice coefficient of a mask and outlines, as it is and flipped.

    The coefficient is twice the overlap by the sum of the areas (Dice, Ecology 1945;26:297-302).

    Args:
        mask: bool (height, width).
        rings: Outlines in the same image, in continuous pixels.

    Returns:
        A number from 0 to 1 for `AS_IS` and for each flip; nothing where one of the two covers no pixel.
    """
    outlined = fill_rings(rings, *mask.shape)
    if not (mask.any() and outlined.any()):
        return {}
    both = np.count_nonzero(mask) + np.count_nonzero(outlined)
    return {how: 2 * float(np.count_nonzero(mask[flip] & outlined) / both) for how, flip in _FLIPS.items()}


def fill_rings(rings: Iterable[Ring], height: int, width: int) -> NDArray[np.bool_]:
    """Return the pixels whose centre lies inside one of some closed curves, or of several.

    A curve that crosses itself is filled by the even-odd rule. What lies outside of the raster is cut off.

    Args:
        rings: The curves, in continuous pixels.
        height: Rows of the raster.
        width: Columns of the raster.

    Returns:
        bool (height, width).
    """
    filled = np.zeros((height, width), np.bool_)
    rows = np.arange(height) + 0.5
    for ring in rings:
        ends = np.array(ring)
        turns = np.zeros((height, width + 1), np.intp)  # edges that cross a row left of a column's centre
        for (x0, y0), (x1, y1) in zip(ends, np.roll(ends, -1, axis=0), strict=True):
            (crossed,) = np.nonzero((y0 <= rows) != (y1 <= rows))
            xs = x0 + (rows[crossed] - y0) * (x1 - x0) / (y1 - y0) if crossed.size else rows[:0]
            np.add.at(turns, (crossed, np.clip(np.ceil(xs - 0.5), 0, width).astype(np.intp)), 1)
        filled |= np.cumsum(turns, axis=1)[:, :width] % 2 == 1
    return filled
