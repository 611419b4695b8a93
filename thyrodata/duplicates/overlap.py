"""Where one picture lies on another."""

from __future__ import annotations

from typing import Final

__all__ = ["MIN_OVERLAP", "Offset", "overlap_boxes", "overlap_share"]

Offset = tuple[int, int]
"""Where the second picture's origin lies in the first (x, y), in pixels."""

MIN_OVERLAP: Final = 0.5
"""The share of the smaller picture that both must show. One that is cut from the other shows 1. Smaller
shares are left out: a margin that all pictures of a scanner have may come to them."""


def overlap_boxes(
    first: tuple[int, int], second: tuple[int, int], offset: Offset
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Return what both show as a box x0, y0, x1, y1 of the first and one of the second.

    Args:
        first: Its size (height, width).
        second: Its size (height, width).
        offset: Where the second lies in the first.
    """
    x, y = offset
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(first[1], x + second[1]), min(first[0], y + second[0])
    return (x0, y0, x1, y1), (x0 - x, y0 - y, x1 - x, y1 - y)


def overlap_share(first: tuple[int, int], second: tuple[int, int], offset: Offset) -> float:
    """Return the share of the smaller picture that both show; 0 where that is too little to be judged by."""
    (x0, y0, x1, y1), _ = overlap_boxes(first, second, offset)
    if x1 <= x0 or y1 <= y0:
        return 0.0
    share = (x1 - x0) * (y1 - y0) / min(first[0] * first[1], second[0] * second[1])
    return share if share >= MIN_OVERLAP else 0.0
