"""Rules of what may name a person, TD601 to TD604.

Only what is certain by its form is looked for: dates, names as DICOM writes them, fields that are there to
name people and places, UIDs; in a picture also long numbers. Names and numbers in free text are not
recognised: a clean result is no proof that a dataset holds no personal data. No issue quotes a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from thyrodata.errors import DatasetError
from thyrodata.qc.filetexts import FileText, file_texts
from thyrodata.qc.look import Look
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.qc.whole import Whole
from thyrodata.schema.record import ImageRecord

__all__ = ["RULES"]

_DAY, _MONTH, _YEAR = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])", "(?:19|20)[0-9]{2}"
_DATE = re.compile(
    rf"(?<![0-9A-Za-z.])(?:{_YEAR}([-/.:]){_MONTH}\1{_DAY}|{_DAY}([-/.]){_MONTH}\2{_YEAR}|"
    rf"{_MONTH}([-/.]){_DAY}\3{_YEAR}|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))(?![0-9A-Za-z]|\.[0-9])"
)
"""A day of the last century or this one. EXIF writes colons."""

_PERSON = re.compile(r"[^\W\d_]{2,}\^[^\W\d_]+")
"""Family name and given name as DICOM writes them (PS3.5, section 6.2.1)."""

_UID = re.compile(r"(?<![0-9.])[0-2](?:\.(?:0|[1-9][0-9]*)){5,}(?![0-9.])")
"""A DICOM UID (PS3.5, section 9): those of archives have six components and more."""

_BIRTH = re.compile(r"birth|\bdob\b|geburt|naissance|nacimiento|nascita|nascimento", re.IGNORECASE)

_PERSONAL_FIELDS = frozenset(
    f"EXIF {name}"
    for name in ("Artist", "BodySerialNumber", "CameraOwnerName", "GPSInfo", "LensSerialNumber", "XPAuthor")
)

_OF_THE_FILE = ("PNG date:", "PNG Creation Time", "PNG Software")
"""Texts of PNG that converters write of their own work, ImageMagick's among them."""

_SHORT_DATE = re.compile(rf"(?<![0-9/]){_DAY}/{_DAY}/[0-9]{{2}}(?![0-9/])")
"""Of a scanner's screen, whichever of the two is the month."""

_CAPTION = re.compile(
    r"\b(?:name|nombre|nome|nom|patient|paciente|pac|id|mrn|dob|acc(?:ession)?|hospital)\s?(?:no\.?|nr\.?)?\s?[:#]",
    re.IGNORECASE,
)
"""What scanners write before a name, a number, a birth or a place."""

_LONG_NUMBER = re.compile(r"(?<![0-9.,])(?!([0-9])\1+(?![0-9]))[0-9]{6,}(?![0-9.,])")
"""Of a person, an examination or a device: measurements have fewer digits, or a point. A row of ticks is read
as one digit again and again."""

_TIME = re.compile("(?<=[0-9])(?=[0-2][0-9]:[0-5][0-9])")
"""The space that a reader often misses between a date and a time."""

TOLD = {_DATE: "a date", _PERSON: "a name as DICOM writes it", _UID: "a UID"}

_ON_SCREEN = {
    _SHORT_DATE: "a date",
    _CAPTION: "the caption of a name or number",
    _LONG_NUMBER: "a long number",
}


def _files(whole: Whole) -> Iterator[Found]:
    for record in whole.dataset.records():
        try:
            data = whole.dataset.image_bytes(record) or b""
        except DatasetError as error:
            whole.miss(record.image_id, error.message)
            continue
        told = sorted({f"{text.name}: {what}" for text in file_texts(data) for what in _personal(text)})
        if told:
            yield Found(
                image_id=record.image_id,
                what=f"the image file holds what may identify ({'; '.join(told)})",
                hint="clear it from the source's files and convert again: images are copied as they are",
            )


def _personal(text: FileText) -> Iterator[str]:
    if text.name in _PERSONAL_FIELDS:
        yield "the field names a person, a place or a device"
    elif not text.name.startswith(_OF_THE_FILE):
        yield from _forms(text.text)


def _forms(text: str) -> Iterator[str]:
    yield from (what for form, what in TOLD.items() if form.search(text))


def _texts(record: ImageRecord) -> Iterator[Found]:
    fields = [
        *record.source_fields,
        *(field for nodule in record.nodules for field in nodule.source_fields),
        *(field for finding in record.findings for field in finding.source_fields),
    ]
    told = {
        f"{field.name}: {what}"
        for field in fields
        for what in (*_forms(field.text), *(["of a birth"] if _born(field.name, field.text) else []))
    }
    told |= {f"remark {remark.code}: {what}" for remark in record.remarks for what in _forms(remark.text)}
    if told:
        yield Found(
            image_id=record.image_id,
            what=f"a text of the source may identify ({'; '.join(sorted(told))})",
            hint="leave the column out or shorten it to what is needed, and convert again",
        )


def _born(name: str, text: str) -> bool:
    return bool(_BIRTH.search(name) and text.strip())


def _ids(record: ImageRecord) -> Iterator[Found]:
    named = {
        "image_id": record.image_id,
        "group_id": record.group_id,
        "study_id": record.study_id or "",
        "series_id": record.series_id or "",
    }
    told = [f"{name}: {what}" for name, value in named.items() for what in _forms(value.replace("_", " "))]
    if told:
        yield Found(
            image_id=record.image_id,
            what=f"an id may lead back to the archive ({'; '.join(told)})",
            hint="give the source's files and groups new names, and convert again",
        )


def _pictured(look: Look) -> Iterator[Found]:
    told = {what for line in look.lines for what in _forms_on_screen(line.text)}
    if told:
        yield Found(
            image_id=look.record.image_id,
            what=f"what is written in the picture may identify ({'; '.join(sorted(told))})",
            hint="look at it: cut the margin off (derive --crop echo), or blank it and convert again",
        )


def _forms_on_screen(text: str) -> Iterator[str]:
    spaced = _TIME.sub(" ", text)
    yield from _forms(spaced)
    yield from (what for form, what in _ON_SCREEN.items() if form.search(spaced))


RULES = (
    Rule(
        code="TD601",
        title="Image file that may identify",
        severity=Severity.WARNING,
        reads=Reads.FILES,
        check=_files,
    ),
    Rule(
        code="TD602",
        title="Text that may identify",
        severity=Severity.WARNING,
        reads=Reads.RECORD,
        check=_texts,
    ),
    Rule(
        code="TD603",
        title="Id that leads back",
        severity=Severity.WARNING,
        reads=Reads.RECORD,
        check=_ids,
    ),
    Rule(
        code="TD604",
        title="Text in the picture that may identify",
        severity=Severity.WARNING,
        reads=Reads.TEXT,
        check=_pictured,
    ),
)
"""The rules of privacy."""
