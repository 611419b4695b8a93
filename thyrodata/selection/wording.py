"""Conditions in words, for the ledger, its figure and the manifest."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from thyrodata.schema.vocab import GroupKind
from thyrodata.selection import conditions as asked
from thyrodata.selection.cohort import Counts
from thyrodata.selection.conditions import Condition, Level

__all__ = ["count_level", "count_of", "describe", "name_counts"]

_GROUPS = {
    GroupKind.PATIENT: ("patient", "patients"),
    GroupKind.CASE: ("case", "cases"),
    GroupKind.NODULE: ("group named by a nodule", "groups named by nodules"),
    GroupKind.CLIP: ("clip", "clips"),
    GroupKind.IMAGE: ("group named by an image", "groups named by images"),
}
_Plain = asked.SexIs | asked.LocationIs | asked.ModalityIs | asked.SourceIs | asked.CoverageIs
_OfValues = _Plain | asked.ColumnIs | asked.InSplit | asked.HasFinding | asked.HasRemark | asked.HasViewPlanes
_NAMES: dict[type[_Plain], str] = {
    asked.SexIs: "sex",
    asked.LocationIs: "location",
    asked.ModalityIs: "modality",
    asked.SourceIs: "source",
    asked.CoverageIs: "coverage",
}


def describe(condition: Condition) -> str:
    """Return a condition in words, the same for equal conditions."""
    match condition:
        case asked.HasLabel():
            return _label(condition)
        case asked.AgeIn(years=numbers):
            return f"age in years {numbers}"
        case asked.SizeIn(mm=numbers):
            return f"largest axis in mm {numbers}"
        case asked.SideIn(side=side, px=numbers):
            return f"{side.value.removesuffix('_px')} in px {numbers}"
        case asked.ColumnIn(name=name, numbers=numbers):
            return f"column {name} {numbers}"
        case _:
            return _values(condition)


def name_counts(counts: Counts) -> tuple[str, ...]:
    """Return counts in words, groups by what the source says that they are: a case is called no patient."""
    things = [(n, _GROUPS[kind]) for kind, n in counts.groups] or [(0, ("group", "groups"))]
    things += [
        (counts.nodules, ("nodule", "nodules")),
        (counts.images, ("image", "images")),
        (counts.findings, ("finding", "findings")),
    ]
    return tuple(count_of(n, *words) for n, words in things)


def count_of(n: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{n:,} {one if n == 1 else many}"


def count_level(n: int, level: Level, counts: Counts) -> str:
    """Return how many of what a criterion of a level asks, as the source names it.

    Args:
        n: How many.
        level: The level.
        counts: Of what there is, which says what the groups are.
    """
    if level is not Level.PATIENT:
        return count_of(n, level.value, f"{level.value}s")
    kinds = [_GROUPS[kind] for kind, _ in counts.groups]
    return count_of(n, " or ".join(one for one, _ in kinds), " and ".join(many for _, many in kinds))


def _values(condition: _OfValues) -> str:
    match condition:
        case asked.ColumnIs(name=name, texts=values):
            what = f"column {name}"
        case asked.InSplit(name=name, parts=values):
            what = f"split {name}, part"
        case asked.HasFinding(structures=values):
            what = "finding"
        case asked.HasRemark(codes=values):
            what = "remark"
        case asked.HasViewPlanes(values=values):
            return f"view planes {_joined(values, 'and')}"
        case _:
            return f"{_NAMES[type(condition)]} {_joined(condition.values)}"
    return f"{what} {_joined(values)}"


def _joined(values: Iterable[str | Enum], word: str = "or") -> str:
    return f" {word} ".join(str(value.value) if isinstance(value, Enum) else value for value in values)


def _label(label: asked.HasLabel) -> str:
    words = ["one" if label.definitive else "a", label.scheme, "label"]
    if label.values:
        words += ["of", _joined(label.values)]
    if label.of:
        words += ["said of the", label.of.value]
    if label.basis:
        words += ["by", label.basis.value]
    if label.edition:
        words += ["of edition", label.edition]
    return " ".join(words)
