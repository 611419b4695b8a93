"""Adding what is new in a source to a dataset that was made from it, without splitting anew what exists."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.conversion import MAX_SKIPPED, convert, settings_of
from thyrodata.converters import load_converter
from thyrodata.curation.delivery import Changed, Delivery
from thyrodata.dataset import MANIFEST, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError, UsageError
from thyrodata.io.workspace import check_out
from thyrodata.revision import Revision, Splits, opened, revise
from thyrodata.schema.manifest import Skip, Source
from thyrodata.schema.plain import to_plain

__all__ = ["Update", "update"]

_GROWTH = {"remove", "update"}
"""Operations after which a dataset still says what its source says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What an update added, and what it found besides."""

    new: tuple[str, ...]
    """Images that the dataset did not have."""
    changed: tuple[str, ...]
    """Images of which the source now says something else."""
    absent: tuple[str, ...]
    """Images of the dataset that are not in this delivery: they are kept."""
    withdrawn: int
    """Images that stay out, since they or their groups were removed from the dataset."""
    moved: tuple[str, ...]
    """Images that a new tie to another part has moved to `excluded`, as ``split: image``."""
    skips: tuple[Skip, ...]
    """What could not be read of this delivery."""
    taken: bool
    """Whether changed records are as the source says now."""
    revision: Revision

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "new": [*self.new],
            "changed": [*self.changed],
            "changed_taken": self.taken,
            "absent": [*self.absent],
            "withdrawn": self.withdrawn,
            "moved": [*self.moved],
            "skips": [to_plain(skip) for skip in self.skips],
            "images": self.revision.images,
            "out": str(self.revision.out),
            "dry_run": self.revision.dataset is None,
        }


def update(
    dataset: Dataset | str | Path,
    raw: str | Path,
    out: str | Path,
    *,
    settings: object | None = None,
    changed: str = Changed.STOP.value,
    link: bool = False,
    workers: int | None = None,
    on_error: str = "raise",
    max_skipped: float = MAX_SKIPPED,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Update:
    """Make a dataset that has what a source has gained since another was converted from it.

    Every image keeps its part in every split, and new ones are assigned as `split make --extend` does. What
    was removed from the dataset stays out. What this delivery lacks is kept: it may be the new files alone.

    Args:
        dataset: The dataset, or its folder. It is not changed.
        raw: The folder that holds the new delivery, laid out as the source is.
        out: The folder to make.
        settings: As for :func:`thyrodata.convert`; they must be those that the dataset was converted with.
        changed: What becomes of records that the source now states otherwise: ``"stop"`` refuses, ``"keep"``
            keeps them as they were, ``"take"`` takes what the source says now.
        link: Make hard links to the dataset's images instead of copies.
        workers: Processes.
        on_error: As for :func:`thyrodata.convert`.
        max_skipped: As for :func:`thyrodata.convert`.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``, and throw away an unfinished build of it.
        dry_run: Write nothing but a folder beside ``out``, which is removed again.
        progress: Called with the number of items done and of all.

    Raises:
        UsageError: An argument is not one of those that there are, or the settings differ.
        DatasetError: The dataset has several sources or was changed since its conversion, it is damaged, or
            records have changed and ``changed`` is ``"stop"``.
        RawLayoutError: The folder is not laid out as the source is.
        CaseError: An item cannot be read, and ``on_error`` is ``"raise"``.
        SplitError: A split cannot be extended.
        OutputError: ``out`` is in the way or cannot be written.
    """
    parent, policy = opened(dataset), _policy(changed)
    source = _source(parent, settings)
    check_out(Path(out), MANIFEST, resume=resume, overwrite=overwrite)
    fresh = Path(out).with_name(Path(out).name + ".delivery")
    unfinished = fresh.with_name(fresh.name + ".partial").exists()
    done = convert(
        source.converter,
        raw,
        fresh,
        settings=settings,
        workers=workers,
        on_error=on_error,
        max_skipped=max_skipped,
        resume=resume and unfinished,
        overwrite=not (resume and unfinished),
        progress=progress,
    )
    try:
        found = Delivery(parent, Dataset(fresh), policy)
        revision = revise(
            found.change(),
            [parent, Dataset(fresh)],
            out,
            splits=Splits.EXTEND,
            link=link,
            workers=workers,
            resume=resume and Path(out).with_name(Path(out).name + ".partial").exists(),
            overwrite=overwrite,
            dry_run=dry_run,
        )
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return Update(
        new=tuple(row.image_id for row in found.new),
        changed=found.changed,
        absent=found.absent,
        withdrawn=found.withdrawn,
        moved=tuple(_moved(revision.dataset)) if revision.dataset else (),
        skips=done.skips,
        taken=found.taken,
        revision=revision,
    )


def _policy(name: str) -> Changed:
    if name not in set(Changed):
        raise UsageError(f"changed records cannot {name!r}", hint=f"there are: {', '.join(Changed)}")
    return Changed(name)


def _source(parent: Dataset, settings: object | None) -> Source:
    """Return the one source of a dataset that still says what the source says."""
    manifest = parent.manifest
    others = [step.name for step in manifest.operations if step.name not in _GROWTH]
    if others:
        raise DatasetError(
            f"the dataset was changed since its conversion: {', '.join(others)}",
            where=str(parent.path),
            hint="update the dataset that was converted, then do the same to it again",
        )
    if len({source.converter for source in manifest.sources}) != 1:
        raise DatasetError(
            "the dataset has no one source",
            where=str(parent.path),
            hint="update each source's dataset, then merge them again",
        )
    source = manifest.sources[0]
    given = settings_of(load_converter(source.converter, settings))
    if given != source.settings:
        said = ", ".join(f"{each.name} {each.value}" for each in source.settings) or "none"
        raise UsageError(
            "the dataset was converted with other settings",
            where=str(parent.path),
            hint=f"give the same ones: {said}",
        )
    return source


def _moved(dataset: Dataset) -> Iterator[str]:
    for name in dataset.splits:
        for conflict in dataset.split_report(name).get("conflicts", ()):
            yield from (f"{name}: {row['image_id']}" for row in conflict["moved"])
