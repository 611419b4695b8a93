"""What is found of the marks in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.schema.record import PixelBox

__all__ = ["MARKED", "Mark", "MarkKind", "Marks"]

MARKED: Final = 0.5
"""Score from which a picture counts as marked: where the evidence is the least that its kind of mark is
asked for, beyond what clean pictures show, but for one in a hundred at most."""


class MarkKind(Enum):
    """What was drawn onto the echo."""

    CROSS = "cross-caliper"
    PLUS = "plus-caliper"
    DOTS = "dotted-line"
    ARROW = "arrow"
    CONTOUR = "hand-drawn-contour"
    TEXT = "text"
    BODY_MARK = "body-mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One mark."""

    kind: MarkKind
    box: PixelBox
    """x0, y0, x1, y1 of its own pixels, x1 and y1 exclusive."""
    score: float
    """How sure it is, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # an array has no single truth value
class Marks:
    """All marks in the echo region of a picture."""

    marks: tuple[Mark, ...]
    """From the surest to the least sure."""
    score: float
    """How sure it is that there is any, 0 to 1: the highest of the marks that were weighed."""
    mask: NDArray[np.bool_]
    """(height, width): the marks' own pixels."""

    @property
    def has_marks(self) -> bool:
        """Whether the picture counts as marked."""
        return self.score >= MARKED

    @property
    def kinds(self) -> tuple[MarkKind, ...]:
        """The kinds of the marks, each once, in the order of :class:`MarkKind`."""
        found = {mark.kind for mark in self.marks}
        return tuple(kind for kind in MarkKind if kind in found)
