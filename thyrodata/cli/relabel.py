"""The command that reads labels by a map: relabel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import DryRun, Json, Link, Overwrite, Quiet, Resume, Workers
from thyrodata.errors import UsageError

if TYPE_CHECKING:
    from thyrodata.curation.relabel import Relabelling
    from thyrodata.labelmaps.model import LabelMap

__all__ = ["relabel"]

LIST = "list"
"""Stands for DATA where the maps are asked for; a dataset of this name is ./list."""

SHOWN = 10
"""Disagreements that a terminal shows; all are in reports/relabel.json."""


def relabel(
    data: Annotated[
        str,
        typer.Argument(metavar="DATA|list", help="A dataset; or the word list, for the maps that ship."),
    ],
    *,
    label_map: Annotated[
        str | None, typer.Option("--map", metavar="NAME|FILE", help="A map that ships, or a file of one.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="OUT", help="The folder to make.")
    ] = None,
    unmapped: Annotated[
        str,
        typer.Option(metavar="stop|keep", help="What becomes of values that the map does not name."),
    ] = "stop",
    link: Link = False,
    workers: Workers = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Read labels by a named map into another scheme or scope, and say what it loses; or list the maps."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.relabel import relabel as run

    if data == LIST:
        return _list_maps(json=json, quiet=quiet)
    if label_map is None or out is None:
        raise UsageError(
            "a map and a folder to make are needed",
            hint="thyrodata relabel DATA --map NAME -o OUT; thyrodata relabel list names the maps",
        )
    with progress("relabel", quiet=quiet or json) as show:
        made = run(
            data,
            label_map,
            out,
            unmapped=unmapped,
            link=link,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: _print(made), json=json, quiet=quiet)
    return None


def _list_maps(*, json: bool, quiet: bool) -> None:
    from thyrodata.cli.output import emit, lines
    from thyrodata.curation.relabel import map_json
    from thyrodata.labelmaps.shipped import shipped_maps

    maps = shipped_maps()
    text = [line for label_map in maps for line in _described(label_map)]
    emit([map_json(label_map) for label_map in maps], lambda: lines(text), json=json, quiet=quiet)


def _described(label_map: LabelMap) -> Iterator[str]:
    yield f"{label_map.name}: {label_map.title}"
    yield f"  reads       {label_map}"
    values: dict[str, list[str]] = {}
    for value, term in label_map.values:
        values.setdefault(str(term.value) if term else "no label", []).append(value)
    yield f"  values      {'; '.join(', '.join(read) + ': ' + made for made, read in values.items())}"
    yield f"  source      {label_map.source}"
    yield f"  loses       {label_map.loses}"
    yield from (f"  note        {sentence}" for sentence in label_map.does_not_say)
    yield ""


def _print(made: Relabelling) -> None:
    from thyrodata.cli.output import NOTHING, lines, table

    account, revision = made.account, made.revision
    would, are = ("would be ", "would be") if revision.dataset is None else ("", "are")
    title = f"{made.label_map.name}: {made.label_map}"
    header = ("from", "to", "what", "labels", "images", "groups")
    rows = [
        (
            line.value,
            str(line.term or NOTHING),
            line.fate.value,
            str(line.labels),
            str(line.images),
            str(line.groups),
        )
        for line in account.lines
    ]
    table(header, rows, title=title)
    lines([f"{account.made} labels {would}made; {revision.images} images {are} in {revision.out}"])
    lines(_notes(made))


def _notes(made: Relabelling) -> Iterator[str]:
    account, label_map = made.account, made.label_map
    if account.unknown:
        scope = label_map.from_scope.value
        yield f"note: {account.unknown} {scope}s have no {label_map.from_scheme}: unknown is no value"
    if account.disagreements:
        yield f"note: {len(account.disagreements)} disagree with a label that was there; all labels are kept"
    for each in account.disagreements[:SHOWN]:
        item = f", {each.item}" if each.item else ""
        yield f"  {each.group_id} ({each.image_id}{item}): {', '.join(each.values)}"
    if len(account.disagreements) > SHOWN:
        yield "  and more, all of them in reports/relabel.json"
    yield f"loses: {label_map.loses}"
    yield from (f"note: {sentence}" for sentence in label_map.does_not_say)
