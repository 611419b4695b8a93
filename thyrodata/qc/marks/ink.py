"""Reads connected ink: letters, and the rows that they stand in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Glyph", "rows_of_text"]

LEAST_LETTERS: Final = 3
"""Letters of a row: one letter in a corner of the echo is how scanners show the probe's orientation."""

TALL: Final = (6, 48)
"""Pixels of the height of a letter."""


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
