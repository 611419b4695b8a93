"""How a training is done, as a recipe says it: plain values, without torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from thyrodata.errors import UsageError

__all__ = [
    "Augmentation",
    "Fit",
    "Optimisation",
    "Optimiser",
    "Schedule",
    "SegmentLoss",
    "Target",
    "TrainSettings",
    "Weighting",
]


class Optimiser(Enum):
    """An optimiser of torch, by its usual name."""

    ADAM = "adam"
    ADAMW = "adamw"
    RADAM = "radam"
    SGD = "sgd"
    """With Nesterov's momentum, where it has momentum."""


class Schedule(Enum):
    """What becomes of the learning rate."""

    CONSTANT = "constant"
    COSINE = "cosine"
    """Down to 0 along half a cosine."""
    LINEAR = "linear"
    """Down to 0 along a line."""
    PLATEAU = "plateau"
    """A tenth, whenever the watched figure has stayed for ``plateau_epochs``."""


class Fit(Enum):
    """How an image of any size becomes one of the recipe's size."""

    LETTERBOX = "letterbox"
    """Its sides keep their ratio; the rest is black, and counts in no loss."""
    STRETCH = "stretch"


class Weighting(Enum):
    """What an image counts in the loss of a classification."""

    NONE = "each image counts 1"
    INVERSE_FREQUENCY = "inverse frequency of the classes in the training part"
    """N / (K n) for one of K classes that has n of N images, as scikit-learn's ``balanced``: 1 on average."""


class SegmentLoss(Enum):
    """The loss of a segmentation, over the pixels that show something of the image."""

    CROSS_ENTROPY = "cross-entropy"
    CROSS_ENTROPY_DICE = "cross-entropy + soft Dice"
    """The sum of both; soft Dice is 1 - 2 sum(pg) / (sum(p) + sum(g)), pooled over the batch for each
    foreground class (Milletari et al. 2016, with plain sums in the denominator)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is told apart, where that is not each class of the dataset by itself.

    Raises:
        UsageError: A class stands in two groups, or two groups have one name.
    """

    name: str
    """What it is, in words: ``TI-RADS >= 4a (Kwak), said of the case``, which is not malignancy."""
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    """Each group's name, and the dataset's classes or categories in it. For a classification at least two;
    an image of a class in no group is left out and counted. For a segmentation those beside the background,
    to which a finding of a category in no group belongs."""

    def __post_init__(self) -> None:
        _check_unique((name for name, _ in self.groups), "two groups of a target are named")
        _check_unique((each for _, classes in self.groups for each in classes), "two groups of a target have")


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How images are varied, each image in its own way; by default not at all.

    Raises:
        UsageError: A value is out of its range.
    """

    name: str
    """Stands in the settings that a training writes."""
    flip_horizontal: float = 0
    """The probability that left and right change places."""
    flip_vertical: float = 0
    rotate_deg: float = 0
    """The largest angle, to either side."""
    scale: float = 1
    """The largest factor of size, and its inverse the smallest; evenly on a log scale."""
    shift: float = 0
    """The largest shift along either axis, as a share of that side."""
    gain: float = 1
    """The largest factor of brightness, and its inverse the smallest: black stays black."""
    gamma: float = 1
    """The largest exponent of brightness, and its inverse the smallest: black and white stay."""

    def __post_init__(self) -> None:
        for name in ("flip_horizontal", "flip_vertical", "shift"):
            _check(0 <= getattr(self, name) <= 1, f"{name} is a share from 0 to 1")
        _check(0 <= self.rotate_deg <= 180, "rotate_deg is an angle from 0 to 180")  # noqa: PLR2004 -- degrees
        for name in ("scale", "gain", "gamma"):
            _check(getattr(self, name) >= 1, f"{name} is a factor of 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimisation:
    """How a module's weights are found.

    Raises:
        UsageError: A value is out of its range.
    """

    optimiser: Optimiser = Optimiser.ADAMW
    learning_rate: float = 5e-4
    weight_decay: float = 0
    """Decoupled for AdamW, a part of the gradient for the others, as in torch."""
    momentum: float = 0.9
    """Of SGD; the others have torch's betas."""
    schedule: Schedule = Schedule.COSINE
    warmup: float = 0
    """The share of all steps in which the learning rate rises from 0 along a line."""
    plateau_epochs: int = 10
    """Of the schedule of that name."""
    clip_norm: float | None = None
    """The largest norm of all gradients together."""
    ema_decay: float | None = None
    """Of the exponential moving average of the weights, which is then what is validated and kept; 0.9998 is
    usual. It is less in the first steps t: at most (1 + t) / (10 + t)."""
    bf16: bool = False
    """Whether forward passes are computed in bfloat16 where torch's autocast deems that safe."""
    compiled: bool = False
    """Whether ``torch.compile`` makes the module faster, which takes it a while at first. What it makes of a
    module may round otherwise, so equal bits are not to be expected of a training without it."""

    def __post_init__(self) -> None:
        _check(self.learning_rate > 0, "learning_rate is more than 0")
        _check(self.weight_decay >= 0, "weight_decay is 0 or more")
        _check(0 <= self.momentum < 1, "momentum is from 0 to less than 1")
        _check(0 <= self.warmup < 1, "warmup is a share from 0 to less than 1")
        _check(self.plateau_epochs >= 1, "plateau_epochs is 1 or more")
        _check(self.clip_norm is None or self.clip_norm > 0, "clip_norm is more than 0")
        _check(self.ema_decay is None or 0 < self.ema_decay < 1, "ema_decay is between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """What the loop is told; what the task is told stands in :class:`Optimisation` and beside it.

    Raises:
        UsageError: A value is out of its range.
    """

    size: tuple[int, int]
    """(height, width) of what the module is given, in pixels."""
    epochs: int
    batch_size: int
    """The most images of a batch; the batches of an epoch are of one size, or differ by one image."""
    seed: int = 0
    """Of the first weights, of the order, of augmentation and of dropout."""
    fit: Fit = Fit.LETTERBOX
    augmentation: Augmentation | None = None
    watch: str = "loss"
    """The figure of the validation by which the best epoch is chosen: a ``loss`` is to be small, any other
    figure large."""
    patience: int | None = None
    """Training stops after so many epochs in a row without a gain in the watched figure."""
    min_delta: float = 0
    """A gain is one of more than this over the best so far."""

    def __post_init__(self) -> None:
        _check(min(self.size) >= 1, "size is a height and a width of 1 px or more")
        _check(self.epochs >= 1, "epochs is 1 or more")
        _check(self.batch_size >= 1, "batch_size is 1 or more")
        _check(0 <= self.seed < 2**63, "seed is from 0 to less than 2 ** 63")
        _check(self.patience is None or self.patience >= 1, "patience is 1 or more")
        _check(self.min_delta >= 0, "min_delta is 0 or more")


def _check(holds: bool, rule: str) -> None:
    if not holds:
        raise UsageError(f"a setting is out of range: {rule}", hint="change the recipe")


def _check_unique(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(f"{what} {name!r}", hint="change the recipe")
        seen.add(name)
