"""The command that removes groups, such as a patient who withdrew consent: remove."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, DryRun, Json, Link, Out, Overwrite, Quiet, Resume, Workers

if TYPE_CHECKING:
    from thyrodata.curation.remove import Removal

__all__ = ["remove"]


def remove(
    data: Data,
    *,
    out: Out,
    patient: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A patient's group id; may be repeated.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A group id; may be repeated.")
    ] = None,
    link: Link = False,
    workers: Workers = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a dataset without some groups, and say what still holds them."""
    from thyrodata.cli.output import emit, lines, progress
    from thyrodata.curation.remove import remove as run

    with progress("remove", quiet=quiet or json) as show:
        made = run(
            data,
            out,
            groups=group or (),
            patients=patient or (),
            link=link,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: lines(_said(made)), json=json, quiet=quiet)


def _said(made: Removal) -> Iterator[str]:
    from thyrodata.cli.output import images

    would = "would be " if made.revision.dataset is None else ""
    yield from (f"{group}: {images(n)} {would}removed" for group, n in made.groups.items())
    for image_id in made.same_pictures:
        yield f"{image_id}: {would}removed, since it is the same picture as a removed one"
    for group in made.other_groups:
        yield f"note: {group} had such a picture: it may be of the same patient, and was otherwise left"
    yield f"{images(made.revision.images)} left, in {made.revision.out}"
    path, parent = made.to_delete
    yield f"now delete {path} ({parent.name}, {parent.sha256[:12]}): it still holds what was removed"
    for each in made.ancestors:
        yield f"and what it was made from, if it is still there: {each.name}, {each.sha256[:12]}"
    yield from (f"a copy was made, {copy}: delete it or make it again" for copy in made.copies)
    yield "copies made by hand, and the raw source, are not known to thyrodata"
