"""The command that writes other formats: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thyrodata.cli.options import Data, DryRun, Json, Link, Quiet
from thyrodata.exports import EXPORTS

__all__ = ["export"]


def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="FORMAT", help=f"One of: {', '.join(EXPORTS)}.")],
    data: Data,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    *,
    split: Annotated[str, typer.Option(help="The split whose parts are written.")] = "default",
    reader: Annotated[
        str | None, typer.Option(help="Whose findings, where there are several readers and no consensus.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A loss or change that may happen; may be repeated."),
    ] = None,
    link: Link = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the export that is there.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a dataset in another format; what it cannot hold is counted, and refused unless accepted by name.

    Formats have options of their own, which stand after OUT; a wrong one is answered with a list of them.
    """
    from thyrodata.cli.output import emit, progress
    from thyrodata.cli.settings import parse_settings
    from thyrodata.cli.summary import exported_json, print_exported
    from thyrodata.exports import settings_class
    from thyrodata.exports.run import export as run

    settings = parse_settings(name, settings_class(name), context.args)
    with progress(name, quiet=quiet or json) as show:
        made = run(
            name,
            data,
            out,
            split=split,
            reader=reader,
            accept=accept or (),
            link=link,
            settings=settings,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(exported_json(made), lambda: print_exported(made), json=json, quiet=quiet)
    if made.refused:
        raise typer.Exit(1)
