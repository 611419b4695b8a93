"""What a merge reads of a record: no coordinates and no texts. Fields are those of the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from thyrodata.schema.record import Label, OfficialSplit, Patient, Reading
from thyrodata.schema.vocab import GroupKind, Modality, Structure

__all__ = ["SCOPES", "Glance"]

SCOPES = ("case", "image", "nodule", "finding")
"""What a label may be said of."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """The fields of :class:`thyrodata.schema.record.ImageRecord` that a merge compares."""

    image_id: str
    image: GlanceImage
    modality: Modality
    group_id: str
    group_kind: GroupKind
    patient: Patient | None
    nodules: tuple[GlanceNodule, ...]
    case_labels: tuple[Label, ...]
    image_labels: tuple[Label, ...]
    readings: tuple[Reading, ...]
    findings: tuple[GlanceFinding, ...]
    official_splits: tuple[OfficialSplit, ...]

    def labels(self, scope: str) -> Iterator[Label]:
        """Yield the labels of a scope; what is said of markers is said of no anatomy."""
        match scope:
            case "case":
                yield from self.case_labels
            case "image":
                yield from self.image_labels
            case "nodule":
                yield from (label for nodule in self.nodules for label in nodule.labels)
            case _:
                yield from (label for finding in self.outlines for label in finding.labels)

    @property
    def outlines(self) -> tuple[GlanceFinding, ...]:
        """The findings that are no markers."""
        return tuple(finding for finding in self.findings if finding.structure is not Structure.MARKER)
