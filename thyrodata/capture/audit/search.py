"""Looks for many sequences of words in texts.

An Aho-Corasick automaton over the bytes would find the same and more, which would have to be thrown away: a
match counts only as whole words. So words are hashed: one look-up per word of the text, whatever the number
of sequences, and up to four more where a sequence may begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from thyrodata.capture.audit.forms import sequences_of
from thyrodata.capture.audit.model import Identifier, Kind, Severity
from thyrodata.capture.audit.words import LONGEST, weight, words_of

__all__ = ["ANY", "Hit", "Index", "Least"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Least:
    """How many letters and digits a sequence must have to count."""

    letters: int
    digits: int
    """Of a number alone."""


ANY = Least(letters=0, digits=0)

_DATE, _DATE_AND_TIME = 8, 12
"""Digits of a day, and of a day and a time without seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Where an identifier that was found comes from."""

    ordinal: str
    """Of the first original that holds it."""
    tag: str
    kind: Kind
    severity: Severity


class Index:
    """The sequences of all identifiers, and the original that each was first seen in.

    Args:
        own: Words that stand in any dataset.
    """

    def __init__(self, own: frozenset[str]) -> None:
        self._own = own
        self._hits: dict[str, Hit] = {}
        self._first_words: set[str] = set()
        self._seen: set[tuple[str, Kind]] = set()
        self._may_leave: set[str] = set()
        """Words of values that may leave: a text of them alone, as a station's of maker and model, tells
        nothing more."""
        self.not_searched = 0

    @property
    def identifiers(self) -> int:
        """The number of different values."""
        return len(self._seen)

    @property
    def sequences(self) -> int:
        """The number of sequences that are looked for."""
        return len(self._hits)

    def add(self, ordinal: str, identifiers: Iterable[Identifier]) -> None:
        """Add what identifies in an original."""
        for identifier in identifiers:
            known = (identifier.text, identifier.kind)
            if known in self._seen and not identifier.may_leave:
                continue
            if identifier.may_leave:
                self._may_leave.update(words_of(identifier.text))
            sequences = sequences_of(identifier, self._own)
            self.not_searched += known not in self._seen and not sequences
            self._seen.add(known)
            severity = Severity.NOTE if identifier.may_leave else Severity.LEAK
            hit = Hit(ordinal=ordinal, tag=identifier.tag, kind=identifier.kind, severity=severity)
            for sequence in sequences:
                self._add(sequence, hit)

    def _add(self, sequence: str, hit: Hit) -> None:
        """Keep the stronger of two origins.

        A free text that is also a value that may leave tells nothing more; but a name, date or UID stays one
        wherever else it stands.
        """
        old = self._hits.get(sequence)
        if old is None:
            self._hits[sequence] = hit
            self._first_words.add(sequence.partition(" ")[0])
        elif _strength(hit) > _strength(old):
            self._hits[sequence] = hit

    def find(self, text: str, least: Least = ANY) -> Iterator[Hit]:
        """Yield the origin of each identifier in a text, once for each place.

        Args:
            text: Anything.
            least: How much a sequence must say, where chance makes short ones.
        """
        words = words_of(text)
        for start, word in enumerate(words):
            if len(word) >= _DATE_AND_TIME and word.isdigit() and (hit := self._hits.get(word[:_DATE])):
                yield hit  # 20190412101530 in a name that a program made
            if word not in self._first_words:
                continue
            for stop in range(start + 1, min(start + LONGEST, len(words)) + 1):
                sequence = " ".join(words[start:stop])
                hit = self._hits.get(sequence)
                if hit and weight(sequence) >= (least.digits if sequence.isdigit() else least.letters):
                    tells = hit.kind is not Kind.TEXT or not self._may_leave.issuperset(words[start:stop])
                    yield hit if tells else replace(hit, severity=Severity.NOTE)


def _strength(hit: Hit) -> int:
    if hit.kind in (Kind.TEXT, Kind.NUMBER, Kind.AGE):
        return 1 if hit.severity is Severity.NOTE else 0
    return 2
