"""Baselines on a dataset by the name of a recipe. Importing this module imports torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thyrodata.baselines.predictions import ClassPredictions, MaskPredictions, write_predictions
from thyrodata.baselines.recipes import Recipe, Task, find_recipe
from thyrodata.baselines.recipes.plan import plan
from thyrodata.baselines.training.predicting import predict
from thyrodata.baselines.training.run import Trained, train
from thyrodata.baselines.training.runfolder import SETTINGS
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import CaseError
from thyrodata.exports.classes import ClassScope, image_class
from thyrodata.exports.view import View, split_view
from thyrodata.io.files import read_text
from thyrodata.schema.plain import to_plain

__all__ = ["Predicted", "predict_baseline", "train_baseline"]

_VALIDATION = "val"


def train_baseline(
    dataset: Dataset | str | Path,
    recipe: str,
    out: str | Path,
    *,
    split: str = "default",
    reader: str | None = None,
    seed: int = 0,
    epochs: int | None = None,
    batch_size: int | None = None,
    pretrained: str | Path | None = None,
    device: str | None = None,
    resume: bool = False,
    accept_leaks: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Train a baseline on the part ``train`` of a split; where there is a part ``val``, it chooses the epoch.

    Args:
        dataset: The dataset, or its folder.
        recipe: Its name: see :data:`thyrodata.baselines.recipes.RECIPES`.
        out: A new folder, or with ``resume`` one of before.
        split: The split.
        reader: Whose findings are learnt; needed only where there are several readers and no consensus.
        seed: Of weights, order and augmentation. One run is no result: several seeds and an interval are.
        epochs: By default the recipe's.
        batch_size: By default the recipe's.
        pretrained: A file of weights to begin with: nothing is downloaded.
        device: Such as ``cpu`` or ``cuda``; by default a GPU if there is one.
        resume: Go on after the last whole epoch.
        accept_leaks: Train on a split that leaks, which stands in the settings.
        progress: Called with the number of steps done and of all.

    Raises:
        UsageError: There is no such recipe, nothing trains its task yet, or the dataset lacks what it learns.
        SplitError: The split leaks.
        DatasetError: The dataset is damaged, or has no such split.
        CaseError: An image or checkpoint is damaged.
        TrainingError: A loss is not a number, or the memory is too small.
        OutputError: The folder is not empty, or cannot be written.
    """
    chosen = find_recipe(recipe)
    shown = _shown(dataset, chosen, split, reader)
    settings = replace(
        chosen.settings,
        seed=seed,
        epochs=epochs or chosen.settings.epochs,
        batch_size=batch_size or chosen.settings.batch_size,
    )
    return train(
        shown,
        plan(chosen, shown.categories, Path(pretrained) if pretrained else None),
        settings,
        Path(out),
        validation=_VALIDATION if _VALIDATION in shown.parts else None,
        device=device,
        resume=resume,
        accept_leaks=accept_leaks,
        progress=progress,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Predictions that were written."""

    file: Path
    recipe: str
    images: int
    groups: int

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain | {"file": str(self.file)}


def predict_baseline(
    run: str | Path,
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    part: str = "test",
    split: str = "default",
    reader: str | None = None,
    batch_size: int = 16,
    device: str | None = None,
) -> Predicted:
    """Write what a trained baseline makes of a part of a dataset, with the truth beside it.

    Args:
        run: The folder of the training.
        dataset: The dataset, or its folder: that of the training or another.
        out: The Parquet file to write; one that is there is replaced.
        part: The part of the split.
        split: The split.
        reader: Whose findings are the truth; as of :func:`train_baseline`.
        batch_size: The most images at once.
        device: As of :func:`train_baseline`.

    Raises:
        UsageError: There is no such part, or the dataset has other classes than were learnt.
        DatasetError: The dataset is damaged, or has no such split.
        CaseError: The folder is none of a training, its weights are damaged, or an image is.
        TrainingError: The memory is too small.
        OutputError: The file cannot be written.
    """
    chosen = _recipe_of(Path(run))
    shown = _shown(dataset, chosen, split, reader)
    made = predict(
        shown,
        part,
        plan(chosen, shown.categories),
        Path(run),
        batch_size=batch_size,
        device=device,
    )
    write_predictions(Path(out), made)
    images, groups = _counted(made)
    return Predicted(file=Path(out), recipe=chosen.name, images=images, groups=groups)


def _shown(dataset: Dataset | str | Path, recipe: Recipe, split: str, reader: str | None) -> View:
    source = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    shown = split_view(source, split, reader)
    if recipe.task is not Task.CLASSIFICATION:
        return shown
    scope = ClassScope(recipe.endpoint.scope.value)
    return replace(shown, classes=image_class(source, recipe.endpoint.scheme, scope))


def _recipe_of(run: Path) -> Recipe:
    place = run / SETTINGS
    try:
        name = json.loads(read_text(place))["plan"]["model"]
    except (ValueError, KeyError, TypeError) as error:
        raise CaseError(
            f"these are no settings of a training: {error}",
            where=str(place),
            hint="give the folder that `thyrodata baseline train` made",
        ) from None
    return find_recipe(name)


def _counted(made: ClassPredictions | MaskPredictions) -> tuple[int, int]:
    if isinstance(made, ClassPredictions):
        return len(made.image_ids), len(set(made.group_ids))
    return len({mask.image_id for mask in made.masks}), len({mask.group_id for mask in made.masks})
