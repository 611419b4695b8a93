"""Units of one kind and their figures, before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thyrodata.agreement.resampling import Resampling
from thyrodata.baselines.evaluation.model import Level
from thyrodata.baselines.metrics.figures import Figure
from thyrodata.baselines.metrics.intervals import measured
from thyrodata.baselines.metrics.strata import SEVERAL, Axis, by_stratum

__all__ = ["STRATIFIED", "ImageAxis", "Units", "measure_units"]

STRATIFIED = ("accuracy", "balanced_accuracy", "dice_mean", "iou_mean", "ap50", "froc_mean")
"""The main figures, which are computed by stratum too."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """Units of one kind, and figures of them."""

    of: str
    figures: tuple[Figure, ...]
    images: tuple[tuple[str, ...], ...]
    """The ids of each unit's images."""
    groups: tuple[str, ...]
    """Of each unit."""
    tied: int = 0
    undecided: int = 0
    unlabelled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAxis:
    """What images are parted by."""

    name: str
    values: Mapping[str, str | None]
    """Of each image id; ``None`` where it is not known."""
    order: tuple[str, ...]
    """The values that there may be, as they are to be listed; ``SEVERAL`` among them."""

    def of_units(self, units: Units) -> Axis:
        """Return the axis of units: of a unit whose images differ the value is ``SEVERAL``."""
        values = []
        for images in units.images:
            found = {self.values[image] for image in images}
            values.append(found.pop() if len(found) == 1 else SEVERAL)
        return Axis(name=self.name, values=tuple(values), order=self.order)


def measure_units(units: Units, axes: Sequence[ImageAxis], resampling: Resampling) -> Level:
    """Return the figures of units with their intervals, and of ``STRATIFIED`` those of each stratum.

    Args:
        units: At least one.
        axes: What their images are parted by.
        resampling: How intervals are made.
    """
    return Level(
        of=units.of,
        tied=units.tied,
        undecided=units.undecided,
        unlabelled=units.unlabelled,
        figures=tuple(measured(figure, units.groups, resampling) for figure in units.figures),
        strata=tuple(
            stratum
            for axis in axes
            for figure in units.figures
            if figure.name in STRATIFIED
            for stratum in by_stratum(figure, axis.of_units(units), units.groups, resampling)
        ),
    )
