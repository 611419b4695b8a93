"""Choosing images and dealing them into batches that look alike, groups kept whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from thyrodata.errors import UsageError

__all__ = ["WorkItem", "choose", "largest_deviation", "make_batches", "rank"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """One image that may be given to readers."""

    image_id: str
    group_id: str
    stratum: str
    """The grade of its group: what batches are balanced by, and no reader is told."""


Unit = tuple[WorkItem, ...]
"""Images of one group that stay together."""


def rank(seed: int, *words: object) -> str:
    """Return a text that sorts as if at random, and the same everywhere."""
    return sha256("\0".join(map(str, (seed, *words))).encode()).hexdigest()


def choose(items: Sequence[WorkItem], count: int, seed: int) -> tuple[WorkItem, ...]:
    """Choose images by whole groups, in the mix of all of them.

    The group that is taken next is of the stratum that lacks most of its share, so that of groups of one
    image each stratum gets its share to less than one image.

    Args:
        items: What there is.
        count: How many are wanted: as many are chosen, or fewer where no further group fits.
        seed: Another seed gives others.

    Returns:
        What is chosen, in the order of ``items``.

    Raises:
        UsageError: There are fewer, or no group is small enough.
    """
    if count > len(items):
        raise UsageError(f"there are {len(items)} images, fewer than {count}", hint="leave --count out")
    waiting = defaultdict(list)
    for group in _groups(items, seed):
        waiting[group[0].stratum].append(group)
    lacking = {name: count * n / len(items) for name, n in _strata(items).items()}
    chosen: set[str] = set()
    while len(chosen) < count and lacking:
        name = max(sorted(lacking), key=lacking.__getitem__)
        fitting = [group for group in waiting[name] if len(group) <= count - len(chosen)]
        if not fitting:
            del lacking[name]
            continue
        waiting[name] = fitting[1:]
        lacking[name] -= len(fitting[0])
        chosen.update(item.image_id for item in fitting[0])
    if not chosen:
        raise UsageError(f"every group has more than {count} images", hint="ask for more with --count")
    return tuple(item for item in items if item.image_id in chosen)


def make_batches(items: Sequence[WorkItem], size: int, seed: int) -> tuple[tuple[WorkItem, ...], ...]:
    """Deal images into as few batches as will do, each in the mix of all of them.

    A group is in one batch; only one that is larger than a batch is spread over several. Large groups are
    dealt first, of those of one size the ones of large strata, each to the batch that has least of its
    stratum and then least of all.

    Args:
        items: All images, at least one.
        size: The most images of a batch.
        seed: Another seed gives other batches.
    """
    units = [unit for group in _groups(items, seed) for unit in _pieces(group, size)]
    strata = _strata(items)
    # Within a stratum they stay in the order that the seed gave.
    units.sort(key=lambda unit: (-len(unit), -strata[unit[0].stratum], unit[0].stratum))
    number = -(-len(items) // size)
    while True:
        batches, left = _deal(units, number, size)
        if not left:
            return tuple(tuple(batch) for batch in batches if batch)
        number += -(-left // size)


def largest_deviation(batches: Iterable[Sequence[WorkItem]]) -> float:
    """Return the most by which the share of a stratum in a batch differs from its share in all, 0 to 1."""
    given = [_strata(batch) for batch in batches]
    whole = sum(given, Counter[str]())
    return max(
        abs(batch[name] / batch.total() - n / whole.total()) for batch in given for name, n in whole.items()
    )


def _strata(items: Iterable[WorkItem]) -> Counter[str]:
    return Counter(item.stratum for item in items)


def _groups(items: Iterable[WorkItem], seed: int) -> list[Unit]:
    """Return the groups, in an order that depends on the seed alone."""
    groups = defaultdict(list)
    for item in items:
        groups[item.group_id].append(item)
    ordered = sorted(groups, key=lambda group_id: rank(seed, "group", group_id))
    return [tuple(groups[group_id]) for group_id in ordered]


def _pieces(group: Unit, size: int) -> Iterable[Unit]:
    """Yield a group whole, or in parts of about one size that each fit into a batch."""
    number = -(-len(group) // size)
    return (group[piece::number] for piece in range(number))


def _deal(units: Iterable[Unit], number: int, size: int) -> tuple[list[list[WorkItem]], int]:
    """Deal units into so many batches; return them, and how many images found no place."""
    batches: list[list[WorkItem]] = [[] for _ in range(number)]
    has = [Counter[str]() for _ in range(number)]
    left = 0
    for unit in units:
        stratum = unit[0].stratum
        open_ones = (k for k in range(number) if len(batches[k]) + len(unit) <= size)
        best = min(open_ones, key=lambda k: (has[k][stratum], len(batches[k])), default=None)
        if best is None:
            left += len(unit)
            continue
        batches[best].extend(unit)
        has[best][stratum] += len(unit)
    return batches, left
