"""What is read of a record to count whom and what a dataset holds."""

from __future__ import annotations

from dataclasses import dataclass

from thyrodata.schema.record import Age, Label, Origin, PixelBox, Reading
from thyrodata.schema.vocab import GroupKind, Sex, Structure, ViewPlane

__all__ = ["CohortFinding", "CohortPatient", "CohortRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortCrop:
    """See :class:`thyrodata.schema.record.CropLedger`."""

    blanked_boxes: tuple[PixelBox, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortImage:
    """See :class:`thyrodata.schema.record.ImageRef`."""

    bit_depth: int | None
    spacing_mm: tuple[float, float] | None
    crop: CohortCrop | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortAcquisition:
    """See :class:`thyrodata.schema.record.Acquisition`."""

    manufacturer: str | None
    model: str | None
    view_plane: ViewPlane | None
    lossy: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortPatient:
    """See :class:`thyrodata.schema.record.Patient`."""

    sex: Sex | None
    age: Age | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortNodule:
    """See :class:`thyrodata.schema.record.Nodule`."""

    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortFinding:
    """See :class:`thyrodata.schema.record.Finding`."""

    structure: Structure
    labels: tuple[Label, ...]
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRecord:
    """The fields of :class:`thyrodata.schema.record.ImageRecord` that are counted here."""

    image_id: str
    image: CohortImage
    acquisition: CohortAcquisition | None
    group_id: str
    group_kind: GroupKind
    patient: CohortPatient | None
    nodules: tuple[CohortNodule, ...]
    case_labels: tuple[Label, ...]
    image_labels: tuple[Label, ...]
    readings: tuple[Reading, ...]
    findings: tuple[CohortFinding, ...]
