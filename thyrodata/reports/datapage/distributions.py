"""How a value is spread over a dataset and over the parts of a split, counted as records stream by."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, inf, log10

import numpy as np

__all__ = ["ALL", "NOT_STATED", "Distribution", "Measured", "Place", "Series", "Tallied"]

Place = str | None
"""The part of a split whose series a thing belongs to."""
ALL: Place = None
"""Stands for the whole dataset, whatever parts are called."""

NOT_STATED = "not stated"

MOST_VALUES = 12
"""Of a distribution without a scale: the most frequent ones, and the others in one sum."""
BINS = 12
"""Of measures, at most; the last one is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The counts of one part of a split, or of all."""

    name: str
    """Of the part, or ``all``."""
    things: int
    """Of which a value may be stated."""
    counts: tuple[int, ...]
    """By value. Where several readers say several values of one thing, each is counted."""
    unstated: int
    quartiles: tuple[float, float, float] | None = None
    """First quartile, median and third quartile of a measure; ``None`` where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How a value is spread."""

    name: str
    """Of the file of its plot: ``nodule-area-px``."""
    title: str
    counted: str
    """What the things are: ``cases``, ``images``."""
    values: tuple[str, ...]
    series: tuple[Series, ...]
    """Those of the parts in their order, and last that of all."""

    @property
    def whole(self) -> Series:
        """The series of all."""
        return self.series[-1]

    @property
    def stated(self) -> bool:
        """Whether any value is stated of anything."""
        return any(self.whole.counts)


class Tallied:
    """Counts values that have names.

    Args:
        name: See :class:`Distribution`.
        title: See :class:`Distribution`.
        counted: See :class:`Distribution`.
        scale: Every value in its order; without one, values stand in the order of their frequency.
    """

    def __init__(self, name: str, title: str, counted: str, scale: Sequence[str] = ()) -> None:
        self._names = (name, title, counted)
        self._scale = scale
        self._counts: defaultdict[Place, Counter[str]] = defaultdict(Counter)
        self._stated: Counter[Place] = Counter()

    def add(self, places: Iterable[Place], values: Iterable[str]) -> None:
        """Count one thing of which values are stated, if any are, in the series that it belongs to."""
        said = tuple(values)
        for place in places if said else ():
            self._counts[place].update(said)
            self._stated[place] += 1

    def distribution(self, parts: Sequence[str], things: Counter[Place]) -> Distribution:
        """Return what was counted.

        Args:
            parts: The series before that of all.
            things: How many things each series has, stated or not.
        """
        kept = self._scale or [value for value, _ in self._ranked()[:MOST_VALUES]]
        others = () if self._scale else self._ranked()[MOST_VALUES:]
        values = (*kept, f"{len(others):,} others") if others else tuple(kept)
        name, title, counted = self._names
        return Distribution(
            name=name,
            title=title,
            counted=counted,
            values=values,
            series=tuple(
                Series(
                    name=_named(place),
                    things=things[place],
                    counts=_with_rest(self._counts[place], kept, rest=bool(others)),
                    unstated=things[place] - self._stated[place],
                )
                for place in (*parts, ALL)
            ),
        )

    def _ranked(self) -> list[tuple[str, int]]:
        return sorted(self._counts[ALL].items(), key=lambda item: (-item[1], item[0]))


def _with_rest(counts: Counter[str], kept: Sequence[str], *, rest: bool) -> tuple[int, ...]:
    found = tuple(counts[value] for value in kept)
    return (*found, counts.total() - sum(found)) if rest else found


class Measured:
    """Keeps numbers, eight bytes each, to be counted in bins of equal width.

    Args:
        name: See :class:`Distribution`.
        title: See :class:`Distribution`.
        counted: See :class:`Distribution`.
        width: Of a bin; without one, the numbers decide.
    """

    def __init__(self, name: str, title: str, counted: str, width: float | None = None) -> None:
        self._names = (name, title, counted)
        self._width = width
        self._values: defaultdict[Place, array[float]] = defaultdict(lambda: array("d"))
        self._least: defaultdict[Place, Counter[float]] = defaultdict(Counter)

    def add(self, places: Iterable[Place], value: float | None, *, at_least: bool = False) -> None:
        """Keep the number that is stated of one thing, if one is, in the series that it belongs to.

        Args:
            places: The series.
            value: The number.
            at_least: Whether it is a bound, which says nothing of the bin: "90+".
        """
        if value is None:
            return
        for place in places:
            self._values[place].append(value)
            if at_least:
                self._least[place][value] += 1

    def distribution(self, parts: Sequence[str], things: Counter[Place]) -> Distribution:
        """Return what was counted. See :meth:`Tallied.distribution`."""
        edges = self._edges()
        bounds = sorted(self._least[ALL])
        ends = [f"{_said(low)} to under {_said(high)}" for low, high in pairwise(edges[:-1])]
        values = (*ends, f"{_said(edges[-2])} or more") if edges else ()
        name, title, counted = self._names
        return Distribution(
            name=name,
            title=title,
            counted=counted,
            values=(*values, *(f"at least {_said(bound)}" for bound in bounds)),
            series=tuple(self._series(place, things[place], edges, bounds) for place in (*parts, ALL)),
        )

    def _series(self, place: Place, things: int, edges: Sequence[float], bounds: Sequence[float]) -> Series:
        values, least = np.array(self._values[place]), self._least[place]
        counts = np.histogram(values, edges)[0] if edges else np.zeros(0, np.intp)
        bounded = [least[bound] for bound in bounds]
        for bound, n in zip(bounds, bounded, strict=True):
            counts[np.searchsorted(edges, bound, side="right") - 1] -= n
        low, middle, high = np.percentile(values, (25, 50, 75)) if values.size else (0.0, 0.0, 0.0)
        return Series(
            name=_named(place),
            things=things,
            counts=(*counts.tolist(), *bounded),
            unstated=things - values.size,
            quartiles=(float(low), float(middle), float(high)) if values.size else None,
        )

    def _edges(self) -> list[float]:
        """Return the edges of the bins, from zero to infinity; a value at an edge is in the bin above."""
        values = np.array(self._values[ALL])
        if not values.size:
            return []
        # A single giant would leave all others in one bin: the last bin is open for one in a hundred.
        reach = float(values.max() if self._width else np.percentile(values, 99))
        width = self._width or _round_width(reach / (BINS - 1))
        steps = range(int(reach / width + 1e-9) + 1)
        return [*(float(f"{width * k:.12g}") for k in steps), inf]  # 3 x 0.2 would be more than 0.6


def _round_width(least: float) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is no less."""
    if least <= 0:
        return 1.0
    power = 10.0 ** floor(log10(least))
    return next((step * power for step in (1, 2, 5) if step * power >= least), 10 * power)


def _named(place: Place) -> str:
    return "all" if place is None else place


def _said(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
