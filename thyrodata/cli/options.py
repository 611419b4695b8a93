"""What several commands share: options, arguments, and how groups of commands are made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Data",
    "DryRun",
    "Json",
    "Link",
    "MaxSkipped",
    "OnError",
    "Out",
    "Overwrite",
    "Quiet",
    "Resume",
    "Workers",
    "group",
]

Data = Annotated[Path, typer.Argument(metavar="DATA", help="A dataset: a folder that convert made.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The folder to make.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be written.")]
Link = Annotated[bool, typer.Option("--link", help="Make hard links to the images instead of copies.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an unfinished build.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the dataset that is there.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes to read with; by default one, or one per core for large sources."),
]
OnError = Annotated[
    str, typer.Option(metavar="raise|skip", help="End at an item that cannot be read, or skip and list it.")
]
MaxSkipped = Annotated[
    float,
    typer.Option(min=0, max=1, help="Share of items that may be skipped; beyond it nothing is published."),
]


def group(sentence: str) -> typer.Typer:
    """Return a group of commands, such as ``split``, whose help begins with a sentence."""
    return typer.Typer(
        help=sentence,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
