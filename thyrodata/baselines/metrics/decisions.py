"""The class of a whole image by what was found in it, as detectors and segmenters are compared.

ThyroidXL (MICCAI 2025) takes the class of the most confident box, and the class with most pixels; what an
image without a box or a pixel counts as it does not say. Here the caller says it; it belongs with the figure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["most_confident_box", "most_pixels"]


def most_confident_box(
    labels: NDArray[np.int64], scores: NDArray[np.float64], *, without: int | None
) -> int | None:
    """Return the class of the box of the greatest score; of equal ones the lowest class.

    Args:
        labels: int64 ``(boxes,)``, the class of each.
        scores: float64 ``(boxes,)``.
        without: What an image without a box counts as; ``None`` leaves it undecided, and out of the figures.
    """
    if not labels.size:
        return without
    return int(labels[scores == scores.max()].min())


def most_pixels(pixels: NDArray[np.int64], *, without: int | None) -> int | None:
    """Return the class with most pixels; of equal ones the lowest class.

    Args:
        pixels: int64 ``(classes,)``, how many pixels are of each, a background left out.
        without: What an image of background alone counts as; ``None`` leaves it undecided.
    """
    return int(pixels.argmax()) if pixels.any() else without
