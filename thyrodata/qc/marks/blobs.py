"""Candidates for what is drawn otherwise: letters, arrows, contours and icons, as connected ink.

Ink is thin, and brighter than the echo around it. It is of one level and its edges are sharp, which bright
tissue is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.strokes import MARGIN, framed, ridges

__all__ = ["FEATURES", "Blobs", "find_blobs"]

FEATURES: Final = (
    "size",
    "height",
    "width",
    "fill",
    "level",
    "contrast",
    "ink_spread",
    "ring_spread",
    "sharpness",
    "least_ridge",
    "t",
    "level_local",
    "peak",
    "thickness",
)

THIN: Final = 4
"""Steps to the side at which both flanks of ink must be darker: strokes are up to seven pixels wide."""

LEAST_CONTRAST: Final = 25
"""Grey levels by which ink outshines its flanks, and what is around it."""

LEAST_SIZE: Final = 6
"""Pixels of the smallest letter."""

MOST: Final = 400
"""Blobs that are measured: the largest."""

RING: Final = 3
"""Pixels around a blob, beyond the first, that are what it lies on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Blobs:
    """Candidates, in pixels of the picture that was searched."""

    labels: NDArray[np.uint16]
    """(height, width): the number of the blob that a pixel belongs to, from 1, or 0."""
    boxes: NDArray[np.intp]
    """(blobs, 4): x0, y0, x1, y1."""
    measures: NDArray[np.float32]
    """(blobs, len(FEATURES))."""
    half: NDArray[np.float32]
    """(blobs): the level half-way between ink and what it lies on."""


def find_blobs(
    grey: NDArray[np.uint8],
    area: NDArray[np.bool_],
    local: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> Blobs:
    """Return the connected ink inside an area.

    Args:
        grey: (height, width).
        area: Where ink may lie.
        local: Mean and standard deviation around each pixel.
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    mean, spread = local
    inside = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    ridge = np.maximum.reduce(ridges(framed(grey), THIN))[inside]
    ink = area & (ridge >= LEAST_CONTRAST) & (grey >= mean + np.maximum(LEAST_CONTRAST, spread))
    pieces, number = ndimage.label(ink, np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=number + 1)
    sizes[0] = 0
    kept = np.flatnonzero(sizes >= LEAST_SIZE)
    kept = np.sort(kept[np.argsort(-sizes[kept], kind="stable")[:MOST]])
    renumbered = np.zeros(number + 1, np.uint16)
    renumbered[kept] = np.arange(1, len(kept) + 1)
    labels = renumbered[pieces]
    boxes = np.array(
        [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels)], np.intp
    ).reshape(-1, 4)
    measures, half = _measured(grey, ridge, labels, boxes, local)
    return Blobs(labels=labels, boxes=boxes, measures=measures, half=half)


def _measured(
    grey: NDArray[np.uint8],
    ridge: NDArray[np.uint8],
    labels: NDArray[np.uint16],
    boxes: NDArray[np.intp],
    local: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the measures of blobs, and their half levels."""
    count = len(boxes)
    near = _grown(labels)
    far = near
    for _ in range(RING - 1):
        far = _grown(far)
    ring = np.where(near == 0, far, 0)
    edge = np.where(labels == 0, near, 0)
    flat = grey.ravel()

    def stats(which: NDArray[np.uint16]) -> tuple[NDArray[np.float64], ...]:
        place = np.flatnonzero(which)
        owner, value = which.ravel()[place], flat[place].astype(np.float64)
        number = np.maximum(np.bincount(owner, minlength=count + 1)[1:], 1)
        average = np.bincount(owner, value, count + 1)[1:] / number
        square = np.bincount(owner, value * value, count + 1)[1:] / number
        return number, average, np.sqrt(np.maximum(square - average**2, 0))

    size, level, ink_spread = stats(labels)
    _, under, ring_spread = stats(ring)
    _, beside, _ = stats(edge)
    contrast = np.maximum(level - under, 1)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    place = np.flatnonzero(labels)
    owner, rise = labels.ravel()[place], ridge.ravel()[place].astype(np.float64)
    rises = np.bincount(owner, rise, count + 1)[1:] / size
    peak = np.zeros(count + 1)
    np.maximum.at(peak, owner, flat[place])
    rim = np.bincount(near.ravel(), minlength=count + 1)[1:] - size
    first = np.zeros(count + 1, np.intp)
    first[owner[::-1]] = place[::-1]
    mean, spread = (plane.ravel()[first[1:]] for plane in local)
    measures = np.stack(
        [
            size,
            height,
            width,
            size / np.maximum(width * height, 1),
            level,
            contrast,
            ink_spread / contrast,
            ring_spread / contrast,
            (level - beside) / contrast,
            rises / contrast,
            contrast * np.sqrt(size) / np.sqrt(ink_spread**2 + ring_spread**2 + 36),
            (level - mean) / (spread + 4),
            peak[1:] - level,
            size / np.maximum(rim, 1),
        ],
        axis=1,
    )
    return measures.astype(np.float32), ((level + under) / 2).astype(np.float32)


def _grown(labels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the labels with each blob one pixel larger; where two meet, the higher number wins."""
    padded = np.pad(labels, 1)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
