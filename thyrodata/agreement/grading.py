"""What a policy makes of the values that readers give one thing on one scheme."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thyrodata.agreement.policy import ClassRule
from thyrodata.agreement.votes import Outcome
from thyrodata.schema.record import Label
from thyrodata.schema.vocab import Basis, Term

__all__ = ["GradeDecision", "decide_grade"]

Said = tuple[Term, str | None]
"""A value and its edition."""

_FEWEST_FOR_MAJORITY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeDecision:
    """What came of the values of one thing, before the arbiter is heard."""

    outcome: Outcome
    rule: str
    why: str
    label: Label | None


def decide_grade(said: Mapping[str, Sequence[Label]], rule: ClassRule, *, lone: bool) -> GradeDecision:
    """Return what a rule makes of the labels of one scheme that readers give one thing.

    Args:
        said: The labels of each reader who gave any.
        rule: What was decided beforehand.
        lone: Whether the word of one reader alone is taken.
    """
    if len(said) == 1 and not lone:
        return GradeDecision(outcome=Outcome.LEFT, rule="one-reader: leave", why="one-reader", label=None)
    values: dict[str, Said] = {}
    for reader, labels in said.items():
        found = {(label.value, label.edition) for label in labels}
        if len(found) > 1:
            return _undecided("contradictory-grade")
        values[reader] = found.pop()
    bases = {label.basis for labels in said.values() for label in labels}
    basis = Basis.IMAGING if bases == {Basis.IMAGING} else None
    if len(values) == 1:
        return _decided(next(iter(values.values())), basis, Outcome.POLICY, "one-reader: take", "one-reader")
    return _of_several([*values.values()], rule, basis)


def _of_several(values: Sequence[Said], rule: ClassRule, basis: Basis | None) -> GradeDecision:
    if len({edition for _, edition in values}) > 1:
        return _undecided("editions-differ")
    if rule is ClassRule.ADJUDICATE:
        return _undecided("policy-adjudicates")
    if len(set(values)) == 1:
        return _decided(values[0], basis, Outcome.AGREED, rule.value, "")
    chosen = _chosen(values, rule)
    if chosen is None:
        return _undecided("no-majority" if rule is ClassRule.MAJORITY else "grades-differ")
    return _decided(chosen, basis, Outcome.POLICY, rule.value, "grades-differ")


def _chosen(values: Sequence[Said], rule: ClassRule) -> Said | None:
    """Return the value that a rule chooses of values that differ, if it does."""
    if rule is ClassRule.MAJORITY:
        value, most = Counter(values).most_common(1)[0]
        return value if len(values) >= _FEWEST_FOR_MAJORITY and 2 * most > len(values) else None
    ranked = sorted(values, key=lambda value: value[0].grade or 0)
    return {ClassRule.HIGHEST: ranked[-1], ClassRule.LOWEST: ranked[0]}.get(rule)


def _decided(value: Said, basis: Basis | None, outcome: Outcome, rule: str, why: str) -> GradeDecision:
    label = Label(value=value[0], edition=value[1], basis=basis)
    return GradeDecision(outcome=outcome, rule=rule, why=why, label=label)


def _undecided(why: str) -> GradeDecision:
    return GradeDecision(outcome=Outcome.OPEN, rule="", why=why, label=None)
