"""Agreement on categories beyond chance: Cohen's kappa for two raters, Fleiss' kappa for a number of them.

Categories are numbered from 0, those of an ordinal scale in its order. Every function of tables is a
``Statistic``: undefined, and so nan, where chance alone would make the raters agree on everything, which is
where all ratings are of one category.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.resampling import quotient
from thyrodata.errors import UsageError

__all__ = [
    "MISSING",
    "category_counts",
    "cohen",
    "cohen_quadratic",
    "contingency",
    "fleiss",
    "fleiss_sums",
    "observed_agreement",
    "square",
]

MISSING = -1
"""Stands for the rating of a rater who gave none."""


def category_counts(ratings: NDArray[np.int64], levels: int) -> NDArray[np.float64]:
    """Count how many raters gave each thing each category.

    Args:
        ratings: ``(things, raters)``, categories or ``MISSING``.
        levels: The number of categories.

    Returns:
        ``(things, levels)``.

    Raises:
        UsageError: A rating is no category.
    """
    if not np.all((ratings >= MISSING) & (ratings < levels)):
        raise UsageError(f"a rating is none of the categories 0 to {levels - 1}, and not {MISSING} (missing)")
    given: NDArray[np.bool_] = ratings[:, :, None] == np.arange(levels)
    return np.asarray(given.sum(axis=1), np.float64)


def contingency(first: NDArray[np.int64], second: NDArray[np.int64], levels: int) -> NDArray[np.float64]:
    """Return each thing's table of the first rater's category by the second's, as a row.

    Args:
        first: ``(things,)``, categories.
        second: The same things.
        levels: The number of categories.

    Returns:
        ``(things, levels * levels)``; all zero for a thing that one of the two did not rate.

    Raises:
        UsageError: A rating is no category.
    """
    one, other = (category_counts(ratings[:, None], levels) for ratings in (first, second))
    return (one[:, :, None] * other[:, None, :]).reshape(len(first), levels * levels)


def square(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows ``(..., levels * levels)`` as tables ``(..., levels, levels)``."""
    levels = isqrt(moments.shape[-1])
    return moments.reshape(*moments.shape[:-1], levels, levels)


def observed_agreement(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of things that both raters gave the same category, from ``contingency``."""
    return quotient(np.trace(square(moments), axis1=-2, axis2=-1), moments.sum(axis=-1))


def cohen(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Cohen's kappa, from ``contingency``.

    Source: Cohen, Educ. Psychol. Meas. 1960;20(1):37-46.
    """
    tables = square(moments)
    return _kappa(tables, 1 - np.eye(tables.shape[-1]))


def cohen_quadratic(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weighted kappa, a disagreement weighing the square of the steps between the two, the same way.

    Source: Cohen, Psychol. Bull. 1968;70(4):213-220.
    """
    tables = square(moments)
    steps = np.arange(tables.shape[-1])
    return _kappa(tables, np.square(steps[:, None] - steps, dtype=np.float64))


def _kappa(tables: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one less the disagreement seen over that expected. Counts are whole: the sums are exact."""
    seen = (tables * weights).sum(axis=(-2, -1))
    products = tables.sum(axis=-1)[..., :, None] * tables.sum(axis=-2)[..., None, :]
    total = tables.sum(axis=(-2, -1))
    return 1 - quotient(total * seen, (products * weights).sum(axis=(-2, -1)))


def fleiss_sums(ratings: NDArray[np.int64], levels: int) -> NDArray[np.float64]:
    """Return each thing's part in Fleiss' kappa.

    Args:
        ratings: ``(things, raters)``, categories. Which rater gave which does not matter.
        levels: The number of categories.

    Returns:
        ``(things, levels + 2)``: one, the sum of the squares of the counts, and the count of each category.

    Raises:
        UsageError: A rating is missing, or no category. ``coincidences`` takes missing ones.
    """
    if np.any(ratings == MISSING):
        raise UsageError("Fleiss' kappa needs the rating of every rater for each thing")
    counts = category_counts(ratings, levels)
    return np.column_stack([np.ones(len(counts)), np.square(counts).sum(axis=1), counts])


def fleiss(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Fleiss' kappa, from ``fleiss_sums``; undefined too where there is one rater only.

    Source: Fleiss, Psychol. Bull. 1971;76(5):378-382.
    """
    things, squares, counts = moments[..., 0], moments[..., 1], moments[..., 2:]
    ratings = counts.sum(axis=-1)
    raters = quotient(ratings, things)
    seen = quotient(squares - ratings, ratings * (raters - 1))
    by_chance = np.square(counts).sum(axis=-1)
    # 1 - (1 - seen) / (1 - by chance), in whole numbers where that is zero
    return 1 - (1 - seen) * quotient(np.square(ratings), np.square(ratings) - by_chance)
