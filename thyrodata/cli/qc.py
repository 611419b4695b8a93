"""Commands of quality control: qc run, rules, markers, duplicates, shortcuts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thyrodata.cli.options import Data, DryRun, Json, Overwrite, Quiet, group

__all__ = ["app", "duplicates", "markers", "rules", "run", "shortcuts"]

Ocr = Annotated[
    bool,
    typer.Option("--ocr", help="Read what is written in the pictures too; about a second an image."),
]
Processes = Annotated[int, typer.Option(min=1, help="Processes to read images with.")]

app = group("Look for what is wrong with a dataset; nothing in it is changed.")


@app.command("run")
def run(
    data: Data,
    *,
    select: Annotated[
        str, typer.Option(metavar="TD1,TD201", help="Rules, or how their codes begin; by default all.")
    ] = "",
    ignore: Annotated[str, typer.Option(metavar="TD107", help="Likewise: rules that are not run.")] = "",
    fail_on: Annotated[
        str, typer.Option(metavar="error|warning|note", help="Exit 1 at an issue as grave, or graver.")
    ] = "error",
    ocr: Ocr = False,
    workers: Processes = 1,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the rules, and write what they find to DATA/reports; exit 1 if there is an error."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.cli.quality import parse_codes, parse_severity, print_issues
    from thyrodata.curation.qc import run_qc

    severity = parse_severity(fail_on)
    with progress("qc", quiet=quiet or json) as show:
        made = run_qc(
            data,
            select=parse_codes(select),
            ignore=parse_codes(ignore),
            ocr=ocr,
            workers=workers,
            progress=show,
            write=not dry_run,
        )
    emit(made.to_json(), lambda: print_issues(made), json=json, quiet=quiet)
    if made.has(severity):
        raise typer.Exit(1)


@app.command("rules")
def rules(
    *,
    select: Annotated[
        str, typer.Option(metavar="TD1,TD201", help="Rules, or how their codes begin; by default all.")
    ] = "",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the rules: code, severity, what each reads, title, and the heading that documents it."""
    from thyrodata.cli.output import emit
    from thyrodata.cli.quality import parse_codes, print_rules, rules_json
    from thyrodata.qc.table import choose_rules

    chosen = choose_rules(parse_codes(select))
    emit(rules_json(chosen), lambda: print_rules(chosen), json=json, quiet=quiet)


@app.command("markers")
def markers(
    data: Data,
    *,
    inpaint: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="A dataset to make, in which the marks are painted over."),
    ] = None,
    workers: Processes = 1,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find calipers, text and other marks over the echo, and write them to DATA/reports."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.cli.quality import print_markers
    from thyrodata.curation.markers import find_markers

    with progress("qc", quiet=quiet or json) as show:
        made = find_markers(
            data, inpaint, workers=workers, overwrite=overwrite, dry_run=dry_run, progress=show
        )
    emit(made.to_json(), lambda: print_markers(made), json=json, quiet=quiet)


@app.command("duplicates")
def duplicates(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="One dataset or more.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="CSV", help="A file to write for `split make --links`."),
    ] = None,
    workers: Processes = 1,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find images that show one picture: copied, compressed again, cropped, scaled, mirrored, brightened."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.cli.quality import print_duplicates
    from thyrodata.curation.duplicates import find_duplicates
    from thyrodata.io.files import write_file

    with progress("qc", quiet=quiet or json) as show:
        made = find_duplicates(data, workers=workers, progress=show)
    links = out if made.clusters else None  # a file without a row is refused where links are read
    if links is not None:
        write_file(links, made.links_csv().encode())
    emit(made.to_json(), lambda: print_duplicates(made, links), json=json, quiet=quiet)


@app.command("shortcuts")
def shortcuts(
    data: Data,
    *,
    label: Annotated[
        str | None,
        typer.Option(metavar="SCHEME", help="The label that is told; by default the scale used most."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="The split whose parts are told; by default each.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the folds and of the resamples.")] = 0,
    resamples: Annotated[int, typer.Option(min=200, help="How many resamples.")] = 1000,
    ocr: Ocr = False,
    workers: Processes = 1,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure whether what is no anatomy tells the label or a part, and write it to DATA/reports."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.cli.quality import print_shortcuts
    from thyrodata.curation.shortcuts import audit_shortcuts

    with progress("qc", quiet=quiet or json) as show:
        made = audit_shortcuts(
            data,
            label=label,
            split=split,
            seed=seed,
            resamples=resamples,
            ocr=ocr,
            workers=workers,
            progress=show,
            write=not dry_run,
        )
    emit(made.to_json(), lambda: print_shortcuts(made, written=not dry_run), json=json, quiet=quiet)
