"""The shards of a dataset on the Hugging Face Hub: which image goes where, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.exports.folder import read_image
from thyrodata.exports.hub.features import FILE, Columns, Rows
from thyrodata.exports.hub.tree import Shard
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.records import ExportedRecord
from thyrodata.exports.view import View
from thyrodata.io.hubtypes import noted
from thyrodata.io.parquet import RECORDS, stream_groups
from thyrodata.io.shards import PICTURE, ShardFile
from thyrodata.splits import EXCLUDED

__all__ = ["write_shards"]

GROUP_BYTES = 1 << 23
"""Of images in a row group, at which it is closed: a program that streams the dataset holds it whole."""


def write_shards(
    view: View, columns: Columns, folder: Path, shard_bytes: int, tick: Callable[[], None]
) -> list[Shard]:
    """Write every image of a dataset into ``data/<part>/read-NNNNN.parquet`` or ``other-NNNNN.parquet``.

    In ``read`` are the images that an export gives: with findings, or true negatives. In ``other`` are those
    of which nothing can be said, or that have no file. Images that the split excludes, or does not know, are
    in the part ``excluded``. Rows are in the order of the records.

    Args:
        view: What is shown.
        columns: Of the shards.
        folder: Where ``data`` is to be.
        shard_bytes: XX.
        tick: Called after each image.

    Returns:
        What was written, sorted by path.

    Raises:
        DatasetError: The records are damaged, or an image cannot be read.
        OutputError: A shard could not be written.
    """
    with _Shards(noted(columns.types), folder, shard_bytes) as shards:
        for rows in _rows(view):
            for kind, places in _places(view, rows).items():
                for group in _groups(view.dataset, rows, places, min(GROUP_BYTES, shard_bytes), tick):
                    shards.write(kind, group, columns)
        return shards.finish()


def _rows(view: View) -> Iterator[Rows]:
    """Yield the rows of each row group of the records, with what is shown of each image."""
    showing = replace(view, ledger=LossLedger(), crowds=True)
    start = 0
    for verbatim, rows_of in stream_groups(view.dataset.path / RECORDS_FILE, RECORDS.names, ExportedRecord):
        records = rows_of(range(verbatim.num_rows))
        numbers = range(start, start + len(records))
        shown = [
            showing.show(record, number + 1, _part(view, record))
            for number, record in zip(numbers, records, strict=True)
        ]
        yield Rows(verbatim=_columns(verbatim), records=records, shown=shown, numbers=numbers)
        start = numbers.stop


def _columns(verbatim: Any) -> Mapping[str, Any]:
    return {(FILE if name == "image" else name): verbatim.column(name) for name in verbatim.schema.names}


def _part(view: View, record: ExportedRecord) -> str:
    return view.part_of.get(record.image_id, EXCLUDED)


class _Kind(NamedTuple):
    """What the images of a shard have in common."""

    part: str
    read: bool


def _places(view: View, rows: Rows) -> Mapping[_Kind, list[int]]:
    """Return which rows go to each kind of shard."""
    places: dict[_Kind, list[int]] = {}
    for place, (record, image) in enumerate(zip(rows.records, rows.shown, strict=True)):
        read = image is not None and record.image.path is not None
        places.setdefault(_Kind(_part(view, record), read), []).append(place)
    return places


class _Group(NamedTuple):
    """The rows of a row group, and their images."""

    rows: Rows
    pictures: Sequence[Mapping[str, Any] | None]


class _Open(NamedTuple):
    """A shard that is being written."""

    path: str
    file: ShardFile


def _groups(
    dataset: Dataset, rows: Rows, places: Sequence[int], limit: int, tick: Callable[[], None]
) -> Iterator[_Group]:
    """Yield the rows at some places, in groups that are closed when their images have so many bytes."""
    taken: list[int] = []
    pictures: list[Mapping[str, Any] | None] = []
    size = 0
    for place in places:
        path = rows.records[place].image.path
        data = None if path is None else read_image(f"{dataset.path}/{path}")
        taken.append(place)
        pictures.append(None if data is None else {"bytes": data, "path": path})
        size += len(data or b"")
        tick()
        if size >= limit or place == places[-1]:
            yield _Group(rows.take(taken), pictures)
            taken, pictures, size = [], [], 0


class _Shards:
    """The shards of a dataset, of which the last of each kind is open."""

    def __init__(self, schema: Any, folder: Path, shard_bytes: int) -> None:
        self._schema = schema
        self._folder = folder
        self._shard_bytes = shard_bytes
        self._open: dict[_Kind, _Open] = {}
        self._written: list[Shard] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for shard in self._open.values():
            shard.file.abandon()

    def write(self, kind: _Kind, group: _Group, columns: Columns) -> None:
        """Write a row group to the open shard of its kind."""
        if kind not in self._open:
            number = sum((shard.part, shard.read) == kind for shard in self._written)
            path = f"data/{kind.part}/{'read' if kind.read else 'other'}-{number:05d}.parquet"
            self._open[kind] = _Open(path, ShardFile(self._folder / path, self._schema))
        shard = self._open[kind]
        shard.file.write(group.rows.verbatim, columns.values(group.rows) | {PICTURE: group.pictures})
        if shard.file.size >= self._shard_bytes:
            self._close(kind)

    def finish(self) -> list[Shard]:
        """Close all, and return them by path."""
        for kind in [*self._open]:
            self._close(kind)
        return sorted(self._written, key=lambda shard: shard.path)

    def _close(self, kind: _Kind) -> None:
        path, file = self._open[kind]
        digest = file.finish()
        del self._open[kind]
        self._written.append(
            Shard(path=path, part=kind.part, read=kind.read, rows=file.rows, bytes=file.size, sha256=digest)
        )
