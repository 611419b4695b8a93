"""What an audit finds, and what it has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from thyrodata.schema.plain import to_plain

__all__ = ["Audit", "Check", "Finding", "Identifier", "Kind", "Severity"]


class Kind(StrEnum):
    """What sort of thing an identifier is, which decides in what forms it is looked for."""

    NAME = "name"
    DATE = "date"
    TIME = "time"
    UID = "uid"
    AGE = "age"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A value of an original file that the dataset may not tell. It never leaves the audit."""

    text: str
    kind: Kind
    tag: str
    """The attribute that held it: a keyword of DICOM, a number, or ``file name``."""
    may_leave: bool = False
    """It is the value of an attribute that the dataset may hold once it is validated, as the model."""


class Severity(Enum):
    """What a finding means."""

    LEAK = "leak"
    """Something left that may identify a person, or a guard against that did not hold."""
    NOTE = "note"
    """To be looked at: a value stands in the dataset that may, if it is what it should be."""


class Check(StrEnum):
    """What an audit looks for."""

    IDENTIFIER = "identifier"
    """A value of an original's header, or a file's name, in some form."""
    READABLE = "readable-identifier"
    """The same, read in a picture."""
    AGE = "age"
    """An age past 89 years that is not "90 or more"."""
    FILE = "unexpected-file"
    """A file that a captured dataset does not have: nobody knows what is in it."""
    PNG = "png"
    """A PNG file that holds more than an image."""
    PIXELS = "pixels-changed"
    """Pixels that are not those of the original, outside listed boxes."""
    BLANK = "box-not-blank"
    """A box that is listed as blanked, and is not."""
    UNREAD = "not-audited"
    """Something could not be looked at, so nothing is known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that an audit found. No value of a header is in it."""

    check: Check
    severity: Severity
    where: str
    """The place in the output, or the ordinal of an original."""
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The result of an audit: findings, and how much they are a result of."""

    findings: tuple[Finding, ...]
    originals: int
    """Files of the source that were read for identifiers."""
    unparsed: int
    """Those that are no DICOM, or broken, and were searched for printable runs only."""
    identifiers: int
    """Different values found in them."""
    sequences: int
    """Sequences of words and digests that they were looked for by."""
    not_searched: int
    """Values too short, or too common, to be told from any other text."""
    texts: int
    """Passages of the output that were searched."""
    pictures_compared: int
    pictures_read: int
    """By OCR: all stills, and of a clip the frames that stand for it."""
    pictures_with_text: int
    """Pictures in which OCR read something that is no identifier of theirs."""

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The findings that must be mended before the dataset goes anywhere."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.LEAK)

    def to_json(self) -> dict[str, Any]:
        """Return the audit as plain data, with the sentence of its scope."""
        plain: dict[str, Any] = to_plain(self)
        return {**plain, "leaks": len(self.leaks), "scope": self.scope}

    @property
    def scope(self) -> str:
        """What was looked for, and what that does not show."""
        return (
            f"{self.identifiers} values of {self.originals} original files, of which {self.unparsed} could "
            "not be parsed and gave what is printable in them, were looked for in every text of the output: "
            f"{self.sequences} sequences of words and digests, reordered, with dates in other notations, in "
            "UTF-16, percent-, base64- and hex-encoded, and hashed without a key. "
            f"{self.not_searched} were too short or too common to be looked for alone. "
            f"{self.pictures_compared} pictures were compared with their originals and {self.pictures_read} "
            "were read by OCR. Not looked for: paraphrases, nicknames, two-digit years, numbers of less than "
            "six digits in prose, keyed or cut hashes, encryption, and what a body shows. An audit without a "
            "leak is no proof of de-identification."
        )
