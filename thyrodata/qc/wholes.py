"""Pictures that may be one picture as a whole, or as their echo regions: those whose features agree.

Views whose features agree in a band of bits are held against one another, which costs nearly linear time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.views import FEATURES, Box, Overlay, Turn, turning_signs

__all__ = ["find_wholes"]

BAND: Final = 24
"""Bits of a band. Copies differ in at most a tenth of their bits, so that one band in twelve is equal at the
worst and nearly all at best; of pictures of one scanner one pair in a thousand shares one by chance."""

AHEAD: Final = 8
"""A view is held against as many that follow it in a band, which bounds the cost whatever the data."""

DIFFERENT: Final = 0.12
"""Share of the bits that may differ: of copies at most 0.10. Of 30,000 phantoms of one scanner 490 different
pairs come to so little, and to 0.15 do 11,354: each costs a look at the pixels."""

MANY: Final = 64
"""Pictures from which medians are taken: copies among a few may lie on both sides of theirs."""


def find_wholes(features: NDArray[np.float32], views: Sequence[tuple[Box, Box]]) -> list[Overlay]:
    """Return how views of pictures may lie on one another, in the order of the pictures, the likeliest first.

    A bit tells whether a feature is above its median over the pictures, so that what all of one scanner have
    in common says nothing. Whole pictures are compared by the medians of whole ones; by those of echo regions
    all views are, because a picture that was cut to its echo region is whole.

    Args:
        features: (pictures, VIEWS, FEATURES).
        views: The boxes that they describe, of each picture.
    """
    count = len(features)
    if not count:
        return []
    whole, echo = features[:, 0], features[:, 1]
    both = np.concatenate([echo, whole])
    found: set[tuple[int, int, float, int, int, int]] = set()
    for place, turn in enumerate(Turn):
        for rows, medians, of_view in (
            (whole, _middle(whole), np.zeros(count, np.int64)),
            (both, _middle(echo), np.repeat([1, 0], count)),
        ):
            bits = np.stack([rows, rows * turning_signs(turn)]) > medians
            owners = np.tile(np.arange(count), len(rows) // count)
            for first, second in _near(bits, owners):
                apart = (bits[0, first] != bits[1, second]).mean(axis=1)
                for i in np.flatnonzero(apart <= DIFFERENT):
                    one, two = (owners[first[i]], of_view[first[i]]), (owners[second[i]], of_view[second[i]])
                    (a, view_a), (b, view_b) = sorted([one, two])  # a turn is its own inverse
                    found.add((int(a), int(b), round(float(apart[i]), 6), int(view_a), int(view_b), place))
    return [
        Overlay(first=a, second=b, turn=[*Turn][place], boxes=(views[a][view_a], views[b][view_b]))
        for a, b, _, view_a, view_b, place in sorted(found)
    ]


def _middle(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what bits are told by: the median of each feature."""
    if len(rows) < MANY:
        return np.zeros(rows.shape[1], np.float32)
    return np.asarray(np.median(rows, axis=0), np.float32)


def _near(bits: NDArray[np.bool_], owners: NDArray[np.int64]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield pairs of rows of different pictures, the second turned, that agree in a band.

    Args:
        bits: (2, rows, FEATURES): as it is, and turned.
        owners: (rows,), the picture of each.
    """
    rows = len(owners)
    weights = 1 << np.arange(BAND)
    for start in range(0, FEATURES, BAND):
        keys = (bits[:, :, start : start + BAND] @ weights).ravel()
        order = np.argsort(keys, kind="stable")
        for step in range(1, AHEAD + 1):
            one, two = order[:-step], order[step:]
            kept = (keys[one] == keys[two]) & (one // rows != two // rows)
            first, second = np.minimum(one[kept], two[kept]), np.maximum(one[kept], two[kept]) - rows
            different = owners[first] != owners[second]
            yield first[different], second[different]
