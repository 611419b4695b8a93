"""Opens DICOM files: the header first, which any object has, then the frames.

A file is parsed up to its pixels and no further, and only for the elements in ``Tag``; sequences of files
(DICOMDIR) are never followed.
"""

from __future__ import annotations

import io
import tempfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Self

from thyrodata.errors import CaseError
from thyrodata.io.dicomelements import Elements, Tag, foreign
from thyrodata.io.dicomframes import Frames, open_frames
from thyrodata.io.dicomheader import DicomHeader, UltrasoundRegion
from thyrodata.io.dicompixels import BIG_ENDIAN, PIXEL_DATA
from thyrodata.io.extras import load_extra

__all__ = ["OpenedDicom", "open_dicom"]

_PREAMBLE = 128
_MARK = b"DICM"
_TRANSFER_SYNTAX = 0x00020010
_MEDIA_STORAGE_SOP_CLASS = 0x00020002
_DICOMDIR = "1.2.840.10008.1.3.10"
_IMPLICIT, _DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"

_MOST_READS = 300_000
"""Of a header's parser, a few for each element: a scanner's header has some thousands."""

_LONGEST_ELEMENT = 2**18
"""Bytes of one that is asked for; the tables of a palette have half as many."""

_MOST_INFLATED = 512 * 2**20
_FREELY_INFLATED = 64 * 2**20
"""Bytes up to which the ratio does not matter: a few black frames come near deflate's limit of 1032."""
_MOST_RATIO = 1000
_CHUNK = 2**20


class OpenedDicom:
    """A DICOM file whose header has been read; a context manager that closes what it opened itself.

    Args:
        header: What the header says.
        elements: All elements that were read.
        stream: The dataset, at the element of the pixels if there is one.
        where: The file, for errors.
        work: A folder for temporary files.
        held: What to close.
    """

    def __init__(
        self,
        header: DicomHeader,
        elements: Elements,
        stream: BinaryIO,
        where: str,
        work: Path | None,
        held: ExitStack,
    ) -> None:
        self.header = header
        self._elements = elements
        self._stream = stream
        self._start = stream.tell()
        self._where = where
        self._work = work
        self._held = held

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def frames(self) -> Frames:
        """Return the frames, which are read and decoded one by one, when they are asked for.

        The file's own stream must stay open, and at the frames' disposal.

        Raises:
            CaseError: There are no pixels, they are cut or of another size than the header says, too many, or
                of a kind that is not supported.
        """
        return open_frames(
            self.header,
            self._elements,
            self._stream,
            self._start,
            self._where,
            work=self._work,
            held=self._held,
        )


def open_dicom(stream: BinaryIO, where: str, *, work: Path | None = None) -> OpenedDicom:
    """Read the header of a DICOM file.

    Args:
        stream: The file, seekable.
        where: What to call the file in errors; none quotes the file.
        work: A folder for temporary files: inflated datasets, and videos while they are decoded.

    Raises:
        CaseError: It is no DICOM file with a preamble, or is cut short or broken within the header.
        MissingExtraError: pydicom is not installed.
    """
    load_extra("pydicom", "dicom")
    stream.seek(0)
    if stream.read(_PREAMBLE + len(_MARK))[_PREAMBLE:] != _MARK:
        raise CaseError("this is no DICOM file: the mark DICM is missing after the preamble", where=where)
    meta = _parse(stream, where, lambda tag, *_: tag >> 16 != 2, [_TRANSFER_SYNTAX, _MEDIA_STORAGE_SOP_CLASS])  # noqa: PLR2004
    syntax = meta.text(_TRANSFER_SYNTAX)
    if syntax is None:
        raise CaseError("the file meta information names no transfer syntax", where=where)
    with ExitStack() as held:
        body = held.enter_context(_inflate(stream, where, work)) if syntax == _DEFLATED else stream
        elements = _parse(
            body,
            where,
            lambda tag, *_: tag >= PIXEL_DATA[0],
            list(Tag),
            implicit=syntax == _IMPLICIT,
            little_endian=syntax != BIG_ENDIAN,
        )
        sop_class = elements.text(Tag.SOP_CLASS_UID)
        if sop_class is None and meta.text(_MEDIA_STORAGE_SOP_CLASS) == _DICOMDIR:
            sop_class = (
                _DICOMDIR  # a directory of files is no composite object, and has no element of its own
            )
        if sop_class is None:
            raise CaseError("the dataset is cut short or broken: it has no SOPClassUID", where=where)
        return OpenedDicom(_header(elements, sop_class, syntax), elements, body, where, work, held.pop_all())


def _parse(
    stream: BinaryIO,
    where: str,
    stop_when: Any,
    tags: list[int],
    *,
    implicit: bool = False,
    little_endian: bool = True,
) -> Elements:
    """Parse the elements from here on; the stream ends before the one to stop at."""
    from pydicom.filereader import read_dataset  # noqa: PLC0415

    source: Any = _Counted(stream, where)
    with foreign("the header cannot be parsed", where):
        dataset = read_dataset(
            source, implicit, little_endian, stop_when=stop_when, specific_tags=[int(tag) for tag in tags]
        )
    elements = Elements(dataset, little_endian=little_endian)
    longest = max((len(elements.data(tag) or b"") for tag in tags), default=0)
    if longest > _LONGEST_ELEMENT:
        raise CaseError(f"an element of the header has {longest} bytes", where=where)
    return elements


class _Counted:
    """What a parser needs of a stream, as long as it does not read without end.

    Millions of tiny elements would keep it busy for hours, in a sequence of unknown length more than else.
    And to read 4 GB, as a damaged length may ask for, is to allocate them first.
    """

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self._read = stream.read
        self._where = where
        self._left = _MOST_READS
        start = stream.tell()
        self._end = stream.seek(0, io.SEEK_END)
        stream.seek(start)
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        """Read some bytes, fewer at the end.

        Raises:
            CaseError: It has been called too often.
        """
        self._left -= 1
        if self._left < 0:
            raise CaseError("the header has more elements than a scanner writes", where=self._where)
        return self._read(max(0, min(size, self._end - self.tell())))


def _inflate(stream: BinaryIO, where: str, work: Path | None) -> BinaryIO:
    """Inflate the rest of a stream into a temporary file (PS3.5 A.5: deflate without zlib's header)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    taken = given = 0
    with ExitStack() as held:
        inflated = held.enter_context(tempfile.TemporaryFile(dir=work))
        while not inflater.eof:
            chunk = inflater.unconsumed_tail or stream.read(_CHUNK)
            with foreign("the deflated dataset is broken", where):
                part = inflater.decompress(chunk, _CHUNK)
            if not chunk and not part:
                raise CaseError("the deflated dataset is cut short", where=where)
            taken += len(chunk) - len(inflater.unconsumed_tail)
            given += len(part)
            if given > _MOST_INFLATED or given > max(_FREELY_INFLATED, _MOST_RATIO * taken):
                raise CaseError(
                    f"the deflated dataset grows from {taken} bytes to more than {given}", where=where
                )
            inflated.write(part)
        inflated.seek(0)
        held.pop_all()
        return inflated


def _header(elements: Elements, sop_class: str, syntax: str) -> DicomHeader:
    return DicomHeader(
        sop_class_uid=sop_class,
        transfer_syntax_uid=syntax,
        modality=elements.text(Tag.MODALITY),
        patient_id=elements.text(Tag.PATIENT_ID),
        issuer=elements.text(Tag.ISSUER_OF_PATIENT_ID),
        birth_date=elements.text(Tag.PATIENT_BIRTH_DATE),
        study_uid=elements.text(Tag.STUDY_INSTANCE_UID),
        series_uid=elements.text(Tag.SERIES_INSTANCE_UID),
        sop_uid=elements.text(Tag.SOP_INSTANCE_UID),
        accession_number=elements.text(Tag.ACCESSION_NUMBER),
        study_date=elements.text(Tag.STUDY_DATE),
        study_time=elements.text(Tag.STUDY_TIME),
        series_date=elements.text(Tag.SERIES_DATE),
        acquisition_date=elements.text(Tag.ACQUISITION_DATE),
        content_date=elements.text(Tag.CONTENT_DATE),
        series_number=elements.integer_string(Tag.SERIES_NUMBER),
        instance_number=elements.integer_string(Tag.INSTANCE_NUMBER),
        sex=elements.text(Tag.PATIENT_SEX),
        age=elements.text(Tag.PATIENT_AGE),
        manufacturer=elements.text(Tag.MANUFACTURER),
        model=elements.text(Tag.MANUFACTURER_MODEL_NAME),
        body_part=elements.text(Tag.BODY_PART_EXAMINED),
        frame_time_ms=elements.decimal_string(Tag.FRAME_TIME),
        lossy=elements.text(Tag.LOSSY_IMAGE_COMPRESSION),
        regions=tuple(_region(item) for item in elements.items(Tag.SEQUENCE_OF_ULTRASOUND_REGIONS)),
        photometric=elements.text(Tag.PHOTOMETRIC_INTERPRETATION),
        rows=elements.integer(Tag.ROWS) or 0,
        columns=elements.integer(Tag.COLUMNS) or 0,
        frames=1 if elements.data(Tag.NUMBER_OF_FRAMES) is None else _frames(elements),
        samples=elements.integer(Tag.SAMPLES_PER_PIXEL) or 0,
        planar=elements.integer(Tag.PLANAR_CONFIGURATION) or 0,
        bits_allocated=elements.integer(Tag.BITS_ALLOCATED) or 0,
        bits_stored=elements.integer(Tag.BITS_STORED) or 0,
        signed=bool(elements.integer(Tag.PIXEL_REPRESENTATION)),
    )


def _frames(elements: Elements) -> int:
    """Return NumberOfFrames, 0 where it says nothing that can be true."""
    return max(elements.integer_string(Tag.NUMBER_OF_FRAMES) or 0, 0)


def _region(item: Elements) -> UltrasoundRegion:
    x0 = item.integer(Tag.REGION_LOCATION_MIN_X0)
    y0 = item.integer(Tag.REGION_LOCATION_MIN_Y0)
    x1 = item.integer(Tag.REGION_LOCATION_MAX_X1)
    y1 = item.integer(Tag.REGION_LOCATION_MAX_Y1)
    box = None
    if x0 is not None and y0 is not None and x1 is not None and y1 is not None:
        box = (x0, y0, x1, y1)
    return UltrasoundRegion(
        spatial_format=item.integer(Tag.REGION_SPATIAL_FORMAT),
        data_type=item.integer(Tag.REGION_DATA_TYPE),
        box=box,
        units=(
            item.integer(Tag.PHYSICAL_UNITS_X_DIRECTION),
            item.integer(Tag.PHYSICAL_UNITS_Y_DIRECTION),
        ),
        delta=(item.double(Tag.PHYSICAL_DELTA_X), item.double(Tag.PHYSICAL_DELTA_Y)),
    )
