"""Which of the candidates are calipers: by themselves, or because another one looks the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.crossings import FEATURES, Crossings
from thyrodata.qc.marks.model import MARKED, MarkKind
from thyrodata.qc.marks.painted import Painted, score_of, windowed
from thyrodata.qc.marks.trees import load_trees

__all__ = ["Caliper", "find_calipers", "paint_caliper"]

ALONE: Final = 5.5
"""Log-odds from which a candidate is a caliper though no other one is like it."""

PAIRED: Final = 3.0
"""Log-odds from which two candidates of one shape, size and level are calipers: they are set in pairs."""

FAINT: Final = 2.5
"""Log-odds from which a candidate is one more caliper of a kind that is there already."""

ASIDE: Final = 1.5
"""Pixels from the middle of an arm to its edge, at most."""

_ARM, _LEVEL, _CONTRAST = (FEATURES.index(name) for name in ("arm", "level", "contrast"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caliper:
    """One candidate, in pixels of the picture."""

    shape: str
    x: float
    y: float
    arm: float
    """Pixels from the centre to the end of an arm, along x or y."""
    level: float
    contrast: float
    log_odds: float
    scale: int
    """Times smaller that the picture was in which it was found."""
    score: float = 0.0
    """How sure it is that it is one, 0 to 1."""

    def is_like(self, other: Caliper) -> bool:
        """Return whether both may be set by the same hand: of one shape, size and level, and apart."""
        return (
            self.shape == other.shape
            and abs(self.arm - other.arm) <= max(self.scale, other.scale, 0.2 * self.arm)
            and abs(self.level - other.level) <= 6 + 0.35 * max(self.contrast, other.contrast)
            and max(abs(self.x - other.x), abs(self.y - other.y)) > self.arm + other.arm
        )


def find_calipers(crossings: Crossings) -> tuple[list[Caliper], float]:
    """Return the calipers, and the best score of any candidate.

    Args:
        crossings: The candidates.
    """
    candidates = _distinct(_weighed(crossings))
    scored = []
    for one in candidates:
        partner = max((min(one.log_odds, o.log_odds) for o in candidates if one.is_like(o)), default=-np.inf)
        scored.append(replace(one, score=score_of(max(one.log_odds - ALONE, partner - PAIRED))))
    sure = [one for one in scored if one.score >= MARKED]
    more = [
        replace(one, score=MARKED)
        for one in scored
        if one.score < MARKED and any(one.is_like(other) for other in sure)
    ]
    return sure + more, max((one.score for one in scored), default=0.0)


def paint_caliper(caliper: Caliper, grey: NDArray[np.uint8]) -> Painted:
    """Return a caliper with its pixels: what is beyond its half level on its arms."""
    x, y = round(caliper.x), round(caliper.y)
    reach = int(np.ceil(caliper.arm)) + 2 * caliper.scale
    window = windowed((x, y, x + 1, y + 1), reach, grey)
    bright = grey[window] >= caliper.level - caliper.contrast / 2
    x, y = x - window[1].start, y - window[0].start
    inks = [
        bright & (_aside(caliper.shape, bright.shape, x + dx, y + dy) <= ASIDE * caliper.scale)
        for dy in range(1 - caliper.scale, caliper.scale)
        for dx in range(1 - caliper.scale, caliper.scale)
    ]
    ink = max(inks, key=lambda one: int(one.sum()))  # at half the size, a centre is known to two pixels
    ink[y, x] |= not ink.any()
    rows, columns = np.nonzero(ink)
    return Painted(
        kind=MarkKind.CROSS if caliper.shape == "x" else MarkKind.PLUS,
        score=caliper.score,
        rows=rows + window[0].start,
        columns=columns + window[1].start,
    )


def _aside(shape: str, size: tuple[int, ...], x: int, y: int) -> NDArray[np.float64]:
    """Return how far each pixel is from the nearest arm of a caliper, arms without ends."""
    rows, columns = np.indices(size)
    across, down = np.abs(columns - x), np.abs(rows - y)
    return np.asarray(np.abs(across - down) / np.sqrt(2) if shape == "x" else np.minimum(across, down))


def _weighed(crossings: Crossings) -> list[Caliper]:
    """Return the candidates that are not faint, the surest first."""
    trees = load_trees("calipers", FEATURES)
    odds = trees.log_odds(crossings.measures)
    found = [
        Caliper(
            shape="x" if crossings.diagonal[index] else "+",
            x=float(crossings.x[index]),
            y=float(crossings.y[index]),
            arm=float(crossings.measures[index, _ARM] * crossings.scale[index]),
            level=float(crossings.measures[index, _LEVEL]),
            contrast=float(crossings.measures[index, _CONTRAST]),
            log_odds=float(odds[index]),
            scale=int(crossings.scale[index]),
        )
        for index in np.flatnonzero(odds >= FAINT)
    ]
    return sorted(found, key=lambda caliper: -caliper.log_odds)


def _distinct(candidates: list[Caliper]) -> list[Caliper]:
    """Return the candidates without those whose centre lies on a surer one."""
    kept: list[Caliper] = []
    for one in candidates:
        if all(max(abs(one.x - o.x), abs(one.y - o.y)) > max(o.arm, one.arm) for o in kept):
            kept.append(one)
    return kept
