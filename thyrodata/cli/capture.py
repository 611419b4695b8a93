"""Commands about a scanner's export: capture run, audit, report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, DryRun, Json, Out, Overwrite, Quiet, Resume, group

if TYPE_CHECKING:
    from thyrodata.capture.audit import Audit
    from thyrodata.collection.run import Captured

__all__ = ["app", "audit", "report", "run"]

app = group("Make a de-identified dataset of ultrasound DICOM files, and look for leaks in it.")

Raw = Annotated[Path, typer.Argument(metavar="RAW", help="The folder of the scanner's export.")]


@app.command("run")
def run(
    raw: Raw,
    out: Out,
    *,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The site's key, made by: thyrodata key new FILE.")
    ] = None,
    crosswalk: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead of a key: a private file of random pseudonyms."),
    ] = None,
    frames: Annotated[
        str,
        typer.Option(
            metavar="all|'every N'|'sharpest K'",
            help="Frames of clips; the last two leave repetitions out.",
        ),
    ] = "all",
    text: Annotated[
        str, typer.Option(metavar="blank|quarantine", help="What is done with text found in a picture.")
    ] = "blank",
    clinical: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="A CSV table by the original patient ids.")
    ] = None,
    clinical_map: Annotated[
        Path | None, typer.Option(metavar="YAML", help="What the columns of that table mean.")
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(metavar="JSON", help="COCO outlines on whole frames; they move along.")
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=CATEGORY", help="What a category of the outlines means; may be repeated."),
    ] = None,
    append: Annotated[
        Path | None, typer.Option(metavar="DATA", help="A captured dataset that OUT continues.")
    ] = None,
    source_map: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="Write privately which file has which ordinal."),
    ] = None,
    encoder: Annotated[
        str, typer.Option(metavar="isal|zlib", help="Of the images: the same pixels.")
    ] = "isal",
    seed: Annotated[int, typer.Option(help="Of the default split.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default one for each core.")
    ] = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a dataset: pictures without their margins and texts, pseudonyms, and values of closed lists.

    What is in doubt is put aside in OUT.quarantine, which is private. Exits 1 if anything was.
    """
    from thyrodata.cli.output import emit, progress
    from thyrodata.collection.run import run_capture

    with progress("capture", quiet=quiet or json) as show:
        made = run_capture(
            raw,
            out,
            key=key,
            crosswalk=crosswalk,
            frames=frames,
            text=text,
            clinical=clinical,
            clinical_map=clinical_map,
            annotations=annotations,
            categories=category or (),
            append_to=append,
            source_map=source_map,
            encoder=encoder,
            seed=seed,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: _print_captured(made), json=json, quiet=quiet)
    if made.put_aside:
        raise typer.Exit(1)


@app.command("audit")
def audit(
    raw: Raw,
    data: Data,
    *,
    ocr: Annotated[bool, typer.Option(help="Read the text in the pictures, which takes longest.")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read the originals.")] = 1,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Look in a captured dataset for what its originals say of people; exit 1 if anything is found.

    The account is added to the dataset, which cannot be published without one.
    """
    from thyrodata.capture.audit import audit_capture
    from thyrodata.cli.output import emit, progress

    with progress("audit", quiet=quiet or json) as show:
        found = audit_capture(raw, data, ocr=ocr, workers=workers, write=not dry_run, progress=show)
    emit(found.to_json(), lambda: _print_audit(found), json=json, quiet=quiet)
    if found.leaks:
        raise typer.Exit(1)


@app.command("report")
def report(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="HTML", help="The page to write.")] = Path(
        "capture-report.html"
    ),
    *,
    count: Annotated[int, typer.Option(min=1, help="The most files that are shown.")] = 60,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw what a capture kept of each screen and what it blanked, with counts and what was put aside."""
    from thyrodata.cli.output import emit, lines
    from thyrodata.collection.report import report_capture

    made = report_capture(data, out, count=count)
    emit(made.to_json(), lambda: lines([f"wrote {made.path}: {made.shown} files"]), json=json, quiet=quiet)


def _print_captured(made: Captured) -> None:
    from thyrodata.cli.output import lines, table
    from thyrodata.cli.summary import print_dataset
    from thyrodata.collection.account import reason, tally

    if made.dataset:
        print_dataset(made.dataset)
    rows = [
        (verdict.outcome.value, verdict.code, str(n), verdict.sentence)
        for verdict, n in tally(made.files).items()
    ]
    table(("outcome", "code", "files", "why"), rows, title="what became of the files")
    lines(f"put aside: file {done.file}: {reason(done)}" for done in made.put_aside)
    lines(_capture_notes(made))


def _capture_notes(made: Captured) -> Iterator[str]:
    thinned = sum(done.thinned for done in made.files)
    blanked = sum(len(done.screen.blanked) for done in made.files if done.screen)
    if thinned:
        yield f"note: {thinned} frames were left out for being near-identical to others"
    yield f"note: {blanked} boxes were blanked for text, listed in each record's crop ledger"
    if made.clinical:
        yield from made.clinical.notes()
    yield (
        f"note: pseudonyms are of the key {made.fingerprint}: whoever has it can tell who they are; "
        "irreversible they are once every copy of it is destroyed"
    )
    yield "note: neither a region tag nor this run proves that nothing leaks: thyrodata capture audit RAW OUT"
    if made.quarantine:
        yield f"quarantine   {made.quarantine}: it shows personal data, and is for the site alone"
    if made.dataset is None:
        yield "nothing was written"


def _print_audit(found: Audit) -> None:
    from thyrodata.cli.output import lines, table

    rows = [(each.severity.value, each.check.value, each.where, each.what) for each in found.findings]
    if rows:
        table(("", "check", "where", "what"), rows)
    lines(
        [
            f"leaks: {len(found.leaks)}",
            f"OCR read more, if only noise, in {found.pictures_with_text} of {found.pictures_read} pictures",
            f"note: {found.scope}",
        ]
    )
