"""Images, and groups, by what was found in them: how ThyroidXL compares detectors with classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from thyrodata.agreement.kappa import MISSING
from thyrodata.baselines.evaluation.classes import members_of, torn_text
from thyrodata.baselines.evaluation.units import Units
from thyrodata.baselines.metrics.rates import rate_figures
from thyrodata.baselines.metrics.voting import torn_groups, weighted_majority_of_decisions
from thyrodata.errors import UsageError

__all__ = ["Decision", "check_without", "units_of_decisions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an image was taken for by what was found in it."""

    label: int | None
    """``None``: nothing was found."""
    confidence: float
    """How sure that is, which an image votes with; 0 where nothing was found."""


def check_without(without: str | None, classes: Sequence[str]) -> None:
    """Check what an image in which nothing is found counts as.

    Raises:
        UsageError: It is none of the classes.
    """
    if without is not None and without not in classes:
        raise UsageError(
            f"images without a finding cannot count as {without!r}",
            hint=f"the classes are: {', '.join(classes)}",
        )


def units_of_decisions(
    by: str,
    classes: Sequence[str],
    truths: Mapping[str, frozenset[str]],
    decisions: Mapping[str, Decision],
    groups: Mapping[str, str],
    without: str | None,
) -> tuple[tuple[Units, ...], str]:
    """Return images by a rule of decision, and groups by the weighted majority of their images.

    An image is labelled with the one class that is shown in it; one that shows several is left out and
    counted. ``without`` is what an image without a finding counts as, on both sides: one in which nothing is
    found, and one in which nothing is. Where it is ``None``, these are left out and counted too.

    Args:
        by: The rule, as ``most confident box``.
        classes: Their names.
        truths: The classes shown in each image.
        decisions: Of the same images.
        groups: Likewise.
        without: One of the classes, or ``None``.

    Returns:
        Both, or none where no image has a label; and why groups are not decided, if they are not.
    """
    place = None if without is None else classes.index(without)
    labels = {image: _label(shown, classes, place) for image, shown in truths.items()}
    images = tuple(image for image, label in labels.items() if label is not None)
    if not images:
        return (), ""
    named = tuple(groups[image] for image in images)
    truth = np.array([labels[image] for image in images], np.int64)
    found = np.array([_or(decisions[image].label, MISSING) for image in images], np.int64)
    filled = np.where(found == MISSING, _or(place, MISSING), found)
    rule = f"{by} (without: {'undecided' if without is None else without})"
    of_images = Units(
        of=f"image by {rule}",
        figures=rate_figures(classes, truth, filled),
        images=tuple((image,) for image in images),
        groups=named,
        undecided=int(np.count_nonzero(filled == MISSING)),
        unlabelled=len(labels) - len(images),
    )
    torn = torn_groups(truth, named)
    if torn:
        return (of_images,), torn_text(torn)
    confidence = np.array([decisions[image].confidence for image in images], np.float64)
    polled = weighted_majority_of_decisions(
        truth, found, confidence, named, classes=len(classes), without=place
    )
    members = members_of(images, named)
    of_groups = Units(
        of=f"group by weighted majority of {rule}",
        figures=rate_figures(classes, polled.labels, polled.predicted),
        images=tuple(members[group] for group in polled.groups),
        groups=polled.groups,
        tied=len(polled.tied),
        undecided=int(np.count_nonzero(polled.predicted == MISSING)),
    )
    return (of_images, of_groups), ""


def _label(shown: frozenset[str], classes: Sequence[str], without: int | None) -> int | None:
    if not shown:
        return without
    return classes.index(next(iter(shown))) if len(shown) == 1 else None


def _or(value: int | None, other: int) -> int:
    return other if value is None else value
