"""What is computed of a classification: figures of images, and of groups by their images."""

from __future__ import annotations

import numpy as np

from thyrodata.baselines.evaluation.units import Units
from thyrodata.baselines.metrics.classification import Classified, classification_figures
from thyrodata.baselines.metrics.voting import Voted, mean_probability, torn_groups, weighted_majority
from thyrodata.baselines.predictions import ClassPredictions

__all__ = ["members_of", "torn_text", "units_of_classes"]


def units_of_classes(said: ClassPredictions) -> tuple[tuple[Units, ...], str]:
    """Return images and, decided in two ways, groups; and why groups are not decided, if they are not."""
    classified = Classified(
        classes=said.classes, labels=said.labels, probabilities=said.probabilities.astype(np.float64)
    )
    images = Units(
        of="image",
        figures=classification_figures(classified),
        images=tuple((image_id,) for image_id in said.image_ids),
        groups=said.group_ids,
    )
    torn = torn_groups(classified.labels, said.group_ids)
    if torn:
        return (images,), torn_text(torn)
    members = members_of(said.image_ids, said.group_ids)
    decided = (
        ("weighted majority", weighted_majority(classified, said.group_ids)),
        ("mean probability", mean_probability(classified, said.group_ids)),
    )
    return (images, *(_groups(name, voted, members) for name, voted in decided)), ""


def _groups(name: str, voted: Voted, members: dict[str, tuple[str, ...]]) -> Units:
    return Units(
        of=f"group by {name}",
        figures=classification_figures(voted.classified),
        images=tuple(members[group] for group in voted.groups),
        groups=voted.groups,
        tied=len(voted.tied),
    )


def members_of(image_ids: tuple[str, ...], group_ids: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the image ids of each group."""
    members: dict[str, tuple[str, ...]] = {}
    for image_id, group in zip(image_ids, group_ids, strict=True):
        members[group] = (*members.get(group, ()), image_id)
    return members


def torn_text(torn: tuple[str, ...]) -> str:
    """Return why no group is decided."""
    return f"{len(torn)} groups have images of different labels, the first {torn[0]}"
