"""Coloured ink: what departs from the tint of the echo, in strokes rather than in areas."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["coloured_ink"]

LEAST_CHROMA: Final = 24
"""Levels between the brightest and the darkest channel, beyond the tint of the echo. JPEG leaves a few."""

WIDEST: Final = 9
"""Pixels across a stroke, with what chroma subsampling adds on both sides; Doppler areas are wider."""

FLOW: Final = 0.003
"""Share of the area that wide colour has in a picture of flow; the filled head of an arrow has less."""

BESIDE: Final = 0.15
"""Share of the extent of flow that the box it was looked for in is larger, on either side, as a rule."""

STEP: Final = 16
"""Grey levels that share a tint."""

SAMPLES: Final = 5_000
"""Pixels that the tint is estimated from, at most."""


def coloured_ink(
    pixels: NDArray[np.uint8], area: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return how coloured the strokes inside an area are, 0 at what is none, and where flow is shown.

    Some scanners tint all echo, by its brightness: a colour counts where it departs from the tint. Where
    much of it is wider than a stroke, the picture shows flow or stiffness, and no colour counts as ink.

    Args:
        pixels: (height, width, 3).
        area: (height, width).

    Returns:
        Two arrays of (height, width).
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    red, green, blue = (pixels[..., channel] for channel in range(3))
    chroma = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    none = np.zeros(area.shape, np.float32), np.zeros(area.shape, bool)
    if not (area & (chroma >= LEAST_CHROMA)).any():
        return none
    strength = _departure(pixels, area)
    strong = area & (strength >= LEAST_CHROMA)
    square = np.ones((WIDEST, WIDEST), bool)
    wide = ndimage.binary_opening(np.pad(strong, WIDEST, mode="edge"), square)[WIDEST:-WIDEST, WIDEST:-WIDEST]
    if wide.sum() < FLOW * area.sum():
        return np.where(strong, strength, np.float32(0)), none[1]
    flow = ndimage.binary_dilation(strong, square)
    flow[_box_of(wide)] = (
        True  # between vessels lie single coloured pixels, and the edge of the scanner's own box
    )
    return none[0], flow


def _box_of(wide: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the box of the wide colour, and what is around it that its own edge may be drawn in."""
    rows, columns = (np.flatnonzero(wide.any(axis=axis)) for axis in (1, 0))
    reach = round(BESIDE * max(np.ptp(rows), np.ptp(columns)))
    return (
        slice(max(int(rows[0]) - reach, 0), int(rows[-1]) + reach + 1),
        slice(max(int(columns[0]) - reach, 0), int(columns[-1]) + reach + 1),
    )


def _departure(pixels: NDArray[np.uint8], area: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return by how many levels the channels of each pixel differ beyond the tint of its brightness."""
    places = np.flatnonzero(area)
    sample = places[:: max(1, len(places) // SAMPLES)]
    flat = pixels.reshape(-1, 3).astype(np.float32)
    grey = flat.mean(axis=1)
    steps = (grey // STEP).astype(np.intp)
    tint = np.zeros((256 // STEP, 3), np.float32)
    for step in range(len(tint)):
        here = sample[steps[sample] == step]
        if len(here):
            tint[step] = np.median(flat[here] - grey[here, None], axis=0)
        elif step:
            tint[step] = tint[step - 1]
    rest = flat - grey[:, None] - tint[steps]
    lowest = np.minimum(np.minimum(rest[:, 0], rest[:, 1]), rest[:, 2])
    highest = np.maximum(np.maximum(rest[:, 0], rest[:, 1]), rest[:, 2])
    return np.asarray((highest - lowest).reshape(area.shape), np.float32)
