"""The fields of a record that a map reads, and the things in it that labels are said of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

from thyrodata.labelmaps.fates import Fate
from thyrodata.labelmaps.model import ACR_POINTS, LabelMap
from thyrodata.schema.record import AcrPoints, Finding, ImageRecord, Label, Origin, Reading
from thyrodata.schema.vocab import Coverage, Scope, Structure

__all__ = ["Image", "LabelledImage", "Thing", "carried_to", "stated", "things"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledNodule:
    """See :class:`thyrodata.schema.record.Nodule`."""

    nodule_id: str
    labels: tuple[Label, ...]
    points: AcrPoints | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFinding:
    """See :class:`thyrodata.schema.record.Finding`."""

    finding_id: str
    structure: Structure
    labels: tuple[Label, ...]
    crowd: bool
    nodule_id: str | None
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """The fields of :class:`thyrodata.schema.record.ImageRecord` that a map reads."""

    image_id: str
    group_id: str
    nodules: tuple[LabelledNodule, ...]
    case_labels: tuple[Label, ...]
    image_labels: tuple[Label, ...]
    readings: tuple[Reading, ...]
    findings: tuple[LabelledFinding, ...]


Image = LabelledImage | ImageRecord


@dataclass(frozen=True, slots=True)
class Thing:
    """What labels are said of: the case, the image, a nodule or a finding."""

    name: str
    """The nodule's or finding's id; empty for the case and the image."""
    labels: tuple[Label, ...]
    points: AcrPoints | None = None
    marker: bool = False


def things(image: Image, scope: Scope) -> Iterator[Thing]:
    """Yield what labels of a scope are said of."""
    match scope:
        case Scope.CASE:
            yield Thing("", image.case_labels)
        case Scope.IMAGE:
            yield Thing("", image.image_labels)
        case Scope.NODULE:
            yield from (Thing(nodule.nodule_id, nodule.labels, nodule.points) for nodule in image.nodules)
        case Scope.FINDING:
            for finding in image.findings:
                yield Thing(finding.finding_id, finding.labels, marker=finding.structure is Structure.MARKER)


def stated(label_map: LabelMap, thing: Thing) -> Iterator[tuple[str, Label | None]]:
    """Yield each value of the map's scheme that is said of a thing, with its label; ``None`` for points.

    A sum of which a summand is not stated is none.
    """
    if label_map.from_scheme != ACR_POINTS:
        for label in thing.labels:
            if label.value.scheme == label_map.from_scheme:
                yield str(label.value.value), label
    elif thing.points is not None:
        points = astuple(thing.points)
        if None not in points:
            yield str(sum(points)), None


def carried_to(label_map: LabelMap, image: Image, thing: Thing) -> tuple[str, ...] | Fate:
    """Return the ids of what a label of a thing is carried to, or why it is not.

    A nodule's label goes to the outlines that the source links to the nodule. A label of the case or the
    image goes to the image's outline where there is one, and nothing says that there may be others.
    """
    if label_map.from_scope is label_map.to_scope:
        return (thing.name,)
    outlines = [f for f in image.findings if f.structure in {Structure.NODULE, Structure.LESION}]
    if label_map.from_scope is Scope.NODULE:
        linked = tuple(f.finding_id for f in outlines if f.nodule_id == thing.name)
        return linked or Fate.NOT_LINKED
    doubt = _doubt(image, outlines)
    return doubt or (outlines[0].finding_id,)


def _doubt(image: Image, outlines: Sequence[LabelledFinding | Finding]) -> Fate | None:
    """Return why an image does not have exactly one outline, as far as is known; nothing if it has."""
    most = max(Counter(finding.origin for finding in outlines).values(), default=0)
    if most == 0:
        return Fate.NO_OUTLINE
    if most > 1 or any(finding.crowd for finding in outlines):
        return Fate.SEVERAL_OUTLINES
    if len(outlines) > 1:
        return Fate.SEVERAL_READERS
    if len(image.nodules) > 1:
        return Fate.SEVERAL_NODULES
    partial = any(reading.coverage is Coverage.PARTIAL for reading in image.readings)
    return Fate.OUTLINES_MISSING if partial else None
