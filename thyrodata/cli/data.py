"""Commands that look at a dataset: info, show, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thyrodata.cli.options import Data, Json, Quiet

__all__ = ["info", "show", "verify"]


def info(data: Data, *, json: Json = False, quiet: Quiet = False) -> None:
    """Say what a dataset holds, how it is split and what to know about it."""
    from thyrodata.cli.output import emit
    from thyrodata.cli.summary import dataset_json, print_dataset
    from thyrodata.dataset import Dataset

    dataset = Dataset(data)
    emit(dataset_json(dataset), lambda: print_dataset(dataset), json=json, quiet=quiet)


def show(
    data: Data,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The PNG to write; by default DATA-sheet.png.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many images, at even steps through the dataset.")] = 24,
    columns: Annotated[int, typer.Option(help="Images in a row.")] = 6,
    split: Annotated[str, typer.Option(help="The split that --part is of.")] = "default",
    part: Annotated[str | None, typer.Option(help="Only images of this part.")] = None,
    image: Annotated[list[str] | None, typer.Option(help="Only this image; may be repeated.")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw a contact sheet: images with their outlines, labels and remarks."""
    from thyrodata.cli.output import emit
    from thyrodata.dataset import Dataset
    from thyrodata.reports.show import show as draw

    named = data.resolve() if data.name in {"", ".."} else data
    place = out or named.with_name(f"{named.name}-sheet.png")
    sheet = draw(Dataset(data), place, count=count, columns=columns, split=split, part=part, ids=image or ())
    said = {"path": str(sheet.path), "image_ids": [*sheet.image_ids]}
    emit(said, lambda: print(f"{len(sheet.image_ids)} images: {sheet.path}"), json=json, quiet=quiet)


def verify(data: Data, *, json: Json = False, quiet: Quiet = False) -> None:
    """Check every file of a dataset against its checksum and its record; exit 1 if any differs."""
    from thyrodata.cli.output import emit, lines
    from thyrodata.dataset import Dataset

    problems = Dataset(data).verify()
    said = [{"path": problem.path, "what": problem.what} for problem in problems]
    text = [f"{problem.path} {problem.what}" for problem in problems] or ["every file is as it was written"]
    emit({"whole": not problems, "problems": said}, lambda: lines(text), json=json, quiet=quiet)
    if problems:
        raise typer.Exit(1)
