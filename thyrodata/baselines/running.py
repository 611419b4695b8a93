"""Baselines on a dataset by the name of a recipe. Importing this module imports torch."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thyrodata.baselines.checkpoints import CheckpointKind, read_checkpoint
from thyrodata.baselines.cost import Cost, write_cost
from thyrodata.baselines.evaluation.truths import groups_of
from thyrodata.baselines.measuring import measure_cost
from thyrodata.baselines.parts import TEST, VALIDATION, hold_out
from thyrodata.baselines.predictions import write_predictions
from thyrodata.baselines.recipes import Recipe, Task, find_recipe
from thyrodata.baselines.recipes.plan import plan
from thyrodata.baselines.seen import read_taught, unseen_view
from thyrodata.baselines.training import processes
from thyrodata.baselines.training.checks import chosen_device
from thyrodata.baselines.training.curves import write_curves
from thyrodata.baselines.training.events import Events
from thyrodata.baselines.training.failures import naming_memory
from thyrodata.baselines.training.predicting import predict
from thyrodata.baselines.training.run import Trained, train
from thyrodata.baselines.training.runfolder import BEST
from thyrodata.baselines.training.task import TaskPlan
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.exports.classes import ClassScope, image_class
from thyrodata.exports.view import View, split_view
from thyrodata.io.extras import load_extra
from thyrodata.schema.plain import to_plain

__all__ = ["Predicted", "predict_baseline", "predicted_view", "train_baseline"]

torch = load_extra("torch", "baselines")


def train_baseline(
    dataset: Dataset | str | Path,
    recipe: str,
    out: str | Path,
    *,
    split: str = "default",
    held_out: str | None = None,
    reader: str | None = None,
    seed: int = 0,
    epochs: int | None = None,
    batch_size: int | None = None,
    pretrained: str | Path | None = None,
    device: str | None = None,
    compiled: bool = False,
    tensorboard: bool = False,
    resume: bool = False,
    accept_leaks: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Train a baseline on the part ``train`` of a split; where there is a part ``val``, it chooses the epoch.

    Started by ``torchrun``, its processes train one model in all: see
    :func:`thyrodata.baselines.training.run.train`.

    Args:
        dataset: The dataset, or its folder.
        recipe: Its name: see :data:`thyrodata.baselines.recipes.RECIPES`.
        out: A new folder, or with ``resume`` one of before. Beside what the training writes it is given its
            curves as ``curves.png``.
        split: The split.
        held_out: Of a split for cross-validation, the fold that is not looked at: see
            :func:`thyrodata.baselines.parts.hold_out`.
        reader: Whose findings are learnt; needed only where there are several readers and no consensus.
        seed: Of weights, order and augmentation. One run is no result: several seeds and an interval are.
        epochs: By default the recipe's.
        batch_size: By default the recipe's.
        pretrained: A file of weights to begin with: nothing is downloaded.
        device: Such as ``cpu`` or ``cuda``; by default a GPU if there is one.
        compiled: Whether ``torch.compile`` makes the model faster. Other bits may come of it.
        tensorboard: Whether each epoch is written for TensorBoard too, to ``events`` in the folder.
        resume: Go on after the last whole epoch.
        accept_leaks: Train on a split that leaks, which stands in the settings.
        progress: Called with the number of steps done and of all.

    Raises:
        UsageError: There is no such recipe, or the dataset lacks what it learns.
        SplitError: The split leaks.
        DatasetError: The dataset is damaged, or has no such split.
        CaseError: An image or checkpoint is damaged.
        TrainingError: A loss is not a number, the memory is too small, or the model cannot be compiled.
        OutputError: The folder is not empty, or cannot be written.
        MissingExtraError: TensorBoard is asked for and not installed.
    """
    chosen = find_recipe(recipe)
    source = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    shown = _fitting(split_view(source, split, reader), chosen)
    if held_out is not None:
        shown = hold_out(shown, held_out)
    if compiled:
        chosen = replace(chosen, optimisation=replace(chosen.optimisation, compiled=True))
    settings = replace(
        chosen.settings,
        seed=seed,
        epochs=epochs or chosen.settings.epochs,
        batch_size=batch_size or chosen.settings.batch_size,
    )
    with (
        processes.joined(device),
        Events(Path(out) / "events") if tensorboard else nullcontext() as events,
    ):
        made = train(
            shown,
            plan(chosen, shown.categories, Path(pretrained) if pretrained else None),
            settings,
            Path(out),
            validation=VALIDATION if VALIDATION in shown.parts else None,
            device=device,
            resume=resume,
            accept_leaks=accept_leaks,
            progress=progress,
            heard=events,
        )
        if processes.rank() == 0:
            write_curves(Path(out), chosen.name, settings.watch)
    return made


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
    part: str = TEST,
    split: str | None = None,
    reader: str | None = None,
    batch_size: int = 16,
    device: str | None = None,
) -> Predicted:
    """Write what a trained baseline makes of a part of a dataset, with the truth beside it.

    What the model costs is measured, and stands beside the file: see :mod:`thyrodata.baselines.cost`.

    Args:
        run: The folder of the training.
        dataset: The dataset, or its folder: that of the training or another.
        out: The Parquet file to write; one that is there is replaced.
        part: The part of the split. Of a cross-validation ``test`` is the fold that was held out. Of another
            dataset than that of the training ``all`` is every image; of a split that is named, every one that
            it does not exclude.
        split: The split; by default that of the training on its own dataset, and on another ``default``, or
            for ``all`` none.
        reader: Whose findings are the truth; as of :func:`train_baseline`.
        batch_size: The most images at once.
        device: As of :func:`train_baseline`.

    Raises:
        UsageError: There is no such part, images of it were learnt, or the dataset has other classes.
        DatasetError: The dataset is damaged, or has no such split.
        CaseError: The folder is none of a training, its weights are damaged, or an image is.
        TrainingError: The memory is too small.
        OutputError: The file cannot be written.
    """
    recipe, shown = predicted_view(run, dataset, part=part, split=split, reader=reader)
    planned = plan(recipe, shown.categories)
    made = predict(shown, part, planned, Path(run), batch_size=batch_size, device=device)
    write_predictions(Path(out), made)
    write_cost(Path(out), _cost(planned, Path(run), device))
    groups = groups_of(made)
    return Predicted(file=Path(out), recipe=recipe.name, images=len(groups), groups=len(set(groups.values())))


def predicted_view(
    run: str | Path, dataset: Dataset | str | Path, *, part: str, split: str | None, reader: str | None
) -> tuple[Recipe, View]:
    """Return a training's recipe, and a dataset as what was trained may be applied to a part of it.

    Args:
        run: As of :func:`predict_baseline`, like all else.
        dataset: See there.
        part: See there.
        split: See there.
        reader: See there.

    Raises:
        UsageError: Images of the part were learnt; there is no such reader.
        DatasetError: The dataset is damaged, or has no such split.
        CaseError: The folder is none of a training.
    """
    taught = read_taught(Path(run))
    recipe = find_recipe(taught.recipe)
    source = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    return recipe, _fitting(unseen_view(source, taught, part, split, reader), recipe)


def _fitting(shown: View, recipe: Recipe) -> View:
    """Return a view as a recipe's task reads it."""
    if recipe.task is not Task.CLASSIFICATION:
        return shown
    scope = ClassScope(recipe.endpoint.scope.value)
    return replace(shown, classes=image_class(shown.dataset, recipe.endpoint.scheme, scope))


def _cost(planned: TaskPlan, run: Path, device: str | None) -> Cost:
    where = chosen_device(device)
    trained = read_checkpoint(run / BEST, CheckpointKind.WEIGHTS, where)
    height, width = trained["size"]
    hint = f"an image of {height} x {width} px does not fit: take a device with more"
    with naming_memory(str(where), hint), torch.random.fork_rng([] if where.index is None else [where.index]):
        task = planned.start(trained["classes"], where)
        task.use(trained["weights"])
        return measure_cost(task, (height, width), run / BEST, where)
