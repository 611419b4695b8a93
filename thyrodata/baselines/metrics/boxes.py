"""Boxes that were predicted and boxes that are true, and which of them COCO's rule matches.

The rule, by class and at an IoU threshold: an image's predictions, the 100 of the greatest scores, from the
greatest on, each take the true box of the greatest IoU that is still free and reaches the threshold. A second
prediction of one box is a false positive. A crowd may be taken any number of times, and neither it nor what
takes it counts (Lin et al., ECCV 2014). pycocotools does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from thyrodata.errors import UsageError

__all__ = ["MAX_DETECTIONS", "BoxedImage", "Matches", "match_boxes"]

MAX_DETECTIONS = 100
"""Predictions of an image and class that count."""

_ANY_AREA = [[0, 1e10]]
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
    names = [{"id": k, "name": str(k)} for k in range(classes)]
    pictures = [{"id": k} for k in range(len(images))]
    with redirect_stdout(StringIO()):  # pycocotools prints what it does
        evaluation = COCOeval(
            _coco(pictures, names, _annotations(images, predicted=False)),
            _coco(pictures, names, _annotations(images, predicted=True)),
            "bbox",
        )
        parameters = evaluation.params
        parameters.iouThrs = np.array(thresholds, np.float64)
        parameters.areaRng, parameters.areaRngLbl = _ANY_AREA, ["all"]
        parameters.maxDets = [MAX_DETECTIONS]
        parameters.useCats = by_class
        evaluation.evaluate()
    found = evaluation.evalImgs  # of the first class all images, of the second all images, ...
    parts = classes if by_class else 1
    return tuple(
        _collected(found[part * len(images) : (part + 1) * len(images)], len(thresholds))
        for part in range(parts)
    )


def _coco(pictures: list[Any], names: list[Any], annotations: Iterator[dict[str, Any]]) -> Any:
    coco = COCO()
    coco.dataset = {"images": pictures, "categories": names, "annotations": list(annotations)}
    coco.createIndex()
    return coco


def _annotations(images: Sequence[BoxedImage], *, predicted: bool) -> Iterator[dict[str, Any]]:
    number = 0
    for place, image in enumerate(images):
        boxes, labels = (
            (image.predicted, image.predicted_labels) if predicted else (image.truth, image.truth_labels)
        )
        sides = boxes[:, 2:] - boxes[:, :2]
        for k, (box, side, label) in enumerate(zip(boxes, sides, labels, strict=True)):
            number += 1  # from 1 on: 0 stands for no match
            yield {
                "id": number,
                "image_id": place,
                "category_id": int(label),
                "bbox": [*box[:2].tolist(), *side.tolist()],
                "area": float(side.prod()),
                "iscrowd": 0 if predicted else int(image.crowd[k]),
                "score": float(image.scores[k]) if predicted else 1.0,
            }


def _collected(found: Sequence[dict[str, Any] | None], thresholds: int) -> Matches:
    """Join what pycocotools found in each image; ``None`` is an image without a box of the class."""
    none = np.zeros((thresholds, 0))
    taken = [none if each is None else np.asarray(each["dtMatches"]) for each in found]
    ignored = [none if each is None else np.asarray(each["dtIgnore"]) for each in found]
    scores = np.array([score for each in found if each for score in each["dtScores"]], np.float64)
    counts = [of_image.shape[1] for of_image in taken]
    order = np.argsort(-scores, kind="stable")
    left_out = np.concatenate([none, *ignored], axis=1).astype(np.bool_)[:, order]
    matched = np.concatenate([none, *taken], axis=1)[:, order] > 0
    return Matches(
        images=np.repeat(np.arange(len(found)), counts)[order],
        scores=scores[order],
        hit=matched & ~left_out,
        missed=~matched,
        truths=np.array([0 if each is None else np.sum(each["gtIgnore"] == 0) for each in found], np.float64),
    )
