"""The evaluation of predictions of one training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thyrodata.agreement.resampling import Resampling
from thyrodata.baselines.evaluation.axes import image_axes
from thyrodata.baselines.evaluation.boxes import units_of_boxes
from thyrodata.baselines.evaluation.classes import units_of_classes
from thyrodata.baselines.evaluation.deciding import check_without
from thyrodata.baselines.evaluation.masks import units_of_masks
from thyrodata.baselines.evaluation.model import Evaluation, Level
from thyrodata.baselines.evaluation.truths import groups_of
from thyrodata.baselines.evaluation.units import ImageAxis, measure_units
from thyrodata.baselines.predictions import (
    BoxPredictions,
    ClassPredictions,
    MaskPredictions,
    Predictions,
    read_predictions,
)
from thyrodata.dataset import Dataset

__all__ = ["evaluate_predictions", "levels_of"]


def evaluate_predictions(
    file: str | Path,
    *,
    seed: int = 0,
    resamples: int = 1000,
    data: Dataset | str | Path | None = None,
    by: Sequence[str] = (),
    without_finding: str | None = None,
) -> Evaluation:
    """Return figures of predictions that :func:`thyrodata.baselines.running.predict_baseline` wrote.

    Of a classification they are of images and of groups, which are decided by weighted majority voting (as
    ThyroidXL publishes it) and by mean probability. Of a segmentation they are of the masks of each class;
    distances are in pixels, since spacings differ or are not stated, and the BF score's tolerance is
    ``masks.BF_TOLERANCE`` of the image's diagonal. Of a detection they are COCO's, and FROC. Where masks or
    boxes are of several classes, an image is also taken for the class with most pixels, or of the most
    confident box, and a group by the weighted majority of its images. Intervals are of 95 %, by the bootstrap
    over groups. Of one training they say nothing about another.

    Args:
        file: The Parquet file.
        seed: Of the resamples.
        resamples: How many.
        data: The dataset that is predicted, or its folder: for ``by``.
        by: What the main figures (``units.STRATIFIED``) are parted by too: see ``axes.image_axes``.
        without_finding: The class that an image without a box or pixel counts as, and so does one in which
            none is true; by default such images are left out and counted.

    Raises:
        UsageError: There is no such file, the seed, number, class or axis is none, or an axis needs the
            dataset.
        CaseError: It cannot be read.
        RawLayoutError: It holds no predictions.
        DatasetError: The dataset is damaged, or lacks an image that is predicted.
    """
    place, resampling = Path(file), Resampling(seed=seed, resamples=resamples)
    said = read_predictions(place)
    axes = image_axes(said, Dataset(data) if isinstance(data, str | Path) else data, by)
    levels, not_voted = levels_of(said, axes, resampling, without_finding)
    groups = groups_of(said)
    return Evaluation(
        file=place,
        origin=said.origin,
        classes=said.classes,
        images=len(groups),
        groups=len(set(groups.values())),
        levels=levels,
        not_voted=not_voted,
    )


def levels_of(
    said: Predictions, axes: Sequence[ImageAxis], resampling: Resampling, without_finding: str | None
) -> tuple[tuple[Level, ...], str]:
    """Return the levels of predictions, and why groups are not decided, if they are not.

    Args:
        said: The predictions.
        axes: What the main figures are parted by too, with a value of each image.
        resampling: How intervals are made.
        without_finding: As of :func:`evaluate_predictions`.

    Raises:
        UsageError: What images without a finding count as is none of the classes.
    """
    check_without(without_finding, said.classes)
    match said:
        case ClassPredictions():
            units, not_voted = units_of_classes(said)
        case MaskPredictions():
            units, not_voted = units_of_masks(said, without_finding)
        case BoxPredictions():
            units, not_voted = units_of_boxes(said, without_finding)
    return tuple(measure_units(each, axes, resampling) for each in units), not_voted
