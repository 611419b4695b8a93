"""The elements of a DICOM dataset that capture reads, and how their values are understood.

Values are decoded here from the bytes that the parser hands over: the parser's own conversion warns, logs and
raises with the values in its messages.
"""

from __future__ import annotations

import logging
import math
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from thyrodata.errors import CaseError, ThyrodataError

__all__ = ["Elements", "Tag", "foreign"]


class Tag(IntEnum):
    """Every element that is read, by its keyword in DICOM PS3.6; nothing else of a file is looked at."""

    SPECIFIC_CHARACTER_SET = 0x00080005
    SOP_CLASS_UID = 0x00080016
    SOP_INSTANCE_UID = 0x00080018
    STUDY_DATE = 0x00080020
    SERIES_DATE = 0x00080021
    ACQUISITION_DATE = 0x00080022
    CONTENT_DATE = 0x00080023
    STUDY_TIME = 0x00080030
    ACCESSION_NUMBER = 0x00080050
    MODALITY = 0x00080060
    MANUFACTURER = 0x00080070
    MANUFACTURER_MODEL_NAME = 0x00081090
    PATIENT_ID = 0x00100020
    ISSUER_OF_PATIENT_ID = 0x00100021
    PATIENT_BIRTH_DATE = 0x00100030
    PATIENT_SEX = 0x00100040
    PATIENT_AGE = 0x00101010
    BODY_PART_EXAMINED = 0x00180015
    FRAME_TIME = 0x00181063
    SEQUENCE_OF_ULTRASOUND_REGIONS = 0x00186011
    REGION_SPATIAL_FORMAT = 0x00186012
    REGION_DATA_TYPE = 0x00186014
    REGION_LOCATION_MIN_X0 = 0x00186018
    REGION_LOCATION_MIN_Y0 = 0x0018601A
    REGION_LOCATION_MAX_X1 = 0x0018601C
    REGION_LOCATION_MAX_Y1 = 0x0018601E
    PHYSICAL_UNITS_X_DIRECTION = 0x00186024
    PHYSICAL_UNITS_Y_DIRECTION = 0x00186026
    PHYSICAL_DELTA_X = 0x0018602C
    PHYSICAL_DELTA_Y = 0x0018602E
    STUDY_INSTANCE_UID = 0x0020000D
    SERIES_INSTANCE_UID = 0x0020000E
    SERIES_NUMBER = 0x00200011
    INSTANCE_NUMBER = 0x00200013
    SAMPLES_PER_PIXEL = 0x00280002
    PHOTOMETRIC_INTERPRETATION = 0x00280004
    PLANAR_CONFIGURATION = 0x00280006
    NUMBER_OF_FRAMES = 0x00280008
    ROWS = 0x00280010
    COLUMNS = 0x00280011
    BITS_ALLOCATED = 0x00280100
    BITS_STORED = 0x00280101
    HIGH_BIT = 0x00280102
    PIXEL_REPRESENTATION = 0x00280103
    RED_PALETTE_DESCRIPTOR = 0x00281101
    GREEN_PALETTE_DESCRIPTOR = 0x00281102
    BLUE_PALETTE_DESCRIPTOR = 0x00281103
    RED_PALETTE = 0x00281201
    GREEN_PALETTE = 0x00281202
    BLUE_PALETTE = 0x00281203
    SEGMENTED_RED_PALETTE = 0x00281221
    SEGMENTED_GREEN_PALETTE = 0x00281222
    SEGMENTED_BLUE_PALETTE = 0x00281223
    LOSSY_IMAGE_COMPRESSION = 0x00282110


_PADDING = " \0"
_LONGEST_TEXT = 1024
"""Bytes: 64 characters are the most of every kind of text that is read (PS3.5 6.2), in any character set."""
_INTEGER = re.compile(r"[+-]?\d{1,12}", re.ASCII)  # IS, PS3.5 6.2
_DECIMAL = re.compile(r"[+-]?(\d{1,16}\.?\d{0,16}|\.\d{1,16})([Ee][+-]?\d{1,3})?", re.ASCII)  # DS
_ESCAPE = b"\x1b"
_DELIMITERS = set(b"\\^=\t\n\f\r")  # each ends what an escape sequence began, PS3.5 6.1.2.5.3


@contextmanager
def foreign(message: str, where: str) -> Iterator[None]:
    """Run code of another library: silently, and with its errors turned into a CaseError of this message.

    What a parser or decoder says of broken input may quote values or the file's name, so none of it is kept.

    Raises:
        CaseError: The code raised anything but MemoryError or an error of ours.
    """
    logger = logging.getLogger("pydicom")
    disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (MemoryError, ThyrodataError):
        raise
    except Exception:  # noqa: BLE001 -- decoders raise anything on broken input, TypeError too
        raise CaseError(message, where=where) from None
    finally:
        logger.disabled = disabled


class Elements:
    """Values of one dataset, or of one item of a sequence.

    A value that is missing, empty or breaks the rules of its kind is ``None``; nothing is raised.

    Args:
        dataset: A pydicom Dataset.
        little_endian: How its binary values are stored.
    """

    def __init__(self, dataset: Any, *, little_endian: bool) -> None:
        self._dataset = dataset
        self.little_endian = little_endian
        stated = self.data(Tag.SPECIFIC_CHARACTER_SET) or b""
        self._charsets = [part.strip(_PADDING) for part in stated.decode("ascii", "replace").split("\\")]

    def data(self, tag: int) -> bytes | None:
        """Return the bytes of a value."""
        element = self._dataset.get_item(tag, keep_deferred=True)  # never converts
        value = getattr(element, "value", None)
        return value if isinstance(value, bytes) and value else None

    def vr(self, tag: int) -> str | None:
        """Return the value representation, which implicit VR does not state."""
        element = self._dataset.get_item(tag, keep_deferred=True)  # never converts
        return None if element is None or element.VR is None else str(element.VR)

    def text(self, tag: int) -> str | None:
        r"""Return a text, stripped of padding and else verbatim: ``\`` between values stays.

        Bytes that the character set does not know become ``\x..``, so that different texts stay different.
        """
        data = self.data(tag)
        if data is None or len(data) > _LONGEST_TEXT:
            return None
        return self._decode(data).strip(_PADDING) or None

    def integer(self, tag: int) -> int | None:
        """Return an unsigned binary integer of two or four bytes (US, UL)."""
        data = self.data(tag)
        if data is None or len(data) not in (2, 4):
            return None
        return int.from_bytes(data, "little" if self.little_endian else "big")

    def integer_string(self, tag: int) -> int | None:
        """Return the first value of an integer string (IS)."""
        text = self._first(tag)
        return int(text) if _INTEGER.fullmatch(text) else None

    def decimal_string(self, tag: int) -> float | None:
        """Return the first value of a decimal string (DS)."""
        text = self._first(tag)
        if not _DECIMAL.fullmatch(text):
            return None
        value = float(text)
        return value if math.isfinite(value) else None

    def double(self, tag: int) -> float | None:
        """Return a binary floating point number (FD)."""
        data = self.data(tag)
        if data is None or len(data) != 8:  # noqa: PLR2004 -- bytes of a double
            return None
        (value,) = struct.unpack("<d" if self.little_endian else ">d", data)
        return value if math.isfinite(value) else None

    def items(self, tag: int) -> list[Elements]:
        """Return the items of a sequence; empty if there is none, or it cannot be parsed."""
        try:
            with foreign("the sequence cannot be parsed", ""):
                element = self._dataset.get(tag)
                datasets = [] if element is None or element.VR != "SQ" else list(element.value or ())
        except CaseError:
            return []
        return [Elements(dataset, little_endian=self.little_endian) for dataset in datasets]

    def _first(self, tag: int) -> str:
        return (self.data(tag) or b"").decode("ascii", "replace").partition("\\")[0].strip(_PADDING)

    def _decode(self, data: bytes) -> str:
        from pydicom.charset import convert_encodings, decode_bytes, python_encoding  # noqa: PLC0415

        if _ESCAPE in data and len(self._charsets) > 1:  # code extensions, PS3.5 6.1.2.5
            try:
                with foreign("the text cannot be decoded", ""):
                    decoded: str = decode_bytes(data, convert_encodings(self._charsets), _DELIMITERS)
            except CaseError:
                return data.decode("latin_1")
            return data.decode("latin_1") if "\ufffd" in decoded else decoded
        name = self._charsets[0]
        if name in ("", "ISO_IR 6", "ISO 2022 IR 6") or name not in python_encoding:
            try:
                return data.decode("utf-8")  # devices write it without saying so; ASCII is part of it
            except UnicodeDecodeError:
                return data.decode("latin_1")
        return data.decode(python_encoding[name], "backslashreplace")
