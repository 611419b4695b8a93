"""Marks that are seen by their colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.ink import Glyph, rows_of_text
from thyrodata.qc.marks.model import MarkKind
from thyrodata.qc.marks.painted import Painted, joined
from thyrodata.qc.marks.shapes import kind_of

__all__ = ["find_coloured"]

SURE: Final = 0.99
"""Score of a coloured mark: echo is grey, or of one tint."""

LEAST_SIZE: Final = 8
"""Coloured pixels of the smallest mark; JPEG spreads a dot's colour over as many."""

ALIKE: Final = 0.25
"""Share of its size by which one caliper may differ from another."""

SHARP: Final = 30
"""Grey levels by which ink outshines what it lies on, for its edges to be seen by brightness."""

_SIGNS = frozenset({MarkKind.CROSS, MarkKind.PLUS})


def find_coloured(
    strength: NDArray[np.float32], grey: NDArray[np.uint8], known: Sequence[Painted]
) -> list[Painted]:
    """Return the marks of coloured ink.

    Args:
        strength: How coloured each pixel is, (height, width), 0 at what is no ink.
        grey: The brightest channel.
        known: The calipers and lines found by their brightness: colour says no better what they are.
    """
    found: list[Painted] = []
    pieces: list[Painted] = []
    kinds = np.full(strength.shape, -1, np.int16)
    for number, painted in enumerate(known):
        kinds[painted.rows, painted.columns] = number
    for piece in _pieces(strength, grey):
        overlap = kinds[piece.rows, piece.columns]
        overlap = overlap[overlap >= 0]
        if overlap.size:
            found.append(replace(piece, kind=known[int(np.bincount(overlap).argmax())].kind))
        else:
            pieces.append(piece)
    words = rows_of_text(
        [Glyph(number=n, box=p.box, level=0, contrast=0, log_odds=0) for n, p in enumerate(pieces)]
    )
    written = {letter.number for word in words for letter in word}
    found += [joined(MarkKind.TEXT, [pieces[letter.number] for letter in word]) for word in words]
    named = [
        replace(piece, kind=kind_of(piece.rows, piece.columns))
        for number, piece in enumerate(pieces)
        if number not in written
    ]
    dots = [piece for piece in named if piece.kind is MarkKind.DOTS]
    found += [piece for piece in named if piece.kind not in {MarkKind.DOTS, *_SIGNS}]
    if dots:
        found.append(joined(MarkKind.DOTS, dots))
    return found + _paired([piece for piece in named if piece.kind in _SIGNS], found)


def _pieces(strength: NDArray[np.float32], grey: NDArray[np.uint8]) -> list[Painted]:
    """Return coloured ink that hangs together, one pixel apart at most, as yet without a kind."""
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    labels, _ = ndimage.label(ndimage.binary_dilation(strength > 0, np.ones((3, 3), bool)), np.ones((3, 3)))
    found = []
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        part = np.where(labels[window] == number, strength[window], 0)
        if np.count_nonzero(part) >= LEAST_SIZE:
            rows, columns = np.nonzero(_sharpened(part, grey[window]))
            found.append(
                Painted(
                    kind=MarkKind.TEXT,
                    score=SURE,
                    rows=rows + window[0].start,
                    columns=columns + window[1].start,
                )
            )
    return found


def _paired(signs: Sequence[Painted], found: Sequence[Painted]) -> list[Painted]:
    """Return signs as calipers where there are two of a kind and size, and as text where there are not."""
    there = {mark.kind for mark in found}
    return [
        sign
        if sign.kind in there
        or any(
            sign is not other
            and sign.kind is other.kind
            and abs(_size(sign) - _size(other)) <= 1 + ALIKE * _size(sign)
            for other in signs
        )
        else replace(sign, kind=MarkKind.TEXT)
        for sign in signs
    ]


def _size(mark: Painted) -> int:
    """Return the longer side of its box."""
    x0, y0, x1, y1 = mark.box
    return max(x1 - x0, y1 - y0)


def _sharpened(strength: NDArray[np.float32], grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the ink of a coloured mark by its brightness, which JPEG keeps finer than colour."""
    ink = strength >= strength.max() / 2
    level, under = np.percentile(grey[ink], 80), np.median(grey[~ink]) if not ink.all() else 0
    sharp = ink & (grey >= (level + under) / 2)
    return np.asarray(sharp if level - under > SHARP and sharp.any() else ink)
