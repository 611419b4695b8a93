"""Intervals by the bootstrap over groups: images of one patient are not independent, patients are.

A statistic is a function of sums. Each unit (a rated thing, a pair of outlines, an image) gives a row of
numbers that add up, its moments; the rows of a group are added up, and the statistic is computed from the sum
over the groups. A resample draws as many groups as there are, with replacement, and so is a sum in which each
group has a whole-number weight: no unit is looked at again, and all resamples of a block are one product of
matrices. Groups are resampled whole (the cluster bootstrap: Field and Welsh, "Bootstrapping clustered data",
J. R. Stat. Soc. B 2007;69(3):369-390), and the interval is the percentile interval (Efron and Tibshirani, "An
Introduction to the Bootstrap", 1993, chapter 13). With few groups it is too narrow, as every percentile
interval is, and where no group differs from another it has no width: ``Estimate.groups`` says how many there
were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import UsageError

__all__ = [
    "Estimate",
    "Resampling",
    "Statistic",
    "by_group",
    "estimate",
    "estimate_by_weights",
    "median",
    "quotient",
]

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Maps moments ``(..., M)``, summed over units, to values ``(...)``; nan where the statistic is undefined."""

MIN_GROUPS = 2
"""One group says nothing of how groups differ."""

_BLOCK = 1 << 20
"""The most weights held at once: 8 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How intervals are made. Statistics of the same groups are computed on the same resamples.

    Raises:
        UsageError: The seed is negative, the level is no share between 0 and 1, or the resamples are so few
            that less than one of them lies beyond each end of the interval.
    """

    seed: int = 0
    resamples: int = 1000
    level: float = 0.95
    """The share of resamples within the interval."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"the seed is {self.seed}; it is a whole number from 0 on")
        if not 0 < self.level < 1:
            raise UsageError(f"the level of an interval is {self.level}; it is between 0 and 1, as 0.95")
        if round(self.resamples * self.tail, 6) < 1:  # 40 resamples x 0.025 is 1 but for rounding
            raise UsageError(
                f"{self.resamples} resamples are too few for an interval of level {self.level}",
                hint=f"ask for at least {round(1 / self.tail)}; 1000 is usual",
            )

    @property
    def tail(self) -> float:
        """The share of resamples beyond each end of the interval."""
        return (1 - self.level) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The value of a statistic and its interval."""

    value: float | None
    """``None`` where the statistic is undefined."""
    low: float | None
    high: float | None
    """The ends of the interval. There is none with fewer than two groups, and none where the statistic is
    undefined in more resamples than lie beyond one end: the end itself could then be one of those."""
    groups: int
    """Groups that say anything of the statistic."""


def quotient(dividend: NDArray[np.float64], divisor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quotient, nan where the divisor is zero."""
    return np.asarray(dividend / np.where(divisor == 0, np.nan, divisor))


def by_group(groups: Sequence[str] | NDArray[np.int64], moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up the moments of each group.

    Args:
        groups: The group of each unit: its name, or a number that stands for it.
        moments: ``(units, M)``.

    Returns:
        ``(groups, M)``, in the sorted order of the groups. The order of the units changes no bit of it.
    """
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    # Sums of floats depend on the order of what is added, so the units of a group get one of their own.
    order = np.lexsort((*moments.T, codes))
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return np.add.reduceat(moments[order], starts, axis=0)


def estimate(moments: NDArray[np.float64], statistic: Statistic, resampling: Resampling) -> Estimate:
    """Return a statistic and its interval.

    Args:
        moments: ``(groups, M)``, as of ``by_group``. A group whose moments are all zero (of which no unit
            tells, as an image in which neither reader drew) changes no sum: it is not counted as a group, and
            not drawn.
        statistic: What is computed.
        resampling: How the interval is made.
    """
    telling = moments[moments.any(axis=1)]
    weights = _weights(len(telling), len(telling), resampling)
    return _estimate(
        value=float(statistic(telling.sum(axis=0))),
        draws=(statistic(block @ telling) for block in weights),
        groups=len(telling),
        resampling=resampling,
    )


def estimate_by_weights(groups: int, figure: Statistic, resampling: Resampling, *, width: int) -> Estimate:
    """Return a figure that is no function of sums, as an area under a curve, and its interval.

    Args:
        groups: The number of groups.
        figure: Maps how often each group is there, ``(resamples, groups)``, to values ``(resamples,)``; nan
            where it is undefined.
        resampling: How the interval is made.
        width: The numbers that the figure holds for each resample.
    """
    weights = _weights(groups, max(groups, width), resampling)
    return _estimate(
        value=float(figure(np.ones((1, groups)))[0]),
        draws=(figure(block) for block in weights),
        groups=groups,
        resampling=resampling,
    )


def median(
    values: NDArray[np.float64], groups: Sequence[str] | NDArray[np.int64], resampling: Resampling
) -> Estimate:
    """Return the median of finite values and its interval.

    A median is no function of sums, so each resample weighs every value with its group's weight.

    Args:
        values: ``(units,)``.
        groups: The group of each value.
        resampling: How the interval is made.
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(values)
    ordered = values[order]
    weights = _weights(len(names), len(values), resampling)
    return _estimate(
        value=float(np.median(values)) if len(values) else np.nan,
        draws=(_weighted_median(ordered, block[:, codes[order]]) for block in weights),
        groups=len(names),
        resampling=resampling,
    )


def _weighted_median(ordered: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of ascending values repeated as often as each row of whole weights says."""
    ends = np.cumsum(weights, axis=1)  # value i is repeated at the places before ends[i]
    last = ends[:, -1:]
    lower = np.count_nonzero(ends <= (last - 1) // 2, axis=1)
    upper = np.count_nonzero(ends <= last // 2, axis=1)
    return np.asarray((ordered[lower] + ordered[upper]) / 2)


def _weights(groups: int, width: int, resampling: Resampling) -> Iterator[NDArray[np.float64]]:
    """Yield how often each resample holds each group, ``(resamples, groups)``, in blocks.

    Args:
        groups: The number of groups.
        width: The numbers that the caller holds for each resample.
        resampling: How many, and from which seed.
    """
    if groups < MIN_GROUPS:
        return
    random = np.random.default_rng(resampling.seed)
    shares = np.full(groups, 1 / groups)
    rows = max(1, _BLOCK // width)
    for start in range(0, resampling.resamples, rows):
        size = min(rows, resampling.resamples - start)
        yield random.multinomial(groups, shares, size=size).astype(np.float64)


def _estimate(
    *, value: float, draws: Iterable[NDArray[np.float64]], groups: int, resampling: Resampling
) -> Estimate:
    if np.isnan(value):
        return Estimate(value=None, low=None, high=None, groups=groups)
    drawn = np.concatenate([*draws, np.empty(0)])
    defined = drawn[~np.isnan(drawn)]
    undefined = resampling.resamples - len(defined)
    if undefined > resampling.tail * resampling.resamples:
        return Estimate(value=value, low=None, high=None, groups=groups)
    low, high = np.quantile(defined, [resampling.tail, 1 - resampling.tail])
    return Estimate(value=value, low=float(low), high=float(high), groups=groups)
