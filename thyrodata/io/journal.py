"""An append-only file of JSON lines that survives being killed at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thyrodata.io.files import writing

__all__ = ["append", "entries", "repair"]


def append(path: Path, entry: Mapping[str, Any]) -> None:
    """Add an entry; a kill may leave its line cut, never another.

    Raises:
        OutputError: It could not be written.
    """
    with writing(path), path.open("ab") as stream:
        stream.write(json.dumps(entry).encode() + b"\n")


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole entries of a journal, oldest first; a journal that does not exist has none."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield json.loads(line)


def repair(path: Path) -> None:
    """Drop a last line that a kill has cut, so that the next entry starts on a line of its own."""
    if path.exists():
        with writing(path):
            data_end = path.read_bytes().rfind(b"\n") + 1
            os.truncate(path, data_end)
