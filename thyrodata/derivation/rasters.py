"""Masks cut and scaled: what their pixels become."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thyrodata.derivation.affine import Affine

__all__ = ["cut_pixels", "resample_pixels"]


def cut_pixels(pixels: NDArray[np.bool_], box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """Return the pixels inside of a box (x0, y0, x1, y1), which lies in the image."""
    x0, y0, x1, y1 = box
    return pixels[y0:y1, x0:x1]


def resample_pixels(
    pixels: NDArray[np.bool_], affine: Affine, *, width: int, height: int
) -> NDArray[np.bool_]:
    """Return a mask as it lies in another image, sampled at the centres of that image's pixels.

    A pixel is set if its centre, mapped back, lies in a pixel that is set; a centre between two pixels takes
    the one to the right, or below. So a pixel is wrong against the scaled area by less than half a pixel of
    the new image, and after mapping forth and back every pixel that differs lies within one pixel of the old
    image and one of the new from the mask's edge.

    Args:
        pixels: bool (height, width) of the old image.
        affine: From the old image to the new one.
        width: Of the new image, in pixels.
        height: Of the new image, in pixels.
    """
    back = affine.inverse()
    rows, row_there = _under(height, back.scale_y, back.offset_y, pixels.shape[0])
    columns, column_there = _under(width, back.scale_x, back.offset_x, pixels.shape[1])
    sampled: NDArray[np.bool_] = pixels[rows[:, np.newaxis], columns]
    sampled &= row_there[:, np.newaxis] & column_there
    return sampled


def _under(
    length: int, scale: float, offset: float, source: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the old pixel under the centre of each new one along an axis, and whether there is one."""
    places = np.floor((np.arange(length) + 0.5) * scale + offset)
    return np.clip(places, 0, source - 1).astype(np.intp), (places >= 0) & (places < source)
