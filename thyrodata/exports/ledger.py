"""The account of an export: what it was given, wrote, lost and changed, each loss by a name of one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from thyrodata.errors import UsageError

__all__ = ["BY_REQUEST", "LOSSES", "LossLedger", "check_names"]

LOSSES: dict[str, str] = {
    "box-to-mask": "of the box the pixels that it covers are written",
    "classified": "of the image its class is written, and nothing of what is drawn in it",
    "clipped": "it was cut off at the edge of the image, as asked for",
    "cropped": "it leaves the image: of what is outside there are no pixels",
    "crowd": "it is one drawing of several things that nobody told apart",
    "decoded": "its pixels were decoded and written as PNG, value for value: the format takes no such file",
    "empty-unsure": "nothing of the image can be written, which does not make it a negative",
    "grey-to-rgb": "its grey is written as three equal channels, since other images are in colour",
    "group-split": "images of its group may be in training and in validation of one fold",
    "hole-filled": "the format has no holes: what was left out of the outline is now inside",
    "instances-merged": "another finding of the image has the same value: the mask does not tell them apart",
    "labels-differ": "labels of the vocabulary contradict each other",
    "marker": "a marker (an arrow, a caliper) is no anatomy",
    "mask-to-box": "of the mask only the extent is written",
    "mask-to-polygon": "of the mask the outline along its pixels' edges is written",
    "no-area": "it has no area: it is a line, a pair of calipers or a mask without a pixel",
    "no-image": "the dataset has no file of the image, only annotations",
    "no-label": "the source says no label of the vocabulary",
    "no-outline": "it has no outline: it is a box, a line or a pair of calipers",
    "no-pixel": "it covers the centre of no pixel of the image",
    "no-window": "the record states no display window",
    "nothing-inside": "nothing of it lies inside the image",
    "other-reader": "it is of another reader than the one that is exported",
    "outside-image": "it leaves the image, and is written so; many trainers refuse that",
    "overlap": "pixels of it are covered by a smaller finding, and a pixel has one value",
    "parts-merged": "the format has one outline for each thing: the parts are joined by a line without width",
    "polygon-to-box": "of the polygon only the extent is written",
    "polygon-to-mask": "of the polygon the pixels that it covers are written",
    "renamed": "the image was given another name, since two names differ only in their suffix or in case",
    "unread": "nobody outlined anything in the image, which does not make it a negative",
    "widened": "it is thinner than a pixel, and written one pixel wide: the format's maxima are inclusive",
    "windowed": "16 bits a pixel were reduced to 8 by a display window, as asked for",
}
"""What may befall an image or a finding on its way into a format, a sentence for each name. Alphabetical."""

BY_REQUEST = frozenset({"classified", "clipped", "decoded", "grey-to-rgb", "windowed"})
"""Names of what only a setting does, or what a format is for: who asks for it has accepted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLedger:
    """What an export was given, what it wrote, and what it left out or changed and why.

    ``written + lost == given``, of images and of findings. Names are those of :data:`LOSSES`.
    """

    given: Counter[str] = field(default_factory=Counter)
    """Of ``images`` and ``findings``."""
    written: Counter[str] = field(default_factory=Counter)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By ``images`` or ``findings``, and the name of the loss."""
    changed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """What was written otherwise than the dataset has it: by ``images`` or ``findings``, and the name."""
    fields: Counter[str] = field(default_factory=Counter)
    """What the format has no place for: how many of the images written state each field of the record."""

    def lose(self, what: str, name: str, n: int = 1) -> None:
        """Count what is left out."""
        if n:
            self.lost[what, name] += n

    def change(self, what: str, name: str, n: int = 1) -> None:
        """Count what is written otherwise than the dataset has it."""
        if n:
            self.changed[what, name] += n

    def add(self, other: LossLedger) -> None:
        """Count what another ledger has counted, too."""
        self.given.update(other.given)
        self.written.update(other.written)
        self.lost.update(other.lost)
        self.changed.update(other.changed)
        self.fields.update(other.fields)

    def clear(self) -> None:
        """Begin anew."""
        for counter in (self.given, self.written, self.lost, self.changed, self.fields):
            counter.clear()

    def refused(self, accepted: Collection[str]) -> tuple[str, ...]:
        """Return the names of losses and changes that are neither accepted nor asked for, sorted."""
        names = {name for _, name in (*self.lost, *self.changed)}
        return tuple(sorted(names - BY_REQUEST - set(accepted)))

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        return {
            "given": {what: self.given[what] for what in ("images", "findings")},
            "written": {what: self.written[what] for what in ("images", "findings")},
            "lost": _listed(self.lost),
            "changed": _listed(self.changed),
            "fields": dict(sorted(self.fields.items())),
        }


def _listed(counter: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"what": what, "name": name, "reason": LOSSES[name], "n": n}
        for (what, name), n in sorted(counter.items())
    ]


def check_names(accepted: Collection[str]) -> None:
    """Refuse names that are no losses.

    Raises:
        UsageError: One is not in :data:`LOSSES`.
    """
    unknown = sorted(set(accepted) - LOSSES.keys())
    if unknown:
        raise UsageError(f"there is no loss {unknown[0]!r}", hint=f"there are: {', '.join(LOSSES)}")
