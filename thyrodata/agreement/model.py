"""What a report on the agreement of readers holds: figures, each with its interval and what it is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from thyrodata.agreement.definitions import DEFINITIONS
from thyrodata.schema.vocab import Scope, Term

__all__ = [
    "Agreement",
    "Differences",
    "Figure",
    "GradeAgreement",
    "Noted",
    "OverallAgreement",
    "PairAgreement",
    "PairColumns",
    "ReaderCount",
    "Terms",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what a report was made: what a reader of it must know to make it again."""

    dataset: str
    sources: tuple[str, ...]
    """Other sources of readings, by their names in the report."""
    structures: tuple[str, ...]
    """What was compared."""
    floor: float
    """The least IoU of two drawings that may be of one thing."""
    tolerance: float
    unit: str
    """Of the tolerance and of every distance: ``px`` or ``mm``."""
    thresholds: tuple[float, ...]
    """IoU from which a drawing counts as found by the other reader."""
    group_kinds: tuple[str, ...]
    """What intervals resample: only a patient is one."""
    seed: int
    resamples: int
    level: float
    """Of the intervals: .95."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderCount:
    """What one reader has read."""

    reader: str
    roles: tuple[str, ...]
    """As the source words them."""
    images: int
    """That the reader has looked at."""
    findings: int
    """Drawings of what is compared."""
    complete: int
    """Images of which the reader says that all was drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number, with its interval by the bootstrap over groups."""

    name: str
    """A key of :data:`thyrodata.agreement.definitions.DEFINITIONS`."""
    of: str
    """What it is of or at: ``mean``, ``median``, ``IoU >= 0.5``; empty where the name says all."""
    unit: str
    value: float | None
    """``None`` where it is not defined on this data."""
    low: float | None
    high: float | None
    n: int
    counted: str
    """What ``n`` counts: ``pairs of outlines``, ``images``."""
    groups: int

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, with the source of its definition."""
        said = {field: getattr(self, field) for field in self.__slots__}
        return {**said, "source": DEFINITIONS[self.name].source}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairColumns:
    """The figures of each matched pair of outlines, as columns of one length."""

    image_ids: tuple[str, ...]
    group_ids: tuple[str, ...]
    finding_ids: tuple[tuple[str, str], ...]
    """Of the first and of the second reader's drawing."""
    values: Mapping[str, tuple[float, ...]]
    """By name: ``iou``, ``dice``, and of outlines the distances, ``area_a``, ``area_b``, ``diameter_a`` and
    ``diameter_b``; nan where a pair has none."""

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.image_ids)

    def worst(self, count: int) -> Iterator[int]:
        """Yield the places of the pairs of least Dice, least first."""
        dice = self.values["dice"]
        yield from sorted(range(len(self)), key=lambda k: (dice[k], self.image_ids[k]))[:count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """How the areas or the diameters of two readers differ (Bland-Altman)."""

    quantity: str
    """``area`` or ``diameter``."""
    unit: str
    figures: tuple[Figure, ...]
    """``bias``, ``sd``, ``loa_low``, ``loa_high`` of first less second, and ``icc_a1``."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "quantity": self.quantity,
            "unit": self.unit,
            "figures": [each.to_json() for each in self.figures],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeAgreement:
    """How two readers grade the same things on one scheme."""

    scheme: str
    scope: Scope
    """What is graded."""
    terms: tuple[Term, ...]
    """The scheme's values, in its order: of rows and columns of the table."""
    table: tuple[tuple[int, ...], ...]
    """Things by the first reader's (row) and the second's (column) value."""
    figures: tuple[Figure, ...]
    """``observed_agreement``, ``kappa`` and, on a scale with an order, ``kappa_quadratic``."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "scheme": self.scheme,
            "scope": self.scope.value,
            "terms": [term.value for term in self.terms],
            "table": [[*row] for row in self.table],
            "figures": [each.to_json() for each in self.figures],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgreement:
    """How two readers agree on what both have read."""

    readers: tuple[str, str]
    images: int
    """That both have looked at."""
    only: tuple[int, int]
    """Images that the first alone, and the second alone, has looked at."""
    unmatched: tuple[int, int]
    """Drawings of the first, and of the second, that the other has nothing to match with."""
    unmatched_of_complete: tuple[int, int]
    """Of these, those where the other says that all was drawn. Whether the rest were missed nobody knows."""
    equal: int
    """Matched pairs that are equal in every pixel."""
    figures: tuple[Figure, ...]
    """Of overlap, distance and detection."""
    differences: tuple[Differences, ...]
    grades: tuple[GradeAgreement, ...]
    columns: PairColumns

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, without the columns, which stand in ``pairs.csv``."""
        return {
            "readers": [*self.readers],
            "images": self.images,
            "images_of_one_only": [*self.only],
            "matched": len(self.columns),
            "equal_in_every_pixel": self.equal,
            "unmatched": [*self.unmatched],
            "unmatched_where_the_other_is_complete": [*self.unmatched_of_complete],
            "figures": [each.to_json() for each in self.figures],
            "differences": [each.to_json() for each in self.differences],
            "grades": [each.to_json() for each in self.grades],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OverallAgreement:
    """How all readers agree together, by one scheme of grades or by one quantity of outlines."""

    what: str
    """``tirads-acr of the finding``, ``area``, ``outlines``."""
    figures: tuple[Figure, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"what": self.what, "figures": [each.to_json() for each in self.figures]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something that was not compared, or that a reader of the figures must know."""

    code: str
    sentence: str
    places: tuple[str, ...]
    """Every image, with the reader or drawing where that matters."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"code": self.code, "what": self.sentence, "n": len(self.places), "places": [*self.places]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A report on the agreement of readers."""

    terms: Terms
    readers: tuple[ReaderCount, ...]
    pairs: tuple[PairAgreement, ...]
    overall: tuple[OverallAgreement, ...]
    notes: tuple[Noted, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "terms": {
                name: [*value] if isinstance(value, tuple) else value
                for name in self.terms.__slots__
                for value in [getattr(self.terms, name)]
            },
            "readers": [
                {**{name: getattr(each, name) for name in each.__slots__}, "roles": [*each.roles]}
                for each in self.readers
            ],
            "pairs": [each.to_json() for each in self.pairs],
            "overall": [each.to_json() for each in self.overall],
            "notes": [each.to_json() for each in self.notes],
        }
