"""The part of a record that counting and splitting need: no coordinates, no texts, no pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from thyrodata.schema.manifest import Tally
from thyrodata.schema.record import Label, OfficialSplit, Origin, Read, Reading, best_coverage
from thyrodata.schema.vocab import GroupKind, Modality, Structure, Term

__all__ = ["Glance", "GlanceFinding", "GlanceImage", "GlanceNodule", "GlanceRemark", "category", "tally"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceImage:
    """See :class:`thyrodata.schema.record.ImageRef`."""

    path: str | None
    sha256: str | None


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
    """See :class:`thyrodata.schema.record.ImageRecord`."""

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

    @property
    def terms(self) -> tuple[Term, ...]:
        """Every term said at any scope: of the case, the image, its nodules and its findings."""
        labels = (*self.case_labels, *self.image_labels)
        labels += tuple(label for nodule in self.nodules for label in nodule.labels)
        labels += tuple(label for finding in self.findings for label in finding.labels)
        return tuple(label.value for label in labels)


def tally(glances: Iterable[Glance]) -> tuple[Tally, ...]:
    """Count what a dataset holds.

    What is said of a case is counted once per group (at its first image), the rest once per image, nodule
    or finding that it is said of. Readers are those of the findings, markers apart; one whom the source does
    not name is the empty string, and a finding that a policy derived counts for ``derived``.
    """
    counts: Counter[tuple[str, str]] = Counter()
    groups: set[str] = set()
    for glance in glances:
        if glance.group_id not in groups:
            groups.add(glance.group_id)
            counts["groups", glance.group_kind.value] += 1
            counts.update(("case-labels", str(label.value)) for label in glance.case_labels)
        counts["images", glance.modality.value] += 1
        coverage = best_coverage(glance.readings)
        counts["coverage", coverage.value if coverage else "not stated"] += 1
        if glance.image.path is None:
            counts["annotations-only", ""] += 1
        counts.update(("image-labels", str(label.value)) for label in glance.image_labels)
        counts.update(("remarks", remark.code) for remark in glance.remarks)
        for nodule in glance.nodules:
            counts["nodules", ""] += 1
            counts.update(("nodule-labels", str(label.value)) for label in nodule.labels)
        for finding in glance.findings:
            counts["findings", finding.structure.value] += 1
            counts.update(("finding-labels", str(label.value)) for label in finding.labels)
            if finding.structure is not Structure.MARKER:
                counts["categories", category(finding.structure, finding.labels)] += 1
                counts["readers", _reader(finding.origin)] += 1
        if any(finding.structure is not Structure.MARKER for finding in glance.findings):
            counts["outlined-images", ""] += 1
    return tuple(Tally(what=what, value=value, n=n) for (what, value), n in sorted(counts.items()))


def category(structure: Structure, labels: tuple[Label, ...]) -> str:
    """Return ``scheme/value`` of a finding's first own label, or else its structure's name.

    A label of the case or the image is none of the finding.
    """
    return str(labels[0].value) if labels else structure.value


def _reader(origin: Origin) -> str:
    return (origin.reader or "") if isinstance(origin, Read) else "derived"
