"""A digest of each aspect of each record, so that two datasets are joined without holding their records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from thyrodata.io.jsontext import json_bytes
from thyrodata.io.parquet import RECORDS, stream_batches

__all__ = ["ASPECTS", "Digest", "aspects_that_differ", "stream_digests"]

SIZE = 8
"""Bytes of a digest. Two values of one image are taken for equal by mistake once in 2^64."""

_APART = {
    "image": ("sha256", "spacing_mm"),
    "nodules": ("labels",),
    "findings": ("geometries", "labels"),
}
"""What of a field is an aspect of its own; the rest of the field is another."""

ASPECTS: tuple[str, ...] = tuple(
    aspect
    for name in RECORDS.names
    if name != "image_id"
    for aspect in (name, *(f"{name}.{part}" for part in _APART.get(name, ())))
)
"""The fields of a record, and the parts of fields that are told apart: ``findings.labels``."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What is kept of a record."""

    image_id: str
    group_id: str
    aspects: bytes
    """The digests of the aspects, one after the other."""


def stream_digests(place: Path) -> Iterator[Digest]:
    """Yield the digests of a file's records, in order, holding a thousand records at most.

    Raises:
        DatasetError: The file is missing, damaged or not of this schema.
    """
    for batch in stream_batches(place):
        columns = [batch.column(name).to_pylist() for name in RECORDS.names]
        for values in zip(*columns, strict=True):
            row = dict(zip(RECORDS.names, values, strict=True))
            image_id = row.pop("image_id")
            said = [part for name, value in row.items() for part in _parts(name, value)]
            aspects = b"".join(blake2b(json_bytes(part), digest_size=SIZE).digest() for part in said)
            yield Digest(image_id, row["group_id"], aspects)


def _parts(name: str, value: Any) -> Iterator[Any]:
    """Yield the rest of a field, and then its parts that are aspects of their own."""
    apart = _APART.get(name, ())
    if isinstance(value, list) and apart:
        yield [{key: each[key] for key in each if key not in apart} for each in value]
        yield from ([each[key] for each in value] for key in apart)
    elif apart:
        yield {key: value[key] for key in value if key not in apart}
        yield from (value[key] for key in apart)
    else:
        yield value


def aspects_that_differ(one: bytes, other: bytes) -> Iterator[str]:
    """Yield the aspects of one image whose digests differ."""
    for place, aspect in enumerate(ASPECTS):
        span = slice(place * SIZE, (place + 1) * SIZE)
        if one[span] != other[span]:
            yield aspect
