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
from thyrodata.baselines.metrics.figures import Figure, row_by_row, sums_figure
from thyrodata.baselines.metrics.rates import mean_of_present
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
    ranked = [_Ranked(match) for match in matches]
    for name, thresholds in (("ap", _AT_ALL), ("ap50", _AT_50), ("ap75", _AT_75)):
        each = [partial(of_class.average_precision, thresholds) for of_class in ranked]
        yield Figure(name=name, tells=everywhere, of=row_by_row(partial(_mean_of_classes, each)))
        for label, of in zip(classes, each, strict=True):
            yield Figure(name=f"{name}/{label}", tells=everywhere, of=row_by_row(of))
    name = f"ar_{MAX_DETECTIONS}"
    found = [_found(match) for match in matches]
    yield sums_figure(name, np.concatenate(found, axis=1), partial(_recall, len(found)), tells=everywhere)
    for label, moments in zip(classes, found, strict=True):
        yield sums_figure(f"{name}/{label}", moments, partial(_recall, 1), tells=everywhere)


def _mean_of_classes(each: Sequence[partial[float]], weights: NDArray[np.float64]) -> float:
    values = np.array([of(weights) for of in each])
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


class _Ranked:
    """The predictions of a class from the greatest score on, kept so that a resample is computed quickly.

    Between two hits precision only falls, so that its greatest values, and each first place of a recall, are
    at hits. Of these there are no more than true boxes, however many predictions there are.
    """

    def __init__(self, match: Matches) -> None:
        self._match = match
        self._hits = [np.flatnonzero(row) for row in match.hit]
        # what takes a crowd counts as nothing
        self._ignored = [np.flatnonzero(row) for row in ~(match.hit | match.missed)]
        self._before = [np.searchsorted(*rows) for rows in zip(self._ignored, self._hits, strict=True)]

    def average_precision(self, thresholds: slice, weights: NDArray[np.float64]) -> float:
        """Return the mean over thresholds and recalls of the greatest precision; nan without a true box."""
        truths = weights @ self._match.truths
        if not truths:
            return np.nan
        counts = weights[self._match.images]
        up_to = np.cumsum(counts)
        total = 0.0
        rows = [*zip(self._hits, self._ignored, self._before, strict=True)][thresholds]
        for hits, ignored, before in rows:
            found = np.cumsum(counts[hits])
            predicted = up_to[hits] - np.append(0, np.cumsum(counts[ignored]))[before]
            precision = found / (predicted + np.spacing(1))  # pycocotools' own guard against 0 / 0
            reached = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)  # 0: a recall not reached
            total += reached[np.searchsorted(found / truths, _RECALLS)].mean()
        return float(total / len(rows))


def _found(match: Matches) -> NDArray[np.float64]:
    """Return how many true boxes of each image are found at each threshold and, last, how many there are."""
    images = match.truths.size
    hits = [np.bincount(match.images[row], minlength=images) for row in match.hit]
    return np.column_stack([*hits, match.truths]).astype(np.float64)


def _recall(classes: int, moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over classes that have true boxes, and over thresholds, of the share that is found."""
    found = moments.reshape(*moments.shape[:-1], classes, -1)
    recalls = quotient(found[..., :-1], found[..., -1:]).mean(axis=-1)
    return mean_of_present(recalls, found[..., -1])


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
    ends = np.flatnonzero(np.diff(match.scores, append=-np.inf))  # of equal scores the last: a point
    hits, false = np.flatnonzero(match.hit[0]), np.flatnonzero(match.missed[0])
    # for each false positive the hits that a point has which does not reach it
    hits_before = np.searchsorted(hits, np.append(-1, ends)[np.searchsorted(ends, false)], side="right")
    of_hits, of_false = match.images[hits], match.images[false]
    rates = np.array(false_positives, np.float64)

    def sensitivities(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        truths = weights @ match.truths
        if not truths:
            return np.full(rates.size, np.nan)
        allowed = rates * weights.sum() * (1 + _SLACK)
        first_beyond = np.searchsorted(np.cumsum(weights[of_false]), allowed, side="right")
        found = np.append(0.0, np.cumsum(weights[of_hits]))
        return np.asarray(found[np.append(hits_before, hits.size)[first_beyond]] / truths)

    def read(name: str, places: slice) -> Figure:
        return Figure(
            name=name,
            tells=np.ones(len(images), np.bool_),
            of=row_by_row(lambda weights: float(sensitivities(weights)[places].mean())),
        )

    at_rates = (read(f"froc@{rate:g}", slice(k, k + 1)) for k, rate in enumerate(false_positives))
    return (*at_rates, read("froc_mean", slice(None)))
