"""What one training, or each of several, makes of a dataset. Importing this module imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.baselines.parts import TEST
from thyrodata.baselines.running import Predicted, predict_baseline
from thyrodata.baselines.runs import runs_in
from thyrodata.dataset import Dataset
from thyrodata.io.files import writing

__all__ = ["PredictedRuns", "predict_repeatedly"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedRuns:
    """Predictions of one training, or of each of several."""

    files: tuple[Predicted, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"files": [made.to_json() for made in self.files]}


def predict_repeatedly(
    run: str | Path,
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    part: str = TEST,
    split: str | None = None,
    reader: str | None = None,
    batch_size: int = 16,
    device: str | None = None,
) -> PredictedRuns:
    """Write what one training, or each of several, makes of a part of a dataset.

    Args:
        run: The folder of a training, or what :func:`train_repeatedly` made of several.
        dataset: As of :func:`thyrodata.baselines.running.predict_baseline`, like all that is not named here.
        out: The Parquet file to write; of several trainings a folder for one of each, such as
            ``fold-0-seed-1.parquet``. Files that are there are replaced.
        part: See there.
        split: See there.
        reader: See there.
        batch_size: See there.
        device: See there.

    Raises:
        CaseError: There is no training in the folder; and as of
            :func:`~thyrodata.baselines.running.predict_baseline`, like all other errors.
    """
    source = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    runs = runs_in(Path(run))
    if runs != (Path(run),):
        with writing(Path(out)):
            Path(out).mkdir(parents=True, exist_ok=True)
    places = {
        found: Path(out)
        if found == Path(run)
        else Path(out) / f"{'-'.join(found.relative_to(run).parts)}.parquet"
        for found in runs
    }
    made = (
        predict_baseline(
            found, source, place, part=part, split=split, reader=reader, batch_size=batch_size, device=device
        )
        for found, place in places.items()
    )
    return PredictedRuns(files=tuple(made))
