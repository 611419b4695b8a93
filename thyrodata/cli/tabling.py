"""The commands that set trained baselines beside printed figures, and give one to others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Json, Out, Quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thyrodata.baselines.exporting.run import Exported

__all__ = ["export", "table"]

Seed = Annotated[int, typer.Option(min=0, help="Of the resamples.")]
Resamples = Annotated[int, typer.Option(min=40, help="Of groups, for the intervals.")]


def table(
    predictions: Annotated[
        list[Path], typer.Argument(metavar="PREDICTIONS", help="Files that predict wrote, or folders.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it, and print nothing of it.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="markdown|csv|latex", help="How it is laid out.")
    ] = "markdown",
    seed: Seed = 0,
    resamples: Resamples = 1000,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Set models beside the rows that papers printed, each figure with spread over seeds and intervals."""
    from thyrodata.baselines.tables import laid_out, parse_format, tabulate
    from thyrodata.cli.output import emit, lines
    from thyrodata.io.files import write_file

    chosen = parse_format(form)
    made = tabulate(predictions, seed=seed, resamples=resamples)
    said = laid_out(made, chosen)
    if out is not None:
        write_file(out, said.encode())
        said = f"{len(made.models)} models in {out}\n"
    emit(made.to_json(), lambda: lines([said.rstrip("\n")]), json=json, quiet=quiet)


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a training.")],
    *,
    out: Out,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DATA", help="Its dataset, for the terms of the images.")
    ] = None,
    predictions: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="What predict wrote, for figures in the card; may be repeated."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a trained model as ONNX, compared with itself in torch, and a model card."""
    from thyrodata.baselines.exporting.run import export_baseline
    from thyrodata.cli.output import emit, lines

    made = export_baseline(run, out, data=data, predictions=predictions or ())
    emit(made.to_json(), lambda: lines(_exported(made)), json=json, quiet=quiet)


def _exported(made: Exported) -> Iterator[str]:
    yield f"{made.recipe} in {made.folder}: model.onnx, model.json, README.md"
    yield from (f"note: {each.output} differ from torch by {each.difference:.1e}" for each in made.agreed)
    if not made.evaluated:
        yield "note: the card has no figures: give --predictions"
