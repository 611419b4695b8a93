"""What becomes of an image's file on its way into a format: it stays, or its pixels are written as PNG."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.io.images import decode_image
from thyrodata.io.png import encode_png
from thyrodata.io.windows import PixelWindow, apply_window

__all__ = ["GREY", "RGB", "as_shown", "shown_pixels"]

GREY = 1
RGB = 3
"""Channels of an image in colour."""


def as_shown(data: bytes, where: str, window: PixelWindow | None, *, channels: int | None = None) -> bytes:
    """Return the bytes of the file that is written for an image: the same ones, or those of a PNG.

    Args:
        data: The dataset's file.
        where: Its place, for errors.
        window: What to reduce its stored values to 8 bits by; ``None`` if they stay as they are.
        channels: Of the PNG that it has to be: :data:`GREY` or :data:`RGB`; ``None`` if any file will do.

    Raises:
        CaseError: It cannot be decoded.
        SchemaError: Its pixels do not fit into a PNG of so many channels.
    """
    if window is None and channels is None:
        return data
    return encode_png(shown_pixels(data, where, window, channels=channels))


def shown_pixels(
    data: bytes, where: str, window: PixelWindow | None, *, channels: int | None = None
) -> NDArray[Any]:
    """Return the pixels of an image as :func:`as_shown` writes them; grey becomes three equal channels.

    Returns:
        uint8 or uint16 (height, width), or uint8 (height, width, 3).

    Raises:
        CaseError: It cannot be decoded.
    """
    pixels: NDArray[Any] = decode_image(data, where)
    if window is not None:
        pixels = apply_window(pixels, window)
    if channels == RGB and pixels.ndim == 2:  # noqa: PLR2004 -- height, width
        pixels = np.repeat(pixels[..., np.newaxis], RGB, axis=2)
    return pixels
