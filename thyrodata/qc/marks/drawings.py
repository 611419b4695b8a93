"""Weighs connected ink, and paints what is text or a drawing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.blobs import FEATURES, Blobs
from thyrodata.qc.marks.calipers import Caliper
from thyrodata.qc.marks.ink import Glyph, rows_of_text
from thyrodata.qc.marks.model import MARKED, MarkKind
from thyrodata.qc.marks.painted import Painted, around, score_of, windowed
from thyrodata.qc.marks.shapes import kind_of
from thyrodata.qc.marks.trees import load_trees
from thyrodata.qc.marks.twins import signs_beside, twin_letters

__all__ = ["find_drawings"]

LETTER: Final = 1.0
"""Log-odds from which ink may be a letter of a row, or a piece of a drawing."""

BESIDE: Final = 4.0
"""Log-odds from which ink beside a caliper, of its level, is the letter that names it."""

ROW: Final = 2.0
"""Mean log-odds of the letters of a row from which it is text."""

DRAWING: Final = 3.6
"""Log-odds from which ink is a drawing."""

NEAR: Final = 6
"""Pixels between the boxes of pieces of one drawing, at most."""

_LEVEL, _CONTRAST = (FEATURES.index(name) for name in ("level", "contrast"))


def find_drawings(
    blobs: Blobs, grey: NDArray[np.uint8], signs: Sequence[tuple[Caliper, Painted]], side: float
) -> tuple[list[Painted], float]:
    """Return text and drawings, and the best score of any candidate.

    Args:
        blobs: The connected ink.
        grey: The picture it is of.
        signs: The calipers that were found, and with their pixels: a letter beside one is text too.
        side: Pixels that a drawing spans; what is smaller may be one letter.
    """
    calipers = [caliper for caliper, _ in signs]
    glyphs = [g for g in _weighed(blobs) if not any(_is_of(g, caliper) for caliper in calipers)]
    found, best = [], 0.0
    for row in rows_of_text(glyphs):
        score = score_of(float(np.mean([g.log_odds for g in row])) - ROW)
        best = max(best, score)
        if score >= MARKED:
            glyphs = [g for g in glyphs if g not in row]
            found.append(_painted(MarkKind.TEXT, score, row, blobs, grey))
    pairs = [(g, *sign) for g in glyphs for sign in signs if _names(g, sign[0])]
    letters = [g for g in glyphs if any(g is letter for letter, *_ in pairs)]
    twins = twin_letters(letters, [g for g in glyphs if g not in letters], blobs)
    found += signs_beside(twins, pairs, grey)
    glyphs = [g for g in glyphs if g not in letters and g not in twins]
    found += [_painted(MarkKind.TEXT, MARKED, [letter], blobs, grey) for letter in (*letters, *twins)]
    for group in _groups(glyphs):
        large = [g for g in group if max(g.width, g.height) >= side / 2]
        x0, y0, x1, y1 = around(g.box for g in group)
        if not large or max(x1 - x0, y1 - y0) < side:
            continue
        surest = max(large, key=lambda g: g.log_odds)
        score = score_of(surest.log_odds - DRAWING)
        best = max(best, score)
        if score >= MARKED:
            pieces = [g for g in group if g.is_alike(surest)]
            drawing = _painted(MarkKind.ARROW, score, pieces, blobs, grey)
            found.append(replace(drawing, kind=kind_of(drawing.rows, drawing.columns)))
    return found, best


def _weighed(blobs: Blobs) -> list[Glyph]:
    """Return the ink that may be drawn."""
    odds = load_trees("ink", FEATURES).log_odds(blobs.measures)
    found = []
    for index in np.flatnonzero(odds >= LETTER).tolist():
        x0, y0, x1, y1 = blobs.boxes[index].tolist()
        found.append(
            Glyph(
                number=index + 1,
                box=(x0, y0, x1, y1),
                level=float(blobs.measures[index, _LEVEL]),
                contrast=float(blobs.measures[index, _CONTRAST]),
                log_odds=float(odds[index]),
            )
        )
    return found


def _is_of(glyph: Glyph, caliper: Caliper) -> bool:
    """Return whether ink is that of a caliper: it touches it, and is about its size."""
    x0, y0, x1, y1 = glyph.box
    return (
        x0 <= caliper.x + caliper.arm
        and x1 >= caliper.x - caliper.arm
        and y0 <= caliper.y + caliper.arm
        and y1 >= caliper.y - caliper.arm
        and max(glyph.width, glyph.height) <= 3 * caliper.arm
    )


def _names(glyph: Glyph, caliper: Caliper) -> bool:
    """Return whether a letter of the same ink stands beside a caliper."""
    x, y = (glyph.box[0] + glyph.box[2]) / 2, (glyph.box[1] + glyph.box[3]) / 2
    near = caliper.arm + 2.5 * glyph.height
    return (
        glyph.log_odds >= BESIDE
        and glyph.is_letter
        and max(abs(x - caliper.x), abs(y - caliper.y)) <= near
        and abs(glyph.level - caliper.level) <= 8 + 0.35 * max(glyph.contrast, caliper.contrast)
    )


def _groups(glyphs: list[Glyph]) -> list[list[Glyph]]:
    """Return the pieces of ink that lie near each other together."""
    groups: list[list[Glyph]] = []
    for glyph in glyphs:
        near = [group for group in groups if any(glyph.is_near(other, NEAR) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([glyph, *(member for group in near for member in group)])
    return groups


def _painted(
    kind: MarkKind, score: float, glyphs: Iterable[Glyph], blobs: Blobs, grey: NDArray[np.uint8]
) -> Painted:
    """Return glyphs as one mark: what is beyond the half level of each, in it and next to it."""
    rows, columns = [], []
    for glyph in glyphs:
        window = windowed(glyph.box, 2, grey)
        own = blobs.labels[window] == glyph.number
        near = _grown(own) & (grey[window] >= blobs.half[glyph.number - 1])
        down, across = np.nonzero(near | own)
        rows.append(down + window[0].start)
        columns.append(across + window[1].start)
    return Painted(kind=kind, score=score, rows=np.concatenate(rows), columns=np.concatenate(columns))


def _grown(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return ink one pixel larger to all sides."""
    padded = np.pad(ink, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return np.asarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])
