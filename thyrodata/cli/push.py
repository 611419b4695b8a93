"""The command that publishes a dataset on the Hugging Face Hub: push."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, DryRun, Json, Quiet

if TYPE_CHECKING:
    from thyrodata.curation.push import Pushed

__all__ = ["push"]


def push(
    data: Data,
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The dataset on the Hub.")],
    *,
    split: Annotated[str, typer.Option(help="The split by whose parts images are shown.")] = "default",
    reader: Annotated[
        str | None, typer.Option(help="Whose findings, where there are several readers and no consensus.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="What may stand against it, or be lost or changed; may be repeated."
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Everybody may see it; else it is private.")
    ] = False,
    gated: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A text of terms to agree to; an owner lets each person in."),
    ] = None,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Open a pull request; leave the branch alone.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="The branch, made if need be, or refs/pr/N.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that look for copies across the parts.")] = 1,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Publish a dataset on the Hugging Face Hub, in one commit; what stands against it is said first.

    It is private unless --public is given. Nothing is committed where nothing has changed.
    """
    from thyrodata.cli.output import emit, lines, progress
    from thyrodata.curation.push import push as run

    with progress("push", quiet=quiet or json) as show:
        made = run(
            data,
            repo,
            split=split,
            reader=reader,
            accept=accept or (),
            public=public,
            gated=gated,
            create_pr=create_pr,
            revision=revision,
            workers=workers,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: lines(_lines(made)), json=json, quiet=quiet)


def _lines(made: Pushed) -> Iterator[str]:
    sent = made.difference.sent
    if made.dry_run:
        yield "note: a dry run asks nobody; what the Hub has already is not sent again"
        yield from (f"{size / 1e6:10.3f} MB  {name}" for name, size in sent.items())
    audience = ("private" if made.private else "public") + (", gated" if made.gated else "")
    yield f"dataset      {made.repo_id} ({audience}{', new' if made.created else ''})"
    if not made.dry_run and not sent and not made.difference.deleted:
        yield "commit       none: nothing has changed"
    yield f"{'to send' if made.dry_run else 'sent':<13}{len(sent)} files, {sum(sent.values()) / 1e6:.1f} MB"
    if not made.dry_run:
        yield f"unchanged    {len(made.difference.unchanged)} files"
        yield f"deleted      {len(made.difference.deleted)} files"
    yield f"page         {made.url}"
