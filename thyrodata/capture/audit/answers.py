"""The answer key of a score: what must become of planted identities, by the action types of MIDI-B.

The challenge (Medical Image De-Identification Benchmark, MICCAI 2024) scores DICOM in, DICOM out. A captured
dataset is images and a table, so each action type is taken for what it protects:

* ``tag_retained``: an attribute of the allow-list stands in the record, with the right value.
* ``text_notnull``: a field of the record that must not be empty is not.
* ``text_retained``: a text that identifies nobody, as a label of the clinical table, stands in the record.
* ``text_removed``: a value stands nowhere in the output, in no form that the audit knows.
* ``date_shifted``: no date stands in the output in any notation; where days between two dates are to leave
  instead, they are right.
* ``uid_changed``: no UID stands in the output.
* ``uid_consistent``: pictures have one study, or series, in the records exactly if they had one.
* ``patid_consistent``: pictures have one pseudonym exactly if they are of one patient.
* ``pixels_hidden``: burned-in text is cut off or blank in every picture in which it stood.
* ``pixels_retained``: a picture is its part of the frame, bit for bit outside listed boxes.

A file from which nothing is exported hides everything: its retention is not applicable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.audit.model import Identifier
from thyrodata.schema.record import PixelBox

__all__ = ["Action", "BurnedIn", "FileKey", "Retained"]


class Action(StrEnum):
    """The action types."""

    TAG_RETAINED = "tag_retained"
    TEXT_NOTNULL = "text_notnull"
    TEXT_REMOVED = "text_removed"
    TEXT_RETAINED = "text_retained"
    DATE_SHIFTED = "date_shifted"
    UID_CHANGED = "uid_changed"
    UID_CONSISTENT = "uid_consistent"
    PATID_CONSISTENT = "patid_consistent"
    PIXELS_HIDDEN = "pixels_hidden"
    PIXELS_RETAINED = "pixels_retained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What every record of a file must say."""

    tag: str
    action: Action
    place: str
    """In the record: ``acquisition.model``, ``case_labels.0``, ``source_fields.DaysFromExamToBiopsy``."""
    value: Any = None
    """``None`` for whatever is not empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnedIn:
    """A text in the pixels."""

    box: PixelBox
    """Of its ink, in the frame."""
    name: str
    """What it is counted under: its contrast, script or place."""
    frames: range | None = None
    """Those in which it stands, 0-based; ``None`` for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKey:
    """What is known of one original."""

    ordinal: str
    patient: str
    """Equal for two files exactly if they are of one patient; so for study and series."""
    study: str
    series: str
    removed: tuple[Identifier, ...] = ()
    retained: tuple[Retained, ...] = ()
    burned_in: tuple[BurnedIn, ...] = ()
    frames: NDArray[np.unsignedinteger[Any]] | None = None
    """(frames, height, width) or (frames, height, width, 3), as to be decoded; ``None`` if not known."""
