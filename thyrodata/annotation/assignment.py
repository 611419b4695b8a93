"""What readers are asked to do: the settings of work lists, which lie beside the key."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from thyrodata.errors import CaseError, SchemaError, UsageError
from thyrodata.schema.plain import from_plain, to_plain
from thyrodata.schema.vocab import Coverage, Structure
from thyrodata.survey import CONSENSUS

__all__ = ["MARKER", "Assignment", "Mark", "Purpose", "Task", "Tool", "read_assignment"]

MARKER = "thyrodata-annotation.json"
"""What was asked, of what dataset, and how: the file without which no folder is replaced."""

_READER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Tool(Enum):
    """The annotation tools that are written for and read."""

    CVAT = "cvat"
    LABEL_STUDIO = "label-studio"
    COCO = "coco"
    """For whatever tool can edit it. It has no tags, so that work lists are not written in it."""


class Purpose(Enum):
    """What a folder is given to a reader for."""

    READING = "reading"
    """A reader draws what there is, and is shown nothing."""
    ADJUDICATION = "adjudication"
    """An arbiter decides between readings that are shown."""


class Mark(Enum):
    """What a reader says of an image when it is done: the only thing that makes a reading complete."""

    ALL = "all outlined"
    NOTHING = "nothing to outline"
    SOME = "not all outlined"

    @property
    def coverage(self) -> Coverage:
        """What it says of the reading."""
        return Coverage.PARTIAL if self is Mark.SOME else Coverage.COMPLETE


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is asked of which readers.

    Raises:
        UsageError: A reader's name cannot name a folder, or is there twice; or a number is below one.
    """

    readers: tuple[str, ...]
    tool: Tool
    structures: tuple[Structure, ...]
    """What is to be outlined."""
    split: str | None
    """The split of which one part is given; ``None`` for all images."""
    part: str | None
    count: int | None
    """At most so many images; ``None`` for all."""
    batch: int
    """At most so many images in a batch."""
    seed: int

    def __post_init__(self) -> None:
        for reader in self.readers:
            if not _READER.fullmatch(reader) or reader.casefold() == CONSENSUS:
                raise UsageError(
                    f"a reader cannot be called {reader!a}",
                    hint=f"letters, digits, - and _, beginning with a letter or digit; not {CONSENSUS}",
                )
        if not self.readers or len({reader.casefold() for reader in self.readers}) != len(self.readers):
            what = "two readers have one name" if self.readers else "there is no reader"
            raise UsageError(what, hint="name the readers: --readers A,B")
        if not self.structures or len(set(self.structures)) != len(self.structures):
            raise UsageError("the structures to outline are none, or one is named twice")
        if (self.split is None) != (self.part is None):
            raise UsageError("a part is a split's", hint="give --split NAME with --part PART, or neither")
        if self.batch < 1 or (self.count is not None and self.count < 1):
            raise UsageError("a batch, or the count, is below one image", hint="ask for one or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A task as it was given out."""

    thyrodata: str
    """The version that wrote it."""
    dataset: str
    """As its manifest says."""
    dataset_sha256: str
    """SHA-256 of its SHA256SUMS."""
    task: Task
    key_sha256: str
    """SHA-256 of the key's rows."""
    purpose: Purpose = Purpose.READING

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def read_assignment(data: bytes, where: str) -> Assignment:
    """Return what the marker of work lists says.

    Raises:
        CaseError: It is no such file.
    """
    try:
        value = json.loads(data)
        return from_plain(Assignment, value["assignment"])
    except (ValueError, RecursionError, LookupError, TypeError, SchemaError, UsageError) as error:
        message = error.message if isinstance(error, SchemaError | UsageError) else str(error)
        raise CaseError(
            f"the account of the work lists cannot be read: {message}",
            where=where,
            hint=f"keep the key beside the {MARKER} that was written with it",
        ) from None
