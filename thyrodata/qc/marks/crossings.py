"""Candidates for calipers: places where four equal arms of a x or a + meet, and what is measured of them.

A caliper is drawn over the speckle: its arms are strokes of one level and one length, sharp on both sides,
and end abruptly. Some leave their centre out. Everything is measured for each length that the arms may have,
and the length at which they stand out the most is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.strokes import MARGIN, shifted

__all__ = ["ARMS", "FEATURES", "FLANK", "Crossings", "View", "find_crossings"]

ARMS: Final = {
    "+": ((1, 0), (-1, 0), (0, 1), (0, -1)),
    "x": ((1, 1), (-1, -1), (1, -1), (-1, 1)),
}
"""(x, y) steps from the centre along each arm; the first two lie on one line, and the others on another."""

FEATURES: Final = (
    "contrast",
    "t",
    "least_arm",
    "tip",
    "above",
    "clear",
    "arm_spread",
    "stroke_spread",
    "contrast_local",
    "level",
    "arm",
    "centre",
    "clear_local",
    "least_arm_local",
    "level_local",
    "flank_spread",
    "response",
    "diagonal",
)
"""What is measured of a candidate; see :func:`_measured`."""

MOST: Final = 250
"""Candidates of one shape that are measured: those that respond the most."""

LEAST_RESPONSE: Final = 8
"""Grey levels by which each of the four arms must outshine its flanks, at two steps at least."""

FLANK: Final = 2
"""Steps to the side at which flanks are measured."""

LONGEST: Final = 13
"""Steps of the longest arm. Longer ones are found in the picture at half its size."""

LEAST_NOISE: Final = 36.0
"""Variance of grey levels that JPEG alone leaves: keeps t finite where echo is black."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Crossings:
    """Candidates; each field has one entry or row for each."""

    x: NDArray[np.float32]
    """Pixels of the whole picture; the centre of its first pixel is 0."""
    y: NDArray[np.float32]
    scale: NDArray[np.float32]
    """Times smaller that the picture was in which it was found."""
    diagonal: NDArray[np.bool_]
    """Whether it is a x rather than a +."""
    measures: NDArray[np.float32]
    """(candidates, len(FEATURES)); lengths in pixels of the picture in which it was found."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class View:
    """A picture at one scale."""

    scale: int
    frame: NDArray[np.uint8]
    """Framed."""
    ridges: list[NDArray[np.uint8]]
    """With flanks at `FLANK`."""
    area: NDArray[np.bool_]
    """(height, width): where centres may lie."""
    mean: NDArray[np.float32]
    """Of what surrounds each pixel, (height, width)."""
    spread: NDArray[np.float32]
    """The standard deviation of it."""


def find_crossings(views: Sequence[View]) -> Crossings:
    """Return the candidates of a picture in all its views."""
    found = [_sampled(view, shape) for view in views for shape in ARMS]
    x, y, scale, diagonal, stroke, flanks, local = (
        np.concatenate(columns) for columns in zip(*found, strict=True)
    )
    measures = _measured(stroke, flanks, local[:, 0], local[:, 1])
    return Crossings(
        x=x,
        y=y,
        scale=scale,
        diagonal=diagonal > 0,
        measures=np.column_stack([measures, local[:, 2], diagonal]),
    )


def _sampled(view: View, shape: str) -> tuple[NDArray[np.float32], ...]:
    """Return the candidates of one shape: place, scale, shape, and the levels in and around their arms."""
    response = np.where(view.area, _response(view.ridges, shape), np.uint8(0))
    places = np.flatnonzero(response >= LEAST_RESPONSE)
    if len(places) > MOST:
        values = response.ravel()[places].astype(np.int16)
        places = places[np.argsort(-values, kind="stable")[:MOST]]
    y, x = np.divmod(places, response.shape[1])
    arms = np.array(ARMS[shape])
    side = FLANK * np.stack([-arms[:, 1], arms[:, 0]], axis=1)
    steps = np.arange(LONGEST + 3)
    across = x[:, None, None] + MARGIN + arms[None, :, 0, None] * steps
    down = y[:, None, None] + MARGIN + arms[None, :, 1, None] * steps
    stroke = view.frame[down, across]
    flanks = [
        view.frame[down + sign * side[None, :, 1, None], across + sign * side[None, :, 0, None]]
        for sign in (1, -1)
    ]
    centre = ((plane + 0.5) * view.scale - 0.5 for plane in (x, y))
    constants = (np.full(len(x), value) for value in (view.scale, shape == "x"))
    local = np.stack([view.mean[y, x], view.spread[y, x], response[y, x]], axis=1)
    columns = (*centre, *constants, stroke, np.stack(flanks, axis=1), local)
    return tuple(np.asarray(column, np.float32) for column in columns)


def _response(ridges: list[NDArray[np.uint8]], shape: str) -> NDArray[np.uint8]:
    """Return, at each pixel, by how much the weakest of four arms outshines its flanks at two steps."""
    first, second = (ridges[0], ridges[1]) if shape == "+" else (ridges[2], ridges[3])
    rings = []
    for step in range(1, 7):
        arms = [
            shifted(first if arm < 2 else second, x * step, y * step)  # noqa: PLR2004 -- two on each line
            for arm, (x, y) in enumerate(ARMS[shape])
        ]
        rings.append(np.minimum(np.minimum(arms[0], arms[1]), np.minimum(arms[2], arms[3])))
    pairs = [np.minimum(inner, outer) for inner, outer in pairwise(rings)]
    return np.asarray(np.maximum.reduce(pairs))


def _measured(
    stroke: NDArray[np.float32],
    flanks: NDArray[np.float32],
    mean: NDArray[np.float32],
    spread: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the measures of candidates, (candidates, measures), each at its best length of arms.

    Args:
        stroke: Levels along the arms, (candidates, arms, steps).
        flanks: Beside them, (candidates, sides, arms, steps).
        mean: Of the surroundings, (candidates).
        spread: Their standard deviation.
    """
    count = len(stroke)
    best = np.zeros((count, len(FEATURES) - 2), np.float32)
    merit = np.full(count, -np.inf, np.float32)
    for arm in range(2, LONGEST + 1):
        inner = 1 if arm <= 3 else 2  # noqa: PLR2004 -- near a centre one arm's flank lies on another arm
        ink = stroke[:, :, inner : arm + 1]
        beside = (flanks[:, 0, :, inner : arm + 1], flanks[:, 1, :, inner : arm + 1])
        tip = stroke[:, :, arm + 2]
        around = np.concatenate([*beside, tip[:, :, None]], axis=2).reshape(count, 4 * (2 * ink.shape[2] + 1))
        number = 4 * ink.shape[2]
        level, noise = ink.mean(axis=(1, 2)), ink.var(axis=(1, 2))
        contrast, flank_noise = level - around.mean(axis=1), around.var(axis=1)
        scale = np.maximum(contrast, 1)
        t = contrast * np.sqrt(number) / np.sqrt(noise + flank_noise + LEAST_NOISE)
        each = ink.mean(axis=2)
        drop = stroke[:, :, max(arm - 1, 1) : arm + 1].mean(axis=2) - tip
        ends = np.sort(drop, axis=1)[:, 1] / scale
        least = (each - np.maximum(beside[0].mean(axis=2), beside[1].mean(axis=2))).min(axis=1)
        above = ((ink > beside[0]) & (ink > beside[1])).mean(axis=(1, 2))
        darkest = np.sort(ink.reshape(count, number), axis=1)[:, int(0.15 * number)]
        clear = darkest - np.sort(around, axis=1)[:, int(0.8 * around.shape[1])]
        measures = np.stack(
            [
                contrast,
                t,
                least,
                np.clip(ends, -3, 3),
                above,
                clear,
                np.clip((each.max(axis=1) - each.min(axis=1)) / scale, 0, 3),
                np.clip(np.sqrt(noise) / scale, 0, 3),
                contrast / (spread + 4),
                level,
                np.full(count, arm, np.float32),
                stroke[:, 0, 0] - level,
                clear / (spread + 4),
                least / (spread + 4),
                (level - mean) / (spread + 4),
                np.clip(np.sqrt(flank_noise) / scale, 0, 3),
            ],
            axis=1,
        )
        value = t * np.clip(ends, 0.05, 0.5)
        better = value > merit
        merit = np.where(better, value, merit)
        best = np.where(better[:, None], measures, best)
    return best.astype(np.float32)
