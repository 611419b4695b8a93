"""The clusters of a split: images that are tied by their group, equal bytes, their frame or a link."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter

from thyrodata.errors import SplitError
from thyrodata.splits.items import EXCLUDED, Link, SplitItem
from thyrodata.splits.model import Join

__all__ = [
    "Cluster",
    "Tie",
    "crossing_ties",
    "find_clusters",
    "find_joins",
    "group_grades",
    "joins",
    "parts_met",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Images that share a group, their bytes, the frame that they are cut from, or a link."""

    why: str
    members: tuple[SplitItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A connected component: images sorted by image_id, and the ties among them."""

    members: tuple[SplitItem, ...]
    ties: tuple[Tie, ...]


def find_clusters(items: Iterable[SplitItem], links: Sequence[Link]) -> list[Cluster]:
    """Return the connected components over equal group, bytes and frame, and links, by their first image.

    Raises:
        SplitError: A link names an unknown image.
    """
    ordered = {item.image_id: item for item in sorted(items, key=attrgetter("image_id"))}
    parent = {image_id: image_id for image_id in ordered}

    def root(image_id: str) -> str:
        while parent[image_id] != image_id:
            parent[image_id] = parent[parent[image_id]]
            image_id = parent[image_id]
        return image_id

    ties = _ties(ordered, links)
    for tie in ties:
        first, *others = tie.members
        for other in others:
            parent[root(other.image_id)] = root(first.image_id)
    members: defaultdict[str, list[SplitItem]] = defaultdict(list)
    for image_id, item in ordered.items():
        members[root(image_id)].append(item)
    ties_of: defaultdict[str, list[Tie]] = defaultdict(list)
    for tie in ties:
        ties_of[root(tie.members[0].image_id)].append(tie)
    return [
        Cluster(members=tuple(found), ties=tuple(ties_of.get(start, ()))) for start, found in members.items()
    ]


def _ties(ordered: Mapping[str, SplitItem], links: Sequence[Link]) -> list[Tie]:
    groups: defaultdict[str, list[SplitItem]] = defaultdict(list)
    digests: defaultdict[str, list[SplitItem]] = defaultdict(list)
    frames: defaultdict[str, list[SplitItem]] = defaultdict(list)
    for item in ordered.values():
        groups[item.group_id].append(item)
        if item.sha256 is not None:
            digests[item.sha256].append(item)
        if item.frame_key is not None:
            frames[item.frame_key].append(item)
    for frame in frames.keys() & digests.keys():
        # A frame may be in the dataset itself, whole: `derive` names it by its hash.
        frames[frame] += (item for item in digests[frame] if item.frame_key != frame)
    shared = (("same group", groups), ("byte-identical, sha256", digests), ("cut from one frame,", frames))
    named = (
        (f"{why} {name}", members)
        for why, found in shared
        for name, members in found.items()
        if len(members) > 1
    )
    linked = (each for each in _linked(ordered, links) if len(each[1]) > 1)
    return [Tie(why=why, members=tuple(members)) for why, members in chain(named, linked)]


def _linked(known: Mapping[str, SplitItem], links: Sequence[Link]) -> Iterator[tuple[str, list[SplitItem]]]:
    for link in sorted(links, key=lambda link: (link.cluster, link.image_ids)):
        image_ids = sorted(set(link.image_ids))
        unknown = [image_id for image_id in image_ids if image_id not in known]
        if unknown:
            raise SplitError(
                f"the link {link.cluster!r} names an image that is not there: {unknown[0]!r}",
                hint="correct the image_id or remove its row",
            )
        yield f"link {link.cluster}", [known[image_id] for image_id in image_ids]


def joins(clusters: Iterable[Cluster]) -> tuple[Join, ...]:
    """Return every tie between images whose published identities differ."""
    return tuple(
        Join(
            why=tie.why,
            image_ids=tuple(item.image_id for item in tie.members),
            group_ids=tuple(sorted(group_ids)),
        )
        for cluster in clusters
        for tie in cluster.ties
        if len(group_ids := {item.group_id for item in tie.members}) > 1
    )


def find_joins(items: Iterable[SplitItem]) -> tuple[Join, ...]:
    """Return every tie by bytes or frame between images whose published identities differ."""
    return joins(find_clusters(items, ()))


def parts_met(members: Iterable[SplitItem], part_of: Mapping[str, str]) -> set[str]:
    """Return the parts that the images are in, `excluded` and unassigned left out."""
    return {part_of[item.image_id] for item in members if item.image_id in part_of} - {EXCLUDED}


def crossing_ties(cluster: Cluster, part_of: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ties that cross parts; all where parts meet only through images outside of them."""
    crossing = tuple(tie.why for tie in cluster.ties if len(parts_met(tie.members, part_of)) > 1)
    return crossing or tuple(tie.why for tie in cluster.ties)


def group_grades(members: Iterable[SplitItem]) -> dict[str, int | None]:
    """Return the highest grade known in each group; None = unlabelled."""
    grades: dict[str, int | None] = {}
    for item in members:
        best = grades.get(item.group_id)
        if best is None or (item.grade is not None and item.grade > best):
            grades[item.group_id] = item.grade
    return grades
