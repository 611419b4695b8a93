"""Training a model on a dataset, from the first check to the last checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.baselines.checkpoints import weights_sha256
from thyrodata.baselines.parts import parts_sha256
from thyrodata.baselines.training import processes
from thyrodata.baselines.training.cache import Cache
from thyrodata.baselines.training.checks import check_learnable, chosen_device, leaks_of
from thyrodata.baselines.training.classify import ClassificationPlan
from thyrodata.baselines.training.failures import naming_compiler, naming_memory
from thyrodata.baselines.training.loop import Epoch, run_epochs
from thyrodata.baselines.training.randomness import Purpose, torch_seed
from thyrodata.baselines.training.reading import read_parts
from thyrodata.baselines.training.residence import free_bytes, settled
from thyrodata.baselines.training.runfolder import RunFolder, check_free
from thyrodata.baselines.training.settings import TrainSettings, Weighting
from thyrodata.baselines.training.stopping import Plateau
from thyrodata.baselines.training.supervised import plain
from thyrodata.baselines.training.task import Task, TaskPlan
from thyrodata.engine import Progress
from thyrodata.errors import OutputError, SplitError, UsageError
from thyrodata.exports.view import View
from thyrodata.io.extras import load_extra
from thyrodata.io.hashes import SUMS, read_sums
from thyrodata.schema.plain import to_plain

__all__ = ["Trained", "train"]

torch = load_extra("torch", "baselines")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training came to."""

    folder: Path
    classes: tuple[str, ...]
    epochs: int
    """How many were run; fewer than asked for after a plateau."""
    best_epoch: int
    figures: Mapping[str, float]
    """Of the best epoch. One run is no result: that takes several seeds and an interval."""
    weights_sha256: str
    """Of the last epoch's weights."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain | {"folder": str(self.folder)}


def train(
    view: View,
    plan: TaskPlan,
    settings: TrainSettings,
    out: Path,
    *,
    training: str = "train",
    validation: str | None = "val",
    device: str | None = None,
    resume: bool = False,
    accept_leaks: bool = False,
    progress: Progress | None = None,
    heard: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Train a model, and write settings, log and checkpoints.

    Called in each process of an initialised group of torch.distributed, all train one model: a step is then
    of as many batches as there are processes, of ``batch_size`` images each. The first process writes.

    On one CPU with as many threads, equal arguments give equal weights, also when the training was killed
    and resumed. A view shows an image without a finding only where its reader looked at all of it, so what
    nobody outlined is never learnt as a negative.

    Args:
        view: The dataset as a split and a reader show it: see
            :func:`thyrodata.baselines.training.reading.read_parts`.
        plan: What is learnt, and with which model.
        settings: How.
        out: A new folder, or with ``resume`` one of before.
        training: The part that is learnt from.
        validation: The part that the best epoch is chosen by. ``None`` for the training's loss, as augmented.
        device: Such as ``cpu`` or ``cuda``; by default a GPU if there is one.
        resume: Go on after the last whole epoch of what is in the folder.
        accept_leaks: Train on a split that leaks, which stands in the settings.
        progress: Called with the number of steps done and of all.
        heard: Called by the first process with each epoch, when it is written.

    Raises:
        UsageError: The view, plan and settings do not fit each other or the dataset, there is no such
            device, or what is to be resumed has other settings.
        SplitError: The split leaks.
        DatasetError: The dataset is damaged.
        CaseError: An image cannot be decoded, or what is to be resumed is damaged.
        TrainingError: A loss is not a number, the memory is too small, or the model cannot be compiled. What
            was written stays whole.
        OutputError: The folder is not empty, lies in the dataset, or cannot be written.
    """
    where = chosen_device(device)
    if out.resolve().is_relative_to(view.dataset.path.resolve()):
        raise OutputError(
            "the folder lies in the dataset, which holds its own files only",
            where=str(out),
            hint="give a folder beside it",
        )
    if processes.rank() == 0:
        check_free(out, resume=resume)
    leaks = leaks_of(view)
    if leaks and not accept_leaks:
        raise SplitError(
            f"the split {view.split!r} leaks: {leaks[0].message}",
            where=str(view.dataset.path),
            hint=f"`thyrodata split audit` lists {len(leaks)}; a new split has none: `thyrodata split make`",
        )
    hint = f"make the batch smaller than {settings.batch_size}, or the images than {settings.size} px"
    with naming_memory(str(where), hint):
        parts = (training,) if validation is None else (training, validation)
        caches = read_parts(
            view, parts, learns=plan.learns, target=plan.target, size=settings.size, fit=settings.fit
        )
        for part, cache in caches.items():
            check_learnable(cache, part, varied=part == training)
        if len(caches[training]) < processes.count():
            raise UsageError(
                f"{processes.count()} processes have fewer images to learn from: {len(caches[training])}",
                hint="start fewer",
            )
        data = {**_described(view, caches), "training": training, "validation": validation}
        if accept_leaks:
            data["leaks"] = len(leaks)
        said = {
            "data": data,
            "plan": dict(plan.describe()),
            "settings": plain(settings),
            "processes": processes.count(),
        }
        if isinstance(plan, ClassificationPlan) and plan.weighting is Weighting.INVERSE_FREQUENCY:
            caches[training] = caches[training].balanced()
        caches = settled(caches, where, free_bytes(where))
        gpus = [] if where.index is None else [where.index]
        # The caller's own random numbers stay as they were.
        with torch.random.fork_rng(gpus), naming_compiler(str(where)):
            task = _begun(plan, settings, caches[training].classes, where, validated=validation is not None)
            kept_on = caches[training].images.device
            folder = _opened(out, said, resume=resume, device=where, kept_on=kept_on)
            return _run(
                task, settings, folder, caches[training], caches.get(validation or ""), progress, heard
            )


def _opened(out: Path, settings: Mapping[str, Any], *, resume: bool, device: Any, kept_on: Any) -> RunFolder:
    """Return the folder: the first process makes it, before the others look at it."""
    writes = processes.rank() == 0
    if not writes:
        processes.wait()
    folder = RunFolder(out, settings, resume=resume, device=device, kept_on=kept_on, writes=writes)
    if writes:
        processes.wait()
    return folder


def _begun(
    plan: TaskPlan, settings: TrainSettings, classes: tuple[str, ...], device: Any, *, validated: bool
) -> Task:
    """Return the task with its first weights, if it has the figure that is watched."""
    torch.manual_seed(torch_seed(Purpose.WEIGHTS, settings.seed))
    task = plan.start(classes, device)
    if validated and settings.watch not in task.FIGURES:
        raise UsageError(
            f"there is no figure {settings.watch!r} to watch", hint=f"there are: {', '.join(task.FIGURES)}"
        )
    return task


def _run(
    task: Task,
    settings: TrainSettings,
    folder: RunFolder,
    training: Cache,
    validation: Cache | None,
    progress: Progress | None,
    heard: Callable[[Epoch], None] | None,
) -> Trained:
    stopping = Plateau(patience=settings.patience, min_delta=settings.min_delta)
    done, best, figures = 0, 0, {}
    if folder.begun is not None:
        task.restore(folder.begun["task"])
        stopping.restore(folder.begun["stopping"])
        done, best, figures = (folder.begun[name] for name in ("epoch", "best_epoch", "figures"))
    shape = {"classes": list(training.classes), "size": list(settings.size), "fit": settings.fit.value}
    for epoch in run_epochs(task, training, validation, settings, stopping, after=done, progress=progress):
        done = epoch.epoch
        if epoch.best:
            best, figures = done, dict(epoch.figures)
        folder.add(
            epoch,
            weights={"weights": task.weights(), **shape},
            state={
                "task": task.state(),
                "stopping": stopping.state(),
                "best_epoch": best,
                "figures": figures,
            },
        )
        if heard is not None and processes.rank() == 0:
            heard(epoch)
    return Trained(
        folder=folder.path,
        classes=training.classes,
        epochs=done,
        best_epoch=best,
        figures=figures,
        weights_sha256=weights_sha256(task.weights()),
    )


def _described(view: View, caches: Mapping[str, Cache]) -> dict[str, Any]:
    """Return what is learnt from, as plain values."""
    sums = read_sums(view.dataset.path / SUMS)
    return {
        "dataset": view.dataset.manifest.name,
        "records_sha256": sums["records.parquet"],
        "split": view.split,
        "split_sha256": parts_sha256(view),
        "reader": view.reader,
        "labels": f"{view.classes.scheme}, said of the {view.classes.scope.value}" if view.classes else None,
        "window": None if view.window is None else repr(view.window),
        "classes": list(next(iter(caches.values())).classes),
        "parts": {part: _counted(cache) for part, cache in sorted(caches.items())},
    }


def _counted(cache: Cache) -> dict[str, Any]:
    """Return how many images a part has: all, and those of each class."""
    if cache.labels is not None:
        counts = Counter(cache.labels.tolist())
    elif cache.boxes is not None:
        counts = Counter(n for boxes in cache.boxes for n in set(boxes.labels.tolist()))
    else:
        counts = Counter(
            n for truths in cache.truths for n, mask in enumerate(truths, 1) if len(mask.runs()) > 1
        )
    first = 0 if cache.labels is not None else 1
    return {
        "images": len(cache),
        "groups": len(set(cache.group_ids)),
        "images of": {name: counts[n] for n, name in enumerate(cache.classes[first:], first)},
        "left out": dict(cache.left_out),
    }
