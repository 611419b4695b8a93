"""Commands that make datasets: convert, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thyrodata.cli.hub import HUB, convert_hub
from thyrodata.cli.options import DryRun, Json, MaxSkipped, OnError, Overwrite, Quiet, Resume, Workers

__all__ = ["convert", "demo"]


def convert(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dataset's name, as in list, or hub.")],
    raw: Annotated[
        Path, typer.Argument(metavar="RAW", help="The folder that holds the release; of hub OWNER/NAME.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The folder to make; by default NAME.")
    ] = None,
    workers: Workers = None,
    on_error: OnError = "raise",
    max_skipped: MaxSkipped = 0.01,
    encoder: Annotated[
        str, typer.Option(metavar="isal|zlib", help="Of images that must be encoded: the same pixels.")
    ] = "isal",
    by: Annotated[
        str | None,
        typer.Option(help="The identity that a split must keep together; refused if it is not published."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the default split.")] = 0,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Convert a dataset: records, images, COCO, a grouped split, a card and checksums.

    Some datasets have options of their own, which `thyrodata card NAME` lists. A dataset that was pushed to
    the Hugging Face Hub is restored by `thyrodata convert hub OWNER/NAME`.
    """
    if name == HUB:
        convert_hub(context)
        return
    from thyrodata.cli.output import emit, progress
    from thyrodata.cli.settings import parse_settings
    from thyrodata.cli.summary import conversion_json, print_conversion
    from thyrodata.conversion import convert as run
    from thyrodata.converters import settings_class

    settings = parse_settings(name, settings_class(name), context.args)
    with progress(name, quiet=quiet or json) as show:
        made = run(
            name,
            raw,
            out,
            settings=settings,
            workers=workers,
            on_error=on_error,
            max_skipped=max_skipped,
            encoder=encoder,
            by=by,
            seed=seed,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(conversion_json(made), lambda: print_conversion(made), json=json, quiet=quiet)


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to make it.")] = Path(
        "thyrodata-demo"
    ),
    *,
    cases: Annotated[int, typer.Option(min=3, max=10_000, help="How many synthetic cases.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the phantoms.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make it anew.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Try it: a synthetic release, its conversion, and a contact sheet to look at."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.cli.summary import conversion_json, print_demo
    from thyrodata.demo import make_demo

    with progress("phantoms", quiet=quiet or json) as show:
        made = make_demo(folder, cases=cases, seed=seed, overwrite=overwrite, progress=show)
    said = {"raw": str(made.raw), "sheet": str(made.sheet), **conversion_json(made.conversion)}
    emit(said, lambda: print_demo(made), json=json, quiet=quiet)
