"""What should be known of a selection beside its numbers: sentences for the command line and the figure."""

from __future__ import annotations

from collections.abc import Iterator

from thyrodata.selection.conditions import Level
from thyrodata.selection.ledger import Ledger, TableAccount
from thyrodata.selection.wording import count_level, count_of

__all__ = ["notes"]


def notes(ledger: Ledger) -> Iterator[str]:
    """Yield a sentence for each thing that is not what a reader would take for granted."""
    if not ledger.names_patients:
        yield "The source does not name patients everywhere: one patient may stand in several groups."
    for table in ledger.tables:
        yield from _table_notes(table)
    for stage in ledger.stages:
        if stage.lapsed:
            lapsed = count_level(len(stage.lapsed), stage.step.level, stage.before)
            yield (
                f"{lapsed} would not pass {stage.step.name!r} any more: later criteria "
                "removed what it had seen."
            )
        if stage.step.level is Level.NODULE and stage.kept_for_others:
            kept = _images(stage.kept_for_others)
            yield f"{kept} lost all nodules by {stage.step.name!r}, kept for findings that name no nodule."
    if ledger.partial_images:
        yield f"{_images(ledger.partial_images)} lost an outline: coverage there is partial now."


def _images(n: int) -> str:
    return count_of(n, "image", "images")


def _table_notes(table: TableAccount) -> Iterator[str]:
    if table.missing:
        ids = count_of(len(table.missing), "id", "ids")
        yield f"{table.name} has no row for {ids} of the dataset, of which it says nothing."
    if table.unknown:
        yield f"{table.name} has {count_of(len(table.unknown), 'id', 'ids')} not in the dataset."
    if table.twice:
        yield f"{table.name} has {count_of(len(table.twice), 'row', 'rows')} of an id that has another row."
