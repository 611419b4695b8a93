"""The columns of a dataset on the Hugging Face Hub: the records as they are, and what trainers read.

A shard has every column of ``records.parquet`` under its own name and type, but for ``image``, which is
called ``file``, since ``image`` is the picture itself. Beside them stand, of the reading that is shown:

- ``objects``: the findings, as COCO's entries of a detection;
- ``masks``: the pixels of those that have an area, as COCO's run-length encoding;
- ``case_<scheme>`` and ``image_<scheme>``: the one term of a scheme that is said of the case or the image;
  null where nothing is said, or several different terms.

``objects`` and ``masks`` are null, not empty, where nothing can be said of an image: it is no negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thyrodata.exports.cocoentries import annotation_entries
from thyrodata.exports.records import ExportedRecord
from thyrodata.exports.view import View, ViewedImage
from thyrodata.io.hubtypes import Classes, ColumnType, Fields, Many, Picture, Plain, columns_of
from thyrodata.io.parquet import RECORDS
from thyrodata.io.rasters import covered
from thyrodata.io.shards import PICTURE
from thyrodata.schema.geometry import Mask, Polygon
from thyrodata.schema.manifest import Manifest
from thyrodata.schema.vocab import SCHEMES

__all__ = ["FILE", "Columns", "LabelColumn", "Rows", "label_columns"]

FILE = "file"
"""What the record's ``image`` is called in a shard."""

_TEXT, _WHOLE, _REAL = Plain("string"), Plain("int64"), Plain("float64")

_Row = dict[str, Any]

_SCOPES = {"case-labels": "case", "image-labels": "image"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelColumn:
    """A column of one scheme's terms, said of the case or of the image."""

    scope: str
    """``case`` or ``image``."""
    scheme: str

    @property
    def name(self) -> str:
        """The column's name."""
        return f"{self.scope}_{self.scheme.replace('-', '_')}"

    @property
    def terms(self) -> list[str]:
        """The scheme's terms, in its own order: number n of the column is the n-th."""
        return [term.value for term in SCHEMES[self.scheme]]

    def value(self, record: ExportedRecord) -> str | None:
        """Return the one term that is said, if one is."""
        labels = record.case_labels if self.scope == "case" else record.image_labels
        said = {label.value for label in labels if label.value.scheme == self.scheme}
        return said.pop().value if len(said) == 1 else None


def label_columns(manifest: Manifest) -> tuple[LabelColumn, ...]:
    """Return the columns for what is said of cases and images anywhere in a dataset, sorted by name."""
    used = {
        (_SCOPES[count.what], count.value.partition("/")[0])
        for count in manifest.counts
        if count.what in _SCOPES
    }
    return tuple(LabelColumn(scope=scope, scheme=scheme) for scope, scheme in sorted(used))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some images of a dataset: their records in both forms, what is shown of each, and their places."""

    verbatim: Mapping[str, Any]
    """The records' own columns as Arrow arrays, by their names in a shard."""
    records: Sequence[ExportedRecord]
    shown: Sequence[ViewedImage | None]
    numbers: Sequence[int]
    """0-based, in the dataset."""

    def take(self, places: Sequence[int]) -> Rows:
        """Return the rows at some places of these."""
        return Rows(
            verbatim={name: column.take([*places]) for name, column in self.verbatim.items()},
            records=[self.records[place] for place in places],
            shown=[self.shown[place] for place in places],
            numbers=[self.numbers[place] for place in places],
        )


class Columns:
    """The columns of the shards of a dataset, and their values.

    Args:
        view: What is shown in ``objects`` and ``masks``.

    Attributes:
        types: Of the columns, by name.
        labels: The columns of terms.
        objects: How many are in the tables that were made.
        masks: How many are in them.
        unsaid: Those columns of terms that say nothing of some image in them.
    """

    def __init__(self, view: View) -> None:
        self.labels = label_columns(view.dataset.manifest)
        self._numbers = {name: number for number, name in enumerate(view.categories)}
        self._terms = {
            column.name: {term: number for number, term in enumerate(column.terms)} for column in self.labels
        }
        verbatim = {(FILE if name == "image" else name): kind for name, kind in columns_of(RECORDS).items()}
        category = Classes(view.categories) if view.categories else _WHOLE
        named = {"finding_id": _TEXT, "category": category}
        self.types: Mapping[str, ColumnType] = {
            PICTURE: Picture(),
            "image_id": verbatim.pop("image_id"),
            "width": _WHOLE,
            "height": _WHOLE,
            "objects": Many(
                Fields({**named, "bbox": Many(_REAL, 4), "area": _REAL, "iscrowd": Plain("bool")})
            ),
            "masks": Many(Fields({**named, "size": Many(_WHOLE, 2), "counts": _TEXT})),
            **{column.name: Classes(tuple(column.terms)) for column in self.labels},
            **verbatim,
            "row": _WHOLE,
        }
        self.objects = self.masks = 0
        self.unsaid: set[str] = set()

    def values(self, rows: Rows) -> dict[str, list[Any]]:
        """Return the columns that are not the records' own, but for the images."""
        drawn = [self._drawn(image) if image else (None, None) for image in rows.shown]
        values: dict[str, list[Any]] = {
            "width": [record.image.width for record in rows.records],
            "height": [record.image.height for record in rows.records],
            "objects": [objects for objects, _ in drawn],
            "masks": [masks for _, masks in drawn],
            "row": [*rows.numbers],
        }
        for column in self.labels:
            said = [column.value(record) for record in rows.records]
            numbers = self._terms[column.name]
            values[column.name] = [None if term is None else numbers[term] for term in said]
            if None in said:
                self.unsaid.add(column.name)
        return values

    def _drawn(self, image: ViewedImage) -> tuple[list[_Row], list[_Row]]:
        """Return the objects and the masks of an image."""
        height, width = image.record.image.height, image.record.image.width
        objects: list[_Row] = []
        masks: list[_Row] = []
        entries = annotation_entries(image, self._numbers, 1)
        for viewed, entry in zip(image.findings, entries, strict=True):
            named = {"finding_id": entry["finding_id"], "category": entry["category_id"]}
            box = {"bbox": entry["bbox"], "area": entry["area"], "iscrowd": bool(entry["iscrowd"])}
            objects.append(named | box)
            match viewed.geometry:
                case Mask() as mask if entry["area"]:
                    masks.append(named | {"size": [height, width], "counts": mask.counts})
                case Polygon() as polygon if pixels := covered(polygon, width, height):
                    masks.append(named | {"size": [height, width], "counts": pixels.counts})
        self.objects += len(objects)
        self.masks += len(masks)
        return objects, masks
