"""Faults of what is written in the picture, one for each rule that reads texts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from tests.faults.model import Fault, image_record, png
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.schema.record import Label
from thyrodata.schema.vocab import TiradsKwak

__all__ = ["FAULTS"]


def in_margin(text: str, **fields: Any) -> Fault:
    """A phantom with a text in the margin above its echo, and nothing else written."""
    made = phantom(PhantomSpec(seed=3, margin_text=False))
    x0, y0, _, _ = made.echo_box
    picture = Image.fromarray(made.pixels)
    font = ImageFont.load_default(y0 - 4)
    ImageDraw.Draw(picture).text((x0, 1), text, 220, font)
    data = png(picture)
    return Fault(records=(image_record("a", picture=data, **fields),), images={"images/a.jpg": data})


FAULTS = {
    "TD204": in_margin("TI-RADS 4C"),
    "TD412": replace(in_margin("TI-RADS 4C", case_labels=(Label(value=TiradsKwak.T3),)), also=("TD204",)),
    "TD604": in_margin("Name: Mustermann"),
}
"""By code."""
