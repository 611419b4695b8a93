"""A round body on one grey, as CT and MR show a patient across: the field of few probes is an ellipse."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROUND", "roundness"]

ROUND: Final = 0.94
"""Overlap of a body with an ellipse from which it is round: of 801 published ultrasound images none reaches
0.92, whatever their corners, and of 40 phantoms 0.85. Body slices of CT that are not cut off reach 0.95."""

SIDE: Final = 256
"""Pixels that the longer side is shrunk to: noise evens out."""

CORNER: Final = 12
"""Pixels a side, of those, of each corner."""

LEVELS: Final = 6
"""Grey levels by which the corners may differ."""

LIT: Final = 18
"""Grey levels above the corners from which a pixel is the body's."""

EDGE: Final = 0.5
"""Share of one edge of the picture that the body may take, all edges together."""

LEAST: Final = 0.1
"""Share of the picture that the body takes at least."""


def roundness(grey: NDArray[np.uint8]) -> float:
    """Return how much the lit part of a picture is an ellipse on a background of one grey, 0 to 1.

    The measure is the intersection over union with the ellipse of the same second moments. Holes and bays,
    such as lungs, count as lit. It is 0 where the four corners differ, and where the body is cut off.

    Args:
        grey: (height, width).
    """
    from PIL import Image  # noqa: PLC0415 -- rules of records alone do without
    from scipy import ndimage  # noqa: PLC0415 -- likewise

    height, width = grey.shape
    scale = min(1.0, SIDE / max(height, width))
    size = (round(width * scale), round(height * scale))
    if min(size) < 3 * CORNER:
        return 0.0
    small = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX), np.float32)
    edges = (slice(None, CORNER), slice(-CORNER, None))
    corners = [float(small[rows, columns].mean()) for rows in edges for columns in edges]
    if max(corners) - min(corners) > LEVELS:
        return 0.0
    lit = ndimage.binary_opening(small > np.median(corners) + LIT, np.ones((3, 3), bool))
    areas, number = ndimage.label(lit)
    if not number:
        return 0.0
    body = _filled(areas == 1 + np.bincount(areas.ravel())[1:].argmax())
    cut = body[0].mean() + body[-1].mean() + body[:, 0].mean() + body[:, -1].mean()
    if body.mean() < LEAST or cut > EDGE:
        return 0.0
    places = np.argwhere(body)
    inverse = np.linalg.inv(np.cov(places.T) + 1e-6 * np.eye(2))
    away = np.moveaxis(np.indices(body.shape), 0, -1) - places.mean(axis=0)
    ellipse = ((away @ inverse) * away).sum(axis=-1) <= 4  # noqa: PLR2004 -- an ellipse's own covariance
    return float((body & ellipse).sum() / (body | ellipse).sum())


def _filled(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a body with all that lies between two parts of it, both along its row and its column."""
    reached = [
        np.flip(np.logical_or.accumulate(np.flip(body, axis) if back else body, axis), axis)
        if back
        else np.logical_or.accumulate(body, axis)
        for axis in (0, 1)
        for back in (False, True)
    ]
    return np.asarray(np.logical_and.reduce(reached))
