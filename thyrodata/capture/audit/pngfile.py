"""Whether a PNG file (PNG, third edition) is an image and nothing else, by a parser of the audit's own."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

__all__ = ["png_faults"]

ALLOWED = (b"IHDR", b"IDAT", b"IEND")

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SAMPLES = {0: 1, 2: 3}
_HEADER_BYTES, _CHUNK_BYTES = 13, 12


def png_faults(data: bytes) -> Iterator[str]:
    """Say what a file holds beyond the chunks IHDR, IDAT and IEND and the rows of its image.

    Bytes after the last chunk, and after the last row inside the compressed data, are shown by no viewer and
    may be anything.
    """
    if not data.startswith(_SIGNATURE):
        yield "the file is no PNG"
        return
    header = pixels = b""
    at = len(_SIGNATURE)
    kinds: list[bytes] = []
    while at + _CHUNK_BYTES <= len(data) and b"IEND" not in kinds:
        (length,) = struct.unpack_from(">I", data, at)
        kinds.append(data[at + 4 : at + 8])
        body = data[at + 8 : at + 8 + length]
        header = body if kinds[-1] == b"IHDR" else header
        pixels += body if kinds[-1] == b"IDAT" else b""
        at += _CHUNK_BYTES + length
    if extra := sum(kind not in ALLOWED for kind in kinds):
        yield f"the file has {extra} chunks other than IHDR, IDAT and IEND"
    if kinds[-1:] != [b"IEND"] or at > len(data) or len(header) != _HEADER_BYTES:
        yield "the file is cut"
        return
    if at < len(data):
        yield f"the file has {len(data) - at} bytes after its end"
    yield from _row_faults(header, pixels)


def _row_faults(header: bytes, pixels: bytes) -> Iterator[str]:
    width, height, depth, colour = struct.unpack_from(">IIBB", header)
    if colour not in _SAMPLES or depth not in (8, 16) or header[10:] != b"\0\0\0":
        yield "the image is neither grey nor RGB of 8 or 16 bits, or interlaced"
        return
    size = height * (1 + width * _SAMPLES[colour] * depth // 8)
    inflater = zlib.decompressobj()
    try:
        rows = inflater.decompress(pixels, size + 1)
    except zlib.error:
        yield "the compressed data are broken"
        return
    if len(rows) != size or not inflater.eof or inflater.unused_data:
        yield "the compressed data are not just the rows of the image"
