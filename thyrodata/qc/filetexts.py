"""What image files say besides their pixels: EXIF fields, the texts of PNG, the comments of JPEG."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["FileText", "file_texts"]

MOST_BYTES = 1 << 20
"""Of one text that are looked at, and that a compressed one is allowed to come to."""

_PNG = b"\x89PNG\r\n\x1a\n"
_MARKER, _SCAN, _COMMENT, _APP1, _APP13 = 0xFF, 0xDA, 0xFE, 0xE1, 0xED  # of JPEG


@dataclass(frozen=True, slots=True, kw_only=True)
class FileText:
    """A named text in a file."""

    name: str
    """``EXIF Artist``, ``PNG Comment``, ``JPEG comment``."""
    text: str
    """Empty where the field is no text, as a place is."""


def file_texts(data: bytes) -> Iterator[FileText]:
    """Yield the texts of an image file, in their order. What is damaged is passed over.

    Args:
        data: The whole file. Of other formats than PNG and JPEG nothing is read.
    """
    if data.startswith(_PNG):
        yield from _png(data)
    elif data.startswith(b"\xff\xd8"):
        yield from _jpeg(data)


def _png(data: bytes) -> Iterator[FileText]:
    """Read the chunks (W3C PNG specification, section 11.3.3)."""
    place = len(_PNG)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + min(length, MOST_BYTES)]
        place += length + 12
        if kind == b"eXIf":
            yield from _exif(content)
        if kind not in {b"tEXt", b"zTXt", b"iTXt"}:
            continue
        name, _, rest = content.partition(b"\0")
        compressed = kind == b"zTXt"
        if kind == b"iTXt":  # flag and method of compression, language, translated name, text
            compressed = rest[:1] == b"\1"
            rest = b"\0" + rest[2:].split(b"\0", 2)[-1]
        if compressed:
            rest = _inflated(rest[1:])
        elif kind == b"iTXt":
            rest = rest[1:]
        encoding = "utf-8" if kind == b"iTXt" else "latin-1"
        yield FileText(name=f"PNG {name.decode('latin-1')}", text=rest.decode(encoding, "replace"))


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MOST_BYTES)
    except zlib.error:
        return b""


def _jpeg(data: bytes) -> Iterator[FileText]:
    """Read the segments before the first scan (ITU-T T.81, annex B)."""
    place = 2
    while place + 4 <= len(data) and data[place] == _MARKER:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        content = data[place + 4 : place + 2 + length]
        if marker == _SCAN:
            return
        if marker == _COMMENT:
            yield FileText(name="JPEG comment", text=content.decode("utf-8", "replace"))
        elif marker == _APP1 and content.startswith(b"Exif\0\0"):
            yield from _exif(content[6:])
        elif marker in {_APP1, _APP13}:  # XMP, and IPTC within Photoshop's resources
            name = "XMP" if marker == _APP1 else "IPTC"
            yield FileText(name=name, text=content.decode("utf-8", "replace"))
        place += 2 + length


def _exif(data: bytes) -> Iterator[FileText]:
    from PIL import ExifTags, Image  # noqa: PLC0415 -- rules of records alone do without

    exif = Image.Exif()
    try:
        exif.load(data)
        fields = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
        located = bool(exif.get_ifd(ExifTags.IFD.GPSInfo))
    except Exception:  # noqa: BLE001 -- Pillow's parser raises what a damaged block happens to cause
        return
    if located:
        yield FileText(name="EXIF GPSInfo", text="")
    for tag, value in fields.items():
        name = ExifTags.TAGS.get(tag, f"{tag:#06x}")
        if isinstance(value, bytes):
            # Windows writes its own fields in UTF-16; UserComment begins with eight bytes of its encoding.
            text = value.decode("utf-16-le" if name.startswith("XP") else "utf-8", "replace")
            yield FileText(name=f"EXIF {name}", text=text.strip("\0 "))
        elif isinstance(value, str):
            yield FileText(name=f"EXIF {name}", text=value.strip("\0 "))
