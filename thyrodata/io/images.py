"""Says what an image file's header says, refuses cut or corrupt files without decoding, and decodes pictures.

JPEG, PNG and BMP are read. The parts of a file that are looked at are enough to prove that it ends where its
format says it ends; bytes after that end are left alone.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from thyrodata.errors import CaseError

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "ImageFormat",
    "ImageHeader",
    "decode_image",
    "is_image_name",
    "probe_image",
]

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png"})
"""The suffixes of the formats that are read, in lower case."""

MAX_PIXELS = 2**26
"""The most pixels an image may have (8192 x 8192): past it, a file is taken for a decompression bomb."""


class ImageFormat(StrEnum):
    """The image file formats that are read."""

    BMP = "BMP"
    JPEG = "JPEG"
    PNG = "PNG"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageHeader:
    """What an image file says of its pixels."""

    width: int
    """Columns as stored: an EXIF orientation is not applied."""
    height: int
    """Rows as stored."""
    bit_depth: int
    """Bits per sample; where there is a palette, of its entries (8)."""
    channels: int
    """Samples per pixel, alpha counted; 3 where there is a palette."""
    format: ImageFormat
    """The format that the bytes are in, whatever the file's name says."""


def is_image_name(name: str) -> bool:
    """Tell whether a file name or path ends like an image that can be read, in upper or lower case."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def probe_image(data: bytes, where: str) -> ImageHeader:
    """Read an image file's header, and prove without decoding that the file is whole.

    A whole JPEG reaches its EOI marker, a whole PNG its IEND chunk with every checksum right, a whole BMP the
    last of its rows. Damage inside the pixels of a JPEG or BMP that keeps their length stays undetected.

    Args:
        data: The whole file.
        where: The file's place, for errors.

    Raises:
        CaseError: The file is empty, no image, of an unsupported kind, corrupt, cut, or past `MAX_PIXELS`.
    """
    try:
        if data.startswith(b"\xff\xd8"):
            return _probe_jpeg(data, where)
        if data.startswith(_PNG_SIGNATURE):
            return _probe_png(data, where)
        if data.startswith(b"BM"):
            return _probe_bmp(data, where)
    except (IndexError, struct.error):  # reading past the end is what a cut file comes to
        raise _cut(where) from None
    raise _not_an_image(data, where)


def decode_image(data: bytes, where: str) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Decode an image file whose pixels are needed.

    Grey and RGB of 8 bits and grey of 16 bits come as stored. Grey of 1, 2 or 4 bits is scaled to 8 bits, a
    palette becomes RGB, and an alpha channel is dropped, which must be opaque throughout. An EXIF orientation
    is not applied: the array has the size that `probe_image` tells.

    Args:
        data: The whole file.
        where: The file's place, for errors.

    Returns:
        uint8 (height, width) or (height, width, 3), or uint16 (height, width).

    Raises:
        CaseError: As `probe_image`; or the pixels cannot be decoded, are transparent somewhere, or are of a
            kind that would lose values (CMYK, 16-bit colour); or the decoder had anything to warn of.
    """
    header = probe_image(data, where)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            if (mode := _JPEG_MODES.get((header.format, header.bit_depth, header.channels))) is not None:
                return _jpeg_pixels(data, mode, header)
            with Image.open(io.BytesIO(data), formats=[header.format]) as picture:
                _check_decodable(picture, header, where)
                return _pixels(picture, where)
        except (CaseError, MemoryError):
            raise
        except Exception as error:  # Pillow's decoders raise what their parsers happen to raise
            raise CaseError(
                f"the image cannot be decoded: {error}",
                where=where,
                hint="obtain the file again",
            ) from error


# --- JPEG (ITU-T T.81) -----------------------------------------------------------------------------------

_SOF = {0xC0: {8}, 0xC1: {8, 12}, 0xC2: {8, 12}}  # the frames that are read: their bit depths
_SOF_PROGRESSIVE = 0xC2
_SOF_UNSUPPORTED = {
    0xC3: "lossless JPEG",
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical JPEG"),
    **dict.fromkeys((0xC9, 0xCA, 0xCB), "arithmetic-coded JPEG"),
    0xF7: "JPEG-LS",
}
_MARKER_PREFIX, _SOS, _EOI = 0xFF, 0xDA, 0xD9
_SEGMENTS = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xFF)})  # the markers followed by a length
_ANY_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # entropy-coded data hold FF only as FF00 or a restart
_MAX_SCANS = 100  # encoders write about ten; each may cost the decoder a pass over the image


def _probe_jpeg(data: bytes, where: str) -> ImageHeader:
    """Walk the segments to EOI.

    Entropy-coded data cannot hold FFD9. So where one scan of a sequential frame holds all components, FFD9 as
    the last two bytes proves that this scan, and with it every pixel, is there. In other files FFD9 could be
    cut out of a table or a comment between two scans: there the walk goes on from scan to scan.
    """
    frame: ImageHeader | None = None
    sequential = False
    scans = 0
    position = 2
    while True:
        marker, start, position = _segment(data, position, where)
        if marker == _SOS:
            components = data[start + 2]
            scans += 1
            if frame is None or position - start != 6 + 2 * components or scans > _MAX_SCANS:
                raise _corrupt("JPEG", f"unexpected scan at byte {start}", where)
            complete = sequential and components == frame.channels
            if complete and position <= len(data) - 2 and data.endswith(b"\xff\xd9"):
                return frame
            position = _end_of_scan(data, position, where)
        elif marker in _SOF:
            if frame is not None:
                raise _corrupt("JPEG", f"a second frame at byte {start}", where)
            frame = _frame(data, start, where)
            sequential = marker != _SOF_PROGRESSIVE
        elif marker == _EOI:
            if frame is None or not scans:
                raise _corrupt("JPEG", "it ends before its first scan", where)
            return frame
        elif marker in _SOF_UNSUPPORTED:
            raise _unsupported(_SOF_UNSUPPORTED[marker], where)


def _segment(data: bytes, position: int, where: str) -> tuple[int, int, int]:
    """Return the marker at a position, the place of its length field, and the end of its segment."""
    if data[position] != _MARKER_PREFIX:
        raise _corrupt("JPEG", f"no marker at byte {position}", where)
    marker = data[position + 1]
    while marker == _MARKER_PREFIX:  # fill bytes
        position += 1
        marker = data[position + 1]
    start = position + 2
    if marker == _EOI:
        return marker, start, start
    length = data[start] << 8 | data[start + 1]
    if marker not in _SEGMENTS or length < 2:  # noqa: PLR2004 -- the length counts its own two bytes
        raise _corrupt("JPEG", f"marker FF{marker:02X} of length {length} at byte {position}", where)
    return marker, start, start + length


def _end_of_scan(data: bytes, start: int, where: str) -> int:
    marker = _ANY_MARKER.search(data, start)
    if marker is None:
        raise _cut(where)
    return marker.start()


def _frame(data: bytes, start: int, where: str) -> ImageHeader:
    length, bit_depth, height, width, channels = struct.unpack_from(">HBHHB", data, start)
    if length != 8 + 3 * channels or bit_depth not in _SOF[data[start - 1]]:
        raise _corrupt("JPEG", f"frame of {channels} components of {bit_depth} bits", where)
    if channels not in {1, 3, 4}:
        raise _unsupported(f"JPEG of {channels} components", where)
    if height == 0:
        raise _unsupported("JPEG that tells its height after its pixels (DNL)", where)
    return _header(width, height, bit_depth, channels, ImageFormat.JPEG, where)


# --- PNG (third edition) ---------------------------------------------------------------------------------

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_PALETTE = 3
_PNG_COLOUR_TYPES = {  # colour type: (channels, bit depths), section 11.2.1
    0: (1, {1, 2, 4, 8, 16}),
    2: (3, {8, 16}),
    _PNG_PALETTE: (3, {1, 2, 4, 8}),
    4: (2, {8, 16}),
    6: (4, {8, 16}),
}


def _probe_png(data: bytes, where: str) -> ImageHeader:
    """Walk the chunks to IEND, with every checksum."""
    view = memoryview(data)
    header: ImageHeader | None = None
    seen = set()
    position = len(_PNG_SIGNATURE)
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(view[position + 4 : end]) != checksum:
            raise _corrupt("PNG", f"wrong checksum of the chunk at byte {position}", where)
        if (kind == b"IHDR") != (header is None):
            raise _corrupt("PNG", f"IHDR missing or misplaced at byte {position}", where)
        if header is None:
            header = _ihdr(data, position, where)
        seen.add(kind)
        if kind == b"IEND":
            if b"IDAT" not in seen:
                raise _corrupt("PNG", "no IDAT chunk", where)
            return header
        position = end + 4


def _ihdr(data: bytes, position: int, where: str) -> ImageHeader:
    length, width, height, depth, colour, *methods = struct.unpack_from(">I4xIIBBBBB", data, position)
    channels, depths = _PNG_COLOUR_TYPES.get(colour, (0, set()))
    if length != 13 or depth not in depths or methods not in ([0, 0, 0], [0, 0, 1]):  # noqa: PLR2004
        raise _corrupt("PNG", f"IHDR of colour type {colour}, {depth} bits, methods {methods}", where)
    bit_depth = 8 if colour == _PNG_PALETTE else depth
    return _header(width, height, bit_depth, channels, ImageFormat.PNG, where)


# --- BMP (Windows bitmap with an info header) ------------------------------------------------------------

_DIB_SIZES = frozenset({40, 52, 56, 108, 124})
_UNCOMPRESSED = 0


def _probe_bmp(data: bytes, where: str) -> ImageHeader:
    """Hold the data against the declared file size (0 in some files) and the place where the rows end."""
    size, offset, dib_size = struct.unpack_from("<2xI4xII", data)
    if dib_size not in _DIB_SIZES:
        raise _unsupported(f"BMP with a header of {dib_size} bytes", where)
    width, height, _, bits, compression, colours = struct.unpack_from("<iiHHI12xI", data, 18)
    if bits not in {1, 4, 8, 24, 32} or compression != _UNCOMPRESSED:
        raise _unsupported(f"BMP of {bits} bits per pixel, compression {compression}", where)
    rows = abs(height)  # negative: the top row comes first
    channels = 3
    palette_size = (colours or 1 << bits) if bits <= 8 else 0  # noqa: PLR2004 -- deeper ones hold the colours
    palette_end = 14 + dib_size + 4 * palette_size
    if palette_size > 1 << bits or offset < palette_end:
        raise _corrupt("BMP", f"{colours} colours, pixels at byte {offset}", where)
    if palette_size and _is_grey_ramp(data[14 + dib_size : palette_end], palette_size):
        channels = 1
    header = _header(width, rows, 8, channels, ImageFormat.BMP, where)
    stride = (width * bits + 31) // 32 * 4  # rows are padded to 32 bits
    if len(data) < max(size, offset + stride * rows):
        raise _cut(where)
    return header


def _is_grey_ramp(palette: bytes, colours: int) -> bool:
    """Tell whether colour i is the grey i, or the two colours are black and white: such an image is grey."""
    greys = (0, 255) if colours == 2 else range(colours)  # noqa: PLR2004
    return all(palette[4 * i : 4 * i + 3] == bytes((grey, grey, grey)) for i, grey in enumerate(greys))


# --- what the formats share ------------------------------------------------------------------------------


def _header(
    width: int, height: int, bit_depth: int, channels: int, image_format: ImageFormat, where: str
) -> ImageHeader:
    if width <= 0 or height <= 0:
        raise _corrupt(image_format, f"a size of {width} x {height}", where)
    if width * height > MAX_PIXELS:
        raise CaseError(
            f"the image claims {width} x {height} pixels, past the limit of {MAX_PIXELS}",
            where=where,
            hint="a corrupt header or a decompression bomb: obtain the file again",
        )
    return ImageHeader(
        width=width, height=height, bit_depth=bit_depth, channels=channels, format=image_format
    )


_OTHER_CONTENT = (  # offset, bytes there, name
    (0, b"GIF8", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (8, b"WEBP", "WebP"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"JXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"ftyp", "HEIF or AVIF"),
    (128, b"DICM", "DICOM"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\x03\x04", "ZIP archive"),
    (0, b"version https://git-lfs", "Git LFS pointer"),
)


def _not_an_image(data: bytes, where: str) -> CaseError:
    if not data:
        return CaseError("the image file is empty", where=where, hint=_AGAIN)
    for offset, magic, name in _OTHER_CONTENT:
        if data.startswith(magic, offset):
            return _unsupported(name, where)
    return CaseError(
        f"not an image: the file begins with {data[:8].hex(' ')}",
        where=where,
        hint=f"the formats that are read are {', '.join(ImageFormat)}",
    )


_AGAIN = "copy or download the file again"


def _cut(where: str) -> CaseError:
    return CaseError("the image file is cut: it stops before its format's end", where=where, hint=_AGAIN)


def _corrupt(image_format: str, what: str, where: str) -> CaseError:
    return CaseError(f"the {image_format} is corrupt: {what}", where=where, hint=_AGAIN)


def _unsupported(name: str, where: str) -> CaseError:
    return CaseError(
        f"unsupported image format: {name}",
        where=where,
        hint="convert the file to 8-bit or 16-bit PNG without loss",
    )


# --- pixels ----------------------------------------------------------------------------------------------


def _check_decodable(picture: Image.Image, header: ImageHeader, where: str) -> None:
    """Refuse, before any pixel is decoded, what Pillow reads otherwise than the header or with fewer bits."""
    if picture.size != (header.width, header.height):
        raise _corrupt(header.format, f"its decoder sees {picture.size[0]} x {picture.size[1]} pixels", where)
    deep_colour = header.bit_depth > 8 and header.channels > 1  # noqa: PLR2004
    # Pillow does not scale the transparent grey of 1, 2, 4 or 16 bits along with the pixels.
    odd_transparency = header.bit_depth != 8 and "transparency" in picture.info  # noqa: PLR2004
    if deep_colour or odd_transparency:
        depth = f"{header.bit_depth} bits" + (" with a transparent colour" if odd_transparency else "")
        raise _unsupported(f"{header.format} of {header.channels} channels of {depth}", where)


_JPEG_MODES = {(ImageFormat.JPEG, 8, 1): "L", (ImageFormat.JPEG, 8, 3): "RGB"}
"""Pillow's modes of the JPEG files whose header says all that its decoder needs to know."""


def _jpeg_pixels(data: bytes, mode: str, header: ImageHeader) -> NDArray[np.uint8]:
    """Decode without Pillow's own look at the header, which takes a sixth of the time of a small mask."""
    return np.array(Image.frombytes(mode, (header.width, header.height), data, "jpeg", mode, ""))


def _pixels(picture: Image.Image, where: str) -> NDArray[Any]:
    if picture.has_transparency_data:
        return _opaque_pixels(picture, where)
    match picture.mode:
        case "L" | "RGB" | "I;16":
            return np.array(picture)
        case "1":
            return np.array(picture.convert("L"))
        case "P":
            return np.array(picture.convert("RGB"))
        case mode:
            raise _unsupported(f"pixels of Pillow's mode {mode}", where)


def _opaque_pixels(picture: Image.Image, where: str) -> NDArray[Any]:
    grey = picture.mode in {"L", "LA"}
    samples = np.array(picture.convert("LA" if grey else "RGBA"))
    if samples[..., -1].min() < 255:  # noqa: PLR2004
        raise CaseError(
            "the image is transparent in places: its pixels depend on a background that it does not name",
            where=where,
            hint="flatten it onto the background that it was made for",
        )
    return np.ascontiguousarray(samples[..., 0] if grey else samples[..., :-1])
