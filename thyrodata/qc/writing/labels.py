"""What a written text states of a label: a category of a scale, a diagnosis, or that there was an aspiration.

Texts are read by a network, which takes 1 for I and 0 for O; so a word is looked for in all its likenesses.
A scale is known only where it is written: ``TIRADS 4C`` states none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from thyrodata.qc.writing.lines import Line, rows
from thyrodata.schema.record import PixelBox
from thyrodata.schema.vocab import Malignancy

__all__ = ["SCALES", "Stated", "WrittenLabel", "written_labels"]


class Stated(Enum):
    """What a text is of."""

    TIRADS = "TI-RADS"
    BETHESDA = "Bethesda"
    MALIGNANCY = "malignancy"
    ASPIRATION = "aspiration"


SCALES: Final = {
    "tirads-acr": "ACR TI-RADS",
    "tirads-chinese": "C-TIRADS",
    "tirads-eu": "EU-TIRADS",
    "tirads-horvath": "Horvath's TIRADS",
    "tirads-korean": "K-TIRADS",
    "tirads-kwak": "Kwak's TI-RADS",
}
"""How a scale of TI-RADS is called, by its scheme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenLabel:
    """A label that is written in a picture. ``str()`` is how it is usually spelled."""

    of: Stated
    value: str
    """``4C``, ``IV``, ``malignant``, ``FNA``."""
    scheme: str | None
    """Of :data:`thyrodata.schema.vocab.SCHEMES`; ``None`` where no scale is written, or there is none."""
    box: PixelBox
    """Of the text that says so."""

    def __str__(self) -> str:
        """Return it with its scale."""
        match self.of:
            case Stated.TIRADS:
                return f"{SCALES[self.scheme] if self.scheme else 'TI-RADS'} {self.value}"
            case Stated.BETHESDA:
                return f"Bethesda {self.value}"
            case Stated.MALIGNANCY | Stated.ASPIRATION:
                return self.value


def written_labels(lines: Sequence[Line]) -> tuple[WrittenLabel, ...]:
    """Return the labels that lines of text state, row by row, each once.

    Args:
        lines: Of one picture, see :func:`thyrodata.qc.writing.lines.read_texts`.
    """
    found: dict[str, WrittenLabel] = {}
    for text, box in rows(lines):
        for label in _stated(_folded(text), box):
            found.setdefault(str(label), label)
    return tuple(found.values())


_LIKENESSES = {"A": "A4", "B": "B8", "D": "DO0", "I": "I1L|!", "L": "L1I|!", "O": "O0Q", "S": "S5"}


def _like(word: str) -> str:
    """Return a pattern of a word in capitals, for all that a reader may take its letters for."""
    return "".join(f"[{_LIKENESSES[letter]}]" if letter in _LIKENESSES else letter for letter in word)


def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Z0-9])(?:{pattern})(?![A-Z0-9])")


_GAP = r"[\W_]{0,4}"
_CATEGORY = rf"(?:{_like('CATEGOR')}\w+|CAT|GRADE|SCORE)?"
_ONE = "[I1|!L]"
_NUMBER = f"V{_ONE}|{_ONE}V|V|[I1|!]{_ONE}{{0,2}}|[2-6]|A(?=[ABC8])"
"""1 to 6, Arabic or Roman. An L alone is the left side, and an A before a letter a 4."""
_STEP = rf"(?:{_NUMBER})\s?[ABC8]?"
_SCALE_WORDS = {
    "ACR": "tirads-acr",
    "C": "tirads-chinese",
    "CHINESE": "tirads-chinese",
    "EU": "tirads-eu",
    "HORVATH": "tirads-horvath",
    "K": "tirads-korean",
    "KOREAN": "tirads-korean",
    "KWAK": "tirads-kwak",
}
_LONGEST_FIRST = "|".join(sorted(_SCALE_WORDS, key=len, reverse=True))

_TIRADS = re.compile(
    rf"(?:(?<![A-Z0-9])(?P<before>{_LONGEST_FIRST})[\W_]?)?"
    rf"T[I1L|!TEJ]?[\W_]?{_like('RADS')}{_GAP}(?:(?P<after>ACR|EU|KWAK)\b{_GAP})?{_CATEGORY}{_GAP}(?:TR{_GAP})?"
    rf"(?P<step>{_STEP})(?:\s?[-/(]\s?(?P<also>{_STEP}))?(?![A-Z0-9])"
)
"""A second category is of a range (``3-4``), or of another scale: ``5 (4C)`` in pictures of DDTI."""
_TR = _whole(rf"TR(?P<level>[1-5])|ACR{_GAP}TR{_GAP}(?P<spaced>[1-5])")
"""``TR4`` is ACR's own spelling (Tessler et al., J Am Coll Radiol 2017;14:587-595); ``TR 4`` without its name
may be the fourth transverse view."""

_BETHESDA = re.compile(
    rf"(?<![A-Z0-9])BETH(?:E?{_like('SDA')})?{_GAP}{_CATEGORY}{_GAP}(?P<number>{_NUMBER})(?![A-Z0-9])"
)

_ROMAN = ("I", "II", "III", "IV", "V", "VI")

_BENIGN = _whole(
    "|".join([*map(_like, ("BENIGN", "BENIGNO", "BENIGNA", "BENIN", "BENIGNE")), r"LANH\s?TINH"])
)
_MALIGNANT = _whole(
    "|".join(
        [
            *map(
                _like,
                ("MALIGNANT", "MALIGNANCY", "MALIGNO", "MALIGNA", "MALIN", "MALIGNE", "CANCER", "CARCINOMA"),
            ),
            _like("CARCINOME"),
            "PTC",  # papillary thyroid carcinoma
            r"AC\s?TINH",
        ]
    )
)
_ASPIRATION = _whole(f"FNA[BC]?|PAAF|{_like('CYTOPONCTION')}")
_HAN = (
    (re.compile("良性"), Stated.MALIGNANCY, Malignancy.BENIGN.value),
    (re.compile("[恶惡]性|癌"), Stated.MALIGNANCY, Malignancy.MALIGNANT.value),
    (re.compile("[细細][针針]"), Stated.ASPIRATION, "FNA"),
)
_WORDS = (
    (_BENIGN, Stated.MALIGNANCY, Malignancy.BENIGN.value),
    (_MALIGNANT, Stated.MALIGNANCY, Malignancy.MALIGNANT.value),
    (_ASPIRATION, Stated.ASPIRATION, "FNA"),
    *_HAN,
)
"""In English, Spanish, Portuguese, French, Vietnamese without its marks, and Chinese. PAAF is the Spanish and
Portuguese aspiration by a fine needle."""


def _folded(text: str) -> str:
    """Return a text in capitals without accents, full-width and combined characters taken apart."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(each for each in apart if not unicodedata.combining(each)).upper()


def _stated(text: str, box: PixelBox) -> Iterator[WrittenLabel]:
    for found in _TIRADS.finditer(text):
        scheme = _SCALE_WORDS.get(found["before"] or found["after"] or "")
        for step in filter(None, (found["step"], found["also"])):
            yield WrittenLabel(of=Stated.TIRADS, value=_step(step), scheme=scheme, box=box)
    for found in _TR.finditer(text):
        level = found["level"] or found["spaced"]
        yield WrittenLabel(of=Stated.TIRADS, value=level, scheme="tirads-acr", box=box)
    for found in _BETHESDA.finditer(text):
        number = _ROMAN[_number(found["number"]) - 1]
        yield WrittenLabel(of=Stated.BETHESDA, value=number, scheme="bethesda", box=box)
    for form, of, value in _WORDS:
        if form.search(text):
            yield WrittenLabel(of=of, value=value, scheme=None, box=box)


def _step(text: str) -> str:
    """Return a category as scales spell it: a digit, and a capital letter where there is one."""
    letter = text[-1].replace("8", "B") if len(text) > 1 and text[-1] in "ABC8" else ""
    digits = text[: len(text) - len(letter)].strip()
    return f"{_number(digits)}{letter}"


def _number(text: str) -> int:
    """Return the value of a number from 1 to 6, Arabic or Roman."""
    if text == "A":
        return 4
    if text in {"2", "3", "4", "5", "6"}:
        return int(text)
    return _ROMAN.index(re.sub(_ONE, "I", text)) + 1
