"""The placing of clusters into parts so that every part looks like the whole."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from thyrodata.splits.clusters import Cluster, group_grades
from thyrodata.splits.items import EXCLUDED, SplitItem

__all__ = ["Placement", "place"]


class Placement:
    """Which part each image is in so far, and what each part holds."""

    def __init__(self, ratios: Mapping[str, float], seed: int) -> None:
        self.ratios = ratios
        self.order = sorted(ratios, key=lambda part: _key(seed, part))  # settles ties between parts
        self.part_of: dict[str, str] = {}
        self.images = dict.fromkeys(ratios, 0)
        self.groups = dict.fromkeys(ratios, 0)
        self.labelled = dict.fromkeys(ratios, 0)
        self.grades: dict[int, Counter[str]] = defaultdict(Counter)

    def put(self, members: Collection[SplitItem], part: str) -> None:
        """Put images into a part; what is put into `excluded` counts nowhere."""
        for item in members:
            self.part_of[item.image_id] = part
        if part == EXCLUDED:
            return
        grades = group_grades(members)
        self.images[part] += len(members)
        self.groups[part] += len(grades)
        for grade in grades.values():
            if grade is not None:
                self.labelled[part] += 1
                self.grades[grade][part] += 1

    def neediest(self, have: Mapping[str, int], amount: int, among: Iterable[str]) -> str:
        """Return the part that lacks most of its share once `amount` more has been given out."""
        total = sum(have.values()) + amount
        return max(among, key=lambda part: self.ratios[part] * total - have[part])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A cluster that is still to be placed."""

    members: tuple[SplitItem, ...]
    stratum: int
    """The highest grade known in it; -1 = unlabelled."""
    weight: int
    """Labelled groups; in an unlabelled cluster, groups."""
    size_class: int
    """Images on a doubling scale (1, 2-3, 4-7 ...): exact sizes would leave the seed little to choose."""
    key: str


def place(placement: Placement, clusters: Iterable[Cluster], seed: int) -> None:
    """Place the clusters that have no part yet."""
    pieces = [_piece(cluster.members, seed) for cluster in clusters]
    pieces.sort(key=lambda piece: (-piece.stratum, -piece.size_class, piece.key))
    singles: defaultdict[int, list[_Piece]] = defaultdict(list)
    for piece in pieces:
        if piece.weight == 1:
            singles[piece.stratum].append(piece)
            continue
        have = placement.labelled if piece.stratum >= 0 else placement.groups
        placement.put(piece.members, placement.neediest(have, piece.weight, placement.order))
    unlabelled = singles.pop(-1, [])
    _place_labelled(placement, singles, reverse=_key(seed, "from the highest grade") < "8")
    slots = _apportion(placement, placement.groups, len(unlabelled))
    _fill(placement, unlabelled, slots - Counter(placement.groups))


def _piece(members: tuple[SplitItem, ...], seed: int) -> _Piece:
    grades = group_grades(members)
    known = [grade for grade in grades.values() if grade is not None]
    return _Piece(
        members=members,
        stratum=max(known, default=-1),
        weight=len(known) or len(grades),
        size_class=len(members).bit_length(),
        key=_key(seed, members[0].image_id),
    )


def _place_labelled(placement: Placement, singles: Mapping[int, Sequence[_Piece]], *, reverse: bool) -> None:
    """Place clusters of one labelled group each so that the parts are balanced at every grade threshold."""
    quota = _apportion(placement, placement.labelled, sum(map(len, singles.values())))
    held = {grade: Counter(parts) for grade, parts in placement.grades.items()}
    still = quota - Counter(placement.labelled)
    have: Counter[str] = Counter()
    for grade in sorted({*singles, *held}, reverse=reverse):
        have += held.get(grade, Counter())
        pieces = singles.get(grade, ())
        slots = _slots(quota, have, still, len(pieces), placement.order)
        have += slots
        still -= slots
        _fill(placement, pieces, slots)


def _apportion(placement: Placement, have: Mapping[str, int], amount: int) -> Counter[str]:
    """Return what each part will have once `amount` more is given by largest remainders; none loses any."""
    quota = Counter(have)
    total = quota.total() + amount
    shares = {part: share * total for part, share in placement.ratios.items()}
    for _ in range(amount):
        quota[max(placement.order, key=lambda part: shares[part] - quota[part])] += 1
    return quota


def _slots(
    quota: Counter[str], have: Counter[str], still: Counter[str], amount: int, order: Sequence[str]
) -> Counter[str]:
    """Give out the next places of the sequence by the quota method of Balinski and Young (1975).

    The next place goes to the part of greatest quota / (places + 1) among those below their share of the
    sequence so far. What a part held beforehand may put all of them above it; then all are asked.
    """
    total = quota.total()
    places = Counter(have)
    slots: Counter[str] = Counter()
    for length in range(have.total() + 1, have.total() + amount + 1):
        able = [part for part in order if slots[part] < still[part]]
        below = [part for part in able if places[part] * total < quota[part] * length]
        part = max(below or able, key=lambda part: quota[part] / (places[part] + 1))
        places[part] += 1
        slots[part] += 1
    return slots


def _fill(placement: Placement, pieces: Iterable[_Piece], slots: Counter[str]) -> None:
    """Hand clusters to the places of a stratum, each where most images are lacking."""
    left = Counter(slots)
    for piece in pieces:
        able = [part for part in placement.order if left[part]]
        part = placement.neediest(placement.images, len(piece.members), able)
        left[part] -= 1
        placement.put(piece.members, part)


def _key(seed: int, text: str) -> str:
    """Return a sort key that looks random and depends on its arguments alone."""
    return hashlib.sha256(f"{seed}\n{text}".encode()).hexdigest()
