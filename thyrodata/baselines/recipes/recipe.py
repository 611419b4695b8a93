"""What a recipe is: a model, what it learns, how it is trained, and which printed rows it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from thyrodata.baselines.recipes.architecture import Architecture
from thyrodata.baselines.training.settings import Optimisation, SegmentLoss, Target, TrainSettings
from thyrodata.errors import UsageError
from thyrodata.schema.vocab import SCHEMES, Scope, Structure

__all__ = ["Endpoint", "Recipe", "StandIn", "Task"]


class Task(Enum):
    """What is learnt."""

    CLASSIFICATION = "classification"
    DETECTION = "detection"
    SEGMENTATION = "segmentation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What is told apart, and by whose word.

    Raises:
        UsageError: The positive group is not among the groups, or a term is not of the scheme.
    """

    name: str
    """What it is, in words: ``TI-RADS >= 4a (Kwak), said of the case``, which is not malignancy."""
    scheme: str | None
    """The vocabulary of the labels; ``None`` if nodules are found and not told apart."""
    scope: Scope
    """What the labels are said of."""
    positive: str
    """The group that is to be found: sensitivity is of it, and specificity of all others."""
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Each group's name and its terms, written ``scheme/value``; none where there is no scheme."""

    def __post_init__(self) -> None:
        names = [name for name, _ in self.groups] if self.scheme else [self.positive]
        if self.positive not in names:
            raise UsageError(f"{self.positive!r} is no group", hint=f"there are: {', '.join(names)}")
        known = {str(term) for term in SCHEMES[self.scheme]} if self.scheme else set()
        unknown = [term for _, terms in self.groups for term in terms if term not in known]
        if unknown:
            raise UsageError(f"{unknown[0]!r} is no term of {self.scheme}", hint="change the recipe")

    def target(self, categories: Sequence[str]) -> Target:
        """Return what a training on a dataset is told.

        Where nothing is told apart, every category of the dataset is one group, but for drawings of other
        structures, such as the gland.

        Args:
            categories: Of the dataset, as :attr:`thyrodata.exports.view.View.categories`.

        Raises:
            UsageError: Nothing is told apart, and the dataset has no drawing of a nodule.
        """
        if self.scheme is not None:
            return Target(name=self.name, groups=self.groups)
        others = {structure.value for structure in Structure} - {Structure.NODULE.value}
        drawn = tuple(name for name in categories if name not in others)
        if not drawn:
            raise UsageError(
                "the dataset has no drawing of a nodule", hint=f"it has: {', '.join(categories) or 'none'}"
            )
        return Target(name=self.name, groups=((self.positive, drawn),))


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A printed row that a recipe stands in for, though it is not what the row says."""

    row: str
    """See :attr:`thyrodata.baselines.published.Row.key`."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A baseline."""

    name: str
    """``paper/model``."""
    title: str
    task: Task
    model: Architecture
    endpoint: Endpoint
    settings: TrainSettings
    optimisation: Optimisation
    loss: SegmentLoss | None = None
    """Of a segmentation. A classification has cross-entropy, and a detector the losses of its own paper."""
    rows: tuple[str, ...] = ()
    """The keys of the printed rows whose model it is."""
    stand_ins: tuple[StandIn, ...] = ()
    chosen: tuple[str, ...] = ()
    """What the paper does not say, and what is done here."""
