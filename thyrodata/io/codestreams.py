"""What a compressed frame says of itself in its first bytes, read before a decoder allocates for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Codestream", "Colours", "read_jpeg", "read_jpeg2000", "read_jpegxl", "without_application_data"]


class Colours(StrEnum):
    """The colour space of the encoded components."""

    RGB = "RGB"
    YBR = "YCbCr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codestream:
    """The sizes of one compressed frame, and what else decides how it is to be decoded."""

    columns: int
    rows: int
    components: int
    bits: int
    """Of a component."""
    subsampled: bool
    """Whether chroma has fewer samples than luma."""
    colours: Colours | None
    """``None`` where the codestream does not say; of JPEG 2000 what the decoder is to undo."""
    process: int
    """JPEG: the frame marker's low byte, which names the coding process; else 0."""


_JPEG_START, _JPEG_END, _JPEG_SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""SOF0 to SOF15 without DHT, JPG and DAC (ITU-T T.81 table B.1), and SOF55 of JPEG-LS (T.87)."""
_JPEG_LS_PRESET, _OVERSIZE = 0xF8, 4
_APP0, _APP14 = 0xE0, 0xEE
_HUFFMAN = 0xC4
_APPLICATION = frozenset([*range(0xE0, 0xF0), 0xFE])
_ADOBE_COLOURS = {0: Colours.RGB, 1: Colours.YBR}


def read_jpeg(data: bytes) -> Codestream:
    """Read the marker segments of a JPEG or JPEG-LS codestream up to its first scan, and look for its end.

    Raises:
        ValueError: It is cut or broken, or has not exactly one frame header.
    """
    frame: tuple[int, bytes] | None = None
    adobe = jfif = None
    if not data.rstrip(b"\0").endswith(_JPEG_END):  # padded to an even length, or further
        raise ValueError("no end of image")
    for marker, body in _jpeg_segments(data)[0]:
        if marker in _JPEG_FRAMES:
            if frame is not None:
                raise ValueError("two frame headers")
            frame = marker, body
        elif marker == _APP14 and body[:5] == b"Adobe" and len(body) >= 12:  # noqa: PLR2004 -- T.872 6.5.3
            adobe = _ADOBE_COLOURS.get(body[11])
        elif marker == _APP0 and body[:5] == b"JFIF\0":
            jfif = Colours.YBR  # T.871: the only colours it knows
        elif marker == _JPEG_LS_PRESET and body[:1] == bytes([_OVERSIZE]):
            raise ValueError("sizes beyond the frame header")
    if frame is None:
        raise ValueError("no frame header")
    process, body = frame
    bits, rows, columns, components = struct.unpack(">BHHB", body[:6])
    parts = body[6:]
    if len(parts) != 3 * components or not components:
        raise ValueError("broken frame header")
    named = Colours.RGB if parts[::3] == b"RGB" else None  # libjpeg's convention
    return Codestream(
        columns=columns,
        rows=rows,
        components=components,
        bits=bits,
        subsampled=len(set(parts[1::3])) > 1,
        colours=adobe or jfif or named,
        process=process,
    )


def without_application_data(data: bytes) -> bytes:
    """Return a lossless JPEG codestream without its application segments and comments.

    Raises:
        ValueError: It is broken, or has no Huffman table.
    """
    segments, scan = _jpeg_segments(data)
    if not any(marker == _HUFFMAN for marker, _ in segments):
        raise ValueError("no Huffman table")
    kept = [
        struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
        for marker, body in segments
        if marker not in _APPLICATION
    ]
    return data[:2] + b"".join(kept) + data[scan:]


def _jpeg_segments(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Return marker and body of each segment before the first scan, and where that begins."""
    if data[:2] != _JPEG_START:
        raise ValueError("no start of image")
    segments: list[tuple[int, bytes]] = []
    at = 2
    while True:
        if data[at : at + 1] != b"\xff":
            raise ValueError("no marker")
        while data[at + 1 : at + 2] == b"\xff":  # fill bytes
            at += 1
        head = data[at : at + 4]
        if len(head) < 4 or head[1] < min(_JPEG_FRAMES):  # noqa: PLR2004 -- marker and length
            raise ValueError("cut, or a reserved marker")
        marker, length = head[1], head[2] << 8 | head[3]
        if marker == _JPEG_SCAN:
            return segments, at
        body = data[at + 4 : at + 2 + length]
        if length < 2 or len(body) != length - 2:  # noqa: PLR2004 -- the length counts itself
            raise ValueError("broken marker segment")
        segments.append((marker, body))
        at += 2 + length


_J2K_START = b"\xff\x4f\xff\x51"
_J2K_CODING, _J2K_TILE = 0xFF52, 0xFF90
_MOST_TILES = 65_535


def read_jpeg2000(data: bytes) -> Codestream:
    """Read the main header of a JPEG 2000 or HTJ2K codestream (ITU-T T.800 A.5).

    Raises:
        ValueError: It is broken, has components of several kinds, or more tiles than it can number.
    """
    if data[:4] != _J2K_START or len(data) < 42:  # noqa: PLR2004 -- SOC, and SIZ up to its components
        raise ValueError("no start of codestream")
    (length,) = struct.unpack(">H", data[4:6])
    x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0, components = struct.unpack(">8IH", data[8:42])
    parts = data[42 : 4 + length]
    if length != 38 + 3 * components or len(parts) != 3 * components or not components:
        raise ValueError("broken size segment")
    if not (x0 < x1 and y0 < y1 and tile_width and tile_height and tile_x0 <= x0 and tile_y0 <= y0):
        raise ValueError("broken sizes")
    tiles = -(-(x1 - tile_x0) // tile_width) * -(-(y1 - tile_y0) // tile_height)
    if tiles > _MOST_TILES or len(set(parts[::3])) > 1 or parts[0] & 0x80:
        raise ValueError("too many tiles, or components that differ or are signed")
    return Codestream(
        columns=x1 - x0,
        rows=y1 - y0,
        components=components,
        bits=parts[0] + 1,
        subsampled=set(parts[1::3]) != {1} or set(parts[2::3]) != {1},
        colours=Colours.YBR if _component_transform(data, 4 + length) else None,
        process=0,
    )


def _component_transform(data: bytes, at: int) -> bool:
    """Return whether COD (A.6.1) asks for the reversible or irreversible multiple component transform."""
    while len(data) >= at + 10:
        marker, length = struct.unpack(">HH", data[at : at + 4])
        if marker == _J2K_CODING:
            return data[at + 8] != 0  # after the style, the progression order and the number of layers
        if marker == _J2K_TILE or marker >> 8 != 0xFF or length < 2:  # noqa: PLR2004
            break
        at += 2 + length
    raise ValueError("no coding style")


_JXL_CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_JXL_START = b"\xff\x0a"
_JXL_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def read_jpegxl(data: bytes) -> tuple[int, int]:
    """Return columns and rows of a JPEG XL codestream, bare or in its container (ISO/IEC 18181-1 D.2, -2 9).

    Raises:
        ValueError: It is broken.
    """
    if data[: len(_JXL_CONTAINER)] == _JXL_CONTAINER:
        data = _jxl_codestream(data)
    if data[:2] != _JXL_START or len(data) < 12:  # noqa: PLR2004 -- enough for every size header
        raise ValueError("no start of codestream")
    bits = _Bits(int.from_bytes(data[2:12], "little"))
    small = bits.take(1)
    rows = _jxl_side(bits, small)
    ratio = bits.take(3)
    if ratio == 0:
        return _jxl_side(bits, small), rows
    numerator, denominator = _JXL_RATIOS[ratio]
    return rows * numerator // denominator, rows


class _Bits:
    """Takes bits from the least significant one on."""

    def __init__(self, held: int) -> None:
        self._held = held

    def take(self, count: int) -> int:
        taken = self._held & ((1 << count) - 1)
        self._held >>= count
        return taken


def _jxl_side(bits: _Bits, small: int) -> int:
    if small:
        return 8 * (bits.take(5) + 1)
    return bits.take((9, 13, 18, 30)[bits.take(2)]) + 1


def _jxl_codestream(container: bytes) -> bytes:
    """Return the first bytes of the codestream in a container's first box that holds some."""
    at = len(_JXL_CONTAINER)
    while len(container) >= at + 8:
        length, kind = struct.unpack(">I4s", container[at : at + 8])
        if kind in (b"jxlc", b"jxlp"):
            begin = at + 8 + (8 if length == 1 else 0) + (4 if kind == b"jxlp" else 0)
            return container[begin : begin + 32]
        if length < 8:  # noqa: PLR2004 -- 0 is the rest of the file, 1 a box past 4 GiB
            break
        at += length
    raise ValueError("no codestream in the container")
