"""The evaluation of a model by several runs: one training says nothing of what another would have given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev

from thyrodata.agreement.resampling import Resampling
from thyrodata.baselines.cost import read_cost
from thyrodata.baselines.evaluation.axes import image_axes
from thyrodata.baselines.evaluation.model import (
    Level,
    Repeated,
    RepeatedFigure,
    RepeatedLevel,
    RepeatedStratum,
)
from thyrodata.baselines.evaluation.pooling import Run, prediction_files, runs_of
from thyrodata.baselines.evaluation.single import levels_of
from thyrodata.baselines.evaluation.truths import groups_of
from thyrodata.baselines.metrics.intervals import Measured
from thyrodata.baselines.metrics.strata import Stratum
from thyrodata.baselines.parts import held_out_of
from thyrodata.baselines.predictions import BoxPredictions, ClassPredictions, MaskPredictions
from thyrodata.dataset import Dataset

__all__ = ["evaluate_repeated"]


def evaluate_repeated(
    files: Sequence[str | Path],
    *,
    seed: int = 0,
    resamples: int = 1000,
    data: Dataset | str | Path | None = None,
    by: Sequence[str] = (),
    without_finding: str | None = None,
) -> Repeated:
    """Return figures of a model: of each run with its interval, and of all runs mean and standard deviation.

    Files that agree in all but seed, weights and the split of the training are runs of one model. Several of
    one seed are the held-out folds of a cross-validation: they are joined to one run, in which each image is
    predicted once, by a training that did not see it. Figures are those of :func:`evaluate_predictions`.

    Args:
        files: Of predictions, or folders of such files. Their order decides nothing.
        seed: Of the resamples.
        resamples: How many.
        data: As of :func:`evaluate_predictions`.
        by: Likewise.
        without_finding: Likewise.

    Raises:
        UsageError: As of :func:`evaluate_predictions`, or the files are not runs of one model.
        CaseError: One cannot be read.
        RawLayoutError: One holds no predictions.
        DatasetError: As of :func:`evaluate_predictions`.
    """
    resampling = Resampling(seed=seed, resamples=resamples)
    runs = runs_of(prediction_files(files))
    first = runs[0].said
    # All runs are of the same images, of which the same is true.
    axes = image_axes(first, Dataset(data) if isinstance(data, str | Path) else data, by)
    evaluated = [levels_of(run.said, axes, resampling, without_finding) for run in runs]
    groups = groups_of(first)
    return Repeated(
        target=first.origin.target,
        model=first.origin.model,
        trained_on=first.origin.trained_on,
        dataset=first.origin.dataset,
        split=held_out_of(first.origin.split)[0],
        part=first.origin.part,
        classes=first.classes,
        images=len(groups),
        groups=len(set(groups.values())),
        seeds=tuple(run.seed for run in runs),
        folds=len(runs[0].files),
        levels=tuple(_level(same) for same in zip(*(levels for levels, _ in evaluated), strict=True)),
        cost=read_cost(runs[0].files[0]),
        notes=tuple(_notes(runs, evaluated)),
    )


def _level(runs: Sequence[Level]) -> RepeatedLevel:
    return RepeatedLevel(
        of=runs[0].of,
        figures=tuple(_figure(same) for same in zip(*(run.figures for run in runs), strict=True)),
        strata=tuple(_stratum(same) for same in zip(*(run.strata for run in runs), strict=True)),
    )


def _figure(runs: Sequence[Measured]) -> RepeatedFigure:
    values = [run.value for run in runs if run.value is not None]
    whole = len(values) == len(runs)
    return RepeatedFigure(
        name=runs[0].name,
        unit=runs[0].unit,
        mean=fmean(values) if whole else None,
        sd=stdev(values) if whole and len(values) > 1 else None,
        runs=tuple(runs),
    )


def _stratum(runs: Sequence[Stratum]) -> RepeatedStratum:
    first = runs[0]
    figures = [run.figure for run in runs if run.figure is not None]
    return RepeatedStratum(
        axis=first.axis,
        value=first.value,
        name=first.name,
        units=first.units,
        groups=first.groups,
        figure=_figure(figures) if len(figures) == len(runs) else None,
    )


def _notes(runs: Sequence[Run], evaluated: Sequence[tuple[tuple[Level, ...], str]]) -> Iterator[str]:
    if len(runs) == 1:
        one = "one training" if len(runs[0].files) == 1 else "one training of each fold"
        yield f"of {one}: what another seed would give is not known"
    else:
        yield f"mean and standard deviation (n - 1) over {len(runs)} seeds on the same images"
    origin = runs[0].said.origin
    if origin.dataset == origin.trained_on and origin.split != origin.trained_split:
        yield (
            f"learnt and evaluated are datasets named {origin.dataset}, by other splits: whether images were"
            " learnt is not known here, and `evaluate RUN --on` looks for them"
        )
    folds = len(runs[0].files)
    if folds > 1:
        yield f"{folds} held-out folds are joined: each image is predicted by a training that did not see it"
        ranking = _ranking(runs[0])
        if ranking:
            yield f"{ranking} scores of different trainings together, which need not be on one scale"
    for run, (levels, not_voted) in zip(runs, evaluated, strict=True):
        of = f"seed {run.seed}: " if len(runs) > 1 else ""
        if not_voted:
            yield f"{of}no group was decided: {not_voted}"
        yield from (f"{of}{each}" for level in levels for each in _left_out(level))


def _ranking(run: Run) -> str:
    """Return the figures that rank the scores of all images, if there are any."""
    match run.said:
        case ClassPredictions():
            return "AUC ranks"
        case MaskPredictions():
            return ""
        case BoxPredictions():
            return "AP and FROC rank"


def _left_out(level: Level) -> Iterator[str]:
    counts = (
        ("left out, since no one class is true", level.unlabelled),
        ("left out, since nothing was found to decide by", level.undecided),
        ("tied, and taken for the first of the classes that lead", level.tied),
    )
    yield from (f"{level.of}: {what}: {count}" for what, count in counts if count)
