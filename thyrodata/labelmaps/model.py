"""A label map: which values become which terms, said of what, and what is lost by it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from thyrodata.schema.record import Label
from thyrodata.schema.vocab import SCHEMES, Basis, Scope, Term

__all__ = ["ACR_POINTS", "LabelMap", "source_values"]

ACR_POINTS = "acr-points"
"""Stands where a map reads the sum of a nodule's ACR TI-RADS points instead of a scheme's labels."""

MAX_ACR_POINTS = 17
"""2 + 3 + 3 + 3 + 6: the most that :class:`thyrodata.schema.record.AcrPoints` can sum to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMap:
    """A named reading of one scheme's values."""

    name: str
    title: str
    source: str
    """Who published the reading, or that nobody did."""
    from_scheme: str
    """A key of :data:`thyrodata.schema.vocab.SCHEMES`, or :data:`ACR_POINTS`."""
    from_scope: Scope
    to_scheme: str | None
    """``None`` if no value makes a label."""
    to_scope: Scope
    values: tuple[tuple[str, Term | None], ...]
    """What each value makes: a term, or no label."""
    basis: Basis | None
    """Of the labels made; ``None`` for that of the label that each is made from."""
    keep: bool
    """Whether the labels that are read stay beside those that are made."""
    loses: str
    """What the reading loses, in a sentence."""
    does_not_say: tuple[str, ...]
    """What may not be concluded from the labels made."""

    @property
    def in_place(self) -> bool:
        """Whether a label is made where one is read, not carried over or summed up."""
        return self.from_scope is self.to_scope and self.from_scheme != ACR_POINTS

    def made(self, term: Term, label: Label | None) -> Label:
        """Return the label that a term makes; ``label`` is what it is made from, ``None`` for points."""
        if label is None:
            return Label(value=term, basis=self.basis)
        edition = label.edition if term.scheme == label.value.scheme else None
        return replace(label, value=term, edition=edition, basis=self.basis or label.basis)

    def __str__(self) -> str:
        """Return what is read and made: ``tirads-kwak of the case to malignancy of the case``."""
        read = f"{self.from_scheme} of the {self.from_scope.value}"
        return (
            f"{read} to {f'{self.to_scheme} of the {self.to_scope.value}' if self.to_scheme else 'no label'}"
        )


def source_values(scheme: str) -> tuple[str, ...]:
    """Return every value of a scheme that a map may read, in the scheme's order."""
    if scheme == ACR_POINTS:
        return tuple(map(str, range(MAX_ACR_POINTS + 1)))
    return tuple(str(term.value) for term in SCHEMES[scheme])
