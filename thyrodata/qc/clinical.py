"""Rules of what is stated of patients and nodules in numbers, TD407 to TD409."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from thyrodata.dataset import Dataset
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.qc.sizes import LARGEST_MM, SMALLEST_MM
from thyrodata.qc.statements import Statement, statements

__all__ = ["RULES"]

OLDEST = 110
"""Years. Few hundred people alive are older, and an age above is mostly a slip of the keyboard."""

_AGE = re.compile(r"(?:.*[^a-z])?(?:age|edad|alter)(?:[^a-z].*)?", re.IGNORECASE)
"""The name of a column that holds an age: in English, Spanish or German, with or without other words."""

_YEAR = re.compile(r"\s*((?:18|19|20)[0-9]{2})(?:\.0*)?\s*")


def _birth_year(said: Statement) -> Iterator[tuple[str, str]]:
    for field in said.source_fields:
        year = _YEAR.fullmatch(field.text)
        if year and _AGE.fullmatch(field.name):
            yield (
                f"{field.name} {year[1]} of the case {said.group_id} may be a year of birth",
                "ask the source for the ages; a year of birth may identify a person",
            )


def _very_old(said: Statement) -> Iterator[tuple[str, str]]:
    age = said.patient.age if said.patient else None
    if age and age.years > OLDEST:
        yield (
            f"the patient of the case {said.group_id} is {age.years} years old",
            "compare with the source: a year of birth, months, or a code for unknown",
        )


def _stated_size(said: Statement) -> Iterator[tuple[str, str]]:
    for nodule in said.nodules:
        wrong = [size for size in nodule.size_mm if size and not SMALLEST_MM <= size <= LARGEST_MM]
        if wrong:
            axes = " x ".join(f"{size:g}" for size in nodule.size_mm if size)
            yield (
                f"nodule {nodule.nodule_id!r} of the case {said.group_id} is stated to measure {axes} mm",
                "see whether the source's unit is centimetres",
            )


def _once(check: Callable[[Statement], Iterator[tuple[str, str]]], dataset: Dataset) -> Iterator[Found]:
    """Yield what a check says, once for each case, at the first image."""
    seen: set[str] = set()
    for said in statements(dataset):
        for what, hint in check(said):
            if what not in seen:
                seen.add(what)
                yield Found(image_id=said.image_id, what=what, hint=hint)


RULES = tuple(
    Rule(code=code, title=title, severity=severity, reads=Reads.DATASET, check=partial(_once, check))
    for code, title, severity, check in (
        ("TD407", "Age may be a year of birth", Severity.WARNING, _birth_year),
        ("TD408", "Older than 110 years", Severity.WARNING, _very_old),
        ("TD409", "Impossible stated size", Severity.ERROR, _stated_size),
    )
)
"""The rules of what is stated in numbers."""
