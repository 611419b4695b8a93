"""The loop: epochs of steps, each followed by a validation. It writes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from thyrodata.baselines.training import processes
from thyrodata.baselines.training.augment import draw, moved_boxes, moved_images, moved_masks, varied
from thyrodata.baselines.training.boxes import without_crowds
from thyrodata.baselines.training.cache import Batch, Cache
from thyrodata.baselines.training.randomness import Purpose, batches, torch_seed
from thyrodata.baselines.training.settings import TrainSettings
from thyrodata.baselines.training.stopping import Plateau
from thyrodata.baselines.training.task import Task
from thyrodata.engine import Progress
from thyrodata.errors import TrainingError
from thyrodata.io.extras import load_extra

__all__ = ["Epoch", "figures_of", "run_epochs"]

torch = load_extra("torch", "baselines")


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What an epoch came to."""

    epoch: int
    """From 1."""
    losses: Mapping[str, float]
    """Of the training, as augmented: means over the images, each before the step that its batch led to."""
    figures: Mapping[str, float]
    """Of the validation; of the training where there is no validation: then they are its losses."""
    learning_rate: float
    """Of the last step."""
    best: bool
    """Whether the watched figure is the best so far, by more than the least gain."""
    training_s: float
    validation_s: float


def run_epochs(
    task: Task,
    training: Cache,
    validation: Cache | None,
    settings: TrainSettings,
    stopping: Plateau,
    *,
    after: int = 0,
    progress: Progress | None = None,
) -> Iterator[Epoch]:
    """Train until the last epoch, or a plateau.

    Torch's own generator is seeded anew for each epoch, so nothing but the task and the plateau's count has
    to be kept between epochs. What is yielded is to be written before the next epoch is asked for.

    Args:
        task: What learns.
        training: What it learns from.
        validation: What the best epoch is chosen by; ``None`` for the losses of the training.
        settings: How.
        stopping: The plateau rule, as far as it has counted.
        after: The epochs that were done before.
        progress: Called with the number of steps done and of all.

    Raises:
        TrainingError: A loss or figure is not a finite number, or the watched one is undefined.
    """
    for epoch in range(after + 1, settings.epochs + 1):
        if stopping.over:
            return
        began = monotonic()
        torch.manual_seed(torch_seed(Purpose.MODULE, settings.seed, epoch, processes.rank()))
        losses = _trained(task, training, settings, epoch, progress)
        trained = monotonic()
        figures = figures_of(task, validation, settings.batch_size) if validation else losses
        for name, value in figures.items():
            _check_finite(f"the validation's {name}", value, epoch)
        watch = settings.watch if validation else "loss"
        if watch not in figures:
            raise TrainingError(
                f"the validation's {watch} is undefined",
                where=f"epoch {epoch}",
                hint="choose another figure to watch, or a validation that has several classes",
            )
        gain = -figures[watch] if watch == "loss" else figures[watch]
        task.end_epoch(gain)
        yield Epoch(
            epoch=epoch,
            losses=losses,
            figures=figures,
            learning_rate=task.learning_rate,
            best=stopping.improves(gain),
            training_s=trained - began,
            validation_s=monotonic() - trained,
        )


def figures_of(task: Task, cache: Cache, batch_size: int) -> dict[str, float]:
    """Return the figures of a part, of which each process measures its share of the batches."""
    own = {
        n: task.measure(batch)
        for n, batch in enumerate(cache.batches(batch_size))
        if n % processes.count() == processes.rank()
    }
    where = cache.device or cache.images.device
    every = {n: found for share in processes.gathered(own, where) for n, found in share.items()}
    return task.figures([every[n] for n in sorted(every)])


def _trained(
    task: Task, cache: Cache, settings: TrainSettings, epoch: int, progress: Progress | None
) -> dict[str, float]:
    """Take the steps of an epoch, and return the losses."""
    sums: dict[str, float] = {}
    order = batches(
        len(cache),
        settings.batch_size,
        seed=settings.seed,
        epoch=epoch,
        rank=processes.rank(),
        ranks=processes.count(),
    )
    total = len(order) * settings.epochs
    for done, numbers in enumerate(order, len(order) * (epoch - 1)):
        batch = _augmented(_without_crowds(cache.batch(numbers)), numbers, settings, epoch)
        losses = task.step(batch, done / total)
        for name, loss in losses.items():
            value = float(processes.total(loss * len(numbers)))
            _check_finite(f"the {name} of step {done % len(order) + 1}", value, epoch)
            sums[name] = sums.get(name, 0) + value
        if progress:
            progress(done + 1, total)
    return {name: value / len(cache) for name, value in sums.items()}


def _without_crowds(batch: Batch) -> Batch:
    return batch if batch.boxes is None else replace(batch, images=without_crowds(batch.images, batch.boxes))


def _augmented(batch: Batch, numbers: Any, settings: TrainSettings, epoch: int) -> Batch:
    if settings.augmentation is None:
        return batch
    draws = draw(settings.augmentation, seed=settings.seed, epoch=epoch, numbers=numbers, size=settings.size)
    return Batch(
        images=moved_images(varied(batch.images, draws), draws),
        labels=batch.labels,
        weights=batch.weights,
        masks=None if batch.masks is None else moved_masks(batch.masks, draws),
        boxes=None if batch.boxes is None else moved_boxes(batch.boxes, draws, settings.size),
    )


def _check_finite(what: str, value: float, epoch: int) -> None:
    if not math.isfinite(value):
        raise TrainingError(
            f"{what} is {value}",
            where=f"epoch {epoch}",
            hint="lower the learning rate, clip gradients, or compute without bf16;"
            f" the checkpoints of epoch {epoch - 1} are kept"
            if epoch > 1
            else "lower the learning rate, clip gradients, or compute without bf16",
        )
