"""What one mark says of another: a reader's letters are equal, and stand beside the calipers they name.

A sign that is cut off or lies on bright echo is not seen by itself; beside a letter it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.blobs import Blobs
from thyrodata.qc.marks.calipers import Caliper
from thyrodata.qc.marks.ink import Glyph
from thyrodata.qc.marks.model import MARKED
from thyrodata.qc.marks.painted import Painted

__all__ = ["signs_beside", "twin_letters"]

SAME: Final = 0.6
"""Dice of the pixels of two letters from which they are one letter."""

SLACK: Final = 2
"""Pixels that a sign may be off the place beside its letter."""

COVERED: Final = 0.7
"""Share of a sign's pixels that are ink where another one stands: one arm of four may be cut off."""


def twin_letters(letters: Sequence[Glyph], glyphs: Sequence[Glyph], blobs: Blobs) -> list[Glyph]:
    """Return the ink that is one of the letters once more.

    Args:
        letters: Each stands beside a caliper.
        glyphs: Other ink.
        blobs: The pixels of both.
    """
    return [g for g in glyphs if any(g.is_alike(one) and _dice(g, one, blobs) >= SAME for one in letters)]


def signs_beside(
    twins: Sequence[Glyph],
    pairs: Sequence[tuple[Glyph, Caliper, Painted]],
    grey: NDArray[np.uint8],
) -> list[Painted]:
    """Return the signs beside letters: where one of the known stands from its letter, or mirrored.

    Args:
        twins: Letters beside which no sign was found.
        pairs: Letters, the calipers that they name, and these with their pixels.
        grey: The picture, (height, width).
    """
    found: list[Painted] = []
    for twin in twins:
        best, share = None, COVERED
        for letter, caliper, painted in pairs:
            for placed in _placed(twin, letter, painted, grey.shape):
                bright = grey[placed.rows, placed.columns] >= caliper.level - caliper.contrast / 2
                x0, y0, x1, y1 = placed.box
                around = grey[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1]
                stands_out = float(np.median(around)) < caliper.level - caliper.contrast / 2
                if stands_out and bright.mean() > share:
                    best, share = placed, float(bright.mean())
        if best is not None:
            found.append(best)
    return found


def _placed(twin: Glyph, letter: Glyph, painted: Painted, shape: tuple[int, ...]) -> list[Painted]:
    """Return a sign at each of the places that it may have beside a letter, wholly inside the picture."""
    x0, y0, x1, y1 = painted.box
    (x, y), (own_x, own_y) = _middle(twin), _middle(letter)
    right, down = (x0 + x1 - 1) / 2 - own_x, (y0 + y1 - 1) / 2 - own_y
    found = []
    for towards_x in (right, -right):
        for towards_y in (down, -down):
            left = round(x + towards_x - (x1 - 1 - x0) / 2)
            top = round(y + towards_y - (y1 - 1 - y0) / 2)
            for dx in range(-SLACK, SLACK + 1):
                for dy in range(-SLACK, SLACK + 1):
                    to_x, to_y = left + dx, top + dy
                    if min(to_x, to_y) < 0 or to_y + y1 - y0 > shape[0] or to_x + x1 - x0 > shape[1]:
                        continue
                    found.append(
                        Painted(
                            kind=painted.kind,
                            score=MARKED,
                            rows=painted.rows + (to_y - y0),
                            columns=painted.columns + (to_x - x0),
                        )
                    )
    return found


def _middle(glyph: Glyph) -> tuple[float, float]:
    x0, y0, x1, y1 = glyph.box
    return (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2


def _dice(one: Glyph, other: Glyph, blobs: Blobs) -> float:
    """Return the Dice of the pixels of two pieces of ink, laid over each other by their corners."""
    if max(abs(one.width - other.width), abs(one.height - other.height)) > 1:
        return 0.0
    shape = (max(one.height, other.height), max(one.width, other.width))
    laid = np.zeros((2, *shape), bool)
    for plane, glyph in zip(laid, (one, other), strict=True):
        x0, y0, x1, y1 = glyph.box
        plane[: y1 - y0, : x1 - x0] = blobs.labels[y0:y1, x0:x1] == glyph.number
    return float(2 * (laid[0] & laid[1]).sum() / laid.sum())
