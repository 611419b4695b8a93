"""What `convert hub` does: a published dataset is restored, so that there is nothing to choose but which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from thyrodata.curation.restore import Restored

__all__ = ["HUB", "convert_hub"]

HUB = "hub"

_TAKEN = frozenset({"name", "raw", "out", "resume", "overwrite", "dry_run", "json", "quiet"})


def convert_hub(context: typer.Context) -> None:
    """Restore a dataset from the Hugging Face Hub, or from a folder that was exported for it."""
    from thyrodata.cli.output import emit, progress
    from thyrodata.cli.settings import parse_settings
    from thyrodata.curation.restore import HubSettings, restore

    given = context.params
    _refuse_choices(context)
    quiet = given["quiet"] or given["json"]
    with progress(HUB, quiet=quiet) as show:
        made = restore(
            given["raw"],
            given["out"],
            settings=parse_settings(HUB, HubSettings, context.args),
            resume=given["resume"],
            overwrite=given["overwrite"],
            dry_run=given["dry_run"],
            progress=show,
        )
    emit(made.to_json(), lambda: _print(made), json=given["json"], quiet=given["quiet"])


def _refuse_choices(context: typer.Context) -> None:
    from thyrodata.errors import UsageError

    for name in context.params.keys() - _TAKEN:
        source = context.get_parameter_source(name)
        if source and source.name == "COMMANDLINE":
            raise UsageError(
                f"there is nothing to choose with --{name.replace('_', '-')}",
                hint="what was published is restored as it was; it has --revision of its own",
            )


def _print(made: Restored) -> None:
    from thyrodata.cli.output import images, lines
    from thyrodata.cli.summary import print_dataset
    from thyrodata.dataset import Dataset

    if made.manifest is None:
        lines([f"would read {made.files} files of {made.source}: {made.bytes / 1e6:.1f} MB"])
        return
    at = f" at {made.commit}" if made.commit else ""
    what = images(made.manifest.count("images"), "restored")
    lines([f"{what} of {made.source}{at}, and every file has the bytes that it had"])
    print_dataset(Dataset(made.out))
