"""What the tasks of one module and one loss have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, ClassVar

from thyrodata.baselines.training.learner import Learner
from thyrodata.baselines.training.settings import Optimisation, Target
from thyrodata.errors import UsageError
from thyrodata.io.extras import load_extra

__all__ = ["LogitTask", "SupervisedPlan", "SupervisedTask", "plain", "summed"]

torch = load_extra("torch", "baselines")


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisedPlan:
    """What the plans of these tasks say of the module."""

    model: str
    """The module's name, which stands in the settings."""
    build: Callable[[int], Any]
    """Returns the module for a number of classes. It takes float32 (images, 3, height, width) from 0 to 1,
    normalises them itself, and returns a logit for each class."""
    optimisation: Optimisation
    target: Target | None = None
    """What is told apart; ``None`` for the dataset's own classes."""
    pretrained_sha256: str | None = None
    """Of the file of weights that the module begins with, or of the checksums of a folder of them; ``None``
    where it begins from chance."""


class SupervisedTask:
    """A module that learns from one loss. See :class:`thyrodata.baselines.training.task.Task`.

    Args:
        plan: What is said of the module.
        classes: What is told apart.
        outputs: For how many of them the module is built.
        device: Where it learns.
    """

    def __init__(self, plan: SupervisedPlan, classes: Sequence[str], outputs: int, device: Any) -> None:
        self.classes = tuple(classes)
        self._plan = plan
        self._learner = Learner(plan.build(outputs), plan.optimisation, device)

    def end_epoch(self, gain: float) -> None:
        """Hear how good the epoch was."""
        self._learner.end_epoch(gain)

    @property
    def learning_rate(self) -> float:
        """Of the last step."""
        return self._learner.learning_rate

    @property
    def module(self) -> Any:
        """What is validated and kept: the module, or its average if there is one."""
        return self._learner.kept

    def weights(self) -> Mapping[str, Any]:
        """Return those of the module, or of its average if there is one."""
        weights: Mapping[str, Any] = self._learner.kept.state_dict()
        return weights

    def use(self, weights: Mapping[str, Any]) -> None:
        """Take up weights, to predict with."""
        self._learner.kept.load_state_dict(weights)

    def state(self) -> Mapping[str, Any]:
        """Return all that the next step depends on."""
        return self._learner.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a state."""
        self._learner.restore(state)


class LogitTask(SupervisedTask):
    """A module that gives a logit for each class, of images or of their pixels."""

    of_pixels: ClassVar[bool]
    """Whether pixels have classes, or whole images."""

    def __init__(self, plan: SupervisedPlan, classes: Sequence[str], device: Any) -> None:
        super().__init__(plan, classes, len(classes), device)

    def predicted(self, images: Any) -> Any:
        """Return how likely each class is, float32 (images, classes, ...)."""
        return self._applied(images).softmax(1)

    def _logits(self, module: Any, images: Any) -> Any:
        """Return a module's logits while it learns, float32 (images, classes, ...)."""
        return self._checked(module(images), images)

    def _applied(self, images: Any) -> Any:
        """Return the logits of the module that is kept, without gradients."""
        return self._checked(self._learner.apply(images), images).detach()

    def _checked(self, outputs: Any, images: Any) -> Any:
        """Return the logits in full precision.

        Raises:
            UsageError: They have another shape than the task learns from.
        """
        wanted = (len(images), len(self.classes), *(images.shape[2:] if self.of_pixels else ()))
        found = tuple(getattr(outputs, "shape", ()))
        if found != wanted:
            raise UsageError(
                f"the module {self._plan.model!r} gives {found or type(outputs).__name__},"
                f" and {wanted} is wanted",
                hint="build it for as many classes as it is asked for",
            )
        return outputs.to(torch.float32)


def summed(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sums of tensors of the same names."""
    return {name: sum(each[name] for each in measured) for name in measured[0]}


def plain(settings: Any) -> dict[str, Any]:
    """Return a dataclass of settings as plain values, without what is no value: a function that builds."""
    return {name: _plain(value) for name, value in asdict(settings).items() if not callable(value)}


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case tuple() | list():
            return [_plain(each) for each in value]
        case _:
            return value
