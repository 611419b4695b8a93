"""The command that computes figures of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Json, Quiet

if TYPE_CHECKING:
    from thyrodata.baselines.evaluation import Evaluation
    from thyrodata.baselines.metrics.intervals import Measured

__all__ = ["evaluate"]


def evaluate(
    predictions: Annotated[Path, typer.Argument(metavar="PREDICTIONS", help="What predict wrote.")],
    *,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    resamples: Annotated[int, typer.Option(min=40, help="Of groups, for the intervals.")] = 1000,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compute figures of predictions, of images and of groups, each with its interval over groups."""
    from thyrodata.baselines.evaluation import evaluate_predictions
    from thyrodata.cli.output import emit

    made = evaluate_predictions(predictions, seed=seed, resamples=resamples)
    emit(made.to_json(), lambda: _print_evaluation(made), json=json, quiet=quiet)


def _print_evaluation(made: Evaluation) -> None:
    from thyrodata.cli.output import lines, table

    rows = [(level.of, *_cells(figure)) for level in made.levels for figure in level.figures if figure.units]
    table(("of", "figure", "value", "95 % interval", "units", "undefined", "groups"), rows)
    lines(_evaluation_notes(made))


def _cells(figure: Measured) -> tuple[str, ...]:
    from thyrodata.cli.output import NOTHING

    unit = f" {figure.unit}" if figure.unit else ""
    value = NOTHING if figure.value is None else f"{figure.value:.3f}{unit}"
    interval = NOTHING if figure.low is None else f"{figure.low:.3f} to {figure.high:.3f}"
    return figure.name, value, interval, str(figure.units), str(figure.undefined), str(figure.groups)


def _evaluation_notes(made: Evaluation) -> Iterator[str]:
    yield f"target       {made.origin.target}"
    yield f"note: {made.images} images of {made.groups} groups; intervals are over groups, of one training"
    yield from (f"note: {level.of}: {level.tied} ties" for level in made.levels if level.tied)
    if made.not_voted:
        yield f"note: no group was decided: {made.not_voted}"
