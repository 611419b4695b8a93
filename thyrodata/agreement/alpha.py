"""Krippendorff's alpha: agreement beyond chance of any number of raters, of whom some may not have rated.

Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011; "Content Analysis", chapter on
reliability. Alpha is a function of the table of coincidences, which adds up over things. Each of its forms is
a ``Statistic``: undefined, and so nan, where all ratings that can be compared are of one category.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.kappa import category_counts, square
from thyrodata.agreement.resampling import quotient

__all__ = ["alpha_interval", "alpha_nominal", "alpha_ordinal", "coincidences"]


def coincidences(ratings: NDArray[np.int64], levels: int) -> NDArray[np.float64]:
    """Return each thing's table of coincidences, as a row.

    Every ordered pair of ratings of a thing by different raters counts one over the thing's raters less one,
    so that a thing counts as much as it has ratings.

    Args:
        ratings: ``(things, raters)``, categories from 0 in the order of the scale, or ``kappa.MISSING``.
        levels: The number of categories.

    Returns:
        ``(things, levels * levels)``; all zero for a thing with fewer than two ratings.

    Raises:
        UsageError: A rating is no category.
    """
    counts = category_counts(ratings, levels)
    pairs = counts[:, :, None] * (counts[:, None, :] - np.eye(levels))  # a rating is no pair with itself
    others = np.maximum(counts.sum(axis=1) - 1, 1)  # of a thing with one rating there is no pair to divide
    return np.reshape(pairs / others[:, None, None], (len(counts), levels * levels))


def alpha_nominal(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return alpha of categories that are the same or not, from ``coincidences``."""
    return _alpha(moments, None)


def alpha_ordinal(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return alpha of ordered categories, from ``coincidences``.

    Two categories differ by the ratings between them, half of their own included: by their mean ranks among
    the ratings summed, which are the resample's own where it is one.
    """
    marginals = square(moments).sum(axis=-1)
    return _alpha(moments, np.cumsum(marginals, axis=-1) - marginals / 2)


def alpha_interval(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return alpha of categories that are equal steps apart, from ``coincidences``."""
    return _alpha(moments, np.arange(square(moments).shape[-1], dtype=np.float64))


def _alpha(moments: NDArray[np.float64], places: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return alpha where two categories differ by the square of the distance of their places, else by one."""
    tables = square(moments)
    if places is None:
        difference = 1 - np.eye(tables.shape[-1])
    else:
        difference = np.square(places[..., :, None] - places[..., None, :])
    marginals = tables.sum(axis=-1)
    seen = (tables * difference).sum(axis=(-2, -1))
    expected = (marginals[..., :, None] * marginals[..., None, :] * difference).sum(axis=(-2, -1))
    return 1 - quotient((marginals.sum(axis=-1) - 1) * seen, expected)
