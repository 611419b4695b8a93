"""The account of a selection: what each criterion was given, asked, removed and left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from thyrodata.schema.vocab import GroupKind
from thyrodata.selection.answers import Answer
from thyrodata.selection.clinical import Key
from thyrodata.selection.cohort import Counts
from thyrodata.selection.conditions import Level
from thyrodata.selection.criteria import Criterion, Sample, Step

__all__ = ["Ledger", "Stage", "TableAccount", "Why"]


class Why(Enum):
    """Why something was removed."""

    NOT_MET = "not met"
    """A condition that is required."""
    MET = "met"
    """A condition that is excluded."""
    UNKNOWN = "unknown"
    CONTRADICTED = "contradictory"
    NOT_DRAWN = "not drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One criterion and what it came to."""

    step: Step
    before: Counts
    after: Counts
    answers: Mapping[Key, Answer]
    """Of every group, nodule or image asked; of a sample, of those that are in no class."""
    removed: Mapping[Key, Why]
    """Groups, nodules or images, by the level of the criterion, in the order of the dataset."""
    image_ids: tuple[str, ...]
    """The images that went with them."""
    kept_for_others: int
    """Images left without a nodule by this criterion, and kept for findings that name none."""
    classes: tuple[tuple[str, int], ...] = ()
    """Of a sample: each class, and how many groups it had."""
    lapsed: tuple[Key, ...] = ()
    """Those that what later criteria left would not meet any more."""

    @property
    def removed_counts(self) -> Counts:
        """What was removed, at every level."""
        return self.before.minus(self.after)

    @property
    def why(self) -> list[tuple[Why, int]]:
        """How many were removed for each reason."""
        counts = Counter(self.removed.values())
        return [(why, counts[why]) for why in Why if why in counts]

    @property
    def asked(self) -> int:
        """How many were asked, or of a sample could be drawn or were in no class."""
        return len(self.answers) + sum(n for _, n in self.classes)

    @property
    def kept_though_unknown(self) -> tuple[Key, ...]:
        """Those kept of whom nobody says, or of whom what is said does not agree."""
        return tuple(
            key for key, answer in self.answers.items() if not answer.known and key not in self.removed
        )

    def to_json(self) -> dict[str, Any]:
        """Return the stage as plain values."""
        step, answers = self.step, Counter(self.answers.values())
        said: dict[str, Any] = {
            "name": step.name,
            "rule": str(step),
            "level": step.level.value,
            "before": self.before.to_json(),
            "asked": self.asked,
            "unknown": {
                "not_stated": answers[Answer.UNKNOWN],
                "contradictory": answers[Answer.CONTRADICTED],
                "then": _then(step),
            },
            "removed": {
                **self.removed_counts.to_json(),
                "why": {why.value: n for why, n in self.why},
                "listed": [{**_plain(key), "why": why.value} for key, why in self.removed.items()],
                "image_ids": [*self.image_ids],
            },
            "after": self.after.to_json(),
            "kept_though_unknown": [_plain(key) for key in self.kept_though_unknown],
            "no_longer_met": [_plain(key) for key in self.lapsed],
        }
        if step.level is Level.NODULE:
            said["images_kept_for_findings_that_name_no_nodule"] = self.kept_for_others
        if self.classes:
            said["classes"] = dict(self.classes)
        return said


def _then(step: Step) -> str | None:
    match step:
        case Criterion(unknown=rule):
            return rule.value if rule else None
        case Sample(per=per):
            return "exclude" if per else None


def _plain(key: Key) -> dict[str, str]:
    """Return an id; what kind of id it is, is said by the level."""
    return {"group_id": key[0], "nodule_id": key[1]} if isinstance(key, tuple) else {"id": key}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAccount:
    """How a clinical table fits the dataset."""

    name: str
    sha256: str
    level: Level
    columns: tuple[str, ...]
    rows: int
    unknown: tuple[tuple[Key, int], ...]
    """Ids that the dataset does not have, and the line."""
    twice: tuple[tuple[Key, int], ...]
    """Ids with several rows, and the lines of the second and later ones."""
    missing: tuple[Key, ...]
    """Ids of the dataset without a row: nothing of theirs is known."""

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "level": self.level.value,
            "columns": [*self.columns],
            "rows": self.rows,
            "not_in_the_dataset": [{**_plain(key), "line": line} for key, line in self.unknown],
            "twice": [{**_plain(key), "line": line} for key, line in self.twice],
            "without_a_row": [_plain(key) for key in self.missing],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The account of a whole selection."""

    dataset: str
    """Its name."""
    given: Counts
    stages: tuple[Stage, ...]
    tables: tuple[TableAccount, ...]
    partial_images: int
    """Images left that lost an outline: not all that was drawn is there, and their coverage says so."""

    @property
    def left(self) -> Counts:
        """What is left."""
        return self.stages[-1].after

    @property
    def names_patients(self) -> bool:
        """Whether every group is a patient."""
        return all(kind is GroupKind.PATIENT for kind, _ in self.given.groups)

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        return {
            "dataset": self.dataset,
            "given": self.given.to_json(),
            "left": self.left.to_json(),
            "images_left_without_an_outline_they_had": self.partial_images,
            "tables": [table.to_json() for table in self.tables],
            "criteria": [stage.to_json() for stage in self.stages],
        }
