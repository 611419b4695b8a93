"""What a scanner shows: its views of the neck, and text, depth ticks and a grey bar in the margin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from thyrodata.phantoms.model import BoxPx, Concern, PhantomSpec, View, random_stream
from thyrodata.phantoms.screen import margin_font

__all__ = ["draw_margin", "views"]

_TEXT: Final = 176  # grey level
_FRAME: Final = 70


def views(spec: PhantomSpec, echo_box: BoxPx) -> list[View]:
    """Return the views asked for, from left to right."""
    if not spec.dual:
        side = random_stream(spec, Concern.SIDE).integers(2)
        return [View(index=0, box=echo_box, side="RT" if side else "LT")]
    x0, y0, x1, y1 = echo_box
    middle, half_gap = (x0 + x1) // 2, 2
    return [
        View(index=0, box=(x0, y0, middle - half_gap, y1), side="RT"),
        View(index=1, box=(middle + half_gap, y0, x1, y1), side="LT"),
    ]


def draw_margin(spec: PhantomSpec, echo_box: BoxPx, on_screen: Sequence[View]) -> npt.NDArray[np.uint8]:
    """Draw all that surrounds the echo region.

    Returns:
        (height, width): the picture, black where the views will be.
    """
    image = Image.new("L", (spec.width, spec.height))
    if spec.margin_text:
        draw, font = ImageDraw.Draw(image), margin_font(spec.height)
        x0, y0, x1, _ = echo_box
        draw.text((x0, y0 - 4), f"PHANTOM {spec.seed % 10_000:04d}", _TEXT, font, anchor="ls")
        draw.text((x1, y0 - 4), "SYNTHETIC", _TEXT, font, anchor="rs")
        for view in on_screen:
            middle = (view.box[0] + view.box[2]) // 2
            draw.text((middle, spec.height - 4), f"THYROID {view.side}", _TEXT, font, anchor="ms")
        _draw_scales(draw, spec.width, echo_box)
        image.paste(0, echo_box)
    return np.array(image)


def _draw_scales(draw: ImageDraw.ImageDraw, width: int, echo_box: BoxPx) -> None:
    """Draw depth ticks beside the echo region and a grey bar to their right."""
    _, y0, x1, y1 = echo_box
    for tick in range(41):
        y = y0 + tick * (y1 - y0 - 1) // 40
        draw.line((x1 + 3, y, x1 + (9 if tick % 10 == 0 else 6 if tick % 5 == 0 else 4), y), _TEXT)
    left, top, bottom = (x1 + width) // 2, y0 + (y1 - y0) // 20, y0 + (y1 - y0) // 2
    right = left + max(3, width // 70)
    draw.rectangle((left - 1, top - 1, right + 1, bottom), outline=_FRAME)
    for y in range(top, bottom):
        draw.line((left, y, right, y), 255 * (bottom - 1 - y) // (bottom - top))
