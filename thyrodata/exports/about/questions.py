"""Questions about a dataset with the answers that are known, and a mark where a person has to answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from thyrodata.exports.about.cohort import NOT_STATED
from thyrodata.io.markdown import bullets

__all__ = ["OPEN", "UNSTATED", "Question", "answered", "counted", "rendered"]

OPEN = "**For the curators to answer.**"
"""Nothing in a dataset can tell."""

UNSTATED = "**Not stated by the source.**"
"""A source could have said so, and does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, and what is known."""

    number: str
    asks: str
    lines: tuple[str, ...]
    """Markdown."""

    @property
    def waits(self) -> bool:
        """Whether a person has still to answer all of it or a part."""
        return OPEN in self.lines or UNSTATED in self.lines


def answered(lines: Iterable[str]) -> tuple[str, ...]:
    """Return what sources say as a list, or the mark that they say nothing."""
    said = [*lines]
    silent = all(line == NOT_STATED or line.endswith(f": {NOT_STATED}") for line in said)
    return (UNSTATED,) if silent else tuple(bullets(said))


def counted(questions: Sequence[Question]) -> str:
    """Say how much is left for a person."""
    waiting = [question.number for question in questions if question.waits]
    done = f"{len(questions) - len(waiting)} of {len(questions)} are answered from the dataset itself"
    return f"{done}; a person has to look at {', '.join(waiting)}." if waiting else f"{done}."


def rendered(question: Question) -> list[str]:
    """Return the lines of a question under a heading of its own."""
    lines: list[str] = []
    for line in question.lines:
        # Without an empty line before it, the mark would be a part of the last item of a list.
        lines += ["", line] if line in {OPEN, UNSTATED} and lines else [line]
    return [f"### {question.number}. {question.asks}", "", *lines, ""]
