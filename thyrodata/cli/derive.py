"""The command that prepares images for a model: derive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, DryRun, Json, Link, Out, Overwrite, Quiet, Resume, Workers

if TYPE_CHECKING:
    from thyrodata.curation.derive import DerivedImages

__all__ = ["derive"]


def derive(
    data: Data,
    *,
    out: Out,
    crop: Annotated[
        str | None,
        typer.Option(metavar="echo|nodule+margin", help="To the echo region, or around all nodules."),
    ] = None,
    margin: Annotated[
        str | None,
        typer.Option(metavar="N|N%", help="Around nodules: pixels, or a share of their box's longer side."),
    ] = None,
    keep_uncropped: Annotated[
        bool, typer.Option("--keep-uncropped", help="Keep images without a nodule whole; else refused.")
    ] = False,
    window: Annotated[
        str | None,
        typer.Option(metavar="LOW,HIGH|per-row", help="Of 16-bit CT, in Hounsfield units: makes 8 bits."),
    ] = None,
    hu_offset: Annotated[
        float | None, typer.Option(help="The Hounsfield units of the stored value 0, as the card says.")
    ] = None,
    grey: Annotated[bool, typer.Option("--grey", help="One channel of three: ITU-R BT.601.")] = False,
    despeckle: Annotated[
        str | None, typer.Option(metavar="NAME", help="A published filter; a wrong name lists them.")
    ] = None,
    resize: Annotated[
        str | None, typer.Option(metavar="WxH", help="To one size; the aspect may change.")
    ] = None,
    letterbox: Annotated[
        str | None, typer.Option(metavar="WxH", help="To one size; aspect kept, black bars.")
    ] = None,
    bits: Annotated[
        int | None, typer.Option(metavar="8|16", help="Bits a sample, full range to full range.")
    ] = None,
    link: Link = False,
    workers: Workers = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Prepare images for a model, with every geometry, the spacing and the crop ledger brought along.

    The steps are always done in the order in which they stand here: crop, window, grey, despeckle, resize or
    letterbox, bits.
    """
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.derive import derive as run

    with progress("derive", quiet=quiet or json) as show:
        made = run(
            data,
            out,
            crop=crop,
            margin=margin,
            keep_uncropped=keep_uncropped,
            window=window,
            hu_offset=hu_offset,
            grey=grey,
            despeckle=despeckle,
            resize=resize,
            letterbox=letterbox,
            bits=bits,
            link=link,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: _print(made), json=json, quiet=quiet)


def _print(made: DerivedImages) -> None:
    """Print what each step does, and what should be known of it."""
    from thyrodata.cli.output import lines, table

    said = made.account.to_json()
    rows = [(step, what, str(n)) for step, counts in said["steps"].items() for what, n in counts.items()]
    rows += [("findings", what, str(n)) for what, n in said["findings"].items()]
    table(("step", "", "n"), rows, title=f"derive: {said['images']} images")
    lines(_sizes(said["size_before"], "before"))
    lines(_sizes(said["size_after"], "after"))
    lines(f"note: {note}" for note in said["notes"])
    lines([_place(made)])


def _sizes(said: dict[str, dict[str, int]], when: str) -> Iterator[str]:
    sides = (f"{side} {said[side]['least']} to {said[side]['largest']} px" for side in ("width", "height"))
    yield f"sizes {when}: {', '.join(sides)}"


def _place(made: DerivedImages) -> str:
    revision = made.revision
    if revision.dataset is None:
        return f"would write {revision.images} images to {revision.out}: {revision.image_bytes / 1e6:.1f} MB"
    return f"account      {revision.out / 'reports/derive.json'}"
