"""Decodes one compressed frame: exactly one decoder for each transfer syntax, and no other in its stead.

A decoder gets a frame's codestream, never a file, and only after the codestream's own sizes have been found
equal to the header's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from thyrodata.errors import CaseError
from thyrodata.io.codestreams import (
    Codestream,
    Colours,
    read_jpeg,
    read_jpeg2000,
    read_jpegxl,
    without_application_data,
)
from thyrodata.io.dicomcolour import chroma_422_to_rgb, interleave, ybr_to_rgb
from thyrodata.io.dicomelements import foreign
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.io.dicompixels import BIG_ENDIAN
from thyrodata.io.extras import load_extra

__all__ = ["NATIVE", "VIDEO", "Decoder", "decode_native", "find_decoder"]

Decoder = Callable[[bytes, DicomHeader, str], NDArray[Any]]
"""From a frame's bytes, the header and the file's name in errors to stored values (height, width), or to RGB
(height, width, 3)."""

_UID = "1.2.840.10008.1.2"
NATIVE = frozenset({_UID, f"{_UID}.1", f"{_UID}.1.99", BIG_ENDIAN})
VIDEO = frozenset(f"{_UID}.4.{number}{part}" for number in range(100, 109) for part in ("", ".1")) - {
    f"{_UID}.4.107.1",
    f"{_UID}.4.108.1",
}
"""MPEG-2, H.264 and HEVC; a UID that ends in .1 allows several fragments (PS3.5 8.2.5 and the following)."""

_BAD = "a frame cannot be decoded: its codestream is broken"
_UNLIKE = "a frame's codestream has another size, depth or coding process than the header says"
_BASELINE, _EXTENDED, _LOSSLESS, _LS = 0xC0, 0xC1, 0xC3, 0xF7


def find_decoder(header: DicomHeader, where: str) -> Decoder:
    """Return the decoder of compressed frames; it raises MissingExtraError where its library is missing.

    Raises:
        CaseError: The transfer syntax is not supported.
    """
    decoder = _DECODERS.get(header.transfer_syntax_uid)
    if decoder is None:
        raise CaseError("the transfer syntax is not supported", where=where)
    return decoder


def decode_native(data: bytes, header: DicomHeader, where: str, *, swapped: bool) -> NDArray[Any]:
    """Shape a frame that is not compressed.

    Args:
        data: Its bytes.
        header: What the header says.
        where: The file, for errors.
        swapped: Whether samples of 8 bits stand in big-endian words.
    """
    if header.bits_allocated == 16:  # noqa: PLR2004
        order = ">" if header.transfer_syntax_uid == BIG_ENDIAN else "<"
        return (
            np.frombuffer(data, f"{order}u2")
            .astype(np.uint16, copy=False)
            .reshape(header.rows, header.columns)
        )
    samples = np.frombuffer(data, np.uint8)
    if swapped:
        samples = samples.view(np.uint16).byteswap().view(np.uint8)
    if header.samples == 1:
        return samples.reshape(header.rows, header.columns)
    if header.photometric == "YBR_FULL_422":
        return chroma_422_to_rgb(samples.reshape(header.rows, -1, 4))
    return _colour(samples, header, where, planar=bool(header.planar))


def _colour(samples: NDArray[Any], header: DicomHeader, where: str, *, planar: bool) -> NDArray[Any]:
    """Shape three samples a pixel, in the colour space of the header, and convert them to RGB."""
    if planar:
        pixels = interleave(samples.reshape(3, header.rows, header.columns))
    else:
        pixels = samples.reshape(header.rows, header.columns, 3)
    match header.photometric:
        case "RGB":
            return pixels
        case "YBR_FULL" | "YBR_FULL_422":  # compressed without subsampling, both are the same
            return ybr_to_rgb(pixels)
    raise CaseError("the photometric interpretation does not go with the transfer syntax", where=where)


def _check(stream: Codestream, header: DicomHeader, where: str, *processes: int) -> None:
    """Refuse a codestream that is not what the header says, before anything is allocated for it."""
    alike = (
        (stream.columns, stream.rows, stream.components) == (header.columns, header.rows, header.samples)
        and stream.bits in (header.bits_stored, header.bits_allocated)
        and stream.process in processes
    )
    if not alike:
        raise CaseError(_UNLIKE, where=where)


def _stored(
    data: bytes | bytearray, stream: Codestream, header: DicomHeader, where: str, *, planar: bool = False
) -> NDArray[Any]:
    """Shape what a decoder returned in the colour space of the header."""
    samples = np.frombuffer(data, np.uint8 if stream.bits <= 8 else np.dtype("<u2"))  # noqa: PLR2004
    if samples.size != header.rows * header.columns * header.samples:
        raise CaseError(_BAD, where=where)
    if header.samples == 1:
        return samples.reshape(header.rows, header.columns)
    return _colour(samples, header, where, planar=planar)


def _decode_rle(data: bytes, header: DicomHeader, where: str) -> NDArray[Any]:
    numbers = np.frombuffer(data[:64], "<u4") if len(data) >= 64 else np.zeros(16, "<u4")  # noqa: PLR2004
    count = header.samples * header.bits_allocated // 8
    offsets = numbers[1 : 1 + count].astype(np.int64)
    ordered = (np.diff([*offsets, len(data)]) > 0).all()
    if numbers[0] != count or offsets[0] != 64 or not ordered:  # noqa: PLR2004 -- PS3.5 G.5
        raise CaseError("a frame's RLE segments are not those of the header's samples", where=where)
    with foreign(_BAD, where):
        planes = load_extra("rle.rle", "dicom").decode_frame(
            data, header.rows * header.columns, header.bits_allocated, "<"
        )
    if header.samples == 1:
        stored = np.frombuffer(planes, np.uint8 if header.bits_allocated == 8 else np.dtype("<u2"))  # noqa: PLR2004
        return stored.reshape(header.rows, header.columns)
    return _colour(np.frombuffer(planes, np.uint8), header, where, planar=True)


def _decode_jpeg(data: bytes, header: DicomHeader, where: str) -> NDArray[Any]:
    with foreign(_BAD, where):
        stream = read_jpeg(data)
    _check(stream, header, where, _BASELINE, _EXTENDED)
    if stream.bits != 8:  # noqa: PLR2004
        raise CaseError("JPEG of 12 bits is not supported", where=where)
    mode, colours = "L", "L"
    if header.samples > 1:
        # What the codestream says of its colours holds: many headers still name those of the frame before.
        stated = Colours.RGB if header.photometric == "RGB" else Colours.YBR
        mode, colours = "RGB", stream.colours or stated
        if colours == Colours.RGB and stream.subsampled:
            raise CaseError("it cannot be told whether a frame is RGB: its chroma is subsampled", where=where)
    with foreign(_BAD, where):
        size = (header.columns, header.rows)
        return np.asarray(Image.frombytes(mode, size, data, "jpeg", mode, str(colours)))


def _decode_jpeg_lossless(data: bytes, header: DicomHeader, where: str) -> NDArray[Any]:
    with foreign(_BAD, where):
        stream = read_jpeg(data)
    _check(stream, header, where, _LOSSLESS)
    if stream.subsampled:
        raise CaseError(_UNLIKE, where=where)
    with foreign(_BAD, where):
        samples = _gdcm_samples(without_application_data(data), stream)
    return _stored(samples, stream, header, where)


def _gdcm_samples(data: bytes, stream: Codestream) -> bytes:
    """Give gdcm the codestream alone, as an image of one frame; it never parses a file.

    Application segments, which may name colours of which it ends the process, are left out.
    """
    gdcm = _gdcm()
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((stream.columns, stream.rows, 1))
    image.SetDataElement(element)
    colours = "MONOCHROME2" if stream.components == 1 else "RGB"  # RGB: nothing is converted
    kind = gdcm.PhotometricInterpretation.GetPIType(colours)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    syntax = gdcm.TransferSyntax.GetTSType(f"{_UID}.4.57")
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    allocated = 8 if stream.bits <= 8 else 16  # noqa: PLR2004
    image.SetPixelFormat(gdcm.PixelFormat(stream.components, allocated, stream.bits, stream.bits - 1, 0))
    buffer: str = image.GetBuffer()  # bytes in the disguise of a text
    return buffer.encode("utf-8", "surrogateescape")


@cache
def _gdcm() -> Any:
    """Import gdcm, and keep it from writing to the standard error what it thinks of a codestream."""
    gdcm = load_extra("gdcm", "dicom")
    for turn_off in (gdcm.Trace.DebugOff, gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff):
        turn_off()
    return gdcm


def _decode_jpeg_ls(data: bytes, header: DicomHeader, where: str) -> NDArray[Any]:
    with foreign(_BAD, where):
        stream = read_jpeg(data)
    _check(stream, header, where, _LS)
    with foreign(_BAD, where):
        samples, said = load_extra("jpeg_ls", "dicom").decode_pixel_data(data)
        planar = said["interleave_mode"] == 0
    return _stored(samples, stream, header, where, planar=planar)


def _decode_jpeg2000(data: bytes, header: DicomHeader, where: str) -> NDArray[Any]:
    with foreign(_BAD, where):
        stream = read_jpeg2000(data)
    _check(stream, header, where, 0)
    transformed = header.photometric in ("YBR_RCT", "YBR_ICT")
    if stream.subsampled or (header.samples > 1 and transformed != (stream.colours == Colours.YBR)):
        raise CaseError("a frame's colour transform is another than the header says", where=where)
    with foreign(_BAD, where):
        samples = load_extra("openjpeg", "dicom").decode_pixel_data(data, version=2)
    if transformed:
        header = replace(header, photometric="RGB")
    return _stored(samples, stream, header, where)


def _decode_jpegxl(data: bytes, header: DicomHeader, where: str) -> NDArray[Any]:
    with foreign(_BAD, where):
        size = read_jpegxl(data)
    if size != (header.columns, header.rows):
        raise CaseError(_UNLIKE, where=where)
    with foreign(_BAD, where):
        pixels: NDArray[Any] = load_extra("imagecodecs", "jpegxl").jpegxl_decode(data, numthreads=1)
    return pixels


_DECODERS: dict[str, Decoder] = {
    f"{_UID}.5": _decode_rle,
    f"{_UID}.4.50": _decode_jpeg,
    f"{_UID}.4.51": _decode_jpeg,
    f"{_UID}.4.57": _decode_jpeg_lossless,
    f"{_UID}.4.70": _decode_jpeg_lossless,
    f"{_UID}.4.80": _decode_jpeg_ls,
    f"{_UID}.4.81": _decode_jpeg_ls,
    f"{_UID}.4.90": _decode_jpeg2000,
    f"{_UID}.4.91": _decode_jpeg2000,
    f"{_UID}.4.110": _decode_jpegxl,
    f"{_UID}.4.111": _decode_jpegxl,
    f"{_UID}.4.112": _decode_jpegxl,
    f"{_UID}.4.201": _decode_jpeg2000,
    f"{_UID}.4.202": _decode_jpeg2000,
    f"{_UID}.4.203": _decode_jpeg2000,
}
