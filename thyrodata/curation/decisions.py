"""A dataset with what an arbiter has decided on conflicts between readers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thyrodata.annotation.assignment import Purpose
from thyrodata.annotation.received import read_key_beside
from thyrodata.curation.annotate import ImportedReadings, import_readings
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import UsageError

__all__ = ["import_decisions"]


def import_decisions(
    dataset: Dataset | str | Path,
    files: Sequence[str | Path],
    *,
    key: str | Path,
    arbiter: str,
    out: str | Path,
    link: bool = False,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportedReadings:
    """Make a dataset in which an arbiter's decisions are readings of the role ``arbiter``.

    A decision is a reading of the whole image: what has a plain label, and what was agreed and left in the
    image. Its coverage is what the arbiter's mark says. Shapes that still are a reader's are ignored and
    counted; an image without a mark in which nothing has a plain label is not decided, and not read.

    Args:
        dataset: The dataset that the queue was made of, or one made from it; or its folder.
        files: All that the arbiter gives back: "CVAT for images 1.1", JSON of Label Studio, or COCO.
        key: The ``key.csv`` of the queue, beside the account that was written with it.
        arbiter: Whose files they are.
        out: The folder to make.
        link: Make hard links to the images instead of copies.
        workers: Processes; 1 is this process.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``.
        dry_run: Read everything and write nothing.
        progress: Called with the number of records done and of all.

    Raises:
        UsageError: The key is of work lists; or as :func:`import_readings`.
        CaseError: As :func:`import_readings`; or an image with only readings is said to be all outlined.
        DatasetError: As :func:`import_readings`.
        OutputError: As :func:`import_readings`.
    """
    assignment, _ = read_key_beside(Path(key))
    if assignment.purpose is not Purpose.ADJUDICATION:
        raise UsageError(
            "the key is of work lists, not of a queue of conflicts",
            where=str(key),
            hint="give the key that was written with the queue, or import the files as a reader's",
        )
    return import_readings(
        dataset,
        files,
        key=key,
        reader=arbiter,
        out=out,
        link=link,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
        dry_run=dry_run,
        progress=progress,
    )
