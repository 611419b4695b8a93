"""The command that says what differs between two datasets: diff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Json, Quiet

if TYPE_CHECKING:
    from thyrodata.comparison.splits import SplitChanges
    from thyrodata.curation.diff import Difference

__all__ = ["diff"]

SHOWN = 10
"""Names of a list that a terminal shows; --json has all."""


def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="A dataset.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another, or another version of it.")],
    *,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what differs between two datasets, from A to B; exit 0 if nothing does, 1 otherwise."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.diff import diff as run

    with progress("images", quiet=quiet or json) as show:
        found = run(before, after, progress=show)
    emit(found.to_json(), lambda: _print(found), json=json, quiet=quiet)
    if not found.equal:
        raise typer.Exit(1)


def _print(found: Difference) -> None:
    from thyrodata.cli.output import lines, table

    if found.equal:
        lines(["nothing differs"])
        return
    lines(_of_records(found))
    for split in found.changed_splits:
        lines(_of_split(split))
    lines(_of_lineage(found))
    if found.counts:
        rows = [(each.what, each.value, str(each.before), str(each.after)) for each in found.counts]
        table(("count", "of", "A", "B"), rows)


def _of_records(found: Difference) -> Iterator[str]:
    records = found.records
    yield from _listed("images only in A", records.removed)
    yield from _listed("images only in B", records.added)
    yield from _listed("groups only in A", records.groups_removed)
    yield from _listed("groups only in B", records.groups_added)
    yield from _listed("records that differ", records.changed)
    yield from (f"  in {aspect}: {len(ids)}" for aspect, ids in records.fields.items())
    kinds = dict.fromkeys(each.what for each in found.pixels)
    for kind in kinds:
        ids = [each.image_id for each in found.pixels if each.what is kind]
        yield from _listed(f"image files {kind.value}", ids)
    if records.reordered:
        yield "the images that both have stand in another order"


def _of_split(split: SplitChanges) -> Iterator[str]:
    name = f"split {split.name}"
    yield from _listed(f"{name}: MOVED INTO TEST", split.into_test)
    moves = [f"{move.name} ({move.before[0]} to {move.after[0]})" for move in split.images]
    yield from _listed(f"{name}: images in another part", moves)
    groups = [f"{move.name} ({'+'.join(move.before)} to {'+'.join(move.after)})" for move in split.groups]
    yield from _listed(f"{name}: groups in other parts", groups)
    for what, counts in (("only in A", split.left), ("only in B", split.joined)):
        if counts:
            yield f"{name}: images {what}: {', '.join(f'{part} {n}' for part, n in counts.items())}"


def _of_lineage(found: Difference) -> Iterator[str]:
    for side, splits, sources, operations, files in (
        ("A", found.splits.before, found.sources.before, found.operations.before, found.files.removed),
        ("B", found.splits.after, found.sources.after, found.operations.after, found.files.added),
    ):
        yield from _listed(f"splits only in {side}", splits)
        yield from _listed(f"sources only in {side}", [f"{s.card} {s.raw_sha256[:12]}" for s in sources])
        yield from _listed(f"operations only in {side}", [step.name for step in operations])
        yield from _listed(f"files only in {side}", files)
    yield from _listed("files that differ", found.files.changed)
    yield from _listed("in the manifest", [*found.manifest])


def _listed(what: str, names: Sequence[str]) -> Iterator[str]:
    """Say how many there are, and name the first of them; nothing if there is none."""
    if names:
        more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"{what}: {len(names)}: {', '.join(names[:SHOWN])}{more}"
