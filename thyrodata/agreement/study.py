"""Gathering what was examined image by image, so that figures can be made of it.

What is kept grows with the matched pairs, by a few hundred bytes each; images and rasters are not kept.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from math import nan

from thyrodata.agreement.asking import Asked
from thyrodata.agreement.examination import MEASURES, Examined, ExaminedPair, MatchedPair
from thyrodata.agreement.model import Noted, ReaderCount
from thyrodata.agreement.notes import noted
from thyrodata.agreement.ratings import Rated
from thyrodata.schema.vocab import GroupKind, Scope, Term

__all__ = ["Gathered", "GatheredPair", "gather"]


@dataclass(slots=True)
class GatheredPair:
    """What two readers have of all images that both have looked at."""

    images: int = 0
    only: list[int] = field(default_factory=lambda: [0, 0])
    unmatched: list[int] = field(default_factory=lambda: [0, 0])
    unmatched_of_complete: list[int] = field(default_factory=lambda: [0, 0])
    equal: int = 0
    image_ids: list[str] = field(default_factory=list)
    group_ids: list[str] = field(default_factory=list)
    finding_ids: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, array[float]] = field(
        default_factory=lambda: {name: array("d") for name in dict.fromkeys(("iou", "dice", *MEASURES))}
    )
    """By name, one for each matched pair; nan where it has none."""
    detections: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    """Of each image whose drawings can all be compared: its group, the drawings of each reader, and by
    threshold those matched, and those of one class."""
    image_dice: list[tuple[str, float]] = field(default_factory=list)
    """Of each image that has one: its group and the value."""

    def add(self, examined: Examined, pair: ExaminedPair) -> None:
        """Take one image that both have looked at."""
        self.images += 1
        for matched in pair.matched:
            self._add_match(examined, matched)
        for k in (0, 1):
            self.unmatched[k] += pair.unmatched[k]
            if pair.complete[1 - k]:
                self.unmatched_of_complete[k] += pair.unmatched[k]
        if pair.detected is not None:
            counts = [each for found in pair.detected for each in (found.matched, found.same_class)]
            self.detections.append((examined.group_id, (*pair.drawn, *counts)))
        if pair.image_dice is not None:
            self.image_dice.append((examined.group_id, pair.image_dice))

    def _add_match(self, examined: Examined, matched: MatchedPair) -> None:
        self.image_ids.append(examined.image_id)
        self.group_ids.append(examined.group_id)
        self.finding_ids.append(matched.finding_ids)
        self.equal += matched.equal
        said = dict(zip(MEASURES, matched.shape or (nan,) * len(MEASURES), strict=True))
        for name, value in {**said, "iou": matched.iou, "dice": matched.dice}.items():
            self.values[name].append(value)


@dataclass(slots=True)
class Gathered:
    """What is known once every image was examined."""

    asked: Asked
    pairs: dict[tuple[str, str], GatheredPair]
    ratings: dict[tuple[Scope, str], list[Rated]]
    """By what is graded, and the scheme."""
    sizes: list[tuple[str, tuple[tuple[float, float], ...]]]
    """Of each thing that all have outlined: its group, and area and diameter by each reader."""
    group_kinds: tuple[str, ...]
    readers: tuple[ReaderCount, ...]
    notes: tuple[Noted, ...]


def gather(examined: Iterable[Examined], asked: Asked) -> Gathered:
    """Gather all images.

    Args:
        examined: The images, in any order: no figure depends on it.
        asked: What was compared.
    """
    gatherer = _Gatherer(asked)
    for each in examined:
        gatherer.add(each)
    return gatherer.result()


@dataclass(slots=True, kw_only=True)
class _OfCase:
    """What is said of a case or a nodule on one scheme."""

    group_id: str
    by: dict[str, set[Term]] = field(default_factory=lambda: defaultdict(set))


class _Gatherer:
    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._pairs = {names: GatheredPair() for names in combinations(asked.readers, 2)}
        self._ratings: dict[tuple[Scope, str], list[Rated]] = defaultdict(list)
        self._sizes: list[tuple[str, tuple[tuple[float, float], ...]]] = []
        self._kinds: set[GroupKind] = set()
        self._images: Counter[str] = Counter()
        self._findings: Counter[str] = Counter()
        self._complete: Counter[str] = Counter()
        self._roles: dict[str, set[str]] = defaultdict(set)
        self._notes: dict[str, list[str]] = defaultdict(list)
        self._of_cases: dict[tuple[Scope, str, str], _OfCase] = {}
        self._contradictions: set[tuple[Scope, str, str, str]] = set()

    def add(self, examined: Examined) -> None:
        self._kinds.add(examined.group_kind)
        for reader, (findings, complete, role) in examined.looked.items():
            self._images[reader] += 1
            self._findings[reader] += findings
            self._complete[reader] += complete
            self._roles[reader].update([role] if role else [])
        for names, gathered in self._pairs.items():
            if names in examined.pairs:
                gathered.add(examined, examined.pairs[names])
            for k in (0, 1):
                gathered.only[k] += names[k] in examined.looked and names[1 - k] not in examined.looked
        for rated in examined.rated:
            self._add_rating(rated)
        for each in examined.contradictions:
            self._contradictions.add((each.scope, each.scheme, each.item, each.reader))
        for sizes in examined.sizes:
            self._sizes.append((examined.group_id, tuple(sizes[reader] for reader in self._asked.readers)))
        for code, place in examined.notes:
            self._notes[code].append(place)

    def _add_rating(self, rated: Rated) -> None:
        """Take a rating; what is said of a case or a nodule comes with each image of it, and counts once."""
        if rated.scope not in {Scope.CASE, Scope.NODULE}:
            self._ratings[rated.scope, rated.scheme].append(rated)
            return
        key = (rated.scope, rated.scheme, rated.item)
        of_case = self._of_cases.setdefault(key, _OfCase(group_id=rated.group_id))
        for reader, term in rated.by.items():
            of_case.by[reader].add(term)

    def _rate_cases(self) -> None:
        """Make one rating of what the images of a case say of it, each perhaps by other readers."""
        for key, of_case in self._of_cases.items():
            scope, scheme, item = key
            self._contradictions |= {(*key, reader) for reader, terms in of_case.by.items() if len(terms) > 1}
            by = {
                reader: next(iter(terms))
                for reader, terms in of_case.by.items()
                if (*key, reader) not in self._contradictions
            }
            if by:
                rated = Rated(scheme=scheme, scope=scope, item=item, group_id=of_case.group_id, by=by)
                self._ratings[scope, scheme].append(rated)

    def result(self) -> Gathered:
        self._rate_cases()
        for _, scheme, item, reader in self._contradictions:
            self._notes["contradictory-grade"].append(f"{item}: {reader or 'not named'}, {scheme}")
        for names, pair in self._pairs.items():
            if pair.equal:
                share = f"{pair.equal} of {len(pair.image_ids)} matched pairs of drawings"
                one, other = (name or "not named" for name in names)
                self._notes["equal-drawings"].append(f"{one} and {other}: {share}")
        self._note_schemes()
        return Gathered(
            asked=self._asked,
            pairs=self._pairs,
            ratings=dict(self._ratings),
            sizes=self._sizes,
            group_kinds=tuple(kind.value for kind in GroupKind if kind in self._kinds),
            readers=tuple(self._reader_counts()),
            notes=noted(self._notes),
        )

    def _reader_counts(self) -> Iterator[ReaderCount]:
        for reader in self._asked.readers:
            yield ReaderCount(
                reader=reader,
                roles=tuple(sorted(self._roles[reader])),
                images=self._images[reader],
                findings=self._findings[reader],
                complete=self._complete[reader],
            )

    def _note_schemes(self) -> None:
        """Name schemes that one reader alone has used, where others have graded on another scheme."""
        by_scope: dict[Scope, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for (scope, scheme), all_of in self._ratings.items():
            for rated in all_of:
                by_scope[scope][scheme].update(rated.by)
        for scope, schemes in by_scope.items():
            for scheme, readers in sorted(schemes.items()):
                if len(readers) == 1 and len(schemes) > 1:
                    (reader,) = readers
                    who = reader or "not named"
                    self._notes["scheme-of-one"].append(f"{scheme} of the {scope.value}: {who} alone")
