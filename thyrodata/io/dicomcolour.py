"""Colours of decoded frames: into RGB, and whether the result can be right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["chroma_422_to_rgb", "has_achromatic_corners", "interleave", "ybr_to_rgb"]

_CORNER = 8
_LEAST_CORNERS = 2
_MOST_CHROMA = 64
"""Mean difference between channels, of 255: backgrounds have a tint of up to 35, and mistaken ones 128."""


def interleave(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (height, width, 3) of three planes (3, height, width)."""
    pixels = np.empty((*planes.shape[1:], 3), np.uint8)  # four times as fast as a transposing copy
    for channel in range(3):
        pixels[..., channel] = planes[channel]
    return pixels


def ybr_to_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert YBR_FULL (DICOM PS3.3 C.7.6.3.1.2, as in JFIF) to RGB; both (height, width, 3)."""
    height, width = pixels.shape[:2]
    return np.asarray(Image.frombuffer("YCbCr", (width, height), np.ascontiguousarray(pixels)).convert("RGB"))


def chroma_422_to_rgb(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert YBR_FULL_422, (height, width / 2, 4) of two luma, Cb and Cr, to RGB (height, width, 3)."""
    height, pairs = samples.shape[:2]
    pixels = np.empty((height, pairs, 6), np.uint8)
    for place, sample in enumerate((0, 2, 3, 1, 2, 3)):  # Y1 Cb Cr, Y2 Cb Cr
        pixels[..., place] = samples[..., sample]
    return ybr_to_rgb(pixels.reshape(height, 2 * pairs, 3))


def has_achromatic_corners(frame: NDArray[Any]) -> bool:
    """Return whether at least two of a frame's four corners are grey or black.

    The background of ultrasound is black, and becomes green or violet where a frame was taken for one of
    another colour space. Frames that were coloured by a palette, whose colours the file chose, may fail.

    Args:
        frame: uint8 (height, width, 3); a grey frame (height, width) always passes.
    """
    if frame.ndim == 2:  # noqa: PLR2004 -- no channels
        return True
    sides = (slice(None, _CORNER), slice(-_CORNER, None))
    grey = 0
    for rows in sides:
        for columns in sides:
            mean = frame[rows, columns].reshape(-1, 3).mean(axis=0)
            grey += bool(mean.max() - mean.min() <= _MOST_CHROMA)
    return grey >= _LEAST_CORNERS
