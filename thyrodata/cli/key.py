"""Commands about the key of a site: key new, key fingerprint, key destroy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Json, Quiet, group

if TYPE_CHECKING:
    from thyrodata.capture.key import DestroyedKey

__all__ = ["app", "destroy", "fingerprint", "new"]

app = group("Make, name or destroy the key that pseudonyms are made with.")

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file of the key.")]


@app.command("new")
def new(file: KeyFile, *, json: Json = False, quiet: Quiet = False) -> None:
    """Write a new key to a file that only its owner may read."""
    from thyrodata.capture.key import new_key
    from thyrodata.cli.output import emit, lines

    mark = new_key(file).fingerprint
    notes = (
        f"key {mark} is in {file}",
        "note: who has it can undo the pseudonyms; without it no later delivery continues them",
    )
    emit({"fingerprint": mark}, lambda: lines(notes), json=json, quiet=quiet)


@app.command("fingerprint")
def fingerprint(file: KeyFile, *, json: Json = False, quiet: Quiet = False) -> None:
    """Print what tells a key from others; it says nothing of the key."""
    from thyrodata.capture.key import load_key
    from thyrodata.cli.output import emit, lines

    mark = load_key(file).fingerprint
    emit({"fingerprint": mark}, lambda: lines([mark]), json=json, quiet=quiet)


@app.command("destroy")
def destroy(
    file: KeyFile,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Overwrite and remove a key; no pseudonym can be made or undone with it again."""
    from thyrodata.capture.key import destroy_key
    from thyrodata.cli.output import emit, lines

    if not yes:
        typer.confirm(f"Destroy the key in {file}? This cannot be undone", abort=True, err=True)
    gone = destroy_key(file)
    emit(gone.to_json(), lambda: lines(_destroyed(gone)), json=json, quiet=quiet)


def _destroyed(gone: DestroyedKey) -> Iterator[str]:
    yield f"key {gone.fingerprint} was overwritten and removed"
    if gone.other_names:
        yield f"note: the file has {gone.other_names} other names, under which zeros are left"
    for unknown in gone.not_known:
        yield f"not known: {unknown}"
