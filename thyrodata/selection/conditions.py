"""What may be asked of a group, a nodule or an image: a class for each question.

A condition says what is asked, not what follows: a criterion requires or excludes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from thyrodata.schema.vocab import Basis, Coverage, Location, Modality, Scope, Sex, Structure, Term, ViewPlane
from thyrodata.selection.ranges import Range

__all__ = [
    "SCOPES",
    "AgeIn",
    "ColumnIn",
    "ColumnIs",
    "Condition",
    "CoverageIs",
    "GroupCondition",
    "HasFinding",
    "HasLabel",
    "HasRemark",
    "HasViewPlanes",
    "ImageCondition",
    "InSplit",
    "Level",
    "LocationIs",
    "ModalityIs",
    "SexIs",
    "Side",
    "SideIn",
    "SizeIn",
    "SourceIs",
]


class Level(Enum):
    """What is asked, and removed where the answer is not the wanted one."""

    PATIENT = "patient"
    """The coarsest identity that the source publishes: a case or an image, where it names no patients."""
    NODULE = "nodule"
    IMAGE = "image"


SCOPES = {
    Level.PATIENT: frozenset(Scope),
    Level.NODULE: frozenset({Scope.NODULE, Scope.FINDING}),
    Level.IMAGE: frozenset({Scope.IMAGE, Scope.FINDING}),
}
"""The labels that something of a level can have: a case's label is not said of its images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SexIs:
    """The patient's sex is one of these."""

    levels: ClassVar = (Level.PATIENT,)
    certain: ClassVar = False
    values: tuple[Sex, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeIn:
    """The patient's age in years lies in the range."""

    levels: ClassVar = (Level.PATIENT,)
    certain: ClassVar = False
    years: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationIs:
    """The nodule, or a nodule of the patient, lies in one of these places."""

    levels: ClassVar = (Level.PATIENT, Level.NODULE)
    certain: ClassVar = False
    values: tuple[Location, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeIn:
    """The largest axis of the nodule, or of a nodule of the patient, lies in the range, in mm.

    Where the source leaves an axis out, the largest one stated is only a lower bound.
    """

    levels: ClassVar = (Level.PATIENT, Level.NODULE)
    certain: ClassVar = False
    mm: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class HasLabel:
    """A label of a scheme is said, with one of these values and on this basis."""

    levels: ClassVar = (Level.PATIENT, Level.NODULE, Level.IMAGE)
    certain: ClassVar = False
    scheme: str
    values: tuple[Term, ...] = ()
    """Any, if there are none."""
    basis: Basis | None = None
    edition: str | None = None
    of: Scope | None = None
    """What it is said of; by default whatever of the level can have a label."""
    definitive: bool = False
    """All labels of the scheme, basis and edition must have one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalityIs:
    """The image was acquired in one of these ways."""

    levels: ClassVar = (Level.IMAGE,)
    certain: ClassVar = True
    values: tuple[Modality, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HasViewPlanes:
    """The group has an image in each of these planes."""

    levels: ClassVar = (Level.PATIENT,)
    certain: ClassVar = False
    values: tuple[ViewPlane, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceIs:
    """The image is of one of these sources: what stands before the slash in its id."""

    levels: ClassVar = (Level.IMAGE,)
    certain: ClassVar = True
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InSplit:
    """The image is in one of these parts of a split of the dataset."""

    levels: ClassVar = (Level.IMAGE,)
    certain: ClassVar = False
    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HasFinding:
    """The record has a finding of one of these structures, by anybody.

    That is asked of the record: an image without a recorded marker may show one.
    """

    levels: ClassVar = (Level.IMAGE,)
    certain: ClassVar = True
    structures: tuple[Structure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageIs:
    """The best reading of the image has one of these coverages."""

    levels: ClassVar = (Level.IMAGE,)
    certain: ClassVar = False
    values: tuple[Coverage, ...]


class Side(Enum):
    """A side of an image."""

    WIDTH = "width_px"
    HEIGHT = "height_px"


@dataclass(frozen=True, slots=True, kw_only=True)
class SideIn:
    """A side of the image lies in the range, in pixels."""

    levels: ClassVar = (Level.IMAGE,)
    certain: ClassVar = True
    side: Side
    px: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class HasRemark:
    """The record has a remark with one of these codes."""

    levels: ClassVar = (Level.IMAGE,)
    certain: ClassVar = True
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnIs:
    """A column of the clinical table holds one of these texts. The table's ids say of what."""

    levels: ClassVar = (Level.PATIENT, Level.NODULE, Level.IMAGE)
    certain: ClassVar = False
    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnIn:
    """A column of the clinical table holds a number in the range."""

    levels: ClassVar = (Level.PATIENT, Level.NODULE, Level.IMAGE)
    certain: ClassVar = False
    name: str
    numbers: Range


GroupCondition = SexIs | AgeIn | LocationIs | SizeIn | HasLabel | HasViewPlanes
"""Asked of a group or a nodule; a label also of an image."""

ImageCondition = ModalityIs | SourceIs | InSplit | HasFinding | CoverageIs | SideIn | HasRemark
"""Asked of an image only."""

Condition = GroupCondition | ImageCondition | ColumnIs | ColumnIn
"""A question. ``levels`` are those at which it can be asked; ``certain`` if the answer is always known."""
