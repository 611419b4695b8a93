"""Predictions of a part as a file: Parquet, with the truth beside them, so that figures need no model.

Every row says where it comes from: the fields of :class:`Origin`. Of a classification there is a row for each
image: ``image_id``, ``group_id``, ``truth`` (the name of its class) and for each class a column ``probability
of NAME``. Of a segmentation there is a row for each image and each class beside the background: ``image_id``,
``group_id``, ``category``, ``height`` and ``width`` of the image, ``truth`` and ``predicted`` as the
``counts`` of COCO's compressed run-length encoding in the image's own pixels, ``score`` and ``certainty``. Of
a detection there are a row for each image, whose ``role`` is ``image``, and one for each box, whose ``role``
is ``truth`` or ``predicted``: ``image_id``, ``group_id``, ``category``, ``left``, ``top``, ``right`` and
``bottom`` in the image's own pixels, ``crowd`` and ``score``. No torch is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.errors import RawLayoutError, SchemaError, UsageError
from thyrodata.io.files import write_file
from thyrodata.io.parquettable import stream_rows, table_bytes
from thyrodata.io.raw import named_file
from thyrodata.schema.geometry import Mask

__all__ = [
    "BoxPredictions",
    "ClassPredictions",
    "MaskPrediction",
    "MaskPredictions",
    "Origin",
    "Predictions",
    "read_predictions",
    "write_predictions",
]

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
_CORNERS = ("left", "top", "right", "bottom")
_BOX_COLUMNS = ("image_id", "group_id", "role", "category", *_CORNERS, "crowd", "score")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where predictions come from."""

    target: str
    """What is told apart, in words: see :class:`thyrodata.baselines.training.settings.Target`."""
    model: str
    """The recipe, or the model's name where it was trained without one."""
    seed: int
    trained_on: str
    """The name of the dataset."""
    trained_split: str
    """The split, and of a cross-validation the fold that was held out."""
    weights_sha256: str
    """Of the file of weights."""
    dataset: str
    """The name of the dataset that is predicted."""
    split: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class ClassPredictions:
    """How likely each class of each image is."""

    origin: Origin
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

    origin: Origin
    classes: tuple[str, ...]
    """Those beside the background."""
    masks: tuple[MaskPrediction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxPredictions:
    """The predictions of a detection."""

    origin: Origin
    classes: tuple[str, ...]
    """What the labels of the boxes stand for: label 0 is the first."""
    images: tuple[BoxedImage, ...]
    """In each image's own pixels. Those without any box are here too."""
    group_ids: tuple[str, ...]
    """Of each image."""


Predictions = ClassPredictions | MaskPredictions | BoxPredictions
"""What a model made of the images of a part."""


def write_predictions(path: Path, predictions: Predictions) -> None:
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
        case BoxPredictions():
            columns = dict(zip(_BOX_COLUMNS, zip(*_box_rows(predictions), strict=True), strict=True))
            columns["classes"] = [list(predictions.classes)] * len(columns["image_id"])
    rows = len(columns["image_id"])
    origin = {name: [value] * rows for name, value in asdict(predictions.origin).items()}
    write_file(path, table_bytes({**origin, **columns}))


def _cell(mask: MaskPrediction, name: str) -> Any:
    match name:
        case "height" | "width":
            return getattr(mask.truth, name)
        case "truth" | "predicted":
            return getattr(mask, name).counts
        case _:
            return getattr(mask, name)


def _box_rows(predictions: BoxPredictions) -> Iterator[tuple[Any, ...]]:
    for image, group_id in zip(predictions.images, predictions.group_ids, strict=True):
        named = (image.image_id, group_id)
        yield (*named, "image", *[None] * 7)
        for box, label, crowd in zip(image.truth, image.truth_labels, image.crowd, strict=True):
            yield (*named, "truth", predictions.classes[label], *box.tolist(), bool(crowd), None)
        for box, label, score in zip(image.predicted, image.predicted_labels, image.scores, strict=True):
            yield (*named, "predicted", predictions.classes[label], *box.tolist(), None, float(score))


def read_predictions(path: Path) -> Predictions:
    """Read what :func:`write_predictions` wrote.

    Raises:
        UsageError: There is no such file.
        CaseError: It cannot be read.
        RawLayoutError: It is damaged, or no such file.
    """
    rows = [*stream_rows(named_file(path))]
    try:
        first = rows[0]
        origin = Origin(**{each.name: first[each.name] for each in fields(Origin)})
        if "role" in first:
            return _boxes(origin, rows)
        return _masks(origin, rows) if "category" in first else _classes(origin, rows)
    except (IndexError, KeyError, ValueError, TypeError, SchemaError, UsageError) as error:
        raise RawLayoutError(
            f"these are no predictions: {error}", where=str(path), hint="write them again"
        ) from None


def _classes(origin: Origin, rows: Sequence[Mapping[str, Any]]) -> ClassPredictions:
    classes = tuple(name.removeprefix(_PROBABILITY) for name in rows[0] if name.startswith(_PROBABILITY))
    return ClassPredictions(
        origin=origin,
        classes=classes,
        image_ids=tuple(row["image_id"] for row in rows),
        group_ids=tuple(row["group_id"] for row in rows),
        labels=np.array([classes.index(row["truth"]) for row in rows], np.int64),
        probabilities=np.array([[row[_PROBABILITY + name] for name in classes] for row in rows], np.float32),
    )


def _masks(origin: Origin, rows: Sequence[Mapping[str, Any]]) -> MaskPredictions:
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
    return MaskPredictions(origin=origin, classes=classes, masks=masks)


def _boxes(origin: Origin, rows: Sequence[Mapping[str, Any]]) -> BoxPredictions:
    classes = tuple(rows[0]["classes"])
    boxes: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in rows:
        boxes.setdefault(row["image_id"], {"image": [], "truth": [], "predicted": []})[row["role"]].append(
            row
        )
    return BoxPredictions(
        origin=origin,
        classes=classes,
        images=tuple(
            _boxed(image_id, classes, of["truth"], of["predicted"]) for image_id, of in boxes.items()
        ),
        group_ids=tuple(of["image"][0]["group_id"] for of in boxes.values()),
    )


def _boxed(
    image_id: str,
    classes: tuple[str, ...],
    truth: Sequence[Mapping[str, Any]],
    predicted: Sequence[Mapping[str, Any]],
) -> BoxedImage:
    def corners(rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        return np.array([[row[name] for name in _CORNERS] for row in rows], np.float64).reshape(-1, 4)

    def labels(rows: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
        return np.array([classes.index(row["category"]) for row in rows], np.int64)

    return BoxedImage(
        image_id=image_id,
        truth=corners(truth),
        truth_labels=labels(truth),
        crowd=np.array([row["crowd"] for row in truth], np.bool_),
        predicted=corners(predicted),
        predicted_labels=labels(predicted),
        scores=np.array([row["score"] for row in predicted], np.float64),
    )
