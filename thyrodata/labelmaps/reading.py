"""What a map makes of one image. Nothing but labels of the scope that it makes labels of is ever touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from thyrodata.labelmaps.fates import Fate
from thyrodata.labelmaps.image import Image, Thing, carried_to, stated, things
from thyrodata.labelmaps.model import LabelMap
from thyrodata.schema.record import ImageRecord, Label
from thyrodata.schema.vocab import Scope, Term

__all__ = ["Conflict", "Event", "Outcome", "read_image", "relabelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One label, or sum of points, that was read."""

    value: str
    """Of the scheme that is read."""
    term: Term | None
    """What the map makes of it."""
    fate: Fate
    made: int
    """Labels made of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Labels of one scheme and one thing that differ, one of them made: all are kept."""

    item: str
    """The nodule's or finding's id; empty for the case and the image."""
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a map makes of one image."""

    labels: Mapping[str, tuple[Label, ...]]
    """The labels of each thing of the map's ``to`` scope, by its id."""
    events: tuple[Event, ...]
    unknown: int
    """Things of the ``from`` scope, markers apart, that have no value of the scheme."""
    conflicts: tuple[Conflict, ...]


def read_image(label_map: LabelMap, image: Image) -> Outcome:
    """Return what a map makes of an image's labels."""
    reading = _Reading(label_map, image)
    unknown = 0
    for thing in things(image, label_map.from_scope):
        seen = reading.recode(thing) if label_map.in_place else reading.carry(thing)
        unknown += not seen and not thing.marker
    return Outcome(
        labels=reading.after, events=tuple(reading.events), unknown=unknown, conflicts=reading.conflicts()
    )


class _Reading:
    """The labels of one image while a map is read."""

    def __init__(self, label_map: LabelMap, image: Image) -> None:
        self._map = label_map
        self._image = image
        self._values = dict(label_map.values)
        self._before = {thing.name: thing.labels for thing in things(image, label_map.to_scope)}
        self._touched: set[str] = set()
        self.after = dict(self._before)
        self.events: list[Event] = []

    def recode(self, thing: Thing) -> bool:
        """Make labels where they are read, beside or instead of them; return whether any was read."""
        first = len(self.events)
        kept: list[Label] = []
        beside: list[Label] = []
        for label in thing.labels:
            if label.value.scheme != self._map.from_scheme:
                kept.append(label)
                continue
            made = self._decide(str(label.value.value), label, (thing.name,))
            if self._map.keep or self.events[-1].fate is Fate.UNMAPPED:
                kept.append(label)
                beside += made.values()
            else:
                kept += made.values()
        self.after[thing.name] = (*kept, *beside)
        return len(self.events) > first

    def carry(self, thing: Thing) -> bool:
        """Make labels of other things, or of points; return whether anything was read."""
        targets = carried_to(self._map, self._image, thing)
        first = len(self.events)
        for value, label in stated(self._map, thing):
            for target, made in self._decide(value, label, targets).items():
                self.after[target] = (*self.after[target], made)
        return len(self.events) > first

    def _decide(self, value: str, label: Label | None, targets: tuple[str, ...] | Fate) -> dict[str, Label]:
        """Return the labels that a value makes, by what they are said of, and note what became of it."""
        term = self._values.get(value)
        made: dict[str, Label] = {}
        if value not in self._values:
            fate = Fate.UNMAPPED
        elif term is None:
            fate = Fate.DROPPED
        elif isinstance(targets, Fate):
            fate = targets
        else:
            new = self._map.made(term, label)
            made = {target: new for target in targets if not self._says(target, new)}
            fate = Fate.MADE if made else Fate.PRESENT
        self._touched.update(made)
        self.events.append(Event(value=value, term=term, fate=fate, made=len(made)))
        return made

    def _says(self, target: str, new: Label) -> bool:
        """Whether a label that was there, and stays, says the same; an unstated basis may be any."""
        replaced = None if self._map.keep else self._map.from_scheme
        return any(
            (label.value, label.reader) == (new.value, new.reader) and label.basis in (None, new.basis)
            for label in self._before[target]
            if label.value.scheme != replaced
        )

    def conflicts(self) -> tuple[Conflict, ...]:
        """Return the things whose labels of the made scheme differ."""
        found = []
        for name in self.after:
            values = dict.fromkeys(
                str(label.value) for label in self.after[name] if label.value.scheme == self._map.to_scheme
            )
            if name in self._touched and len(values) > 1:
                found.append(Conflict(item=name, values=tuple(values)))
        return tuple(found)


def relabelled(label_map: LabelMap, record: ImageRecord) -> ImageRecord:
    """Return the record with the labels that a map makes; all else is as it was."""
    labels = read_image(label_map, record).labels
    match label_map.to_scope:
        case Scope.CASE:
            return replace(record, case_labels=labels[""])
        case Scope.IMAGE:
            return replace(record, image_labels=labels[""])
        case Scope.NODULE:
            nodules = tuple(replace(nodule, labels=labels[nodule.nodule_id]) for nodule in record.nodules)
            return replace(record, nodules=nodules)
        case Scope.FINDING:
            found = tuple(replace(finding, labels=labels[finding.finding_id]) for finding in record.findings)
            return replace(record, findings=found)
