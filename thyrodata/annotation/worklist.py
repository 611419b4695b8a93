"""Work lists: which images each reader gets, in which order, under which names."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from thyrodata.annotation.assignment import Task
from thyrodata.annotation.batches import WorkItem, choose, largest_deviation, make_batches, rank

__all__ = ["Entry", "WorkList", "WorkLists", "make_worklists"]

_FEWEST_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One image of a reader's list."""

    item: WorkItem
    file: str
    """Its path in the reader's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkList:
    """What one reader gets."""

    reader: str
    batches: tuple[tuple[Entry, ...], ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All images, in the order of the list."""
        return tuple(entry for batch in self.batches for entry in batch)

    @property
    def neighbours(self) -> int:
        """How many images follow one of their own group."""
        return sum(one.item.group_id == other.item.group_id for one, other in pairwise(self.entries))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLists:
    """The lists of all readers. A batch holds the same images for each of them, in another order."""

    lists: tuple[WorkList, ...]

    @property
    def items(self) -> tuple[WorkItem, ...]:
        """The images that each reader gets."""
        return tuple(entry.item for entry in self.lists[0].entries)

    @property
    def largest_deviation(self) -> float:
        """The most by which the share of a grade in a batch differs from its share in all, 0 to 1."""
        return largest_deviation([entry.item for entry in batch] for batch in self.lists[0].batches)

    def to_json(self) -> dict[str, Any]:
        """Return how the lists came out, as plain values."""
        batches = [Counter(entry.item.stratum for entry in batch) for batch in self.lists[0].batches]
        groups = Counter(
            group_id for batch in self.lists[0].batches for group_id in {e.item.group_id for e in batch}
        )
        return {
            "images": len(self.items),
            "groups": len(groups),
            "groups_in_several_batches": sum(n > 1 for n in groups.values()),
            "batches": [dict(sorted(batch.items())) for batch in batches],
            "largest_deviation": round(self.largest_deviation, 6),
            "neighbours_of_one_group": {each.reader: each.neighbours for each in self.lists},
        }


def make_worklists(items: Sequence[WorkItem], task: Task) -> WorkLists:
    """Make the lists of all readers.

    A file's name is a number that no other file of any reader has, so that a name of another reader's list is
    told from one's own. A reader's numbers ascend through the list; which numbers they are says nothing.

    Args:
        items: The images that there are, at least one.
        task: What is asked.

    Raises:
        UsageError: So many images cannot be chosen.
    """
    chosen = choose(items, task.count, task.seed) if task.count is not None else tuple(items)
    batches = make_batches(chosen, task.batch, task.seed)
    names = _names(task.readers, len(chosen), task.seed)
    return WorkLists(
        lists=tuple(
            WorkList(reader=reader, batches=_name(_order(batches, task.seed, reader), names[reader]))
            for reader in task.readers
        )
    )


def _order(batches: Iterable[Sequence[WorkItem]], seed: int, reader: str) -> tuple[tuple[WorkItem, ...], ...]:
    ordered: list[tuple[WorkItem, ...]] = []
    last = ""
    for batch in batches:
        ordered.append(_spread(sorted(batch, key=lambda item: rank(seed, reader, item.image_id)), last))
        last = ordered[-1][-1].group_id
    return tuple(ordered)


def _spread(batch: Sequence[WorkItem], last: str) -> tuple[WorkItem, ...]:
    """Reorder a batch so that a group follows itself only where it must, and else as little as possible."""
    waiting = defaultdict(list)
    for place, item in enumerate(batch):
        waiting[item.group_id].append((place, item))
    spread: list[WorkItem] = []
    while waiting:
        others = [group_id for group_id in waiting if group_id != last] or [last]
        most = max(others, key=lambda group_id: len(waiting[group_id]))
        if 2 * len(waiting[most]) <= len(batch) - len(spread):  # else its images would be left for the end
            most = min(others, key=lambda group_id: waiting[group_id][0][0])
        spread.append(waiting[most].pop(0)[1])
        if not waiting[most]:
            del waiting[most]
        last = most
    return tuple(spread)


def _names(readers: Iterable[str], images: int, seed: int) -> dict[str, list[str]]:
    """Deal the numbers from 1 to the readers, as many to each, at random."""
    places = [(rank(seed, "number", reader, place), reader) for reader in readers for place in range(images)]
    digits = max(_FEWEST_DIGITS, len(str(len(places))))
    names: dict[str, list[str]] = defaultdict(list)
    for number, (_, reader) in enumerate(sorted(places), 1):
        names[reader].append(f"{number:0{digits}d}.png")
    return names


def _name(batches: tuple[tuple[WorkItem, ...], ...], names: Iterable[str]) -> tuple[tuple[Entry, ...], ...]:
    digits = max(2, len(str(len(batches))))
    left = iter(names)
    return tuple(
        tuple(Entry(item=item, file=f"batch-{number:0{digits}d}/images/{next(left)}") for item in batch)
        for number, batch in enumerate(batches, 1)
    )
