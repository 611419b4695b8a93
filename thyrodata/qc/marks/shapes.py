"""What a mark is by the shape of its ink alone: one small model of trees for each kind, the surest wins."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.model import MarkKind
from thyrodata.qc.marks.trees import load_trees

__all__ = ["FEATURES", "kind_of", "measured"]

FEATURES: Final = (
    "extent",
    "aspect",
    "fill",
    "enclosed",
    "spread",
    "pieces",
    "tall",
    "small",
    "plus",
    "cross",
    "thickest",
    "thickness",
    "skew",
    "taper",
    "left_right",
    "up_down",
    "half_turn",
    "holes",
)
"""What is measured of ink; see :func:`measured`."""

GAP: Final = 0.04
"""Share of the extent, on either side, that is bridged between pieces of ink."""

TALL: Final = 0.7
"""Share of the height of the whole that a letter of a row has."""

DOT: Final = 5
"""Pixels across a dot."""


REACHES: Final = (0.5, 1.0, 1.5, 2.5)
"""Pixels from the middle of a stroke to its edge."""


def kind_of(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> MarkKind:
    """Return which kind of mark ink is by its shape; what falls into dots alone is a dotted line.

    Args:
        rows: Of its pixels, in a picture of at most a megapixel or so.
        columns: Of them.
    """
    measures = measured(rows, columns)
    if measures[FEATURES.index("small")] == 1:
        return MarkKind.DOTS
    odds = {kind: load_trees(kind.value, FEATURES).log_odds(measures[None, :])[0] for kind in MarkKind}
    return max(odds, key=lambda kind: odds[kind])


def measured(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the measures of ink, (len(FEATURES)).

    Extent and thickness are in pixels: letters have a size that can be read. All else is without unit.
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    ink = np.zeros((int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1), bool)
    ink[rows - rows.min(), columns - columns.min()] = True
    height, width = ink.shape
    extent = max(height, width)
    gap = max(1, round(GAP * extent))
    closed = ndimage.binary_closing(np.pad(ink, gap), iterations=gap)
    areas, holes = ndimage.label(ndimage.binary_fill_holes(closed) & ~closed)
    enclosed = np.bincount(areas.ravel())[1:].max(initial=0) if holes else 0
    sizes = [(y.stop - y.start, x.stop - x.start) for y, x in ndimage.find_objects(_pieces(ink))]
    depth = ndimage.distance_transform_edt(np.pad(ink, 1))
    spread, skew, taper = _along(ink)
    plus, cross = _fits(ink)
    return np.array(
        [
            extent,
            np.log(width / height),
            ink.mean(),
            enclosed / ink.size,
            spread,
            len(sizes),
            sum(size[0] >= TALL * height for size in sizes),
            sum(max(size) < DOT for size in sizes) / len(sizes),
            plus,
            cross,
            2 * depth.max(),
            2 * depth[depth > 0].mean(),
            skew,
            taper,
            _overlap(ink, ink[:, ::-1]),
            _overlap(ink, ink[::-1]),
            _overlap(ink, ink[::-1, ::-1]),
            holes,
        ]
    )


def _pieces(ink: NDArray[np.bool_]) -> NDArray[np.int32]:
    from scipy import ndimage  # noqa: PLC0415 -- as above

    return np.asarray(ndimage.label(ink, np.ones((3, 3)))[0])


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the Dice of two masks."""
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def _along(ink: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return how wide ink spreads across its main axis, how skewed it is along it, and how it tapers.

    The first is a share of its length, and the last the share of the wider end's width that the other end
    has: an arrow is skewed to its head, and tapers.
    """
    places = np.argwhere(ink).astype(np.float64)
    places -= places.mean(axis=0)
    if len(places) < 3:  # noqa: PLR2004 -- fewer have no width
        return 0.0, 0.0, 1.0
    (minor, major), axes = np.linalg.eigh(places.T @ places / len(places))
    across, along = (places @ axes).T
    length = np.sqrt(max(major, 1e-6))
    ends = [
        np.abs(across[part]).mean() + 0.5
        for part in (along < -0.8 * length, along > 0.8 * length)
        if part.any()
    ]
    taper = min(ends) / max(ends) if ends else 1.0
    return float(np.sqrt(max(minor, 0)) / length), float(abs((along**3).mean()) / length**3), float(taper)


def _fits(ink: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the Dice of ink with a + and with a x that fill its box, strokes as thick as fits best."""
    height, width = ink.shape
    down, across = np.indices(ink.shape)
    down, across = np.abs(down - (height - 1) / 2), np.abs(across - (width - 1) / 2)
    plus = np.minimum(down, across)
    cross = np.abs(down * (width / height) - across) / np.sqrt(2)
    reached = [max(_overlap(ink, aside <= reach) for reach in REACHES) for aside in (plus, cross)]
    return reached[0], reached[1]
