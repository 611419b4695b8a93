"""Keys that thyrodata writes beside a format's own, read back where they have the form that it gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from thyrodata.errors import SchemaError
from thyrodata.io.coco import json_text
from thyrodata.schema.plain import from_plain
from thyrodata.schema.record import Label, SourceField

__all__ = ["Extra", "labels_of", "member", "plain_text", "score"]

E = TypeVar("E", bound=Enum)
T = TypeVar("T")

MAX_SCORE = 1e300
"""Beyond any score; an infinity is none."""


class Extra:
    """Keys beside a format's own: those that thyrodata has written are taken out, the rest is kept verbatim.

    Args:
        values: The keys, with their values as JSON has them.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._left = dict(values)

    def take(self, key: str, read: Callable[[Any], T | None]) -> T | None:
        """Take a value out if it has the form that thyrodata gives it; ``None`` if not."""
        found = read(self._left[key]) if key in self._left else None
        if found is not None:
            del self._left[key]
        return found

    def drop(self, key: str, value: str) -> None:
        """Leave out a value that the record states already."""
        if self._left.get(key) == value:
            del self._left[key]

    def fields(self) -> tuple[SourceField, ...]:
        """Return what is left, as JSON text."""
        return tuple(SourceField(name=key, text=json_text(value)) for key, value in self._left.items())


def plain_text(value: Any) -> str | None:
    """Return a text that is not empty; ``None`` for anything else."""
    return value if isinstance(value, str) and value else None


def score(value: Any) -> float | None:
    """Return a number; ``None`` for anything else."""
    return float(value) if type(value) in (int, float) and abs(value) < MAX_SCORE else None


def labels_of(value: Any) -> tuple[Label, ...] | None:
    """Return a list of labels; ``None`` for anything else."""
    try:
        return tuple(from_plain(Label, label) for label in value) if isinstance(value, list) else None
    except SchemaError:
        return None


def member(kind: type[E]) -> Callable[[Any], E | None]:
    """Return a function from a text to the member of an enum; to ``None`` from anything else."""
    values = {found.value: found for found in kind}
    return lambda value: values.get(value) if isinstance(value, str) else None
