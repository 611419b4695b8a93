"""Wording the accounts that operations left as JSON, of which no form is taken for granted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from thyrodata.reports.datapage.distributions import NOT_STATED

__all__ = ["at", "entries", "fields", "number", "worded"]

DEPTH = 3
"""Parts in parts of an account: what lies deeper is counted."""
NAMED = 10
"""Of a list of texts: a longer one is counted. All of it stands in the account's file."""


def at(value: Any, *keys: str) -> Any:
    """Return what stands in an account below some keys; ``None`` where nothing does."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def entries(value: Any, *keys: str) -> list[Any]:
    """Return the list that stands in an account below some keys; an empty one where none does."""
    found = at(value, *keys)
    return found if isinstance(found, list) else []


def number(value: Any, *keys: str) -> float | None:
    """Return the number that stands in an account below some keys; ``None`` where none does."""
    found = at(value, *keys)
    known = isinstance(found, int | float) and not isinstance(found, bool) and isfinite(found)
    return float(found) if known else None


def worded(value: Any) -> str:
    """Return a value of an account as a text for a cell."""
    match value:
        case None:
            said = NOT_STATED
        case bool():
            said = "yes" if value else "no"
        case [str(), *_] if len(value) <= NAMED and all(isinstance(each, str) for each in value):
            said = "; ".join(value)
        case int():
            said = f"{value:,}"
        case list():
            said = f"{len(value):,}"
        case dict():
            parts = ((name, len(each) if isinstance(each, dict) else each) for name, each in value.items())
            said = ", ".join(f"{name.replace('_', ' ')}: {worded(each)}" for name, each in parts)
        case _:
            said = str(value)
    return said


def fields(account: Mapping[str, Any], within: str = "", depth: int = DEPTH) -> Iterator[tuple[str, str]]:
    """Yield the fields of an account by their names and as texts, those of a part behind its name."""
    for name, value in account.items():
        said = f"{within}{name.replace('_', ' ')}"
        if isinstance(value, dict) and depth:
            yield from fields(value, f"{said}: ", depth - 1)
        else:
            yield said, worded(value)
