"""What a dataset says of its cases, nodules, images and findings, each thing once, without coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.io.parquet import stream_as
from thyrodata.schema.record import AcrPoints, Label, Patient, SourceField
from thyrodata.schema.vocab import Scope

__all__ = ["Statement", "Thing", "statements", "things"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedNodule:
    """See :class:`thyrodata.schema.record.Nodule`."""

    nodule_id: str
    size_mm: tuple[float | None, ...]
    labels: tuple[Label, ...]
    points: AcrPoints | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedFinding:
    """See :class:`thyrodata.schema.record.Finding`."""

    finding_id: str
    labels: tuple[Label, ...]
    nodule_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The fields of :class:`thyrodata.schema.record.ImageRecord` that rules of labels read."""

    image_id: str
    group_id: str
    patient: Patient | None
    nodules: tuple[StatedNodule, ...]
    case_labels: tuple[Label, ...]
    image_labels: tuple[Label, ...]
    findings: tuple[StatedFinding, ...]
    source_fields: tuple[SourceField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """What labels are said of."""

    scope: Scope
    name: str
    """As a sentence calls it: ``the case toy/1``, ``nodule 'a'``."""
    image_id: str
    """The first image that shows it."""
    finding_id: str
    """Of a finding; empty for all others."""
    labels: tuple[Label, ...]
    nodule: StatedNodule | None = None
    """Of a nodule."""


def statements(dataset: Dataset) -> Iterator[Statement]:
    """Yield what is said with each image, in the order of the records.

    Raises:
        DatasetError: The records are missing or damaged.
    """
    return stream_as(dataset.path / RECORDS_FILE, Statement)


def things(said: Iterable[Statement]) -> Iterator[Thing]:
    """Yield each thing that labels may be said of.

    A case, and a nodule of a case, are repeated with each image; what is said of one is yielded once, and
    again where another image says something else of it.
    """
    seen: set[tuple[str, StatedNodule | tuple[Label, ...]]] = set()
    for each in said:
        for thing in _things(each):
            if thing.scope in {Scope.CASE, Scope.NODULE}:
                key = (each.group_id, thing.nodule or thing.labels)
                if key in seen:
                    continue
                seen.add(key)
            yield thing


def _things(said: Statement) -> Iterator[Thing]:
    image_id = said.image_id
    yield Thing(
        scope=Scope.CASE,
        name=f"the case {said.group_id}",
        image_id=image_id,
        finding_id="",
        labels=said.case_labels,
    )
    for nodule in said.nodules:
        yield Thing(
            scope=Scope.NODULE,
            name=f"nodule {nodule.nodule_id!r}",
            image_id=image_id,
            finding_id="",
            labels=nodule.labels,
            nodule=nodule,
        )
    yield Thing(
        scope=Scope.IMAGE, name="the image", image_id=image_id, finding_id="", labels=said.image_labels
    )
    for finding in said.findings:
        yield Thing(
            scope=Scope.FINDING,
            name=f"finding {finding.finding_id!r}",
            image_id=image_id,
            finding_id=finding.finding_id,
            labels=finding.labels,
        )
