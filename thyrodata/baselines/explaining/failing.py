"""The worst of predictions: which images, by what rule, and what is true and predicted of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from thyrodata.baselines.metrics.boxes import BoxedImage, match_boxes
from thyrodata.baselines.predictions import (
    BoxPredictions,
    ClassPredictions,
    MaskPrediction,
    MaskPredictions,
    Predictions,
)
from thyrodata.io.masks import decode_mask
from thyrodata.schema.geometry import Box, Geometry

__all__ = ["IOU", "SCORE", "Failure", "Failures", "class_lines", "failures_of"]

SCORE, IOU = 0.5, 0.5
"""Of a detection: the least score of a box that counts as predicted, and the least IoU of one that is right
(Everingham et al., IJCV 2010)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An image, or a class of it, of which a model is wrong."""

    image_id: str
    group_id: str
    measure: float
    """What it is ranked by: see :class:`Failures`."""
    says: tuple[str, ...]
    """What is true, what was predicted and how surely, a line each."""
    truth: tuple[Geometry, ...] = ()
    predicted: tuple[Geometry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The worst of a part's images."""

    rule: str
    """In words: what the measure is, and which come first."""
    among: int
    """Images of the part, right ones too."""
    wrong: int
    """Of these: which are wrong."""
    wrong_is: str
    """In words, after "images": what that means."""
    worst: tuple[Failure, ...]
    """The worst first."""


def failures_of(predictions: Predictions, count: int) -> Failures:
    """Return the worst of predictions.

    * Of a classification the images whose most likely class is another than theirs, the surest first.
    * Of a segmentation the masks of the least Dice, which is 0 too where pixels are predicted and none is
      true; of equal Dice the one with more wrong pixels. The worst of each class come before the second worst
      of any. Where nothing is true and nothing predicted there is nothing to fail at.
    * Of a detection the images of most errors: true boxes that no box of their class takes with :data:`IOU`
      or more (crowds left out), and boxes that take none; boxes of a score below :data:`SCORE` are as if they
      were not there. Of equal numbers the one whose surest box without a counterpart is surer.

    Args:
        predictions: Of a part.
        count: The most of them.
    """
    match predictions:
        case ClassPredictions():
            return _of_classes(predictions, count)
        case MaskPredictions():
            return _of_masks(predictions, count)
        case BoxPredictions():
            return _of_boxes(predictions, count)


def _of_classes(said: ClassPredictions, count: int) -> Failures:
    chosen = said.probabilities.argmax(1)
    wrong = np.flatnonzero(chosen != said.labels)
    sure = said.probabilities.max(1)
    order = sorted(wrong.tolist(), key=lambda n: (-float(sure[n]), said.image_ids[n]))
    return Failures(
        rule="the surest of the images that are taken for another class than theirs",
        among=len(said.image_ids),
        wrong=len(order),
        wrong_is="are taken for another class",
        worst=tuple(
            Failure(
                image_id=said.image_ids[n],
                group_id=said.group_ids[n],
                measure=float(sure[n]),
                says=class_lines(said, n),
            )
            for n in order[:count]
        ),
    )


def class_lines(said: ClassPredictions, n: int) -> tuple[str, ...]:
    """Return what is true of an image and what was predicted."""
    of = said.probabilities[n]
    label, chosen = int(said.labels[n]), int(of.argmax())
    return (
        f"true: {said.classes[label]} ({of[label]:.2f})",
        f"predicted: {said.classes[chosen]} ({of[chosen]:.2f}), {'right' if chosen == label else 'wrong'}",
    )


# ---------------------------------------------------------------- segmentation


def _of_masks(said: MaskPredictions, count: int) -> Failures:
    ranked = [
        [made for _, made in sorted(_imperfect(said.masks, category), key=lambda each: each[0])]
        for category in said.classes
    ]
    failures = [each for of_rank in zip_longest(*ranked) for each in of_rank if each is not None]
    of_class = f" of each of {len(said.classes)} classes in turn" if len(said.classes) > 1 else ""
    return Failures(
        rule=f"the masks of the least Dice{of_class}: 0 too where pixels are predicted and none is true",
        among=len({mask.image_id for mask in said.masks}),
        wrong=len({each.image_id for each in failures}),
        wrong_is="have a wrong pixel",
        worst=tuple(failures[:count]),
    )


def _imperfect(
    masks: Iterable[MaskPrediction], category: str
) -> Iterator[tuple[tuple[float, int, str], Failure]]:
    """Yield what is wrong of a class with its rank, the least first."""
    for mask in masks:
        if mask.category != category:
            continue
        true, taken = decode_mask(mask.truth), decode_mask(mask.predicted)
        wrong, both = int((true ^ taken).sum()), int((true & taken).sum())
        if not wrong:
            continue
        dice = 2 * both / (2 * both + wrong)
        pixels = [
            f"{name}: {int(drawn.sum()):,} px" if drawn.any() else f"{name}: none"
            for name, drawn in (("true", true), ("predicted", taken))
        ]
        failure = Failure(
            image_id=mask.image_id,
            group_id=mask.group_id,
            measure=dice,
            says=(f"{mask.category}: Dice {dice:.3f}", " · ".join(pixels)),
            truth=(mask.truth,) if true.any() else (),
            predicted=(mask.predicted,) if taken.any() else (),
        )
        yield (dice, -wrong, mask.image_id), failure


# ---------------------------------------------------------------- detection


def _of_boxes(said: BoxPredictions, count: int) -> Failures:
    shown = [_sure(image) for image in said.images]
    found, false = np.zeros((2, len(shown)), np.int64)
    surest = np.zeros(len(shown))
    for matches in match_boxes(shown, len(said.classes), (IOU,)):
        found += np.bincount(matches.images[matches.hit[0]], minlength=len(shown))
        false += np.bincount(matches.images[matches.missed[0]], minlength=len(shown))
        np.maximum.at(surest, matches.images[matches.missed[0]], matches.scores[matches.missed[0]])
    there = np.array([np.count_nonzero(~image.crowd) for image in shown], np.int64)
    errors = there - found + false
    wrong = np.flatnonzero(errors).tolist()
    order = sorted(wrong, key=lambda n: (-int(errors[n]), -float(surest[n]), shown[n].image_id))
    return Failures(
        rule=f"the images of most missed and false boxes (score {SCORE:g} or more, IoU {IOU:g} or more)",
        among=len(shown),
        wrong=len(order),
        wrong_is="have a missed or a false box",
        worst=tuple(
            Failure(
                image_id=shown[n].image_id,
                group_id=said.group_ids[n],
                measure=float(errors[n]),
                says=(
                    f"{there[n]} true: {found[n]} found, {there[n] - found[n]} missed; {false[n]} false",
                    *_box_lines(shown[n], said.classes),
                ),
                truth=_boxes(shown[n].truth),
                predicted=_boxes(shown[n].predicted),
            )
            for n in order[:count]
        ),
    )


def _sure(image: BoxedImage) -> BoxedImage:
    sure = image.scores >= SCORE
    return replace(
        image,
        predicted=image.predicted[sure],
        predicted_labels=image.predicted_labels[sure],
        scores=image.scores[sure],
    )


def _box_lines(image: BoxedImage, classes: Sequence[str]) -> Iterator[str]:
    several = len(classes) > 1
    named = [
        f"{classes[label]} {score:.2f}" if several else f"{score:.2f}"
        for score, label in sorted(zip(image.scores, image.predicted_labels, strict=True), reverse=True)
    ]
    true = [classes[label] for label in image.truth_labels] if several else []
    for name, texts in (("true", true), ("predicted", named)):
        if texts:
            yield f"{name}: {', '.join(texts)}"


def _boxes(corners: NDArray[np.float64]) -> tuple[Geometry, ...]:
    return tuple(
        Box(x=left, y=top, width=right - left, height=bottom - top)
        for left, top, right, bottom in corners.tolist()
        if right > left and bottom > top  # a model may predict a box of no area, which cannot be drawn
    )
