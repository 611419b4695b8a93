"""The allow-list: what of a header's texts and numbers may leave, and only in a form that is made here.

No text of a header leaves. Each value is looked up in a closed list, or is a number in the range of what it
measures; what is not understood is left out, and remarked in words that quote nothing. What else leaves of a
file (rows, columns, frames, region types and spacing) is measured on the pixels and regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import isfinite

from thyrodata.capture.ages import agreed_age, parse_date, parse_dicom_age, years_between
from thyrodata.capture.bodyparts import BODY_PARTS
from thyrodata.capture.devices import find_maker
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.schema.record import Acquisition, Age, Patient, Remark
from thyrodata.schema.vocab import Sex

__all__ = ["REMARKS", "Attributes", "attributes_of", "exam_date_of", "remark"]

REMARKS = {
    "age-disagrees": "the age that is stated and another one differ by more than a year",
    "age-needs-exam-date": "a birth date is stated, but no exam is dated, so that no age is known",
    "age-not-understood": "an age or a birth date is stated that can be nobody's",
    "biopsy-needs-exam-date": "a biopsy is dated, but no exam, so that the days between them are not known",
    "body-part-not-listed": "the body part is none of the terms that are listed",
    "frame-time-not-plausible": "the frame time is none that a scanner has",
    "lossy-not-understood": "whether the compression is lossy is stated in another way than 00 or 01",
    "manufacturer-not-listed": "the manufacturer is none of those that are listed",
    "model-not-listed": "the model is none of the manufacturer's that are listed",
    "sex-disagrees": "the sex is stated in two ways",
    "sex-not-understood": "the sex is stated in other words than female, male and other",
    "sex-other": "the sex is stated as other, for which records have no term",
}
"""What is said of a value that does not leave, by its code."""

# Enumerated in DICOM PS3.3 C.7.1.1; some devices spell them out.
_SEXES = {"F": Sex.FEMALE, "FEMALE": Sex.FEMALE, "M": Sex.MALE, "MALE": Sex.MALE}
_OTHER_SEX = frozenset({"O", "OTHER"})

# Dates that programs write where there is none, beyond those that make nobody's age: the first day of the
# century that most people are born after, and the first days of the calendars of spreadsheets.
_NO_BIRTH_DATES = frozenset({(1900, 1, 1), (1899, 12, 30), (1899, 12, 31)})

# Transfer syntaxes that only lossy pixels have: JPEG baseline and extended, MPEG-2, MPEG-4, HEVC, and JPEG XL
# that repacks a JPEG (DICOM PS3.5 section 8.2 and annex A.4). Others may hold lossy pixels too.
_LOSSY_SYNTAXES = frozenset(
    f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, *range(100, 109), 111)
) | frozenset(f"1.2.840.10008.1.2.4.{number}.1" for number in range(100, 107))

_FRAME_TIME_MS = (0.05, 10_000.0)
"""From 20,000 frames a second, of plane waves, to one in ten seconds."""

_LONGEST = 64
"""Characters of the longest text here (LO, DICOM PS3.5 section 6.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What leaves of a header."""

    patient: Patient
    acquisition: Acquisition
    """Manufacturer, model, frame time and lossy compression."""
    body_part: str | None
    """A term of DICOM PS3.16 annex L."""
    remarks: tuple[Remark, ...]
    """What was stated and does not leave."""


def remark(code: str) -> Remark:
    """Return a remark of :data:`REMARKS`."""
    return Remark(code=code, text=REMARKS[code])


def attributes_of(header: DicomHeader) -> Attributes:
    """Return what leaves of a header. It never fails: what is not understood is remarked."""
    codes: list[str] = []
    patient = Patient(sex=_sex(header.sex, codes), age=_age(header, codes))
    manufacturer, model = _device(header, codes)
    acquisition = Acquisition(
        manufacturer=manufacturer,
        model=model,
        lossy=_lossy(header, codes),
        frame_time_ms=_frame_time(header.frame_time_ms, codes),
    )
    body_part = _body_part(header.body_part, codes)
    return Attributes(
        patient=patient,
        acquisition=acquisition,
        body_part=body_part,
        remarks=tuple(remark(code) for code in dict.fromkeys(codes)),
    )


def exam_date_of(header: DicomHeader) -> date | None:
    """Return the day of an exam, which never leaves: the first of its dates that is one."""
    dates = (header.study_date, header.series_date, header.acquisition_date, header.content_date)
    return next((day for day in map(parse_date, filter(None, map(_stated, dates))) if day), None)


def _stated(text: str | None) -> str | None:
    """Return a text that says something. One that is too long is cut, so that no list has it."""
    cut = (text or "").strip(" \0")[: _LONGEST + 1]
    return cut if any(c.isalnum() for c in cut) else None


def _sex(text: str | None, codes: list[str]) -> Sex | None:
    stated = (_stated(text) or "").upper()
    if stated and stated not in _SEXES:
        codes.append("sex-other" if stated in _OTHER_SEX else "sex-not-understood")
    return _SEXES.get(stated)


def _age(header: DicomHeader, codes: list[str]) -> Age | None:
    stated, born = _stated(header.age), _stated(header.birth_date)
    age = parse_dicom_age(stated) if stated else None
    birth, exam = parse_date(born) if born else None, exam_date_of(header)
    if birth and (birth.year, birth.month, birth.day) in _NO_BIRTH_DATES:
        birth = None
    computed = years_between(birth, exam) if birth and exam else None
    if (stated and age is None) or (born and birth is None) or (birth and exam and computed is None):
        codes.append("age-not-understood")
    if birth and not exam and age is None:
        codes.append("age-needs-exam-date")
    agreed, differ = agreed_age(age, computed)
    if differ:
        codes.append("age-disagrees")
    return agreed


def _device(header: DicomHeader, codes: list[str]) -> tuple[str | None, str | None]:
    stated, model_stated = _stated(header.manufacturer), _stated(header.model)
    maker = find_maker(stated) if stated else None
    model = maker.find_model(model_stated) if maker and model_stated else None
    if stated and maker is None:
        codes.append("manufacturer-not-listed")
    if model_stated and model is None:
        codes.append("model-not-listed")
    return maker.name if maker else None, model


def _body_part(text: str | None, codes: list[str]) -> str | None:
    stated = _stated(text)
    letters = "".join(c for c in stated.upper() if c.isalnum()) if stated else ""
    if stated and letters not in BODY_PARTS:
        codes.append("body-part-not-listed")
    return letters if letters in BODY_PARTS else None


def _lossy(header: DicomHeader, codes: list[str]) -> bool | None:
    """Return what LossyImageCompression (0028,2110) says, unless the transfer syntax knows better."""
    stated = _stated(header.lossy)
    if stated and stated not in {"00", "01"}:
        codes.append("lossy-not-understood")
    if stated == "01" or header.transfer_syntax_uid in _LOSSY_SYNTAXES:
        return True
    return False if stated == "00" else None


def _frame_time(ms: float | None, codes: list[str]) -> float | None:
    """Return FrameTime (0018,1063) to the microsecond."""
    if ms is None:
        return None
    low, high = _FRAME_TIME_MS
    if not (isfinite(ms) and low <= ms <= high):
        codes.append("frame-time-not-plausible")
        return None
    return round(ms, 3)
