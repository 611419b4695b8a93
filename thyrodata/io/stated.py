"""How many records state a field, counted in columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from thyrodata.io.parquet import stream_batches

__all__ = ["Column", "count_stated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Where a field of a record lies: its name, or that of a field in it, and any Parquet column below."""

    name: str
    """``patient``, ``image.crop``, ``findings.score``."""
    leaf: str
    more_than: int = 0
    """A list states something if it has more elements than this."""
    named: bool = False
    """Whether it is a list of names and texts, of which each name is counted: ``source_fields/license``."""


def count_stated(path: Path, columns: Mapping[str, Column], places: NDArray[np.int64]) -> Counter[str]:
    """Count, of some records, those that state each field; those that none states are left out.

    Args:
        path: The records file.
        columns: The fields, each under the name that it is counted by.
        places: 0-based and ascending: which records are meant.

    Raises:
        DatasetError: The file is missing, damaged or not of this schema.
    """
    counts: Counter[str] = Counter()
    start = 0
    for batch in stream_batches(path, [column.leaf for column in columns.values()]) if columns else ():
        first, last = np.searchsorted(places, [start, start + batch.num_rows])
        here = places[first:last] - start
        start += batch.num_rows
        for name, column in columns.items():
            if column.named:
                counts.update({f"{name}/{key}": n for key, n in _count_names(batch, column, here).items()})
            elif n := int(np.count_nonzero(_stated(batch, column)[here])):
                counts[name] += n
    return counts


def _count_names(batch: pa.RecordBatch, column: Column, here: NDArray[np.int64]) -> dict[str, int]:
    """Return in how many of some records each name stands."""
    of, elements = np.arange(batch.num_rows), batch.column(column.name.partition(".")[0])
    while pa.types.is_list(elements.type):
        offsets = elements.offsets.to_numpy()
        of = np.repeat(of, np.diff(offsets))
        elements = elements.values[int(offsets[0]) : int(offsets[-1])]
        below = column.name.partition(".")[2]
        if below in [field.name for field in elements.type]:
            elements = elements.field(below)
    names = elements.field("name").dictionary_encode()
    keys, codes = names.dictionary.to_pylist(), names.indices.to_numpy(zero_copy_only=False)
    wanted = np.zeros(batch.num_rows, np.bool_)
    wanted[here] = True
    meant = wanted[of]
    # A record and a name as one number: numpy sorts numbers many times as fast as pairs.
    pairs = np.unique(of[meant] * len(keys) + codes[meant])
    counts = np.bincount(pairs % max(len(keys), 1), minlength=len(keys))
    return {key: int(n) for key, n in zip(keys, counts, strict=True) if n}


def _stated(batch: pa.RecordBatch, column: Column) -> NDArray[np.bool_]:
    """Return for each record whether it states a field: bool (records,)."""
    top, _, below = column.name.partition(".")
    array = batch.column(top)
    if not below:
        return _says(array, column.more_than)
    if not pa.types.is_list(array.type):
        return _says(array.field(below), column.more_than)
    offsets = array.offsets.to_numpy()
    elements = array.values[int(offsets[0]) : int(offsets[-1])]
    before = np.concatenate([[0], np.cumsum(_says(elements.field(below), column.more_than))])
    within = offsets - offsets[0]
    found: NDArray[np.bool_] = before[within[1:]] > before[within[:-1]]
    return found


def _says(array: pa.Array, more_than: int) -> NDArray[np.bool_]:
    # A tuple of numbers, such as a spacing, is there or null; other lists are empty where nothing is said.
    if pa.types.is_list(array.type) and not pa.types.is_floating(array.type.value_type):
        longer: NDArray[np.bool_] = np.diff(array.offsets.to_numpy()) > more_than
        return longer
    valid: NDArray[np.bool_] = array.is_valid().to_numpy(zero_copy_only=False)
    return valid
