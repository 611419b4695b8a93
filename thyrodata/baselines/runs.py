"""The folders of trainings, each alone or several in one. No torch is needed."""

from __future__ import annotations

import re
from pathlib import Path

from thyrodata.errors import CaseError, UsageError

__all__ = ["LOG", "RUNS", "SETTINGS", "check_run", "runs_in"]

SETTINGS = "settings.json"
"""All that the outcome of a training depends on, in its folder."""
LOG = "log.jsonl"
"""A line for each epoch; the same bytes from the same settings, on one CPU."""
RUNS = ("seed-*", "fold-*", "fold-*/seed-*")
"""Where trainings are, in the folder of several."""

_HINT = "give the folder that `thyrodata baseline train` made"


def runs_in(folder: Path) -> tuple[Path, ...]:
    """Return the folders of trainings in a folder, in the order of folds and seeds: itself, if it is one.

    Raises:
        CaseError: There is none.
    """
    if (folder / SETTINGS).exists():
        return (folder,)
    found = [place for pattern in RUNS for place in folder.glob(pattern) if (place / SETTINGS).exists()]
    if not found:
        raise CaseError(f"there is no training here: no {SETTINGS}", where=str(folder), hint=_HINT)
    return tuple(sorted(found, key=lambda place: _numbers(place.relative_to(folder))))


def check_run(folder: Path) -> None:
    """Refuse a folder that is not that of one training.

    Raises:
        CaseError: There is no training in it.
        UsageError: It is that of several.
    """
    first, *others = runs_in(folder)
    if first != folder:
        raise UsageError(
            f"this is the folder of several trainings: {1 + len(others)}",
            where=str(folder),
            hint=f"give one of them, such as {first}",
        )


def _numbers(place: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(place))]
