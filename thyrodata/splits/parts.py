"""The parts of a split: their names and their shares."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from thyrodata.errors import SplitError, UsageError
from thyrodata.splits.items import EXCLUDED, Assignment

__all__ = ["check_same_parts", "check_split_name", "fold_shares", "ratio_shares"]

_DEFAULT_RATIOS = {"train": 0.70, "val": 0.15, "test": 0.15}
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_RATIO_TOLERANCE = 1e-6
_FEWEST_PARTS = 2


def check_split_name(name: str) -> None:
    """Refuse a name that no split may be given.

    Raises:
        UsageError: It is no name.
        SplitError: It is that of an official split.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid name for a split",
            hint="begin with a lower-case letter; go on with lower-case letters, digits and hyphens",
        )
    if name.startswith("official"):
        raise SplitError(
            f"the name {name!r} is kept for splits as their source publishes them",
            hint="choose a name that does not begin with 'official'",
        )


def fold_shares(folds: int, ratios: Mapping[str, float] | None, clusters: int) -> dict[str, float]:
    """Return the equal shares of the parts `fold0`, `fold1` ...

    Raises:
        UsageError: There are ratios too, or fewer than two folds.
        SplitError: There are fewer clusters than folds.
    """
    if ratios is not None:
        raise UsageError("ratios and folds exclude each other", hint="give one of them")
    if folds < _FEWEST_PARTS:
        raise UsageError(f"{folds} folds are no split", hint=f"ask for at least {_FEWEST_PARTS}")
    if folds > clusters:
        raise SplitError(
            f"{clusters} clusters of images cannot fill {folds} folds", hint="ask for fewer folds"
        )
    return {f"fold{number}": 1 / folds for number in range(folds)}


def ratio_shares(ratios: Mapping[str, float] | None) -> dict[str, float]:
    """Return the ratios asked for, as listed, or those of train, val and test.

    Raises:
        UsageError: A name or a ratio is invalid, there are fewer than two parts, or the sum is not 1.
    """
    shares = dict(_DEFAULT_RATIOS if ratios is None else ratios)
    for part, ratio in shares.items():
        if not _NAME.fullmatch(part) or part == EXCLUDED:
            raise UsageError(
                f"{part!r} is not a valid name for a part",
                hint=f"use lower-case letters, digits and hyphens; {EXCLUDED!r} is reserved",
            )
        if not (math.isfinite(ratio) and ratio > 0):
            raise UsageError(f"the ratio of {part!r} is {ratio}", hint="give a number above 0")
    if len(shares) < _FEWEST_PARTS:
        raise UsageError(f"a split has at least {_FEWEST_PARTS} parts")
    total = math.fsum(shares.values())
    if abs(total - 1) > _RATIO_TOLERANCE:
        raise UsageError(f"the ratios sum to {total:g}, not to 1")
    return shares


def check_same_parts(old: Iterable[Assignment], shares: Mapping[str, float]) -> None:
    """Refuse to extend a split by other parts.

    Raises:
        SplitError: The earlier split has a part that was not asked for.
    """
    foreign = {row.part for row in old} - {*shares, EXCLUDED}
    if foreign:
        raise SplitError(
            f"the split to extend has other parts: {', '.join(sorted(foreign))}",
            hint=f"ask for the same parts; these were asked for: {', '.join(shares)}",
        )
