"""Closed outlines: ellipses with uneven borders, and their diameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from thyrodata.phantoms.model import Diameter, Margin, Outline, Point

__all__ = ["Curve", "border", "diameters", "harmonics", "ring", "second_look"]

Curve: TypeAlias = Callable[[float], float]


def ring(centre: Point, radii: Point, border: Curve, vertices: int = 72) -> list[Point]:
    """Return an ellipse whose radius is multiplied by `border` of the angle in radians."""
    (x, y), (rx, ry) = centre, radii
    angles = [2 * math.pi * k / vertices for k in range(vertices)]
    return [(x + rx * border(t) * math.cos(t), y + ry * border(t) * math.sin(t)) for t in angles]


def harmonics(rng: np.random.Generator, orders: Sequence[int], amplitude: float) -> Curve:
    """Return the radius of an uneven circle, about 1, by angle in radians: waves of the given orders."""
    waves = [(k, amplitude * rng.uniform(0.3, 1), rng.uniform(0, 2 * math.pi)) for k in orders]
    return lambda angle: 1 + sum(size * math.cos(k * angle + phase) for k, size, phase in waves)


def border(rng: np.random.Generator, margin: Margin) -> Curve:
    """Return the radius of a smooth, lobulated or spiculated border, about 1, by angle in radians."""
    body = harmonics(rng, (2, 3), 0.05)
    phase = rng.uniform(0, 2 * math.pi)
    if margin == "smooth":
        return body
    if margin == "lobulated":
        lobules = int(rng.integers(5, 8))
        return lambda angle: body(angle) + 0.13 * abs(math.cos(lobules * (angle - phase) / 2)) - 0.07
    spikes = [phase + 2 * math.pi * (k + rng.uniform(0.2, 0.8)) / 9 for k in range(9)]

    def spiculated(angle: float) -> float:
        nearest = min(abs(math.remainder(angle - spike, 2 * math.pi)) for spike in spikes)
        return body(angle) + 0.2 * max(0.0, 1 - nearest / 0.2) - 0.06

    return spiculated


def second_look(rng: np.random.Generator, centre: Point, radii: Point, border: Curve) -> list[Point]:
    """Draw the same nodule as another reader would: shifted, scaled, with fewer points and unsteadily."""
    dx, dy = rng.uniform(-0.08, 0.08, 2).tolist()
    scale, unsteady = rng.uniform(0.9, 1.1), harmonics(rng, (2, 3, 5), 0.03)
    moved = (centre[0] + dx * radii[0], centre[1] + dy * radii[1])
    return ring(moved, radii, lambda angle: scale * border(angle) * unsteady(angle), vertices=40)


def diameters(outline: Outline) -> tuple[Diameter, Diameter]:
    """Return the longest line between vertices, and the widest one across it to within 6 degrees."""
    points = np.array(outline)
    offsets = points[np.newaxis] - points[:, np.newaxis]
    i, j = divmod(int((offsets * offsets).sum(axis=2).argmax()), len(points))
    axis_x, axis_y = offsets[i, j]
    along = np.abs(offsets[:, :, 0] * axis_x + offsets[:, :, 1] * axis_y)
    across = np.abs(offsets[:, :, 1] * axis_x - offsets[:, :, 0] * axis_y)
    k, m = divmod(int(np.where(along <= 0.1 * across, across, 0).argmax()), len(points))
    return (outline[i], outline[j]), (outline[k], outline[m])
