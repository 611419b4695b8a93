"""The command that makes one dataset of several: merge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import DryRun, Json, Link, Out, Overwrite, Quiet, Resume, Workers

if TYPE_CHECKING:
    from thyrodata.curation.merge import Merged
    from thyrodata.merging.account import Account

__all__ = ["merge"]


def merge(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Two or more datasets.")],
    *,
    out: Out,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="The namespace of each dataset's ids, in their order; - keeps what it has.",
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="What may happen: mixed-scales puts labels of different scales side by side."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the new split; another gives another split.")] = 0,
    link: Link = False,
    workers: Workers = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make one dataset of several; the same picture in two of them is one group, so that no split leaks."""
    from thyrodata.cli.output import emit, lines, progress
    from thyrodata.curation.merge import merge as run

    with progress("merge", quiet=quiet or json) as show:
        made = run(
            data,
            out,
            names=name or (),
            accept=accept or (),
            seed=seed,
            link=link,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: lines(_said(made)), json=json, quiet=quiet)


_SHOWN = 10
"""Conflicts that are printed; --json and the account have all."""


def _said(made: Merged) -> Iterator[str]:
    account, revision = made.account, made.revision
    would = "would be" if revision.dataset is None else "are"
    yield f"{revision.images} images {would} in {revision.out}: {revision.image_bytes / 1e6:.1f} MB"
    yield from _parents(account)
    found = Counter(same.how.value for same in account.same)
    pairs = ", ".join(f"{how} {n}" for how, n in sorted(found.items())) or "none"
    yield f"pairs of images that show one picture, by what is equal: {pairs}"
    gone = sum(len(joined.groups) for joined in account.joined)
    yield f"{gone} groups {would} part of {len(account.joined)} others that show the same pictures"
    yield f"images in such groups, each with a remark of its own group: {account.regrouped}"
    yield from _differences(account)
    yield from (f"note: {note}" for note in account.notes())
    if revision.dataset:
        yield f"account      {revision.out / 'reports/merge.json'}"
        yield f"links        {revision.out / 'reports/same_pictures.csv'}"


def _parents(account: Account) -> Iterator[str]:
    for parent in account.parents:
        groups = ", ".join(f"{n} {kind}s" for kind, n in parent.groups)
        yield f"  {', '.join(parent.namespaces)}: {parent.images} images, groups: {groups}"
        for terms in parent.terms:
            yield f"    {terms.card}: licence {terms.licence}; passing it on: {terms.redistribution}"


def _differences(account: Account) -> Iterator[str]:
    yield f"conflicts, where sources say different things of one picture: {len(account.conflicts)}"
    for each in account.conflicts[:_SHOWN]:
        sides = zip(each.image_ids, each.said, strict=True)
        yield f"  {each.what}: " + "; ".join(f"{image_id} {', '.join(said)}" for image_id, said in sides)
    if len(account.conflicts) > _SHOWN:
        yield f"  and {len(account.conflicts) - _SHOWN} more"
    if account.not_comparable:
        yield f"pictures graded by scales that are not comparable: {len(account.not_comparable)}"
