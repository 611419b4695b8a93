"""A trained baseline explained in a folder. Importing this module imports torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from thyrodata.agreement.resampling import Resampling
from thyrodata.baselines.explaining.attention import (
    Outlined,
    attention_columns,
    attention_figures,
    outlined_images,
)
from thyrodata.baselines.explaining.explained import Attention, Explained, cautions, page_tables
from thyrodata.baselines.explaining.failing import failures_of
from thyrodata.baselines.explaining.looking import Looked, look
from thyrodata.baselines.explaining.sheets import attention_cases, chosen_images, failure_cases
from thyrodata.baselines.metrics.intervals import measured
from thyrodata.baselines.predictions import BoxPredictions, ClassPredictions, MaskPredictions, Predictions
from thyrodata.baselines.recipes.plan import plan as plan_of
from thyrodata.baselines.running import predicted_view
from thyrodata.baselines.training.classify import ClassificationPlan
from thyrodata.baselines.training.predicting import predict
from thyrodata.baselines.training.task import TaskPlan
from thyrodata.dataset import Dataset
from thyrodata.errors import OutputError, UsageError
from thyrodata.exports.view import View
from thyrodata.io.files import write_file
from thyrodata.io.parquettable import table_bytes
from thyrodata.io.workspace import check_apart, opened_workspace
from thyrodata.reports.failures import case_page, case_sheet
from thyrodata.schema.vocab import Coverage

__all__ = ["explain", "explain_baseline"]

FIGURES, PAGE, ROWS = "explained.json", "index.html", "attention.parquet"
FAILURE_SHEET, ATTENTION_SHEET = "failures.png", "attention.png"
"""The files of an explanation."""
RESAMPLES = 1000
"""Of groups, for the intervals; their seed is 0."""

_METHOD = "Grad-CAM (Selvaraju et al. 2017) of the logit of the predicted class"
_NO_MAP = (
    "Grad-CAM needs a network whose last map of positions is pooled, and this one ends in tokens or has none"
)


def explain_baseline(
    run: str | Path,
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    part: str = "test",
    split: str | None = None,
    reader: str | None = None,
    count: int = 24,
    batch_size: int = 16,
    device: str | None = None,
) -> Explained:
    """Write the images at which a trained baseline fails worst, and of a classifier where it looks.

    Args:
        run: The folder of the training.
        dataset: The dataset, or its folder: that of the training or another.
        out: A new folder: see :func:`explain`.
        part: The part of the split, as of :func:`thyrodata.baselines.running.predict_baseline`, like
            ``split`` and ``reader``.
        split: See there.
        reader: See there.
        count: As of :func:`explain`.
        batch_size: The most images at once.
        device: As of :func:`thyrodata.baselines.running.train_baseline`.

    Raises:
        UsageError: There is no such part, it holds images that were learnt without being a part that was, the
            count is below 1, or the dataset has other classes.
        DatasetError: The dataset is damaged, or has no such split.
        CaseError: The folder is none of a training, its weights are damaged, or an image is.
        TrainingError: The memory is too small.
        OutputError: ``out`` is not empty, or cannot be written.
    """
    recipe, view = predicted_view(run, dataset, part=part, split=split, reader=reader)
    learnt = plan_of(recipe, view.categories)
    return explain(
        view, part, learnt, Path(run), Path(out), count=count, batch_size=batch_size, device=device
    )


def explain(
    view: View,
    part: str,
    plan: TaskPlan,
    run: Path,
    out: Path,
    *,
    count: int = 24,
    batch_size: int = 16,
    device: str | None = None,
) -> Explained:
    """Write the images at which a trained model fails worst, and of a classifier where it looks.

    The folder holds a page to look at, its pictures as PNG, and its figures as JSON; of a classifier also a
    row for each image with outlines as Parquet. How the worst are found says
    :func:`thyrodata.baselines.explaining.failing.failures_of`, and what is measured of where it looks
    :class:`thyrodata.baselines.explaining.attention.Aim`. Maps are of the class that was predicted, right or
    wrong: what is explained is what the model did.

    Args:
        view: As for :func:`thyrodata.baselines.training.predicting.predict`.
        part: The part.
        plan: That of the training.
        run: The folder of the training.
        out: A new folder, which holds all or is not there.
        count: How many images are shown, at most: the worst; and of a classifier as many with the map over
            them, as :func:`thyrodata.baselines.explaining.sheets.chosen_images` chooses them.
        batch_size: The most images at once.
        device: As for the training.

    Raises:
        UsageError: As of :func:`explain_baseline`, as are the others.
        DatasetError: The dataset is damaged.
        CaseError: The weights are damaged or not those of the plan, or an image is.
        TrainingError: The memory is too small.
        OutputError: ``out`` is not empty, or cannot be written.
    """
    if count < 1:
        raise UsageError(f"{count} images cannot be shown", hint="give a --count of 1 or more")
    _check_free(out)
    check_apart(view.dataset.path, out)
    said = predict(view, part, plan, run, batch_size=batch_size, device=device)
    outlined: Mapping[str, Outlined] = {}
    looked = None
    if isinstance(said, ClassPredictions) and isinstance(plan, ClassificationPlan):
        outlined = outlined_images(view, part)
        shown = chosen_images(said, count)
        looked = look(view, said, plan, run, outlined, shown, batch_size=batch_size, device=device)
    groups = _groups(said)
    made = Explained(
        out=out,
        origin=said.origin,
        images=len(groups),
        groups=len(set(groups.values())),
        group_kinds=tuple(tally.value for tally in view.dataset.manifest.counts if tally.what == "groups"),
        failures=failures_of(said, count),
        attention=None if looked is None else _attention(looked),
        not_told=_NO_MAP if isinstance(said, ClassPredictions) and looked is None else "",
    )
    with opened_workspace(out, {"report": "explain"}, FIGURES, resume=None, overwrite=False) as space:
        try:
            _write(space.dataset, made, view.dataset, said, looked, outlined)
        except BaseException:
            space.abandon()
            raise
        space.publish()
    return made


def _check_free(out: Path) -> None:
    """Refuse, before long work, a place where something is."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise OutputError("the output is there, and is not empty", where=str(out), hint="give another folder")


def _groups(said: Predictions) -> dict[str, str]:
    """Return the group of each image."""
    match said:
        case ClassPredictions():
            return dict(zip(said.image_ids, said.group_ids, strict=True))
        case MaskPredictions():
            return {mask.image_id: mask.group_id for mask in said.masks}
        case BoxPredictions():
            return {image.image_id: group for image, group in zip(said.images, said.group_ids, strict=True)}


def _attention(looked: Looked) -> Attention:
    groups = [each.group_id for each in looked.attended]
    return Attention(
        method=_METHOD,
        layer=looked.layer,
        positions=looked.positions,
        outlined=len(looked.attended),
        surely_whole=sum(each.coverage is Coverage.COMPLETE for each in looked.attended),
        figures=tuple(
            measured(figure, groups, Resampling(seed=0, resamples=RESAMPLES))
            for figure in attention_figures(looked.attended)
        ),
    )


def _write(
    folder: Path,
    made: Explained,
    source: Dataset,
    said: Predictions,
    looked: Looked | None,
    outlined: Mapping[str, Outlined],
) -> None:
    sheets = {FAILURE_SHEET: failure_cases(source, said, made.failures, outlined)}
    if looked is not None and isinstance(said, ClassPredictions):
        sheets[ATTENTION_SHEET] = attention_cases(source, said, looked, outlined)
        origin = {name: [value] * len(looked.attended) for name, value in asdict(made.origin).items()}
        write_file(folder / ROWS, table_bytes({**origin, **attention_columns(looked.attended)}))
    what = f"{made.origin.model} on {made.origin.dataset}"
    for name, sheet in sheets.items():
        if sheet.cases:
            write_file(folder / name, case_sheet(sheet, of=what))
    page = case_page(
        title=f"{what}: where it fails",
        notes=cautions(made),
        tables=[*page_tables(made)],
        sheets=[*sheets.values()],
    )
    write_file(folder / PAGE, page)
    said_as_json = json.dumps(made.figures_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_file(folder / FIGURES, said_as_json.encode())
