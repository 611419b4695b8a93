"""Folds of a cross-validation, taken from the splits of a dataset: what trains, and what validates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from thyrodata.errors import UsageError
from thyrodata.exports.view import View

__all__ = ["TEST", "Case", "Fold", "count_torn", "make_folds"]

TEST = "test"
"""The part with whose images nothing is trained."""

TRAIN, VAL = "train", "val"

_FOLD = re.compile(r"fold([0-9]+)")


class Case(NamedTuple):
    """An image that is exported, by the name that the format gives it."""

    name: str
    image_id: str
    group_id: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One fold."""

    train: tuple[Case, ...]
    val: tuple[Case, ...]

    def to_json(self) -> dict[str, list[str]]:
        """Return the names of the cases."""
        return {TRAIN: [case.name for case in self.train], VAL: [case.name for case in self.val]}


def make_folds(view: View, cases: Sequence[Case], splits: Sequence[str]) -> tuple[Fold, ...]:
    """Return the folds of the cases that are not in the part test; none, if the split has no part val.

    Args:
        view: What is exported.
        cases: The images that may be trained with.
        splits: Splits of which each is a fold. Without one, the parts train and val of the split itself are a
            fold, or each of its parts fold0, fold1, ... validates once.

    Raises:
        UsageError: A split has none of the cases in train, or in val, or one of test in either.
        DatasetError: There is no such split.
    """
    if splits:
        return tuple(_named_fold(view, cases, name) for name in splits)
    folds = (_fold(cases, part_of) for part_of in _own(view))
    return tuple(fold for fold in folds if fold.train and fold.val)


def _own(view: View) -> Iterator[Mapping[str, str]]:
    """Yield, for each fold of the split itself, the role of each image."""
    numbered = sorted((int(found[1]), part) for part in view.parts if (found := _FOLD.fullmatch(part)))
    if {TRAIN, VAL} <= {*view.parts}:
        yield view.part_of
    elif len(numbered) > 1:
        of_folds = {image_id: part for image_id, part in view.part_of.items() if _FOLD.fullmatch(part)}
        for _, fold in numbered:
            yield {image_id: VAL if part == fold else TRAIN for image_id, part in of_folds.items()}


def _named_fold(view: View, cases: Sequence[Case], name: str) -> Fold:
    parts = view.dataset.split(name)
    role = {image_id: part for part in (TRAIN, VAL) for image_id in parts.get(part, ())}
    tested = next((image_id for image_id in role if view.part_of.get(image_id) == TEST), None)
    if tested is not None:
        raise UsageError(
            f"the split {name} has {tested} in {role[tested]}, and {view.split} in {TEST}",
            where=str(view.dataset.split_file(name)),
            hint="choose the split by which the folds were made with --split",
        )
    fold = _fold(cases, role)
    if not (fold.train and fold.val):
        raise UsageError(
            f"the split {name} is no fold: of the images that are exported none is in "
            f"{VAL if fold.train else TRAIN}",
            where=str(view.dataset.split_file(name)),
            hint=f"its parts are: {', '.join(parts)}",
        )
    return fold


def _fold(cases: Sequence[Case], role: Mapping[str, str]) -> Fold:
    return Fold(
        train=tuple(case for case in cases if role.get(case.image_id) == TRAIN),
        val=tuple(case for case in cases if role.get(case.image_id) == VAL),
    )


def count_torn(cases: Sequence[Case], folds: Sequence[Fold]) -> int:
    """Return how many cases are of a group that is, or without a fold may come to be, on both sides of one.

    Args:
        cases: All that may be trained with.
        folds: If there are none, the trainer draws its own, of single images.
    """
    if not folds:
        sizes = Counter(case.group_id for case in cases)
        return sum(n for n in sizes.values() if n > 1)
    torn: set[str] = set()
    for fold in folds:
        torn |= {case.group_id for case in fold.train} & {case.group_id for case in fold.val}
    return sum(case.group_id in torn for case in cases)
