"""What may stand against publishing: one table of grounds, and an objection on one of them."""

from __future__ import annotations

from dataclasses import dataclass

from thyrodata.errors import SchemaError

__all__ = ["FINAL", "GROUNDS", "Objection"]

GROUNDS: dict[str, str] = {
    "audit-failed": "the capture audit found what may identify a person, or a guard that did not hold",
    "audit-missing": "pictures of patients were captured, and no capture audit of them is in the dataset",
    "audit-partial": "the capture audit did not look at every picture",
    "carried-split-leaks": "another split than the one that is pushed, which travels along, leaks",
    "qc-error": "quality control found an error, by its rule",
    "qc-missing": "quality control was not run",
    "qc-partial": "quality control was not run whole: a rule is missing, or an image was not read",
    "qc-privacy": "quality control found what may identify a person, by its rule",
    "redistribution-forbidden": "the terms of a source forbid passing it on",
    "split-leaks": "the split that is pushed leaks: linked images are in several of its parts",
    "terms-not-stated": "nothing says whether a source may be passed on",
}
"""A sentence for each. Alphabetical."""

FINAL = frozenset({"audit-failed", "redistribution-forbidden"})
"""Those that nobody can override here: mend the dataset, or do not publish it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """One reason not to publish a dataset.

    Raises:
        SchemaError: The code is none of :data:`GROUNDS`, or it has an override exactly where it may not.
    """

    code: str
    """One of :data:`GROUNDS`."""
    text: str
    """One sentence without a final full stop: the licence, the finding, the split."""
    where: str
    """A file that a person can open."""
    hint: str
    """What to do about it."""
    override: str | None
    """The name by which a person accepts it; ``None`` where nobody can."""

    def __post_init__(self) -> None:
        if self.code not in GROUNDS:
            raise SchemaError(f"{self.code!r} is no ground for an objection")
        if (self.override is None) is not (self.code in FINAL):
            raise SchemaError(f"an objection of {self.code} is overridden as its ground does not allow")
