"""Dotted lines: equal dots, equally far apart, on a straight line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.model import MarkKind
from thyrodata.qc.marks.painted import Painted, windowed
from thyrodata.qc.marks.strokes import MARGIN, shifted

__all__ = ["DottedLine", "find_dotted_lines", "paint_dotted_line"]

LEAST_RISE: Final = 14
"""Grey levels by which a dot outshines what lies two pixels from it, to all sides."""

MOST: Final = 220
"""Dots that lines are looked for among: those that rise the most."""

APART: Final = (3.5, 16.0)
"""Pixels between neighbours on a line."""

LEAST_DOTS: Final = 6
"""Dots of a line. In speckle, chance lines up five in one picture of twenty."""

ALIKE: Final = 0.4
"""How much a dot's rise may be below that of another one on its line, as a share."""

LEVEL: Final = 0.25
"""Share of the rise by which the grey levels of two dots of one line may differ: their ink is one."""

ASIDE: Final = 2
"""Pixels from where the next dot of a line is expected to where it is: each was drawn on a whole pixel."""

STRAIGHT: Final = 1.3
"""Pixels that a dot is off the line, and off its place on it, at most."""

LONGEST: Final = 60
"""Dots that a line is followed for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class DottedLine:
    """One line."""

    x: NDArray[np.intp]
    y: NDArray[np.intp]
    """The places of its dots."""

    @property
    def score(self) -> float:
        """How sure it is that it is one, 0 to 1: seven dots in a row count."""
        return float(1 - 0.5 ** ((len(self.x) - LEAST_DOTS + 1) / 2))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # as above
class _Dots:
    """What may be dots, those that rise the most first; each array has one entry for each."""

    x: NDArray[np.intp]
    y: NDArray[np.intp]
    rise: NDArray[np.float64]
    """Grey levels by which it outshines what lies around it."""
    level: NDArray[np.float64]

    def are_alike(self, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which pairs may be of one line."""
        less = np.minimum(self.rise[one], self.rise[other])
        more = np.maximum(self.rise[one], self.rise[other])
        apart = np.abs(self.level[one] - self.level[other])
        return np.asarray((less >= ALIKE * more) & (apart <= 8 + LEVEL * more))


def find_dotted_lines(
    grey: NDArray[np.uint8], ridges: list[NDArray[np.uint8]], area: NDArray[np.bool_]
) -> tuple[DottedLine, ...]:
    """Return the dotted lines inside an area, the one of the most dots first; a dot is of one line.

    Args:
        grey: (height, width).
        ridges: Of the framed picture, with flanks at two pixels.
        area: (height, width).
    """
    dots = _dots(grey, ridges, area)
    if len(dots.x) < LEAST_DOTS:
        return ()
    at = np.full((area.shape[0] + 2 * MARGIN, area.shape[1] + 2 * MARGIN), -1, np.intp)
    steps = [(dx, dy) for dx in range(-ASIDE, ASIDE + 1) for dy in range(-ASIDE, ASIDE + 1)]
    for dx, dy in sorted(steps, key=lambda step: -(step[0] ** 2 + step[1] ** 2)):  # the nearest dot wins
        at[dots.y + dy + MARGIN, dots.x + dx + MARGIN] = np.arange(len(dots.x))
    lines = []
    taken = np.zeros(len(dots.x), bool)
    for chain in _chains(dots, at):
        if not taken[chain].any() and _is_even(dots, chain):
            taken[chain] = True
            lines.append(DottedLine(x=dots.x[chain], y=dots.y[chain]))
    return tuple(lines)


def paint_dotted_line(line: DottedLine, grey: NDArray[np.uint8]) -> Painted:
    """Return a line with its pixels: what is beyond the half level next to the middle of a dot."""
    rows, columns = [], []
    for x, y in zip(line.x.tolist(), line.y.tolist(), strict=True):
        window = windowed((x, y, x + 1, y + 1), 1, grey)
        under = np.median(grey[windowed((x, y, x + 1, y + 1), 3, grey)])
        down, across = np.nonzero(grey[window] >= (float(grey[y, x]) + float(under)) / 2)
        rows.append(down + window[0].start)
        columns.append(across + window[1].start)
    return Painted(
        kind=MarkKind.DOTS, score=line.score, rows=np.concatenate(rows), columns=np.concatenate(columns)
    )


def _dots(grey: NDArray[np.uint8], ridges: list[NDArray[np.uint8]], area: NDArray[np.bool_]) -> _Dots:
    """Return what may be dots."""
    rise = np.minimum(np.minimum(ridges[0], ridges[1]), np.minimum(ridges[2], ridges[3]))
    here = shifted(rise, 0, 0)
    # A dot of two pixels has equal neighbours: of them the first in reading order counts.
    before = np.maximum.reduce([shifted(rise, dx, dy) for dx, dy in ((-1, -1), (0, -1), (1, -1), (-1, 0))])
    after = np.maximum.reduce([shifted(rise, dx, dy) for dx, dy in ((1, 1), (0, 1), (-1, 1), (1, 0))])
    places = np.flatnonzero(area & (here >= LEAST_RISE) & (here > before) & (here >= after))
    values = here.ravel()[places].astype(np.float64)
    order = np.argsort(-values, kind="stable")[:MOST]
    y, x = np.divmod(places[order], area.shape[1])
    return _Dots(x=x, y=y, rise=values[order], level=grey[y, x].astype(np.float64))


def _chains(dots: _Dots, at: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return chains of dots, the longest first: from each pair of neighbours on, as far as dots follow."""
    x, y = dots.x, dots.y
    apart = np.hypot(x[None, :] - x[:, None], y[None, :] - y[:, None])
    start, second = np.nonzero((apart >= APART[0]) & (apart <= APART[1]))
    alike = dots.are_alike(start, second)
    start, second = start[alike], second[alike]
    chain = np.full((len(start), LONGEST), -1, np.intp)
    chain[:, 0], chain[:, 1] = start, second
    alive, last = np.arange(len(start)), second
    for count in range(2, LONGEST):
        step_x, step_y = (x[last] - x[start[alive]]) / (count - 1), (y[last] - y[start[alive]]) / (count - 1)
        to_x, to_y = np.rint(x[last] + step_x).astype(np.intp), np.rint(y[last] + step_y).astype(np.intp)
        inside = (
            (to_x > -MARGIN)
            & (to_y > -MARGIN)
            & (to_x < at.shape[1] - MARGIN)
            & (to_y < at.shape[0] - MARGIN)
        )
        follows = np.full(len(alive), -1, np.intp)
        follows[inside] = at[to_y[inside] + MARGIN, to_x[inside] + MARGIN]
        going = (follows >= 0) & (follows != last) & dots.are_alike(follows, start[alive])
        alive, last = alive[going], follows[going]
        if not len(alive):
            break
        chain[alive, count] = last
    lengths = (chain >= 0).sum(axis=1)
    long = np.flatnonzero(lengths >= LEAST_DOTS)
    order = long[np.argsort(-lengths[long], kind="stable")]
    return [chain[row, : lengths[row]] for row in order]


def _is_even(dots: _Dots, chain: NDArray[np.intp]) -> bool:
    """Return whether dots lie on a straight line, equally far apart."""
    places = np.stack([dots.x[chain], dots.y[chain]], axis=1).astype(np.float64)
    along = np.stack([np.ones(len(chain)), np.arange(len(chain))], axis=1)
    fitted = along @ np.linalg.lstsq(along, places, rcond=None)[0]
    return bool(np.abs(places - fitted).max() <= STRAIGHT)
