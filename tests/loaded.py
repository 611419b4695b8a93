"""What `datasets` gives of a published dataset, as records and image bytes again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from thyrodata.dataset import Dataset
from thyrodata.io.parquet import RECORDS, records_of
from thyrodata.schema.record import ImageRecord

__all__ = ["differences", "loaded_rows", "record_of"]


def loaded_rows(
    place: str, *, streaming: bool, config: str = "default", **options: Any
) -> list[Mapping[str, Any]]:
    """Every row of every part, with images as bytes."""
    found = datasets.load_dataset(place, config, streaming=streaming, **options)
    return [row for part in found.values() for row in part.cast_column("image", datasets.Image(decode=False))]


def record_of(row: Mapping[str, Any]) -> ImageRecord:
    """The record that a row holds."""
    (record,) = _records([row])
    return record


def _records(rows: Iterable[Mapping[str, Any]]) -> Iterator[ImageRecord]:
    """Through Parquet, so that what is below a null is null as in any file."""
    said = [{name: row["file" if name == "image" else name] for name in RECORDS.names} for row in rows]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(said, RECORDS), sink)
    for batch in pq.ParquetFile(sink.getvalue()).iter_batches():
        yield from records_of(batch)


def differences(dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Which images are missing or more, and which differ in a field or a byte."""
    ordered = sorted(rows, key=lambda row: row["row"])
    records = [*dataset.records()]
    found = [] if len(ordered) == len(records) else [f"{len(ordered)} rows of {len(records)} records"]
    loaded = _records(ordered)
    for number, (record, row, same) in enumerate(zip(records, ordered, loaded, strict=False)):
        if same != record or row["row"] != number:
            found.append(f"{record.image_id}: the record")
        if (row["image"] or {}).get("bytes") != dataset.image_bytes(record):
            found.append(f"{record.image_id}: the image")
    return found
