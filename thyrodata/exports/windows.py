"""CT images of 16 bits as the 8 bits that most trainers read: a display window, chosen and never guessed."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import UsageError
from thyrodata.exports.records import ExportedRecord
from thyrodata.schema.vocab import Modality

__all__ = [
    "AllBits",
    "FixedWindow",
    "PictureSettings",
    "PixelWindow",
    "RecordWindow",
    "Window",
    "apply_window",
    "lacks_window",
    "parse_window",
    "pixel_window",
]

DEEP = 8
"""Bits beyond which an image is not one that every trainer reads."""

PixelWindow = tuple[float, float]
"""Low and high in stored values: what becomes black and what becomes white."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllBits:
    """Files stay as they are."""


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


Window = AllBits | FixedWindow | RecordWindow
"""What is done with images of more than 8 bits."""

CHOICES = (
    "--window LOW,HIGH or --window per-row (both with --hu-offset), or --window 16bit: the files as they are"
)


def parse_window(text: str | None, offset_hu: float | None) -> Window | None:
    """Return the window that is asked for; ``None`` if none is.

    Args:
        text: ``LOW,HIGH`` in Hounsfield units, ``per-row`` or ``16bit``.
        offset_hu: The Hounsfield units of the stored value 0, which a PNG does not say.

    Raises:
        UsageError: It is none of these, or the offset is missing or in excess.
    """
    if text is None or text == "16bit":
        if offset_hu is not None:
            raise UsageError("an offset says nothing without a window", hint=CHOICES)
        return None if text is None else AllBits()
    try:
        low, high = (0.0, 1.0) if text == "per-row" else map(float, text.split(","))
    except ValueError:
        raise UsageError(f"{text!r} is no window", hint=CHOICES) from None
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


def _is_deep(record: ExportedRecord) -> bool:
    """Return whether an image has more bits than every trainer reads."""
    return (record.image.bit_depth or 0) > DEEP


def lacks_window(record: ExportedRecord, window: Window | None) -> bool:
    """Return whether an image is to be reduced by its own window, and has none."""
    stated = record.acquisition is not None and record.acquisition.window_hu is not None
    return isinstance(window, RecordWindow) and _is_deep(record) and not stated


def pixel_window(record: ExportedRecord, window: Window | None) -> PixelWindow | None:
    """Return the window of a record's image in stored values; ``None`` if the file stays as it is.

    Args:
        record: The record, which does not lack a window.
        window: What is asked for.

    Raises:
        UsageError: The image has more than 8 bits, and nothing says what to do with them.
    """
    if not _is_deep(record) or isinstance(window, AllBits):
        return None
    if window is None or record.modality is not Modality.CT:
        raise UsageError(
            f"{record.image_id} has {record.image.bit_depth} bits a pixel, which most trainers do not read",
            hint=f"choose {CHOICES}" if record.modality is Modality.CT else "choose --window 16bit",
        )
    low, high = _window_hu(record, window)
    return (low - window.offset_hu, high - window.offset_hu)


def _window_hu(record: ExportedRecord, window: FixedWindow | RecordWindow) -> tuple[float, float]:
    if isinstance(window, FixedWindow):
        return (window.low_hu, window.high_hu)
    if record.acquisition is None or record.acquisition.window_hu is None:
        raise ValueError(f"{record.image_id} states no window")
    return record.acquisition.window_hu


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSettings:
    """What a format that images belong to may be told of them.

    Raises:
        UsageError: The window is none, or is given where no image is written.
    """

    labels_only: bool = field(
        default=False, metadata={"help": "write no images; a record without an image file is then no loss"}
    )
    window: str | None = field(
        default=None,
        metadata={
            "help": "of images of more than 8 bits: LOW,HIGH in Hounsfield units, per-row (each record's "
            "own) or 16bit (the files as they are)"
        },
    )
    hu_offset: float | None = field(
        default=None, metadata={"help": "the Hounsfield units of the stored value 0, as the card says"}
    )

    def __post_init__(self) -> None:
        if self.pixel_choice() is not None and self.labels_only:
            raise UsageError("no image is written, so none can be windowed", hint="leave --window out")

    def pixel_choice(self) -> Window | None:
        """What is done with images of more than 8 bits; ``None`` if that is not said."""
        return parse_window(self.window, self.hu_offset)
