"""The one loop that turns a source's items into records, and owns the error policy.

A converter only reads. The engine maps its items over an executor in chunks, writes the images, keeps a
journal of finished chunks, and so can be killed at any moment and resumed. Chunks are fixed by the order of
the items alone: what is written does not depend on the number of workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fnmatch import fnmatchcase
from hashlib import sha256
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from thyrodata.errors import CaseError, RawLayoutError, SchemaError
from thyrodata.io.collector import collector_paused
from thyrodata.io.files import link_image, write_image
from thyrodata.io.hashes import hash_pixels
from thyrodata.io.journal import append, entries, repair
from thyrodata.io.parquet import batch_of, write_chunk
from thyrodata.io.png import PngEncoder, encode_png
from thyrodata.io.raw import Raw, RawFile, show_path
from thyrodata.pool import mapped
from thyrodata.sample import Absent, Converter, Encode, FileBytes, Item, Kept, Reads, Sample
from thyrodata.schema.manifest import Skip
from thyrodata.schema.plain import from_plain, to_plain
from thyrodata.schema.record import ImageRecord

__all__ = [
    "Made",
    "OnError",
    "Plan",
    "Progress",
    "Run",
    "make_records",
    "plan_items",
    "run_items",
]

ItemT = TypeVar("ItemT", bound=Item)

CHUNK = 256
"""Items in a chunk: the unit of work, of the journal and of resumption."""

POOL_FROM = 1500
"""Items from which worker processes pay for their start (two workers give 1.4 to 1.9 times the speed)."""


class OnError(Enum):
    """What happens when an item cannot be read."""

    RAISE = "raise"
    SKIP = "skip"


Progress = Callable[[int, int], None]
"""Called with items done and items in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which items will be read, and what becomes of every raw file."""

    raw: Raw
    beside: tuple[Raw, ...]
    """Other folders that items read from. Of their files only those that an item names are accounted for."""
    items: tuple[Item, ...]
    ignored: tuple[str, ...]
    unclaimed: tuple[RawFile, ...]
    reads: str
    """The files that listing the items has read, as ``sha256sum`` prints them."""

    def listing_sha256(self) -> str:
        """Return a hash of every file's path, size and time of change: equal while nothing is touched."""
        return "+".join(raw.listing_sha256() for raw in (self.raw, *self.beside))

    def unclaimed_skips(self, on_error: OnError) -> tuple[Skip, ...]:
        """Return a skip for every file that belongs to no item.

        Raises:
            RawLayoutError: There is one, and the policy is to raise.
        """
        reason = "the file belongs to no item of the dataset"
        hint = "remove it from the folder, or add what refers to it"
        if self.unclaimed and on_error is OnError.RAISE:
            more = f" (and {len(self.unclaimed) - 1} more)" if len(self.unclaimed) > 1 else ""
            where = str(self.unclaimed[0])
            raise RawLayoutError(reason + more, where=where, hint=f"{hint}; or --on-error skip")
        return tuple(
            Skip(item=str(file), files=(str(file),), reason=reason, where=str(file), hint=hint)
            for file in self.unclaimed
        )


def plan_items(converter: Converter[Item], raw: Raw) -> Plan:
    """List the items and account for every file of the source.

    Raises:
        RawLayoutError: The folder is not this dataset's, or holds nothing to read.
    """
    raw.reads.clear()
    items = tuple(converter.items(raw))
    beside = tuple(sorted(_raws(items) - {raw}, key=lambda other: other.label))
    claimed = {file.path for item in items for file in item.files if file.raw is raw}
    ignored, unclaimed = [], []
    for file in raw.files:
        if file.path in claimed:
            continue
        if any(fnmatchcase(file.path, pattern) for pattern in converter.ignores):
            ignored.append(file.path)
        else:
            unclaimed.append(file)
    if not items:
        raise RawLayoutError(
            f"there is nothing of {converter.name} in the folder",
            where=str(raw.root),
            hint=f"see `thyrodata card {converter.name}` for the layout",
        )
    return Plan(
        raw=raw,
        beside=beside,
        items=items,
        ignored=tuple(ignored),
        unclaimed=tuple(unclaimed),
        reads=_reads_text([raw, *beside]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDone:
    """What is journalled of a finished chunk: one line of JSON."""

    chunk: int
    records: int
    image_bytes: int
    encoded: int
    skips: tuple[Skip, ...]
    pixels: str
    """A line per image with the hash of its pixels: of the file's bytes where it was copied, of the array
    where it was encoded, so that it does not depend on the encoder."""
    reads: str
    """The files read, as ``sha256sum`` prints them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The records and images that items came to."""

    records: int
    image_bytes: int
    encoded: int
    """Images that were encoded, not copied."""
    skips: tuple[Skip, ...]
    pixel_sha256: str
    chunk_files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Made):
    """What reading a whole source came to."""

    raw_sha256: str
    items: int
    """What the source is made of."""
    files_read: int
    files_skipped: int
    files_ignored: int
    """The three sum to the files of the source."""
    files_opened: int
    """The files that were read, of skipped items too."""
    stray: int
    """Skips that are files of no item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a run writes: the dataset in the making, and the engine's own files beside it."""

    dataset: Path
    work: Path

    @property
    def journal(self) -> Path:
        """One line per finished chunk."""
        return self.work / "journal.jsonl"

    def chunk_file(self, chunk: int) -> Path:
        """Return the file that holds the records of a chunk."""
        return self.work / f"chunk-{chunk:06d}.arrow"


def run_items(
    converter: Converter[Item],
    plan: Plan,
    destination: Destination | None,
    *,
    workers: int | None = None,
    on_error: OnError = OnError.RAISE,
    encoder: PngEncoder = PngEncoder.ISAL,
    progress: Progress | None = None,
) -> Run:
    """Read every item of a plan; with a destination, write images, chunk files and the journal.

    Chunks that the journal already holds are not read again.

    Args:
        converter: Reads the items.
        plan: What to read.
        destination: Where to write, or ``None`` to read only.
        workers: Processes; 1 is this process; by default one, or one per core from some 1,500 items on.
        on_error: Whether an unreadable item ends the run or is skipped and listed.
        encoder: Of images that must be encoded.
        progress: Called after each chunk.

    Raises:
        CaseError: An item cannot be read, and the policy is to raise.
        RawLayoutError: A file belongs to no item, and the policy is to raise.
        OutputError: Something could not be written.
        ThyrodataError: A worker process died.
    """
    unclaimed = plan.unclaimed_skips(on_error)
    work = _Work(reader=converter, destination=destination, on_error=on_error, encoder=encoder)
    done = _run_chunks(work, plan.items, workers, progress)
    made = _made(work, done)
    skips = (*made.skips, *unclaimed)
    skipped = _files_skipped(plan, skips)
    raw_sha256, files_opened = _hash_reads(plan, destination, done)
    return Run(
        records=made.records,
        image_bytes=made.image_bytes,
        encoded=made.encoded,
        skips=skips,
        pixel_sha256=made.pixel_sha256,
        chunk_files=made.chunk_files,
        raw_sha256=raw_sha256,
        items=len(plan.items),
        files_read=len(plan.raw.files) - skipped - len(plan.ignored),
        files_skipped=skipped,
        files_ignored=len(plan.ignored),
        files_opened=files_opened,
        stray=len(unclaimed),
    )


def make_records(
    reader: Reads[ItemT],
    items: Sequence[ItemT],
    destination: Destination | None,
    *,
    workers: int | None = None,
    encoder: PngEncoder = PngEncoder.ISAL,
    progress: Progress | None = None,
) -> Made:
    """Read items that are no raw files, as :func:`run_items` does; one that cannot be read ends the run.

    Raises:
        CaseError: An item cannot be read.
        DatasetError: The dataset that the items are of is damaged.
        OutputError: Something could not be written.
        ThyrodataError: A worker process died.
    """
    work = _Work(reader=reader, destination=destination, on_error=OnError.RAISE, encoder=encoder)
    return _made(work, _run_chunks(work, items, workers, progress))


def _run_chunks(
    work: _Work, items: Sequence[Item], workers: int | None, progress: Progress | None
) -> dict[int, ChunkDone]:
    """Do the chunks that the journal does not hold; return what is known of all."""
    destination = work.destination
    chunks = -(-len(items) // CHUNK)
    done = _finished_chunks(destination, chunks) if destination else {}
    todo = [chunk for chunk in range(chunks) if chunk not in done]
    finished = sum(_chunk_size(items, chunk) for chunk in done)
    tasks = ((chunk, items[chunk * CHUNK : (chunk + 1) * CHUNK]) for chunk in todo)
    if workers is None:
        workers = (os.cpu_count() or 1) if len(items) - finished >= POOL_FROM else 1
    with mapped(work, tasks, workers) as results:
        for result in results:
            if destination:
                append(destination.journal, to_plain(result))
            done[result.chunk] = replace(result, reads="") if destination else result
            finished += _chunk_size(items, result.chunk)
            if progress:
                progress(finished, len(items))
    return dict(sorted(done.items()))


def _made(work: _Work, done: Mapping[int, ChunkDone]) -> Made:
    pixels = "".join(result.pixels for result in done.values())
    return Made(
        records=sum(result.records for result in done.values()),
        image_bytes=sum(result.image_bytes for result in done.values()),
        encoded=sum(result.encoded for result in done.values()),
        skips=tuple(skip for result in done.values() for skip in result.skips),
        pixel_sha256=sha256(pixels.encode()).hexdigest(),
        chunk_files=tuple(map(work.destination.chunk_file, done)) if work.destination else (),
    )


def _files_skipped(plan: Plan, skips: Iterable[Skip]) -> int:
    """Count the files of skipped items that no item which was read accounts for too."""
    left_out = {skip.item for skip in skips}
    if not left_out:
        return 0
    read = {str(file) for item in plan.items if str(item) not in left_out for file in item.files}
    own = {str(file) for file in plan.raw.files}
    return len(own & {file for skip in skips for file in skip.files} - read)


def _chunk_size(items: Sequence[Item], chunk: int) -> int:
    return min(CHUNK, len(items) - chunk * CHUNK)


def _finished_chunks(destination: Destination, chunks: int) -> dict[int, ChunkDone]:
    """Return the chunks that an earlier run finished, without their reads."""
    repair(destination.journal)
    done: dict[int, ChunkDone] = {}
    for entry in entries(destination.journal):
        result = from_plain(ChunkDone, {**entry, "reads": ""})
        if result.chunk < chunks and destination.chunk_file(result.chunk).exists():
            done[result.chunk] = result
    return done


def _hash_reads(
    plan: Plan, destination: Destination | None, done: Mapping[int, ChunkDone]
) -> tuple[str, int]:
    """Hash what ``sha256sum`` prints for all files read, each once, sorted by path; count them."""
    texts: Iterable[str] = (result.reads for result in done.values())
    if destination:
        texts = (entry["reads"] for entry in entries(destination.journal))
    seen: set[str] = set()
    for text in chain([plan.reads], texts):
        # The path first, so that sorting needs no key: there may be millions of lines.
        seen.update(f"{line[66:]}\n{line[:64]}" for line in text.split("\n")[:-1])
    digest = sha256()
    for entry in sorted(seen):
        path, _, file_digest = entry.partition("\n")
        digest.update(f"{file_digest}  {path}\n".encode())
    return digest.hexdigest(), len(seen)


def _raws(items: Iterable[Item]) -> set[Raw]:
    """Return the folders that items read from."""
    return set(map(attrgetter("raw"), chain.from_iterable(item.files for item in items)))


def _reads_text(raws: Iterable[Raw]) -> str:
    """Return what ``sha256sum`` would print for the files that were read."""
    return "".join(
        f"{digest}  {raw.label + ':' if raw.label else ''}{show_path(path)}\n"
        for raw in sorted(raws, key=lambda raw: raw.label)
        for path, digest in sorted(raw.reads.items())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What a worker needs to know, the same for every chunk."""

    reader: Reads[Any]
    destination: Destination | None
    on_error: OnError
    encoder: PngEncoder

    def __call__(self, chunk: int, items: Sequence[Item]) -> ChunkDone:
        """Read the items of one chunk, write their images and records, and say what was done."""
        records: list[ImageRecord] = []
        images: list[_Written] = []
        skips: list[Skip] = []
        raws = _raws(items)
        for raw in raws:
            raw.reads.clear()
        with collector_paused():
            for item in items:
                samples, skip = self._read(item)
                if skip:
                    skips.append(skip)
                for sample in samples:
                    record, written = self._write_image(sample)
                    records.append(record)
                    images.append(written)
            if self.destination:
                write_chunk(self.destination.chunk_file(chunk), batch_of(records))
        return ChunkDone(
            chunk=chunk,
            records=len(records),
            image_bytes=sum(image.size for image in images),
            encoded=sum(image.encoded for image in images),
            skips=tuple(skips),
            pixels="".join(f"{image.pixels}\n" for image in images),
            reads=_reads_text(raws),
        )

    def _read(self, item: Item) -> tuple[list[Sample], Skip | None]:
        """Read an item whole or not at all. Only what the data may do wrong is caught here, never a bug."""
        try:
            return list(self.reader.samples(item)), None
        except (CaseError, SchemaError) as error:
            where = error.where if isinstance(error, CaseError) and error.where else str(item)
            hint = error.hint
            if isinstance(error, SchemaError) and not hint:
                hint = "the source says what cannot be: compare it with the release"
            if self.on_error is OnError.RAISE:
                raise CaseError(error.message, where=where, hint=hint) from None
            return [], Skip(
                item=str(item),
                files=tuple(str(file) for file in item.files),
                reason=error.message,
                where=where,
                hint=hint,
            )

    def _write_image(self, sample: Sample) -> tuple[ImageRecord, _Written]:
        image = sample.record.image
        data: bytes | Kept
        match sample.pixels:
            case FileBytes(image=file):
                path, data, digest = file.file.path, file.data, file.sha256
                bit_depth = file.header.bit_depth
                written = _Written(size=len(file.data), pixels=digest, encoded=False)
            case Encode(array=array, path=path):
                data = encode_png(array, encoder=self.encoder)
                digest, bit_depth = sha256(data).hexdigest(), array.dtype.itemsize * 8
                written = _Written(size=len(data), pixels=hash_pixels(array), encoded=True)
            case Kept(path=path, sha256=digest, bit_depth=bit_depth) as kept:
                written = _Written(size=kept.size(), pixels=digest, encoded=False)
                data = kept
            case Absent():
                return sample.record, _Written(size=0, pixels="-", encoded=False)
        path = f"images/{path}"
        if self.destination:
            self._place(data, f"{self.destination.dataset}/{path}")
        if (image.path, image.sha256, image.bit_depth) == (path, digest, bit_depth):
            return sample.record, written
        filled = replace(image, path=path, sha256=digest, bit_depth=bit_depth)
        return replace(sample.record, image=filled), written

    def _place(self, data: bytes | Kept, target: str) -> None:
        if isinstance(data, Kept) and data.link:
            link_image(data.place, target)
        else:
            write_image(target, data.read() if isinstance(data, Kept) else data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What became of an image."""

    size: int
    pixels: str
    encoded: bool
