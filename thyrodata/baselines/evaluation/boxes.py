"""What is computed of a detection: COCO's figures, FROC, and what images are taken for."""

from __future__ import annotations

from thyrodata.baselines.evaluation.deciding import Decision, units_of_decisions
from thyrodata.baselines.evaluation.truths import groups_of, true_classes
from thyrodata.baselines.evaluation.units import Units
from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.baselines.metrics.decisions import most_confident_box
from thyrodata.baselines.metrics.detection import coco_figures, froc_figures
from thyrodata.baselines.predictions import BoxPredictions

__all__ = ["FROC_IOU", "units_of_boxes"]

FROC_IOU = 0.5
"""From which a box is found: there is no rule that all papers share."""


def units_of_boxes(said: BoxPredictions, without: str | None) -> tuple[tuple[Units, ...], str]:
    """Return images by their boxes and, where classes are told apart, by what they are taken for.

    Args:
        said: The predictions.
        without: What an image without a box counts as.
    """
    groups = groups_of(said)
    images = tuple((image,) for image in groups)
    units = (
        Units(
            of="boxes of a class",
            figures=coco_figures(said.images, said.classes),
            images=images,
            groups=said.group_ids,
        ),
        Units(
            of=f"boxes of any class, found from IoU {FROC_IOU:g} on",
            figures=froc_figures(said.images, len(said.classes), iou=FROC_IOU),
            images=images,
            groups=said.group_ids,
        ),
    )
    if len(said.classes) == 1:
        return units, ""
    decisions = {image.image_id: _decision(image) for image in said.images}
    decided, not_voted = units_of_decisions(
        "most confident box", said.classes, true_classes(said), decisions, groups, without
    )
    return (*units, *decided), not_voted


def _decision(image: BoxedImage) -> Decision:
    label = most_confident_box(image.predicted_labels, image.scores, without=None)
    return Decision(label=label, confidence=float(image.scores.max(initial=0.0)))
