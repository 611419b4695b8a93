"""What has another part in a split of the same name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Move", "SplitChanges", "compare_split"]

TEST = "test"
"""The part that nothing may move into unseen: a model may have been trained with it."""

Parts = Mapping[str, str]
"""The part of each image."""
Groups = Mapping[str, str]
"""The group of each image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An image, or a group, of both datasets that is in another part, or in others."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"name": self.name, "before": [*self.before], "after": [*self.after]}


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitChanges:
    """How a split of the same name differs."""

    name: str
    images: tuple[Move, ...]
    """Images that both splits hold, in another part."""
    groups: tuple[Move, ...]
    """Groups of which both splits hold images, in other parts."""
    joined: Mapping[str, int]
    """How many images only the second split holds, by part."""
    left: Mapping[str, int]
    """How many images only the first split holds, by part."""

    @property
    def into_test(self) -> tuple[str, ...]:
        """The images that were in another part and are now in `test`."""
        return tuple(move.name for move in self.images if move.after == (TEST,))

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.images or self.groups or self.joined or self.left)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name,
            "images_moved": [move.to_json() for move in self.images],
            "groups_moved": [move.to_json() for move in self.groups],
            "moved_into_test": [*self.into_test],
            "joined": dict(self.joined),
            "left": dict(self.left),
        }


def compare_split(
    name: str, before: Parts, after: Parts, groups_before: Groups, groups_after: Groups
) -> SplitChanges:
    """Return how a split differs.

    Args:
        name: Of the split.
        before: The part of each image in the first dataset.
        after: The same in the second.
        groups_before: The group of each image of the first dataset.
        groups_after: The same of the second.
    """
    moved = [
        Move(name=image_id, before=(before[image_id],), after=(after[image_id],))
        for image_id in sorted(before.keys() & after.keys())
        if before[image_id] != after[image_id]
    ]
    old, new = _parts_of_groups(before, groups_before), _parts_of_groups(after, groups_after)
    groups = [
        Move(name=group, before=tuple(sorted(old[group])), after=tuple(sorted(new[group])))
        for group in sorted(old.keys() & new.keys())
        if old[group] != new[group]
    ]
    return SplitChanges(
        name=name,
        images=tuple(moved),
        groups=tuple(groups),
        joined=_tally(after, before),
        left=_tally(before, after),
    )


def _parts_of_groups(parts: Parts, groups: Groups) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for image_id, part in parts.items():
        if image_id in groups:  # a split may still hold an image that the dataset does not
            found.setdefault(groups[image_id], set()).add(part)
    return found


def _tally(parts: Parts, others: Parts) -> dict[str, int]:
    counts = Counter(part for image_id, part in parts.items() if image_id not in others)
    return dict(sorted(counts.items()))
