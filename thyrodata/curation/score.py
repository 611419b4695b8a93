"""Agree score: how a model agrees with readers, beside how the readers agree with one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thyrodata.agreement.asking import FLOOR, THRESHOLDS, TOLERANCE, Asked, asked_of
from thyrodata.agreement.examination import Examined, examine
from thyrodata.agreement.images import has_read
from thyrodata.agreement.model import Noted
from thyrodata.agreement.notes import noted
from thyrodata.agreement.resampling import Resampling
from thyrodata.agreement.scoring import ModelScore, as_model, compare
from thyrodata.agreement.sources import parse_source
from thyrodata.agreement.study import gather
from thyrodata.curation.readers import Readings, joined_readings
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import UsageError

__all__ = ["ScoredPredictions", "score_predictions"]

_MODEL = "model"
"""What a model is called whose file is given without a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPredictions:
    """A model's score, and what was not compared."""

    score: ModelScore
    group_kinds: tuple[str, ...]
    """What intervals resample: only a patient is one."""
    notes: tuple[Noted, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            **self.score.to_json(),
            "group_kinds": [*self.group_kinds],
            "notes": [each.to_json() for each in self.notes],
        }


def score_predictions(
    dataset: str | Path | Dataset,
    predictions: str | Path,
    *,
    readers: Sequence[str] = (),
    sources: Sequence[str | Path] = (),
    least_score: float | None = None,
    structures: Sequence[str] = (),
    floor: float = FLOOR,
    tolerance: str = TOLERANCE,
    thresholds: Sequence[float] = THRESHOLDS,
    seed: int = 0,
    resamples: int = 1000,
    progress: Progress | None = None,
) -> ScoredPredictions:
    """Measure how a model agrees with readers, on the images that it and all of them have read.

    A model's reading is complete: where it gives nothing, it says that there is nothing.

    Args:
        dataset: The dataset with the readers, or its folder.
        predictions: A dataset, COCO file or folder of masks, ``PATH`` or ``NAME=PATH``; without a name the
            model of a file is called ``model``.
        readers: With whom it is compared: by default all.
        sources: Further readers, as :func:`thyrodata.report_agreement` takes them.
        least_score: Predictions with a lower score are left out; by default none is.
        structures: What is compared: by default all but markers.
        floor: The least IoU of two drawings that may be of one thing.
        tolerance: ``2px`` or ``0.5mm``: all distances are in its unit.
        thresholds: IoU from which a drawing counts as found.
        seed: Of the resamples.
        resamples: How many.
        progress: Called with the number of images done and of all.

    Raises:
        UsageError: There is no reader, or the predictions are of no image that all have read.
        DatasetError: A dataset is damaged.
        CaseError: A file cannot be read.
    """
    resampling = Resampling(seed=seed, resamples=resamples)
    given = parse_source(str(predictions))
    if given.name is None and not given.is_dataset:
        given = replace(given, name=_MODEL)
    readings, _ = joined_readings([dataset, given, *sources])
    models = readings.joined[0].readers
    if len(models) != 1:
        raise UsageError(
            f"the predictions are of {len(models)} readers: {', '.join(models) or 'none'}",
            where=str(given.place),
            hint="give those of one model",
        )
    (model,) = models
    chosen = readings.chosen([*readers, model] if readers else ())
    asked = asked_of(chosen, structures, floor, tolerance, thresholds)
    counted = _Counted(readings, asked, model, least_score, progress)
    gathered = gather(counted.examined(), asked)
    if counted.images == 0:
        raise UsageError(
            "there is no image that the model and all readers have read",
            where=str(given.place),
            hint=counted.hint(),
        )
    notes = {
        **{each.code: each.places for each in gathered.notes},
        **readings.notes,
        "not-read-by-all": counted.left_out,
    }
    score = compare(gathered, model, len(counted.left_out), resampling)
    return ScoredPredictions(score=score, group_kinds=gathered.group_kinds, notes=noted(notes))


class _Counted:
    """Examines the images that all have read, and counts the others."""

    def __init__(
        self,
        readings: Readings,
        asked: Asked,
        model: str,
        least_score: float | None,
        progress: Progress | None,
    ) -> None:
        self._readings = readings
        self._asked = asked
        self._model = model
        self._least_score = least_score
        self._progress = progress
        self.images = 0
        self.left_out: list[str] = []

    def examined(self) -> Iterator[Examined]:
        """Yield each image that all have read."""
        for each in self._readings:
            image = as_model(each, self._model, self._least_score)
            if all(has_read(image, reader) for reader in self._asked.readers):
                self.images += 1
                yield examine(image, self._asked)
            else:
                self.left_out.append(image.image_id)
            if self._progress:
                self._progress(self.images + len(self.left_out), self._readings.images)

    def hint(self) -> str:
        """Return what to do where no image is compared."""
        strange = [place for code, place in self._readings.joined[0].notes if code == "other-image"]
        if strange:
            return f"compare the names of the images: the dataset has no {', '.join(strange[:3])}"
        return "name readers who have read the same images as the model"
