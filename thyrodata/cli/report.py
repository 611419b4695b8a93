"""The command that writes what a dataset is, holds and lacks as one page: report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, Json, Quiet

if TYPE_CHECKING:
    from thyrodata.curation.report import DatasetReport

__all__ = ["report"]


def report(
    data: Data,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The HTML file to write; by default DATA/reports/index.html."),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder for the plots as PNG of 300 dpi.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="The split whose parts are told apart; by default `default`.")
    ] = None,
    count: Annotated[
        int, typer.Option(min=0, help="Images to show, at even steps through the dataset.")
    ] = 24,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write one HTML page on a dataset: counts, distributions, outlines, and what quality control found."""
    from thyrodata.cli.output import emit, lines, progress
    from thyrodata.curation.report import report_dataset

    with progress("report", quiet=quiet or json) as show:
        made = report_dataset(data, out, split=split, count=count, plots=plots, progress=show)
    emit(made.to_json(), lambda: lines(_lines(made)), json=json, quiet=quiet)


def _lines(made: DatasetReport) -> Iterator[str]:
    if made.page.issues is None:
        yield "note: quality control was not run: `thyrodata qc run`"
    yield f"page         {made.path} ({len(made.page.html) / 1e6:.1f} MB)"
    yield from (f"plot         {place}" for place in made.plots)
