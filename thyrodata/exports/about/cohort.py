"""One pass over a dataset's records that counts whom and what each part of a split holds, and who read it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from thyrodata.exports.about.records import CohortFinding, CohortPatient, CohortRecord
from thyrodata.schema.manifest import Tally
from thyrodata.schema.record import best_coverage
from thyrodata.schema.vocab import Coverage, Scope, Structure
from thyrodata.splits import EXCLUDED
from thyrodata.survey import reader_of

__all__ = ["NOT_STATED", "Ages", "Cohort", "LabelFacts", "PartFacts", "ReaderFacts"]

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """Ages in years of the groups that state one; a group with several is counted by its first."""

    groups: int
    least: int
    median: float
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFacts:
    """What a part of a split holds."""

    part: str
    images: int
    groups: int
    outlined: int
    """Images with a finding that is no marker."""
    negatives: int
    """Images that a complete reading left without a finding."""
    outlines: int
    sexes: tuple[Tally, ...]
    """Groups by sex."""
    ages: Ages | None
    """``None`` where no group states one."""
    labels: tuple[Tally, ...]
    """By scope and term; what is said of a case is counted once per group."""

    @property
    def unsaid(self) -> int:
        """Images without an outline of which nobody says that there is nothing."""
        return self.images - self.outlined - self.negatives


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderFacts:
    """What one reader, or one policy's consensus, did."""

    name: str
    """Empty where the source does not name one."""
    roles: tuple[str, ...]
    """As the source words them."""
    images: int
    """Images with a reading that covers something, or of which the source does not say what it covers."""
    outlines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFacts:
    """How often terms of one scheme are said at one scope, on one basis."""

    scope: Scope
    scheme: str
    basis: str
    """``imaging``, ``cytology``, ``histology``, or ``not stated``."""
    n: int


class _Part:
    """Counts one part of a split."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.people: dict[str, CohortPatient | None] = {}
        self.labels: Counter[tuple[str, str]] = Counter()

    def facts(self, part: str) -> PartFacts:
        sexes = Counter(
            patient.sex.value if patient and patient.sex else NOT_STATED for patient in self.people.values()
        )
        years = [patient.age.years for patient in self.people.values() if patient and patient.age]
        labels = (Tally(what=scope, value=term, n=n) for (scope, term), n in sorted(self.labels.items()))
        return PartFacts(
            part=part,
            images=self.counts["images"],
            groups=len(self.people),
            outlined=self.counts["outlined"],
            negatives=self.counts["negatives"],
            outlines=self.counts["outlines"],
            sexes=_tallies("sex", sexes),
            ages=_ages(years),
            labels=tuple(labels),
        )


def _ages(years: Sequence[int]) -> Ages | None:
    if not years:
        return None
    return Ages(groups=len(years), least=min(years), median=median(years), most=max(years))


def _tallies(what: str, counts: Mapping[str, int]) -> tuple[Tally, ...]:
    return tuple(Tally(what=what, value=value, n=n) for value, n in sorted(counts.items()))


class Cohort:
    """What the records of a dataset say of people, readers, devices and labels.

    Args:
        records: In order.
        part_of: The part of each image id; an image of none is counted as excluded.
    """

    def __init__(self, records: Iterable[CohortRecord], part_of: Mapping[str, str]) -> None:
        self._parts: defaultdict[str, _Part] = defaultdict(_Part)
        self._readers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._roles: defaultdict[str, set[str]] = defaultdict(set)
        self._labels: Counter[tuple[str, str, str]] = Counter()
        self._said: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for record in records:
            self._count(record, self._parts[part_of.get(record.image_id, EXCLUDED)])

    @property
    def parts(self) -> tuple[PartFacts, ...]:
        """What each part holds, sorted by name."""
        return tuple(self._parts[part].facts(part) for part in sorted(self._parts))

    @property
    def readers(self) -> tuple[ReaderFacts, ...]:
        """What each reader did, sorted by name."""
        return tuple(
            ReaderFacts(
                name=name,
                roles=tuple(sorted(self._roles[name])),
                images=counts["images"],
                outlines=counts["outlines"],
            )
            for name, counts in sorted(self._readers.items())
        )

    @property
    def labels(self) -> tuple[LabelFacts, ...]:
        """What labels rest on."""
        return tuple(
            LabelFacts(scope=Scope(scope), scheme=scheme, basis=basis, n=n)
            for (scope, scheme, basis), n in sorted(self._labels.items())
        )

    @property
    def said(self) -> tuple[Tally, ...]:
        """How many images state what of themselves: devices, bit depths, lossy compression, and so on."""
        return tuple(tally for what in sorted(self._said) for tally in _tallies(what, self._said[what]))

    @property
    def crossing_groups(self) -> int:
        """Groups with images in more than one part; what a split excludes is no part."""
        seen = Counter(
            group for part, held in self._parts.items() if part != EXCLUDED for group in held.people
        )
        return sum(n > 1 for n in seen.values())

    def _count(self, record: CohortRecord, part: _Part) -> None:
        first = record.group_id not in part.people
        known = part.people.get(record.group_id)
        if known is None or (known.sex is None and known.age is None):
            part.people[record.group_id] = record.patient
        outlines = [finding for finding in record.findings if finding.structure is not Structure.MARKER]
        negative = not outlines and best_coverage(record.readings) is Coverage.COMPLETE
        part.counts.update(images=1, outlines=len(outlines), outlined=bool(outlines), negatives=negative)
        said_of = {
            Scope.CASE: record.case_labels if first else (),
            Scope.IMAGE: record.image_labels,
            Scope.NODULE: tuple(label for nodule in record.nodules for label in nodule.labels),
            Scope.FINDING: tuple(label for finding in outlines for label in finding.labels),
        }
        for scope, labels in said_of.items():
            for label in labels:
                part.labels[scope.value, str(label.value)] += 1
                basis = label.basis.value if label.basis else NOT_STATED
                self._labels[scope.value, label.value.scheme, basis] += 1
        self._count_readers(record, outlines)
        self._count_image(record)

    def _count_readers(self, record: CohortRecord, outlines: Iterable[CohortFinding]) -> None:
        self._said["readings"][str(len(record.readings))] += 1
        for reading in record.readings:
            name = reading.reader or ""
            self._readers[name]["images"] += reading.coverage is not Coverage.NONE
            if reading.role:
                self._roles[name].add(reading.role)
        for finding in outlines:
            self._readers[reader_of(finding.origin)]["outlines"] += 1

    def _count_image(self, record: CohortRecord) -> None:
        image, made = record.image, record.acquisition
        device = " ".join(filter(None, (made.manufacturer, made.model))) if made else ""
        lossy = None if made is None else made.lossy
        said = {
            "bit depth": NOT_STATED if image.bit_depth is None else f"{image.bit_depth} bits",
            "device": device or NOT_STATED,
            "lossy compression": NOT_STATED if lossy is None else ("yes" if lossy else "no"),
            "pixel spacing": "stated" if image.spacing_mm else NOT_STATED,
            "view plane": made.view_plane.value if made and made.view_plane else NOT_STATED,
            "cut from a larger frame": "yes" if image.crop else "no",
            "boxes blanked": "yes" if image.crop and image.crop.blanked_boxes else "no",
        }
        for what, value in said.items():
            self._said[what][value] += 1
