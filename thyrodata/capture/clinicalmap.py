"""The file in which a site says what the columns of its clinical table mean: ``clinical.yaml``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from thyrodata.io.columnmap import (
    Column,
    LabelColumn,
    label_column,
    named_column,
    needed,
    parse_age,
    sex_column,
)
from thyrodata.io.raw import RawFile
from thyrodata.io.yamltext import YamlNode, read_yaml
from thyrodata.schema.record import Age
from thyrodata.schema.vocab import Scope, Sex

__all__ = ["ClinicalMap", "read_clinical_map"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalMap:
    """What the columns of a clinical table mean. A column that it does not name is not read."""

    patient: Column[str]
    """The id by which the images name the patient."""
    issuer: Column[str] | None = None
    """IssuerOfPatientID (0010,0021), where ids of several issuers meet."""
    study: Column[str] | None = None
    """The accession number or the StudyInstanceUID. A row without one is of all studies of its patient."""
    nodule: Column[str] | None = None
    """Which of the patient's nodules the row is about: a number of up to two digits, or a letter."""
    sex: Column[Sex] | None = None
    age: Column[Age] | None = None
    biopsy_date: Column[date] | None = None
    labels: tuple[LabelColumn, ...] = ()
    """Of the case or the nodule: who reads a table sees no image."""

    def columns(self) -> Iterator[Column[Any]]:
        """Yield every column that is named."""
        single = (self.patient, self.issuer, self.study, self.nodule, self.sex, self.age, self.biopsy_date)
        yield from (column for column in single if column)
        yield from (label.column for label in self.labels)


_KEYS = tuple(field.name for field in fields(ClinicalMap))
_NODULE = re.compile(r"[0-9]{1,2}|[A-Za-z]")  # no longer text: it leaves, and could name somebody
_CLOCK = r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"  # programs write a day as its midnight
_COMPACT = re.compile(rf"([0-9]{{4}})([0-9]{{2}})([0-9]{{2}}){_CLOCK}")
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})[-./]([0-9]{{1,2}})[-./]([0-9]{{1,2}}){_CLOCK}")
_YEAR_LAST = re.compile(rf"([0-9]{{1,2}})[-./]([0-9]{{1,2}})[-./]([0-9]{{4}}){_CLOCK}")


def read_clinical_map(file: RawFile) -> ClinicalMap:
    """Return what a mapping file says.

    Its keys are the fields of :class:`ClinicalMap`; ``patient`` must be there. A column is a name. That of
    ``sex`` may be ``{column: NAME, values: {TEXT: MEANING}}``, and that of ``biopsy_date`` ``{column: NAME,
    order: ymd|dmy|mdy}``; year, month and day are read unless it says otherwise. ``labels`` is a list of
    ``{column:, scheme:, of:, basis:, edition:, values:}``.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is broken, or says what cannot be; ``where`` is the line.
    """
    root = read_yaml(file)
    said = root.mapping("the file", _KEYS)
    return ClinicalMap(
        patient=named_column(needed(root, said, "patient", "the file"), "patient", str),
        issuer=named_column(said["issuer"], "issuer", str) if "issuer" in said else None,
        study=named_column(said["study"], "study", str) if "study" in said else None,
        nodule=named_column(said["nodule"], "nodule", _parse_nodule) if "nodule" in said else None,
        sex=sex_column(said["sex"]) if "sex" in said else None,
        age=named_column(said["age"], "age", parse_age) if "age" in said else None,
        biopsy_date=_date(said["biopsy_date"]) if "biopsy_date" in said else None,
        labels=_labels(said["labels"], has_nodules="nodule" in said) if "labels" in said else (),
    )


def _labels(node: YamlNode, *, has_nodules: bool) -> tuple[LabelColumn, ...]:
    labels = tuple(map(label_column, node.items("labels")))
    for item, label in zip(node.items("labels"), labels, strict=True):
        if label.scope not in {Scope.CASE, Scope.NODULE}:
            item.fail("a label of a table is of no image", "write 'of: case' or 'of: nodule'")
        if label.scope is Scope.NODULE and not has_nodules:
            item.fail("a label is of a nodule that no column names", "write 'nodule: NAME'")
    return labels


def _parse_nodule(text: str) -> str | None:
    return text if _NODULE.fullmatch(text) else None


def _date(node: YamlNode) -> Column[date]:
    if isinstance(node.value, str):
        return named_column(node, "biopsy_date", _ORDERS["ymd"])
    said = node.mapping("biopsy_date", ("column", "order"))
    order = needed(node, said, "order", "biopsy_date").choice("order", _ORDERS)
    return named_column(needed(node, said, "column", "biopsy_date"), "column", _ORDERS[order])


def _parse_ymd(text: str) -> date | None:
    found = _COMPACT.fullmatch(text) or _YEAR_FIRST.fullmatch(text)
    return _day(found[1], found[2], found[3]) if found else None


def _parse_dmy(text: str) -> date | None:
    found = _YEAR_LAST.fullmatch(text)
    return _day(found[3], found[2], found[1]) if found else None


def _parse_mdy(text: str) -> date | None:
    found = _YEAR_LAST.fullmatch(text)
    return _day(found[3], found[1], found[2]) if found else None


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:  # no such day
        return None


_ORDERS: dict[str, Callable[[str], date | None]] = {"ymd": _parse_ymd, "dmy": _parse_dmy, "mdy": _parse_mdy}
