"""Image records on disk: the Arrow schema, written by hand, and the Parquet files that follow it.

Every nested field is nullable: null is "the source does not say". What must be there is checked when a record
is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from thyrodata.errors import DatasetError, SchemaError
from thyrodata.io.columns import decode, encode, objects
from thyrodata.io.files import replacing
from thyrodata.schema.manifest import SCHEMA_VERSION
from thyrodata.schema.plain import field_hints, strip_none
from thyrodata.schema.record import ImageRecord

__all__ = [
    "RECORDS",
    "ROW_GROUP",
    "RowsOf",
    "batch_of",
    "read_chunk",
    "read_group",
    "read_table",
    "records_of",
    "stream_as",
    "stream_batches",
    "stream_groups",
    "stream_records",
    "write_chunk",
    "write_records",
]

T = TypeVar("T")

RowsOf = Callable[[Sequence[int]], list[T]]
"""Returns rows of a row group, by their places in it, as objects."""

DECODING = (pa.ArrowException, ValueError, TypeError, KeyError, SchemaError)
"""What decoding a damaged file may raise."""

VERSION_KEY = b"thyrodata.schema"

ROW_GROUP = 1000
"""Records in a row group. Fixed, so that the bytes do not depend on how the records were made."""

_TEXT = pa.string()
_REAL = pa.float64()
_WHOLE = pa.int64()
_REALS = pa.list_(_REAL)
_WHOLES = pa.list_(_WHOLE)
_SOURCE_FIELDS = pa.list_(pa.struct({"name": _TEXT, "text": _TEXT}))
_LABELS = pa.list_(
    pa.struct({"value": _TEXT, "edition": _TEXT, "basis": _TEXT, "reader": _TEXT}),
)
_CROP = pa.struct(
    {
        "source_width": _WHOLE,
        "source_height": _WHOLE,
        "kept_box": _WHOLES,  # x0, y0, x1, y1
        "blanked_boxes": pa.list_(_WHOLES),
        "frame_key": _TEXT,
    }
)
_SCALING = pa.struct(
    {
        "source_width": _WHOLE,
        "source_height": _WHOLE,
        "scale_x": _REAL,
        "scale_y": _REAL,
        "offset_x": _REAL,
        "offset_y": _REAL,
    }
)
_IMAGE = pa.struct(
    {
        "width": _WHOLE,
        "height": _WHOLE,
        "path": _TEXT,
        "bit_depth": _WHOLE,
        "sha256": _TEXT,
        "frame_index": _WHOLE,
        "spacing_mm": _REALS,  # y, x
        "crop": _CROP,
        "scaling": _SCALING,
    }
)
_ACQUISITION = pa.struct(
    {
        "manufacturer": _TEXT,
        "model": _TEXT,
        "probe": _TEXT,
        "view_plane": _TEXT,
        "lossy": pa.bool_(),
        "frame_time_ms": _REAL,
        "window_hu": _REALS,  # low, high
        "slice_spacing_mm": _REAL,
    }
)
_PATIENT = pa.struct({"sex": _TEXT, "age": pa.struct({"years": _WHOLE, "at_least": pa.bool_()})})
_NODULE = pa.struct(
    {
        "nodule_id": _TEXT,
        "location": _TEXT,
        "size_mm": _REALS,
        "labels": _LABELS,
        "points": pa.struct(
            {
                "composition": _WHOLE,
                "echogenicity": _WHOLE,
                "shape": _WHOLE,
                "margin": _WHOLE,
                "echogenic_foci": _WHOLE,
            }
        ),
        "source_fields": _SOURCE_FIELDS,
    }
)
_GEOMETRY = pa.struct(  # exactly one member is not null
    {
        "box": pa.struct({"x": _REAL, "y": _REAL, "width": _REAL, "height": _REAL}),
        "polygon": pa.struct(
            # rings are x0, y0, x1, y1, ...
            {"parts": pa.list_(pa.struct({"exterior": _REALS, "holes": pa.list_(_REALS)}))}
        ),
        "mask": pa.struct({"height": _WHOLE, "width": _WHOLE, "counts": _TEXT}),  # COCO's compressed RLE
        "calipers": pa.struct({"long": _REALS, "short": _REALS}),  # x0, y0, x1, y1
        "line": pa.struct({"points": _REALS}),
    }
)
_ORIGIN = pa.struct(  # exactly one member is not null
    {
        "read": pa.struct({"reader": _TEXT}),
        "derived": pa.struct({"policy": _TEXT, "from_ids": pa.list_(_TEXT)}),
    }
)
_FINDING = pa.struct(
    {
        "finding_id": _TEXT,
        "structure": _TEXT,
        "geometries": pa.list_(_GEOMETRY),
        "labels": _LABELS,
        "score": _REAL,
        "crowd": pa.bool_(),
        "nodule_id": _TEXT,
        "origin": _ORIGIN,
        "source_fields": _SOURCE_FIELDS,
    }
)

RECORDS: pa.Schema = pa.schema(
    [
        pa.field("image_id", _TEXT, nullable=False),
        pa.field("image", _IMAGE, nullable=False),
        pa.field("modality", _TEXT, nullable=False),
        pa.field("acquisition", _ACQUISITION),
        pa.field("group_id", _TEXT, nullable=False),
        pa.field("group_kind", _TEXT, nullable=False),
        pa.field("patient", _PATIENT),
        pa.field("study_id", _TEXT),
        pa.field("series_id", _TEXT),
        pa.field("nodules", pa.list_(_NODULE)),
        pa.field("case_labels", _LABELS),
        pa.field("image_labels", _LABELS),
        pa.field("readings", pa.list_(pa.struct({"reader": _TEXT, "role": _TEXT, "coverage": _TEXT}))),
        pa.field("findings", pa.list_(_FINDING)),
        pa.field("official_splits", pa.list_(pa.struct({"name": _TEXT, "part": _TEXT}))),
        pa.field("source_fields", _SOURCE_FIELDS),
        pa.field("remarks", pa.list_(pa.struct({"code": _TEXT, "text": _TEXT}))),
        pa.field("source", _TEXT, nullable=False),
    ],
    metadata={VERSION_KEY: SCHEMA_VERSION},
)
"""The columns of ``records.parquet``: the fields of :class:`ImageRecord`, by the same names."""


def batch_of(records: Iterable[ImageRecord]) -> pa.RecordBatch:
    """Return the records as one Arrow batch, in the same order."""
    rows = list(records)
    columns = [
        encode(list(map(attrgetter(field.name), rows)), field.hint, RECORDS.field(field.name).type)
        for field in field_hints(ImageRecord)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=RECORDS)


def records_of(batch: pa.RecordBatch) -> list[ImageRecord]:
    """Return the records of an Arrow batch.

    Raises:
        SchemaError: The batch has other columns, or a record would be invalid.
    """
    if not _is_records(batch.schema):
        raise SchemaError("the columns are not those of thyrodata records")
    return _objects(batch, ImageRecord)


def _is_records(schema: pa.Schema) -> bool:
    """Whether the columns and the schema version are ours; what else a writer notes does not count."""
    noted = schema.metadata or {}
    return bool(schema.equals(RECORDS)) and noted.get(VERSION_KEY) == RECORDS.metadata[VERSION_KEY]


def _objects(batch: pa.RecordBatch, cls: type[T]) -> list[T]:
    return objects(cls, [decode(batch.column(field.name), field.hint) for field in field_hints(cls)])


def write_chunk(path: Path, batch: pa.RecordBatch) -> None:
    """Write one batch as an Arrow file, whole or not at all."""
    with replacing(path) as stream, pa.ipc.new_file(stream, RECORDS) as writer:
        writer.write_batch(batch)


def read_chunk(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of an Arrow file that :func:`write_chunk` wrote."""
    with pa.memory_map(str(path)) as stream, pa.ipc.open_file(stream) as reader:
        for i in range(reader.num_record_batches):
            yield reader.get_batch(i)


def write_records(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    """Write batches of any sizes as one Parquet file in row groups of :data:`ROW_GROUP`, whole or not at all.

    At most one row group and one batch are held in memory.
    """
    with replacing(path) as stream, pq.ParquetWriter(stream, RECORDS, compression="zstd") as writer:
        for table in _regroup(batches):
            writer.write_table(table, row_group_size=ROW_GROUP)


def _regroup(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        rest = batch
        while rows + rest.num_rows >= ROW_GROUP:
            head = rest.slice(0, ROW_GROUP - rows)
            yield pa.Table.from_batches([*held, head], RECORDS)
            rest = rest.slice(head.num_rows)
            held, rows = [], 0
        if rest.num_rows:
            held.append(rest)
            rows += rest.num_rows
    if held:
        yield pa.Table.from_batches(held, RECORDS)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            yield file
    except FileNotFoundError:
        raise DatasetError("a dataset has no records", where=str(path)) from None
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def stream_batches(path: Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the row groups of a records file, one batch each, of all Parquet columns or some.

    Raises:
        DatasetError: The file is missing, damaged or not of this schema.
    """
    with _opened(path) as file:
        for group in range(_row_groups(file, path)):
            yield _batch(file, group, columns)


def stream_groups(path: Path, columns: list[str], cls: type[T]) -> Iterator[tuple[pa.RecordBatch, RowsOf[T]]]:
    """Yield some columns of each row group, and a function that returns rows of it as objects.

    So most records may be read by a few columns, and only those that need it as objects. The function is good
    until the next group is asked for, and raises a DatasetError if one of its records is invalid.

    Args:
        path: The records file.
        columns: Parquet columns.
        cls: As in :func:`stream_as`.

    Raises:
        DatasetError: The file is missing, damaged or not of this schema.
    """
    with _opened(path) as file:

        def rows_of(group: int, rows: Sequence[int]) -> list[T]:
            try:
                return _objects(_batch(file, group, _columns_of(cls)).take(pa.array(rows, pa.int64())), cls)
            except DECODING as error:
                raise _damaged(path, error) from None

        for group in range(_row_groups(file, path)):
            yield _batch(file, group, columns), partial(rows_of, group)


def _row_groups(file: pq.ParquetFile, path: Path) -> int:
    if not file.schema_arrow.equals(RECORDS):
        raise DatasetError(
            "the file's columns are not those of thyrodata records",
            where=str(path),
            hint="convert the source again with this version",
        )
    number: int = file.num_row_groups
    return number


def _batch(file: pq.ParquetFile, group: int, columns: list[str] | None) -> pa.RecordBatch:
    table = file.read_row_group(group, columns=columns, use_threads=False)
    return table.combine_chunks().to_batches()[0]


def stream_records(path: Path) -> Iterator[ImageRecord]:
    """Yield the records of a file in order, holding one row group at a time.

    Raises:
        DatasetError: The file is missing, damaged or not of this schema, or a record in it is invalid.
    """
    return stream_as(path, ImageRecord)


def read_group(path: Path, group: int) -> list[ImageRecord]:
    """Return the records of one row group.

    Raises:
        DatasetError: The file is missing, damaged or not of this schema, or a record in it is invalid.
    """
    with _opened(path) as file:
        if group >= _row_groups(file, path):
            raise _damaged(path, SchemaError(f"there is no row group {group}"))
        try:
            return _objects(_batch(file, group, None), ImageRecord)
        except DECODING as error:
            raise _damaged(path, error) from None


def stream_as(path: Path, cls: type[T]) -> Iterator[T]:
    """Yield each record as an object that has some of a record's fields, reading no other column.

    Args:
        path: The records file.
        cls: A dataclass whose fields are, by name, some of those of :class:`ImageRecord`; where a field
            is itself a dataclass, it too may have some of the fields only.

    Raises:
        DatasetError: The file is missing, damaged or not of this schema, or a record in it is invalid.
    """
    for batch in stream_batches(path, _columns_of(cls)):
        try:
            objects = _objects(batch, cls)
        except DECODING as error:
            raise _damaged(path, error) from None
        yield from objects


def _columns_of(cls: type[Any]) -> list[str]:
    """Return the Parquet columns that hold the fields of a class."""
    return [
        leaf
        for field in field_hints(cls)
        for leaf in _leaves(field.name, field.hint, RECORDS.field(field.name).type)
    ]


def _damaged(path: Path, error: Exception) -> DatasetError:
    return DatasetError(
        f"the records cannot be read: {str(error).splitlines()[0]}",
        where=str(path),
        hint="run `thyrodata verify` on the dataset",
    )


def _leaves(path: str, hint: Any, kind: pa.DataType) -> Iterator[str]:
    """Yield the Parquet columns below a field that a type hint asks for."""
    bare, _ = strip_none(hint)
    if pa.types.is_list(kind):
        args = get_args(bare)
        yield from _leaves(f"{path}.list.element", args[0] if args else float, kind.value_type)
    elif is_dataclass(bare):
        for field in field_hints(bare):
            yield from _leaves(f"{path}.{field.name}", field.hint, kind.field(field.name).type)
    else:
        yield path


def read_table(path: Path) -> pa.Table:
    """Return the whole records file as one Arrow table.

    Raises:
        DatasetError: The file is missing or damaged.
    """
    with _opened(path) as file:
        table: Any = file.read()
    return table
