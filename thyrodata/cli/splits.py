"""Commands about splits: make, audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thyrodata.cli.options import Data, DryRun, Json, Quiet, Workers, group

__all__ = ["app", "audit", "make"]

app = group("Make and audit splits that keep what belongs together in one part.")


@app.command("make")
def make(
    data: Data,
    *,
    name: Annotated[str, typer.Option(help="The split's name; one that is there is never changed.")],
    ratios: Annotated[
        str | None, typer.Option(metavar="70/15/15", help="Train/val/test, or as in train=0.8,test=0.2.")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Make so many equal folds instead.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed gives another split.")] = 0,
    by: Annotated[
        str | None,
        typer.Option(help="The identity to keep together; refused if it is not the published one."),
    ] = None,
    stratify: Annotated[
        str | None, typer.Option(metavar="SCHEME", help="The scale to balance; by default the one used most.")
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="A table image_id,cluster: images that belong together."),
    ] = None,
    extend: Annotated[
        Path | None, typer.Option(metavar="CSV", help="An earlier split whose assignments are kept.")
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a split: groups and byte-identical images stay together, grades are balanced over the parts."""
    from thyrodata.cli.output import emit
    from thyrodata.cli.summary import print_split
    from thyrodata.dataset import Dataset
    from thyrodata.partition import SplitPlan, add_split, parse_kind, parse_ratios

    plan = SplitPlan(
        name=name,
        ratios=parse_ratios(ratios),
        folds=folds,
        seed=seed,
        by=parse_kind(by),
        stratify=stratify,
        links=links,
        extend=extend,
    )
    made = add_split(Dataset(data), plan, dry_run=dry_run).to_json()
    emit(made, lambda: print_split(made), json=json, quiet=quiet)


@app.command("audit")
def audit(
    data: Data,
    *,
    name: Annotated[list[str] | None, typer.Option(help="The split; by default every one.")] = None,
    links: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="A table image_id,cluster: images that belong together."),
    ] = None,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Look for images that show one picture, stored again or cropped.")
    ] = False,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Look for leaks: groups and byte-identical images that cross parts; exit 1 if there is one."""
    from thyrodata.cli.output import emit, lines, progress
    from thyrodata.cli.summary import leak_lines, leaks_json
    from thyrodata.dataset import Dataset
    from thyrodata.partition import audit_splits

    dataset = Dataset(data)
    with progress("audit", quiet=quiet or json) as show:
        found = audit_splits(
            dataset, name or dataset.splits, links, pixels=pixels, workers=workers, progress=show
        )
    emit(leaks_json(found), lambda: lines(leak_lines(found, pixels=pixels)), json=json, quiet=quiet)
    if any(found.values()):
        raise typer.Exit(1)
