"""Files of predictions as runs of one model: the folds of a cross-validation are joined to one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from thyrodata.baselines.evaluation.truths import groups_of, true_classes
from thyrodata.baselines.parts import held_out_of
from thyrodata.baselines.predictions import (
    BoxPredictions,
    ClassPredictions,
    MaskPredictions,
    Origin,
    Predictions,
    read_predictions,
)
from thyrodata.errors import UsageError

__all__ = ["Run", "prediction_files", "runs_of"]

_SUFFIX = ".parquet"
_MAY_DIFFER = frozenset({"seed", "trained_split", "weights_sha256"})
"""Fields of the origin of runs of one model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a model made of each image once: of one training, or each image of the one that did not see it."""

    seed: int
    files: tuple[Path, ...]
    said: Predictions


def prediction_files(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Return the files of predictions: those that are given, and those of folders in the order of names.

    Raises:
        UsageError: None is given, one is given twice, or a folder holds none.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(path.rglob(f"*{_SUFFIX}")) if path.is_dir() else [path]
        if not inside:
            raise UsageError(
                f"the folder holds no file {_SUFFIX}",
                where=str(path),
                hint="`thyrodata baseline predict` writes predictions",
            )
        files += inside
    if not files:
        raise UsageError("there are no predictions to evaluate", hint="give files or folders of them")
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise UsageError("the file is given twice", where=str(file), hint="give each once")
        seen.add(file.resolve())
    return tuple(files)


def runs_of(files: Sequence[Path]) -> tuple[Run, ...]:
    """Read files and return the runs of one model, by their seeds.

    Args:
        files: At least one. Their order decides nothing.

    Raises:
        UsageError: There is no such file. Or the files are not of one model, target, dataset, part and
            classes; or not runs of it: two of a seed predict one image, or were trained on one split; or
            seeds predict other images, or have other truths of them.
        CaseError: One cannot be read.
        RawLayoutError: One holds no predictions.
    """
    read = [(file, read_predictions(file)) for file in files]
    first_file, first = read[0]
    for file, said in read[1:]:
        _check_alike(first_file, first, file, said)
    read.sort(key=lambda each: (each[1].origin.seed, each[1].origin.trained_split, str(each[0])))
    runs = tuple(
        _joined(seed, [*group]) for seed, group in groupby(read, key=lambda each: each[1].origin.seed)
    )
    for run in runs[1:]:
        _check_same_images(runs[0], run)
    return runs


def _check_alike(first: Path, one: Predictions, file: Path, other: Predictions) -> None:
    mine, theirs = (replace(said.origin, split=held_out_of(said.origin.split)[0]) for said in (one, other))
    differing = [
        (name, getattr(mine, name), getattr(theirs, name))
        for name in (field.name for field in fields(Origin))
        if name not in _MAY_DIFFER and getattr(mine, name) != getattr(theirs, name)
    ]
    if type(one) is not type(other):
        differing.append(("task", type(one).__name__, type(other).__name__))
    if one.classes != other.classes:
        differing.append(("list of classes", ", ".join(one.classes), ", ".join(other.classes)))
    if differing:
        name, before, here = differing[0]
        raise UsageError(
            f"the files are not of one model on the same images: the {name.replace('_', ' ')} is {here!r}, "
            f"and {before!r} in {first}",
            where=str(file),
            hint="evaluate each model, target and dataset by itself",
        )


def _joined(seed: int, parts: Sequence[tuple[Path, Predictions]]) -> Run:
    """Join the files of one seed."""
    predicted_in: dict[str, Path] = {}
    trained_in: dict[str, Path] = {}
    for file, said in parts:
        split = said.origin.trained_split
        if split in trained_in:
            raise UsageError(
                f"two trainings of seed {seed} are on {split!r}: this one and that of {trained_in[split]}",
                where=str(file),
                hint="runs of one split have a seed each; folds hold out another part each",
            )
        trained_in[split] = file
        for image_id in groups_of(said):
            if image_id in predicted_in:
                raise UsageError(
                    f"{image_id} is predicted twice of seed {seed}, also in {predicted_in[image_id]}",
                    where=str(file),
                    hint="folds that are joined hold out other images each",
                )
            predicted_in[image_id] = file
    return Run(
        seed=seed, files=tuple(file for file, _ in parts), said=_concatenated([said for _, said in parts])
    )


def _concatenated(parts: Sequence[Predictions]) -> Predictions:
    """Return predictions of the images of all parts, which are alike."""
    first = parts[0]
    if len(parts) == 1:
        return first
    match first:
        case ClassPredictions():
            classified = [part for part in parts if isinstance(part, ClassPredictions)]
            return ClassPredictions(
                origin=first.origin,
                classes=first.classes,
                image_ids=tuple(each for part in classified for each in part.image_ids),
                group_ids=tuple(each for part in classified for each in part.group_ids),
                labels=np.concatenate([part.labels for part in classified]),
                probabilities=np.concatenate([part.probabilities for part in classified]),
            )
        case MaskPredictions():
            masks = (part.masks for part in parts if isinstance(part, MaskPredictions))
            return MaskPredictions(
                origin=first.origin,
                classes=first.classes,
                masks=tuple(mask for of_part in masks for mask in of_part),
            )
        case BoxPredictions():
            boxed = [part for part in parts if isinstance(part, BoxPredictions)]
            return BoxPredictions(
                origin=first.origin,
                classes=first.classes,
                images=tuple(each for part in boxed for each in part.images),
                group_ids=tuple(each for part in boxed for each in part.group_ids),
            )


def _check_same_images(first: Run, other: Run) -> None:
    """Check that two runs predict the same images, of which the same is true."""
    for strange in _differing(first.said, other.said):
        raise UsageError(
            f"seeds {first.seed} and {other.seed} do not predict the same: {strange}",
            where=str(other.files[0]),
            hint="give every seed the same part, and of a cross-validation all of its folds",
        )


def _differing(one: Predictions, other: Predictions) -> Iterator[str]:
    mine, theirs = true_classes(one), true_classes(other)
    my_groups, their_groups = groups_of(one), groups_of(other)
    for image_id in sorted(mine.keys() ^ theirs.keys()):
        yield f"{image_id} is predicted by one of them only"
    for image_id in sorted(mine.keys() & theirs.keys()):
        if mine[image_id] != theirs[image_id]:
            yield f"{image_id} is of another class"
        if my_groups[image_id] != their_groups[image_id]:
            yield f"{image_id} is of another group"
