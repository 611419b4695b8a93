"""Ages and dates of headers and tables: understood, compared, and top-coded before they leave."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from thyrodata.schema.record import MAX_AGE, Age

__all__ = ["TOP_AGE", "agreed_age", "parse_date", "parse_dicom_age", "years_between"]

TOP_AGE = 90
"""Ages from here on leave as "90+": so few people reach them that a year of age may name one (US 45 CFR
164.514(b)(2)(i)(C), the Safe Harbor method of HIPAA)."""

_DICOM_AGE = re.compile(r"([0-9]{1,3})\s*([DWMYdwmy])")  # AS has three digits; some devices write 65Y
_DATE = re.compile(
    r"([0-9]{4})([-./]?)([0-9]{2})\2([0-9]{2})"
)  # 20120418; 1997.04.24 of ACR-NEMA; 2012-04-18
_DAYS_OF_YEAR = 365.2425
_YEARS: dict[str, Callable[[int], int]] = {
    "D": lambda days: int(days / _DAYS_OF_YEAR),
    "W": lambda weeks: int(weeks * 7 / _DAYS_OF_YEAR),
    "M": lambda months: months // 12,
    "Y": lambda years: years,
}


def parse_dicom_age(text: str) -> Age | None:
    """Return the completed years of an age (AS, DICOM PS3.5 6.2): ``065Y``, ``006M``, ``010W`` or ``003D``.

    Zero years and zero months are nobody's age: devices write them where none was entered, and what is
    younger than a month is told in days or weeks. ``None`` is all that cannot be an age.
    """
    found = _DICOM_AGE.fullmatch(text)
    if found is None or (not int(found[1]) and found[2] in "MYmy"):
        return None
    years = _YEARS[found[2].upper()](int(found[1]))
    return Age(years=years) if years <= MAX_AGE else None


def parse_date(text: str) -> date | None:
    """Return a day that is written as year, month and day, with one of ``-./`` or nothing between them."""
    found = _DATE.fullmatch(text)
    try:
        return date(int(found[1]), int(found[3]), int(found[4])) if found else None
    except ValueError:  # no such day
        return None


def years_between(birth: date, exam: date) -> Age | None:
    """Return the completed years at an exam; ``None`` before birth, and beyond any life."""
    years = exam.year - birth.year - ((exam.month, exam.day) < (birth.month, birth.day))
    return Age(years=years) if 0 <= years <= MAX_AGE else None


def agreed_age(first: Age | None, second: Age | None) -> tuple[Age | None, bool]:
    """Return the age that two sources come to, top-coded, and whether they disagree.

    Of ages that differ by a year at most the first is meant: people have birthdays, and tables round. If they
    differ by more, nothing is known; but an age that either source puts at 90 or more leaves as "90+", so
    that no error in the other one uncovers it.
    """
    stated = [age for age in (first, second) if age is not None]
    if not stated:
        return None, False
    differ = len(stated) == 2 and not _compatible(stated[0], stated[1])  # noqa: PLR2004 -- both
    if any(age.years >= TOP_AGE for age in stated):
        return Age(years=TOP_AGE, at_least=True), differ
    return (None, True) if differ else (stated[0], False)


def _compatible(first: Age, second: Age) -> bool:
    low, high = sorted((first, second), key=lambda age: age.years)
    return high.years - low.years <= 1 or low.at_least
