"""CT images of 16 bits as the 8 bits that most trainers read: a display window, chosen and never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import UsageError

__all__ = [
    "DEEP",
    "HU_CHOICES",
    "FixedWindow",
    "HuWindow",
    "PixelWindow",
    "RecordWindow",
    "apply_window",
    "parse_hu_window",
    "stored_window",
    "window_hu",
]

DEEP = 8
"""Bits beyond which an image is not one that every trainer reads."""

PixelWindow = tuple[float, float]
"""Low and high in stored values: what becomes black and what becomes white."""

HU_CHOICES = "--window LOW,HIGH or --window per-row (both with --hu-offset)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedWindow:
    """One window for all images."""

    low_hu: float
    high_hu: float
    offset_hu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordWindow:
    """The window that each record states, ``acquisition.window_hu``."""

    offset_hu: float


HuWindow = FixedWindow | RecordWindow
"""A window in Hounsfield units; ``offset_hu`` is what the stored value 0 stands for."""


def parse_hu_window(text: str, offset_hu: float | None) -> HuWindow:
    """Return the window that is asked for.

    Args:
        text: ``LOW,HIGH`` in Hounsfield units, or ``per-row``.
        offset_hu: The Hounsfield units of the stored value 0, which a PNG does not say.

    Raises:
        UsageError: It is neither, or the offset is missing.
    """
    try:
        low, high = (0.0, 1.0) if text == "per-row" else map(float, text.split(","))
    except ValueError:
        raise UsageError(f"{text!r} is no window", hint=f"choose {HU_CHOICES}") from None
    if not (isfinite(low) and isfinite(high) and low < high):
        raise UsageError(f"the window {text} is empty", hint="write LOW,HIGH in Hounsfield units")
    if offset_hu is None or not isfinite(offset_hu):
        raise UsageError(
            "a window in Hounsfield units needs to know which of them the stored value 0 is",
            hint="give --hu-offset NUMBER: HU = stored value + NUMBER; the dataset's card says which",
        )
    if text == "per-row":
        return RecordWindow(offset_hu=offset_hu)
    return FixedWindow(low_hu=low, high_hu=high, offset_hu=offset_hu)


def window_hu(window: HuWindow, stated: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the low and high of an image's window in Hounsfield units; ``None`` if it has none.

    Args:
        window: What is asked for.
        stated: The window of the image's own record.
    """
    match window:
        case FixedWindow(low_hu=low, high_hu=high):
            return (low, high)
        case RecordWindow():
            return stated


def stored_window(window: HuWindow, stated: tuple[float, float] | None) -> PixelWindow | None:
    """Return what :func:`window_hu` does, in stored values."""
    bounds = window_hu(window, stated)
    return bounds and (bounds[0] - window.offset_hu, bounds[1] - window.offset_hu)


def apply_window(pixels: NDArray[np.unsignedinteger[Any]], window: PixelWindow) -> NDArray[np.uint8]:
    """Return the pixels with the window's low end and all below black, its high end and all above white.

    Args:
        pixels: uint16 (height, width).
        window: In stored values.
    """
    low, high = window
    values = np.arange(2**16, dtype=np.float64)
    table = np.rint(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    reduced: NDArray[np.uint8] = table[pixels]
    return reduced
