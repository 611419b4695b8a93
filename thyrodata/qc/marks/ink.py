"""Reads connected ink: rows of letters, and drawings of arrows, contours and icons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.model import MarkKind

__all__ = ["Glyph", "kind_of_drawing", "rows_of_text"]

LEAST_LETTERS: Final = 3
"""Letters of a row: one letter in a corner of the echo is how scanners show the probe's orientation."""

TALL: Final = (6, 48)
"""Pixels of the height of a letter."""

CLOSED: Final = 0.4
"""Share of its box that a contour encloses."""

OPEN: Final = 0.08
"""Share of its box that an arrow or a contour that is not closed encloses at most."""

GAP: Final = 0.04
"""Share of a drawing's extent, on either side, that is bridged between its pieces."""

STRAIGHT: Final = 0.4
"""How wide a straight drawing spreads, as a share of how long it does: an arrow's head spreads a third."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyph:
    """One connected piece of ink."""

    number: int
    """Its label."""
    box: tuple[int, int, int, int]
    level: float
    contrast: float
    log_odds: float

    @property
    def height(self) -> int:
        """Pixels."""
        return self.box[3] - self.box[1]

    @property
    def width(self) -> int:
        """Pixels."""
        return self.box[2] - self.box[0]

    @property
    def is_letter(self) -> bool:
        """Whether it has the size of one."""
        return TALL[0] <= self.height <= TALL[1] and self.width <= 1.5 * self.height + 2

    def is_alike(self, other: Glyph) -> bool:
        """Return whether both are of one level, as the ink of one mark is."""
        return abs(self.level - other.level) <= 8 + 0.25 * max(self.contrast, other.contrast)

    def is_near(self, other: Glyph, gap: int) -> bool:
        """Return whether their boxes are no further apart than a gap."""
        return (
            other.box[0] <= self.box[2] + gap
            and other.box[2] >= self.box[0] - gap
            and other.box[1] <= self.box[3] + gap
            and other.box[3] >= self.box[1] - gap
        )


def rows_of_text(glyphs: Sequence[Glyph]) -> list[list[Glyph]]:
    """Return the rows of three letters and more: of one height and level, on one line, close together."""
    letters = sorted(
        (g for g in glyphs if g.is_letter),
        key=lambda g: g.box[0],
    )
    rows: list[list[Glyph]] = []
    taken: set[int] = set()
    for first in letters:
        if first.number in taken:
            continue
        row = [first]
        for other in letters:
            if other.number not in taken and _follows(row[-1], other):
                row.append(other)
        if len(row) >= LEAST_LETTERS:
            rows.append(row)
            taken.update(g.number for g in row)
    return rows


def _follows(last: Glyph, other: Glyph) -> bool:
    """Return whether one letter may stand to the right of another one, a space between them at most."""
    slack = max(1.5, 0.15 * last.height)
    return (
        -1 <= other.box[0] - last.box[2] <= 1.2 * max(last.height, other.height)
        and abs(other.box[3] - last.box[3]) <= slack
        and abs(other.height - last.height) <= slack
        and other.is_alike(last)
    )


def kind_of_drawing(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> MarkKind:
    """Return what a drawing is, by what it encloses: a contour much in one, an icon some, an arrow nothing.

    A contour of which only parts are found encloses nothing either, but is not straight.

    Args:
        rows: Of its pixels.
        columns: Of them.
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    y, x = rows - rows.min(), columns - columns.min()
    height, width = int(y.max()) + 1, int(x.max()) + 1
    gap = max(2, round(GAP * max(height, width)))
    ink = np.zeros((height + 2 * gap, width + 2 * gap), bool)
    ink[y + gap, x + gap] = True
    closed = ndimage.binary_closing(ink, iterations=gap)
    areas, number = ndimage.label(ndimage.binary_fill_holes(closed) & ~closed)
    largest = np.bincount(areas.ravel())[1:].max(initial=0) if number else 0
    if largest >= CLOSED * height * width:
        return MarkKind.CONTOUR
    if largest >= OPEN * height * width:
        return MarkKind.BODY_MARK
    minor, major = np.linalg.eigvalsh(np.cov(np.stack([y, x]))).tolist()
    return MarkKind.ARROW if minor <= STRAIGHT**2 * major else MarkKind.CONTOUR
