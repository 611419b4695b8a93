"""How many images have marks over the echo, by the parts of a split and by labels, as records stream by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from thyrodata.qc.marks import MarkKind
from thyrodata.reports.datapage.beside import Marked
from thyrodata.reports.datapage.distributions import NOT_STATED, Distribution, Place, Tallied
from thyrodata.schema.record import ImageRecord, Label
from thyrodata.schema.vocab import SCHEMES, Term

__all__ = ["MARK", "CountedMarks", "MarkTally", "MarksByLabel", "kinds_of", "surest"]

NO_MARK, MARK = "no mark", "a mark"
PICTURED = 2
"""Images of each kind of mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarksByLabel:
    """How many images of each value of a scheme have marks."""

    scheme: str
    kinds: tuple[str, ...]
    images: Mapping[str, int]
    """Looked at, by the value that is said of the image, or of what is on it; the gravest of several."""
    marked: Mapping[str, Counter[str]]
    """By value, and then by :data:`MARK` and each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedMarks:
    """How many images have marks."""

    by_part: Distribution
    by_label: tuple[MarksByLabel, ...]
    """By the names of the schemes, the graded ones of which a value is said of an image."""
    strangers: int
    """Images that were looked at and that the dataset does not have."""


class MarkTally:
    """Counts the images that have marks, as records stream by.

    Args:
        found: The marks by the ids of the images that were looked at.
    """

    def __init__(self, found: Mapping[str, Marked]) -> None:
        self._found = found
        self._kinds = tuple(kinds_of(found))
        scale = [NO_MARK, MARK, *self._kinds]
        self._by_part = Tallied("marks", "Marks over the echo", "images", scale)
        self._seen: Counter[tuple[tuple[Term, ...], tuple[str, ...]]] = Counter()

    def add(self, record: ImageRecord, places: Sequence[Place]) -> None:
        """Count an image, in the series that it belongs to and under its labels."""
        seen = self._found.get(record.image_id)
        if seen is None:
            return
        words = (MARK, *seen.kinds) if seen.has_marker else (NO_MARK,)
        self._by_part.add(places, words)
        self._seen[tuple(_gravest(record)), words] += 1

    def counted(self, parts: Sequence[str], things: Counter[Place]) -> CountedMarks:
        """Return what was counted. See :meth:`Tallied.distribution`."""
        return CountedMarks(
            by_part=self._by_part.distribution(parts, things),
            by_label=tuple(self._by_label()),
            strangers=len(self._found) - self._seen.total(),
        )

    def _by_label(self) -> Iterator[MarksByLabel]:
        for scheme in sorted({term.scheme for terms, _ in self._seen for term in terms}):
            images: Counter[str] = Counter()
            marked: defaultdict[str, Counter[str]] = defaultdict(Counter)
            for (terms, words), n in self._seen.items():
                value = next((str(term.value) for term in terms if term.scheme == scheme), NOT_STATED)
                images[value] += n
                marked[value].update(dict.fromkeys(words, n))
            order = (*(str(term.value) for term in SCHEMES[scheme]), NOT_STATED)
            yield MarksByLabel(
                scheme=scheme,
                kinds=self._kinds,
                images={value: images[value] for value in order if images[value]},
                marked=marked,
            )


def _gravest(record: ImageRecord) -> Iterator[Term]:
    """Yield the gravest term of each graded scheme that is said of an image or of what is on it."""
    found: dict[str, Term] = {}
    for label in _labels(record):
        term, scheme = label.value, label.value.scheme
        if term.grade is not None and term.grade >= (found[scheme].grade or 0 if scheme in found else 0):
            found[scheme] = term
    yield from found.values()


def _labels(record: ImageRecord) -> Iterator[Label]:
    yield from (*record.case_labels, *record.image_labels)
    for nodule in record.nodules:
        yield from nodule.labels
    for finding in record.findings:
        yield from finding.labels


def kinds_of(found: Mapping[str, Marked]) -> list[str]:
    """Return the kinds that there are, those that this version knows first and in their order."""
    there = {kind for seen in found.values() for kind in seen.kinds if seen.has_marker}
    known = [kind.value for kind in MarkKind if kind.value in there]
    return [*known, *sorted(there.difference(known))]


def surest(found: Mapping[str, Marked]) -> dict[str, list[str]]:
    """Return the ids of the images that are surest to have marks, by kinds; no image is there twice."""
    shown: set[str] = set()
    chosen: dict[str, list[str]] = {}
    for kind in kinds_of(found):
        having = [
            name for name, seen in found.items() if kind in seen.kinds and seen.mask and name not in shown
        ]
        chosen[kind] = sorted(having, key=lambda name: (-found[name].score, name))[:PICTURED]
        shown.update(chosen[kind])
    return chosen
