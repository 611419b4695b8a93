"""From images to patients, or whatever groups there are: two ways to decide of a group by its images.

Both give a :class:`~thyrodata.baselines.metrics.classification.Classified` of groups, so that the figures of
patients are those of images. Neither depends on the order of the images.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum, isclose

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.kappa import MISSING
from thyrodata.baselines.metrics.classification import Classified
from thyrodata.errors import UsageError

__all__ = [
    "Polled",
    "Voted",
    "mean_probability",
    "torn_groups",
    "weighted_majority",
    "weighted_majority_of_decisions",
]

_EQUAL = 1e-9
"""Relative: sums that differ by less do so by rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Voted:
    """What was decided of groups."""

    groups: tuple[str, ...]
    """Sorted: the units of :attr:`classified`."""
    classified: Classified
    tied: tuple[str, ...]
    """Groups in which several classes came first: decided for the first of these in the classes' order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Polled:
    """What was decided of groups by decisions that have no probability of every class."""

    groups: tuple[str, ...]
    """Sorted: the units of the columns."""
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    """``MISSING`` for a group of which no image voted."""
    tied: tuple[str, ...]
    """As of :class:`Voted`."""


def weighted_majority(classified: Classified, groups: Sequence[str]) -> Voted:
    """Decide by weighted majority voting: argmax over c of the sum of w_i where y_i = c.

    Each image i votes for the class y_i that was predicted of it, with the probability of that class, the
    model's confidence, as its weight w_i (ThyroidXL, MICCAI 2025). The publication says nothing of ties: here
    they go to the first class and are named.

    Args:
        classified: Of images.
        groups: The group of each.

    Returns:
        The groups; their probabilities are each class's share of the weights.

    Raises:
        UsageError: There are not as many groups as images, or images of one group have different labels.
    """
    confidence = classified.probabilities.max(axis=1)
    votes = np.eye(len(classified.classes))[classified.predicted] * confidence[:, None]
    return _decide(classified, groups, lambda rows: votes[rows])


def mean_probability(classified: Classified, groups: Sequence[str]) -> Voted:
    """Decide by the mean of the images' probabilities: unlike a vote, an image that is unsure says so.

    Args:
        classified: Of images.
        groups: The group of each.

    Returns:
        The groups; their probabilities are the means.

    Raises:
        UsageError: There are not as many groups as images, or images of one group have different labels.
    """
    return _decide(classified, groups, lambda rows: classified.probabilities[rows])


def weighted_majority_of_decisions(
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
    confidence: NDArray[np.float64],
    groups: Sequence[str],
    *,
    classes: int,
    without: int | None,
) -> Polled:
    """Decide by weighted majority voting where an image has a class and one number that says how sure it is.

    So are detections and segmentations decided: by the most confident box and its score, say. An image in
    which nothing was found has no confidence, and does not vote.

    Args:
        labels: int64 ``(images,)``, places in the classes.
        predicted: int64 ``(images,)``, likewise; ``MISSING`` where nothing was found.
        confidence: float64 ``(images,)``, 0 or more; of no meaning where nothing was found.
        groups: The group of each.
        classes: How many there are.
        without: What a group counts as in which no image votes; ``None`` leaves it undecided.

    Raises:
        UsageError: There are not as many groups as images, or images of one group have different labels.
    """
    members = _members(labels, groups)
    names = tuple(sorted(members))
    votes = (predicted[:, None] == np.arange(classes)) * confidence[:, None]
    said = np.full(len(names), MISSING if without is None else without, np.int64)
    tied = []
    for place, name in enumerate(names):
        totals = [fsum(column) for column in votes[members[name]].T]
        if any(totals):
            first = _leading(totals)
            said[place] = first[0]
            tied += [name] if len(first) > 1 else []
    truth = np.array([_label(labels, members[name], name) for name in names], np.int64)
    return Polled(groups=names, labels=truth, predicted=said, tied=tuple(tied))


def torn_groups(labels: NDArray[np.int64], groups: Sequence[str]) -> tuple[str, ...]:
    """Return the groups that cannot be decided, since their images have different labels, sorted.

    Raises:
        UsageError: There are not as many groups as images.
    """
    members = _members(labels, groups)
    return tuple(sorted(name for name, rows in members.items() if len({*labels[rows]}) > 1))


def _members(labels: NDArray[np.int64], groups: Sequence[str]) -> dict[str, list[int]]:
    if len(groups) != labels.size:
        raise UsageError(f"{labels.size} images have {len(groups)} groups", hint="give one of each")
    members: defaultdict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        members[group].append(row)
    return members


def _leading(totals: Sequence[float]) -> list[int]:
    """Return the classes that have the greatest total, but for rounding."""
    most = max(totals)
    return [place for place, total in enumerate(totals) if isclose(total, most, rel_tol=_EQUAL)]


def _decide(
    classified: Classified, groups: Sequence[str], scores: Callable[[list[int]], NDArray[np.float64]]
) -> Voted:
    members = _members(classified.labels, groups)
    names = sorted(members)
    shares = np.zeros((len(names), len(classified.classes)))
    tied = []
    for place, name in enumerate(names):
        totals = [fsum(column) for column in scores(members[name]).T]
        first = _leading(totals)
        if len(first) > 1:
            tied.append(name)
            totals = [max(totals) if place in first else total for place, total in enumerate(totals)]
        shares[place] = np.array(totals) / fsum(totals)
    labels = np.array([_label(classified.labels, members[name], name) for name in names], np.int64)
    return Voted(
        groups=tuple(names),
        classified=Classified(classes=classified.classes, labels=labels, probabilities=shares),
        tied=tuple(tied),
    )


def _label(labels: NDArray[np.int64], rows: list[int], group: str) -> int:
    found = {int(label) for label in labels[rows]}
    if len(found) > 1:
        raise UsageError(
            f"images of one group have {len(found)} different labels",
            where=group,
            hint="a group has one label: take one that is said of the case, or leave such groups out",
        )
    return found.pop()
