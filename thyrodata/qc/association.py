"""How far features that are no anatomy tell a class: Cramér's V of each, and the AUC of a model of them.

Every group counts once, however many images it has: each image weighs one by the number of its group's.
Groups are never torn between the folds of a model, and intervals are by the bootstrap over groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.resampling import Estimate, Resampling, by_group, estimate, quotient

__all__ = ["FOLDS", "Units", "cramers_v", "model_auc"]

FOLDS = 5
"""Of the cross-validation."""

LEVELS = 32
"""Steps that a model's scores are told apart in; equal steps count as ties."""

Reals = NDArray[np.float64]
Codes = NDArray[np.int64]


class Units:
    """Images with their classes and groups.

    Args:
        classes: The number of each image's class, from 0.
        groups: The group of each.

    Attributes:
        classes: As given.
        groups: The number of each image's group, from 0.
        weights: One by the number of the images of its group.
    """

    def __init__(self, classes: Codes, groups: Sequence[str]) -> None:
        self.classes = classes
        self.groups: Codes = np.unique(np.asarray(groups), return_inverse=True)[1]
        self.weights: Reals = 1 / np.bincount(self.groups)[self.groups]


def cramers_v(units: Units, codes: Codes, resampling: Resampling) -> Estimate:
    """Return Cramér's V of a feature and the classes, 0 to 1, corrected for chance (Bergsma 2013).

    W. Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", J. Korean Stat. Soc. 2013;42:323-328.
    The percentile interval lies high where V is near zero: a resample has chance in it twice. The AUC of a
    model that was held out has none, so that it is what conclusions rest on.

    Args:
        units: The images.
        codes: The number of the feature's category in each.
        resampling: How the interval is made.
    """
    rows, columns = int(codes.max()) + 1, int(units.classes.max()) + 1
    cells = np.zeros((len(codes), rows * columns))
    cells[np.arange(len(codes)), codes * columns + units.classes] = units.weights
    return estimate(by_group(units.groups, cells), partial(_corrected_v, rows, columns), resampling)


def _corrected_v(rows: int, columns: int, cells: Reals) -> Reals:
    """Return V of contingency tables (..., rows * columns)."""
    table = cells.reshape(*cells.shape[:-1], rows, columns)
    n = table.sum(axis=(-2, -1))
    of_rows, of_columns = table.sum(axis=-1), table.sum(axis=-2)
    expected = of_rows[..., :, np.newaxis] * of_columns[..., np.newaxis, :]
    # chi-squared / n is the sum of the squared shares by what would be expected, less 1
    phi = quotient(table**2, expected).astype(float)
    squared = np.nansum(phi, axis=(-2, -1)) - 1
    r, c = (np.count_nonzero(totals, axis=-1) for totals in (of_rows, of_columns))
    spare = np.where(n > 1, n - 1, np.nan)
    corrected = np.maximum(0, squared - (r - 1) * (c - 1) / spare)
    most = np.minimum(r - (r - 1) ** 2 / spare, c - (c - 1) ** 2 / spare) - 1
    return np.sqrt(np.minimum(1, quotient(corrected, np.where(most > 0, most, 0))))


def model_auc(units: Units, features: Sequence[Codes], resampling: Resampling) -> Estimate:
    """Return how well a model that sees only these features tells two classes apart: the mean over pairs.

    The model is naive Bayes without priors: what is scored is by how much the features are likelier in one
    class than in the other, by counts in the groups of the other folds. Of two classes it is the area under
    the ROC curve; of more the mean over pairs, which no class's frequency sways (Hand and Till, "A simple
    generalisation of the area under the ROC curve for multiple class classification problems", Machine
    Learning 2001;45:171-186). 0.5 is chance.

    Args:
        units: The images.
        features: The numbers of the categories of each feature.
        resampling: How the interval is made, and the seed of the folds.
    """
    likely = _held_out(units, features, _folds(units, resampling.seed))
    counts = [
        _levels(units, likely[:, one] - likely[:, other], (one, other))
        for one, other in combinations(range(likely.shape[1]), 2)
    ]
    moments = by_group(units.groups, np.concatenate(counts, axis=1))
    return estimate(moments, _mean_auc, resampling)


def _folds(units: Units, seed: int) -> Codes:
    """Return the fold of each image: groups are dealt out in the order of their classes."""
    count = int(units.groups.max()) + 1
    of_group = np.zeros(count, np.int64)
    of_group[units.groups] = units.classes
    shuffled = np.random.default_rng(seed).permutation(count)
    dealt = shuffled[np.argsort(of_group[shuffled], kind="stable")]
    folds = np.empty(count, np.int64)
    folds[dealt] = np.arange(count) % FOLDS
    return folds[units.groups]


def _held_out(units: Units, features: Sequence[Codes], folds: Codes) -> Reals:
    """Return the log likelihood of each image's features in each class: (images, classes)."""
    number = int(units.classes.max()) + 1
    likely = np.zeros((len(folds), number))
    for fold in range(FOLDS):
        out = folds == fold
        for codes in features:
            counts = np.ones((number, int(codes.max()) + 1))  # one more of each (Laplace)
            np.add.at(counts, (units.classes[~out], codes[~out]), units.weights[~out])
            likely[out] += np.log(counts / counts.sum(axis=1, keepdims=True))[:, codes[out]].T
    return likely


def _levels(units: Units, scores: Reals, pair: tuple[int, int]) -> Reals:
    """Return the weight of each image at its level of the scores, for each class of a pair."""
    concerned = np.isin(units.classes, pair)
    rounded = scores.round(9)  # sums of the same weights in another order are equal
    different = np.unique(rounded[concerned])
    edges = different[1:]
    if len(different) > LEVELS:
        edges = np.quantile(different, np.arange(1, LEVELS) / LEVELS)
    level = np.searchsorted(edges, rounded, side="right")
    counts = np.zeros((len(scores), 2, LEVELS))
    for place, each in enumerate(pair):
        of = units.classes == each
        counts[of, place, level[of]] = units.weights[of]
    return counts.reshape(len(scores), 2 * LEVELS)


def _mean_auc(moments: Reals) -> Reals:
    """Return the mean over pairs of the AUC of counts at each level: (..., pairs * 2 * LEVELS)."""
    counts = moments.reshape(*moments.shape[:-1], -1, 2, LEVELS)
    higher, lower = counts[..., 0, :], counts[..., 1, :]
    below = np.cumsum(lower, axis=-1) - lower / 2
    areas = quotient((higher * below).sum(axis=-1), higher.sum(axis=-1) * lower.sum(axis=-1))
    known = ~np.isnan(areas)
    return quotient(np.where(known, areas, 0).sum(axis=-1), known.sum(axis=-1))
