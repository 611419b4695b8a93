"""Intervals of any figure by the bootstrap over groups: images of one patient are not independent.

Resamples, percentile intervals and what makes one undefined are those of ``thyrodata.agreement.resampling``.
The resamples follow from the seed and the groups alone: figures of the same units are computed on the same
ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.resampling import Resampling, estimate_by_weights
from thyrodata.baselines.metrics.figures import Figure
from thyrodata.errors import UsageError

__all__ = ["Measured", "measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A figure with its interval and all that it was computed from."""

    name: str
    unit: str
    """``px`` or ``mm`` of a distance; empty of a share."""
    value: float | None
    """``None`` where it is undefined."""
    low: float | None
    high: float | None
    """Ends of the percentile interval; ``None`` as of :class:`thyrodata.agreement.resampling.Estimate`."""
    units: int
    """Those that the figure says anything of: images, or patients."""
    undefined: int
    """Those that it says nothing of, which are left out: by that a distance flatters a model that predicts
    nothing."""
    groups: int
    """Groups of the units that count: with few the interval is too narrow."""


def measured(
    figure: Figure,
    groups: Sequence[str],
    resampling: Resampling,
    *,
    among: NDArray[np.bool_] | None = None,
) -> Measured:
    """Return a figure and its interval.

    Args:
        figure: What is computed.
        groups: The group of each unit: mostly its patient.
        resampling: The seed, the number of resamples and the level of the interval.
        among: bool ``(units,)``, the units to look at: by default all. The others are as if not there.

    Raises:
        UsageError: There are not as many groups, or choices, as units.
    """
    chosen = np.ones(figure.tells.size, np.bool_) if among is None else among
    if not len(groups) == figure.tells.size == chosen.size:
        raise UsageError(
            f"{figure.name} is of {figure.tells.size} units, of which {len(groups)} groups are given "
            f"and {chosen.size} choices",
            hint="give one of each for every unit",
        )
    telling = figure.tells & chosen
    # Names in sorted order, so that resamples do not depend on the order of the units.
    names, codes = np.unique(np.asarray(groups, np.str_)[telling], return_inverse=True)

    def reweighted(of_groups: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = np.zeros((len(of_groups), chosen.size))
        weights[:, telling] = of_groups[:, codes]
        return figure.of(weights)

    made = estimate_by_weights(len(names), reweighted, resampling, width=chosen.size)
    return Measured(
        name=figure.name,
        unit=figure.unit,
        value=made.value,
        low=made.low,
        high=made.high,
        units=int(np.count_nonzero(telling)),
        undefined=int(np.count_nonzero(chosen & ~figure.tells)),
        groups=made.groups,
    )
