"""Finds the marks in a picture: gathers candidates, weighs them, and paints the mask."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.echo import Doubt
from thyrodata.qc.marks.calipers import find_calipers, paint_caliper
from thyrodata.qc.marks.colour import coloured_ink
from thyrodata.qc.marks.coloured import find_coloured
from thyrodata.qc.marks.dots import paint_dotted_line
from thyrodata.qc.marks.drawings import find_drawings
from thyrodata.qc.marks.evidence import gather
from thyrodata.qc.marks.model import MARKED, Mark, MarkKind, Marks
from thyrodata.qc.marks.painted import Painted
from thyrodata.qc.marks.region import marked_area
from thyrodata.schema.record import PixelBox

__all__ = ["find_marks", "painted_marks"]

DRAWING: Final = 0.05
"""Share of the echo region's shorter side that a drawing spans: what is smaller may be one letter."""

OVERLAP: Final = 0.5
"""Share of a mark's pixels that are coloured from which it is one that is seen by its colour."""

MEASURED: Final = frozenset({MarkKind.CROSS, MarkKind.PLUS, MarkKind.DOTS})
"""Marks of a measurement: they stand on echo, wherever that is."""


def find_marks(pixels: NDArray[np.uint8], echo: PixelBox | Doubt) -> Marks:
    """Return the marks inside the echo region of a picture.

    Args:
        pixels: (height, width) or (height, width, 3).
        echo: The region. Where it is in doubt, the large areas of the whole picture are looked at, and
            calipers and dotted lines alone are reported: text and drawings may be the scanner's own.
    """
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), bool)
    x0, y0, x1, y1 = (0, 0, width, height) if isinstance(echo, Doubt) else echo
    found, best = painted_marks(pixels[y0:y1, x0:x1])
    if isinstance(echo, Doubt):
        found = [one for one in found if one.kind in MEASURED]
        best = max((one.score for one in found), default=0.0)
    for painted in found:
        mask[painted.rows + y0, painted.columns + x0] = True
    marks = []
    for painted in sorted(found, key=lambda one: -one.score):
        left, top, right, bottom = painted.box
        box = (left + x0, top + y0, right + x0, bottom + y0)
        marks.append(Mark(kind=painted.kind, box=box, score=painted.score))
    return Marks(marks=tuple(marks), score=best, mask=mask)


def painted_marks(pixels: NDArray[np.uint8]) -> tuple[list[Painted], float]:
    """Return the marks in an echo region, and the best score of any candidate.

    Args:
        pixels: (height, width) or (height, width, 3).
    """
    is_coloured = pixels.ndim == 3  # noqa: PLR2004 -- height, width, channels
    grey = pixels
    if is_coloured:
        grey = np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    area = marked_area(grey)
    strength = np.zeros(grey.shape, np.float32)
    if is_coloured and area.any():
        strength, flow = coloured_ink(pixels, area)
        area &= ~flow
    if not area.any():
        return [], 0.0
    evidence = gather(grey, area)
    calipers, best_caliper = find_calipers(evidence.crossings)
    signs = [(caliper, paint_caliper(caliper, grey)) for caliper in calipers]
    found = [painted for _, painted in signs]
    # A line too short to be sure of is one where there are calipers for it to join.
    found += [paint_dotted_line(line, grey) for line in evidence.lines if calipers or line.score >= MARKED]
    side = DRAWING * min(grey.shape)
    drawings, best_drawing = find_drawings(evidence.blobs, grey, signs, side)
    if strength.any():  # by its colour ink is seen whole
        coloured = find_coloured(strength, grey, found)
        drawings = [one for one in drawings if not (strength[one.rows, one.columns] > 0).mean() > OVERLAP]
        found = [one for one in found if not (strength[one.rows, one.columns] > 0).mean() > OVERLAP]
        found += coloured
    found += drawings
    scores = [best_caliper, best_drawing, *(line.score for line in evidence.lines), *(p.score for p in found)]
    return found, max(scores)
