"""Flat tables in Parquet: strangers' files, as the same rows of text that a CSV file gives, and our own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import RawFile
from thyrodata.io.tables import Row, Table

__all__ = ["read_parquet_table", "stream_rows", "table_bytes"]

MAX_CELLS = 100_000_000
"""More are no table of images that one process reads whole."""

_BATCH = 10_000
_MAGIC = b"PAR1"


def table_bytes(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Return a table as a Parquet file, the same bytes for the same columns.

    Args:
        columns: Texts, numbers or lists of texts by name, ``None`` where there is none; all of one length.
    """
    lists = pa.list_(pa.string())
    arrays = {
        name: pa.array(values, lists if any(isinstance(value, list) for value in values) else None)
        for name, values in columns.items()
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    return bytes(sink.getvalue())


def stream_rows(file: RawFile) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a table of :func:`table_bytes`, each value of its own type, lists too.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is no Parquet, or damaged.
    """
    data = file.read()
    try:
        parquet = pq.ParquetFile(pa.BufferReader(data), thrift_string_size_limit=2**26)
        for batch in parquet.iter_batches(batch_size=_BATCH, use_threads=False):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise _broken(file, (str(error) or type(error).__name__).splitlines()[0]) from None


def read_parquet_table(file: RawFile) -> Table:
    """Read a flat table: columns of texts, whole numbers, numbers, truth values, dates and times.

    A cell becomes text: a number as Python writes it (``45``, ``0.05``), a truth value as ``true`` or
    ``false``, a date or time as ISO 8601; a missing value, or a number that is none, as the empty text. The
    line of a row is its 1-based number.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is no Parquet, damaged, past 100 million cells, names a column twice, or has a
            column of another type.
    """
    data = file.read()
    if not (data.startswith(_MAGIC) and data.endswith(_MAGIC)):
        raise _broken(file, "it does not begin and end as Parquet does")
    try:
        return _read(data, file)
    except RawLayoutError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise _broken(file, (str(error) or type(error).__name__).splitlines()[0]) from None


def _read(data: bytes, file: RawFile) -> Table:
    parquet = pq.ParquetFile(pa.BufferReader(data), thrift_string_size_limit=2**26)
    schema = parquet.schema_arrow
    columns = tuple(schema.names)
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise _broken(file, f"it names the column {twice[0]!r} twice")
    for field in schema:
        if not _is_plain(field.type):
            raise RawLayoutError(
                f"the column {field.name!r} holds {field.type}: no text, number, date or truth value",
                where=str(file),
                hint="write a flat table, one value a cell",
            )
    if parquet.metadata.num_rows * max(1, len(columns)) > MAX_CELLS:
        raise _broken(file, f"it claims {parquet.metadata.num_rows} rows of {len(columns)} columns")
    cells: list[tuple[str, ...]] = []
    for batch in parquet.iter_batches(batch_size=_BATCH, use_threads=False):
        texts = [list(map(_text, column.to_pylist())) for column in batch.columns]
        cells += zip(*texts, strict=True)
    rows = tuple(
        Row(columns=columns, cells=row, file=str(file), line=line) for line, row in enumerate(cells, 1)
    )
    return Table(columns=columns, rows=rows)


def _is_plain(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_decimal,
            pa.types.is_boolean,
            pa.types.is_date,
            pa.types.is_timestamp,
            pa.types.is_null,
        )
    )


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return "" if math.isnan(value) else repr(value)
        case str() | int():
            return str(value)
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _broken(file: RawFile, reason: str) -> RawLayoutError:
    return RawLayoutError(
        f"the Parquet table cannot be read: {reason}",
        where=str(file),
        hint="write it again from its source",
    )
