"""Criteria: named, ordered, each of one condition that is required or excluded, or a sample."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from thyrodata.selection.conditions import Condition, Level
from thyrodata.selection.wording import describe

__all__ = ["Criterion", "Sample", "Step", "Unknown"]


class Unknown(Enum):
    """What is done with those of whom the answer is not known."""

    EXCLUDE = "exclude"
    KEEP = "keep"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One condition that each group, nodule or image must meet, or must not."""

    name: str
    level: Level
    condition: Condition
    required: bool
    """Whether it must be met; if not, those that meet it are excluded."""
    unknown: Unknown | None
    """``None`` where the answer is always known."""
    where: str
    """The file and line that say it."""

    def __str__(self) -> str:
        """Return what is asked of what, in words; equal for criteria that do the same."""
        unknown = f"; unknown: {self.unknown.value}" if self.unknown else ""
        return f"{self.level.value}: {self.rule}{unknown}"

    @property
    def rule(self) -> str:
        """What is required or excluded, in words."""
        return f"{'require' if self.required else 'exclude'} {describe(self.condition)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Some groups, drawn by chance: as many of each class, if a scheme says what the classes are."""

    name: str
    groups: int
    per: str | None
    """The scheme of labels by whose values groups are classed. A group without one value is in no class."""
    seed: int
    where: str

    @property
    def level(self) -> Level:
        """Whole groups are drawn."""
        return Level.PATIENT

    def __str__(self) -> str:
        """Return what is drawn of what, in words."""
        return f"{self.level.value}: {self.rule}"

    @property
    def rule(self) -> str:
        """What is drawn, in words."""
        of_each = f" of each value of {self.per}" if self.per else ""
        return f"sample {self.groups}{of_each}; seed: {self.seed}"


Step = Criterion | Sample
"""What a selection does at once."""
