"""Intraclass correlation of measurements by the same raters: the share of variance that lies between things.

Sources: Shrout and Fleiss, Psychol. Bull. 1979;86(2):420-428; McGraw and Wong, Psychol. Methods
1996;1(1):30-46, whose names are used here. Both forms are a ``Statistic``: undefined, and so nan, with fewer
than two things or raters, and where all measurements are the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.resampling import quotient

__all__ = ["icc_a1", "icc_c1", "icc_sums"]

_FIRST_RATER = 3
"""The column of ``icc_sums`` in which the raters begin."""

_ROUNDING = 1e-12
"""A spread that is a smaller share of the sum of squares is what rounding leaves of none."""


def icc_sums(measurements: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each thing's part in the sums of squares.

    Measurements are taken from the median of all: no form of the correlation changes by that, and sums of
    squares of large numbers that differ little would lose what they differ by.

    Args:
        measurements: ``(things, raters)``, none missing, of one unit.

    Returns:
        ``(things, 3 + raters)``: one, the sum of squares, the square of the sum, and what each
        rater measured.
    """
    taken = measurements - np.median(measurements) if measurements.size else measurements
    sums = [np.ones(len(taken)), np.square(taken).sum(axis=1), np.square(taken.sum(axis=1))]
    return np.column_stack([*sums, taken])


def icc_a1(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ICC(A,1), from ``icc_sums``: absolute agreement of single measurements, raters random.

    It is ICC(2,1) of Shrout and Fleiss; a rater who measures more than the others makes it lower.
    """
    between_things, between_raters, residual = _mean_squares(moments)
    things, raters = moments[..., 0], moments.shape[-1] - _FIRST_RATER
    variance_of_raters = raters * quotient(between_raters - residual, things)
    return quotient(between_things - residual, between_things + (raters - 1) * residual + variance_of_raters)


def icc_c1(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ICC(C,1), from ``icc_sums``: consistency of single measurements.

    It is ICC(3,1) of Shrout and Fleiss; a rater who measures more than the others by a constant leaves it as
    it is.
    """
    between_things, _, residual = _mean_squares(moments)
    raters = moments.shape[-1] - _FIRST_RATER
    return quotient(between_things - residual, between_things + (raters - 1) * residual)


def _mean_squares(
    moments: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean squares between things, between raters, and of the residual."""
    things, squares, squares_of_things = (moments[..., column] for column in range(_FIRST_RATER))
    by_rater = moments[..., _FIRST_RATER:]
    raters = by_rater.shape[-1]
    of_mean = quotient(np.square(by_rater.sum(axis=-1)), things * raters)
    between_things = squares_of_things / raters - of_mean
    between_raters = quotient(np.square(by_rater).sum(axis=-1), things) - of_mean
    residual = squares - of_mean - between_things - between_raters

    def mean(spread: NDArray[np.float64], freedom: NDArray[np.float64]) -> NDArray[np.float64]:
        return quotient(np.where(spread > _ROUNDING * squares, spread, 0), freedom)

    free = np.maximum(things - 1, 0)
    return (
        mean(between_things, free),
        mean(between_raters, np.full_like(free, raters - 1)),
        mean(residual, free * (raters - 1)),
    )
