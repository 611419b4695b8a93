"""The anatomy of a neck in transverse section: layers, muscles, trachea, thyroid lobe and vessels.

Anatomy stands in fractions of the view: u from lateral (0) to the trachea (1), v from the skin (0) down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from thyrodata.phantoms.model import Point
from thyrodata.phantoms.shapes import Curve, harmonics, ring
from thyrodata.phantoms.tissue import ENHANCED, SHADOWED, WALL, Tissue

__all__ = ["Lobe", "draw_neck"]

# Grey levels, 0-255, before speckle, shadows and depth gain.
_GEL, _SKIN, _FAT, _MUSCLE, _FIBRE, _FASCIA = 14, 128, 78, 50, 118, 170
_LOBE, _CAPSULE, _BLOOD, _AIR = 126, 186, 4, 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Lobe:
    """Where the thyroid lobe lies, in pixels of the view."""

    centre: Point
    radii: Point
    """Half-axes along x and y."""


def draw_neck(tissue: Tissue, rng: np.random.Generator) -> Lobe:
    """Draw a healthy neck, from the deep muscle up."""
    neck = _Neck(tissue, rng)
    neck.draw_deep_muscle()
    neck.draw_trachea()
    lobe = neck.draw_lobe()
    neck.draw_superficial_layers()
    neck.draw_vessels()
    return lobe


class _Neck:
    def __init__(self, tissue: Tissue, rng: np.random.Generator) -> None:
        self._tissue, self._draw, self._rng = tissue, tissue.draw, rng
        self._bulge, self._phase = rng.uniform(0.03, 0.1), rng.uniform(0, 2 * math.pi)

    def draw_deep_muscle(self) -> None:
        """Draw the muscle in front of the spine, and the bright front and the shadow of a vertebra."""
        top, bone = self._layer(0.66), self._layer(0.82)
        self._draw_band(top, bone, _MUSCLE)
        self._draw_fibres(top, bone, (_MUSCLE, _FIBRE), 60)
        self._draw_band(bone, lambda _: 1.1, _MUSCLE // 2)
        self._draw_border(bone, _FASCIA - 50, 3)
        self._draw_fibres(bone, self._layer(0.835), (_FASCIA, _FASCIA + 50), 9)

    def draw_trachea(self) -> None:
        """Draw the air interface, its reverberations and its shadow."""
        r = min(0.21 * self._tissue.width, 0.25 * self._tissue.height)
        (x, top) = self._tissue.at(1.03, 0.385)
        y = top + r
        self._tissue.cast(x, top + 0.5 * r, 0.85 * r, SHADOWED)
        self._draw.ellipse((x - r, y - r, x + r, y + r), _MUSCLE)
        self._draw.ellipse((x - 0.9 * r, y - 0.9 * r, x + 0.9 * r, y + 2.5 * r), _AIR)
        for shrink, level, thickness in ((0.9, 235, 4), (0.72, 110, 2), (0.54, 70, 2), (0.38, 46, 2)):
            bow = (x - shrink * r, y - shrink * r, x + shrink * r, y + shrink * r)
            self._draw.arc(bow, 205, 335, level, thickness * self._tissue.stroke)

    def draw_lobe(self) -> Lobe:
        """Draw lobe and isthmus."""
        u, v = self._rng.uniform(0.5, 0.54), self._rng.uniform(0.49, 0.52)
        centre = self._tissue.at(u, v)
        radii = (
            self._rng.uniform(0.25, 0.28) * self._tissue.width,
            self._rng.uniform(0.19, 0.22) * self._tissue.height,
        )
        lobe = ring(centre, radii, harmonics(self._rng, (2, 3, 4), 0.03))
        isthmus = [
            self._tissue.at(u + 0.1, v - 0.17),
            self._tissue.at(1.02, 0.31),
            self._tissue.at(1.02, 0.375),
            self._tissue.at(u + 0.2, v),
        ]
        self._draw.polygon(isthmus, _LOBE)
        self._draw.polygon(lobe, _LOBE)
        self._draw.line([*lobe[len(lobe) // 2 :], lobe[0]], _CAPSULE, 2 * self._tissue.stroke)
        return Lobe(centre=centre, radii=radii)

    def draw_superficial_layers(self) -> None:
        """Draw gel, skin, fat and strap muscles with the fasciae between them."""
        skin, fat, muscle, bed = (self._layer(v) for v in (0.025, 0.055, 0.13, 0.265))
        self._draw_band(lambda _: -1, skin, _GEL)
        self._draw_band(skin, fat, _SKIN)
        self._draw_band(fat, muscle, _FAT)
        self._draw_fibres(fat, muscle, (_FAT, _FASCIA), 14)
        self._draw_band(muscle, bed, _MUSCLE)
        self._draw_fibres(muscle, bed, (_MUSCLE, _FIBRE + 20), 70)
        self._draw_border(muscle, _FASCIA + 24, 2)
        self._draw_border(self._layer(0.19), _FASCIA - 20, 1)
        self._draw_border(bed, _FASCIA, 1)

    def draw_vessels(self) -> None:
        """Draw the round carotid artery and, in front of it, the flattened jugular vein."""
        rng = self._rng
        r = rng.uniform(0.095, 0.115) * min(self._tissue.height, 0.75 * self._tissue.width)
        artery = self._tissue.at(rng.uniform(0.13, 0.17), rng.uniform(0.55, 0.6))
        vein = self._tissue.at(rng.uniform(0.06, 0.12), rng.uniform(0.37, 0.4))
        lumen = r - 2.5 * self._tissue.stroke
        rounding = harmonics(rng, (2, 3), 0.04)
        self._tissue.cast(*artery, 0.8 * r, ENHANCED)
        self._draw.polygon(ring(artery, (r, r), rounding), WALL)
        self._draw.polygon(ring(artery, (lumen, lumen), rounding), _BLOOD)
        self._draw.polygon(ring(vein, (1.3 * r, 0.5 * r), harmonics(rng, (2, 3), 0.08)), _BLOOD)

    def _layer(self, v: float) -> Curve:
        """Return a tissue border at about depth v, which dips laterally below the long muscle of the neck."""

        def border(u: float) -> float:
            return v * (1 + self._bulge * math.cos(3 * u + self._phase) + 0.35 * v * (1 - u) ** 2)

        return border

    def _draw_band(self, top: Curve, bottom: Curve, level: int) -> None:
        us = [k / 24 for k in range(25)]
        edge = [(u, top(u)) for u in us] + [(u, bottom(u)) for u in reversed(us)]
        self._draw.polygon([self._tissue.at(u, v) for u, v in edge], level)

    def _draw_fibres(self, top: Curve, bottom: Curve, levels: tuple[int, int], count: int) -> None:
        """Draw short bright lines that run along a band, as the septa of muscle and fat do."""
        for share, start, length, tint in self._rng.random((count, 4)).tolist():
            us = [start * 1.1 - 0.1 + (0.04 + 0.2 * length) * k / 4 for k in range(5)]
            points = [self._tissue.at(u, top(u) + share * (bottom(u) - top(u))) for u in us]
            level = levels[0] + round((levels[1] - levels[0]) * tint)
            self._draw.line(points, level, self._tissue.stroke)

    def _draw_border(self, border: Curve, level: int, thickness: int) -> None:
        points = [self._tissue.at(k / 24, border(k / 24)) for k in range(25)]
        self._draw.line(points, level, thickness * self._tissue.stroke)
