"""Which drawings of two readers are of one thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.drawings import Drawing, overlap_iou

__all__ = ["CALLED_OTHERWISE", "Match", "Matching", "Tie", "match", "match_overlaps", "overlaps"]

CALLED_OTHERWISE = 0.5
"""IoU from which two drawings that are called different structures may still be of one thing: below it a
nodule would be matched with the gland around it."""

_EQUAL_SUMS = 1e-9
"""Sums of IoU that differ by less are equal: rounding adds up to far less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Two drawings of one thing, by their places in what was given."""

    a: int
    b: int
    iou: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Drawings that could be matched in several ways that are equally good, by their places: none is."""

    a: tuple[int, ...]
    b: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How the drawings of two readers on one image correspond, by their places."""

    matches: tuple[Match, ...]
    only_a: tuple[int, ...]
    """Drawings of the first reader that nothing of the second is matched with."""
    only_b: tuple[int, ...]
    ties: tuple[Tie, ...]
    """Each of drawings that hang together; those of two places on the image are two."""


def match(a: Sequence[Drawing], b: Sequence[Drawing], floor: float) -> Matching:
    """Match drawings one to one so that the sum of their IoU is greatest (Kuhn, Nav Res Logist Q 1955).

    Labels play no part: what a nodule is graded is compared once it is known which nodule it is. Drawings of
    one structure are matched first; then, of what is left, drawings that are called different structures and
    yet overlap as those of one thing do.

    Args:
        a: Drawings of one reader.
        b: Drawings of the other, on the same image.
        floor: The least IoU of a match, above 0.
    """
    ious = overlaps(a, b)
    same = np.array(
        [[one.finding.structure is other.finding.structure for other in b] for one in a], np.bool_
    )
    first = match_overlaps(np.where(same.reshape(ious.shape), ious, 0), floor)
    rest = np.zeros_like(ious)
    free = np.ix_(first.only_a, first.only_b)
    rest[free] = ious[free]
    second = match_overlaps(rest, max(floor, CALLED_OTHERWISE))
    return Matching(
        matches=first.matches + second.matches,
        only_a=tuple(k for k in first.only_a if k in second.only_a),
        only_b=tuple(k for k in first.only_b if k in second.only_b),
        ties=first.ties + second.ties,
    )


def overlaps(a: Sequence[Drawing], b: Sequence[Drawing]) -> NDArray[np.float64]:
    """Return the IoU of each drawing of the one with each of the other: float64 (len(a), len(b))."""
    found = np.zeros((len(a), len(b)))
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            found[i, j] = overlap_iou(one, other)
    return found


def match_overlaps(ious: NDArray[np.float64], floor: float) -> Matching:
    """Match rows with columns one to one so that the sum of IoU is greatest, none below the floor.

    Where several matchings have the greatest sum, nothing tells which is meant: the pairs that all of them
    share are matched, and what else any of them matches is tied.

    Args:
        ious: float64 (rows, columns), 0 to 1.
        floor: The least IoU of a match, above 0.
    """
    near = np.where(ious >= floor, ious, 0.0)
    matches: list[Match] = []
    ties: list[Tie] = []
    used: tuple[set[int], set[int]] = set(), set()
    for rows, columns in _components(near):
        for some_rows, some_columns in _components(_in_greatest(near[np.ix_(rows, columns)])):
            a, b = tuple(rows[i] for i in some_rows), tuple(columns[j] for j in some_columns)
            used[0].update(a)
            used[1].update(b)
            if len(a) == len(b) == 1:
                matches.append(Match(a=a[0], b=b[0], iou=float(near[a[0], b[0]])))
            else:
                ties.append(Tie(a=a, b=b))
    return Matching(
        matches=tuple(sorted(matches, key=lambda each: each.a)),
        only_a=tuple(k for k in range(ious.shape[0]) if k not in used[0]),
        only_b=tuple(k for k in range(ious.shape[1]) if k not in used[1]),
        ties=tuple(ties),
    )


def _components(near: NDArray[np.float64]) -> list[tuple[list[int], list[int]]]:
    """Return the rows and columns that hang together by numbers above 0, those with none left out."""
    parent = list(range(sum(near.shape)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    edges = [(int(i), int(j) + near.shape[0]) for i, j in zip(*np.nonzero(near), strict=True)]
    for one, other in edges:
        parent[root(one)] = root(other)
    found: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for k in sorted({k for edge in edges for k in edge}):
        rows, columns = found[root(k)]
        (rows if k < near.shape[0] else columns).append(k if k < near.shape[0] else k - near.shape[0])
    return list(found.values())


def _in_greatest(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the block with those of its pairs alone that are in any matching whose sum is greatest."""
    if block.size == 1:
        return block
    greatest = _greatest_sum(block)
    kept = np.zeros_like(block)
    for i, j in zip(*np.nonzero(block), strict=True):
        others = np.delete(np.delete(block, i, axis=0), j, axis=1)
        if block[i, j] + _greatest_sum(others) > greatest - _EQUAL_SUMS:
            kept[i, j] = block[i, j]
    return kept


def _greatest_sum(block: NDArray[np.float64]) -> float:
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 -- slow to import, seldom needed

    return float(block[linear_sum_assignment(block, maximize=True)].sum())
