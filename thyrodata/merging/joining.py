"""Groups that become one because they show the same picture."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from thyrodata.duplicates import Same
from thyrodata.schema.record import Remark
from thyrodata.schema.vocab import GroupKind

__all__ = ["Group", "Joined", "Member", "clusters_of", "join_groups", "remarks_on"]

KeyT = TypeVar("KeyT", bound=Hashable)


class _Union(Generic[KeyT]):
    """Sets of things that were joined, each named by its first in the order in which they were given."""

    def __init__(self, things: Iterable[KeyT]) -> None:
        self._order = {thing: place for place, thing in enumerate(things)}
        self._parent = {thing: thing for thing in self._order}

    def root(self, thing: KeyT) -> KeyT:
        while self._parent[thing] != thing:
            self._parent[thing] = self._parent[self._parent[thing]]
            thing = self._parent[thing]
        return thing

    def join(self, one: KeyT, other: KeyT) -> None:
        first, second = sorted((self.root(one), self.root(other)), key=self._order.__getitem__)
        self._parent[second] = first

    def sets(self) -> list[list[KeyT]]:
        """Return all sets in the order of their first."""
        found: dict[KeyT, list[KeyT]] = {}
        for thing in self._order:
            found.setdefault(self.root(thing), []).append(thing)
        return list(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A published identity."""

    group_id: str
    kind: GroupKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An image by its names in the merged dataset, before groups are joined."""

    image_id: str
    parent: int
    sha256: str | None
    group: Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Groups that became one."""

    into: Group
    """The one whose identity all get: of the kind nearest to the patient, and of these the first."""
    groups: tuple[Group, ...]
    """The others."""


def join_groups(members: Sequence[Member], found: Iterable[Same]) -> tuple[Joined, ...]:
    """Join the groups of images that are the same picture.

    Byte-identical images of one parent do not join their groups by themselves: every split keeps them
    together anyway, and the ids that a source publishes stay. They count as one image, that of the first.
    """
    stands_for = _first_of_equal_bytes(members)
    group_of = {member.image_id: member.group for member in members}
    union = _Union(group.group_id for group in group_of.values())
    for same in found:
        one, other = (group_of[stands_for[image_id]].group_id for image_id in same.image_ids)
        union.join(one, other)
    kinds = {group.group_id: group for group in group_of.values()}
    coarsest = {kind: rank for rank, kind in enumerate(GroupKind)}
    joined = []
    for ids in union.sets():
        if len(ids) > 1:
            groups = [kinds[group_id] for group_id in ids]
            into = min(groups, key=lambda group: coarsest[group.kind])
            joined.append(Joined(into=into, groups=tuple(group for group in groups if group != into)))
    return tuple(joined)


def _first_of_equal_bytes(members: Iterable[Member]) -> dict[str, str]:
    """Return for each image the first of its parent that has the same bytes."""
    first: dict[tuple[int, str], str] = {}
    return {
        member.image_id: first.setdefault((member.parent, member.sha256 or member.image_id), member.image_id)
        for member in members
    }


def clusters_of(members: Iterable[Member], found: Iterable[Same]) -> tuple[tuple[str, ...], ...]:
    """Return the images that show one picture, each set in the order of the records."""
    union = _Union(member.image_id for member in members)
    for same in found:
        union.join(*same.image_ids)
    return tuple(tuple(images) for images in union.sets() if len(images) > 1)


def remarks_on(
    members: Sequence[Member], found: Iterable[Same], joined: Iterable[Joined]
) -> Mapping[str, Remark]:
    """Return what is to be said of each image whose group is not the one that its source publishes."""
    group_of = {member.image_id: member.group.group_id for member in members}
    moved = {group.group_id: one.into.group_id for one in joined for group in one.groups}
    shown: dict[str, list[Same]] = {}
    link_of: dict[str, str] = {}
    stands_for = _first_of_equal_bytes(members)
    for same in found:
        for image_id, other in (same.image_ids, same.image_ids[::-1]):
            for name in dict.fromkeys((image_id, stands_for[image_id])):  # of equal bytes
                group_id = group_of[name]
                if group_id in moved and group_of[other] != group_id:
                    shown.setdefault(name, []).append(same.seen_from(image_id))
                    link_of.setdefault(group_id, name)
    remarks = {}
    for member in members:
        group = member.group
        if group.group_id in moved:
            link = member.image_id if member.image_id in shown else link_of[group.group_id]
            # The picture in the group that is joined to says the most.
            same = min(shown[link], key=lambda same: group_of[same.image_ids[0]] != moved[group.group_id])
            remarks[member.image_id] = Remark(code="same-picture", text=_text(member, link, same))
    return remarks


def _text(member: Member, link: str, same: Same) -> str:
    picture = f"shows the picture of {same.image_ids[0]} ({same})"
    if link != member.image_id:
        picture = f"is in one group with {link}, which {picture}"
    return f"{picture}; its source's own group is {member.group.group_id} ({member.group.kind.value})"
