"""What the pixels of one image become, step by step."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from thyrodata.derivation.despeckle import despeckle
from thyrodata.derivation.framing import Framing
from thyrodata.derivation.recipe import Recipe
from thyrodata.errors import CaseError
from thyrodata.io.windows import PixelWindow, apply_window

__all__ = ["COLOUR", "derive_pixels", "in_colour", "resized", "with_bits"]

Pixels: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""uint8 (height, width) or (height, width, 3), or uint16 (height, width)."""

COLOUR = 16
"""Levels by which the channels of a pixel may differ in a picture that is grey all the same: JPEG stores
colours with an error of a few."""


def derive_pixels(pixels: Pixels, recipe: Recipe, framing: Framing, window: PixelWindow | None) -> Pixels:
    """Return the pixels of an image after all steps, in their fixed order.

    Args:
        pixels: As decoded.
        recipe: The steps.
        framing: How this image is cut and scaled.
        window: Of this image in stored values, if it is windowed.

    Returns:
        The new pixels: the array itself, if nothing changes.

    Raises:
        CaseError: Colours would need 16 bits; ``where`` is left to the caller.
    """
    new = pixels
    if framing.box != (0, 0, pixels.shape[1], pixels.shape[0]):
        x0, y0, x1, y1 = framing.box
        new = new[y0:y1, x0:x1]
    if window:
        new = apply_window(new, window)
    if recipe.grey and new.ndim == 3:  # noqa: PLR2004 -- height, width, channels
        new = np.asarray(Image.fromarray(np.ascontiguousarray(new)).convert("L"))
    if recipe.despeckle:
        new = despeckle(new, recipe.despeckle)
    if framing.resizes():
        new = _placed(resized(new, *framing.scaled), framing)
    if recipe.bits:
        new = with_bits(new, recipe.bits)
    return np.ascontiguousarray(new)


def in_colour(pixels: Pixels) -> bool:
    """Return whether the channels of some pixel differ by more than :data:`COLOUR` levels."""
    if pixels.ndim == 2:  # noqa: PLR2004 -- height, width
        return False
    red, green, blue = (pixels[..., channel] for channel in range(3))  # far quicker than along the last axis
    brightest = np.maximum(np.maximum(red, green), blue)
    return bool((brightest - np.minimum(np.minimum(red, green), blue)).max() > COLOUR)


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return an image brought to a size by Pillow's bilinear filter.

    Where the image is made smaller the filter is as wide as what a new pixel covers, so that nothing is
    passed over. 16 bits go through 32-bit floats, which hold each of their values.
    """
    if (width, height) == (pixels.shape[1], pixels.shape[0]):
        return pixels
    deep = pixels.dtype.itemsize > 1
    source = Image.fromarray(pixels.astype(np.float32) if deep else np.ascontiguousarray(pixels))
    scaled = np.asarray(source.resize((width, height), Image.Resampling.BILINEAR))
    return np.rint(scaled).clip(0, 65535).astype(np.uint16) if deep else scaled


def _placed(pixels: Pixels, framing: Framing) -> Pixels:
    """Put an image into a black one of the new size."""
    width, height = framing.size
    if (width, height) == framing.scaled:
        return pixels
    left, top = framing.placed
    new: Pixels = np.zeros((height, width, *pixels.shape[2:]), pixels.dtype)
    new[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return new


def with_bits(pixels: Pixels, bits: int) -> Pixels:
    """Return an image of 8 or 16 bits a sample: full range to full range, each value rounded.

    8 to 16 bits is a factor of 257, which 16 to 8 bits undoes exactly.

    Raises:
        CaseError: Colours would need 16 bits; ``where`` is left to the caller.
    """
    if pixels.dtype.itemsize * 8 == bits:
        return pixels
    if bits == 8:  # noqa: PLR2004 -- bits
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if pixels.ndim == 3:  # noqa: PLR2004 -- height, width, channels
        raise CaseError("a picture in colours is not stored with 16 bits", hint="add --grey")
    return pixels.astype(np.uint16) * np.uint16(257)
