"""A fault for each rule of TD2: a phantom with a mark over its echo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.faults.model import Fault, image_record, pictured, png
from tests.planted import plant
from thyrodata.phantoms import PhantomSpec, phantom

__all__ = ["FAULTS"]


def with_arrow() -> Fault:
    made = phantom(PhantomSpec(seed=5))
    marked = plant(made.pixels, made.echo_box, ["arrow"], np.random.default_rng(3)).pixels
    picture = png(marked)
    return Fault(records=(image_record("a", picture=picture),), images={"images/a.jpg": picture})


FAULTS = {
    "TD201": pictured(PhantomSpec(seed=3, calipers="+", mark_colour="cyan")),
    "TD202": replace(pictured(PhantomSpec(seed=3, burned_in_text="TIRADS 4C")), also=("TD204",)),
    "TD203": with_arrow(),
}
"""By code."""
