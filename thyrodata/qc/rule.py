"""What a rule of quality control is: a permanent code, how grave it is, what it reads, and its check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from thyrodata.errors import SchemaError

__all__ = ["Found", "Issue", "Reads", "Rule", "Severity", "Unread"]

_CODE = re.compile("TD[1-9][0-9]{2}")


class Severity(Enum):
    """How grave an issue is, the gravest first."""

    ERROR = "error"
    """It cannot be true, or a model trained on it is wrong."""
    WARNING = "warning"
    """It is probably wrong: a person should look."""
    NOTE = "note"
    """It is worth knowing, and may well be right."""

    def is_at_least(self, other: Severity) -> bool:
        """Return whether it is as grave as another one, or graver."""
        order = list(Severity)
        return order.index(self) <= order.index(other)


class Reads(Enum):
    """What a rule's check is given, which is what running it costs."""

    RECORD = "record"
    """An :class:`~thyrodata.schema.record.ImageRecord`."""
    PIXELS = "pixels"
    """A :class:`~thyrodata.qc.look.Look`: a record and its decoded image."""
    TEXT = "text"
    """A look likewise, of which :attr:`~thyrodata.qc.look.Look.lines` is read. That takes longer than all
    other rules together: such a rule is run only where it is asked for."""
    DATASET = "dataset"
    """A :class:`~thyrodata.dataset.Dataset`: what no record shows alone."""
    FILES = "files"
    """A :class:`~thyrodata.qc.whole.Whole`: all image files of a dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a check saw. Its rule adds the code and the severity."""

    image_id: str
    what: str
    """One sentence without a final full stop, with the numbers that it rests on."""
    hint: str
    """What to do about it."""
    finding_id: str = ""
    """Of the finding, where it is of one."""
    score: float | None = None
    """How far it goes, where that is a number; higher is worse. Scores of one rule alone compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing that a rule found in a dataset."""

    code: str
    severity: Severity
    image_id: str
    finding_id: str = ""
    what: str
    hint: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: it yields what it finds, and modifies nothing.

    Raises:
        SchemaError: The code is not TD and three digits.
    """

    code: str
    """``TD101``. Permanent: a code that is given up is never given again."""
    title: str
    """What an issue of it says, in a few words: the heading in docs/qc.md."""
    severity: Severity
    reads: Reads
    check: Callable[..., Iterator[Found]]
    """Called with what :attr:`reads` names. A module's function, so that a worker process can be told of it.

    It raises nothing on any valid record. What it finds comes in an order that the record alone decides.
    """

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code):
            raise SchemaError(f"{self.code!r} is no code of a rule", hint="write TD and three digits: TD101")

    @property
    def anchor(self) -> str:
        """Of its heading in docs/qc.md, which is the code and the title."""
        words = re.findall("[a-z0-9-]+", f"{self.code} {self.title}".lower())
        return "-".join(words)

    def issues(self, subject: Any) -> Iterator[Issue]:
        """Check a record, a look or a dataset, as :attr:`reads` says, and yield what is found.

        Raises:
            CaseError: What is read of it is broken.
        """
        for found in self.check(subject):
            yield Issue(
                code=self.code,
                severity=self.severity,
                image_id=found.image_id,
                finding_id=found.finding_id,
                what=found.what,
                hint=found.hint,
                score=found.score,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An image whose pixels no rule has seen. Its record has been read."""

    image_id: str
    why: str
    hint: str
