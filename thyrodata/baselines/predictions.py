"""Predictions of a part as a file: Parquet, with the truth beside them, so that figures need no model.

In every row ``target`` says what was told apart. Of a classification there is a row for each image:
``image_id``, ``group_id``, ``truth`` (the name of its class) and for each class a column ``probability of
NAME``. Of a segmentation there is a row for each image
and each class beside the background: ``image_id``, ``group_id``, ``category``, ``height`` and ``width`` of
the image, ``truth`` and ``predicted`` as the ``counts`` of COCO's compressed run-length encoding in the
image's own pixels, ``score`` and ``certainty``. No torch is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import RawLayoutError, SchemaError
from thyrodata.io.files import write_file
from thyrodata.io.parquettable import stream_rows, table_bytes
from thyrodata.io.raw import named_file
from thyrodata.schema.geometry import Mask

__all__ = ["ClassPredictions", "MaskPrediction", "MaskPredictions", "read_predictions", "write_predictions"]

_PROBABILITY = "probability of "
_MASK_COLUMNS = (
    "image_id",
    "group_id",
    "category",
    "height",
    "width",
    "truth",
    "predicted",
    "score",
    "certainty",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class ClassPredictions:
    """How likely each class of each image is."""

    target: str
    """What the classes tell apart, in words: see :class:`thyrodata.baselines.training.settings.Target`."""
    classes: tuple[str, ...]
    image_ids: tuple[str, ...]
    group_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    """(images,): the truth, as places in the classes."""
    probabilities: NDArray[np.float32]
    """(images, classes); each row sums to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPrediction:
    """The pixels of one image that are taken for one class, and those that are of it."""

    image_id: str
    group_id: str
    category: str
    truth: Mask
    """In the image's own pixels; without a pixel where the class is not shown."""
    predicted: Mask
    """The pixels of which this class is the most likely one, likewise."""
    score: float | None
    """The mean probability of the class over these pixels; ``None`` where there are none."""
    certainty: float
    """The mean probability of the most likely class over all pixels of the image, of which the mean over the
    images is the mean maximum class likelihood (Bakhtiariziabari & Ghafoorian 2020)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPredictions:
    """The predictions of a segmentation: image by image, and of each the classes in one order."""

    target: str
    """As of :class:`ClassPredictions`."""
    classes: tuple[str, ...]
    """Those beside the background."""
    masks: tuple[MaskPrediction, ...]


def write_predictions(path: Path, predictions: ClassPredictions | MaskPredictions) -> None:
    """Write predictions: see the module.

    Raises:
        OutputError: They could not be written.
    """
    columns: Mapping[str, Sequence[Any]]
    match predictions:
        case ClassPredictions():
            columns = {
                "image_id": predictions.image_ids,
                "group_id": predictions.group_ids,
                "truth": [predictions.classes[label] for label in predictions.labels],
                **{
                    _PROBABILITY + name: predictions.probabilities[:, n].tolist()
                    for n, name in enumerate(predictions.classes)
                },
            }
        case MaskPredictions():
            columns = {name: [_cell(mask, name) for mask in predictions.masks] for name in _MASK_COLUMNS}
    rows = len(columns["image_id"])
    write_file(path, table_bytes({"target": [predictions.target] * rows, **columns}))


def _cell(mask: MaskPrediction, name: str) -> Any:
    match name:
        case "height" | "width":
            return getattr(mask.truth, name)
        case "truth" | "predicted":
            return getattr(mask, name).counts
        case _:
            return getattr(mask, name)


def read_predictions(path: Path) -> ClassPredictions | MaskPredictions:
    """Read what :func:`write_predictions` wrote.

    Raises:
        UsageError: There is no such file.
        CaseError: It cannot be read.
        RawLayoutError: It is damaged, or no such file.
    """
    rows = [*stream_rows(named_file(path))]
    try:
        return _masks(rows) if rows and "category" in rows[0] else _classes(rows)
    except (KeyError, ValueError, TypeError, SchemaError) as error:
        raise RawLayoutError(
            f"these are no predictions: {error}", where=str(path), hint="write them again"
        ) from None


def _classes(rows: Sequence[Mapping[str, Any]]) -> ClassPredictions:
    classes = tuple(name.removeprefix(_PROBABILITY) for name in rows[0] if name.startswith(_PROBABILITY))
    return ClassPredictions(
        target=rows[0]["target"],
        classes=classes,
        image_ids=tuple(row["image_id"] for row in rows),
        group_ids=tuple(row["group_id"] for row in rows),
        labels=np.array([classes.index(row["truth"]) for row in rows], np.int64),
        probabilities=np.array([[row[_PROBABILITY + name] for name in classes] for row in rows], np.float32),
    )


def _masks(rows: Sequence[Mapping[str, Any]]) -> MaskPredictions:
    masks = tuple(
        MaskPrediction(
            image_id=row["image_id"],
            group_id=row["group_id"],
            category=row["category"],
            truth=Mask(height=row["height"], width=row["width"], counts=row["truth"]),
            predicted=Mask(height=row["height"], width=row["width"], counts=row["predicted"]),
            score=row["score"],
            certainty=row["certainty"],
        )
        for row in rows
    )
    classes = tuple(dict.fromkeys(mask.category for mask in masks))
    return MaskPredictions(target=rows[0]["target"], classes=classes, masks=masks)
