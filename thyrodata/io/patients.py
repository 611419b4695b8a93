"""Patients under numbers of eight digits: what a JSON object says of each, and plain lists of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from thyrodata.errors import RawLayoutError
from thyrodata.io.jsontext import parse_verbatim
from thyrodata.io.raw import RawFile
from thyrodata.io.tables import read_table

__all__ = ["read_patient_list", "read_patients"]

_PATIENT = re.compile(r"[0-9]{8}")
_AGAIN = "copy it again from the release"
_COMPARE = "compare the file with the release"


def read_patients(file: RawFile, nodule: re.Pattern[str]) -> dict[str, Mapping[str, Any]]:
    """Return what a table says of each patient: an object by number, of objects.

    Args:
        file: JSON.
        nodule: Of the names of members that are objects or null. A member ``images``, if there is one, is an
            array of strings.

    Returns:
        By number; every number in what is said is the text that it is.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is no such table, or has a patient twice.
    """
    found = parse_verbatim(file.read(), str(file), RawLayoutError)
    if not isinstance(found, dict) or not found:
        raise RawLayoutError("the table is no object of patients", where=str(file), hint=_AGAIN)
    for number, patient in found.items():
        if not (_PATIENT.fullmatch(number) and isinstance(patient, dict) and _as_published(patient, nodule)):
            text = "a patient is no object of the published members under a number of 8 digits"
            raise RawLayoutError(text, where=f"{file}#{number[:40]}", hint=_COMPARE)
    return found


def _as_published(patient: Mapping[str, Any], nodule: re.Pattern[str]) -> bool:
    images = patient.get("images", [])
    nodules = [patient[name] for name in patient if nodule.fullmatch(name)]
    return (
        isinstance(images, list)
        and all(isinstance(image, str) for image in images)
        and all(said is None or isinstance(said, dict) for said in nodules)
    )


def read_patient_list(file: RawFile, shown: set[str]) -> set[str]:
    """Return the patients that a list names, a number a line.

    Args:
        file: Text.
        shown: The patients of whom there are images where the list is of. A list whose last line has no end
            is cut if it lacks one of them; in a list that ends like a whole one, that is for its reader.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is empty or cut, or a line is no number.
    """
    table = read_table(file, ("patient",), header=False, ends=False)
    numbers = set()
    for row in table.rows:
        if len(row.cells) != 1 or not _PATIENT.fullmatch(row.cells[0].strip()):
            raise RawLayoutError("a line is no number of 8 digits", where=row.where, hint=_AGAIN)
        numbers.add(row.cells[0].strip())
    if not numbers or (not table.rows[-1].ended and shown - numbers):
        text = (
            "the list is empty, or it is cut: its last line has no end, and it lacks patients who have images"
        )
        raise RawLayoutError(text, where=str(file), hint=_AGAIN)
    return numbers
