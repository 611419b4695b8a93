"""The seam of a dual view: the column at which one view ends and the other begins, by its pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thyrodata.echo import Doubt
from thyrodata.schema.record import PixelBox

__all__ = ["find_seam"]

STEP = 2.0
"""Times the step between columns two apart that is usual around them. Speckle is wider than a column, so
neighbours are alike in nearly every row; at a seam they are not in most rows. Of the pictures of the DDTI
sample that others cut into halves, 137 of 140 have a seam by this, and of those halves 0 of 280."""

AROUND = 16
"""The part of the width over which the usual step is taken: a sixteenth."""

MIDDLE = 0.2
"""Share of the width on either side in which no seam is looked for: the edge of the echo region is there."""

LEAST_STEP = 4.0
"""Grey levels that the usual step counts at least: where all is dark, any edge would be many times it."""


def find_seam(grey: NDArray[np.uint8], echo: PixelBox | Doubt) -> int | None:
    """Return the column at the seam between two views side by side; ``None`` if there is no seam.

    Where the echo region is in doubt, which two views far apart make it, the whole picture is looked at.

    Args:
        grey: (height, width)
        echo: The echo region.
    """
    from scipy.ndimage import median_filter  # noqa: PLC0415 -- takes as long to import as all the rest

    x0, y0, x1, y1 = (0, 0, grey.shape[1], grey.shape[0]) if isinstance(echo, Doubt) else echo
    region = grey[y0:y1, x0:x1]
    width = region.shape[1]
    first = max(1, round(MIDDLE * width))
    if width - 2 * first < 1:
        return None
    left, right = region[:, :-2], region[:, 2:]
    steps = np.median(np.maximum(left, right) - np.minimum(left, right), axis=0)  # of column k at k - 1
    usual = np.maximum(median_filter(steps, width // AROUND | 1), LEAST_STEP)
    times = (steps / usual)[first - 1 : width - first - 1]
    place = int(times.argmax())
    return x0 + first + place if times[place] >= STEP else None
