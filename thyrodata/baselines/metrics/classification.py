"""Figures of classification, of images or of patients.

The class that is predicted is the one of the greatest probability, and of equal ones the first: for two
classes, a threshold of one half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.resampling import quotient
from thyrodata.baselines.metrics.figures import Figure, mean_figure, sums_figure
from thyrodata.baselines.metrics.rates import mean_of_present, rate_figures
from thyrodata.errors import UsageError

__all__ = ["ECE_BINS", "Classified", "classification_figures"]

ECE_BINS = 15
"""Of equal width, each with its upper end: (0, 1/15], ..., (14/15, 1] (Guo et al., ICML 2017)."""

_ROUNDING = 1e-3
"""By which probabilities may sum to other than 1: those of bfloat16 do."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classified:
    """What units are labelled, and the probabilities that were predicted of them.

    Raises:
        UsageError: There is no unit, or only one class, shapes differ, a label is no class, or the
            probabilities of a unit are none.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    """int64 ``(units,)``, places in :attr:`classes`."""
    probabilities: NDArray[np.float64]
    """float64 ``(units, classes)``, each row summing to 1."""

    def __post_init__(self) -> None:
        if len(self.classes) < 2:  # noqa: PLR2004 -- one class leaves nothing to tell apart
            raise UsageError(
                f"there are {len(self.classes)} classes", hint="a classification has two or more"
            )
        if self.labels.ndim != 1 or self.probabilities.shape != (self.labels.size, len(self.classes)):
            raise UsageError(
                f"labels of shape {self.labels.shape} and probabilities of shape {self.probabilities.shape}",
                hint=f"give (units,) labels and (units, {len(self.classes)}) probabilities",
            )
        if not self.labels.size:
            raise UsageError("there is no unit to compute figures of", hint="choose a part that has images")
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= len(self.classes)))
        if wrong.size:
            raise UsageError(
                f"a label is {self.labels[wrong[0]]}, and there are {len(self.classes)} classes",
                where=f"unit {wrong[0]}",
            )
        sums = self.probabilities.sum(axis=1)
        proper = (self.probabilities >= 0).all(axis=1) & (np.abs(sums - 1) <= _ROUNDING)
        if not proper.all():
            unit = int(np.flatnonzero(~proper)[0])
            raise UsageError(
                f"{self.probabilities[unit].tolist()} are no probabilities of classes",
                where=f"unit {unit}",
                hint="of two classes give both; numbers before the softmax are not probabilities",
            )

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The class of each unit's greatest probability; of equal ones the first."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)


def classification_figures(classified: Classified) -> tuple[Figure, ...]:
    """Return the figures of a classification: those of its decisions (``rate_figures``) and of probabilities.

    ``auc_macro``, the mean of the AUC of each class against the rest; ``ece``, the expected calibration error
    of the predicted class's probability, in ``ECE_BINS`` bins (Guo et al., ICML 2017); ``brier``, the mean
    over units of the squared error of the probabilities, summed over classes (Brier, Mon Weather Rev 1950): 0
    to 2, and of two classes half of that, 0 to 1, as in scikit-learn. Of each class ``auc``, the probability
    that a unit of the class has a greater probability of it than another, equal ones counting half (Hanley
    and McNeil, Radiology 1982): undefined where either is missing.
    """
    classes, labels = classified.classes, classified.labels
    aucs = tuple(_auc(classified, place) for place in range(len(classes)))
    present = np.eye(len(classes))[labels]

    def auc_macro(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean_of_present(np.column_stack([auc.of(weights) for auc in aucs]), weights @ present)

    return (
        *rate_figures(classes, labels, classified.predicted),
        *aucs,
        Figure(name="auc_macro", tells=np.ones(labels.size, np.bool_), of=auc_macro),
        sums_figure("ece", _calibration(classified), _ece),
        mean_figure("brier", _brier(classified).tolist()),
    )


def _auc(classified: Classified, place: int) -> Figure:
    positive = classified.labels == place
    codes = np.unique(classified.probabilities[:, place], return_inverse=True)[1]
    order = np.argsort(codes)
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    is_positive = positive[order].astype(np.float64)

    def of(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        ranked = weights[:, order]
        # sums of each value of the probability, from the least on
        positives = np.add.reduceat(ranked * is_positive, starts, axis=1)
        negatives = np.add.reduceat(ranked * (1 - is_positive), starts, axis=1)
        below = np.cumsum(negatives, axis=1) - negatives
        won = (positives * (below + negatives / 2)).sum(axis=1)
        return quotient(won, positives.sum(axis=1) * negatives.sum(axis=1))

    every = np.ones(positive.size, np.bool_)
    return Figure(name=f"auc/{classified.classes[place]}", tells=every, of=of)


def _calibration(classified: Classified) -> NDArray[np.float64]:
    """Return one and, in the column of each unit's bin, whether it was right less how sure it was."""
    sure = classified.probabilities.max(axis=1)
    bins = np.clip(np.ceil(sure * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    gaps = (classified.predicted == classified.labels) - sure
    return np.column_stack([np.ones(len(gaps)), np.eye(ECE_BINS)[bins] * gaps[:, None]])


def _ece(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    return quotient(np.abs(moments[..., 1:]).sum(axis=-1), moments[..., 0])


def _brier(classified: Classified) -> NDArray[np.float64]:
    truth = np.eye(len(classified.classes))[classified.labels]
    errors: NDArray[np.float64] = np.square(classified.probabilities - truth).sum(axis=1)
    return errors / 2 if len(classified.classes) == 2 else errors  # noqa: PLR2004 -- the scale of two classes
