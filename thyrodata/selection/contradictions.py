"""Criteria that contradict each other, found before a record is read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NoReturn

from thyrodata.errors import UsageError
from thyrodata.selection import conditions as asked
from thyrodata.selection.conditions import Level
from thyrodata.selection.criteria import Criterion, Step
from thyrodata.selection.ranges import Range

__all__ = ["check_consistent"]


def check_consistent(steps: Sequence[Step]) -> None:
    """Refuse two criteria of one name, and two that nothing can meet together.

    Raises:
        UsageError: There are such; the places of both are named.
    """
    for first, second in combinations(steps, 2):
        if first.name == second.name:
            _refuse(first, second, f"two criteria are called {first.name!r}", "give each a name of its own")
        if isinstance(first, Criterion) and isinstance(second, Criterion) and first.level is second.level:
            _check_pair(first, second)


def _check_pair(first: Criterion, second: Criterion) -> None:
    if first.required is not second.required and first.condition == second.condition:
        _refuse(
            first, second, f"{first.name!r} and {second.name!r} require and exclude the same", "remove one"
        )
    if first.required and second.required and _exclusive(first, second):
        what = f"{first.name!r} and {second.name!r} require what cannot be both"
        _refuse(first, second, what, "remove one, or put both into one list")


def _refuse(first: Step, second: Step, what: str, hint: str) -> NoReturn:
    raise UsageError(what, where=f"{first.where} and {second.where}", hint=hint)


def _exclusive(first: Criterion, second: Criterion) -> bool:
    """Whether two required conditions leave no value."""
    one, other = _range(first), _range(second)
    if one and other:
        return one[0] == other[0] and not one[1].both(other[1]).has_member()
    said = _values(first), _values(second)
    return (
        said[0] is not None
        and said[1] is not None
        and said[0][0] == said[1][0]
        and not (said[0][1] & said[1][1])
    )


def _range(criterion: Criterion) -> tuple[object, Range] | None:
    """Return what one number is asked for and the range; of a group's nodules there are several sizes."""
    match criterion.condition:
        case asked.AgeIn(years=numbers):
            return "age", numbers
        case asked.SizeIn(mm=numbers) if criterion.level is Level.NODULE:
            return "size", numbers
        case asked.SideIn(side=side, px=numbers):
            return side, numbers
        case asked.ColumnIn(name=name, numbers=numbers):
            return ("column", name), numbers
    return None


def _values(criterion: Criterion) -> tuple[object, set[object]] | None:
    """Return what one value is asked for and the values."""
    match criterion.condition:
        case asked.InSplit(name=name, parts=values):
            return ("split", name), set(values)
        case asked.ColumnIs(name=name, texts=values):
            return ("column", name), set(values)
        case asked.LocationIs(values=values) if criterion.level is Level.NODULE:
            return asked.LocationIs, set(values)
        case asked.SexIs() | asked.ModalityIs() | asked.SourceIs() | asked.CoverageIs() as condition:
            return type(condition), set(condition.values)
    return None
