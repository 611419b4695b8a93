"""What a task promises to the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from thyrodata.baselines.training.cache import Batch
from thyrodata.baselines.training.settings import Target

__all__ = ["Task", "TaskPlan"]


class Task(Protocol):
    """Learns something of images. It owns its modules, its optimisers and their schedules.

    The loop hands it batches and knows nothing of what happens inside, so that a task may take several
    steps on a batch, such as one of a segmenter and one of its adversary.
    """

    FIGURES: ClassVar[tuple[str, ...]]
    """The names of what :meth:`figures` returns."""

    def step(self, batch: Batch, progress: float) -> Mapping[str, Any]:
        """Learn from a batch, and return its losses by name, each float32 () without a gradient.

        Args:
            batch: The images as augmented.
            progress: The share of all steps that were taken before this one.
        """
        ...

    def probabilities(self, images: Any) -> Any:
        """Return how likely each class is: float32 (images, classes), or (images, classes, height, width).

        Args:
            images: As in a batch.
        """
        ...

    def measure(self, batch: Batch) -> Mapping[str, Any]:
        """Return what the figures are made from, as tensors that are added up over batches and processes."""
        ...

    def figures(self, sums: Mapping[str, Any]) -> dict[str, float]:
        """Return the figures of a part by name, ``loss`` among them, without those that are undefined."""
        ...

    def end_epoch(self, gain: float) -> None:
        """Hear how good the epoch was: the larger the better."""
        ...

    @property
    def learning_rate(self) -> float:
        """Of the last step, for the log."""
        ...

    def weights(self) -> Mapping[str, Any]:
        """Return what :meth:`probabilities` depends on: names and tensors."""
        ...

    def use(self, weights: Mapping[str, Any]) -> None:
        """Take up weights, to predict with."""
        ...

    def state(self) -> Mapping[str, Any]:
        """Return all that the next step depends on, as tensors and plain values."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a state."""
        ...


class TaskPlan(Protocol):
    """What is to be learnt, with which model and loss: what a recipe says."""

    @property
    def masks(self) -> bool:
        """Whether masks are learnt, or classes of whole images."""
        ...

    @property
    def target(self) -> Target | None:
        """What is told apart; ``None`` for the dataset's own classes."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return all that the outcome depends on as plain values, the loss among them."""
        ...

    def start(self, classes: Sequence[str], device: Any) -> Task:
        """Return the task at its beginning. First weights are drawn from torch's own generator."""
        ...
