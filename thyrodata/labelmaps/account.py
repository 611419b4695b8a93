"""The account of a relabelling: what became of every label that was read, and what was not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from thyrodata.labelmaps.fates import Fate
from thyrodata.labelmaps.image import LabelledImage
from thyrodata.labelmaps.model import LabelMap
from thyrodata.labelmaps.reading import Conflict, Event, read_image
from thyrodata.schema.vocab import Scope, Term

__all__ = ["Account", "Disagreement", "Line", "account_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Labels of one value that came to the same."""

    value: str
    """``scheme/value``, or ``acr-points/sum``."""
    term: Term | None
    """What the map makes of it, ``None`` for nothing."""
    fate: Fate
    labels: int
    """Labels made, or where none was, labels read. Labels that a case had and has are counted once per case,
    as in the manifest; all others once for each image, nodule or finding that they are said of."""
    images: int
    groups: int
    first_image: str
    """The id of the first image."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "from": self.value,
            "to": str(self.term) if self.term else None,
            "what": self.fate.value,
            "labels": self.labels,
            "images": self.images,
            "groups": self.groups,
            "first_image": self.first_image,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Labels of one scheme and one thing that differ, one of them made. All are kept."""

    group_id: str
    image_id: str
    """The first image that shows it."""
    item: str
    """The nodule's or finding's id; empty for the case and the image."""
    values: tuple[str, ...]
    images: int

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "group_id": self.group_id,
            "image_id": self.image_id,
            "item": self.item,
            "values": [*self.values],
            "images": self.images,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a map makes of a dataset's labels."""

    lines: tuple[Line, ...]
    """In the order of the map's values, those that it does not name last."""
    unknown: int
    """Cases, images, nodules or findings, by the scope that is read, of which no value is known. Unknown is
    no value, and no label was made."""
    disagreements: tuple[Disagreement, ...]
    images: int
    groups: int

    def of(self, *fates: Fate) -> tuple[Line, ...]:
        """Return the lines of some fates."""
        return tuple(line for line in self.lines if line.fate in fates)

    @property
    def made(self) -> int:
        """The number of labels made."""
        return sum(line.labels for line in self.of(Fate.MADE))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "images": self.images,
            "groups": self.groups,
            "labels": [line.to_json() for line in self.lines],
            "unknown": self.unknown,
            "disagreements": [each.to_json() for each in self.disagreements],
        }


def account_of(label_map: LabelMap, images: Iterable[LabelledImage]) -> Account:
    """Return what a map makes of the labels of images, in one pass."""
    counter = _Counter(label_map)
    for image in images:
        counter.add(image)
    return counter.account()


@dataclass(slots=True)
class _Count:
    """What is known of a line while images are counted."""

    first_image: str
    groups: set[str]
    labels: int = 0
    images: int = 0
    last: str = ""


class _Counter:
    """Counts images one by one."""

    def __init__(self, label_map: LabelMap) -> None:
        self._map = label_map
        self._by_case = label_map.from_scope is label_map.to_scope is Scope.CASE
        self._counts: dict[tuple[str, Term | None, Fate], _Count] = {}
        self._conflicts: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
        self._groups: set[str] = set()
        self._known: set[str] = set()
        self._images = 0
        self._unknown = 0

    def add(self, image: LabelledImage) -> None:
        outcome = read_image(self._map, image)
        once = not self._by_case or image.group_id not in self._groups
        for event in outcome.events:
            self._count(event, image, once=once)
        for conflict in outcome.conflicts:
            self._conflicts.setdefault(self._key(conflict, image), []).append(image.image_id)
        if not outcome.unknown:
            self._known.add(image.group_id)
        self._groups.add(image.group_id)
        self._unknown += outcome.unknown
        self._images += 1

    def _count(self, event: Event, image: LabelledImage, *, once: bool) -> None:
        key = (event.value, event.term, event.fate)
        count = self._counts.setdefault(key, _Count(image.image_id, set()))
        count.labels += (event.made or 1) if once else 0
        count.images += count.last != image.image_id
        count.last = image.image_id
        count.groups.add(image.group_id)

    def _key(self, conflict: Conflict, image: LabelledImage) -> tuple[str, str, str, tuple[str, ...]]:
        """Return what tells a disagreement: a case and its nodules have one in however many images."""
        shared = self._map.to_scope in {Scope.CASE, Scope.NODULE}
        return (image.group_id, "" if shared else image.image_id, conflict.item, conflict.values)

    def account(self) -> Account:
        order = {value: place for place, (value, _) in enumerate(self._map.values)}
        fates = [*Fate]

        def place(key: tuple[str, Term | None, Fate]) -> tuple[int, str, int]:
            return order.get(key[0], len(order)), key[0], fates.index(key[2])

        return Account(
            lines=tuple(self._line(*key, self._counts[key]) for key in sorted(self._counts, key=place)),
            unknown=len(self._groups - self._known) if self._map.from_scope is Scope.CASE else self._unknown,
            disagreements=tuple(
                Disagreement(group_id=group, image_id=images[0], item=item, values=values, images=len(images))
                for (group, _, item, values), images in self._conflicts.items()
            ),
            images=self._images,
            groups=len(self._groups),
        )

    def _line(self, value: str, term: Term | None, fate: Fate, count: _Count) -> Line:
        return Line(
            value=f"{self._map.from_scheme}/{value}",
            term=term,
            fate=fate,
            labels=count.labels,
            images=count.images,
            groups=len(count.groups),
            first_image=count.first_image,
        )
