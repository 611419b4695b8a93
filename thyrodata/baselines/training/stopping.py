"""The plateau rule: when a figure has stopped to improve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Plateau"]


class Plateau:
    """Counts the epochs in a row without a gain: a value of more than ``min_delta`` over the best so far.

    The first value is a gain.

    Args:
        patience: How many such epochs make a plateau; ``None`` if none do.
        min_delta: See above.
    """

    def __init__(self, *, patience: int | None, min_delta: float = 0) -> None:
        self._patience = patience
        self._min_delta = min_delta
        self._best: float | None = None
        self._since = 0

    def improves(self, value: float) -> bool:
        """Count an epoch, and return whether it is a gain."""
        if self._best is None or value > self._best + self._min_delta:
            self._best, self._since = value, 0
            return True
        self._since += 1
        return False

    @property
    def over(self) -> bool:
        """Whether it is a plateau."""
        return self._patience is not None and self._since >= self._patience

    def wait_anew(self) -> None:
        """Count from here."""
        self._since = 0

    def state(self) -> dict[str, Any]:
        """Return what was counted, as plain values."""
        return {"best": self._best, "since": self._since}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what was counted."""
        self._best, self._since = state["best"], state["since"]
