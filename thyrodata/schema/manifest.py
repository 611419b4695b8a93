"""The manifest: what a dataset was made from, by what, and what is in it. It holds no time and no place."""

from __future__ import annotations

from dataclasses import dataclass

from thyrodata.errors import SchemaError

__all__ = [
    "SCHEMA_VERSION",
    "Manifest",
    "Operation",
    "Parent",
    "Setting",
    "Skip",
    "Source",
    "Tally",
    "Version",
]

SCHEMA_VERSION = "1.0"
"""Of the records, the manifest and the COCO extras. Datasets are published by it: a later version of the same
first number has to read what this one wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a converter or operation, as text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One raw source of a dataset."""

    card: str
    """The card's name."""
    licence: str
    converter: str
    settings: tuple[Setting, ...] = ()
    raw_sha256: str
    """SHA-256 of what ``sha256sum`` prints for the raw files that were read, sorted by path."""
    raw_files_read: int
    raw_files_skipped: int
    raw_files_ignored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A package whose version may change the bytes of the dataset."""

    package: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many records, or parts of records, have a value: one line of the counts."""

    what: str
    """What is counted: ``findings``, ``case-labels``, ``remarks``."""
    value: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A raw item that could not be read, or a raw file that no item claims."""

    item: str
    files: tuple[str, ...]
    reason: str
    where: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A dataset that another was made from."""

    name: str
    """As its manifest says."""
    sha256: str
    """SHA-256 of its SHA256SUMS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A step that made a dataset from others."""

    name: str
    settings: tuple[Setting, ...] = ()
    parents: tuple[Parent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of ``manifest.json``.

    Raises:
        SchemaError: It is of another schema version.
    """

    schema_version: str
    name: str
    sources: tuple[Source, ...]
    versions: tuple[Version, ...]
    encoder: str | None = None
    """How images were encoded; ``None`` where all are byte-identical copies."""
    pixel_sha256: str
    """SHA-256 over one line per image, in the order of the records: the sha256 of its file where that is a
    copy, that of its samples where it was encoded, so that it holds across encoders."""
    counts: tuple[Tally, ...]
    skips: int
    operations: tuple[Operation, ...] = ()
    """What was done since the sources were converted, the last step last: none for a converted dataset."""

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise SchemaError(
                f"the manifest is of schema {self.schema_version}, this thyrodata reads {SCHEMA_VERSION}",
                hint="convert the source again, or use the thyrodata version that made the dataset",
            )

    def count(self, what: str, value: str | None = None) -> int:
        """Return how many of ``what`` there are, of one value or in all."""
        return sum(t.n for t in self.counts if t.what == what and value in (None, t.value))
