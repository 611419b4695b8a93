"""Commands about reference baselines: list, train, predict, evaluate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, Json, Quiet, group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thyrodata.baselines.evaluation import Evaluation
    from thyrodata.baselines.metrics.intervals import Measured
    from thyrodata.baselines.recipes.listing import ListedRow

__all__ = ["app", "evaluate", "list_baselines", "predict", "train"]

Split = Annotated[str, typer.Option(help="The split whose parts are used.")]
Reader = Annotated[
    str | None, typer.Option(help="Whose findings, where there are several readers and no consensus.")
]
Device = Annotated[str | None, typer.Option(help="Such as cpu or cuda; by default a GPU, if there is one.")]

app = group("Train and evaluate reference baselines beside the figures that papers printed.")


@app.command("list")
def list_baselines(*, json: Json = False, quiet: Quiet = False) -> None:
    """List every row of the papers' tables: run by a recipe, stood in for by another model, or absent.

    Figures as printed, what speaks against them, sources, reasons and whole recipes are in the JSON.
    """
    from thyrodata.baselines.published import PAPERS
    from thyrodata.baselines.recipes import RECIPES
    from thyrodata.baselines.recipes.listing import list_rows
    from thyrodata.baselines.recipes.plain import paper_json, recipe_json, row_json
    from thyrodata.cli.output import emit

    rows = list_rows()
    said = {
        "papers": [paper_json(paper) for paper in PAPERS],
        "rows": [row_json(row) for row in rows],
        "recipes": [recipe_json(recipe) for recipe in RECIPES.values()],
    }
    emit(said, lambda: _print(rows), json=json, quiet=quiet)


def _print(rows: Sequence[ListedRow]) -> None:
    from thyrodata.baselines.recipes.listing import own_recipes
    from thyrodata.cli.output import NOTHING, lines, table

    table(
        ("table", "row", "standing", "recipe", "flags"),
        [
            (
                each.row.table,
                each.row.name,
                each.standing.value,
                each.recipe or NOTHING,
                str(len(each.flags)) if each.flags else NOTHING,
            )
            for each in rows
        ],
    )
    lines(f"ours         {recipe.name}: {recipe.title}" for recipe in own_recipes())
    lines(["note: figures, flags, and why a row is absent: `thyrodata baseline list --json`"])


@app.command("train")
def train(
    data: Data,
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="As in list, such as best/segment.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.")],
    split: Split = "default",
    reader: Reader = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="By default the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="By default the recipe's.")] = None,
    pretrained: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights to begin with; nothing is downloaded.")
    ] = None,
    device: Device = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last whole epoch.")] = False,
    accept_leaks: Annotated[
        bool, typer.Option("--accept-leaks", help="Train on a split that leaks; the settings say so.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a baseline on the part train of a split; the part val chooses the best epoch."""
    from thyrodata.baselines.running import train_baseline
    from thyrodata.cli.output import emit, lines, progress

    with progress(recipe, quiet=quiet or json) as show:
        made = train_baseline(
            data,
            recipe,
            out,
            split=split,
            reader=reader,
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
            pretrained=pretrained,
            device=device,
            resume=resume,
            accept_leaks=accept_leaks,
            progress=show,
        )
    figures = ", ".join(f"{name} {value:.3f}" for name, value in made.figures.items())
    said = [
        f"trained {made.epochs} epochs into {made.folder}; the best is {made.best_epoch}: {figures}",
        "note: one run is no result: that takes several seeds, a test part and intervals",
    ]
    emit(made.to_json(), lambda: lines(said), json=json, quiet=quiet)


@app.command("predict")
def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a training.")],
    data: Data,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The Parquet file to write.")],
    part: Annotated[str, typer.Option(help="The part of the split.")] = "test",
    split: Split = "default",
    reader: Reader = None,
    batch_size: Annotated[int, typer.Option(min=1, help="The most images at once.")] = 16,
    device: Device = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write what a trained baseline makes of a part of a dataset, with the truth beside it."""
    from thyrodata.baselines.running import predict_baseline
    from thyrodata.cli.output import emit, lines

    made = predict_baseline(
        run, data, out, part=part, split=split, reader=reader, batch_size=batch_size, device=device
    )
    said = [f"{made.recipe}: {made.images} images of {made.groups} groups in {made.file}"]
    emit(made.to_json(), lambda: lines(said), json=json, quiet=quiet)


@app.command("evaluate")
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
    yield f"target       {made.target}"
    yield f"note: {made.images} images of {made.groups} groups; intervals are over groups, of one training"
    yield from (f"note: {level.of}: {level.tied} ties" for level in made.levels if level.tied)
    if made.not_voted:
        yield f"note: no group was decided: {made.not_voted}"
