"""External validation: a trained baseline on another dataset, which has to share nothing with what it saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from thyrodata.baselines.evaluation import Repeated, evaluate_repeated
from thyrodata.baselines.evaluation.sharing import Shared, find_shared
from thyrodata.baselines.seen import Taught, read_taught, unseen_view
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import SplitError, UsageError
from thyrodata.exports.view import exported_readers
from thyrodata.io.hashes import SUMS, read_sums
from thyrodata.schema.plain import to_plain

__all__ = ["ExternalValidation", "validate_externally"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalValidation:
    """How good a model is on another dataset than it learnt from."""

    shared: Shared
    """What is evaluated and was seen in training: without ``accept_shared``, nothing."""
    evaluation: Repeated

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**self.evaluation.to_json(), "shared": to_plain(self.shared)}


def validate_externally(
    run: str | Path,
    other: Dataset | str | Path,
    trained_on: Dataset | str | Path,
    *,
    out: str | Path | None = None,
    part: str = "test",
    split: str | None = None,
    reader: str | None = None,
    device: str | None = None,
    accept_shared: bool = False,
    seed: int = 0,
    resamples: int = 1000,
    by: Sequence[str] = (),
    without_finding: str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> ExternalValidation:
    """Predict a part of another dataset and evaluate that, if none of it was seen in training.

    What was seen are the images that the training learnt from and those that chose its epoch. That nothing is
    shared says that no image, group or picture is found on both sides, and not that no patient is: a patient
    who was examined twice, at two hospitals, nobody finds by the pictures.

    Args:
        run: The folder of one training.
        other: The dataset to evaluate on, or its folder.
        trained_on: The dataset of the training, or its folder, as it was.
        out: The Parquet file of predictions to write; by default they are not kept.
        part: The part of ``other``, or ``all``.
        split: The split of ``other``, by default ``default``.
        reader: Whose findings are the truth, as of :func:`thyrodata.baselines.running.predict_baseline`.
        device: Such as ``cpu`` or ``cuda``; by default a GPU if there is one.
        accept_shared: Evaluate also what was seen, and say how much that is.
        seed: Of the resamples.
        resamples: How many.
        by: As of :func:`thyrodata.baselines.evaluation.evaluate_predictions`.
        without_finding: Likewise.
        workers: Processes to compare images with.
        progress: Called with the number of pictures compared and of all.

    Raises:
        SplitError: An image of the part was seen, or is tied to one that was.
        UsageError: ``trained_on`` is not the dataset of the training, there is no such part, or as of
            :func:`thyrodata.baselines.evaluation.evaluate_predictions`.
        DatasetError: A dataset is damaged, or has no such split.
        CaseError: The folder is none of a training, or an image or the weights are damaged.
        TrainingError: The memory is too small.
        OutputError: The predictions cannot be written.
        MissingExtraError: Torch is not installed.
    """
    taught = read_taught(Path(run))
    source, target = (each if isinstance(each, Dataset) else Dataset(each) for each in (trained_on, other))
    learnt = _learnt(taught, source)
    wanted = _asked_for(taught, target, part, split, reader)
    shared = find_shared(source, learnt, target, wanted, workers=workers, progress=progress)
    if shared.shared and not accept_shared:
        raise SplitError(
            f"of {shared.evaluated} images {shared.shared} were seen in training, or are tied to what was;"
            f" the first: {shared.first}",
            where=str(target.path),
            hint="leave them out with `thyrodata select`, or take them in with --accept-shared",
        )
    from thyrodata.baselines.running import predict_baseline  # noqa: PLC0415 -- it imports torch

    with TemporaryDirectory() as folder:
        file = Path(folder) / "predictions.parquet" if out is None else Path(out)
        predict_baseline(run, target, file, part=part, split=split, reader=reader, device=device)
        made = evaluate_repeated(
            [file], seed=seed, resamples=resamples, data=target, by=by, without_finding=without_finding
        )
    return ExternalValidation(shared=shared, evaluation=made)


def _learnt(taught: Taught, source: Dataset) -> list[str]:
    """Return the images that the training saw."""
    if read_sums(source.path / SUMS)["records.parquet"] != taught.records_sha256:
        raise UsageError(
            f"this is not the dataset of the training, {taught.dataset}, or its records are others by now",
            where=str(source.path),
            hint="give with --trained-on the dataset that `thyrodata baseline train` was given",
        )
    shown = taught.view_of(source, exported_readers(source)[0])
    return [image_id for image_id, name in shown.part_of.items() if name in taught.parts]


def _asked_for(
    taught: Taught, target: Dataset, part: str, split: str | None, reader: str | None
) -> list[str]:
    """Return the images of a part of the dataset that is evaluated on."""
    shown = unseen_view(target, taught, part, split, reader)
    wanted = [image_id for image_id, name in shown.part_of.items() if name == part]
    if not wanted:
        raise UsageError(
            f"there is no part {part!r} of the split {shown.split!r}",
            where=str(target.path),
            hint=f"there are: {', '.join(shown.parts)}; `--part all` takes every image",
        )
    return wanted
