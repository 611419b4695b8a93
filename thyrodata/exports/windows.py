"""What an export does with CT images of 16 bits: see :mod:`thyrodata.io.windows`."""

from __future__ import annotations

from dataclasses import dataclass, field

from thyrodata.errors import UsageError
from thyrodata.exports.records import ExportedRecord
from thyrodata.io.windows import (
    DEEP,
    HU_CHOICES,
    HuWindow,
    PixelWindow,
    RecordWindow,
    parse_hu_window,
    stored_window,
)
from thyrodata.schema.vocab import Modality

__all__ = ["AllBits", "PictureSettings", "Window", "lacks_window", "parse_window", "pixel_window"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AllBits:
    """Files stay as they are."""


Window = AllBits | HuWindow
"""What is done with images of more than 8 bits."""

CHOICES = f"{HU_CHOICES}, or --window 16bit: the files as they are"


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
            raise UsageError("an offset says nothing without a window", hint=f"choose {CHOICES}")
        return None if text is None else AllBits()
    return parse_hu_window(text, offset_hu)


def _is_deep(record: ExportedRecord) -> bool:
    """Return whether an image has more bits than every trainer reads."""
    return (record.image.bit_depth or 0) > DEEP


def _stated(record: ExportedRecord) -> tuple[float, float] | None:
    return record.acquisition.window_hu if record.acquisition else None


def lacks_window(record: ExportedRecord, window: Window | None) -> bool:
    """Return whether an image is to be reduced by its own window, and has none."""
    return isinstance(window, RecordWindow) and _is_deep(record) and _stated(record) is None


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
    found = stored_window(window, _stated(record))
    if found is None:
        raise ValueError(f"{record.image_id} states no window")
    return found


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
