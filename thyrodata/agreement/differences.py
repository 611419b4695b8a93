"""Means and shares of units, and how measurements of the same things differ (Bland-Altman).

Source: Bland and Altman, Lancet 1986;327(8476):307-310, and Stat. Methods Med. Res. 1999;8(2):135-160. The
standard deviation is that of all differences, those of one group (images of a patient) taken as they are:
where a group has many, the limits hold for the mix of groups at hand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.resampling import quotient

__all__ = [
    "LIMITS",
    "bias",
    "difference_sums",
    "f1_sums",
    "loa_high",
    "loa_low",
    "mean_sums",
    "ratio",
    "sd",
]

LIMITS = 1.96
"""Standard deviations from the bias to a limit of agreement: 95 % of a normal distribution lie between them
(Bland and Altman 1999; the paper of 1986 rounds to 2)."""


def ratio(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ratio of two sums, rows of ``(dividend, divisor)``."""
    return quotient(moments[..., 0], moments[..., 1])


def mean_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows whose ``ratio`` is the mean of the values; of values of 0 and 1, the share of ones."""
    return np.column_stack([values, np.ones(len(values))])


def f1_sums(
    matched: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return rows whose ``ratio`` is the F1 of detection.

    F1 is symmetric: it is the same whichever of the two is taken for the truth.

    Args:
        matched: ``(images,)``, the pairs that match in each image.
        first: What the first reader drew in each.
        second: What the second drew.
    """
    return np.column_stack([2 * matched, first + second]).astype(np.float64)


def difference_sums(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each thing's part in the sums of differences, the first less the second.

    The squares are of what a difference is from the median of all: the standard deviation does not change by
    that, and squares of large numbers that differ little would lose what they differ by.

    Args:
        first: ``(things,)``.
        second: The same things, in the same unit.

    Returns:
        ``(things, 4)``: one, the difference, what it is from the median difference, and the square of that.
    """
    differences = first - second
    taken = differences - np.median(differences) if differences.size else differences
    return np.column_stack([np.ones(len(differences)), differences, taken, np.square(taken)])


def bias(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean difference, from ``difference_sums``."""
    return quotient(moments[..., 1], moments[..., 0])


def sd(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard deviation of the differences (n - 1), from ``difference_sums``."""
    things, taken, squares = moments[..., 0], moments[..., 2], moments[..., 3]
    spread = squares - quotient(np.square(taken), things)
    return np.sqrt(quotient(np.maximum(spread, 0), np.maximum(things - 1, 0)))


def loa_low(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lower limit of agreement, from ``difference_sums``."""
    return bias(moments) - LIMITS * sd(moments)


def loa_high(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the upper limit of agreement, from ``difference_sums``."""
    return bias(moments) + LIMITS * sd(moments)
