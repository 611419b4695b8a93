"""Agree queue and agree view: what readers disagree on goes to an arbiter, or is looked at side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from thyrodata.agreement.account import POLICY
from thyrodata.agreement.conflicts import conflict_on
from thyrodata.agreement.images import read_images
from thyrodata.agreement.policy import Policy
from thyrodata.agreement.queue import Conflict
from thyrodata.curation.queue import QueuedConflicts, queue_conflicts
from thyrodata.curation.resolve import policy_of
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import UsageError
from thyrodata.exports.fiftyone import ConflictsView, conflicts_view
from thyrodata.revision import opened

__all__ = ["queue_readings", "view_readings"]


def queue_readings(
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    arbiter: str,
    policy: str | Path | Policy | None = None,
    tool: str = "cvat",
    seed: int = 0,
    workers: int = 1,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> QueuedConflicts:
    """Write a work list of what a policy leaves open, for an arbiter who is not told whose reading is whose.

    What is drawn is queued, with its grades. Grades of an image, a nodule or a case have no drawing that an
    arbiter could choose: they stay open unless the arbiter's own dataset says them.

    Args:
        dataset: The dataset with the readings, or its folder.
        out: The folder to make.
        arbiter: Who decides; becomes the reader of what comes back.
        policy: The policy, or its file; by default the one that the dataset was resolved by.
        tool: ``cvat``, ``label-studio`` or ``coco``.
        seed: Another seed gives other names of files, and other numbers of readings.
        workers: Processes that write images; 1 is this process.
        overwrite: Replace a queue that is at ``out``.
        dry_run: Write nothing.
        progress: Called with the number of images written and of all.

    Raises:
        UsageError: There is no policy, or nothing is open; or as :func:`queue_conflicts`.
        RawLayoutError: The policy's file is broken.
        DatasetError: The dataset is damaged.
        CaseError: An image cannot be decoded.
        OutputError: ``out`` is in the way or cannot be written.
    """
    source = opened(dataset)
    conflicts = _open_conflicts(source, policy)
    return queue_conflicts(
        source,
        out,
        arbiter=arbiter,
        conflicts=conflicts,
        tool=tool,
        seed=seed,
        overwrite=overwrite,
        dry_run=dry_run,
        workers=workers,
        progress=progress,
    )


def view_readings(
    dataset: Dataset | str | Path,
    name: str,
    *,
    policy: str | Path | Policy | None = None,
    seed: int = 0,
    previews: str | Path = "previews",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ConflictsView:
    """Make a FiftyOne dataset of what a policy leaves open, the readings of an image side by side.

    It is for looking: nothing comes back from it. Readings are numbered as in the queue of the same seed and
    their readers are not named, but images and groups are.

    Args:
        dataset: The dataset with the readings, or its folder.
        name: Of the FiftyOne dataset.
        policy: The policy, or its file; by default the one that the dataset was resolved by.
        seed: Of the numbers of readings.
        previews: The folder for 8-bit pictures of images that have more bits, which the App cannot show.
        overwrite: Replace a dataset of this name that thyrodata has made.
        progress: Called with the number of images done and of all.

    Raises:
        MissingExtraError: FiftyOne or its database is not there.
        UsageError: There is no policy, nothing is open, or the name is taken.
        DatasetError: The dataset is damaged.
        CaseError: An image cannot be decoded.
        OutputError: A picture cannot be written.
    """
    source = opened(dataset)
    conflicts = _open_conflicts(source, policy)
    return conflicts_view(
        source, conflicts, name, previews=Path(previews), seed=seed, overwrite=overwrite, progress=progress
    )


def _open_conflicts(dataset: Dataset, policy: str | Path | Policy | None) -> tuple[Conflict, ...]:
    chosen = policy_of(policy if policy is not None else _own_policy(dataset))
    conflicts = tuple(_conflicts(dataset, chosen))
    if not conflicts:
        raise UsageError(
            f"the policy {chosen.name} leaves no drawing open",
            where=str(dataset.path),
            hint="there is nothing to queue",
        )
    return conflicts


def _conflicts(dataset: Dataset, policy: Policy) -> Iterator[Conflict]:
    for image in read_images(dataset):
        conflict = conflict_on(image, policy)
        if conflict is not None:
            yield conflict


def _own_policy(dataset: Dataset) -> Path:
    found = sorted((dataset.path / "agreement").glob(f"*/{POLICY}"))
    if len(found) != 1:
        raise UsageError(
            f"the dataset was resolved by {len(found)} policies",
            where=str(dataset.path / "agreement"),
            hint="name the policy: --policy FILE",
        )
    return found[0]
