"""Saying what differs between two datasets, or two versions of one. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from thyrodata.change import sums_sha256
from thyrodata.comparison.digests import stream_digests
from thyrodata.comparison.pixels import PixelChange, compare_pixels
from thyrodata.comparison.records import RecordChanges, compare_records
from thyrodata.comparison.splits import SplitChanges, compare_split
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.io.hashes import SUMS, read_sums
from thyrodata.revision import opened
from thyrodata.schema.manifest import Manifest, Parent
from thyrodata.schema.plain import to_plain

__all__ = ["CountChange", "Difference", "FileChanges", "Only", "diff"]

T = TypeVar("T")

_STATED = ("schema_version", "name", "versions", "encoder", "skips")
"""The fields of a manifest that are compared as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """Names, or other things, that one of the two datasets has alone."""

    before: tuple[Any, ...]
    after: tuple[Any, ...]

    @property
    def empty(self) -> bool:
        """Whether each has what the other has."""
        return not (self.before or self.after)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"removed": to_plain(self.before), "added": to_plain(self.after)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChanges:
    """Paths of files that differ by their checksums."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether the files are the same."""
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountChange:
    """A count of the manifest that differs; 0 where a manifest does not have it."""

    what: str
    value: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs between two datasets, from the first to the second."""

    before: Parent
    """The first dataset: its name and the SHA-256 of its SHA256SUMS."""
    after: Parent
    records: RecordChanges
    pixels: tuple[PixelChange, ...]
    """Images of both whose files differ."""
    splits: Only
    """Names of splits."""
    changed_splits: tuple[SplitChanges, ...]
    """Splits of both that differ."""
    counts: tuple[CountChange, ...]
    sources: Only
    operations: Only
    manifest: Mapping[str, tuple[Any, Any]]
    """Other fields of the manifests that differ, before and after."""
    files: FileChanges
    """Of all files but records and images."""

    @property
    def equal(self) -> bool:
        """Whether nothing differs but, perhaps, the history."""
        parts = (self.splits, self.sources, self.operations, self.files, self.records)
        lists = (self.pixels, self.changed_splits, self.counts, self.manifest)
        return all(part.empty for part in parts) and not any(lists)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "before": to_plain(self.before),
            "after": to_plain(self.after),
            "equal": self.equal,
            "records": self.records.to_json(),
            "pixels": [{"image_id": each.image_id, "what": each.what.value} for each in self.pixels],
            "splits": {**self.splits.to_json(), "changed": [each.to_json() for each in self.changed_splits]},
            "counts": [to_plain(each) for each in self.counts],
            "sources": self.sources.to_json(),
            "operations": self.operations.to_json(),
            "manifest": {
                name: {"before": to_plain(old), "after": to_plain(new)}
                for name, (old, new) in self.manifest.items()
            },
            "files": to_plain(self.files),
        }


def diff(
    before: Dataset | str | Path, after: Dataset | str | Path, *, progress: Progress | None = None
) -> Difference:
    """Return what differs between two datasets.

    What the datasets say is compared; that it is true of their files is checked by ``verify``.

    Args:
        before: The first dataset, or its folder.
        after: The second.
        progress: Called with the number of images decoded and of all that have to be.

    Raises:
        DatasetError: A dataset is damaged.
        CaseError: An image whose file differs cannot be decoded.
    """
    old, new = opened(before), opened(after)
    named = [Parent(name=each.manifest.name, sha256=sums_sha256(each)) for each in (old, new)]
    records = compare_records(*(stream_digests(each.path / RECORDS_FILE) for each in (old, new)))
    first, second = old.manifest, new.manifest
    return Difference(
        before=named[0],
        after=named[1],
        records=records,
        pixels=compare_pixels(old, new, records.fields.get("image.sha256", ()), progress),
        splits=_only(old.splits, new.splits),
        changed_splits=_changed_splits(old, new, records),
        counts=_count_changes(first, second),
        sources=_only(first.sources, second.sources),
        operations=_only(first.operations, second.operations),
        manifest={
            name: (getattr(first, name), getattr(second, name))
            for name in _STATED
            if getattr(first, name) != getattr(second, name)
        },
        files=_files(old, new),
    )


def _only(before: Sequence[T], after: Sequence[T]) -> Only:
    return Only(
        before=tuple(each for each in before if each not in after),
        after=tuple(each for each in after if each not in before),
    )


def _changed_splits(old: Dataset, new: Dataset, records: RecordChanges) -> tuple[SplitChanges, ...]:
    found = [
        compare_split(name, _parts(old, name), _parts(new, name), records.groups_before, records.groups_after)
        for name in old.splits
        if name in new.splits
    ]
    return tuple(each for each in found if not each.empty)


def _parts(dataset: Dataset, name: str) -> dict[str, str]:
    return {image_id: part for part, ids in dataset.split(name).items() for image_id in ids}


def _count_changes(before: Manifest, after: Manifest) -> tuple[CountChange, ...]:
    old = {(tally.what, tally.value): tally.n for tally in before.counts}
    new = {(tally.what, tally.value): tally.n for tally in after.counts}
    return tuple(
        CountChange(what=what, value=value, before=old.get((what, value), 0), after=new.get((what, value), 0))
        for what, value in sorted(old.keys() | new.keys())
        if old.get((what, value)) != new.get((what, value))
    )


def _files(old: Dataset, new: Dataset) -> FileChanges:
    """Compare by checksum what the records do not speak of."""
    before, after = (
        {path: digest for path, digest in read_sums(each.path / SUMS).items() if _is_other(path)}
        for each in (old, new)
    )
    both = before.keys() & after.keys()
    return FileChanges(
        added=tuple(sorted(after.keys() - both)),
        removed=tuple(sorted(before.keys() - both)),
        changed=tuple(sorted(path for path in both if before[path] != after[path])),
    )


def _is_other(path: str) -> bool:
    return path != RECORDS_FILE and not path.startswith("images/")
