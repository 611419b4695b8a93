"""What a task promises to the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from thyrodata.baselines.training.cache import Batch, Learnt
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

    def predicted(self, images: Any) -> Any:
        """Return what images are taken for.

        Args:
            images: As in a batch.

        Returns:
            How likely each class is, float32 (images, classes) or (images, classes, height, width); or of
            boxes for each image ``boxes``, ``labels`` and ``scores``, as torchvision's detectors give them.
        """
        ...

    def measure(self, batch: Batch) -> Any:
        """Return what the figures need to know of a batch, in the memory of the CPU.

        Processes send it to each other, so that it is to be small and can be pickled.
        """
        ...

    def figures(self, measured: Sequence[Any]) -> dict[str, float]:
        """Return the figures of a part by name, without those that are undefined.

        Args:
            measured: What :meth:`measure` returned of each of its batches, in their order, whichever process
                measured it.
        """
        ...

    def end_epoch(self, gain: float) -> None:
        """Hear how good the epoch was: the larger the better."""
        ...

    @property
    def learning_rate(self) -> float:
        """Of the last step, for the log."""
        ...

    @property
    def module(self) -> Any:
        """What predicts, such as to measure what it costs."""
        ...

    def weights(self) -> Mapping[str, Any]:
        """Return what :meth:`predicted` depends on: names and tensors."""
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
    def learns(self) -> Learnt:
        """What of images is learnt."""
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
