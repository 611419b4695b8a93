"""Merging datasets into one in which the same picture, wherever it was published, is in one group."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.change import all_rows, sums_sha256
from thyrodata.dataset import MANIFEST, Dataset
from thyrodata.duplicates import find_same
from thyrodata.engine import Progress
from thyrodata.errors import UsageError
from thyrodata.io.workspace import check_apart, check_out
from thyrodata.merging.account import Account, describe_parent, format_clusters
from thyrodata.merging.change import Merge
from thyrodata.merging.conflicts import differences
from thyrodata.merging.joining import clusters_of, join_groups, remarks_on
from thyrodata.merging.parents import MergeParent, read_parents
from thyrodata.merging.schemes import check_accepted, check_scales, clashes
from thyrodata.partition import SplitPlan
from thyrodata.revision import Revision, opened, revise
from thyrodata.schema.manifest import Setting

__all__ = ["Merged", "merge"]

_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What was found to be the same, and the dataset that was made."""

    account: Account
    revision: Revision

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        return {
            "out": str(self.revision.out),
            "dry_run": self.revision.dataset is None,
            "images": self.revision.images,
            "image_bytes": self.revision.image_bytes,
            **self.account.to_json(),
        }


def merge(
    datasets: Sequence[Dataset | str | Path],
    out: str | Path,
    *,
    names: Sequence[str] = (),
    accept: Collection[str] = (),
    seed: int = 0,
    link: bool = False,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Merged:
    """Make one dataset of several.

    Images that show the same picture (see :func:`thyrodata.duplicates.find_same`) are put into one group, so
    that no split tears them apart. It has the identity of its group of the kind nearest to the patient; every
    record whose group is another one than its source publishes says so in a remark. What the sources say
    stays with each image: where they differ on one picture, that is listed and not resolved.

    A new split, ``default``, is made over all; those made in the parents are not carried. Published splits
    stay with the images of their source, under the name of its namespace.

    Args:
        datasets: Two or more, or their folders.
        out: The folder to make.
        names: The namespace that the ids of each dataset get, in the order of the datasets; ``-`` keeps what
            a dataset has. Empty keeps all.
        accept: ``mixed-scales`` to put labels of different scales side by side.
        seed: Of the split.
        link: Make hard links to the images instead of copies.
        workers: Processes; 1 is this process.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``.
        dry_run: Read everything and write nothing.
        progress: Called with the number of steps done and of all, first of the search, then of the making.

    Raises:
        UsageError: There are fewer than two datasets, one is there twice, two have one namespace, or they
            grade by different scales.
        DatasetError: A parent is damaged, or of another schema version.
        CaseError: An image is missing or cannot be decoded.
        OutputError: ``out`` is in the way or cannot be written.
    """
    check_accepted(accept)
    parents = [opened(dataset) for dataset in datasets]
    _check_different(parents)
    for parent in parents:
        check_apart(parent.path, Path(out))
    if not dry_run:
        check_out(Path(out), MANIFEST, resume=resume, overwrite=overwrite)  # before the long search
    account, change = _plan(parents, names, accept, seed, workers, progress)
    revision = revise(
        change,
        parents,
        out,
        splits=SplitPlan(seed=seed),
        link=link,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
        dry_run=dry_run,
        progress=progress,
    )
    return Merged(account=account, revision=revision)


def _plan(
    parents: Sequence[Dataset],
    names: Sequence[str],
    accept: Collection[str],
    seed: int,
    workers: int | None,
    progress: Progress | None,
) -> tuple[Account, Merge]:
    """Find out what is the same, and what becomes of it."""
    read = read_parents(parents, names)
    accounts = tuple(
        describe_parent(parent.dataset.manifest, parent.images, parent.naming, parent.made_splits())
        for parent in read
    )
    brought = [account.schemes for account in accounts]
    check_scales(brought, [str(parent.path) for parent in parents], accept)
    pictures = [picture for parent in read for picture in parent.pictures()]
    same = find_same(pictures, workers=workers, progress=progress)
    members = [member for parent in read for member in parent.members()]
    images = {image_id: image for parent in read for image_id, image in parent.by_id().items()}
    joined = join_groups(members, same)
    remarks = remarks_on(members, same, joined)
    differing = tuple(differences(same, images))
    account = Account(
        parents=accounts,
        same=same,
        joined=joined,
        regrouped=len(remarks),
        conflicts=tuple(each for each in differing if each.comparable),
        not_comparable=tuple(each for each in differing if not each.comparable),
        clashes=clashes(brought),
    )
    change = Merge(
        rows=tuple(all_rows(parents)),
        namings=tuple(parent.naming for parent in read),
        moved={group.group_id: one.into for one in joined for group in one.groups},
        remarks=remarks,
        stated=_settings(read, accept, seed),
        accounts=_reports(account, clusters_of(members, same)),
    )
    return account, change


def _check_different(parents: Sequence[Dataset]) -> None:
    """Refuse less than two datasets, and one that is there twice, even as a copy."""
    if len(parents) < _FEWEST:
        raise UsageError(
            f"a merge of {len(parents)} datasets is none", hint="give two or more: thyrodata merge A B -o OUT"
        )
    seen: dict[str, Dataset] = {}
    for parent in parents:
        _ = parent.manifest.schema_version  # one of another version is refused before its records are read
        first = seen.setdefault(sums_sha256(parent), parent)
        if first is not parent:
            raise UsageError(
                f"{first.path} and {parent.path} are the same dataset",
                where=str(parent.path),
                hint="give each dataset once",
            )


def _settings(parents: Sequence[MergeParent], accept: Collection[str], seed: int) -> tuple[Setting, ...]:
    names = " ".join("+".join(sorted(parent.naming.taken)) for parent in parents)
    settings = [Setting(name="namespaces", value=names), Setting(name="seed", value=str(seed))]
    settings += [Setting(name="accepted", value=name) for name in sorted(set(accept))]
    return tuple(settings)


def _reports(account: Account, clusters: Sequence[Sequence[str]]) -> Mapping[str, bytes]:
    said = json.dumps(account.to_json(), indent=2, ensure_ascii=False) + "\n"
    accounts = {"reports/merge.json": said, "reports/same_pictures.csv": format_clusters(clusters)}
    return {path: text.encode() for path, text in accounts.items()}
