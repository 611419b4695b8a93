"""Pairs of pictures that share landmarks at one offset, found in nearly linear time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.duplicates.keypoints import MARGIN_PX, Keypoints
from thyrodata.duplicates.overlap import Offset, overlap_boxes, overlap_share

__all__ = ["Candidate", "Landmarks", "find_candidates"]

_AHEAD: Final = 16
"""A landmark is paired with as many of those described alike that follow in the order of the pictures: copies
beyond that number are linked through those between them."""
_SIGN: Final = 64
"""Landmarks described alike from which they are taken for a sign, such as a scanner's scale."""
_AHEAD_OF_SIGN: Final = 4
"""With how many of those that follow a sign is paired, so that it costs each picture little."""
_VOTES: Final = 2
"""Shared landmarks of a candidate; a single one may be chance."""
_SHARE: Final = 0.1
"""The share of the landmarks in the overlap that must agree. In most stills 60 % do after JPEG of quality 75
and 40 % after quality 50; a screen's signs alone seldom come to so many."""
_OFFSETS: Final = 3
"""Of a pair that are looked at, those with the most votes first."""
_BLOCK: Final = 2048
"""Pictures whose votes are counted at once, which bounds the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """A picture as the search sees it."""

    shape: tuple[int, int]
    """(height, width)"""
    keypoints: Keypoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Two pictures, by their place, that may be the same, and at which offsets: the likeliest first."""

    first: int
    second: int
    offsets: tuple[Offset, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class _Alike:
    """Landmarks that are not the only ones of their description, sorted by it and then by picture."""

    owner: NDArray[np.int32]
    y: NDArray[np.int32]
    x: NDArray[np.int32]
    pairs: tuple[NDArray[np.int32], ...]
    """The first of the two that vote, for those that are one place apart, two places, ..."""


def find_candidates(pictures: Sequence[Landmarks]) -> Iterator[Candidate]:
    """Yield the pairs that share enough landmarks at one offset, in the order of the pictures."""
    if not pictures:
        return
    alike = _alike(pictures)
    for start in range(0, len(pictures), _BLOCK):
        votes = _count(_votes(alike, start, start + _BLOCK))
        likely = (vote for vote in votes if _agrees(pictures[vote[0]], pictures[vote[1]], vote[2], vote[3]))
        for (first, second), found in groupby(likely, key=lambda vote: vote[:2]):
            best = sorted(found, key=lambda vote: (-vote[3], vote[2]))[:_OFFSETS]
            yield Candidate(first=first, second=second, offsets=tuple(vote[2] for vote in best))


def _alike(pictures: Sequence[Landmarks]) -> _Alike:
    starts = np.cumsum([0, *(len(picture.keypoints.key) for picture in pictures)])
    order, key, many = _repeated(_joined(pictures, "key"))
    owner = (np.searchsorted(starts, order, side="right") - 1).astype(np.int32)
    pairs = []
    for step in range(1, _AHEAD + 1):
        equal = (key[:-step] == key[step:]) & (owner[:-step] != owner[step:])
        if step > _AHEAD_OF_SIGN:
            equal &= many[:-step] < _SIGN
        pairs.append(np.flatnonzero(equal).astype(np.int32))
    y, x = (_joined(pictures, name)[order] for name in ("y", "x"))
    return _Alike(owner=owner, y=y, x=x, pairs=tuple(pairs))


def _joined(pictures: Sequence[Landmarks], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(picture.keypoints, name) for picture in pictures])


def _repeated(key: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[np.int32]]:
    """Return the places of keys that are there more than once, sorted; the keys; how often each is there."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(key)])
    counts = np.diff(np.r_[starts, len(key)]).astype(np.int32)
    many = np.repeat(counts, counts)
    return order[many > 1], ordered[many > 1], many[many > 1]


def _votes(alike: _Alike, start: int, stop: int) -> NDArray[np.int32]:
    """Return the votes of the pictures from ``start`` on, before ``stop``.

    Each is a row: the two pictures, and where the second's origin lies in the first (y, x).
    """
    found = []
    for step, pairs in enumerate(alike.pairs, 1):
        owners = alike.owner[pairs]
        near = pairs[(owners >= start) & (owners < stop)]
        far = near + step
        dy, dx = alike.y[near] - alike.y[far], alike.x[near] - alike.x[far]
        found.append(np.stack([alike.owner[near], alike.owner[far], dy, dx], axis=1))
    return np.concatenate(found)


def _count(votes: NDArray[np.int32]) -> Iterator[tuple[int, int, Offset, int]]:
    """Yield each pair and offset (x, y) with its number of votes, sorted, if it has enough."""
    ordered = votes[np.lexsort(votes.T[::-1])]
    starts = np.flatnonzero(np.r_[True, (ordered[1:] != ordered[:-1]).any(1)][: len(ordered)])
    counts = np.diff(np.r_[starts, len(ordered)])
    enough = counts >= _VOTES
    rows: list[Any] = ordered[starts[enough]].tolist()
    for (first, second, y, x), n in zip(rows, counts[enough].tolist(), strict=True):
        yield first, second, (x, y), n


def _agrees(first: Landmarks, second: Landmarks, offset: Offset, votes: int) -> bool:
    """Tell whether enough of the landmarks that both should have are shared, over enough of the pictures."""
    if not overlap_share(first.shape, second.shape, offset):
        return False
    boxes = overlap_boxes(first.shape, second.shape, offset)
    expected = [_inside(picture.keypoints, box) for picture, box in zip((first, second), boxes, strict=True)]
    return votes >= _SHARE * min(expected)


def _inside(keypoints: Keypoints, box: tuple[int, int, int, int]) -> int:
    """Count the landmarks of the overlap that lie deep enough in it to be seen in both pictures."""
    x0, y0, x1, y1 = box
    x, y = keypoints.x, keypoints.y
    deep = (x >= x0 + MARGIN_PX) & (x < x1 - MARGIN_PX) & (y >= y0 + MARGIN_PX) & (y < y1 - MARGIN_PX)
    return int(np.count_nonzero(deep))
