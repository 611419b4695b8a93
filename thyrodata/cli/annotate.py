"""Commands about readers: annotate export, annotate import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, DryRun, Json, Link, Out, Overwrite, Quiet, Resume, Workers, group

if TYPE_CHECKING:
    from thyrodata.curation.annotate import ImportedReadings
    from thyrodata.curation.worklists import ExportedWorkLists

__all__ = ["app", "export", "print_readings", "take_in"]

app = group("Give blinded work lists to readers, and add what they send back.")


@app.command("export")
def export(
    data: Data,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    *,
    readers: Annotated[str, typer.Option(metavar="A,B", help="The names of the readers.")],
    tool: Annotated[
        str, typer.Option("--format", metavar="cvat|label-studio", help="The tool that they work with.")
    ] = "cvat",
    split: Annotated[str | None, typer.Option(help="The split of which a part is given.")] = None,
    part: Annotated[str | None, typer.Option(help="The part that is given.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="Give so many images: whole groups, in the mix of all.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="The most images of a batch.")] = 50,
    seed: Annotated[int, typer.Option(help="Another seed gives other images, batches and orders.")] = 0,
    structure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What is to be outlined, by default nodule; may be repeated."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes to write images with.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the work lists there.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a blinded work list for each reader: the same images in another order, with neutral names."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.worklists import export_worklists

    with progress("annotate", quiet=quiet or json) as show:
        made = export_worklists(
            data,
            out,
            readers=readers.split(","),
            tool=tool,
            split=split,
            part=part,
            count=count,
            batch=batch,
            seed=seed,
            structures=structure or ("nodule",),
            workers=workers,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: _print_lists(made), json=json, quiet=quiet)


@app.command("import")
def take_in(
    data: Data,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="All that the reader has exported from the tool.")
    ],
    *,
    key: Annotated[Path, typer.Option(metavar="CSV", help="The key.csv of the work lists.")],
    reader: Annotated[str, typer.Option(help="The reader whose files they are.")],
    out: Out,
    link: Link = False,
    workers: Workers = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a dataset with what one reader has drawn; a reading is complete only where the reader says so."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.annotate import import_readings

    with progress("annotate", quiet=quiet or json) as show:
        made = import_readings(
            data,
            files,
            key=key,
            reader=reader,
            out=out,
            link=link,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: print_readings(made), json=json, quiet=quiet)


def _print_lists(made: ExportedWorkLists) -> None:
    from thyrodata.cli.output import NOTHING, lines, table

    said = made.lists.to_json()
    grades = sorted({grade for batch in said["batches"] for grade in batch})
    rows = [
        (str(number), str(sum(batch.values())), *(str(batch[g]) if g in batch else NOTHING for g in grades))
        for number, batch in enumerate(said["batches"], 1)
    ]
    title = f"{said['images']} images for {', '.join(made.assignment.task.readers)}"
    table(("batch", "images", *grades), rows, title=title)
    lines(_list_notes(made, said["groups_in_several_batches"]))


def _list_notes(made: ExportedWorkLists, spread: int) -> Iterator[str]:
    most = 100 * made.lists.largest_deviation
    by = made.balanced_by or "nothing, since nothing is graded"
    yield f"batches are balanced by {by}: a share differs from that in all by {most:.1f} points at most"
    kinds = " and ".join(made.grouped_by)
    yield f"what is kept together is the {kinds}; {spread} in several batches, being larger than one"
    for each in made.lists.lists:
        if each.neighbours:
            yield f"note: for {each.reader}, {each.neighbours} images follow one of their own group"
    if made.without_file:
        yield f"note: {made.without_file} images are not given: the dataset has only their annotations"
    if made.deep:
        yield f"note: {made.deep} images have more than 8 bits: what a tool shows of them is its own choice"
    yield "note: what is burned into the pixels (names, text, calipers) stays, and was not looked for"
    place = f"{made.out}/key.csv"
    yield "nothing was written" if made.dry_run else f"key          {place}: give it to no reader"


def print_readings(made: ImportedReadings) -> None:
    """Print what a reader's files came to."""
    from thyrodata.cli.output import lines, table

    said = made.to_json()
    coverage = [(f"coverage {name}", str(n)) for name, n in said["coverage"].items()]
    drawn = [(name, str(n)) for name, n in said["categories"].items()]
    told = [(f"image label {name}", str(n)) for name, n in said["image_labels"].items()]
    read = ("images read", str(said["read"]))
    rows = [("images listed", str(said["listed"])), read, *coverage, *drawn, *told]
    table(("what", "number"), rows, title=f"reader {said['reader']}")
    lines(_reading_notes(made))


def _reading_notes(made: ImportedReadings) -> Iterator[str]:
    account = made.added.account
    if account.unread:
        yield f"note: {len(account.unread)} listed images were not worked on, and are not read"
    if account.gone:
        yield f"note: {len(account.gone)} listed images are no longer in the dataset"
    if account.not_by_hand:
        yield f"note: {len(account.not_by_hand)} shapes were not drawn by hand alone, as the tool says"
    for note in account.left_out:
        yield f"note: left out: {note.what} ({note.where})"
    made_of = "would make" if made.revision.dataset is None else "made"
    yield f"{made_of} {made.revision.out}: {made.revision.images} images"
