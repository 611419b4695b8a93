"""The commands that train baselines and predict with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thyrodata.cli.options import Data, Json, Quiet

__all__ = ["predict", "train"]

Split = Annotated[str, typer.Option(help="The split whose parts are used.")]
Reader = Annotated[
    str | None, typer.Option(help="Whose findings, where there are several readers and no consensus.")
]
Device = Annotated[str | None, typer.Option(help="Such as cpu or cuda; by default a GPU, if there is one.")]


def train(
    data: Data,
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="As in list, such as best/segment.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.")],
    split: Split = "default",
    reader: Reader = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="By default the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="By default the recipe's.")] = None,
    pretrained: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights to begin with; nothing is downloaded.")
    ] = None,
    device: Device = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last whole epoch.")] = False,
    accept_leaks: Annotated[
        bool, typer.Option("--accept-leaks", help="Train on a split that leaks; the settings say so.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a baseline on the part train of a split; the part val chooses the best epoch."""
    from thyrodata.baselines.running import train_baseline
    from thyrodata.cli.output import emit, lines, progress

    with progress(recipe, quiet=quiet or json) as show:
        made = train_baseline(
            data,
            recipe,
            out,
            split=split,
            reader=reader,
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
            pretrained=pretrained,
            device=device,
            resume=resume,
            accept_leaks=accept_leaks,
            progress=show,
        )
    figures = ", ".join(f"{name} {value:.3f}" for name, value in made.figures.items())
    said = [
        f"trained {made.epochs} epochs into {made.folder}; the best is {made.best_epoch}: {figures}",
        "note: one run is no result: that takes several seeds, a test part and intervals",
    ]
    emit(made.to_json(), lambda: lines(said), json=json, quiet=quiet)


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a training.")],
    data: Data,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The Parquet file to write.")],
    part: Annotated[str, typer.Option(help="The part of the split.")] = "test",
    split: Split = "default",
    reader: Reader = None,
    batch_size: Annotated[int, typer.Option(min=1, help="The most images at once.")] = 16,
    device: Device = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write what a trained baseline makes of a part of a dataset, with the truth beside it."""
    from thyrodata.baselines.running import predict_baseline
    from thyrodata.cli.output import emit, lines

    made = predict_baseline(
        run, data, out, part=part, split=split, reader=reader, batch_size=batch_size, device=device
    )
    said = [f"{made.recipe}: {made.images} images of {made.groups} groups in {made.file}"]
    emit(made.to_json(), lambda: lines(said), json=json, quiet=quiet)
