"""Which drawings of any number of readers are of one thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations

from thyrodata.agreement.drawings import Drawing
from thyrodata.agreement.matching import Matching, match

__all__ = ["Cluster", "Trouble", "cluster"]

Node = tuple[str, int]
"""A reader, and the place of a drawing among that reader's."""


class Trouble(Enum):
    """Why it is not clear what belongs together."""

    TIED = "tied-match"
    """Drawings could be matched in several ways that are equally good, as if one was drawn twice."""
    UNCLEAR = "unclear-match"
    """One reader's drawing is matched with two others that are not matched with each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What one or more readers have drawn of one thing."""

    drawings: Mapping[str, tuple[Drawing, ...]]
    """By reader; more than one of a reader only in trouble."""
    trouble: Trouble | None

    @property
    def all(self) -> tuple[Drawing, ...]:
        """The drawings, sorted by what they show, whoever drew them."""
        return tuple(
            sorted((each for drawn in self.drawings.values() for each in drawn), key=lambda each: each.order)
        )


def cluster(
    drawn: Mapping[str, Sequence[Drawing]],
    floor: float,
    matchings: Mapping[tuple[str, str], Matching] | None = None,
) -> tuple[Cluster, ...]:
    """Put together what readers have drawn of one thing, on one image.

    Readers are matched two by two. What hangs together is one thing if each of its drawings is matched with
    every other; else it is in trouble, and nobody can say without looking.

    Args:
        drawn: The drawings of each reader.
        floor: The least IoU of a match.
        matchings: Those of each two readers, if they are known.

    Returns:
        The clusters, sorted by what they show.
    """
    pairs = {
        (one, other): (matchings or {}).get((one, other)) or match(drawn[one], drawn[other], floor)
        for one, other in combinations(drawn, 2)
    }
    edges: dict[Node, set[Node]] = {
        (reader, k): set() for reader, all_of in drawn.items() for k in range(len(all_of))
    }
    tied: set[Node] = set()
    for (one, other), found in pairs.items():
        for each in found.matches:
            edges[one, each.a].add((other, each.b))
            edges[other, each.b].add((one, each.a))
        for tie in found.ties:
            together = [*((one, k) for k in tie.a), *((other, k) for k in tie.b)]
            tied.update(together)
            for node in together:  # nothing tells them apart: they are looked at together
                edges[node].update(each for each in together if each != node)
    clusters = [
        Cluster(drawings=_by_reader(nodes, drawn), trouble=_trouble(nodes, edges, tied))
        for nodes in _parts(edges)
    ]
    return tuple(sorted(clusters, key=lambda each: [drawing.order for drawing in each.all]))


def _parts(edges: Mapping[Node, set[Node]]) -> list[list[Node]]:
    seen: set[Node] = set()
    parts = []
    for start in edges:
        if start in seen:
            continue
        part, waiting = [], [start]
        seen.add(start)
        while waiting:
            node = waiting.pop()
            part.append(node)
            waiting += edges[node] - seen
            seen |= edges[node]
        parts.append(sorted(part))
    return parts


def _by_reader(
    nodes: Sequence[Node], drawn: Mapping[str, Sequence[Drawing]]
) -> Mapping[str, tuple[Drawing, ...]]:
    found: dict[str, list[Drawing]] = defaultdict(list)
    for reader, k in nodes:
        found[reader].append(drawn[reader][k])
    return {reader: tuple(all_of) for reader, all_of in found.items()}


def _trouble(nodes: Sequence[Node], edges: Mapping[Node, set[Node]], tied: set[Node]) -> Trouble | None:
    if not tied.isdisjoint(nodes):
        return Trouble.TIED
    whole = all(len(edges[node]) == len(nodes) - 1 for node in nodes)
    return None if whole and len({reader for reader, _ in nodes}) == len(nodes) else Trouble.UNCLEAR
