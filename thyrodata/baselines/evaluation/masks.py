"""What is computed of a segmentation: figures of the masks of each class, and of images."""

from __future__ import annotations

from math import hypot

import numpy as np

from thyrodata.baselines.evaluation.deciding import Decision, units_of_decisions
from thyrodata.baselines.evaluation.truths import groups_of, true_classes
from thyrodata.baselines.evaluation.units import Units
from thyrodata.baselines.metrics.decisions import most_pixels
from thyrodata.baselines.metrics.figures import mean_figure
from thyrodata.baselines.metrics.segmentation import Pair, compare, segmentation_figures
from thyrodata.baselines.predictions import MaskPrediction, MaskPredictions
from thyrodata.io.masks import decode_mask

__all__ = ["BF_TOLERANCE", "units_of_masks"]

BF_TOLERANCE = 0.0075
"""Share of the image's diagonal (Csurka et al., BMVC 2013): papers that state none cannot be compared."""


def units_of_masks(said: MaskPredictions, without: str | None) -> tuple[tuple[Units, ...], str]:
    """Return the masks of each class, images and, where classes are told apart, what these are taken for.

    Args:
        said: The predictions.
        without: What an image without a pixel of a class counts as.
    """
    sure = {mask.image_id: mask.certainty for mask in said.masks}
    groups = groups_of(said)
    images = Units(
        of="image",
        figures=(mean_figure("mmcl_mean", [*sure.values()]),),
        images=tuple((image,) for image in sure),
        groups=tuple(groups.values()),
    )
    units = (*(_of_class(said, category) for category in said.classes), images)
    if len(said.classes) == 1:
        return units, ""
    decided, not_voted = units_of_decisions(
        "most pixels", said.classes, true_classes(said), _decisions(said), groups, without
    )
    return (*units, *decided), not_voted


def _of_class(said: MaskPredictions, category: str) -> Units:
    masks = [mask for mask in said.masks if mask.category == category]
    return Units(
        of=f"mask of {category}",
        figures=segmentation_figures([_compared(mask) for mask in masks], unit="px"),
        images=tuple((mask.image_id,) for mask in masks),
        groups=tuple(mask.group_id for mask in masks),
    )


def _compared(mask: MaskPrediction) -> Pair:
    truth, predicted = decode_mask(mask.truth), decode_mask(mask.predicted)
    return compare(truth, predicted, tolerance=BF_TOLERANCE * hypot(*truth.shape))


def _decisions(said: MaskPredictions) -> dict[str, Decision]:
    """Return the class of most pixels, as sure as the mean probability of it over these."""
    places = {category: place for place, category in enumerate(said.classes)}
    pixels: dict[str, list[int]] = {}
    scores: dict[str, list[float]] = {}
    for mask in said.masks:
        of_image = pixels.setdefault(mask.image_id, [0] * len(places))
        of_image[places[mask.category]] = sum(mask.predicted.runs()[1::2])
        scores.setdefault(mask.image_id, [0.0] * len(places))[places[mask.category]] = mask.score or 0.0
    decisions = {}
    for image, counts in pixels.items():
        label = most_pixels(np.array(counts, np.int64), without=None)
        sure = 0.0 if label is None else scores[image][label]
        decisions[image] = Decision(label=label, confidence=sure)
    return decisions
