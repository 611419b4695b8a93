"""Ranges of numbers, whose ends are inside or outside, and numbers that are known only as 'at least'."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, inf

__all__ = ["Range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The numbers between two ends."""

    low: float = -inf
    high: float = inf
    low_outside: bool = False
    """The low end is no member: 'more than'."""
    high_outside: bool = False
    """The high end is no member: 'less than'."""

    def __str__(self) -> str:
        """Return the range in words: ``at least 18 and less than 65``."""
        words = []
        if self.low > -inf:
            words.append(f"{'more than' if self.low_outside else 'at least'} {self.low:.15g}")
        if self.high < inf:
            words.append(f"{'less than' if self.high_outside else 'at most'} {self.high:.15g}")
        return " and ".join(words) or "any number"

    def holds(self, value: float, *, at_least: bool = False) -> bool | None:
        """Return whether a number lies in the range; ``None`` if that cannot be told.

        Args:
            value: The number.
            at_least: The number is only known to be this or more.
        """
        below = value < self.low or (self.low_outside and value == self.low)
        above = value > self.high or (self.high_outside and value == self.high)
        if not at_least:
            return not (below or above)
        if above:
            return False
        return None if below or self.high < inf else True

    def both(self, other: Range) -> Range:
        """Return the numbers that lie in both ranges."""
        low = max((self.low, self.low_outside), (other.low, other.low_outside))
        high = min((self.high, not self.high_outside), (other.high, not other.high_outside))
        return Range(low=low[0], low_outside=low[1], high=high[0], high_outside=not high[1])

    def has_member(self, *, whole: bool = False) -> bool:
        """Return whether there is a number in the range.

        Args:
            whole: Only whole numbers count.
        """
        if whole and self.low > -inf and self.high < inf:
            first = floor(self.low) + 1 if self.low_outside else ceil(self.low)
            last = ceil(self.high) - 1 if self.high_outside else floor(self.high)
            return first <= last
        return self.low < self.high or (self.low == self.high and not (self.low_outside or self.high_outside))
