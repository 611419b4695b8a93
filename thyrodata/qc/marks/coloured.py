"""Marks that are seen by their colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.ink import kind_of_drawing
from thyrodata.qc.marks.model import MarkKind
from thyrodata.qc.marks.painted import Painted

__all__ = ["find_coloured"]

SURE: Final = 0.99
"""Score of a coloured mark: echo is grey, or of one tint."""

LEAST_SIZE: Final = 8
"""Coloured pixels of the smallest mark; JPEG spreads a dot's colour over as many."""

DOT: Final = 5
"""Pixels across a dot."""

DRAWING: Final = 1.3
"""Times what a drawing spans from which coloured ink is one: the letters of readers are large."""

ALIKE: Final = 0.25
"""Share of its size by which one caliper may differ from another."""

FITS: Final = 0.6
"""Dice of ink with a thin x or + in its box from which it is one: letters reach less."""

LETTERS: Final = 3
"""Letters of a word, at least."""

TALL: Final = 0.7
"""Share of the highest letter's height that another one has."""

SHARP: Final = 30
"""Grey levels by which ink outshines what it lies on, for its edges to be seen by brightness."""


def find_coloured(
    strength: NDArray[np.float32], grey: NDArray[np.uint8], side: float, known: Sequence[Painted]
) -> list[Painted]:
    """Return the marks of coloured ink.

    Args:
        strength: How coloured each pixel is, (height, width), 0 at what is no ink.
        grey: The brightest channel.
        side: Pixels that a drawing spans; what is smaller may be one letter.
        known: What was found by its brightness: colour says no better what kind it is.
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    labels, _ = ndimage.label(ndimage.binary_dilation(strength > 0, np.ones((3, 3), bool)), np.ones((3, 3)))
    kinds = np.full(strength.shape, -1, np.int16)
    for number, painted in enumerate(known):
        kinds[painted.rows, painted.columns] = number
    found: list[Painted] = []
    dots: list[Painted] = []
    signs: list[tuple[Painted, float]] = []
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        part = np.where(labels[window] == number, strength[window], 0)
        if np.count_nonzero(part) < LEAST_SIZE:
            continue
        overlap = kinds[window][part > 0]
        overlap = overlap[overlap >= 0]
        ink = _sharpened(part, grey[window])
        rows, columns = np.nonzero(ink)
        mark = Painted(
            kind=known[int(np.bincount(overlap).argmax())].kind if overlap.size else MarkKind.TEXT,
            score=SURE,
            rows=rows + window[0].start,
            columns=columns + window[1].start,
        )
        height, width = ink.shape
        if overlap.size or _is_written(ink):
            found.append(mark)
        elif _is_dotted(ink):
            dots.append(mark)
        elif (sign := _sign(ink, part >= part.max() / 2)) is not None:
            signs.append((replace(mark, kind=sign), max(height, width)))
        elif max(height, width) > DRAWING * side:
            found.append(replace(mark, kind=kind_of_drawing(rows, columns)))
        else:
            found.append(mark)
    return [*found, *_paired(signs, found), *_joined(dots)]


def _paired(signs: Sequence[tuple[Painted, float]], found: Sequence[Painted]) -> list[Painted]:
    """Return signs as calipers where there are two of a kind and size, and as text where there are not."""
    there = {mark.kind for mark in found}
    return [
        sign
        if sign.kind in there
        or any(
            sign is not other and sign.kind is other.kind and abs(size - its) <= 1 + ALIKE * size
            for other, its in signs
        )
        else replace(sign, kind=MarkKind.TEXT)
        for sign, size in signs
    ]


def _joined(dots: Sequence[Painted]) -> list[Painted]:
    """Return dots as one mark."""
    if not dots:
        return []
    rows, columns = (np.concatenate([getattr(dot, axis) for dot in dots]) for axis in ("rows", "columns"))
    return [Painted(kind=MarkKind.DOTS, score=SURE, rows=rows, columns=columns)]


def _is_dotted(ink: NDArray[np.bool_]) -> bool:
    """Return whether ink is one dot or falls into dots."""
    from scipy import ndimage  # noqa: PLC0415 -- as above

    pieces = ndimage.find_objects(ndimage.label(ink, np.ones((3, 3)))[0])
    return all(max(y.stop - y.start, x.stop - x.start) < DOT for y, x in pieces)


def _is_written(ink: NDArray[np.bool_]) -> bool:
    """Return whether ink falls into three pieces or more that are about as high as it is: letters."""
    from scipy import ndimage  # noqa: PLC0415 -- as above

    pieces = ndimage.find_objects(ndimage.label(ink, np.ones((3, 3)))[0])
    heights = [y.stop - y.start for y, _ in pieces]
    least = TALL * max(heights)
    return bool(max(heights) > DOT and sum(height >= least for height in heights) >= LETTERS)


def _sharpened(strength: NDArray[np.float32], grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the ink of a coloured mark by its brightness, which JPEG keeps finer than colour."""
    ink = strength >= strength.max() / 2
    level, under = np.percentile(grey[ink], 80), np.median(grey[~ink]) if not ink.all() else 0
    sharp = ink & (grey >= (level + under) / 2)
    return np.asarray(sharp if level - under > SHARP and sharp.any() else ink)


def _sign(*inks: NDArray[np.bool_]) -> MarkKind | None:
    """Return which caliper ink is by its shape, if it is one.

    Args:
        inks: The same mark as its brightness shows it, thin, and as its colour does, a pixel wider.
    """
    fits: dict[MarkKind, float] = {}
    for reach, ink in enumerate(inks, start=1):
        y, x = np.nonzero(ink)
        tight = ink[y.min() : y.max() + 1, x.min() : x.max() + 1]
        height, width = tight.shape
        if max(height, width) > 1 + 1.3 * min(height, width):
            continue
        down, across = np.indices(tight.shape)
        down, across = np.abs(down - (height - 1) / 2), np.abs(across - (width - 1) / 2)
        for kind, aside in (
            (MarkKind.PLUS, np.minimum(down, across)),
            (MarkKind.CROSS, np.abs(down * (width / height) - across)),
        ):
            shape = aside < reach
            fit = 2 * float((tight & shape).sum()) / float(tight.sum() + shape.sum())
            fits[kind] = max(fits.get(kind, 0), fit)
    best = max(fits, key=lambda one: fits[one], default=None)
    return best if best is not None and fits[best] > FITS else None
