"""Figures of detection: COCO's average precision and recall, and FROC.

Both are functions of how often each image counts, so that they have intervals and strata as all figures do:
with whole weights they are what pycocotools gives of as many copies of the images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.resampling import quotient
from thyrodata.baselines.metrics.boxes import MAX_DETECTIONS, BoxedImage, Matches, match_boxes
from thyrodata.baselines.metrics.figures import Figure, row_by_row
from thyrodata.errors import UsageError

__all__ = ["FALSE_POSITIVES", "IOU_THRESHOLDS", "coco_figures", "froc_figures"]

IOU_THRESHOLDS: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""COCO's: 0.50, 0.55, ..., 0.95."""
FALSE_POSITIVES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per image at which FROC is read (Setio et al., Med Image Anal 2017, of LUNA16)."""

_RECALLS = np.linspace(0, 1, 101)
_AT_50, _AT_75 = slice(0, 1), slice(5, 6)
_AT_ALL = slice(None)
_SLACK = 1e-9
"""Of a rate: 0.29 a picture of 100 pictures are 28.999999999999996 false positives."""


def coco_figures(images: Sequence[BoxedImage], classes: Sequence[str]) -> tuple[Figure, ...]:
    """Return COCO's figures (Lin et al., ECCV 2014), as pycocotools computes them for boxes of any area.

    ``ap``: the mean over classes, over the IoU thresholds 0.50, 0.55, ..., 0.95 and over the recalls 0, 0.01,
    ..., 1 of the greatest precision at that recall or a greater one; ``ap50`` and ``ap75`` at one threshold;
    ``ar_100``: the mean over classes and thresholds of the recall of the 100 predictions of an image and
    class that have the greatest scores. Then the same of each class, named after it.

    A class without a true box has no figures, and the mean is over the others; without any true box all are
    undefined. Predictions in images without a true box are false positives: an image belongs here only if it
    is known to hold nothing else.

    Args:
        images: In the order of units.
        classes: What labels stand for: label 0 is the first. A background is no class.

    Raises:
        UsageError: A label is no class.
    """
    matches = match_boxes(images, len(classes), IOU_THRESHOLDS)
    return tuple(_coco_figures(matches, classes))


def _coco_figures(matches: Sequence[Matches], classes: Sequence[str]) -> Iterator[Figure]:
    everywhere = np.ones(matches[0].truths.size, np.bool_) if matches else np.zeros(0, np.bool_)
    figures = (
        ("ap", _average_precision, _AT_ALL),
        ("ap50", _average_precision, _AT_50),
        ("ap75", _average_precision, _AT_75),
        (f"ar_{MAX_DETECTIONS}", _average_recall, _AT_ALL),
    )
    for name, of_class, thresholds in figures:
        each = [partial(of_class, match, thresholds) for match in matches]
        yield Figure(name=name, tells=everywhere, of=row_by_row(partial(_mean_of_classes, each)))
        for label, of in zip(classes, each, strict=True):
            yield Figure(name=f"{name}/{label}", tells=everywhere, of=row_by_row(of))


def _mean_of_classes(each: Sequence[partial[float]], weights: NDArray[np.float64]) -> float:
    values = np.array([of(weights) for of in each])
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


def _average_precision(match: Matches, thresholds: slice, weights: NDArray[np.float64]) -> float:
    truths = weights @ match.truths
    if not truths:
        return np.nan
    counts = weights[match.images]
    hits = np.cumsum(match.hit[thresholds] * counts, axis=1)
    false = np.cumsum(match.missed[thresholds] * counts, axis=1)
    precision = hits / (hits + false + np.spacing(1))  # pycocotools' own guard against 0 / 0
    reached = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.column_stack([reached, np.zeros(len(reached))])  # a recall that is not reached
    places = [np.searchsorted(row / truths, _RECALLS) for row in hits]
    return float(np.take_along_axis(reached, np.array(places), axis=1).mean())


def _average_recall(match: Matches, thresholds: slice, weights: NDArray[np.float64]) -> float:
    truths = weights @ match.truths
    hits = match.hit[thresholds] @ weights[match.images]
    return float(quotient(hits, truths).mean())


def froc_figures(
    images: Sequence[BoxedImage],
    classes: int,
    *,
    iou: float = 0.5,
    false_positives: Sequence[float] = FALSE_POSITIVES,
) -> tuple[Figure, ...]:
    """Return the sensitivity to true boxes at some false positives per image (FROC).

    Whether a prediction finds a box is told by COCO's rule (``match_boxes``) at one IoU, whatever either is
    called; other rules, as that the centre is inside, give other figures. A second prediction of one box is a
    false positive, which LUNA16 leaves out. Predictions count from a score on, equal scores together; the
    sensitivity at f is the greatest of those scores at which there are f false positives per image or fewer,
    not interpolated. Where even the greatest score has more, that is 0: nothing may be predicted.

    ``froc@0.5`` is the sensitivity at 0.5 false positives per image, and ``froc_mean`` the mean of all that
    are asked for, LUNA16's score. All images count for the rate of false positives, those without a box too.
    Undefined without a true box.

    Args:
        images: In the order of units.
        classes: How many there are.
        iou: From which a prediction finds a box.
        false_positives: Per image.

    Raises:
        UsageError: A label is no class, or the IoU is no share above 0, or a rate is negative or none given.
    """
    if not 0 < iou <= 1:
        raise UsageError(f"the IoU of a match is {iou}", hint="it is above 0 and at most 1, as 0.5")
    if not false_positives or min(false_positives) < 0:
        raise UsageError("FROC is read at rates of false positives per image", hint="give rates of 0 or more")
    (match,) = match_boxes(images, classes, [iou], by_class=False)
    # Only the last of equal scores is an operating point.
    ends = np.flatnonzero(np.diff(match.scores, append=-np.inf))
    rates = np.array(false_positives, np.float64)

    def sensitivities(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        truths = weights @ match.truths
        if not truths:
            return np.full(rates.size, np.nan)
        counts = weights[match.images]
        hits, false = (np.cumsum(row[0] * counts)[ends] for row in (match.hit, match.missed))
        # false positives grow with every point: the last point that is allowed has the greatest sensitivity
        last = np.searchsorted(false, rates * weights.sum() * (1 + _SLACK), side="right")
        return np.asarray(np.append(0.0, hits)[last] / truths)

    def read(name: str, places: slice) -> Figure:
        return Figure(
            name=name,
            tells=np.ones(len(images), np.bool_),
            of=row_by_row(lambda weights: float(sensitivities(weights)[places].mean())),
        )

    at_rates = (read(f"froc@{rate:g}", slice(k, k + 1)) for k, rate in enumerate(false_positives))
    return (*at_rates, read("froc_mean", slice(None)))
