"""What exporters and baselines see of a dataset: readers, coverage, geometry and categories decided once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from thyrodata.dataset import Dataset
from thyrodata.errors import UsageError
from thyrodata.schema.category import category
from thyrodata.schema.geometry import Box, Geometry, Mask, Polygon
from thyrodata.schema.record import Finding, ImageRecord, best_coverage
from thyrodata.schema.vocab import SCHEMES, Coverage, Structure
from thyrodata.survey import CONSENSUS, reader_of

__all__ = ["LossLedger", "View", "ViewedFinding", "ViewedImage", "exported_readers", "view"]

_AREAS: tuple[type[Geometry], ...] = (Mask, Polygon, Box)  # the most exact first


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedFinding:
    """A finding, the one geometry of it that is exported, and its category."""

    finding: Finding
    geometry: Geometry
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedImage:
    """An image that is exported, its 1-based place in the dataset, its part, and its findings."""

    number: int
    record: ImageRecord
    part: str
    findings: tuple[ViewedFinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLedger:
    """What an export was given, what it wrote, and what it left out and why.

    ``written + lost == given``, of images and of findings.
    """

    given: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By ``images`` or ``findings``, and the reason."""

    def lose(self, what: str, reason: str, n: int = 1) -> None:
        """Count what is left out."""
        if n:
            self.lost[what, reason] += n


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A dataset as one split and one reader show it. Iterating it fills the ledger anew."""

    dataset: Dataset
    part_of: Mapping[str, str]
    """The part of each image id; an image of none is not given."""
    reader: str
    """Whose findings are shown; empty for the one that the source does not name."""
    categories: tuple[str, ...]
    """Every category of the whole dataset in a fixed order, so that ids agree between parts."""
    ledger: LossLedger

    def __iter__(self) -> Iterator[ViewedImage]:
        """Yield the images in the order of the records."""
        for counter in (self.ledger.given, self.ledger.written, self.ledger.lost):
            counter.clear()
        for number, record in enumerate(self.dataset.records(), 1):
            part = self.part_of.get(record.image_id)
            if part is None:
                continue
            self.ledger.given["images"] += 1
            self.ledger.given["findings"] += len(record.findings)
            coverage = _coverage(record, self.reader)
            if coverage is Coverage.NONE:
                self.ledger.lose("images", "nobody outlined anything in it, which says nothing")
                self.ledger.lose("findings", "in an image that is left out", len(record.findings))
                continue
            findings = tuple(self._findings(record))
            if not findings and not (coverage is Coverage.COMPLETE and self._is_empty(record)):
                # A trainer would take an image without a finding for a negative.
                self.ledger.lose("images", "nothing of it can be written, which does not make it a negative")
                continue
            self.ledger.written["images"] += 1
            self.ledger.written["findings"] += len(findings)
            yield ViewedImage(number=number, record=record, part=part, findings=findings)

    def _is_empty(self, record: ImageRecord) -> bool:
        return not any(
            finding.structure is not Structure.MARKER and reader_of(finding.origin) == self.reader
            for finding in record.findings
        )

    def _findings(self, record: ImageRecord) -> Iterator[ViewedFinding]:
        for finding in record.findings:
            geometry = finding.geometry(*_AREAS)
            if finding.structure is Structure.MARKER:
                self.ledger.lose("findings", "a marker is no anatomy")
            elif reader_of(finding.origin) != self.reader:
                self.ledger.lose("findings", "of another reader")
            elif geometry is None:
                self.ledger.lose("findings", "a line or a pair of calipers has no area")
            else:
                name = category(finding.structure, finding.labels)
                yield ViewedFinding(finding=finding, geometry=geometry, category=name)


def _coverage(record: ImageRecord, reader: str) -> Coverage | None:
    """Return what a reader covered of an image; nothing, if that reader never looked at it."""
    if reader == CONSENSUS:
        return record.coverage
    return best_coverage(reading for reading in record.readings if (reading.reader or "") == reader)


def exported_readers(dataset: Dataset) -> tuple[str, ...]:
    """Return whose findings an export shows: the consensus, the only reader, or else each reader apart."""
    readers = [count.value for count in dataset.manifest.counts if count.what == "readers"]
    return (CONSENSUS,) if CONSENSUS in readers else tuple(readers) or ("",)


def view(dataset: Dataset, part_of: Mapping[str, str], reader: str | None = None) -> View:
    """Return the dataset as one split and one reader show it.

    Args:
        dataset: The dataset.
        part_of: The part of each image id.
        reader: Whose findings; may be left out where :func:`exported_readers` gives only one.

    Raises:
        UsageError: There are several readers and none is chosen, or there is none of this name.
    """
    readers = exported_readers(dataset)
    if reader is None and len(readers) > 1:
        raise UsageError("the dataset has several readers", hint=f"choose one of: {', '.join(readers)}")
    if reader is not None and reader not in readers:
        raise UsageError(f"there is no reader {reader!r}", hint=f"there are: {', '.join(readers)}")
    categories = [count.value for count in dataset.manifest.counts if count.what == "categories"]
    return View(
        dataset=dataset,
        part_of=part_of,
        reader=readers[0] if reader is None else reader,
        categories=tuple(sorted(categories, key=_category_rank)),
        ledger=LossLedger(),
    )


def _category_rank(name: str) -> tuple[str, int, str]:
    """Structures first by name, then the terms of each scheme in the scheme's own order."""
    scheme, _, value = name.partition("/")
    order = [term.value for term in SCHEMES.get(scheme, ())]
    return (scheme, order.index(value), "") if value in order else ("", 0, name)
