"""The splits that a new dataset takes over from its parent: no image that was assigned changes its part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thyrodata.dataset import Dataset
from thyrodata.io.files import read_text
from thyrodata.partition import MadeSplit, assigned, group_kinds, most_graded, split_items
from thyrodata.splits import Assignment, Split, balance, find_joins, make_split, read_split_csv
from thyrodata.survey import Survey

__all__ = ["extended_splits", "kept_splits"]


def kept_splits(survey: Survey, parent: Dataset) -> list[MadeSplit]:
    """Return the splits made in a parent, for the images that are left of it.

    Raises:
        DatasetError: The parent's account of a split is damaged.
        SplitError: The parent's split is damaged.
    """
    return [_kept(survey, parent, name) for name in _made(parent)]


def extended_splits(survey: Survey, parent: Dataset) -> list[MadeSplit]:
    """Return the splits made in a parent, each extended to the images that are new.

    Raises:
        DatasetError: The parent's account of a split is damaged.
        SplitError: The parent's split is damaged, or cannot be extended.
    """
    return [_extended(survey, parent, name) for name in _made(parent)]


def _made(parent: Dataset) -> list[str]:
    """Return the names of the splits that no source publishes."""
    return [name for name in parent.splits if "seed" in parent.split_report(name)]


def _kept(survey: Survey, parent: Dataset, name: str) -> MadeSplit:
    report = parent.split_report(name)
    part_of = {row.image_id: row.part for row in _rows(parent, name)}
    scheme = _scheme(survey, report)
    items = split_items(survey.members, scheme)
    left = sorted((m for m in survey.members if m.image_id in part_of), key=lambda member: member.image_id)
    rows = tuple(assigned(member, part_of[member.image_id]) for member in left)
    split = Split(
        name=name,
        seed=report["seed"],
        folds=report["folds"],
        ratios=tuple(report["ratios"].items()),
        assignments=rows,
        balance=balance(items, rows, parts=tuple(report["ratios"])),
        joins=find_joins(items),
        conflicts=(),
        gone=(),
    )
    return MadeSplit(split=split, kinds=group_kinds(survey), scheme=scheme, ledgers={}, kept=True)


def _extended(survey: Survey, parent: Dataset, name: str) -> MadeSplit:
    report = parent.split_report(name)
    scheme = _scheme(survey, report)
    split = make_split(
        split_items(survey.members, scheme),
        name=name,
        ratios=None if report["folds"] else report["ratios"],
        seed=report["seed"],
        folds=report["folds"],
        extend=_rows(parent, name),
    )
    return MadeSplit(split=split, kinds=group_kinds(survey), scheme=scheme, ledgers={})


def _rows(parent: Dataset, name: str) -> tuple[Assignment, ...]:
    file = parent.split_file(name)
    return read_split_csv(read_text(file), str(file))


def _scheme(survey: Survey, report: Mapping[str, Any]) -> str | None:
    """Return the scheme that a split is balanced by, or another if nothing is graded by that one any more."""
    graded = {term.scheme for member in survey.members for term in member.grades}
    wanted = report["stratified_by"]
    return wanted if wanted in graded else most_graded(survey.members)
