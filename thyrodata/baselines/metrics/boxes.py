"""Boxes that were predicted and boxes that are true, and which of them COCO's rule matches.

The rule, by class and at an IoU threshold: an image's predictions, the 100 of the greatest scores, from the
greatest on, each take the true box of the greatest IoU that is still free and reaches the threshold. A second
prediction of one box is a false positive. A crowd may be taken any number of times, and neither it nor what
takes it counts (Lin et al., ECCV 2014). pycocotools does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import UsageError

__all__ = ["MAX_DETECTIONS", "BoxedImage", "Matches", "match_boxes"]

MAX_DETECTIONS = 100
"""Predictions of an image and class that count."""

_ANY_AREA = [[0.0, 1e10]]
_CORNERS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxedImage:
    """The true and the predicted boxes of one image.

    Boxes are float64 ``(boxes, 4)``: left, top, right and bottom in continuous pixel coordinates, as in
    :class:`thyrodata.baselines.data.Target`.

    Raises:
        UsageError: Boxes and what is said of them differ in number, a box ends before it starts, or a number
            is none.
    """

    image_id: str
    truth: NDArray[np.float64]
    truth_labels: NDArray[np.int64]
    """int64 ``(boxes,)``, the class of each, from 0 on."""
    crowd: NDArray[np.bool_]
    """bool ``(boxes,)``: drawn around several things that nobody told apart."""
    predicted: NDArray[np.float64]
    predicted_labels: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        of_truth = (self.truth, self.truth_labels, self.crowd)
        of_predicted = (self.predicted, self.predicted_labels, self.scores)
        for boxes, *columns in (of_truth, of_predicted):
            shape = (len(boxes), _CORNERS)
            if boxes.shape != shape or any(column.shape != shape[:1] for column in columns):
                raise UsageError(
                    f"boxes of shape {boxes.shape} have columns of {[column.shape for column in columns]}",
                    where=self.image_id,
                    hint="give (boxes, 4) and one label, score or crowd flag for each",
                )
            if not (np.isfinite(boxes).all() and (boxes[:, :2] <= boxes[:, 2:]).all()):
                raise UsageError(
                    "a box is no box",
                    where=self.image_id,
                    hint="give left, top, right and bottom, each a number, and not x, y, width and height",
                )
        if not np.isfinite(self.scores).all():
            raise UsageError("a score is not a number", where=self.image_id, hint="the model has diverged")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matches:
    """The predictions of all images, of one class or of any, from the greatest score on.

    Equal scores stand in the order of the images, as in pycocotools.
    """

    images: NDArray[np.int64]
    """int64 ``(predictions,)``, the place of each one's image."""
    scores: NDArray[np.float64]
    hit: NDArray[np.bool_]
    """bool ``(thresholds, predictions)``: takes a true box."""
    missed: NDArray[np.bool_]
    """bool ``(thresholds, predictions)``: a false positive. What takes a crowd is neither."""
    truths: NDArray[np.float64]
    """``(images,)``, how many true boxes each has, crowds left out."""


def match_boxes(
    images: Sequence[BoxedImage], classes: int, thresholds: Sequence[float], *, by_class: bool = True
) -> tuple[Matches, ...]:
    """Match predictions with true boxes.

    Args:
        images: In the order of units.
        classes: How many there are.
        thresholds: The IoU that a match reaches.
        by_class: Match boxes of one class only; otherwise any with any, whatever they are called.

    Returns:
        Of each class; of one if any matches any.

    Raises:
        UsageError: A label is no class.
    """
    for image in images:
        for labels in (image.truth_labels, image.predicted_labels):
            if labels.size and not 0 <= labels.min() <= labels.max() < classes:
                raise UsageError(f"a label is none of the {classes} classes", where=image.image_id)
    import hotcoco  # noqa: PLC0415 -- a native library, which only boxes need

    places = np.arange(len(images))
    truth = _columns([image.truth for image in images])
    found = _columns([image.predicted for image in images])
    given = hotcoco.COCO.from_arrays(
        [{"id": place, "width": 1, "height": 1} for place in places.tolist()],  # sizes play no part
        [{"id": label, "name": str(label)} for label in range(classes)],
        np.repeat(places, [len(image.truth) for image in images]),
        _joined([image.truth_labels for image in images]),
        truth,
        ids=np.arange(1, len(truth) + 1),  # 0 stands for no match
        area=truth[:, 2] * truth[:, 3],
        iscrowd=_joined([image.crowd for image in images]).astype(np.int64),
    )
    result = np.column_stack(
        [
            np.repeat(places, [len(image.predicted) for image in images]),
            found,
            _joined([image.scores for image in images]),
            _joined([image.predicted_labels for image in images]),
        ]
    )
    evaluation = hotcoco.COCOeval(given, given.load_res(result), "bbox")
    parameters = evaluation.params
    parameters.iou_thrs = [*thresholds]
    parameters.area_rng, parameters.area_rng_lbl = _ANY_AREA, ["all"]
    parameters.max_dets = [MAX_DETECTIONS]
    parameters.use_cats = by_class
    evaluation.evaluate()
    every: list[dict[str, Any]] = [each for each in evaluation.eval_imgs if each]  # images that have a box
    return tuple(
        _collected(
            [each for each in every if not by_class or each["category_id"] == part], images, thresholds
        )
        for part in range(classes if by_class else 1)
    )


def _columns(boxes: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return all boxes as left, top, width and height."""
    corners = np.concatenate([np.zeros((0, _CORNERS)), *boxes])
    return np.column_stack([corners[:, :2], corners[:, 2:] - corners[:, :2]])


def _joined(columns: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros(0), *columns])


def _collected(
    found: Sequence[dict[str, Any]], images: Sequence[BoxedImage], thresholds: Sequence[float]
) -> Matches:
    """Join what was found in each image that has a box, true or predicted, of the class."""
    none = np.zeros((len(thresholds), 0), np.bool_)
    ordered = sorted(found, key=lambda each: int(each["image_id"]))
    places = np.array([each["image_id"] for each in ordered], np.int64)
    scores = _joined([np.array(each["dtScores"], np.float64) for each in ordered])
    order = np.argsort(-scores, kind="stable")
    taken, left_out = (
        np.concatenate([none, *(np.array(each[name], np.bool_) for each in ordered)], axis=1)[:, order]
        for name in ("dtMatched", "dtIgnore")
    )
    truths = np.zeros(len(images))
    truths[places] = [sum(each["gtInDenominator"]) for each in ordered]
    return Matches(
        images=np.repeat(places, [len(each["dtScores"]) for each in ordered])[order],
        scores=scores[order],
        hit=taken & ~left_out,
        missed=~taken,
        truths=truths,
    )
