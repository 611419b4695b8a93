"""A split as it was made, with the account of it, and what an audit finds wrong with one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from thyrodata.splits.items import Assignment

__all__ = ["Balance", "Conflict", "GradeShare", "Join", "Leak", "PartBalance", "Split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A link between images whose published identities differ."""

    why: str
    image_ids: tuple[str, ...]
    group_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A cluster that joins images which the extended split holds in different parts."""

    kept: str
    """The most protected of these parts; its images stay."""
    moved: tuple[Assignment, ...]
    """The images that left for `excluded`, as they were assigned before."""
    new: tuple[str, ...]
    """New images of the cluster, which go to `excluded` as well."""
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeShare:
    """How many groups have a grade, and which share has this one or a higher one."""

    grade: int
    groups: int
    at_least: float | None
    """Labelled groups of this grade or higher / labelled groups; None where no group is labelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartBalance:
    """What a part holds; the grade of a group is the highest among its images there."""

    part: str
    images: int
    groups: int
    clusters: int
    labelled_groups: int
    grades: tuple[GradeShare, ...]
    """Every grade of the split from the lowest up, also those that the part lacks."""

    def to_json(self) -> dict[str, Any]:
        """Return the counts as a plain dict."""
        return {
            "images": self.images,
            "groups": self.groups,
            "clusters": self.clusters,
            "labelled_groups": self.labelled_groups,
            "groups_per_grade": {str(share.grade): share.groups for share in self.grades},
            "share_at_least": {str(share.grade): share.at_least for share in self.grades},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What each part holds beside what all parts hold together, `excluded` left out of the whole."""

    parts: tuple[PartBalance, ...]
    whole: PartBalance

    def to_json(self) -> dict[str, Any]:
        """Return the counts as a plain dict."""
        return {
            "whole": self.whole.to_json(),
            "parts": {part.part: part.to_json() for part in self.parts},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A split and the account of how it was made."""

    name: str
    seed: int
    folds: int | None
    ratios: tuple[tuple[str, float], ...]
    """Name and share of each part, as listed when the split was made."""
    assignments: tuple[Assignment, ...]
    """One per image, sorted by image_id."""
    balance: Balance
    joins: tuple[Join, ...]
    """Every link between images whose published identities differ."""
    conflicts: tuple[Conflict, ...]
    """Clusters that join parts of the extended split."""
    gone: tuple[Assignment, ...]
    """Assignments of the extended split whose image is no longer there."""

    def to_json(self) -> dict[str, Any]:
        """Return how the split was made as a plain dict; the assignments stand in the CSV file."""
        return {
            "name": self.name,
            "seed": self.seed,
            "folds": self.folds,
            "ratios": dict(self.ratios),
            "balance": self.balance.to_json(),
            "joins": [
                {"why": join.why, "image_ids": [*join.image_ids], "group_ids": [*join.group_ids]}
                for join in self.joins
            ],
            "conflicts": [
                {
                    "kept": conflict.kept,
                    "moved": [asdict(row) for row in conflict.moved],
                    "new": [*conflict.new],
                    "why": [*conflict.why],
                }
                for conflict in self.conflicts
            ],
            "gone": [asdict(row) for row in self.gone],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A reason why a split cannot be trusted.

    `code` is `crosses-parts`, `unassigned` (images without a part) or `unknown-image` (rows without an
    image).
    """

    code: str
    message: str
    image_ids: tuple[str, ...]
