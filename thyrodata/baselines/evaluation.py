"""Evaluating predictions that were written, with an interval for each figure. No torch is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np

from thyrodata.agreement.resampling import Resampling
from thyrodata.baselines.metrics.classification import Classified, classification_figures
from thyrodata.baselines.metrics.figures import Figure
from thyrodata.baselines.metrics.intervals import Measured, measured
from thyrodata.baselines.metrics.segmentation import Pair, compare, segmentation_figures
from thyrodata.baselines.metrics.voting import Voted, mean_probability, torn_groups, weighted_majority
from thyrodata.baselines.predictions import (
    BoxPredictions,
    ClassPredictions,
    MaskPrediction,
    MaskPredictions,
    Origin,
    read_predictions,
)
from thyrodata.io.masks import decode_mask
from thyrodata.schema.plain import to_plain

__all__ = ["Evaluation", "Level", "evaluate_predictions"]

BF_TOLERANCE = 0.0075
"""Share of the image's diagonal (Csurka et al., BMVC 2013): papers that state none cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Figures of units of one kind."""

    of: str
    """What a unit is: an image, a group by a rule of decision, or the masks of a class."""
    tied: int
    """Groups for which several classes came first: decided for the first of these."""
    figures: tuple[Measured, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How good predictions are."""

    file: Path
    origin: Origin
    """What was told apart, by which model, on what: a grade of suspicion is no pathology."""
    classes: tuple[str, ...]
    images: int
    groups: int
    levels: tuple[Level, ...]
    not_voted: str
    """Why no group was decided, where none was: its images have different labels."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain | {"file": str(self.file)}


def evaluate_predictions(file: str | Path, *, seed: int = 0, resamples: int = 1000) -> Evaluation:
    """Return figures of predictions that :func:`thyrodata.baselines.running.predict_baseline` wrote.

    Of a classification they are of images and of groups, which are decided by weighted majority voting (as
    ThyroidXL publishes it) and by mean probability. Of a segmentation they are of the masks of each class;
    distances are in pixels, since spacings differ or are not stated, and the BF score's tolerance is
    ``BF_TOLERANCE`` of the image's diagonal. Intervals are of 95 %, by the bootstrap over groups. Of one
    training they say nothing about another.

    Args:
        file: The Parquet file.
        seed: Of the resamples.
        resamples: How many.

    Raises:
        UsageError: There is no such file, or the seed or number is none.
        CaseError: It cannot be read.
        RawLayoutError: It holds no predictions.
    """
    place, resampling = Path(file), Resampling(seed=seed, resamples=resamples)
    said = read_predictions(place)
    match said:
        case ClassPredictions():
            return _of_classes(place, said, resampling)
        case MaskPredictions():
            return _of_masks(place, said, resampling)
        case BoxPredictions():
            raise NotImplementedError


def _of_classes(file: Path, said: ClassPredictions, resampling: Resampling) -> Evaluation:
    images = Classified(
        classes=said.classes, labels=said.labels, probabilities=said.probabilities.astype(np.float64)
    )
    levels = [_level("image", classification_figures(images), said.group_ids, resampling)]
    torn = torn_groups(images, said.group_ids)
    if not torn:
        for name, decide in (
            ("weighted majority", weighted_majority),
            ("mean probability", mean_probability),
        ):
            voted: Voted = decide(images, said.group_ids)
            figures = classification_figures(voted.classified)
            levels.append(_level(f"group by {name}", figures, voted.groups, resampling, tied=len(voted.tied)))
    return Evaluation(
        file=file,
        origin=said.origin,
        classes=said.classes,
        images=len(said.image_ids),
        groups=len(set(said.group_ids)),
        levels=tuple(levels),
        not_voted=f"{len(torn)} groups have images of different labels, the first {torn[0]}" if torn else "",
    )


def _of_masks(file: Path, said: MaskPredictions, resampling: Resampling) -> Evaluation:
    levels = []
    for category in said.classes:
        masks = [mask for mask in said.masks if mask.category == category]
        pairs = [_compared(mask) for mask in masks]
        groups = [mask.group_id for mask in masks]
        levels.append(
            _level(f"mask of {category}", segmentation_figures(pairs, unit="px"), groups, resampling)
        )
    return Evaluation(
        file=file,
        origin=said.origin,
        classes=said.classes,
        images=len({mask.image_id for mask in said.masks}),
        groups=len({mask.group_id for mask in said.masks}),
        levels=tuple(levels),
        not_voted="",
    )


def _compared(mask: MaskPrediction) -> Pair:
    truth, predicted = decode_mask(mask.truth), decode_mask(mask.predicted)
    return compare(truth, predicted, tolerance=BF_TOLERANCE * hypot(*truth.shape))


def _level(
    of: str, figures: Sequence[Figure], groups: Sequence[str], resampling: Resampling, *, tied: int = 0
) -> Level:
    return Level(of=of, tied=tied, figures=tuple(measured(figure, groups, resampling) for figure in figures))
