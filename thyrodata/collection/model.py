"""What a capture is told, what it hands to workers, and what it notes of each file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from thyrodata.capture.frames import FrameChoice
from thyrodata.capture.source import SourceFile
from thyrodata.capture.verdict import Verdict
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.io.png import PngEncoder
from thyrodata.schema.record import (
    Acquisition,
    Finding,
    Label,
    Nodule,
    Patient,
    PixelBox,
    Reading,
    Remark,
    SourceField,
)
from thyrodata.schema.vocab import GroupKind

__all__ = [
    "NAMESPACE",
    "RULES",
    "Drawn",
    "FileDone",
    "FileJob",
    "Outlines",
    "Scanned",
    "Screen",
    "Subject",
    "TextPolicy",
    "Treatment",
]

NAMESPACE = "us_dicom"
"""Of image and group ids; also the name of the card."""

RULES = "1"
"""Version of the rules by which pixels leave: regions, heuristic, text, colour. A change counts it up."""


class TextPolicy(StrEnum):
    """What is done with a picture in which text is found."""

    BLANK = "blank"
    """The text's box is set to zero in every frame of the clip, and listed."""
    QUARANTINE = "quarantine"
    """The file is put aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """How pixels are treated, the same for every file."""

    frames: FrameChoice
    text: TextPolicy
    encoder: PngEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """A file whose header was read, or what is wrong with it."""

    file: SourceFile
    sha256: str = ""
    """Of its bytes; empty where they could not be read."""
    header: DicomHeader | None = None
    verdict: Verdict | None = None
    """Where it is decided already."""
    detail: str = ""
    """More on the reason: numbers of pixels and bytes at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """What was drawn on one frame, in pixels of the whole frame."""

    width: int
    height: int
    findings: tuple[Finding, ...]
    readings: tuple[Reading, ...]


Drawn = dict[int, Outlines]
"""By the 0-based number of the frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose picture it is, as far as that leaves, and its place among the others."""

    group: str
    """The pseudonym."""
    group_kind: GroupKind
    numbers: tuple[int, int, int]
    """Of its study among the patient's, of its series in the study, of the file in the series; from 1."""
    tokens: tuple[str, str, str]
    """Recognise the file, its study and its series, and say nothing to whoever lacks the key."""
    patient: Patient | None
    acquisition: Acquisition | None
    case_labels: tuple[Label, ...]
    nodules: tuple[Nodule, ...]
    source_fields: tuple[SourceField, ...]
    remarks: tuple[Remark, ...]

    @property
    def name(self) -> str:
        """Names the file's pictures: ``PABC.../1/2/3``."""
        return "/".join([self.group, *map(str, self.numbers)])


@dataclass(frozen=True, slots=True, kw_only=True)
class FileJob:
    """A file whose pixels are to be processed."""

    file: SourceFile
    source: str
    """Where a record of it comes from, as it is shown: ``file 7``."""
    subject: Subject
    drawn: Drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The screen that pictures were cut from, as a report draws it: nothing in it can be read."""

    width: int
    height: int
    kept: tuple[PixelBox, ...]
    """What became images."""
    blanked: tuple[PixelBox, ...]
    """What was set to zero in them, in pixels of the screen."""
    cells: str
    """A bit for each cell of 32 x 32 pixels, row by row, whether it is bright: hexadecimal."""
    found_by: str
    """``header``, or ``pixels`` where the header names no region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDone:
    """What a file came to: a line of the journal, and of ``reports/capture.jsonl``."""

    file: str
    """Its ordinal."""
    delivery: int = 1
    """Which export of a continued collection it came with."""
    verdict: str
    """The verdict's code."""
    detail: str = ""
    group: str = ""
    numbers: tuple[int, ...] = ()
    """As in :class:`Subject`; empty where the file was decided without a look at its pixels."""
    tokens: tuple[str, ...] = ()
    """See :class:`Subject`; of the file alone where nothing was processed."""
    frames: int = 0
    """In the file."""
    exported: int = 0
    """Frames of which images were made."""
    thinned: int = 0
    """Frames left out for being near-identical to others."""
    images: int = 0
    image_bytes: int = 0
    screen: Screen | None = None
