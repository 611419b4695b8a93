"""Figures of decisions: which class was said of each unit, and which it is.

Each class is also taken against the rest: then *positive* is being of it. What is undefined: recall
(sensitivity) of a class without labels, precision of a class that is never predicted, specificity where every
label is of the class. A macro figure is the mean over the classes that have labels (a resample may lack one),
and undefined where it is so for one of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.kappa import contingency, observed_agreement, square
from thyrodata.agreement.resampling import Statistic, quotient
from thyrodata.baselines.metrics.figures import Figure, sums_figure

__all__ = ["confusion", "mean_of_present", "rate_figures"]


def confusion(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return how many units of each class (row) were said to be of each (column).

    Args:
        labels: int64 ``(units,)``, from 0 on.
        predicted: The same units; ``thyrodata.agreement.kappa.MISSING`` for one that is undecided.
        classes: How many there are.

    Raises:
        UsageError: A label is no class.
    """
    return np.asarray(square(contingency(labels, predicted, classes).sum(axis=0)), np.int64)


def rate_figures(
    classes: Sequence[str], labels: NDArray[np.int64], predicted: NDArray[np.int64]
) -> tuple[Figure, ...]:
    """Return the figures of decisions.

    ``accuracy`` and, beside it, ``majority_rate``, the accuracy of always saying the commonest label;
    ``balanced_accuracy``, the macro recall (Brodersen et al., ICPR 2010); ``precision_macro``,
    ``specificity_macro`` and ``f1_macro``, one class against the rest. Then of each class, named after it:
    ``recall`` (which is sensitivity), ``precision``, ``specificity`` and ``f1``, 2 TP / (2 TP + FP + FN).

    Args:
        classes: Their names.
        labels: int64 ``(units,)``, places in the classes.
        predicted: The same units; ``thyrodata.agreement.kappa.MISSING`` for one that is undecided, which no
            figure tells of.

    Raises:
        UsageError: A label is no class.
    """
    return tuple(_figures(classes, labels, predicted))


def _figures(
    classes: Sequence[str], labels: NDArray[np.int64], predicted: NDArray[np.int64]
) -> Iterator[Figure]:
    tables = contingency(labels, predicted, len(classes))
    decided = tables.any(axis=1)
    yield sums_figure("accuracy", tables, observed_agreement)
    yield sums_figure("majority_rate", tables, _majority_rate)
    for name, rates in _RATES.items():
        macro = "balanced_accuracy" if name == "recall" else f"{name}_macro"
        yield sums_figure(macro, tables, partial(_macro, rates))
    for place, label in enumerate(classes):
        is_so, said_so = labels == place, predicted == place
        tells = {"recall": is_so, "precision": said_so, "specificity": ~is_so, "f1": is_so | said_so}
        for name, rates in _RATES.items():
            of_class = partial(_of_class, rates, place)
            yield sums_figure(f"{name}/{label}", tables, of_class, tells=tells[name] & decided)


def mean_of_present(rates: NDArray[np.float64], labelled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of rates ``(..., classes)`` over the classes of which some unit is labelled."""
    present = labelled > 0
    return quotient(np.where(present, rates, 0).sum(axis=-1), present.sum(axis=-1))


def _majority_rate(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    return quotient(square(moments).sum(axis=-1).max(axis=-1), moments.sum(axis=-1))


# ---------------------------------------------------------------- rates of each class, (..., classes)


def _precision(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    return quotient(_hits(tables), tables.sum(axis=-2))


def _recall(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    return quotient(_hits(tables), tables.sum(axis=-1))


def _specificity(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    negatives = tables.sum(axis=(-2, -1))[..., None] - tables.sum(axis=-1)
    return quotient(negatives - (tables.sum(axis=-2) - _hits(tables)), negatives)


def _f1(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    return quotient(2 * _hits(tables), tables.sum(axis=-2) + tables.sum(axis=-1))


def _hits(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.diagonal(tables, axis1=-2, axis2=-1)


_RATES: dict[str, Statistic] = {
    "recall": _recall,
    "precision": _precision,
    "specificity": _specificity,
    "f1": _f1,
}


def _of_class(rates: Statistic, place: int, moments: NDArray[np.float64]) -> NDArray[np.float64]:
    return rates(square(moments))[..., place]


def _macro(rates: Statistic, moments: NDArray[np.float64]) -> NDArray[np.float64]:
    tables = square(moments)
    return mean_of_present(rates(tables), tables.sum(axis=-1))
