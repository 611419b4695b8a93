"""What exports read of a record: whole records take a third longer, for what no format has a place for."""

from __future__ import annotations

from dataclasses import dataclass

from thyrodata.schema.record import Finding, Label, Reading, best_coverage
from thyrodata.schema.vocab import Coverage, GroupKind, Modality

__all__ = ["ExportedRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedImage:
    """See :class:`thyrodata.schema.record.ImageRef`."""

    width: int
    height: int
    path: str | None
    bit_depth: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedAcquisition:
    """See :class:`thyrodata.schema.record.Acquisition`."""

    window_hu: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRecord:
    """The fields of :class:`thyrodata.schema.record.ImageRecord` that a format may have a place for."""

    image_id: str
    image: ExportedImage
    modality: Modality
    acquisition: ExportedAcquisition | None
    group_id: str
    group_kind: GroupKind
    case_labels: tuple[Label, ...]
    image_labels: tuple[Label, ...]
    readings: tuple[Reading, ...]
    findings: tuple[Finding, ...]

    @property
    def coverage(self) -> Coverage | None:
        """See :class:`thyrodata.schema.record.ImageRecord`."""
        return best_coverage(self.readings)
