"""A mark with its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.model import MarkKind
from thyrodata.schema.record import PixelBox

__all__ = ["Painted", "around", "joined", "score_of", "windowed"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Painted:
    """A mark, and where in the picture its pixels are: never none."""

    kind: MarkKind
    score: float
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @property
    def box(self) -> PixelBox:
        """x0, y0, x1, y1, x1 and y1 exclusive."""
        return (
            int(self.columns.min()),
            int(self.rows.min()),
            int(self.columns.max()) + 1,
            int(self.rows.max()) + 1,
        )


def score_of(excess: float) -> float:
    """Return a score, 0 to 1, from log-odds beyond what is asked for: a half where there is no excess."""
    return float(1 / (1 + np.exp(-np.clip(excess, -30, 30))))


def joined(kind: MarkKind, parts: Sequence[Painted]) -> Painted:
    """Return the parts of one mark as one, as sure as the surest."""
    return Painted(
        kind=kind,
        score=max(part.score for part in parts),
        rows=np.concatenate([part.rows for part in parts]),
        columns=np.concatenate([part.columns for part in parts]),
    )


def around(boxes: Iterable[PixelBox]) -> PixelBox:
    """Return the box of boxes."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))


def windowed(box: PixelBox, reach: int, grey: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Return the rows and columns of a box and what is that near to it, as far as there is picture."""
    x0, y0, x1, y1 = box
    rows = slice(max(y0 - reach, 0), min(y1 + reach, grey.shape[0]))
    return rows, slice(max(x0 - reach, 0), min(x1 + reach, grey.shape[1]))
