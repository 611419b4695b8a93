"""Faults of what is drawn, one for each rule of TD1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.faults.model import (
    WIDTH,
    Fault,
    disk,
    ellipse,
    ellipse_points,
    image_record,
    mask_of,
    nodule,
    pictured,
)
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.schema.geometry import Box, Polygon, PolygonPart
from thyrodata.schema.record import Nodule

__all__ = ["FAULTS"]


def polygon(*points: tuple[float, float]) -> Polygon:
    return Polygon(parts=(PolygonPart(exterior=points),))


def one(*findings, **fields) -> Fault:
    return Fault(records=(image_record("a", *findings, **fields),))


def left_of(pixels: np.ndarray, column: int) -> np.ndarray:
    """The pixels left of a column, as something that is cut there."""
    return pixels & (np.arange(WIDTH) < column)


PICTURE = PhantomSpec(seed=3)
DUAL = PhantomSpec(seed=5, dual=True)
RIGHT_EDGE = phantom(PICTURE).echo_box[2]
MIDDLE = sum(phantom(DUAL).echo_box[::2]) // 2

FAULTS = {
    "TD101": one(nodule(ellipse(x=WIDTH - 56))),
    "TD102": one(nodule(polygon((100.1, 100.1), (100.3, 100.1), (100.2, 100.3)))),
    "TD103": one(nodule(Box(x=100, y=100, width=90, height=4))),
    "TD104": one(nodule(mask_of(disk()), Box(x=225, y=130, width=105, height=100))),
    "TD105": one(nodule(ellipse()), nodule(ellipse(x=282), finding_id="2")),
    "TD106": one(nodule(polygon((100, 100), (200, 200), (200, 100), (100, 200)))),
    "TD107": one(nodule(polygon(*ellipse_points(), (341, 178), (338, 186)))),
    "TD108": one(nodule(mask_of(disk(x=150, radius=30), disk(x=350, radius=40)))),
    "TD109": one(nodule(mask_of(disk() & ~disk(radius=12)))),
    "TD110": one(nodule(mask_of(disk(x=20)))),
    "TD111": pictured(PICTURE, nodule(mask_of(left_of(disk(x=RIGHT_EDGE - 10), RIGHT_EDGE)))),
    "TD112": replace(pictured(DUAL, nodule(mask_of(disk(x=MIDDLE, radius=40)))), also=("TD507",)),
    "TD113": one(nodule(ellipse()), spacing_mm=(0.005, 0.005)),
    "TD114": one(
        nodule(ellipse(), nodule_id="n"),
        nodules=(Nodule(nodule_id="n", size_mm=(6.0, 5.0)),),
        spacing_mm=(0.1, 0.1),
    ),
}
"""By code."""
