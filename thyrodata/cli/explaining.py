"""The command that shows where a baseline fails, and where it looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, Json, Quiet
from thyrodata.cli.training import Device, Reader

if TYPE_CHECKING:
    from thyrodata.baselines.explaining.explained import Explained

__all__ = ["explain"]


def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a training.")],
    data: Data,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The folder to make.")],
    part: Annotated[
        str, typer.Option(help="The part of the split; all for every image of another dataset.")
    ] = "test",
    split: Annotated[
        str | None, typer.Option(help="By default the training's own, or default of another dataset.")
    ] = None,
    reader: Reader = None,
    count: Annotated[int, typer.Option(min=1, help="The most images that are shown.")] = 24,
    batch_size: Annotated[int, typer.Option(min=1, help="The most images at once.")] = 16,
    device: Device = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show the images that a trained baseline fails at worst, and where a classifier looks."""
    from thyrodata.baselines.explaining.explain import explain_baseline
    from thyrodata.cli.output import emit

    made = explain_baseline(
        run,
        data,
        out,
        part=part,
        split=split,
        reader=reader,
        count=count,
        batch_size=batch_size,
        device=device,
    )
    emit(made.to_json(), lambda: _print(made), json=json, quiet=quiet)


def _print(made: Explained) -> None:
    from thyrodata.baselines.explaining.explained import FIGURE_HEADER, figure_cells
    from thyrodata.cli.output import lines, table

    if made.attention is not None:
        table(FIGURE_HEADER, [figure_cells(figure) for figure in made.attention.figures])
    lines(_said(made))


def _said(made: Explained) -> Iterator[str]:
    yield f"target       {made.origin.target}"
    yield f"wrong        {made.failures.wrong} of {made.failures.among} images {made.failures.wrong_is}"
    yield f"shown        {made.failures.rule}"
    yield f"page         {made.out / 'index.html'}"
    yield "note: one training, whose worst images say how it fails, not how often"
    if made.not_told:
        yield f"note: where it looks is not told: {made.not_told}"
