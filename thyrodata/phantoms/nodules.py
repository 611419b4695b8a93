"""The nodules of a thyroid lobe, and the truth about them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from thyrodata.phantoms.model import (
    MAX_NODULES,
    Concern,
    Echogenicity,
    Margin,
    Outline,
    PhantomNodule,
    PhantomSpec,
    Point,
    View,
    random_stream,
)
from thyrodata.phantoms.neck import Lobe
from thyrodata.phantoms.shapes import border, diameters, ring, second_look
from thyrodata.phantoms.tissue import ENHANCED, WALL, Tissue

__all__ = ["draw_nodules"]

_KINDS: Final[tuple[tuple[Echogenicity, Margin], ...]] = (
    ("hypoechoic", "smooth"),
    ("hypoechoic", "lobulated"),
    ("hypoechoic", "spiculated"),
    ("isoechoic", "smooth"),
    ("isoechoic", "lobulated"),
    ("anechoic", "smooth"),
)

# Grey levels, 0-255, before speckle, shadows and depth gain.
_LEVEL: Final = {"hypoechoic": 60, "isoechoic": 128, "anechoic": 3}
_HALO: Final = 74


def draw_nodules(
    tissue: Tissue, lobe: Lobe, spec: PhantomSpec, view: View, rng: np.random.Generator
) -> list[PhantomNodule]:
    """Draw a view's nodules, each in its own share of the lobe's width, and return the truth about them."""
    return [_draw_nodule(tissue, lobe, spec, view, rng, slot) for slot in range(spec.nodules)]


def _draw_nodule(
    tissue: Tissue, lobe: Lobe, spec: PhantomSpec, view: View, rng: np.random.Generator, slot: int
) -> PhantomNodule:
    centre, radii = _place(lobe, slot, spec.nodules, rng)
    echogenicity, margin = _KINDS[rng.integers(len(_KINDS))]
    edge = border(rng, margin)
    outline = ring(centre, radii, edge)
    _fill(tissue, centre, radii, outline, echogenicity)
    calcified = echogenicity == "hypoechoic" and bool(rng.integers(2))
    if calcified:
        tissue.specks += _specks(centre, radii, rng)
    second: list[Point] = []
    if spec.second_reader:
        stream = random_stream(spec, Concern.SECOND_READER, view.index * MAX_NODULES + slot)
        second = second_look(stream, centre, radii, edge)
    placed = _in_picture(outline, view)
    long_diameter, short_diameter = diameters(placed)
    return PhantomNodule(
        outline=placed,
        second_outline=_in_picture(second, view),
        long_diameter=long_diameter,
        short_diameter=short_diameter,
        composition="cystic" if echogenicity == "anechoic" else "solid",
        echogenicity=echogenicity,
        margin=margin,
        microcalcifications=calcified,
    )


def _place(lobe: Lobe, slot: int, count: int, rng: np.random.Generator) -> tuple[Point, Point]:
    """Return the centre and the half-axes of the nodule in a slot of a lobe that has `count` of them."""
    offset = 0.62 * (2 * slot / (count - 1) - 1) if count > 1 else rng.uniform(-0.25, 0.25)
    room = (lobe.radii[0] / count, lobe.radii[1] * math.sqrt(1 - offset**2))
    rx = room[0] * (rng.uniform(0.24, 0.48) if count == 1 else rng.uniform(0.45, 0.68))
    radii = (rx, min(rx * rng.uniform(0.7, 1.25), rng.uniform(0.5, 0.68) * room[1]))
    centre = (lobe.centre[0] + offset * lobe.radii[0], lobe.centre[1] + rng.uniform(-0.15, 0.15) * room[1])
    return centre, radii


def _fill(
    tissue: Tissue, centre: Point, radii: Point, outline: Sequence[Point], echogenicity: Echogenicity
) -> None:
    # Pillow truncates a polygon's vertices: each falls into the pixel that holds it.
    (x, y), (rx, ry) = centre, radii
    if echogenicity == "isoechoic":
        tissue.draw.polygon(outline, _HALO)
        inner = 1 - min(0.2, 4.5 * tissue.stroke / min(radii))
        outline = [(x + inner * (px - x), y + inner * (py - y)) for px, py in outline]
    if echogenicity == "anechoic":
        tissue.cast(x, y + 0.9 * ry, 0.8 * rx, ENHANCED)
        tissue.draw.line([p for p in outline if p[1] > y + 0.7 * ry], WALL, 3 * tissue.stroke)
    tissue.draw.polygon(outline, _LEVEL[echogenicity])


def _specks(centre: Point, radii: Point, rng: np.random.Generator) -> list[Point]:
    """Return where microcalcifications lie: polar coordinates in the inner two thirds of a nodule."""
    count = int(rng.integers(5, 14))
    polar = rng.uniform((0, 0), (0.65, 2 * math.pi), (count, 2)).tolist()
    (x, y), (rx, ry) = centre, radii
    return [(x + rx * r * math.cos(t), y + ry * r * math.sin(t)) for r, t in polar]


def _in_picture(points: Sequence[Point], view: View) -> Outline:
    """Move points from the view to the whole picture, to a hundredth of a pixel."""
    left, top, *_ = view.box
    return tuple((round(x + left, 2), round(y + top, 2)) for x, y in points)
