"""Whether OCR has read an identifier of a picture's own header in it, misread letters allowed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from thyrodata.capture.audit.forms import sequences_of
from thyrodata.capture.audit.model import Identifier, Kind
from thyrodata.capture.audit.words import words_of

__all__ = ["Legible", "edits"]

CONFUSED = str.maketrans("oilsbzg", "0115829")
"""Letters that OCR takes for digits, folded to them on both sides."""

LONGEST_TARGET = 40
"""Characters; a longer one is a digest or a sentence."""

WITHIN = 8
"""Characters from which an identifier is also looked for inside of a run that OCR has joined. A shorter one
must be a whole word, or two or three: MARY sits in PRIMARY."""

LEAST_CODE = 6
"""Characters of a code that is not known to be of a person or place: settings and scales are shorter."""

PLACES_AND_PEOPLE = frozenset(
    {
        "AccessionNumber",
        "InstitutionAddress",
        "InstitutionName",
        "InstitutionalDepartmentName",
        "IssuerOfPatientID",
        "OtherPatientIDs",
        "PatientAddress",
        "PatientComments",
        "PatientID",
        "PatientTelephoneNumbers",
        "StationName",
        "StudyID",
    }
)
"""Texts that identify also where no digit is in them. Others, as a SeriesDescription of LEFT LOBE, stand
burned into every picture."""


class Legible:
    """What must not be read in the pictures of one original.

    Args:
        identifiers: Those of its header.
        own: Words that stand in any dataset.
    """

    def __init__(self, identifiers: Iterable[Identifier], own: frozenset[str]) -> None:
        self._targets: dict[str, Identifier] = {}
        for identifier in identifiers:
            if identifier.may_leave or not _identifies(identifier):
                continue
            for sequence in sequences_of(identifier, own):
                target = sequence.replace(" ", "").translate(CONFUSED)
                if len(target) <= LONGEST_TARGET:
                    self._targets.setdefault(target, identifier)

    def match(self, texts: Iterable[str]) -> Identifier | None:
        """Return the identifier that is read in lines of text, in any of them or across two."""
        lines = [[word.translate(CONFUSED) for word in words_of(text) if word] for text in texts]
        for words in (*lines, *(one + other for one, other in pairwise(lines))):
            runs = {"".join(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words) - n + 1)}
            whole = "".join(words)
            for target, identifier in self._targets.items():
                allowed = _allowed(len(target))
                if target in runs or (len(target) >= WITHIN and edits(target, whole, inside=True) <= allowed):
                    return identifier
                if allowed and any(
                    abs(len(run) - len(target)) <= allowed and edits(target, run) <= allowed for run in runs
                ):
                    return identifier
        return None


def _identifies(identifier: Identifier) -> bool:
    match identifier.kind:
        case Kind.NAME | Kind.DATE | Kind.TIME:
            return True
        case Kind.TEXT | Kind.NUMBER:
            code = len(identifier.text.split()) == 1 and any(c.isdigit() for c in identifier.text)
            return identifier.tag in PLACES_AND_PEOPLE or (code and len(identifier.text) >= LEAST_CODE)
        case _:
            return False


def _allowed(length: int) -> int:
    """Return how many letters of so many may be misread."""
    return 0 if length < 6 else 1 if length < 10 else 2  # noqa: PLR2004


def edits(target: str, text: str, *, inside: bool = False) -> int:
    """Return the least number of insertions, deletions and changes between a target and a text.

    Args:
        target: What is looked for.
        text: What there is.
        inside: Whether the target may stand anywhere in the text (Sellers, J Algorithms 1980;1:359-373).
    """
    above = [0] * (len(text) + 1) if inside else list(range(len(text) + 1))
    for row, wanted in enumerate(target, 1):
        line = [row]
        for column, found in enumerate(text, 1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (wanted != found)))
        above = line
    return min(above) if inside else above[-1]
