"""Parquet files that hold images within them, byte for byte, and are hashed as they are written."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from thyrodata.errors import DatasetError
from thyrodata.io.files import writing

__all__ = ["PICTURE", "ShardFile", "stream_pictures"]

PICTURE = "image"
"""The column of images: the bytes of each file and its path."""

_BYTES = f"{PICTURE}.bytes"
"""Of a Parquet file. Image files are compressed already, and no two bytes of them are worth a dictionary."""

_BUFFER = 1 << 20
"""Bytes: the many small pages of other columns are written together."""


class ShardFile:
    """A Parquet file that is being written, a row group at a time.

    Args:
        path: The file to make; its folder is made if need be.
        schema: An Arrow schema.

    Raises:
        OutputError: It cannot be written.

    Attributes:
        rows: How many were written.
    """

    def __init__(self, path: Path, schema: Any) -> None:
        self._path = path
        self._schema = schema
        self.rows = 0
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._hashed = _Hashed(path)
            self._stream = io.BufferedWriter(self._hashed, _BUFFER)
            self._writer = pq.ParquetWriter(self._stream, schema, **_options(schema))

    @property
    def size(self) -> int:
        """Of what has reached the file, in bytes."""
        return self._hashed.size

    def write(self, given: Mapping[str, Any], computed: Mapping[str, Sequence[Any]]) -> None:
        """Write rows as one row group.

        Args:
            given: Columns as Arrow arrays, by name.
            computed: Columns as plain values, by name: the rest of the schema's.

        Raises:
            OutputError: They could not be written.
        """
        arrays = [
            given[field.name] if field.name in given else pa.array(computed[field.name], field.type)
            for field in self._schema
        ]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        with writing(self._path):
            self._writer.write_table(table, row_group_size=table.num_rows)
        self.rows += table.num_rows

    def finish(self) -> str:
        """Close the file, and return its SHA-256 in lower-case hexadecimal.

        Raises:
            OutputError: Its end could not be written.
        """
        with writing(self._path):
            self._writer.close()
            self._stream.close()
        return self._hashed.sha256.hexdigest()

    def abandon(self) -> None:
        """Let go of the file, which is not whole."""
        self._writer.is_open = False  # else its end would be written when nobody can catch what goes wrong
        self._hashed.close()


class _Hashed(io.RawIOBase):
    """A new file that is hashed as it is written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self.sha256 = sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        written = self._file.write(data)
        self.sha256.update(memoryview(data)[:written])
        self.size += written
        return written

    def close(self) -> None:
        self._file.close()
        super().close()


def _options(schema: pa.Schema) -> Mapping[str, Any]:
    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, schema).close()
    columns = pq.ParquetFile(sink.getvalue()).schema
    others = [path for path in (columns.column(n).path for n in range(len(columns))) if path != _BYTES]
    return {
        "compression": dict.fromkeys(others, "zstd") | {_BYTES: "none"},
        "use_dictionary": others,
        "write_statistics": others,
    }


def stream_pictures(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the bytes of each image of a shard that has a file, a row group at a time.

    Raises:
        DatasetError: The file is missing, damaged or no shard.
    """
    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            for group in range(file.num_row_groups):
                column = file.read_row_group(group, columns=[PICTURE], use_threads=False).column(PICTURE)
                for picture in column:
                    if picture["bytes"].is_valid:
                        yield picture["path"].as_py(), picture["bytes"].as_py()
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise DatasetError(
            f"a shard cannot be read: {' '.join(str(error).split())}",
            where=str(path),
            hint="download it, or export the dataset, again",
        ) from None
