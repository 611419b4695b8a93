"""Telling which layout a folder has, by asking every converter to list it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from thyrodata.converters import CONVERTERS, load_converter
from thyrodata.engine import Plan, plan_items
from thyrodata.errors import RawLayoutError, ThyrodataError
from thyrodata.io.cards import load_card
from thyrodata.io.raw import Raw

__all__ = ["Detection", "detect"]

DEPTH = 2
"""Levels of folders below the given one: archives are often unpacked into a folder of their own."""

MAX_FOLDERS = 100
"""The most folders that are looked into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A layout that a folder has, or nearly has."""

    name: str
    """The converter's."""
    title: str
    folder: Path
    """What to give to ``convert``: the folder itself, or one below it."""
    items: int
    files: int
    """Files in that folder."""
    understood: int
    """Files that the layout explains: read, or ignored by a rule."""
    problem: str
    """What stands in the way of converting it as it is; empty if nothing is known to."""

    @property
    def command(self) -> str:
        """The command that converts it."""
        return shlex.join(["thyrodata", "convert", self.name, str(self.folder), "-o", self.name])


def detect(raw: str | Path) -> tuple[Detection, ...]:
    """Return the layouts that a folder has, the likeliest first.

    Only names, tables and the first item are looked at: what a later file holds may still be refused. The
    layout that explains the greater share of a folder's files comes first; of equals, a published dataset's
    before a format's, and an outer folder before an inner one.

    Args:
        raw: The folder, or one up to two levels above it.

    Raises:
        RawLayoutError: It is not a folder, or cannot be listed.
    """
    root = Path(raw)
    sources = (_source(folder, root) for folder in islice(_folders(root), MAX_FOLDERS))
    found = [
        detection
        for source in sources
        if source
        for name in CONVERTERS
        if (detection := _detection(name, source))
    ]
    return tuple(sorted(found, key=_rank))


def _source(folder: Path, root: Path) -> Raw | None:
    """Return a folder's listing; ``None`` where it is empty, or is one below that cannot be listed."""
    try:
        source = Raw(folder)
        empty = not source.files
    except RawLayoutError:
        if folder == root:
            raise
        return None
    return None if empty else source


def _folders(root: Path) -> Iterator[Path]:
    """Yield a folder and those below it, level by level, each level by name."""
    level = [root]
    for _ in range(DEPTH + 1):
        yield from level
        level = [
            below
            for folder in level
            if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)
            for below in sorted(folder.iterdir())
            if below.is_dir() and not below.is_symlink()
        ]


def _rank(detection: Detection) -> tuple[float, bool, int]:
    explained = detection.understood / detection.files
    own = load_card(detection.name).card.identity is None
    return -explained, own, len(detection.folder.parts)


def _detection(name: str, source: Raw) -> Detection | None:
    converter = load_converter(name)
    items, understood, problem = 0, 0, ""
    try:
        plan = plan_items(converter, source)
        items, understood = len(plan.items), len(source.files) - len(plan.unclaimed)
        problem = _first_problem(name, plan)
    except RawLayoutError as error:
        if error.where == str(source.root):
            return None
        problem = f"{error.message} ({error.where}); {error.hint}"  # the layout is there, a file is broken
    except ThyrodataError as error:
        problem = f"{error.message}; {error.hint}"
    return Detection(
        name=name,
        title=load_card(name).card.title,
        folder=source.root,
        items=items,
        files=len(source.files),
        understood=understood,
        problem=problem,
    )


def _first_problem(name: str, plan: Plan) -> str:
    """Return why the first item cannot be read, or that files are left over."""
    try:
        for _ in load_converter(name).samples(plan.items[0]):
            break
    except ThyrodataError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    if plan.unclaimed:
        return f"{len(plan.unclaimed)} files belong to no item, the first {plan.unclaimed[0]}"
    return ""
