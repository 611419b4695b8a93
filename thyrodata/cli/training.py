"""The commands that train baselines and predict with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thyrodata.cli.options import Data, Json, Quiet

if TYPE_CHECKING:
    from thyrodata.baselines.repeats import TrainedRuns

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
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order and augmentation.")] = 0,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many seeds to train, from --seed on, a folder each.")
    ] = None,
    folds: Annotated[
        bool, typer.Option("--folds", help="Hold out each fold once, of a split made with --folds.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="By default the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="By default the recipe's.")] = None,
    pretrained: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights to begin with; nothing is downloaded.")
    ] = None,
    device: Device = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the model, which may change the last bits.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write each epoch for TensorBoard too.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last whole epoch.")] = False,
    accept_leaks: Annotated[
        bool, typer.Option("--accept-leaks", help="Train on a split that leaks; the settings say so.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a baseline on the part train of a split; the part val chooses the best epoch.

    Started by torchrun (torchrun --nproc-per-node 2 -m thyrodata baseline train ...), all processes train
    one model, with a batch for each.
    """
    from thyrodata.baselines.repeats import train_repeatedly
    from thyrodata.baselines.training.processes import prints
    from thyrodata.cli.output import emit, lines, progress

    silent = not prints()
    with progress(recipe, quiet=quiet or json or silent) as show:
        made = train_repeatedly(
            data,
            recipe,
            out,
            seeds=seeds,
            folds=folds,
            split=split,
            reader=reader,
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
            pretrained=pretrained,
            device=device,
            compiled=compiled,
            tensorboard=tensorboard,
            resume=resume,
            accept_leaks=accept_leaks,
            progress=show,
        )
    emit(made.to_json(), lambda: lines(_notes(made)), json=json and not silent, quiet=quiet or silent)


def _notes(made: TrainedRuns) -> Iterator[str]:
    for run in made.runs:
        figures = ", ".join(f"{name} {value:.3f}" for name, value in run.figures.items())
        yield f"trained {run.epochs} epochs into {run.folder}; the best is {run.best_epoch}: {figures}"
    if len(made.runs) == 1:
        yield "note: one run is no result: that takes several seeds (--seeds), a test part and intervals"
        return
    width = max(len(spread.name) for spread in made.spreads)
    for spread in made.spreads:
        sd = "" if spread.sd is None else f" ± {spread.sd:.3f}"
        yield f"{spread.name:{width}}  {spread.mean:.3f}{sd} (mean ± sd of {spread.n} runs)"
    yield "note: these figures are of the part that chose the epochs; predict and evaluate give those of test"


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a training, or of several.")],
    data: Data,
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The Parquet file to write; of several trainings a folder.")
    ],
    part: Annotated[
        str, typer.Option(help="The part of the split; all for every image of another dataset.")
    ] = "test",
    split: Annotated[
        str | None, typer.Option(help="By default that of the training, and of other data default.")
    ] = None,
    reader: Reader = None,
    batch_size: Annotated[int, typer.Option(min=1, help="The most images at once.")] = 16,
    device: Device = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write what a trained baseline makes of a part of a dataset, with the truth beside it.

    Of a cross-validation the part test of each training is the fold that it never saw.
    """
    from thyrodata.baselines.applying import predict_repeatedly
    from thyrodata.cli.output import emit, lines

    made = predict_repeatedly(
        run, data, out, part=part, split=split, reader=reader, batch_size=batch_size, device=device
    )
    said = [
        f"{each.recipe}: {each.images} images of {each.groups} groups in {each.file}" for each in made.files
    ]
    emit(made.to_json(), lambda: lines(said), json=json, quiet=quiet)
