"""What a model might tell of images without looking at anatomy, by feature, and the sentence on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from thyrodata.agreement.resampling import Estimate
from thyrodata.qc.shortcuts import WRITTEN

__all__ = ["CHANCE", "Association", "ShortcutTarget"]

CHANCE = 0.5
"""The AUC of a model that knows nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """What one feature tells."""

    feature: str
    categories: int
    cramers_v: Estimate
    """See :func:`thyrodata.qc.association.cramers_v`."""
    auc: Estimate
    """Of a model that sees this feature alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortcutTarget:
    """What a model might tell without looking at anatomy: a label, or the part of a split."""

    name: str
    """``label malignancy``, ``split default``."""
    classes: Mapping[str, int]
    """The number of groups of each class that was audited."""
    images: int
    groups: int
    images_unstated: int
    """Images of which the class is not stated."""
    images_of_rare_classes: int
    """Images of classes with fewer groups than folds."""
    features: tuple[Association, ...]
    """By their AUC, the most telling first."""
    together: Estimate | None
    """The AUC of a model that sees all of them; ``None`` where nothing could be audited."""

    @property
    def leaks(self) -> bool:
        """Whether the whole interval of that model's AUC is above chance."""
        return self.together is not None and (self.together.low or 0) > CHANCE

    def __str__(self) -> str:
        """Say in a sentence what was found."""
        if self.together is None:
            return f"{self.name}: too few groups or features to be audited"
        which = " from ".join(self.classes) if len(self.classes) == 2 else "its values apart"  # noqa: PLR2004
        told = f"what is no anatomy tells {which} with AUC {_worded(self.together)}"
        counted = f"{self.images} images of {self.groups} groups"
        if not self.leaks:
            return f"{self.name}: no shortcut is seen: {told}, where 0.5 is chance ({counted})"
        alone = [each for each in self.features if (each.auc.low or 0) > CHANCE]
        most = f"; {alone[0].feature} alone with {_worded(alone[0].auc)}" if alone else ""
        if any(each.feature == WRITTEN for each in alone):
            most += "; labels are written into the pictures"
        return f"{self.name}: {told}{most}; a model may learn that instead ({counted})"


def _worded(auc: Estimate) -> str:
    if auc.low is None or auc.high is None:
        return f"{auc.value or CHANCE:.2f} [no interval]"
    return f"{auc.value:.2f} [{auc.low:.2f}, {auc.high:.2f}]"
