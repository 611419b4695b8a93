"""Trainings of one recipe that differ in the seed, or in the fold that is held out. Imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from thyrodata.baselines.parts import folds_of
from thyrodata.baselines.running import train_baseline
from thyrodata.baselines.runs import RUNS, SETTINGS
from thyrodata.baselines.training import processes
from thyrodata.baselines.training.run import Trained
from thyrodata.baselines.training.runfolder import check_free
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import OutputError, TrainingError
from thyrodata.exports.view import split_view
from thyrodata.schema.plain import to_plain

__all__ = ["Spread", "TrainedRuns", "train_repeatedly"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure over several trainings."""

    name: str
    mean: float
    sd: float | None
    """The sample's standard deviation, with n - 1; ``None`` of one training."""
    n: int
    """Trainings that have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRuns:
    """What trainings of one recipe came to."""

    folder: Path
    runs: tuple[Trained, ...]

    @property
    def spreads(self) -> tuple[Spread, ...]:
        """Figures of the best epochs, of the part that chose them: what they say of other images is less."""
        return tuple(_spreads(self.runs))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "folder": str(self.folder),
            "runs": [run.to_json() for run in self.runs],
            "spreads": [to_plain(spread) for spread in self.spreads],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    folder: Path
    seed: int
    held_out: str | None


def train_repeatedly(
    dataset: Dataset | str | Path,
    recipe: str,
    out: str | Path,
    *,
    seeds: int | None = None,
    folds: bool = False,
    split: str = "default",
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
) -> TrainedRuns:
    """Train a baseline once, with several seeds, or on each fold of a split for cross-validation.

    Seeds are in ``seed-0``, ``seed-1`` ... of the folder, folds in ``fold-0`` ..., and seeds of folds in
    ``fold-0/seed-0`` .... The part of a split that is made by ``split make --folds`` is held out, and may be
    predicted as the part ``test``: see :func:`thyrodata.baselines.parts.hold_out`.

    Args:
        dataset: As of :func:`thyrodata.baselines.running.train_baseline`, like all that is not named here.
        recipe: Its name.
        out: A new folder, or with ``resume`` one of before.
        seeds: How many, from ``seed`` on; ``None`` for one training without a folder of its own.
        folds: Whether each fold is held out once.
        split: The split; of folds, if these are asked for.
        reader: See there.
        seed: The first one.
        epochs: See there.
        batch_size: See there.
        pretrained: See there.
        device: See there.
        compiled: See there.
        tensorboard: See there.
        resume: Go on where it ended. A training whose last checkpoint is of the last epoch, or of a plateau,
            under the same settings, is not run again.
        accept_leaks: See there.
        progress: Called with the steps done and those of all trainings, if each has as many as this one.

    Raises:
        UsageError: The split is none for cross-validation; and as of
            :func:`~thyrodata.baselines.running.train_baseline`, like all other errors.
        OutputError: The folder holds something else.
    """
    source = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    planned = _planned(source, Path(out), split=split, reader=reader, seed=seed, seeds=seeds, folds=folds)
    made = []
    with processes.joined(device):
        if processes.rank() == 0:
            _check_folder(Path(out), planned, resume=resume)
        for number, each in enumerate(planned):
            try:
                run = train_baseline(
                    source,
                    recipe,
                    each.folder,
                    split=split,
                    held_out=each.held_out,
                    reader=reader,
                    seed=each.seed,
                    epochs=epochs,
                    batch_size=batch_size,
                    pretrained=pretrained,
                    device=device,
                    compiled=compiled,
                    tensorboard=tensorboard,
                    resume=resume,
                    accept_leaks=accept_leaks,
                    progress=progress and partial(_show, progress, number, len(planned)),
                )
            except TrainingError as error:
                where = f"{each.folder}, {error.where}"
                raise TrainingError(error.message, where=where, hint=error.hint) from None
            made.append(run)
    return TrainedRuns(folder=Path(out), runs=tuple(made))


def _planned(
    dataset: Dataset,
    out: Path,
    *,
    split: str,
    reader: str | None,
    seed: int,
    seeds: int | None,
    folds: bool,
) -> Sequence[_Planned]:
    held_out = folds_of(split_view(dataset, split, reader)) if folds else (None,)
    return [
        _Planned(
            folder=out.joinpath(
                *([f"fold-{fold.removeprefix('fold')}"] if fold else []), *([f"seed-{n}"] if seeds else [])
            ),
            seed=n,
            held_out=fold,
        )
        for fold in held_out
        for n in range(seed, seed + (seeds or 1))
    ]


def _check_folder(out: Path, planned: Sequence[_Planned], *, resume: bool) -> None:
    check_free(out, resume=resume)
    folders = {each.folder for each in planned}
    there = {
        place.parent for pattern in ("", *RUNS) for place in out.glob(f"{pattern}/{SETTINGS}".lstrip("/"))
    }
    if there - folders:
        raise OutputError(
            f"the folder holds another training: {min(there - folders)}",
            where=str(out),
            hint="resume with the seeds and folds that it began with, or more; or give another folder",
        )


def _show(progress: Progress, number: int, runs: int, done: int, total: int) -> None:
    progress(number * total + done, runs * total)


def _spreads(runs: Sequence[Trained]) -> Iterator[Spread]:
    for name in dict.fromkeys(name for run in runs for name in run.figures):
        values = [run.figures[name] for run in runs if name in run.figures]
        sd = stdev(values) if len(values) > 1 else None
        yield Spread(name=name, mean=mean(values), sd=sd, n=len(values))
