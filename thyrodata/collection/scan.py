"""Reading the header of every file, in a sandbox: what it holds, and what is decided already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from thyrodata.capture.source import Archive, SourceFile, archive_of, opened
from thyrodata.capture.verdict import Verdict
from thyrodata.collection.model import Scanned
from thyrodata.errors import CaseError
from thyrodata.io.dicom import open_dicom
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.sandbox import alive

__all__ = ["Scan"]

_ULTRASOUND = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.6",  # Ultrasound Image Storage, retired
        "1.2.840.10008.5.1.4.1.1.6.1",  # Ultrasound Image Storage
        "1.2.840.10008.5.1.4.1.1.3",  # Ultrasound Multi-frame Image Storage, retired
        "1.2.840.10008.5.1.4.1.1.3.1",  # Ultrasound Multi-frame Image Storage
    }
)
"""DICOM PS3.6, table A-1. A secondary capture may be any picture, such as a page of a report."""

_DIRECTORY = "1.2.840.10008.1.3.10"
_PICTURELESS = (
    "1.2.840.10008.5.1.4.1.1.11.",  # presentation states
    "1.2.840.10008.5.1.4.1.1.88.",  # structured reports, key object selections
    "1.2.840.10008.5.1.4.1.1.104.",  # encapsulated documents
    "1.2.840.10008.5.1.4.1.1.9.",  # waveforms
    "1.2.840.10008.5.1.4.1.1.66",  # raw data, registrations, segmentations
)
_BLOCK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Reads a file's header; of an archive, those of its members. Sent to workers."""

    work: Path
    """The folder for what has to be unpacked."""

    def __call__(self, file: SourceFile) -> tuple[Scanned, ...]:
        """Return what was read of a file, and of its members if it is an archive."""
        return tuple(self._scan(file))

    def _scan(self, file: SourceFile) -> Iterator[Scanned]:
        archive: Archive | None = None
        if file.problem:
            yield Scanned(file=file, verdict=Verdict.NOT_READ, detail=file.problem)
            return
        sha256 = ""
        try:
            with opened(file, self.work) as stream:
                sha256 = _digest(stream)
                archive = archive_of(file, stream)
                if archive is None:
                    with open_dicom(stream, file.where, work=self.work) as dicom:
                        yield _decided(file, sha256, dicom.header)
        except CaseError as error:
            yield Scanned(file=file, sha256=sha256, verdict=Verdict.BROKEN, detail=error.message)
        if archive:
            yield Scanned(file=file, sha256=sha256, verdict=Verdict.ARCHIVE)
            for member in archive.members:
                yield from self._scan(member)


def _digest(stream: BinaryIO) -> str:
    """Return the SHA-256 of a stream's bytes, and rewind it."""
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
        alive()
    stream.seek(0)
    return digest.hexdigest()


def _decided(file: SourceFile, sha256: str, header: DicomHeader) -> Scanned:
    """Return what the kind of a DICOM object decides."""
    kind = header.sop_class_uid or ""
    verdict = None
    if kind == _DIRECTORY:
        verdict = Verdict.DIRECTORY
    elif kind.startswith(_PICTURELESS):
        verdict = Verdict.NO_PICTURE
    elif kind not in _ULTRASOUND or header.modality not in (None, "US"):
        verdict = Verdict.NOT_ULTRASOUND
    return Scanned(file=file, sha256=sha256, header=header, verdict=verdict)
