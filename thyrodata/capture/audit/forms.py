"""The forms in which an identifier may stand in a text, as sequences of words.

What can be undone (UTF-16, percent, base64, hex) is undone on the output instead: see ``decoding``. A hash
cannot, and is computed here: all 8-digit record numbers enumerate in a minute, so one without a key hides
nobody.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode, b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from itertools import permutations
from unicodedata import normalize

from thyrodata.capture.audit.model import Identifier, Kind
from thyrodata.capture.audit.words import weight, windows, words_of

__all__ = ["DIGESTS", "FORMS", "LEAST", "sequences_of"]

LEAST = 4
"""Letters and digits in a sequence. Shorter ones stand everywhere."""

LEAST_DIGITS = 6
"""Digits of a number that is looked for without what stands around it."""

LEAST_DIGITS_APART = 8
"""Digits in a sequence of several numbers and nothing else: coordinates look like that too."""

DIGESTS = ("md5", "sha1", "sha256")

_HASHED_TEXTS = frozenset({"PatientID", "OtherPatientIDs", "AccessionNumber", "file name"})
_TITLES = frozenset(
    {"dr", "prof", "med", "mrs", "miss", "mister", "phd", "frau", "herr", "anon", "anonymous"}
)
_MONTHS = (
    ("jan", "january"),
    ("feb", "february"),
    ("mar", "march"),
    ("apr", "april"),
    ("may",),
    ("jun", "june"),
    ("jul", "july"),
    ("aug", "august"),
    ("sep", "september"),
    ("oct", "october"),
    ("nov", "november"),
    ("dec", "december"),
)


def sequences_of(identifier: Identifier, own: frozenset[str]) -> frozenset[str]:
    """Return the sequences by which an identifier is looked for; none if it says too little.

    Args:
        identifier: A value of an original.
        own: Words that stand in any dataset: no sequence is made of them alone, but for a whole name.
    """
    found: set[str] = set()
    for form in FORMS[identifier.kind]:
        found.update(form(identifier.text, own))
    if identifier.kind in (Kind.NAME, Kind.UID) or identifier.tag in _HASHED_TEXTS:
        found.update(_hashed(identifier.text))
    return frozenset(found)


def _verbatim(text: str, own: frozenset[str]) -> Iterator[str]:
    """Yield a text as it stands, or each run of words of a long one."""
    for sequence in windows([word for word in words_of(text) if word]):
        if _says_enough(sequence, own):
            yield sequence


def _numbers(text: str, _own: frozenset[str]) -> Iterator[str]:
    """Yield the long numbers in a text alone: a record number without its letters is one still."""
    yield from (
        word for word in words_of(text) if word.isdigit() and len(word) >= LEAST_DIGITS and word.strip("0")
    )


def _name_whole(text: str, _own: frozenset[str]) -> Iterator[str]:
    """Yield a person's name with its components in any order, also written as one word (PS3.5 section 6.2.1).

    A whole name is looked for even where each of its words is a common one, as Mark Long.
    """
    for group in text.split("="):
        words = [_component(part) for part in group.split("^")[:3]]
        parts = [part for part in words if part]
        for size in (2, 3):
            for order in permutations(parts, size):
                whole = [word for part in order for word in part]
                yield from (sequence for sequence in windows(whole) if weight(sequence) > LEAST)
                if len("".join(whole)) > LEAST and all(word.isalpha() for word in whole):
                    yield "".join(whole)


def _name_initials(text: str, own: frozenset[str]) -> Iterator[str]:
    """Yield the family name with the first letter of the given one: J. Doe, Doe J, jdoe, doej."""
    for group in text.split("="):
        parts = [_component(part) for part in group.split("^")[:2]]
        if len(parts) < 2 or not all(parts):  # noqa: PLR2004 -- family and given name
            continue
        family, initial = parts[0], parts[1][0][0]
        joined = "".join(family)
        for sequence in (*windows([initial, *family]), *windows([*family, initial])):
            if weight(sequence) > LEAST and _says_enough(sequence, own):
                yield sequence
        yield from (each for each in (initial + joined, joined + initial) if _says_enough(each, own))


def _name_single(text: str, own: frozenset[str]) -> Iterator[str]:
    """Yield each component of a name, and each word in it, by itself."""
    for group in text.split("="):
        for component in group.split("^")[:3]:
            words = _component(component)
            for sequence in {*words, " ".join(words)}:
                if _says_enough(sequence, own):
                    yield sequence


def _component(text: str) -> list[str]:
    return [word for word in words_of(text) if word and word not in _TITLES]


def _dates(text: str, _own: frozenset[str]) -> Iterator[str]:
    """Yield a day in the orders and spellings that people use; of a date and time also the time."""
    digits = "".join(words_of(text[:10].replace(".", "").replace("-", "").replace("/", "")))[:8]
    with suppress(ValueError):
        day = date.fromisoformat(f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}")
        if day.year < 1800:  # noqa: PLR2004 -- 0001-01-01 and the like are placeholders
            return
        y, m, d = digits[:4], digits[4:6], digits[6:8]
        yield from (y + m + d, d + m + y, m + d + y)
        for month, this_day in {(m, d), (str(day.month), str(day.day))}:
            yield from (f"{y} {month} {this_day}", f"{this_day} {month} {y}", f"{month} {this_day} {y}")
            for name in _MONTHS[day.month - 1]:
                yield from (f"{this_day} {name} {y}", f"{name} {this_day} {y}", f"{y} {name} {this_day}")
        rest = text.strip()[8:]
        if rest[:6].isdigit():
            yield from _times(rest, _own)


def _times(text: str, _own: frozenset[str]) -> Iterator[str]:
    """Yield a time of day to the second; one without minutes and seconds is no time of anybody."""
    digits = text.replace(":", "")[:6]
    if len(digits) == 6 and digits.isdigit() and digits[2:] != "0000":  # noqa: PLR2004 -- HHMMSS
        yield digits
        yield f"{digits[:2]} {digits[2:4]} {digits[4:]}"


def _hashed(text: str) -> Iterator[str]:
    """Yield the digests of a value, and of what it may have been normalised to, in hex, base64 and base32."""
    for variant in {text, text.upper(), normalize("NFKC", text).casefold()}:
        for name in DIGESTS:
            digest = hashlib.new(
                name, variant.encode("utf-8", "surrogatepass"), usedforsecurity=False
            ).digest()
            yield digest.hex()
            yield from windows([word for word in words_of(b64encode(digest).decode()) if word])
            yield "p" + b32encode(digest[:10]).decode().casefold()  # a pseudonym that needed no key


def _says_enough(sequence: str, own: frozenset[str]) -> bool:
    """Whether a sequence is long enough, and made of more than single letters and common words."""
    words = sequence.split(" ")
    if weight(sequence) < LEAST or len(set(sequence)) == 1 or set(sequence) <= {"0", " "}:
        return False
    if len(words) > 1 and all(word.isdigit() for word in words):
        return sum(map(len, words)) >= LEAST_DIGITS_APART
    return not all(word in own or (len(word) == 1 and word.isascii()) for word in words)


Form = Callable[[str, frozenset[str]], Iterator[str]]

FORMS: dict[Kind, tuple[Form, ...]] = {
    Kind.NAME: (_name_whole, _name_initials, _name_single, _verbatim),
    Kind.DATE: (_dates, _verbatim),
    Kind.TIME: (_times,),
    Kind.UID: (_verbatim,),
    Kind.AGE: (_verbatim,),
    Kind.NUMBER: (_verbatim,),
    Kind.TEXT: (_verbatim, _numbers),
}
"""The forms of each kind of identifier."""
