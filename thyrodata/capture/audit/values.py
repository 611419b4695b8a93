"""From the bytes of an element to what may identify in it, by its VR (DICOM PS3.5 section 6.2)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from thyrodata.capture.audit.model import Identifier, Kind

__all__ = ["Element", "identifiers_of", "printable_runs"]

MAY_LEAVE = frozenset({0x0008_0070, 0x0008_1090})
"""Manufacturer and ManufacturerModelName: a dataset may hold their values if they name a device, which is not
known here. PatientAge is another, below 90 years. Sex, modality and body part need no exception, being common
words."""

NAMES_OF_THINGS = frozenset({0x0008_0005, 0x0008_0016, 0x0002_0002, 0x0002_0010})
"""Character set, SOP class and transfer syntax: what is named is the standard's, and nobody's."""

PIXELS = frozenset({0x7FE0_0010, *range(0x0028_1201, 0x0028_1224)})
"""PixelData and the data of palettes, which are compared and read as pictures."""

STANDARD_UIDS = "1.2.840.10008."
"""The root of UIDs that DICOM defines (PS3.6 annex A)."""

LEAST_DIGITS = 6
"""Of a number. One with fewer digits is a weight, a count or a setting, which nobody is known by."""

TOP_AGE = 90
"""Years. From here on an age identifies (45 CFR 164.514(b)(2)(i)(C): "over 89")."""

LONGEST_TEXT = 2**16
"""Characters of a value that are looked for."""

_PATIENT_AGE = 0x0010_1010
_TEXTS = frozenset({"AE", "CS", "LO", "SH", "UC", "UR", "LT", "ST", "UT"})
_SINGLE = frozenset({"LT", "ST", "UT", "UR"})  # a backslash is a character in these
_KINDS = {"PN": Kind.NAME, "UI": Kind.UID, "TM": Kind.TIME, "DA": Kind.DATE, "DT": Kind.DATE, "AS": Kind.AGE}
_INTEGERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q"}
_DELIMITERS = {0x5C, 0x5E, 0x3D}  # \ ^ =
_PICTURE = (
    range(0x0028_0000, 0x0029_0000),  # pixels and how to show them
    range(0x0018_6000, 0x0018_6100),  # regions and their calibration
    range(0x0018_1063, 0x0018_1066),  # frame time
)
_MEASUREMENTS = ("FL", "FD", "OF", "OD", "AT")
_RUN = re.compile(rb"[\x20-\x7e\x80-\xff]{6,}")
_WIDE_RUN = re.compile(rb"(?:[\x20-\x7e]\x00){4,}|(?:\x00[\x20-\x7e]){4,}")
_DATE = re.compile(r"(?<!\d)((?:18|19|20)\d\d)([-./]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """An element as it stands in a file."""

    tag: int
    vr: str
    data: bytes
    charsets: tuple[str, ...]
    """Python codecs, the first for what comes before an escape sequence."""
    little: bool

    @property
    def label(self) -> str:
        """The attribute's keyword, or the number of one that the dictionary does not know."""
        from pydicom.datadict import keyword_for_tag  # noqa: PLC0415

        number = f"({self.tag >> 16:04X},{self.tag & 0xFFFF:04X})"
        return number if self.tag >> 16 & 1 else keyword_for_tag(self.tag) or number


def identifiers_of(element: Element) -> Iterator[Identifier]:
    """Yield what may identify in the value of an element that is no sequence."""
    if element.tag in NAMES_OF_THINGS:
        return
    label = element.label
    for text, kind in _texts(element):
        stripped = text.strip(" \0\t\r\n")[:LONGEST_TEXT]
        if not stripped or (kind is Kind.UID and stripped.startswith(STANDARD_UIDS)):
            continue
        if kind is Kind.NUMBER and not _is_telling(stripped, element.tag):
            continue
        may_leave = element.tag in MAY_LEAVE or (kind is Kind.AGE and not _is_old(stripped))
        yield Identifier(text=stripped, kind=kind, tag=label, may_leave=may_leave)
        if kind is Kind.TEXT:  # a date is one, whatever it is written in
            for found in _DATE.finditer(stripped):
                day = "".join(found.group(1, 3, 4))
                yield Identifier(text=day, kind=Kind.DATE, tag=label)


def printable_runs(data: bytes) -> list[str]:
    """Return what reads as text in bytes that nothing is known of: ASCII, Latin-1, UTF-8 and UTF-16."""
    runs = []
    for found in _RUN.findall(data):
        runs += _readings(found, ("utf-8",))
    for found in _WIDE_RUN.findall(data):
        runs.append(found.replace(b"\0", b"").decode("ascii"))
    return runs


def _texts(element: Element) -> Iterator[tuple[str, Kind]]:
    vr, data = element.vr, element.data
    if vr in _KINDS or vr in _TEXTS or vr in ("IS", "DS"):
        kind = _KINDS.get(vr, Kind.NUMBER if vr in ("IS", "DS") else Kind.TEXT)
        for reading in _readings(data, element.charsets):
            values = [reading] if vr in _SINGLE else reading.split("\\")
            yield from ((value, kind) for value in values)
    elif vr in _INTEGERS:
        form = ("<" if element.little else ">") + _INTEGERS[vr]
        size = struct.calcsize(form)
        for (number,) in struct.iter_unpack(form, data[: len(data) // size * size]):
            yield str(number), Kind.NUMBER
    elif vr not in _MEASUREMENTS and element.tag not in PIXELS:
        yield from ((run, Kind.TEXT) for run in printable_runs(data))


def _readings(data: bytes, charsets: tuple[str, ...]) -> list[str]:
    """Return a text as the stated character set has it, and where that may be wrong also as others do."""
    from pydicom.charset import decode_bytes  # noqa: PLC0415

    if data.isascii() and b"\x1b" not in data:
        return [data.decode("ascii")]
    readings = []
    for charset in (*charsets[:1], "utf-8", "latin-1"):
        try:
            readings.append(data.decode(charset))
        except (UnicodeDecodeError, LookupError):
            continue
    if b"\x1b" in data:  # code extensions switch by escape sequences (DICOM PS3.3 C.12.1.1.2)
        with suppress(Exception):  # a decoder raises what it happens to raise; the others have read it
            readings.append(decode_bytes(data, list(charsets), _DELIMITERS))
    return list(dict.fromkeys(readings))


def _is_telling(number: str, tag: int) -> bool:
    """Whether a number may be a record number: it is long, and none of those that describe a picture."""
    return (
        not any(tag in described for described in _PICTURE)
        and sum(c.isdigit() for c in number) >= LEAST_DIGITS
    )


def _is_old(age: str) -> bool:
    """Whether an age (090Y) must not leave: 999 months are 83 years, and what is no age may be anything."""
    found = re.fullmatch(r"(\d{3})([DWMY])", age)
    return found is None or (found[2] == "Y" and int(found[1]) >= TOP_AGE)
