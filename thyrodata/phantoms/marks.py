"""The marks that a reader leaves in the echo region: calipers, dotted lines and text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from thyrodata.phantoms.model import MARK_RGB, BoxPx, PhantomNodule, PhantomSpec
from thyrodata.phantoms.screen import label_font

__all__ = ["with_marks"]

_CALIPER_STROKES: Final = {
    "x": (((-1, -1), (1, 1)), ((-1, 1), (1, -1))),
    "+": (((-1, 0), (1, 0)), ((0, -1), (0, 1))),
}


def with_marks(
    spec: PhantomSpec, clean: npt.NDArray[np.uint8], nodules: Sequence[PhantomNodule], echo_box: BoxPx
) -> npt.NDArray[np.uint8]:
    """Return the picture with the marks asked for; it is RGB only where they are coloured."""
    if not (spec.burned_in_text.strip() or (nodules and (spec.calipers or spec.dotted_line))):
        return clean
    grey = spec.mark_colour == "grey"
    ink = MARK_RGB[spec.mark_colour]
    picture = Image.fromarray(clean).convert("L" if grey else "RGB")
    echo = picture.crop(echo_box)  # what is drawn past its edge is cut off
    _draw_marks(ImageDraw.Draw(echo), spec, nodules, echo_box, ink[0] if grey else ink)
    picture.paste(echo, echo_box)
    return np.array(picture)


def _draw_marks(
    draw: ImageDraw.ImageDraw,
    spec: PhantomSpec,
    nodules: Sequence[PhantomNodule],
    echo_box: BoxPx,
    ink: int | tuple[int, int, int],
) -> None:
    x0, y0, _, y1 = echo_box
    arm = max(3, spec.height // 64)
    strokes = _CALIPER_STROKES[spec.calipers] if spec.calipers else ()
    for diameter in (d for nodule in nodules for d in (nodule.long_diameter, nodule.short_diameter)):
        start, stop = ((int(x) - x0, int(y) - y0) for x, y in diameter)
        if spec.dotted_line:
            draw.point(_dots(start, stop), ink)
        for x, y in (start, stop):
            for stroke in strokes:
                draw.line([(x + arm * dx, y + arm * dy) for dx, dy in stroke], ink)
    corner = (spec.width // 40, y1 - y0 - spec.height // 40)
    draw.text(corner, spec.burned_in_text, ink, label_font(spec.height), anchor="ls")


def _dots(start: tuple[int, int], stop: tuple[int, int]) -> list[tuple[int, int]]:
    """Return pixels on a line, about five apart."""
    steps = max(1, round(math.dist(start, stop) / 5))
    (ax, ay), (bx, by) = start, stop
    return [(ax + round((bx - ax) * k / steps), ay + round((by - ay) * k / steps)) for k in range(steps + 1)]
