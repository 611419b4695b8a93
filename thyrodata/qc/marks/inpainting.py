"""Fills the pixels of marks from what surrounds them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["inpaint"]

ROUNDS: Final = 60
"""Relaxations of a fill: strokes are a few pixels wide, so it settles in far fewer."""


def inpaint(pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a copy whose masked pixels are filled harmonically: each the mean of its four neighbours.

    All other pixels are the same bytes. The fill is smooth: it is made to take a mark's edges away, not to
    look like speckle.

    Args:
        pixels: uint8 (height, width) or (height, width, 3).
        mask: (height, width).
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    filled = pixels.copy()
    if not mask.any() or mask.all():
        return filled
    nearest = ndimage.distance_transform_edt(mask, return_distances=False, return_indices=True)
    values = np.pad(
        pixels[tuple(nearest)].astype(np.float32), [(1, 1), (1, 1), (0, 0)][: pixels.ndim], "edge"
    )
    y, x = np.nonzero(mask)
    for _ in range(ROUNDS):
        around = values[y, x + 1] + values[y + 2, x + 1] + values[y + 1, x] + values[y + 1, x + 2]
        values[y + 1, x + 1] = around / 4
    filled[y, x] = np.rint(values[y + 1, x + 1]).astype(np.uint8)
    return filled
