"""The command that shows a dataset in FiftyOne's App: browse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, Json, Quiet

if TYPE_CHECKING:
    from thyrodata.curation.browse import Browsed
    from thyrodata.curation.tags import ImportedTags
    from thyrodata.exports.fiftyone.browsing import Built

__all__ = ["browse"]


def browse(
    data: Data,
    *,
    name: Annotated[
        str | None, typer.Option(help="Of the FiftyOne dataset; by default as the dataset.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="The split whose parts have views; by default `default`.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Of this machine, where the App answers it alone.")
    ] = 5151,
    previews: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where 8-bit pictures of deeper images go; by default ~/fiftyone."),
    ] = None,
    hu_offset: Annotated[
        float | None,
        typer.Option(help="Hounsfield units of the stored value 0: CT is shown in its own window."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the FiftyOne dataset that is there.")
    ] = False,
    no_app: Annotated[bool, typer.Option("--no-app", help="Make the FiftyOne dataset, and end.")] = False,
    tags: Annotated[
        bool, typer.Option("--import-tags", help="Bring tags set in the App into the dataset, and end.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Look at a dataset in FiftyOne: drawings, labels, readers, splits, and what quality control found."""
    from thyrodata.cli.output import emit, lines, progress
    from thyrodata.curation.browse import browse_dataset, look_at
    from thyrodata.curation.tags import import_tags

    if tags:
        brought = import_tags(data, name=name)
        emit(brought.to_json(), lambda: lines(_tag_lines(brought)), json=json, quiet=quiet)
        return
    with progress("browse", quiet=quiet or json) as show:
        made = browse_dataset(
            data,
            name=name,
            split=split,
            previews=previews,
            hu_offset=hu_offset,
            overwrite=overwrite,
            progress=show,
        )
    emit(made.to_json(), lambda: lines(_lines(made)), json=json, quiet=quiet)
    if not no_app:
        look_at(made, port, lambda address: None if quiet or json else lines(_address(address)))


def _lines(made: Browsed) -> Iterator[str]:
    built = made.built
    if built is None:
        yield f"the FiftyOne dataset {made.name} shows it as it is"
        return
    yield f"{built.images} images, {built.shapes} drawings in the FiftyOne dataset {made.name}"
    yield f"views        {', '.join(built.views)}"
    if built.previews:
        yield f"previews     {made.previews}: {built.previews} images of more than 8 bits as pictures of 8"
    yield from _notes(made, built)


def _notes(made: Browsed, built: Built) -> Iterator[str]:
    if built.as_pixels:
        yield f"note: {built.as_pixels} outlines have holes, and are shown as the pixels that they cover"
    yield from (f"note: nothing is seen of {note.where}: {note.what}" for note in built.not_shown)
    if built.without_file:
        yield f"note: {built.without_file} images are not shown: there are only their annotations"
    yield from (f"note: 1 {kind} is not 1 patient" for kind in made.groups if kind != "patient")
    if not made.quality_control:
        yield "note: quality control was not run: `thyrodata qc run`"


def _address(address: str) -> Iterator[str]:
    yield f"look         {address} (on this machine; Ctrl-C ends)"


def _tag_lines(brought: ImportedTags) -> Iterator[str]:
    images, labels = brought.counts(brought.tags.images), brought.counts(brought.tags.labels)
    for what, counts in (("images", images), ("labels", labels)):
        yield f"{what:12} {', '.join(f'{tag}: {n}' for tag, n in counts.items()) or 'no tag'}"
    yield from (f"note: {path} is no image of the dataset; its tags are left" for path in brought.unknown)
    yield f"table        {brought.files[0]}, for `select --table`"
    yield f"list         {brought.files[1]}"
