"""What an evaluation says: levels of figures, of one training and of several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.baselines.cost import Cost
from thyrodata.baselines.metrics.intervals import Measured
from thyrodata.baselines.metrics.strata import Stratum
from thyrodata.baselines.predictions import Origin
from thyrodata.schema.plain import to_plain

__all__ = ["Evaluation", "Level", "Repeated", "RepeatedFigure", "RepeatedLevel", "RepeatedStratum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Figures of units of one kind."""

    of: str
    """What a unit is: an image, a group by a rule of decision, the masks of a class, or boxes."""
    tied: int
    """Groups for which several classes came first: decided for the first of these."""
    undecided: int
    """Units in which nothing was found to decide by, and for which nothing else was asked: left out."""
    unlabelled: int
    """Images of which the truth is no one class, since several are shown or none: left out."""
    figures: tuple[Measured, ...]
    strata: tuple[Stratum, ...]
    """The main figures by each axis that was asked for."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedFigure:
    """A figure of each run of a model, and of all runs their mean and how they scatter."""

    name: str
    unit: str
    """``px`` or ``mm`` of a distance; empty of a share."""
    mean: float | None
    """Over runs; ``None`` where the figure is undefined in any: a mean of the others would flatter."""
    sd: float | None
    """The sample's standard deviation, of n - 1; ``None`` where there is one run, or no mean."""
    runs: tuple[Measured, ...]
    """Of each seed, each with its interval over groups: what another seed would give an interval does not
    say, and the standard deviation does not say what other patients would give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedStratum:
    """A figure of the units that share a value of an axis."""

    axis: str
    value: str | None
    """``None``: the units of which it is not known."""
    name: str
    """Of the figure."""
    units: int
    groups: int
    figure: RepeatedFigure | None
    """``None``: in a run there are too few groups to say anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedLevel:
    """Figures of units of one kind."""

    of: str
    """As of :class:`Level`."""
    figures: tuple[RepeatedFigure, ...]
    strata: tuple[RepeatedStratum, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """How good a model is: of one run, or of several that differ in their seeds."""

    target: str
    """What was told apart: see :class:`thyrodata.baselines.predictions.Origin`."""
    model: str
    trained_on: str
    dataset: str
    split: str
    part: str
    classes: tuple[str, ...]
    images: int
    groups: int
    seeds: tuple[int, ...]
    """Ascending: one for each run."""
    folds: int
    """Trainings whose predictions were joined to one run, each image predicted by one that did not see it;
    1 where nothing was held out in turn."""
    levels: tuple[RepeatedLevel, ...]
    cost: Cost | None
    """Of the model, where it stands beside the predictions of the first run."""
    notes: tuple[str, ...]
    """What has to be said beside the figures: what was left out, tied, not decided, or joined."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain
