"""Agree resolve: a dataset with one reading made of its readers', by a policy that a person has written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thyrodata.agreement.account import Account, account_of
from thyrodata.agreement.consensus import Resolve
from thyrodata.agreement.policy import Policy, read_policy
from thyrodata.change import all_rows
from thyrodata.curation.readers import joined_readings
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.io.raw import named_file
from thyrodata.revision import Revision, revise
from thyrodata.schema.manifest import Setting

__all__ = ["ResolvedReadings", "policy_of", "resolve_readings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedReadings:
    """What a policy made of a dataset's readings, or with ``dry_run`` would make."""

    account: Account
    revision: Revision

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "out": str(self.revision.out),
            "dry_run": self.revision.dataset is None,
            "images": self.revision.images,
            "image_bytes": self.revision.image_bytes,
            **self.account.to_json(),
        }


def resolve_readings(
    dataset: Dataset | str | Path,
    policy: str | Path | Policy,
    out: str | Path,
    *,
    sources: Sequence[str | Path] = (),
    arbiter: str | None = None,
    link: bool = False,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ResolvedReadings:
    """Make a dataset with a consensus of its readers; what they drew and said stays beside it.

    The consensus is a reading of its own, called ``derived``: its findings name the policy and the findings
    that they are made of, and exports show it instead of the readers. What the policy does not decide is
    left out of it and waits for the arbiter; its image is then covered in part. An earlier consensus is
    replaced. Which reader is named first plays no part.

    Args:
        dataset: The dataset, or its folder.
        policy: The policy, or its file.
        out: The folder to make.
        sources: Further datasets, readers' files and folders of masks, each ``PATH`` or ``NAME=PATH``; what
            they say of the dataset's images joins the new dataset.
        arbiter: Who decides conflicts, a reader or a source ``NAME=PATH``; instead of the policy's.
        link: Make hard links to the images instead of copies.
        workers: Processes; 1 is this process.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``.
        dry_run: Write nothing; count what would be made.
        progress: Called with the number of records done and of all.

    Raises:
        UsageError: A reader of the policy is not there, or the policy contradicts itself.
        RawLayoutError: The policy's file is broken; ``where`` is the line.
        CaseError: A reader's file cannot be read.
        DatasetError: A dataset is damaged.
        OutputError: ``out`` is in the way or cannot be written.
        InterruptedRunError: The user stopped it; it can be resumed.
    """
    given = [*sources, *([arbiter] if arbiter and "=" in arbiter else [])]
    chosen = policy_of(policy, arbiter.partition("=")[0] if arbiter else None)
    base = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    voters = [*chosen.readers, *([chosen.arbiter] if chosen.arbiter is not None else [])]
    readings, _ = joined_readings([base, *given], voters)
    account, written = account_of(readings, chosen, readings.notes)
    change = Resolve(
        rows=tuple(all_rows([base])),
        policy=chosen,
        contributions=readings.contributions_by_image(),
        stated=(Setting(name="policy", value=chosen.text()), *readings.settings()),
        written=written,
    )
    revision = revise(
        change,
        [base],
        out,
        link=link,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
        dry_run=dry_run,
        progress=progress,
    )
    return ResolvedReadings(account=account, revision=revision)


def policy_of(given: str | Path | Policy, arbiter: str | None = None) -> Policy:
    """Return a policy, or what its file says, with another arbiter if one is named.

    Raises:
        UsageError: It contradicts itself.
        RawLayoutError: The file is broken.
        CaseError: The file cannot be read.
    """
    policy = given if isinstance(given, Policy) else read_policy(named_file(Path(given)))
    return replace(policy, arbiter=arbiter) if arbiter is not None else policy
