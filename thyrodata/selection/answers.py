"""What the records say to a condition: yes, no, nothing, or one thing here and another there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from thyrodata.schema.record import Label
from thyrodata.schema.vocab import Scope, Term, ViewPlane
from thyrodata.selection import conditions as asked
from thyrodata.selection.clinical import Cell, ClinicalTable, Key
from thyrodata.selection.conditions import Condition, Level, Side
from thyrodata.selection.glance import Glance, GlanceFinding, GlanceNodule
from thyrodata.selection.ranges import Range

__all__ = ["Answer", "Beside", "Unit", "answer", "one_value"]


class Answer(Enum):
    """What is known of a condition."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """Nobody says."""
    CONTRADICTED = "contradictory"
    """What is said does not agree: not known either."""

    @property
    def known(self) -> bool:
        """Whether it is yes or no."""
        return self in (Answer.YES, Answer.NO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What conditions may ask for that does not stand in the records."""

    tables: tuple[ClinicalTable, ...] = ()
    splits: Mapping[str, Mapping[str, str]]
    """The part of each image, by the split's name."""

    def cells(self, column: str, unit: Unit) -> tuple[Cell, ...]:
        """Return what a column of a table says of a unit."""
        (table,) = (table for table in self.tables if column in table.columns)
        return table.read(unit.key, column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A group, a nodule or an image, with all that is said of it in the images that are left."""

    level: Level
    key: Key
    images: tuple[Glance, ...]
    """The group's, those that describe the nodule, or the one."""
    nodules: tuple[GlanceNodule, ...]
    """The mentions of the group's nodules or of the one, sorted by id; of an image none."""
    findings: tuple[GlanceFinding, ...]
    """Of the group or the image; of a nodule those that name it."""

    def labels(self, of: Scope | None) -> Iterable[Label]:
        """Yield the labels said of a unit: of the case only where the unit is the group."""
        if self.level is Level.PATIENT and of in (None, Scope.CASE):
            yield from (label for image in self.images for label in image.case_labels)
        if self.level is not Level.NODULE and of in (None, Scope.IMAGE):
            yield from (label for image in self.images for label in image.image_labels)
        if of in (None, Scope.NODULE):
            yield from (label for nodule in self.nodules for label in nodule.labels)
        if of in (None, Scope.FINDING):
            yield from (label for finding in self.findings for label in finding.labels)


def answer(condition: Condition, unit: Unit, beside: Beside) -> Answer:
    """Return what is known of a condition.

    Raises:
        RawLayoutError: A cell of a table should be a number and is none.
    """
    match condition:
        case asked.ColumnIs(name=name, texts=texts):
            return _agreed(cell.text in texts for cell in beside.cells(name, unit))
        case asked.ColumnIn(name=name, numbers=numbers):
            return _agreed(numbers.holds(cell.number()) for cell in beside.cells(name, unit))
        case (
            asked.SexIs()
            | asked.AgeIn()
            | asked.LocationIs()
            | asked.SizeIn()
            | asked.HasLabel()
            | asked.HasViewPlanes()
        ):
            return _of_group(condition, unit)
        case _:
            (image,) = unit.images
            return _agreed([_of_image(condition, image, beside)])


def one_value(scheme: str, unit: Unit) -> Term | Answer:
    """Return the value that all labels of a scheme have, at whatever scope; why not, if there is no such."""
    values = {label.value for label in unit.labels(None) if label.value.scheme == scheme}
    if len(values) == 1:
        return values.pop()
    return Answer.CONTRADICTED if values else Answer.UNKNOWN


def _agreed(answers: Iterable[bool | None]) -> Answer:
    """Return what all known answers say; one that is not known takes nothing from the others."""
    known = set(answers) - {None}
    if len(known) > 1:
        return Answer.CONTRADICTED
    if not known:
        return Answer.UNKNOWN
    return Answer.YES if known == {True} else Answer.NO


def _of_image(condition: asked.ImageCondition, image: Glance, beside: Beside) -> bool | None:
    match condition:
        case asked.ModalityIs(values=modalities):
            said: bool | None = image.modality in modalities
        case asked.SourceIs(values=sources):
            said = image.image_id.partition("/")[0] in sources
        case asked.InSplit(name=name, parts=parts):
            part = beside.splits[name].get(image.image_id)
            said = None if part is None else part in parts
        case asked.HasFinding(structures=structures):
            said = any(finding.structure in structures for finding in image.findings)
        case asked.CoverageIs(values=coverages):
            said = None if image.coverage is None else image.coverage in coverages
        case asked.SideIn(side=side, px=px):
            said = px.holds(image.image.width if side is Side.WIDTH else image.image.height)
        case asked.HasRemark(codes=codes):
            said = any(remark.code in codes for remark in image.remarks)
    return said


def _of_group(condition: asked.GroupCondition, unit: Unit) -> Answer:
    patients = [image.patient for image in unit.images if image.patient]
    match condition:
        case asked.SexIs(values=sexes):
            found = _agreed(patient.sex in sexes for patient in patients if patient.sex)
        case asked.AgeIn(years=years):
            ages = [patient.age for patient in patients if patient.age]
            found = _agreed(years.holds(age.years, at_least=age.at_least) for age in ages)
        case asked.LocationIs(values=places):
            found = _nodules(unit, lambda nodule: nodule.location and nodule.location in places)
        case asked.SizeIn(mm=mm):
            found = _nodules(unit, lambda nodule: _size_in(mm, nodule))
        case asked.HasLabel():
            found = _label(condition, unit)
        case asked.HasViewPlanes(values=planes):
            found = _planes(planes, unit)
    return found


def _size_in(mm: Range, nodule: GlanceNodule) -> bool | None:
    stated = [size for size in nodule.size_mm if size is not None]
    return mm.holds(max(stated), at_least=len(stated) < len(nodule.size_mm)) if stated else None


def _nodules(unit: Unit, ask: Callable[[GlanceNodule], bool | None]) -> Answer:
    """Return what is known of a nodule, or of whether any nodule of a group is so."""
    found = {
        _agreed(map(ask, mentions))
        for _, mentions in groupby(unit.nodules, key=lambda nodule: nodule.nodule_id)
    }
    for settled in (Answer.YES, Answer.CONTRADICTED, Answer.UNKNOWN, Answer.NO):
        if settled in found:
            return settled
    return Answer.UNKNOWN  # a group that describes no nodule


def _planes(wanted: tuple[ViewPlane, ...], unit: Unit) -> Answer:
    """Return whether each plane is there; an image whose plane is not stated may be the missing one."""
    planes = {image.view_plane for image in unit.images}
    if planes.issuperset(wanted):
        return Answer.YES
    return Answer.UNKNOWN if None in planes else Answer.NO


def _label(wanted: asked.HasLabel, unit: Unit) -> Answer:
    labels = [label for label in unit.labels(wanted.of) if label.value.scheme == wanted.scheme]
    fit = {label: _fits(wanted, label) for label in labels}
    values = {label.value for label, fits in fit.items() if fits}
    if wanted.definitive and len(values) > 1:
        return Answer.CONTRADICTED
    if any(_meant(wanted, value) for value in values):
        return Answer.YES
    if any(fits is None and _meant(wanted, label.value) for label, fits in fit.items()) or not labels:
        return Answer.UNKNOWN
    return Answer.NO


def _fits(wanted: asked.HasLabel, label: Label) -> bool | None:
    """Return whether a label has the basis and edition; ``None`` if it does not say."""
    pairs = [(wanted.basis, label.basis), (wanted.edition, label.edition)]
    said = [None if have is None else want == have for want, have in pairs if want is not None]
    if False in said:
        return False
    return None if None in said else True


def _meant(wanted: asked.HasLabel, value: Term) -> bool:
    return not wanted.values or value in wanted.values
