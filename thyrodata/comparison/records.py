"""The images, groups and aspects of records that two datasets do not have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from thyrodata.comparison.digests import ASPECTS, Digest, aspects_that_differ

__all__ = ["RecordChanges", "compare_records"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChanges:
    """How the records of two datasets differ. Ids are sorted."""

    added: tuple[str, ...]
    """Images that only the second has."""
    removed: tuple[str, ...]
    """Images that only the first has."""
    fields: Mapping[str, tuple[str, ...]]
    """The images of both that differ in an aspect, by :data:`thyrodata.comparison.digests.ASPECTS`."""
    reordered: bool
    """Whether the images of both stand in another order."""
    groups_before: Mapping[str, str]
    """The group of each image of the first."""
    groups_after: Mapping[str, str]

    @property
    def groups_added(self) -> tuple[str, ...]:
        """The groups that only the second has."""
        return tuple(sorted({*self.groups_after.values()} - {*self.groups_before.values()}))

    @property
    def groups_removed(self) -> tuple[str, ...]:
        """The groups that only the first has."""
        return tuple(sorted({*self.groups_before.values()} - {*self.groups_after.values()}))

    @property
    def changed(self) -> tuple[str, ...]:
        """The images of both of which anything differs."""
        return tuple(sorted({image_id for ids in self.fields.values() for image_id in ids}))

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.fields or self.reordered)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "added": [*self.added],
            "removed": [*self.removed],
            "changed": [*self.changed],
            "fields": {aspect: [*ids] for aspect, ids in self.fields.items()},
            "reordered": self.reordered,
            "groups_added": [*self.groups_added],
            "groups_removed": [*self.groups_removed],
        }


def compare_records(before: Iterable[Digest], after: Iterable[Digest]) -> RecordChanges:
    """Join two streams of digests by their image ids; those of the first are held."""
    waiting = {each.image_id: (place, each) for place, each in enumerate(before)}
    groups_before = {image_id: each.group_id for image_id, (_, each) in waiting.items()}
    groups_after: dict[str, str] = {}
    added: list[str] = []
    fields: dict[str, list[str]] = {aspect: [] for aspect in ASPECTS}
    last, reordered = -1, False
    for each in after:
        groups_after[each.image_id] = each.group_id
        if each.image_id not in waiting:
            added.append(each.image_id)
            continue
        place, other = waiting.pop(each.image_id)
        last, reordered = place, reordered or place < last
        if other.aspects != each.aspects:
            for aspect in aspects_that_differ(other.aspects, each.aspects):
                fields[aspect].append(each.image_id)
    return RecordChanges(
        added=tuple(sorted(added)),
        removed=tuple(sorted(waiting)),
        fields={aspect: tuple(sorted(ids)) for aspect, ids in fields.items() if ids},
        reordered=reordered,
        groups_before=groups_before,
        groups_after=groups_after,
    )
