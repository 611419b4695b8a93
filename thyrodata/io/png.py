"""Writes arrays as PNG files, pixel for pixel and fast: for images that had to be decoded.

A file holds the chunks IHDR, IDAT and IEND and nothing else: no text, time or profile can travel in it. Every
row is filtered by 'Sub' (PNG, third edition, section 9.2), which numpy does for a whole image at once.
"""

from __future__ import annotations

import struct
import zlib
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import MissingExtraError, SchemaError

__all__ = ["PngEncoder", "encode_png"]

_ISAL_LEVEL = 1
_ISAL_START = 16
"""Bytes that ISA-L is given by themselves. On processors with AVX2, its level 1 begins a stream by hashing an
address in place of the third byte and those after it (2.32, ``isal_deflate_icf_body_hash_hist_04``): a match
with them is found in one run and not in the next. What is flushed goes through another function."""
_ZLIB_LEVEL = 6
_SUB = 1
_GREY, _RGB = 0, 2
_MAX_BYTES = (
    2**30
)  # a chunk holds less than 2^31 bytes: room to spare even where deflate makes the data longer


class PngEncoder(StrEnum):
    """The deflate implementation behind a PNG file: pixels are the same under each, bytes are not."""

    ISAL = "isal"
    """Intel's ISA-L, level 1: many times faster than zlib."""
    ZLIB = "zlib"
    """The zlib that Python was built with, level 6."""

    def describe(self) -> str:
        """Name the implementation, its version, level and filter, for the manifest.

        Raises:
            MissingExtraError: This encoder is not installed.
        """
        match self:
            case PngEncoder.ISAL:
                isal = _import_isal()
                levels = f"level {_ISAL_LEVEL}, start flushed"
                versions = f"isal {isal.__version__}, ISA-L {isal.ISAL_VERSION}, {levels}"
            case PngEncoder.ZLIB:
                versions = f"zlib {zlib.ZLIB_RUNTIME_VERSION}, level {_ZLIB_LEVEL}"
        return f"{versions}, filter Sub"


def encode_png(array: NDArray[Any], *, encoder: PngEncoder = PngEncoder.ISAL) -> bytes:
    """Encode an image as a PNG file.

    Args:
        array: uint8 (height, width) grey, uint8 (height, width, 3) RGB, or uint16 (height, width) grey, of
            either byte order. RGB stays RGB, also where its three channels are equal.
        encoder: The deflate implementation; there is no fallback to another one.

    Returns:
        The whole file.

    Raises:
        SchemaError: The array is empty, past 1 GiB, or of another type or shape.
        MissingExtraError: The encoder is not installed.
    """
    _check(array)
    height, width = array.shape[:2]
    rgb = array.ndim == 3  # noqa: PLR2004 -- height, width, channels
    bytes_per_pixel = array.dtype.itemsize * (3 if rgb else 1)
    header = struct.pack(">IIBBBBB", width, height, 8 * array.dtype.itemsize, _RGB if rgb else _GREY, 0, 0, 0)
    rows = _filter_sub(array, bytes_per_pixel).reshape(-1).data
    match encoder:
        case PngEncoder.ISAL:
            module = _import_isal().isal_zlib
            stream = module.compressobj(_ISAL_LEVEL)
            start = stream.compress(rows[:_ISAL_START]) + stream.flush(module.Z_SYNC_FLUSH)
            pixels = b"".join((start, stream.compress(rows[_ISAL_START:]), stream.flush()))
        case PngEncoder.ZLIB:
            module = zlib
            pixels = zlib.compress(rows, _ZLIB_LEVEL)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")):
        crc = module.crc32(body, module.crc32(kind))
        parts += [struct.pack(">I4s", len(body), kind), body, struct.pack(">I", crc)]
    return b"".join(parts)


def _check(array: NDArray[Any]) -> None:
    kinds = {(2, "u1"): "grey", (3, "u1"): "RGB", (2, "u2"): "16-bit grey"}
    kind = kinds.get((array.ndim, array.dtype.str[1:]))
    if kind is None or (kind == "RGB" and array.shape[2] != 3):  # noqa: PLR2004
        raise SchemaError(
            f"a PNG cannot be written from {array.dtype} of shape {array.shape}",
            hint="give uint8 (height, width) or (height, width, 3), or uint16 (height, width)",
        )
    if array.size == 0 or array.nbytes > _MAX_BYTES:
        raise SchemaError(
            f"a PNG cannot be written from an array of shape {array.shape}",
            hint="an image has at least one pixel and at most 1 GiB",
        )


def _filter_sub(array: NDArray[Any], bytes_per_pixel: int) -> NDArray[np.uint8]:
    """Return (height, 1 + row bytes): each row's filter type, then its differences to the left."""
    if array.dtype.itemsize > 1:
        array = array.astype(">u2", copy=False)  # PNG's byte order; the filter works on the single bytes
    rows = np.ascontiguousarray(array).view(np.uint8).reshape(array.shape[0], -1)
    filtered = np.empty((rows.shape[0], 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _SUB
    filtered[:, 1 : 1 + bytes_per_pixel] = rows[:, :bytes_per_pixel]
    np.subtract(rows[:, bytes_per_pixel:], rows[:, :-bytes_per_pixel], out=filtered[:, 1 + bytes_per_pixel :])
    return filtered


def _import_isal() -> Any:
    """Import isal on first use, so that the zlib encoder works on platforms that isal has no wheel for."""
    try:
        import isal.isal_zlib  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            f"the PNG encoder 'isal' cannot be imported: {error}",
            hint="isal is a core dependency: reinstall thyrodata, or choose the encoder 'zlib' by name",
        ) from error
    return isal
