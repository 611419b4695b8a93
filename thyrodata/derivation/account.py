"""The account of a derivation: what each step did to how many images, and what it did to findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from thyrodata.derivation.look import Look
from thyrodata.derivation.pixels import COLOUR
from thyrodata.derivation.recipe import EchoCrop, NoduleCrop, Recipe
from thyrodata.derivation.records import Reach

__all__ = ["LEAKAGE", "Account"]

LEAKAGE = (
    "the outlines decided where images are cut: a model that sees them is shown where the nodule is, and "
    "cannot be compared with one that has to find it"
)
ECHO_CUT = "what is black at the depth of a picture may have been cut off with its margin"
ASPECT = 0.01
"""Share by which the two scales of an image may differ as a consequence of whole pixels."""


_GROUPS = ("crop", "window", "grey", "despeckle", "size", "bits")


class Account:
    """What a derivation does, counted as its images are planned.

    Args:
        recipe: The steps.

    Attributes:
        counts: Images by step and what it does to them, and findings by what becomes of them.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._recipe = recipe
        self._kept_whole: list[dict[str, str]] = []
        self._extended: list[str] = []
        self._coloured: list[str] = []
        self._changed: list[dict[str, Any]] = []
        self._before: Counter[tuple[int, int]] = Counter()
        self._after: Counter[tuple[int, int]] = Counter()

    def add(self, look: Look) -> None:
        """Count one image."""
        self._before[look.size_before] += 1
        self._after[look.size_after] += 1
        self.counts.update((step, what) for step, what, true in self._steps(look) if true)
        if look.whole:
            self._kept_whole.append({"image_id": look.image_id, "why": look.whole})
        if look.extended:
            self._extended.append(look.image_id)
        if look.coloured:
            self._coloured.append(look.image_id)
        self._add_findings(look)

    def _steps(self, look: Look) -> list[tuple[str, str, bool]]:
        recipe = self._recipe
        resizing = recipe.fit is not None
        bits = recipe.bits is not None
        changed = bits and look.deep != (recipe.bits == 16)  # noqa: PLR2004 -- bits
        distorted = abs(look.scale[0] / look.scale[1] - 1) > ASPECT
        return [
            ("crop", "cropped", look.cropped),
            ("crop", "kept whole", bool(look.whole)),
            ("crop", "extended to hold findings", look.extended),
            ("window", "windowed", look.windowed),
            ("window", "of 8 bits already", recipe.window is not None and not look.windowed),
            ("grey", "made grey", look.greyed),
            ("grey", "grey already", recipe.grey and not look.greyed),
            ("grey", "lost colours", look.coloured),
            ("despeckle", "filtered", recipe.despeckle is not None),
            ("size", "scaled or padded", look.resized),
            ("size", "of that size already", resizing and not look.resized),
            ("size", f"aspect changed by more than {ASPECT:.0%}", resizing and distorted),
            ("bits", "changed", changed),
            ("bits", "of that depth already", bits and not changed),
        ]

    def _add_findings(self, look: Look) -> None:
        self.counts["findings", "given"] += look.findings
        for change in look.changes:
            self.counts["findings", "cut"] += change.reach is Reach.CUT
            self.counts["findings", "outside"] += change.reach is Reach.OUTSIDE
            self.counts["findings", "mask emptied"] += change.mask_emptied
            self.counts["findings", "left out"] += change.left_out
            self._changed.append(
                {
                    "image_id": look.image_id,
                    "finding_id": change.finding_id,
                    "structure": change.structure.value,
                    "reach": change.reach.value if change.reach else None,
                    "mask_pixels": change.mask_pixels,
                    "mask_pixels_cut": change.mask_pixels_cut,
                    "mask_emptied": change.mask_emptied,
                    "left_out": change.left_out,
                }
            )

    @property
    def images(self) -> int:
        """How many images were planned."""
        return self._before.total()

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the new dataset has to know."""
        notes = []
        if isinstance(self._recipe.crop, NoduleCrop):
            notes.append(LEAKAGE)
        if isinstance(self._recipe.crop, EchoCrop):
            notes.append(ECHO_CUT)
        if self._coloured:
            notes.append(
                f"the channels of some images differed by more than {COLOUR} levels: their colours are gone"
            )
        if self.counts["findings", "left out"]:
            notes.append("a reading that lost a finding covers its image in part: none of them is a negative")
        if self.counts["window", "windowed"]:
            notes.append("stored values are grey levels now; acquisition.window_hu is the window applied")
        return tuple(notes)

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        said = {group: self._counted(group) for group in (*_GROUPS, "findings")}
        findings = said.pop("findings")
        return {
            "settings": {setting.name: setting.value for setting in self._recipe.settings()},
            "images": self.images,
            "steps": {step: counts for step, counts in said.items() if counts},
            "size_before": _sizes(self._before),
            "size_after": _sizes(self._after),
            "findings": findings,
            "notes": [*self.notes()],
            "kept_whole": self._kept_whole,
            "extended": self._extended,
            "coloured": self._coloured,
            "changed_findings": self._changed,
        }

    def _counted(self, group: str) -> dict[str, int]:
        return {what: n for (step, what), n in sorted(self.counts.items()) if step == group and n}


def _sizes(sizes: Mapping[tuple[int, int], int]) -> dict[str, Any]:
    """Return the least, median and largest width and height in pixels, and how many sizes there are."""
    said: dict[str, Any] = {"sizes": len(sizes)}
    for axis, name in enumerate(("width", "height")):
        counted: Counter[int] = Counter()
        for size, n in sizes.items():
            counted[size[axis]] += n
        every = sorted(counted)
        said[name] = {"least": every[0], "median": _median(counted), "largest": every[-1]} if every else {}
    return said


def _median(counted: Counter[int]) -> int:
    """Return the lower median."""
    left = (counted.total() + 1) // 2
    for value in sorted(counted):
        left -= counted[value]
        if left <= 0:
            return value
    raise ValueError("nothing was counted")
