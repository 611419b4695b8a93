"""The frames of a DICOM file as they are displayed, read and decoded one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import CaseError
from thyrodata.io.dicomdecoders import NATIVE, VIDEO, Decoder, decode_native, find_decoder
from thyrodata.io.dicomelements import Elements
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.io.dicompixels import (
    BIG_ENDIAN,
    FrameBytes,
    check_pixels,
    encapsulated_frames,
    encapsulated_stream,
    native_frames,
)
from thyrodata.io.palette import read_palette
from thyrodata.io.video import VideoFrames

__all__ = ["Frames", "open_frames"]


class Frames:
    """Frames in the order of the file; each is read when it is asked for, in any order, as often as wanted.

    A frame is uint8 (height, width) or RGB (height, width, 3); or uint16 (height, width) where more than 8
    bits of grey are stored, which keep their values: 12 bits reach 4,095. Grey is 0 for black, also of
    MONOCHROME1; palettes are applied. Arrays may be read-only.

    Args:
        header: What the header says.
        where: The file, for errors.
        stored: From a frame's number to its stored values, or RGB.
        palette: (n, 3) colours of the stored values.
    """

    def __init__(
        self,
        header: DicomHeader,
        where: str,
        stored: Callable[[int], NDArray[Any]],
        palette: NDArray[np.uint8] | None,
    ) -> None:
        self._header = header
        self._where = where
        self._stored = stored
        self._palette = palette

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._header.frames

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield every frame."""
        return (self.frame(index) for index in range(len(self)))

    def frame(self, index: int) -> NDArray[Any]:
        """Return one frame, counted from 0.

        Raises:
            CaseError: It cannot be decoded, or is not what the header says.
            MissingExtraError: The decoder is not installed; the hint names the extra.
            IndexError: There is no such frame.
        """
        header = self._header
        if not 0 <= index < header.frames:
            raise IndexError(f"frame {index} of {header.frames}")
        stored = self._stored(index)
        if header.samples == 1 and header.bits_stored < header.bits_allocated:
            stored = stored & (2**header.bits_stored - 1)  # the bits above may hold overlays
        if header.samples == 1 and header.bits_stored <= 8:  # noqa: PLR2004
            stored = stored.astype(np.uint8, copy=False)
        if self._palette is not None:
            stored = self._palette.take(stored, axis=0)
        elif header.photometric == "MONOCHROME1":
            stored = stored ^ (2**header.bits_stored - 1)
        colour = header.samples > 1 or self._palette is not None
        shape = (header.rows, header.columns, 3) if colour else (header.rows, header.columns)
        grey = np.uint8 if colour or header.bits_stored <= 8 else np.uint16  # noqa: PLR2004
        if stored.shape != shape or stored.dtype != grey:
            raise CaseError("a decoded frame is of another kind than the header says", where=self._where)
        return stored


def open_frames(
    header: DicomHeader,
    elements: Elements,
    stream: BinaryIO,
    start: int,
    where: str,
    *,
    work: Path | None,
    held: ExitStack,
) -> Frames:
    """Find the frames of a dataset and the decoder for them; none is read yet.

    Args:
        header: What the header says.
        elements: The elements before the pixels.
        stream: The dataset.
        start: Where the element of the pixels begins.
        where: The file, for errors.
        work: A folder for temporary files.
        held: Takes what has to be closed after the last frame.

    Raises:
        CaseError: The pixels are missing, cut, too many, not what the header says, or not supported.
    """
    check_pixels(header, elements, where)
    palette = None
    if header.photometric == "PALETTE COLOR":
        palette = read_palette(elements, header.bits_stored, where)
    syntax = header.transfer_syntax_uid
    if syntax in VIDEO:
        encoded = encapsulated_stream(header, stream, start, where)
        video = held.enter_context(VideoFrames(encoded, header, where, work=work))
        return Frames(header, where, video.frame, None)
    if syntax in NATIVE:
        frame_bytes, decode = _native(header, stream, start, where)
        located = native_frames(header, stream, start, where, frame_bytes=frame_bytes)
    else:
        decode = find_decoder(header, where)
        located = encapsulated_frames(header, stream, start, where)
    return Frames(header, where, partial(_decode, located, decode, header, where), palette)


def _native(header: DicomHeader, stream: BinaryIO, start: int, where: str) -> tuple[int, Decoder]:
    """Return the bytes of a native frame, and what shapes it."""
    size = header.rows * header.columns * header.samples * header.bits_allocated // 8
    if header.photometric == "YBR_FULL_422":
        if header.columns % 2 or header.planar:
            raise CaseError("chroma of every second pixel needs an even width, and no planes", where=where)
        size = header.rows * header.columns * 2
    swapped = False
    if header.transfer_syntax_uid == BIG_ENDIAN and header.bits_allocated == 8:  # noqa: PLR2004
        stream.seek(start + 4)
        swapped = stream.read(2) == b"OW"  # PS3.5 A.3: words, whose bytes change places
        if swapped and size % 2:
            raise CaseError("frames of an odd size in words", where=where)
    return size, partial(decode_native, swapped=swapped)


def _decode(
    located: FrameBytes, decode: Decoder, header: DicomHeader, where: str, index: int
) -> NDArray[Any]:
    return decode(located.read(index), header, where)
