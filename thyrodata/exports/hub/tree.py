"""What the tree of a dataset on the Hugging Face Hub is made of, as its cards and metadata name it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Shard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A Parquet file of rows, one for each image."""

    path: str
    """Relative to the tree, with forward slashes: ``data/train/read-00000-of-00002.parquet``."""
    part: str
    """Of the split, whose images it holds."""
    read: bool
    """Whether an exporter gives its images: each has findings, or is a true negative. Of the others nothing
    can be said."""
    rows: int
    bytes: int
    sha256: str
    """Of the file, in lower-case hexadecimal."""
