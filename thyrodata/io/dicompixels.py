"""Finds the encoded frames of a DICOM file, without reading them, and refuses what cannot be whole."""

from __future__ import annotations

import io
import struct
from array import array
from collections.abc import Sequence
from typing import BinaryIO

from thyrodata.errors import CaseError
from thyrodata.io.dicomelements import Elements, Tag
from thyrodata.io.dicomheader import DicomHeader

__all__ = [
    "BIG_ENDIAN",
    "PIXEL_DATA",
    "FrameBytes",
    "check_pixels",
    "encapsulated_frames",
    "encapsulated_stream",
    "native_frames",
]

PIXEL_DATA = (0x7FE00008, 0x7FE00009, 0x7FE00010)
"""Float, double float and pixel data, in the order of a file; only the last is ever a picture."""

BIG_ENDIAN = "1.2.840.10008.1.2.2"
_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF

_MOST_SIDE = 8192
_MOST_FRAMES = 2**20
_MOST_SAMPLES = 2**26
"""Samples of a frame: 8192 by 8192 of grey."""
_MOST_BYTES = 64 * 2**30
_MOST_FRAGMENTS = 2**21
_FREELY_DECODED = 2**30
"""Bytes of decoded frames up to which their ratio to the encoded ones does not matter."""
_MOST_RATIO = 1000
"""Decoded to encoded bytes: a screen shrinks to a tenth or a fiftieth, and a black one to some hundredth."""

_CODESTREAM_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")
"""First bytes of a codestream: JPEG and JPEG-LS, JPEG 2000, JPEG XL bare and in its container."""


class FrameBytes:
    """The bytes of each frame as they stand in the file, read when asked for.

    Args:
        stream: The file.
        where: The file, for errors.
        starts: Offset of each fragment.
        lengths: Bytes of each fragment.
        firsts: Number of the first fragment of each frame, and at last the number of fragments.
    """

    def __init__(
        self,
        stream: BinaryIO,
        where: str,
        starts: Sequence[int],
        lengths: Sequence[int],
        firsts: Sequence[int],
    ) -> None:
        self._stream = stream
        self._where = where
        self._starts = starts
        self._lengths = lengths
        self._firsts = firsts

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._firsts) - 1

    def read(self, index: int) -> bytes:
        """Return a frame's bytes, those of several fragments joined.

        Raises:
            CaseError: The file is shorter than it was.
        """
        fragments = range(self._firsts[index], self._firsts[index + 1])
        parts = [self._read(self._starts[number], self._lengths[number]) for number in fragments]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read(self, start: int, length: int) -> bytes:
        self._stream.seek(start)
        data = self._stream.read(length)
        if len(data) != length:
            raise CaseError("the file has become shorter while it was read", where=self._where)
        return data


def check_pixels(header: DicomHeader, elements: Elements, where: str) -> None:
    """Refuse what the header says of the pixels, before one of them is read.

    Raises:
        CaseError: Sizes are missing, contradict each other or are past any scanner's, or the kind of pixel is
            not supported.
    """
    height, width, frames, samples = header.rows, header.columns, header.frames, header.samples
    if not (height and width and samples):
        raise CaseError("the object has no pixels, or their size is missing", where=where)
    if not frames:
        raise CaseError("NumberOfFrames is no positive number", where=where)
    frame_samples = height * width * samples
    too_large = (
        max(height, width) > _MOST_SIDE
        or frames > _MOST_FRAMES
        or frame_samples > _MOST_SAMPLES
        or frames * frame_samples * (header.bits_allocated // 8) > _MOST_BYTES
    )
    if too_large:
        raise CaseError(
            f"{frames} frames of {width} x {height} x {samples} samples are more than a scanner makes",
            where=where,
        )
    if (samples, header.bits_allocated) not in ((1, 8), (1, 16), (3, 8)):
        raise CaseError(
            f"{samples} samples of {header.bits_allocated} bits a pixel are not supported", where=where
        )
    colours = {
        1: ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"),
        3: ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_RCT", "YBR_ICT", "XYB"),
    }
    if header.photometric not in colours[samples]:
        raise CaseError(
            f"the photometric interpretation is missing, or not supported with {samples} samples",
            where=where,
        )
    high_bit = elements.integer(Tag.HIGH_BIT)
    least = header.bits_allocated if samples == 3 else 1  # noqa: PLR2004 -- colour
    if not least <= header.bits_stored <= header.bits_allocated or high_bit not in (
        None,
        header.bits_stored - 1,
    ):
        raise CaseError("the stored bits are not the lowest of those allocated", where=where)
    if header.signed or header.planar not in (0, 1):
        raise CaseError("signed pixels, or planes of another order than 0 or 1", where=where)


def native_frames(
    header: DicomHeader, stream: BinaryIO, start: int, where: str, *, frame_bytes: int
) -> FrameBytes:
    """Find frames that are not compressed.

    Args:
        header: What the header says.
        stream: The dataset.
        start: Where the element of the pixels begins.
        where: The file, for errors.
        frame_bytes: Bytes of one frame.

    Raises:
        CaseError: The pixels are missing, cut, or not as many as the header says.
    """
    length = _enter(header, stream, start, where)
    begin = stream.tell()
    total = frame_bytes * header.frames
    if length not in (total, total + total % 2):  # padded to an even length, PS3.5 8.1.1
        raise CaseError(f"the pixels have {length} bytes, where the header's sizes make {total}", where=where)
    missing = begin + total - stream.seek(0, io.SEEK_END)
    if missing > 0:
        raise CaseError(f"the file is cut short: {missing} bytes of pixels are missing", where=where)
    starts = range(begin, begin + total, frame_bytes)
    return FrameBytes(stream, where, starts, [frame_bytes] * len(starts), range(len(starts) + 1))


def encapsulated_frames(header: DicomHeader, stream: BinaryIO, start: int, where: str) -> FrameBytes:
    """Find compressed frames, each of one or several fragments (PS3.5 A.4).

    Where there are more fragments than frames, a frame begins where a codestream does: the offset tables,
    which would tell it, are empty or wrong in many files. Frames of RLE have one fragment (PS3.5 A.4.2).

    Raises:
        CaseError: The pixels are missing, cut, or not as many frames as the header says; or they would be
            decoded to many times their size.
    """
    starts, lengths = _fragments(header, stream, start, where)
    count = len(starts)
    firsts: Sequence[int] = range(count)
    if count != header.frames:
        firsts = [number for number, at in enumerate(starts) if _begins_frame(stream, at)]
    if len(firsts) != header.frames or firsts[0] != 0:
        raise CaseError(f"{count} fragments cannot be told apart into {header.frames} frames", where=where)
    encoded = sum(lengths)
    decoded = header.frames * header.rows * header.columns * header.samples * header.bits_allocated // 8
    if decoded > max(_FREELY_DECODED, _MOST_RATIO * encoded):
        raise CaseError(f"the frames grow from {encoded} bytes to {decoded}", where=where)
    return FrameBytes(stream, where, starts, lengths, [*firsts, count])


def encapsulated_stream(header: DicomHeader, stream: BinaryIO, start: int, where: str) -> FrameBytes:
    """Find the fragments of a video's one stream, each as if it were a frame (PS3.5 8.2.5 and the following).

    Raises:
        CaseError: The pixels are missing or cut.
    """
    starts, lengths = _fragments(header, stream, start, where)
    return FrameBytes(stream, where, starts, lengths, range(len(starts) + 1))


def _enter(header: DicomHeader, stream: BinaryIO, start: int, where: str) -> int:
    """Read the head of the element of the pixels, and return its length."""
    stream.seek(start)
    order = ">" if header.transfer_syntax_uid == BIG_ENDIAN else "<"
    head = stream.read(8)
    if head[4:6] in (b"OB", b"OW"):  # never the start of an implicit VR's length, which is even
        head = head[:4] + stream.read(4)
    if len(head) == 8:  # noqa: PLR2004 -- tag and length
        group, element, length = struct.unpack(f"{order}HHI", head)
        if group << 16 | element == PIXEL_DATA[-1]:
            return int(length)
    raise CaseError("the object has no pixels, or the file is cut before them", where=where)


def _fragments(
    header: DicomHeader, stream: BinaryIO, start: int, where: str
) -> tuple[array[int], array[int]]:
    """Return offset and length of each fragment, up to the end of their sequence."""
    if _enter(header, stream, start, where) != _UNDEFINED:
        raise CaseError("the pixels are not encapsulated, as compressed ones are", where=where)
    at = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    starts, lengths = array("Q"), array("Q")
    while len(starts) <= _MOST_FRAGMENTS:
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:  # noqa: PLR2004 -- tag and length
            raise CaseError("the file is cut short: its fragments have no end", where=where)
        group, element, length = struct.unpack("<HHI", head)
        if group << 16 | element == _SEQUENCE_END and len(starts) > 1:
            return starts[1:], lengths[1:]  # the first item is the Basic Offset Table
        if group << 16 | element != _ITEM or at + 8 + length > size:
            raise CaseError("the file is cut short or broken between its fragments", where=where)
        starts.append(at + 8)
        lengths.append(length)
        at += 8 + length
    raise CaseError(f"the pixels have more than {_MOST_FRAGMENTS} fragments", where=where)


def _begins_frame(stream: BinaryIO, start: int) -> bool:
    stream.seek(start)
    return stream.read(12).startswith(_CODESTREAM_STARTS)
