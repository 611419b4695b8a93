"""Pictures that may be parts of one picture: those that share blobs under one scaling and one shift.

Descriptions of all blobs are sorted, and each is held against those that follow it, which agree with it the
longest from the surest bit on, however many pictures there are (Bawa, Condie and Ganesan, "LSH forest", WWW
2005). So the cost is nearly linear. Pairs of pictures of which enough blobs match are fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.duplicates.overlap import MIN_OVERLAP
from thyrodata.qc.blobs import BITS, Blobs
from thyrodata.qc.fitting import LEAST, Fit, Matches, fitted
from thyrodata.qc.views import Box, Overlay, Turn

__all__ = ["find_parts"]

AHEAD: Final = 8
"""A blob is held against as many that follow it, which bounds the cost whatever the data."""

SURE: Final = 24
"""Bits, the surest, in which blobs that match are equal."""

DIFFERENT: Final = 9
"""Bits in which they may differ in all."""

SIGN: Final = 32
"""Blobs of one description from which they are taken for a sign that a scanner draws into its pictures."""

SHARE: Final = 0.04
"""The share of the blobs in the overlap, of the picture that has fewer there, that must match."""

_TURN_OF: Final = (Turn.NONE, Turn.LEFT_RIGHT, Turn.UPSIDE_DOWN, Turn.HALF_TURN)
"""By the bits of a blob's turn."""

_CHUNK: Final = 1 << 16
"""Descriptions that are held against others at a time, so that they stay in the processor's cache."""

_Places = NDArray[np.intp]


def find_parts(blobs: Sequence[Blobs], sizes: Sequence[tuple[int, int]]) -> Iterator[Overlay]:
    """Yield how pictures may lie on one another, in their order; a pair may come with several turns.

    Args:
        blobs: Of each picture.
        sizes: Width and height of each picture.
    """
    for (first, second, turn), of_first, of_second in _matched(blobs):
        one, two = blobs[first], _facing(blobs[second], sizes[second], turn)
        matches = Matches(
            first=_points(one)[of_first],
            second=_points(two)[of_second],
            scale=one.scale[of_first].astype(np.float64),
        )
        fit = fitted(matches)
        boxes = fit and _shown_by_both(fit, sizes[first], sizes[second])
        if fit and boxes and fit.matches >= SHARE * min(map(_count, (one, two), boxes)):
            stored = boxes[0], _mirrored(boxes[1], sizes[second], turn)
            yield Overlay(first=first, second=second, turn=_TURN_OF[turn], boxes=stored)


def _matched(blobs: Sequence[Blobs]) -> Iterator[tuple[tuple[int, int, int], _Places, _Places]]:
    """Yield two pictures and the bits of a turn, with those blobs of each that may be the same."""
    if not blobs:
        return
    starts = np.cumsum([0, *(len(each.key) for each in blobs)])
    turn = np.concatenate([each.turn for each in blobs])
    owner = np.repeat(np.arange(len(blobs)), np.diff(starts))
    near = [*_near(np.concatenate([each.key for each in blobs]))]
    pairs = np.sort(np.concatenate(near, axis=1), axis=0) if near else np.zeros((2, 0), np.intp)
    pairs = pairs[:, owner[pairs[0]] != owner[pairs[1]]]
    owners = owner[pairs]
    which = (owners[0] * len(blobs) + owners[1]) * len(_TURN_OF) + (turn[pairs[0]] ^ turn[pairs[1]])
    order = np.argsort(which, kind="stable")
    which, pairs = which[order], pairs[:, order]
    begins = np.flatnonzero(np.r_[True, which[1:] != which[:-1]][: len(which)])
    counts = np.diff(np.r_[begins, len(which)])
    for begin, count in zip(begins[counts >= LEAST], counts[counts >= LEAST], strict=True):
        both, turned = divmod(int(which[begin]), len(_TURN_OF))
        first, second = divmod(both, len(blobs))
        of_first, of_second = pairs[:, begin : begin + count]
        yield (first, second, turned), of_first - starts[first], of_second - starts[second]


def _near(key: NDArray[np.uint64]) -> Iterator[_Places]:
    """Yield pairs of places (2, pairs) of descriptions that are alike, those of signs left out."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(key)])
    counts = np.diff(np.r_[begins, len(key)])
    rare = np.repeat(counts, counts) < SIGN
    order, ordered = order[rare], ordered[rare]
    for start in range(0, len(ordered), _CHUNK):
        for step in range(1, AHEAD + 1):
            ahead = ordered[start + step : start + step + _CHUNK]
            apart = ordered[start : start + len(ahead)] ^ ahead
            alike = (apart >> np.uint64(BITS - SURE) == 0) & (np.bitwise_count(apart) <= DIFFERENT)
            at = start + np.flatnonzero(alike)
            yield np.stack([order[at], order[at + step]])


def _facing(blobs: Blobs, size: tuple[int, int], turn: int) -> Blobs:
    """Return the blobs of a picture as they lie once it is turned."""
    width, height = size
    return Blobs(
        x=width - blobs.x if turn & 1 else blobs.x,
        y=height - blobs.y if turn & 2 else blobs.y,
        scale=blobs.scale,
        turn=blobs.turn,
        key=blobs.key,
    )


def _points(blobs: Blobs) -> NDArray[np.float64]:
    return np.stack([blobs.x, blobs.y], axis=1).astype(np.float64)


def _shown_by_both(fit: Fit, first: tuple[int, int], second: tuple[int, int]) -> tuple[Box, Box] | None:
    """Return what both pictures show, ``None`` where that is less than half of the smaller one."""
    size, other = np.array(first, np.float64), np.array(second, np.float64)
    low = np.maximum(0, fit.shift)
    high = np.minimum(size, fit.shift + fit.scale * other)
    smaller = min(size.prod(), (fit.scale * other).prod())
    if (high <= low).any() or (high - low).prod() < MIN_OVERLAP * smaller:
        return None
    ends = np.clip([(low - fit.shift) / fit.scale, (high - fit.shift) / fit.scale], 0, other)
    return _box(low, high), _box(*ends)


def _box(low: NDArray[np.float64], high: NDArray[np.float64]) -> Box:
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _mirrored(box: Box, size: tuple[int, int], turn: int) -> Box:
    """Return a box of a turned picture as it lies in the picture itself."""
    (x0, y0, x1, y1), (width, height) = box, size
    if turn & 1:
        x0, x1 = width - x1, width - x0
    if turn & 2:
        y0, y1 = height - y1, height - y0
    return x0, y0, x1, y1


def _count(blobs: Blobs, box: Box) -> int:
    x0, y0, x1, y1 = box
    return int(np.count_nonzero((blobs.x > x0) & (blobs.x < x1) & (blobs.y > y0) & (blobs.y < y1)))
