"""The command that adds what is new in a source: update."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import (
    Data,
    DryRun,
    Json,
    Link,
    MaxSkipped,
    OnError,
    Out,
    Overwrite,
    Quiet,
    Resume,
    Workers,
)

if TYPE_CHECKING:
    from thyrodata.curation.update import Update

__all__ = ["update"]


def update(
    context: typer.Context,
    data: Data,
    raw: Annotated[Path, typer.Argument(metavar="RAW", help="The new delivery of the source, or all of it.")],
    *,
    out: Out,
    changed: Annotated[
        str,
        typer.Option(
            metavar="stop|keep|take", help="What becomes of records that the source now states otherwise."
        ),
    ] = "stop",
    link: Link = False,
    workers: Workers = None,
    on_error: OnError = "raise",
    max_skipped: MaxSkipped = 0.01,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add what is new in a source; every image keeps its part in every split.

    The options that the dataset was converted with, if any, stand at the end.
    """
    from thyrodata.cli.output import emit, lines, progress
    from thyrodata.cli.settings import parse_settings
    from thyrodata.converters import settings_class
    from thyrodata.curation.update import update as run
    from thyrodata.dataset import Dataset

    name = next((source.converter for source in Dataset(data).manifest.sources), "")
    settings = parse_settings(name, settings_class(name), context.args)
    with progress("update", quiet=quiet or json) as show:
        made = run(
            data,
            raw,
            out,
            settings=settings,
            changed=changed,
            link=link,
            workers=workers,
            on_error=on_error,
            max_skipped=max_skipped,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: lines(_said(made)), json=json, quiet=quiet)


def _said(made: Update) -> Iterator[str]:
    from thyrodata.cli.output import images

    dry = made.revision.dataset is None
    added = f"{images(len(made.new))} would be added" if dry else images(len(made.new), "added")
    yield f"{added}: {made.revision.images} in {made.revision.out}"
    if made.changed:
        what = "taken as it says now" if made.taken else "kept as before"
        yield f"the source says something else of some: {images(len(made.changed), what)}"
        yield from (f"  {image_id}" for image_id in made.changed)
    if made.absent:
        yield f"not in this delivery: {images(len(made.absent), 'kept')}"
    if made.withdrawn:
        yield f"removed from the dataset before: {images(made.withdrawn, 'left out')}"
    yield from (f"moved to excluded, since a new image ties two parts: {each}" for each in made.moved)
    yield from (f"skipped {skip.where}: {skip.reason}" for skip in made.skips)
