"""What was decided, thing by thing: who said what, what came of it, and by which rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from thyrodata.schema.vocab import Scope

__all__ = ["BOX", "OUTLINE", "Outcome", "Tally", "Vote", "Voter", "tally"]

OUTLINE, BOX = "outline", "box"


class Outcome(Enum):
    """What came of the readings of one thing."""

    AGREED = "agreed"
    """The readers agree as the policy asks."""
    POLICY = "policy"
    """They do not, and a rule of the policy decides."""
    ADJUDICATED = "adjudicated"
    """They do not, and the arbiter's reading decides."""
    OPEN = "open"
    """They do not, and nothing decides: it waits for the arbiter."""
    LEFT = "left"
    """There is nothing to decide: one reader alone has read it, or the policy does not ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voter:
    """What one reader, or the arbiter, said."""

    reader: str
    finding_id: str
    """Of the drawing; empty where something else is graded."""
    value: str
    """``scheme/value``; empty for a drawing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One thing that was decided, or not."""

    image_id: str
    group_id: str
    scope: Scope
    item: str
    """``outline``, ``box``, or the scheme of a grade."""
    thing: str
    """The nodule or case that is graded; empty for the image and what is drawn on it."""
    voters: tuple[Voter, ...]
    """By reader's name; the arbiter last, where there is a word of the arbiter's."""
    agreement: float | None
    """The least Dice or IoU of every two drawings, by the measure that the policy names."""
    outcome: Outcome
    rule: str
    """The policy's word that decided: ``mean-shape``, ``unmatched: keep``."""
    why: str
    """Why they do not agree, where they do not: a code of :data:`thyrodata.agreement.resolving.REASONS`."""
    consensus_id: str
    """Of the consensus finding; empty where there is none."""
    value: str
    """The grade that was decided; empty for a drawing, and where none was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many things of one kind came to what."""

    item: str
    """``outline``, ``box``, or the scheme of a grade with what it is said of."""
    counts: tuple[tuple[Outcome, int], ...]
    """Of every outcome, also of none."""

    @property
    def decidable(self) -> int:
        """Things that two or more readers could agree on: of these are the percentages."""
        return sum(n for outcome, n in self.counts if outcome is not Outcome.LEFT)

    def share(self, outcome: Outcome) -> float | None:
        """Return the share of the decidable that came to an outcome, 0 to 1; ``None`` if there are none."""
        return dict(self.counts)[outcome] / self.decidable if self.decidable else None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values; percentages are of what two or more readers could agree on."""
        said: dict[str, Any] = {"item": self.item, "decidable": self.decidable}
        for outcome, n in self.counts:
            said[outcome.value] = n
            share = self.share(outcome)
            if outcome is not Outcome.LEFT:
                said[f"{outcome.value}_percent"] = None if share is None else round(100 * share, 2)
        return said


def tally(votes: Iterable[Vote]) -> tuple[Tally, ...]:
    """Return how many things came to what: drawings first, then each scheme.

    What is said of a case or a nodule comes with each of its images, and is counted once.
    """
    counts: dict[str, Counter[Outcome]] = {}
    seen: set[tuple[str, Scope, str]] = set()
    for vote in votes:
        if vote.scope in {Scope.CASE, Scope.NODULE}:
            key = (vote.item, vote.scope, vote.thing)
            if key in seen:
                continue
            seen.add(key)
        name = vote.item if vote.item in {OUTLINE, BOX} else f"{vote.item} of the {vote.scope.value}"
        counts.setdefault(name, Counter())[vote.outcome] += 1
    order = sorted(counts, key=lambda name: (name not in {OUTLINE, BOX}, name))
    return tuple(
        Tally(item=name, counts=tuple((outcome, counts[name][outcome]) for outcome in Outcome))
        for name in order
    )
