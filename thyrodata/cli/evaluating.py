"""The command that computes figures of predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Json, Quiet

if TYPE_CHECKING:
    from thyrodata.baselines.evaluation import Repeated, RepeatedFigure, RepeatedLevel, RepeatedStratum
    from thyrodata.baselines.external import ExternalValidation

__all__ = ["evaluate"]

_SHOWN = frozenset(
    {"accuracy", "majority_rate", "balanced_accuracy", "auc", "ece", "recall", "specificity", "precision"}
    | {"dice_mean", "iou_mean", "dice_pooled", "iou_pooled", "bf_mean", "hd95_max_mean", "mmcl_mean"}
    | {"ap", "ap50", "ap75", "ar_100", "froc@0.5", "froc@1", "froc_mean"}
)
"""Figures that the table has, of all or of a class; the JSON has every one."""


def evaluate(
    predictions: Annotated[
        list[Path],
        typer.Argument(
            metavar="PREDICTIONS...", help="What predict wrote, or folders of it; with --on a run."
        ),
    ],
    *,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DATA", help="The dataset that was predicted, for --by.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="AXIS", help="Strata: class, markers, size_px, size_mm or a vocabulary."),
    ] = None,
    without_finding: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="What an image without a finding counts as; by default nothing."),
    ] = None,
    on: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="Another dataset, which the run predicts first.")
    ] = None,
    trained_on: Annotated[
        Path | None, typer.Option(metavar="DATA", help="With --on, the dataset of the training.")
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="With --on, the part of OTHER, or all; by default test.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="With --on, the split of OTHER.")] = None,
    reader: Annotated[str | None, typer.Option(help="With --on, whose findings are the truth.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="With --on, keep the predictions.")
    ] = None,
    accept_shared: Annotated[
        bool, typer.Option("--accept-shared", help="With --on, evaluate also images that were learnt.")
    ] = False,
    device: Annotated[str | None, typer.Option(help="With --on, such as cpu or cuda.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="With --on, processes to compare images with.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    resamples: Annotated[int, typer.Option(min=40, help="Of groups, for the intervals.")] = 1000,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compute figures of predictions, each with its interval over groups.

    Several files are runs of one model: those of one seed are its folds, and those of several seeds give mean
    and standard deviation.
    """
    from thyrodata.baselines.evaluation import evaluate_repeated
    from thyrodata.cli.output import emit, progress

    axes = by or ()
    if on is None:
        _refuse_external(trained_on, out, part, split, reader, device, accept_shared=accept_shared)
        made = evaluate_repeated(
            predictions,
            seed=seed,
            resamples=resamples,
            data=data,
            by=axes,
            without_finding=without_finding,
        )
        emit(made.to_json(), lambda: _print(made), json=json, quiet=quiet)
        return
    from thyrodata.baselines.external import validate_externally

    run, source = _run_and_source(predictions, trained_on, data)
    with progress("compared", quiet=quiet or json) as show:
        external = validate_externally(
            run,
            on,
            source,
            out=out,
            part=part or "test",
            split=split,
            reader=reader,
            device=device,
            accept_shared=accept_shared,
            seed=seed,
            resamples=resamples,
            by=axes,
            without_finding=without_finding,
            workers=workers,
            progress=show,
        )
    emit(external.to_json(), lambda: _print_external(external), json=json, quiet=quiet)


def _refuse_external(*given: object, accept_shared: bool) -> None:
    from thyrodata.errors import UsageError

    if accept_shared or any(each is not None for each in given):
        raise UsageError(
            "--trained-on, --out, --part, --split, --reader, --device and --accept-shared go with --on only",
            hint="name with --on the other dataset, or leave them out",
        )


def _run_and_source(
    predictions: Sequence[Path], trained_on: Path | None, data: Path | None
) -> tuple[Path, Path]:
    from thyrodata.errors import UsageError

    if len(predictions) != 1 or trained_on is None or data is not None:
        raise UsageError(
            "with --on goes the folder of one training, and --trained-on; the dataset of --by is OTHER",
            hint="`thyrodata baseline evaluate RUN --on OTHER --trained-on DATA`",
        )
    return predictions[0], trained_on


def _print_external(made: ExternalValidation) -> None:
    from thyrodata.cli.output import images, lines

    _print(made.evaluation)
    shared = made.shared
    seen = f"{images(shared.shared)} of {shared.evaluated}"
    said = [f"note: external: {seen} shared with the {shared.learnt} that the training saw"]
    said += [f"note: the first: {shared.first}"] if shared.first else []
    said += [f"note: {images(shared.unread)} could not be compared as pictures"] if shared.unread else []
    lines(said)


def _print(made: Repeated) -> None:
    from thyrodata.cli.output import lines, table

    several = len(made.seeds) > 1
    header = ("mean", "sd") if several else ("value", "95 % interval")
    for level in made.levels:
        rows = [_row(figure, several=several) for figure in _shown(level)]
        table(("figure", *header, "units", "undefined", "groups"), rows, title=level.of)
        if level.strata:
            strata = [_stratum(each, several=several) for each in level.strata]
            table(("by", "stratum", "figure", *header, "units", "groups"), strata, title=level.of)
    lines(_notes(made))


def _shown(level: RepeatedLevel) -> Iterator[RepeatedFigure]:
    for figure in level.figures:
        if figure.name.split("/", 1)[0] in _SHOWN and any(run.units for run in figure.runs):
            yield figure


def _row(figure: RepeatedFigure, *, several: bool) -> tuple[str, ...]:
    counts = zip(*((run.units, run.undefined, run.groups) for run in figure.runs), strict=True)
    return figure.name, *_said(figure, several=several), *(_range(each) for each in counts)


def _range(counts: Sequence[int]) -> str:
    """Return a count of all runs: a model that never predicts a class has no unit to be precise about."""
    least, most = min(counts), max(counts)
    return str(least) if least == most else f"{least} to {most}"


def _stratum(each: RepeatedStratum, *, several: bool) -> tuple[str, ...]:
    from thyrodata.cli.output import NOTHING

    said = (NOTHING, "too few groups") if each.figure is None else _said(each.figure, several=several)
    return each.axis, each.value or "unknown", each.name, *said, str(each.units), str(each.groups)


def _said(figure: RepeatedFigure, *, several: bool) -> tuple[str, str]:
    """Return the mean and how runs scatter or, of one run, the value and its interval."""
    from thyrodata.cli.output import NOTHING

    unit = f" {figure.unit}" if figure.unit else ""
    value = NOTHING if figure.mean is None else f"{figure.mean:.3f}{unit}"
    if several:
        return value, NOTHING if figure.sd is None else f"{figure.sd:.3f}"
    run = figure.runs[0]
    return value, NOTHING if run.low is None else f"{run.low:.3f} to {run.high:.3f}"


def _notes(made: Repeated) -> Iterator[str]:
    yield f"target       {made.target}"
    yield f"model        {made.model}, trained on {made.trained_on}"
    yield f"evaluated    part {made.part} of {made.dataset}: {made.images} images of {made.groups} groups"
    if made.cost:
        cost = made.cost
        yield (
            f"cost         {cost.parameters / 1e6:.2f} M parameters, {cost.macs / 1e9:.2f} G multiply-adds, "
            f"{cost.weights_bytes / 2**20:.1f} MiB"
        )
        yield f"latency      {cost.latency_ms:.1f} ms: {cost.measured_on}"
    yield from (f"note: {note}" for note in made.notes)
    yield "note: intervals are of 95 %, over groups; definitions, runs and all figures: --json"
