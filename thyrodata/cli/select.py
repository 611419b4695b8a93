"""The command that makes a dataset of what meets named criteria: select."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, DryRun, Json, Quiet

if TYPE_CHECKING:
    from thyrodata.curation.select import Selected

__all__ = ["select"]


def select(
    data: Data,
    *,
    criteria: Annotated[Path, typer.Option(metavar="FILE", help="A YAML file of named criteria.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.")],
    table: Annotated[
        list[Path] | None,
        typer.Option(
            "--table", metavar="TABLE", help="A table of fields by id, CSV or Parquet; may be repeated."
        ),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Make hard links to the images instead of copies.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes to work with.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an unfinished build.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the dataset that is there.")
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a dataset of the groups, nodules and images that meet criteria, with a ledger and a figure."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.select import select as run

    with progress("select", quiet=quiet or json) as show:
        made = run(
            data,
            out,
            criteria=criteria,
            tables=table or (),
            link=link,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: _print(made), json=json, quiet=quiet)
    if made.revision is None:
        raise typer.Exit(1)


def _print(made: Selected) -> None:
    """Print the ledger, a row for each criterion, and what should be known of it."""
    from thyrodata.cli.output import lines, table
    from thyrodata.selection.wording import name_counts

    ledger = made.ledger
    rows = [("given", "", ", ".join(name_counts(ledger.given)), "")]
    for stage in ledger.stages:
        why = ", ".join(f"{why.value} {n:,}" for why, n in stage.why)
        if stage.kept_though_unknown:
            why = f"{why} (kept though unknown {len(stage.kept_though_unknown):,})".strip()
        rows.append((stage.step.name, str(stage.step), ", ".join(name_counts(stage.after)), why))
    table(("criterion", "rule", "left", "removed, by reason"), rows, title=ledger.dataset)
    lines(_notes(made))


def _notes(made: Selected) -> Iterator[str]:
    from thyrodata.selection.notes import notes

    yield from (f"note: {note}" for note in notes(made.ledger))
    if made.revision is None:
        yield "note: the criteria leave nothing: without --dry-run they are refused"
    elif made.revision.dataset is None:
        megabytes = made.revision.image_bytes / 1e6
        yield f"would write {made.revision.images} images to {made.out}: {megabytes:.1f} MB"
    else:
        yield f"ledger       {made.out / 'reports/select.json'}"
        yield f"figure       {made.out / 'reports/select.svg'}"
