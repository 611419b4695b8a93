"""Commands about readers of the same images: agree report, resolve, queue, view, import, score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thyrodata.cli.options import Data, DryRun, Json, Link, Out, Overwrite, Quiet, Resume, Workers, group

__all__ = ["app", "queue", "report", "resolve", "score", "take_in", "view"]

app = group("Compare readers of the same images, and make one reading of theirs by a written policy.")

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="PATH or NAME=PATH: datasets, files of CVAT, Label Studio or COCO, folders of masks.",
    ),
]


@app.command("report")
def report(
    sources: Sources,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="OUT", help="The folder to write a page to.")
    ] = None,
    readers: Annotated[
        str, typer.Option(metavar="A,B", help="Whose readings are compared; by default all.")
    ] = "",
    structure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What is compared, by default all but markers; may be repeated."),
    ] = None,
    floor: Annotated[
        float, typer.Option(help="The least IoU of two drawings that may be of one thing.")
    ] = 0.1,
    tolerance: Annotated[
        str, typer.Option(metavar="2px|0.5mm", help="Of edges; all distances are in its unit.")
    ] = "2px",
    iou: Annotated[
        list[float] | None,
        typer.Option(
            help="IoU from which a drawing counts as found, by default 0.5 and 0.75; may be repeated."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the resamples that give the intervals.")] = 0,
    resamples: Annotated[int, typer.Option(min=1, help="How many resamples.")] = 1000,
    worst: Annotated[int, typer.Option(min=0, help="How many pairs that agree least are drawn.")] = 12,
    workers: Annotated[int, typer.Option(min=1, help="Processes to compare with.")] = 1,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how readers agree, with 95 % intervals; the figures join the first dataset's reports."""
    from thyrodata.agreement.asking import THRESHOLDS
    from thyrodata.cli.agreed import print_report
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.agree import report_agreement

    named = {"structures": structure} if structure else {}
    with progress("agree", quiet=quiet or json) as show:
        made = report_agreement(
            sources,
            out,
            readers=[name for name in readers.split(",") if name],
            floor=floor,
            tolerance=tolerance,
            thresholds=iou or THRESHOLDS,
            seed=seed,
            resamples=resamples,
            worst=worst,
            workers=workers,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
            **named,
        )
    emit(made.to_json(), lambda: print_report(made), json=json, quiet=quiet)


@app.command("resolve")
def resolve(
    data: Data,
    out: Out,
    *,
    policy: Annotated[
        Path, typer.Option(metavar="YAML", help="What is done with what, as a person decided.")
    ],
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="SOURCE", help="Further readings, PATH or NAME=PATH."),
    ] = None,
    arbiter: Annotated[
        str | None,
        typer.Option(metavar="NAME[=PATH]", help="Who decides what is open: a reader, or a source of one."),
    ] = None,
    link: Link = False,
    workers: Workers = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a dataset with one reading of several, by a written policy; what it does not decide stays open."""
    from thyrodata.cli.agreed import print_resolved
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.resolve import resolve_readings

    with progress("agree", quiet=quiet or json) as show:
        made = resolve_readings(
            data,
            policy,
            out,
            sources=with_ or (),
            arbiter=arbiter,
            link=link,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: print_resolved(made), json=json, quiet=quiet)


@app.command("queue")
def queue(
    data: Data,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    *,
    arbiter: Annotated[str, typer.Option(help="Who decides; no reader.")],
    policy: Annotated[
        Path | None, typer.Option(metavar="YAML", help="By default the one that DATA was resolved by.")
    ] = None,
    tool: Annotated[
        str, typer.Option("--format", metavar="cvat|label-studio|coco", help="The tool of the arbiter.")
    ] = "cvat",
    seed: Annotated[int, typer.Option(help="Another seed gives other names and numbers of readings.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes to write images with.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the queue there.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write what is open as a work list of an arbiter, who is not told whose reading is whose."""
    from thyrodata.cli.agreed import print_queue
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.adjudicate import queue_readings

    with progress("queue", quiet=quiet or json) as show:
        made = queue_readings(
            data,
            out,
            arbiter=arbiter,
            policy=policy,
            tool=tool,
            seed=seed,
            workers=workers,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: print_queue(made), json=json, quiet=quiet)


@app.command("view")
def view(
    data: Data,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The FiftyOne dataset to make.")],
    *,
    policy: Annotated[
        Path | None, typer.Option(metavar="YAML", help="By default the one that DATA was resolved by.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the numbers of readings, as in the queue.")] = 0,
    previews: Annotated[
        Path, typer.Option(metavar="FOLDER", help="For 8-bit pictures of images that have more bits.")
    ] = Path("previews"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the dataset of that name.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a FiftyOne dataset of what is open, the readings of an image side by side, to look at."""
    from thyrodata.cli.agreed import print_view
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.adjudicate import view_readings

    with progress("view", quiet=quiet or json) as show:
        made = view_readings(
            data, name, policy=policy, seed=seed, previews=previews, overwrite=overwrite, progress=show
        )
    emit(made.to_json(), lambda: print_view(made), json=json, quiet=quiet)


@app.command("import")
def take_in(
    data: Data,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="All that the arbiter gives back.")],
    *,
    key: Annotated[Path, typer.Option(metavar="CSV", help="The key.csv of the queue.")],
    arbiter: Annotated[str, typer.Option(help="The arbiter whose files they are.")],
    out: Out,
    link: Link = False,
    workers: Workers = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a dataset with the arbiter's reading; agree resolve --arbiter then decides by it."""
    from thyrodata.cli.annotate import print_readings
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.decisions import import_decisions

    with progress("agree", quiet=quiet or json) as show:
        made = import_decisions(
            data,
            files,
            key=key,
            arbiter=arbiter,
            out=out,
            link=link,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=show,
        )
    emit(made.to_json(), lambda: print_readings(made), json=json, quiet=quiet)


@app.command("score")
def score(
    data: Data,
    predictions: Annotated[
        str,
        typer.Argument(metavar="PREDICTIONS", help="PATH or NAME=PATH: a dataset, COCO, a folder of masks."),
    ],
    *,
    readers: Annotated[
        str, typer.Option(metavar="A,B", help="With whom the model is compared; by default all.")
    ] = "",
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="SOURCE", help="Further readings, PATH or NAME=PATH."),
    ] = None,
    least_score: Annotated[
        float | None, typer.Option(help="Leave predictions of a lower score out; by default none.")
    ] = None,
    tolerance: Annotated[
        str, typer.Option(metavar="2px|0.5mm", help="Its unit is that of all distances.")
    ] = "2px",
    seed: Annotated[int, typer.Option(help="Of the resamples that give the intervals.")] = 0,
    resamples: Annotated[int, typer.Option(min=1, help="How many resamples.")] = 1000,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how a model agrees with readers, beside how the readers agree with one another."""
    from thyrodata.cli.agreed import print_score
    from thyrodata.cli.output import emit, progress
    from thyrodata.curation.score import score_predictions

    with progress("score", quiet=quiet or json) as show:
        made = score_predictions(
            data,
            predictions,
            readers=[name for name in readers.split(",") if name],
            sources=with_ or (),
            least_score=least_score,
            tolerance=tolerance,
            seed=seed,
            resamples=resamples,
            progress=show,
        )
    emit(made.to_json(), lambda: print_score(made), json=json, quiet=quiet)
