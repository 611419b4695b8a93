"""Predictions of a trained model on a part of a dataset, of the one that it was trained on or another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thyrodata.baselines.checkpoints import CheckpointKind, read_checkpoint
from thyrodata.baselines.predictions import (
    BoxPredictions,
    ClassPredictions,
    MaskPrediction,
    MaskPredictions,
    Origin,
    Predictions,
)
from thyrodata.baselines.runs import SETTINGS
from thyrodata.baselines.training.boxes import boxed_image
from thyrodata.baselines.training.cache import Cache, Learnt
from thyrodata.baselines.training.checks import chosen_device
from thyrodata.baselines.training.failures import naming_memory
from thyrodata.baselines.training.placing import Placement, restored, restored_boxes
from thyrodata.baselines.training.reading import read_parts
from thyrodata.baselines.training.runfolder import BEST
from thyrodata.baselines.training.settings import Fit
from thyrodata.baselines.training.task import Task, TaskPlan
from thyrodata.errors import CaseError, UsageError
from thyrodata.exports.view import View
from thyrodata.io.extras import load_extra
from thyrodata.io.files import read_text
from thyrodata.io.hashes import hash_file
from thyrodata.io.masks import encode_mask

__all__ = ["predict"]

torch = load_extra("torch", "baselines")

_OWN = "each class of the dataset"
"""What is told apart where a plan has no target."""


def predict(
    view: View,
    part: str,
    plan: TaskPlan,
    run: Path,
    *,
    batch_size: int = 16,
    device: str | None = None,
) -> Predictions:
    """Return what a trained model makes of a part's images.

    Args:
        view: As for :func:`thyrodata.baselines.training.run.train`.
        part: The part.
        plan: That of the training.
        run: The folder of the training, of which the weights of the best epoch are taken.
        batch_size: The most images at once.
        device: As for the training.

    Raises:
        UsageError: The view does not fit the plan, has other classes than were learnt, or there is no such
            part or device.
        DatasetError: The dataset is damaged.
        CaseError: An image cannot be decoded, the folder is none of a training, or its weights are damaged or
            not those of the model.
        TrainingError: The memory is too small.
    """
    where = chosen_device(device)
    weights = run / BEST
    trained = read_checkpoint(weights, CheckpointKind.WEIGHTS, where)
    origin = _origin(view, part, plan, run)
    height, width = trained["size"]
    gpus = [] if where.index is None else [where.index]
    hint = f"make the batch smaller than {batch_size}"
    with naming_memory(str(where), hint), torch.random.fork_rng(gpus):
        cache = read_parts(
            view,
            (part,),
            learns=plan.learns,
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
        match plan.learns:
            case Learnt.CLASSES:
                return _classes(task, cache, batch_size, origin)
            case Learnt.MASKS:
                return _masks(task, cache, batch_size, origin)
            case Learnt.BOXES:
                return _boxes(task, cache, batch_size, origin)


def _origin(view: View, part: str, plan: TaskPlan, run: Path) -> Origin:
    try:
        said = json.loads(read_text(run / SETTINGS))
        return Origin(
            target=plan.target.name if plan.target else _OWN,
            model=said["plan"]["model"],
            seed=said["settings"]["seed"],
            trained_on=said["data"]["dataset"],
            trained_split=said["data"]["split"],
            weights_sha256=hash_file(run / BEST),
            dataset=view.dataset.manifest.name,
            split=view.split,
            part=part,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CaseError(
            f"these are no settings of a training: {error}",
            where=str(run / SETTINGS),
            hint="give the folder that `thyrodata baseline train` made",
        ) from None


def _classes(task: Task, cache: Cache, batch_size: int, origin: Origin) -> ClassPredictions:
    return ClassPredictions(
        origin=origin,
        classes=cache.classes,
        image_ids=cache.image_ids,
        group_ids=cache.group_ids,
        labels=cache.labels.numpy(),
        probabilities=np.concatenate([each.cpu().numpy() for each in _predicted(task, cache, batch_size)]),
    )


def _masks(task: Task, cache: Cache, batch_size: int, origin: Origin) -> MaskPredictions:
    found: list[MaskPrediction] = []
    images = (image for batch in _predicted(task, cache, batch_size) for image in batch.cpu())
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
    return MaskPredictions(origin=origin, classes=cache.classes[1:], masks=tuple(found))


def _boxes(task: Task, cache: Cache, batch_size: int, origin: Origin) -> BoxPredictions:
    found = (each for batch in _predicted(task, cache, batch_size) for each in batch)
    return BoxPredictions(
        origin=origin,
        classes=cache.classes[1:],
        images=tuple(
            boxed_image(image_id, truth, _restored(each, placement))
            for image_id, truth, placement, each in zip(
                cache.image_ids, cache.true_boxes, cache.placements, found, strict=True
            )
        ),
        group_ids=cache.group_ids,
    )


def _restored(found: Mapping[str, Any], placement: Placement) -> dict[str, Any]:
    """Return what was found in the image's own pixels, without boxes that lie beside it altogether."""
    boxes = restored_boxes(found["boxes"].to(torch.float64), placement)
    inside = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return {
        "boxes": boxes[inside],
        "labels": found["labels"][inside],
        "scores": found["scores"][inside],
    }


def _predicted(task: Task, cache: Cache, batch_size: int) -> Iterator[Any]:
    """Yield what the task makes of batches."""
    device = next(iter(task.weights().values())).device
    for batch in cache.batches(batch_size):
        yield task.predicted(batch.images.to(device))
