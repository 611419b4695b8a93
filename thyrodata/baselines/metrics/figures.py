"""What a figure is: a number that follows from how often each unit counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.differences import mean_sums, ratio
from thyrodata.agreement.resampling import Statistic

__all__ = ["Figure", "Weighted", "mean_figure", "ratio_figure", "row_by_row", "sums_figure", "value_of"]

Weighted = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Maps weights ``(resamples, units)``, whole numbers from 0 on, to values ``(resamples,)``: what the figure
is where each unit is there as often as its weight says; nan where it is undefined."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """One figure of a set of units: images, or patients."""

    name: str
    """As ``dice_mean``; of one class, with that after a slash: ``recall/malignant``."""
    unit: str = ""
    """``px`` or ``mm`` of a distance; empty of a share."""
    tells: NDArray[np.bool_]
    """bool ``(units,)``: the units that the figure says anything of. A distance says nothing of an image in
    which nothing was predicted, and a sensitivity nothing of a healthy patient."""
    of: Weighted


def value_of(figure: Figure) -> float | None:
    """Return the figure of all units, each counting once; ``None`` where it is undefined."""
    value = float(figure.of(np.ones((1, figure.tells.size)))[0])
    return None if np.isnan(value) else value


def sums_figure(
    name: str,
    moments: NDArray[np.float64],
    statistic: Statistic,
    *,
    unit: str = "",
    tells: NDArray[np.bool_] | None = None,
) -> Figure:
    """Return a figure that is a function of sums over units.

    Args:
        name: Of the figure.
        moments: ``(units, M)``, the numbers that add up.
        statistic: What is computed from their sums.
        unit: Of the value.
        tells: The units that the figure says anything of, by default those with a moment that is not zero.
    """

    def of(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return statistic(weights @ moments)

    telling: NDArray[np.bool_] = np.any(moments != 0, axis=1) if tells is None else tells
    return Figure(name=name, unit=unit, tells=telling, of=of)


def mean_figure(name: str, values: Sequence[float | None], *, unit: str = "") -> Figure:
    """Return the mean over the units that have a value; ``None`` is left out, and not counted."""
    known = np.array([value is not None for value in values], np.bool_)
    filled = np.array([0.0 if value is None else value for value in values])
    moments = mean_sums(filled) * known[:, None]
    return sums_figure(name, moments, ratio, unit=unit, tells=known)


def ratio_figure(name: str, dividends: NDArray[np.float64], divisors: NDArray[np.float64]) -> Figure:
    """Return the sum of the dividends over that of the divisors: pooled over units."""
    return sums_figure(name, np.column_stack([dividends, divisors]).astype(np.float64), ratio)


def row_by_row(of: Callable[[NDArray[np.float64]], float]) -> Weighted:
    """Return what does for each row of weights what a function does for one, ``(units,)``."""

    def each(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([of(row) for row in weights], np.float64)

    return each
