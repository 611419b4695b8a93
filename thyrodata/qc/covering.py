"""What covers one of two pictures that lie on one another: thin bright marks, and boxes that are blanked.

A nodule that only one of them has is none of both: what differs there is as wide as it is high, and no box.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["covered", "even_parts"]

MARK: Final = 40.0
"""Grey levels by which a mark differs from what it covers, once it has been shrunk."""

CLEAR: Final = 9.0
"""By how many times the median difference a mark differs: six deviations. The next frame of a clip differs
everywhere, and not by marks."""

THICK: Final = 7
"""Pixels: what is as wide and as high as that is no stroke and no line of text."""

EVEN: Final = 3.0
"""Grey levels by which what is blanked varies: compression blurs its border only."""

FILL: Final = 0.85
"""Share of its own box that a blanked part fills; an ellipse fills 0.79."""

BLUR: Final = 2
"""Pixels as far as scaling spreads a stroke or a border."""

Real = NDArray[np.float64]
Flags = NDArray[np.bool_]


def covered(first: Real, second: Real) -> Flags:
    """Return which pixels are covered in one of two pictures and not in the other.

    Args:
        first: (height, width), grey levels.
        second: Likewise, moved onto the first; nan where it has nothing.
    """
    from scipy import ndimage  # noqa: PLC0415 -- rules of records alone do without

    seen = np.isfinite(second)
    apart = np.where(seen, _levelled(second, first, seen) - first, 0)
    least = max(MARK, CLEAR * float(np.median(np.abs(apart[seen]))) if seen.any() else 0)
    strokes = ndimage.binary_closing(np.abs(apart) > least)
    thick = ndimage.binary_opening(strokes, np.ones((THICK, THICK), np.bool_))
    marks = strokes & ~ndimage.binary_propagation(thick, mask=strokes)
    known = np.where(seen, second, first)
    blank = _blanked(first, known) | _blanked(known, first)
    aside = marks | ndimage.binary_dilation(blank, iterations=BLUR)  # a border is not even
    return np.asarray(ndimage.binary_dilation(aside, iterations=BLUR) & seen)


def _blanked(picture: Real, other: Real) -> Flags:
    """Return the boxes that are even in one picture, and not in the other."""
    from scipy import ndimage  # noqa: PLC0415 -- rules of records alone do without

    even = even_parts(picture)
    parts, _ = ndimage.label(ndimage.binary_closing(even & ~_even(other, 2 * EVEN)))
    found = np.zeros(picture.shape, np.bool_)
    for box in ndimage.find_objects(parts):
        within = even[box]
        if min(within.shape) >= THICK - 2 and within.mean() >= FILL:
            found[box] |= within
    return found


def _levelled(second: Real, first: Real, seen: Flags) -> Real:
    """Bring a picture to the gain and the offset of another, by those pixels in which they agree the best."""
    fitted = second
    kept = seen
    for _ in range(3):
        one, two = first[kept], second[kept]
        gain = ((one - one.mean()) * (two - two.mean())).sum() / max(((two - two.mean()) ** 2).sum(), 1e-6)
        fitted = (second - two.mean()) * gain + one.mean()
        kept = seen & (np.abs(np.where(seen, fitted - first, np.inf)) <= MARK)
        if not kept.any():
            break
    return fitted


def even_parts(picture: NDArray[Any]) -> Flags:
    """Return where all pixels are alike, and no narrower than what is blanked is."""
    from scipy import ndimage  # noqa: PLC0415 -- rules of records alone do without

    return np.asarray(ndimage.binary_opening(_even(picture), np.ones((THICK - 2, THICK - 2), np.bool_)))


def _even(picture: NDArray[Any], most: float = EVEN) -> Flags:
    from scipy import ndimage  # noqa: PLC0415 -- rules of records alone do without

    return np.asarray(ndimage.maximum_filter(picture, 3) - ndimage.minimum_filter(picture, 3) <= most)
