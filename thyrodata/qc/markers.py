"""Marks over the echo: a model reads the caliper instead of the nodule (TD2xx)."""

from __future__ import annotations

from collections.abc import Iterator

from thyrodata.qc.look import Look
from thyrodata.qc.marks import MARKED, MarkKind
from thyrodata.qc.rule import Found, Reads, Rule, Severity

__all__ = ["RULES"]

_CALIPERS = frozenset({MarkKind.CROSS, MarkKind.PLUS, MarkKind.DOTS})
_TEXT = frozenset({MarkKind.TEXT})
_HINT = "leave it out with a criterion on reports/markers.parquet, or paint over it with qc markers --inpaint"


def _marked(look: Look, kinds: frozenset[MarkKind], *, others: bool = False) -> Iterator[Found]:
    """Yield what is found where a mark of these kinds, or of any other kind, is sure enough."""
    found = [mark for mark in look.marks.marks if mark.score >= MARKED and (mark.kind in kinds) is not others]
    if found:
        names = ", ".join(sorted({mark.kind.value for mark in found}))
        yield Found(
            image_id=look.record.image_id,
            what=f"{len(found)} marks over the echo: {names}",
            hint=_HINT,
            score=max(mark.score for mark in found),
        )


def _calipers(look: Look) -> Iterator[Found]:
    yield from _marked(look, _CALIPERS)


def _text(look: Look) -> Iterator[Found]:
    yield from _marked(look, _TEXT)


def _other(look: Look) -> Iterator[Found]:
    yield from _marked(look, _CALIPERS | _TEXT, others=True)


RULES = (
    Rule(
        code="TD201",
        title="Calipers over the echo",
        severity=Severity.WARNING,
        reads=Reads.PIXELS,
        check=_calipers,
    ),
    Rule(
        code="TD202",
        title="Text over the echo",
        severity=Severity.WARNING,
        reads=Reads.PIXELS,
        check=_text,
    ),
    Rule(
        code="TD203",
        title="Another mark over the echo",
        severity=Severity.WARNING,
        reads=Reads.PIXELS,
        check=_other,
    ),
)
"""In the order of their codes."""
