"""What a selection reads of a record: no coordinates, no texts. Fields are those of the record."""

from __future__ import annotations

from dataclasses import dataclass

from thyrodata.schema.record import Label, Origin, Patient, Reading, best_coverage
from thyrodata.schema.vocab import Coverage, GroupKind, Location, Modality, Structure, ViewPlane

__all__ = ["Glance", "GlanceFinding", "GlanceNodule", "NoduleKey"]

NoduleKey = tuple[str, str]
"""Group id and nodule id. Nodules of one id in one group are one nodule, however many records name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceSize:
    """See :class:`thyrodata.schema.record.ImageRef`."""

    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceAcquisition:
    """See :class:`thyrodata.schema.record.Acquisition`."""

    view_plane: ViewPlane | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceNodule:
    """See :class:`thyrodata.schema.record.Nodule`."""

    nodule_id: str
    location: Location | None
    size_mm: tuple[float | None, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceFinding:
    """See :class:`thyrodata.schema.record.Finding`."""

    structure: Structure
    labels: tuple[Label, ...]
    nodule_id: str | None
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class GlanceRemark:
    """See :class:`thyrodata.schema.record.Remark`."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """The fields of :class:`thyrodata.schema.record.ImageRecord` that a condition may ask for."""

    image_id: str
    image: GlanceSize
    modality: Modality
    acquisition: GlanceAcquisition | None
    group_id: str
    group_kind: GroupKind
    patient: Patient | None
    nodules: tuple[GlanceNodule, ...]
    case_labels: tuple[Label, ...]
    image_labels: tuple[Label, ...]
    readings: tuple[Reading, ...]
    findings: tuple[GlanceFinding, ...]
    remarks: tuple[GlanceRemark, ...]

    @property
    def view_plane(self) -> ViewPlane | None:
        """The plane, where the source states it."""
        return self.acquisition.view_plane if self.acquisition else None

    @property
    def coverage(self) -> Coverage | None:
        """The best coverage of any reading."""
        return best_coverage(self.readings)

    def nodule_keys(self) -> tuple[NoduleKey, ...]:
        """Return the nodules that the record describes."""
        return tuple((self.group_id, nodule.nodule_id) for nodule in self.nodules)
