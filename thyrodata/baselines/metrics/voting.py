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

from thyrodata.baselines.metrics.classification import Classified
from thyrodata.errors import UsageError

__all__ = ["Voted", "mean_probability", "torn_groups", "weighted_majority"]

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


def torn_groups(classified: Classified, groups: Sequence[str]) -> tuple[str, ...]:
    """Return the groups that cannot be decided, since their images have different labels, sorted.

    Raises:
        UsageError: There are not as many groups as images.
    """
    members = _members(classified, groups)
    return tuple(sorted(name for name, rows in members.items() if len({*classified.labels[rows]}) > 1))


def _members(classified: Classified, groups: Sequence[str]) -> dict[str, list[int]]:
    if len(groups) != classified.labels.size:
        raise UsageError(
            f"{classified.labels.size} images have {len(groups)} groups", hint="give one of each"
        )
    members: defaultdict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        members[group].append(row)
    return members


def _decide(
    classified: Classified, groups: Sequence[str], scores: Callable[[list[int]], NDArray[np.float64]]
) -> Voted:
    members = _members(classified, groups)
    names = sorted(members)
    shares = np.zeros((len(names), len(classified.classes)))
    tied = []
    for place, name in enumerate(names):
        totals = [fsum(column) for column in scores(members[name]).T]
        first = [isclose(total, max(totals), rel_tol=_EQUAL) for total in totals]
        if sum(first) > 1:
            tied.append(name)
            totals = [max(totals) if leads else total for leads, total in zip(first, totals, strict=True)]
        shares[place] = np.array(totals) / fsum(totals)
    labels = np.array([_label(classified, members[name], name) for name in names], np.int64)
    return Voted(
        groups=tuple(names),
        classified=Classified(classes=classified.classes, labels=labels, probabilities=shares),
        tied=tuple(tied),
    )


def _label(classified: Classified, rows: list[int], group: str) -> int:
    labels = sorted({int(label) for label in classified.labels[rows]})
    if len(labels) > 1:
        raise UsageError(
            f"images of one group are labelled {' and '.join(classified.classes[label] for label in labels)}",
            where=group,
            hint="a group has one label: take one that is said of the case, or leave such groups out",
        )
    return labels[0]
