"""A module with its optimiser, its schedule and the moving average of its weights: what one loss improves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from thyrodata.baselines.training import processes
from thyrodata.baselines.training.settings import Optimisation, Optimiser, Schedule
from thyrodata.baselines.training.stopping import Plateau
from thyrodata.io.extras import load_extra

__all__ = ["Learner"]

torch = load_extra("torch", "baselines")

PLATEAU_FACTOR = 0.1


class Learner:
    """Improves a module. A task of an adversarial pair has two of them.

    Several processes that begin with equal weights keep equal ones: each step is one along the mean of their
    gradients. This needs no wrapper around the module, so its weights keep their names.

    Args:
        module: What learns.
        optimisation: How.
        device: Where.

    Attributes:
        learning_rate: Of the last update.
    """

    def __init__(self, module: Any, optimisation: Optimisation, device: Any) -> None:
        self._how = optimisation
        self._device = torch.device(device)
        self._module = module.to(self._device)
        if self._device.type == "cuda":  # the order in memory that its convolutions are fastest in
            self._module.to(memory_format=torch.channels_last)
        self._optimiser = _optimiser(self._module, optimisation)
        self._average = None if optimisation.ema_decay is None else deepcopy(self._module).eval()
        if optimisation.compiled:  # in place: the weights keep their names
            self._module.compile()
            if self._average is not None:
                self._average.compile()
        self._updates = 0
        self._factor = 1.0
        self._plateau = Plateau(patience=optimisation.plateau_epochs)
        self.learning_rate = 0.0

    def update(self, loss: Callable[[Any], Any], progress: float) -> Any:
        """Take one step down a loss, and return it, float32 ().

        Args:
            loss: Returns the loss of a module.
            progress: The share of all steps that were taken before this one.
        """
        self.learning_rate = self._how.learning_rate * self._factor * _share(self._how, progress)
        for group in self._optimiser.param_groups:
            group["lr"] = self.learning_rate
        self._module.train()
        with self._autocast():
            value = loss(self._module)
        self._optimiser.zero_grad(set_to_none=True)
        value.backward()
        with torch.no_grad():
            self._agree()
        if self._how.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._module.parameters(), self._how.clip_norm)
        self._optimiser.step()
        self._updates += 1
        self._move_average()
        return value.detach()

    def apply(self, images: Any) -> Any:
        """Return what the module, or its average if there is one, makes of images, without gradients."""
        module = self.kept
        module.eval()
        with torch.no_grad(), self._autocast():
            return module(images)

    @property
    def kept(self) -> Any:
        """The module that is validated and kept."""
        return self._module if self._average is None else self._average

    def end_epoch(self, gain: float) -> None:
        """Hear how good the epoch was, for a schedule that waits for a plateau."""
        if self._how.schedule is Schedule.PLATEAU and not self._plateau.improves(gain) and self._plateau.over:
            self._factor *= PLATEAU_FACTOR
            self._plateau.wait_anew()

    def state(self) -> dict[str, Any]:
        """Return all that an update depends on, as tensors and plain values."""
        return {
            "module": self._module.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "updates": self._updates,
            "factor": self._factor,
            "plateau": self._plateau.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a state."""
        self._module.load_state_dict(state["module"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._updates = state["updates"]
        self._factor = state["factor"]
        self._plateau.restore(state["plateau"])

    def _agree(self) -> None:
        """Take the means over all processes, of gradients and of what normalisation has seen.

        A parameter may have a gradient in one process only, such as of what learns from boxes where another
        process has images without any: there it is 0. One without a gradient anywhere stays without.
        """
        if processes.count() == 1:
            return
        learning = [each for each in self._module.parameters() if each.requires_grad]
        moved = torch.tensor([each.grad is not None for each in learning], device=self._device)
        anywhere = processes.total(moved.to(torch.float32)) > 0
        learning = [each for each, moves in zip(learning, anywhere.tolist(), strict=True) if moves]
        for each in learning:
            if each.grad is None:
                each.grad = torch.zeros_like(each)
        processes.average([each.grad for each in learning])
        processes.average([each for each in self._module.buffers() if each.is_floating_point()])

    def _autocast(self) -> Any:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._how.bf16)

    def _move_average(self) -> None:
        if self._average is None or self._how.ema_decay is None:
            return
        # A fixed decay would keep the first random weights in a short training.
        decay = min(self._how.ema_decay, (1 + self._updates) / (10 + self._updates))
        means, moving = self._average.state_dict(), self._module.state_dict()
        numbers = [name for name, mean in means.items() if mean.is_floating_point()]
        # All in one call: a GPU waits for the many small ones of a loop.
        move = torch.optim.swa_utils.get_ema_multi_avg_fn(decay)
        move([means[name] for name in numbers], [moving[name] for name in numbers], None)
        with torch.no_grad():
            for name in means.keys() - set(numbers):
                means[name].copy_(moving[name])


def _optimiser(module: Any, how: Optimisation) -> Any:
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    settings = {"lr": how.learning_rate, "weight_decay": how.weight_decay}
    match how.optimiser:
        case Optimiser.ADAM:
            return torch.optim.Adam(learning, **settings)
        case Optimiser.ADAMW:
            return torch.optim.AdamW(learning, **settings)
        case Optimiser.RADAM:
            return torch.optim.RAdam(learning, **settings)
        case Optimiser.SGD:
            nesterov = how.momentum > 0
            return torch.optim.SGD(learning, momentum=how.momentum, nesterov=nesterov, **settings)


def _share(how: Optimisation, progress: float) -> float:
    """Return the share of the learning rate at a share of all steps."""
    if progress < how.warmup:
        return progress / how.warmup
    left = (1 - progress) / (1 - how.warmup)
    match how.schedule:
        case Schedule.CONSTANT | Schedule.PLATEAU:
            return 1.0
        case Schedule.LINEAR:
            return left
        case Schedule.COSINE:
            return (1 - math.cos(math.pi * left)) / 2
