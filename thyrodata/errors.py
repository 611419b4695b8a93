"""The errors thyrodata raises: what happened, where, and what to do about it."""

from __future__ import annotations

from typing import Any

__all__ = [
    "CaseError",
    "DatasetError",
    "HubError",
    "InterruptedRunError",
    "MissingExtraError",
    "OutputError",
    "RawLayoutError",
    "SchemaError",
    "SplitError",
    "ThyrodataError",
    "TrainingError",
    "UsageError",
]


class ThyrodataError(Exception):
    """Base of every error that thyrodata raises on purpose.

    An error survives pickling, so that it can cross from a worker process.

    Args:
        message: What happened, in one sentence without a final full stop.
        where: A file, and a line or record in it, that a person can open; empty if there is none.
        hint: What to do about it; empty if there is nothing to add.
    """

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the keyword arguments, which Exception alone would lose."""
        return (_rebuild, (type(self), self.message, self.where, self.hint))

    def __str__(self) -> str:
        """Return the message, with the place and the hint on lines of their own."""
        lines = [self.message]
        if self.where:
            lines.append(f"where: {self.where}")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


def _rebuild(kind: type[ThyrodataError], message: str, where: str, hint: str) -> ThyrodataError:
    return kind(message, where=where, hint=hint)


class RawLayoutError(ThyrodataError):
    """A source folder is not laid out as the dataset is published."""


class CaseError(ThyrodataError):
    """One item of a source cannot be read; the error policy decides whether the run goes on."""


class SchemaError(ThyrodataError):
    """A record, card or manifest would be invalid."""


class DatasetError(ThyrodataError):
    """A folder is not a whole and unchanged thyrodata dataset."""


class OutputError(ThyrodataError):
    """The output cannot be written: it exists, overlaps its source, or the disk is full."""


class SplitError(ThyrodataError):
    """A split cannot be made as asked, or leaks."""


class HubError(ThyrodataError):
    """The Hugging Face Hub cannot be reached, or refuses what was asked of it."""


class MissingExtraError(ThyrodataError):
    """An optional dependency is not installed; the hint names the extra."""


class TrainingError(ThyrodataError):
    """A training cannot go on. The checkpoints of the epochs before are whole."""


class UsageError(ThyrodataError):
    """The request contradicts itself or names something unknown."""


class InterruptedRunError(ThyrodataError):
    """The user stopped a run; what was done is kept and can be resumed."""
