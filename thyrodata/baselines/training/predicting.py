"""Predictions of a trained model on a part of a dataset, of the one that it was trained on or another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from thyrodata.baselines.checkpoints import CheckpointKind, read_checkpoint
from thyrodata.baselines.predictions import ClassPredictions, MaskPrediction, MaskPredictions
from thyrodata.baselines.training.cache import Cache
from thyrodata.baselines.training.checks import chosen_device
from thyrodata.baselines.training.failures import naming_memory
from thyrodata.baselines.training.placing import restored
from thyrodata.baselines.training.reading import read_parts
from thyrodata.baselines.training.settings import Fit
from thyrodata.baselines.training.task import Task, TaskPlan
from thyrodata.errors import CaseError, UsageError
from thyrodata.exports.view import View
from thyrodata.io.extras import load_extra
from thyrodata.io.masks import encode_mask

__all__ = ["predict"]

torch = load_extra("torch", "baselines")

_OWN = "each class of the dataset"
"""What is told apart where a plan has no target."""


def predict(
    view: View,
    part: str,
    plan: TaskPlan,
    weights: Path,
    *,
    batch_size: int = 16,
    device: str | None = None,
) -> ClassPredictions | MaskPredictions:
    """Return what a trained model makes of a part's images.

    Args:
        view: As for :func:`thyrodata.baselines.training.run.train`.
        part: The part.
        plan: That of the training.
        weights: The file ``best.pt`` of the training.
        batch_size: The most images at once.
        device: As for the training.

    Raises:
        UsageError: The view does not fit the plan, has other classes than were learnt, or there is no such
            part or device.
        DatasetError: The dataset is damaged.
        CaseError: An image cannot be decoded, or the weights are damaged or not those of the model.
        TrainingError: The memory is too small.
    """
    where = chosen_device(device)
    trained = read_checkpoint(weights, CheckpointKind.WEIGHTS, where)
    height, width = trained["size"]
    gpus = [] if where.index is None else [where.index]
    hint = f"make the batch smaller than {batch_size}"
    with naming_memory(str(where), hint), torch.random.fork_rng(gpus):
        cache = read_parts(
            view,
            (part,),
            masks=plan.masks,
            target=plan.target,
            size=(height, width),
            fit=Fit(trained["fit"]),
        )[part]
        if list(cache.classes) != trained["classes"]:
            raise UsageError(
                f"the view has the classes {', '.join(cache.classes)},"
                f" and {', '.join(trained['classes'])} were learnt",
                where=str(weights),
                hint="give the view or the plan's target the same classes",
            )
        task = plan.start(cache.classes, where)
        try:
            task.use(trained["weights"])
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise CaseError(
                f"the weights are not those of the plan's model: {reason}",
                where=str(weights),
                hint="give the plan that they were trained with",
            ) from None
        target = plan.target.name if plan.target else _OWN
        made = _masks if plan.masks else _classes
        return made(task, cache, batch_size, target)


def _classes(task: Task, cache: Cache, batch_size: int, target: str) -> ClassPredictions:
    return ClassPredictions(
        target=target,
        classes=cache.classes,
        image_ids=cache.image_ids,
        group_ids=cache.group_ids,
        labels=cache.labels.numpy(),
        probabilities=np.concatenate([each.numpy() for each in _probabilities(task, cache, batch_size)]),
    )


def _masks(task: Task, cache: Cache, batch_size: int, target: str) -> MaskPredictions:
    found: list[MaskPrediction] = []
    images = (image for batch in _probabilities(task, cache, batch_size) for image in batch)
    for n, image in enumerate(images):
        values = restored(image, cache.placements[n]).numpy()
        most = values.argmax(0)
        certainty = float(values.max(0).mean(dtype=np.float64))
        for number, category in enumerate(cache.classes[1:], 1):
            taken = most == number
            found.append(
                MaskPrediction(
                    image_id=cache.image_ids[n],
                    group_id=cache.group_ids[n],
                    category=category,
                    truth=cache.truths[n][number - 1],
                    predicted=encode_mask(taken),
                    score=float(values[number][taken].mean(dtype=np.float64)) if taken.any() else None,
                    certainty=certainty,
                )
            )
    return MaskPredictions(target=target, classes=cache.classes[1:], masks=tuple(found))


def _probabilities(task: Task, cache: Cache, batch_size: int) -> Iterator[Any]:
    """Yield the probabilities of batches, in the memory of the CPU."""
    device = next(iter(task.weights().values())).device
    for batch in cache.batches(batch_size):
        yield task.probabilities(batch.images.to(device)).cpu()
