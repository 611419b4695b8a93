"""Where a mark may lie: on echo, further from its edge than the scanner's own ticks."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.echo import BLACK

__all__ = ["marked_area"]

CELLS: Final = 80
"""Cells along the shorter side of the region, on the grid that the area is found on."""

LEAST_SHARE: Final = 0.1
"""Share of the largest area of echo that another one has at least: rows of text beside it are less."""

BAND: Final = 1 / 40
"""Share of the region's shorter side, along its edge, that is the scanner's: depth ticks, focus marks."""

LEAST_BAND: Final = 4
"""Pixels of it at least."""


def marked_area(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where marks are looked for, (height, width).

    Black parts are none of it, such as the corners beside a sector, unless there is echo on both
    sides of them: a cyst, a shadow, the seam of a dual view.

    Args:
        grey: (height, width): the echo region, or a whole picture.
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    shorter = min(grey.shape)
    cell = max(2, shorter // CELLS)
    rows, columns = grey.shape[0] // cell, grey.shape[1] // cell
    area = np.zeros(grey.shape, bool)
    if not rows or not columns:
        return area
    place = (slice(0, rows * cell), slice(0, columns * cell))
    bright = np.add.reduceat(grey[place] > BLACK, np.arange(0, rows * cell, cell), axis=0, dtype=np.uint16)
    share = np.add.reduceat(bright, np.arange(0, columns * cell, cell), axis=1)
    cells = ndimage.binary_opening(
        share > cell * cell // 2, np.ones((3, 3), bool)
    )  # strokes of text are thinner
    areas, number = ndimage.label(cells)
    if not number:
        return area
    sizes = np.bincount(areas.ravel())
    sizes[0] = 0
    echoes = (sizes >= LEAST_SHARE * sizes.max())[areas]
    between = _between(echoes) | _between(echoes.T).T
    band = max(LEAST_BAND, round(BAND * shorter))
    fine = np.pad(between.repeat(cell, axis=0).repeat(cell, axis=1), 1)
    depth = ndimage.minimum_filter(fine, 2 * band + 1, mode="constant")[1:-1, 1:-1]
    area[place] = depth
    return area


def _between(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells that have echo to their left and to their right, or are echo."""
    before = np.logical_or.accumulate(cells, axis=1)
    after = np.logical_or.accumulate(cells[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(before & after)
