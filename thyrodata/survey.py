"""One pass over a dataset's records that gathers what counting, splitting and sealing need.

No coordinates and no texts are read: of a record a :class:`Glance`, of a glance a :class:`Member`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from thyrodata.errors import SchemaError
from thyrodata.schema.category import category
from thyrodata.schema.manifest import Tally
from thyrodata.schema.record import Label, OfficialSplit, Origin, Read, Reading, best_coverage
from thyrodata.schema.vocab import GroupKind, Modality, Structure, Term

__all__ = ["CONSENSUS", "Glance", "Member", "Survey", "reader_of"]

CONSENSUS = "derived"
"""Stands for the findings that a policy derived from the readers'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceCrop:
    """See :class:`thyrodata.schema.record.CropLedger`."""

    frame_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceImage:
    """See :class:`thyrodata.schema.record.ImageRef`."""

    path: str | None
    sha256: str | None
    crop: GlanceCrop | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceNodule:
    """See :class:`thyrodata.schema.record.Nodule`."""

    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceFinding:
    """See :class:`thyrodata.schema.record.Finding`."""

    structure: Structure
    labels: tuple[Label, ...]
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceRemark:
    """See :class:`thyrodata.schema.record.Remark`."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """The fields of :class:`thyrodata.schema.record.ImageRecord` that a survey reads."""

    image_id: str
    image: GlanceImage
    modality: Modality
    group_id: str
    group_kind: GroupKind
    nodules: tuple[GlanceNodule, ...]
    case_labels: tuple[Label, ...]
    image_labels: tuple[Label, ...]
    readings: tuple[Reading, ...]
    findings: tuple[GlanceFinding, ...]
    official_splits: tuple[OfficialSplit, ...]
    remarks: tuple[GlanceRemark, ...]

    def labels(self) -> Iterator[Label]:
        """Yield every label at any scope: of the case, the image, its nodules and its findings."""
        yield from self.case_labels
        yield from self.image_labels
        for nodule in self.nodules:
            yield from nodule.labels
        for finding in self.findings:
            yield from finding.labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One image as splitting and sealing see it."""

    image_id: str
    group_id: str
    path: str | None
    sha256: str | None
    frame_key: str | None
    grades: tuple[Term, ...]
    """The graded terms said of it at any scope."""
    official_splits: tuple[OfficialSplit, ...]


class Survey:
    """What a dataset holds.

    What is said of a case is counted once per group (at its first image), the rest once per image, nodule or
    finding that it is said of. Readers are those of the findings, markers apart; one whom the source does not
    name is the empty string, and a finding that a policy derived counts for ``derived``.

    Args:
        glances: The records, in order.

    Raises:
        SchemaError: Two records have one id, or one image file.

    Attributes:
        members: The images, in the order of the records.
    """

    def __init__(self, glances: Iterable[Glance]) -> None:
        self.members: list[Member] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._groups: dict[str, str] = {}
        self._grades: dict[tuple[Term, ...], tuple[Term, ...]] = {}
        seen: set[str] = set()
        for glance in glances:
            for name in (glance.image_id, glance.image.path):
                if name in seen:
                    raise SchemaError(
                        f"two records are called {name!r}", hint="two files of the source clash"
                    )
                if name is not None:
                    seen.add(name)
            self._count(glance)
            self.members.append(self._member(glance))

    @property
    def counts(self) -> tuple[Tally, ...]:
        """The counts, sorted by what is counted and its value."""
        return tuple(Tally(what=what, value=value, n=n) for (what, value), n in sorted(self._counts.items()))

    def _count(self, glance: Glance) -> None:
        counts = self._counts
        if glance.group_id not in self._groups:
            self._groups[glance.group_id] = glance.group_id
            counts["groups", glance.group_kind.value] += 1
            for label in glance.case_labels:
                counts["case-labels", str(label.value)] += 1
        counts["images", glance.modality.value] += 1
        coverage = best_coverage(glance.readings)
        counts["coverage", coverage.value if coverage else "not stated"] += 1
        if glance.image.path is None:
            counts["annotations-only", ""] += 1
        for label in glance.image_labels:
            counts["image-labels", str(label.value)] += 1
        for remark in glance.remarks:
            counts["remarks", remark.code] += 1
        for nodule in glance.nodules:
            counts["nodules", ""] += 1
            for label in nodule.labels:
                counts["nodule-labels", str(label.value)] += 1
        if self._count_findings(glance.findings):
            counts["outlined-images", ""] += 1

    def _count_findings(self, findings: Iterable[GlanceFinding]) -> int:
        """Count findings and return how many are outlines, that is, no markers."""
        outlines = 0
        for finding in findings:
            self._counts["findings", finding.structure.value] += 1
            for label in finding.labels:
                self._counts["finding-labels", str(label.value)] += 1
            if finding.structure is not Structure.MARKER:
                outlines += 1
                self._counts["categories", category(finding.structure, finding.labels)] += 1
                self._counts["readers", reader_of(finding.origin)] += 1
        return outlines

    def _member(self, glance: Glance) -> Member:
        """Return what is kept of an image; equal ids and grades are shared, since there may be millions."""
        grades = tuple(label.value for label in glance.labels() if label.value.grade is not None)
        return Member(
            image_id=glance.image_id,
            group_id=self._groups[glance.group_id],
            path=glance.image.path,
            sha256=glance.image.sha256,
            frame_key=glance.image.crop.frame_key if glance.image.crop else None,
            grades=self._grades.setdefault(grades, grades),
            official_splits=glance.official_splits,
        )


def reader_of(origin: Origin) -> str:
    """Return whose finding it is: empty for a reader not named, :data:`CONSENSUS` for a policy's."""
    return (origin.reader or "") if isinstance(origin, Read) else CONSENSUS
