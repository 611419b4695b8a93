"""Records as columns of numbers and words, as far as boxes need them: quicker than objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from thyrodata.io.parquet import RowsOf, stream_groups

__all__ = ["BoxColumns", "stream_box_columns"]

T = TypeVar("T")

_FINDING = "findings.list.element"
_COLUMNS = [
    "image_id",
    "image.path",
    "image.width",
    "image.height",
    "image.bit_depth",
    "readings.list.element.reader",
    "readings.list.element.coverage",
    f"{_FINDING}.structure",
    f"{_FINDING}.crowd",
    f"{_FINDING}.labels.list.element.value",
    f"{_FINDING}.origin.read.reader",
    f"{_FINDING}.origin.derived.policy",
    *(f"{_FINDING}.geometries.list.element.box.{side}" for side in ("x", "y", "width", "height")),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxColumns:
    """Some rows of a records file: a value for each image, each reading or each finding, in order.

    Nothing is checked as a record is when it is built. Numbers that are missing are NaN, words ``None``.
    """

    image_id: NDArray[np.object_]
    path: NDArray[np.object_]
    size: NDArray[np.float64]
    """(images, 2): width and height."""
    bit_depth: NDArray[np.float64]
    image_of_reading: NDArray[np.int64]
    """The image, by its place, that each reading is of."""
    reading_reader: NDArray[np.object_]
    coverage: NDArray[np.object_]
    first_finding: NDArray[np.int64]
    """(images + 1,): the place of each image's first finding, and the number of all."""
    structure: NDArray[np.object_]
    crowd: NDArray[np.bool_]
    label: NDArray[np.object_]
    """The first one."""
    read: NDArray[np.bool_]
    """Whether a reader drew it; else a policy did."""
    finding_reader: NDArray[np.object_]
    box: NDArray[np.float64]
    """(findings, 4): left, top, width, height in pixels."""


def stream_box_columns(path: Path, cls: type[T]) -> Iterator[tuple[BoxColumns, RowsOf[T]]]:
    """Yield the columns of each row group, and a function that returns rows of it as objects.

    Args:
        path: The records file.
        cls: As in :func:`thyrodata.io.parquet.stream_as`.

    Raises:
        DatasetError: The file is missing, damaged or not of this schema.
    """
    for batch, rows_of in stream_groups(path, _COLUMNS, cls):
        yield _columns(batch), rows_of


def _columns(batch: pa.RecordBatch) -> BoxColumns:
    image = batch.column("image")
    image_of_reading, readings, _ = _flat(batch.column("readings"))
    image_of_finding, findings, first_finding = _flat(batch.column("findings"))
    origin = findings.field("origin")
    return BoxColumns(
        image_id=_words(batch.column("image_id")),
        path=_words(image.field("path")),
        size=np.stack([_numbers(image.field(side)) for side in ("width", "height")], axis=1),
        bit_depth=_numbers(image.field("bit_depth")),
        image_of_reading=image_of_reading,
        reading_reader=_words(readings.field("reader")),
        coverage=_words(readings.field("coverage")),
        first_finding=first_finding,
        structure=_words(findings.field("structure")),
        crowd=_words(findings.field("crowd")) == True,  # noqa: E712 -- null is not
        label=_first_labels(findings.field("labels")),
        read=_valid(origin.field("read")) & ~_valid(origin.field("derived")),
        finding_reader=_words(origin.field("read").field("reader")),
        box=_boxes(findings.field("geometries"), len(image_of_finding)),
    )


def _flat(lists: pa.ListArray) -> tuple[NDArray[np.int64], Any, NDArray[np.int64]]:
    """Return which list each element is of, the elements, and where each list begins, and the last ends."""
    offsets = lists.offsets.to_numpy().astype(np.int64)
    of = np.repeat(np.arange(len(lists)), np.diff(offsets))
    return of, lists.values[int(offsets[0]) : int(offsets[-1])], offsets - offsets[0]


def _words(array: pa.Array) -> NDArray[np.object_]:
    words: NDArray[np.object_] = array.to_numpy(zero_copy_only=False)
    return words.astype(object, copy=False)


def _numbers(array: pa.Array) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = array.to_numpy(zero_copy_only=False)
    return numbers.astype(np.float64, copy=False)


def _valid(array: pa.Array) -> NDArray[np.bool_]:
    valid: NDArray[np.bool_] = array.is_valid().to_numpy(zero_copy_only=False)
    return valid


def _first_labels(lists: pa.ListArray) -> NDArray[np.object_]:
    _, labels, first = _flat(lists)
    values = _words(labels.field("value"))
    found = np.full(len(lists), None, object)
    labelled = np.diff(first) > 0
    found[labelled] = values[first[:-1][labelled]]
    return found


def _boxes(lists: pa.ListArray, findings: int) -> NDArray[np.float64]:
    of, geometries, _ = _flat(lists)
    boxes = geometries.field("box")
    there = _valid(boxes)
    found = np.full((findings, 4), np.nan)
    sides = [_numbers(boxes.field(side)) for side in ("x", "y", "width", "height")]
    found[of[there]] = np.stack(sides, axis=1)[there]
    return found
