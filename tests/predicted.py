"""Predictions of a model that is not there, for tests of what evaluates, compares and tabulates them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.baselines.predictions import (
    BoxPredictions,
    ClassPredictions,
    MaskPrediction,
    MaskPredictions,
    Origin,
)
from thyrodata.io.masks import encode_mask

__all__ = ["ORIGIN", "PATHOLOGY", "TARGET", "boxed", "classified", "detected", "masked"]

TARGET = "TI-RADS >= 4a (Kwak), said of the case, which is not malignancy"
ORIGIN = Origin(
    target=TARGET,
    model="thyronet/resnet34",
    seed=0,
    trained_on="toy",
    trained_split="default",
    weights_sha256="0" * 64,
    dataset="toy",
    split="default",
    part="test",
)
PATHOLOGY = ("benign", "malignant")


def classified(
    rows: Sequence[tuple[str, str, int, float]],
    *,
    classes: tuple[str, str] = ("below 4a", "4a or above"),
    **origin: Any,
) -> ClassPredictions:
    """Image, group, label and probability of the second class."""
    image_ids, group_ids, labels, scores = zip(*rows, strict=True)
    positive = np.array(scores)
    return ClassPredictions(
        origin=replace(ORIGIN, **origin),
        classes=classes,
        image_ids=image_ids,
        group_ids=group_ids,
        labels=np.array(labels, np.int64),
        probabilities=np.column_stack([1 - positive, positive]).astype(np.float32),
    )


Box = tuple[tuple[float, float, float, float], int]
Found = tuple[tuple[float, float, float, float], int, float]


def boxed(image_id: str, truth: Sequence[Box] = (), found: Sequence[Found] = ()) -> BoxedImage:
    """True boxes with labels, and predicted ones with labels and scores."""
    return BoxedImage(
        image_id=image_id,
        truth=np.array([box for box, _ in truth], np.float64).reshape(-1, 4),
        truth_labels=np.array([label for _, label in truth], np.int64),
        crowd=np.zeros(len(truth), np.bool_),
        predicted=np.array([box for box, _, _ in found], np.float64).reshape(-1, 4),
        predicted_labels=np.array([label for _, label, _ in found], np.int64),
        scores=np.array([score for _, _, score in found], np.float64),
    )


def detected(
    images: Sequence[tuple[BoxedImage, str]],
    *,
    classes: tuple[str, ...] = PATHOLOGY,
    **origin: Any,
) -> BoxPredictions:
    """Images with their groups."""
    return BoxPredictions(
        origin=replace(ORIGIN, **origin),
        classes=classes,
        images=tuple(image for image, _ in images),
        group_ids=tuple(group for _, group in images),
    )


def masked(
    rows: Sequence[tuple[str, str, Mapping[str, tuple[int, int, float | None]]]],
    *,
    classes: tuple[str, ...] = PATHOLOGY,
    certainty: float = 0.5,
    **origin: Any,
) -> MaskPredictions:
    """Image, group and of a class the columns of 10 px that are true and predicted, and its score."""
    masks = []
    for image_id, group_id, said in rows:
        for place, category in enumerate(classes):
            true, found, score = said.get(category, (0, 0, None))
            truth, predicted = (np.zeros((20, 16), np.bool_) for _ in range(2))
            rows_of_class = slice(10 * place, 10 * place + 10)
            truth[rows_of_class, :true] = True
            predicted[rows_of_class, :found] = True
            masks.append(
                MaskPrediction(
                    image_id=image_id,
                    group_id=group_id,
                    category=category,
                    truth=encode_mask(truth),
                    predicted=encode_mask(predicted),
                    score=score,
                    certainty=certainty,
                )
            )
    return MaskPredictions(origin=replace(ORIGIN, **origin), classes=classes, masks=tuple(masks))
