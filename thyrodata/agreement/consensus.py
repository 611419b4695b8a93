"""The consensus of an image in its record: put in, and taken out again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar, TypeVar

from thyrodata.agreement.images import ReadImage, ReadNodule, ReadPicture
from thyrodata.agreement.policy import Policy
from thyrodata.agreement.resolving import GradedThing, Resolution, resolve_image
from thyrodata.agreement.sources import Contribution
from thyrodata.change import Row
from thyrodata.sample import Absent, Kept, Sample
from thyrodata.schema.manifest import Setting
from thyrodata.schema.record import Derived, Finding, ImageRecord, Label
from thyrodata.schema.vocab import Scope
from thyrodata.survey import CONSENSUS

__all__ = ["Resolve", "contributed", "read_image_of", "resolved_record", "without_consensus"]

ImageT = TypeVar("ImageT", ReadImage, ImageRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """Gives each image a consensus. See :class:`thyrodata.change.Change`."""

    name: ClassVar[str] = "agree resolve"
    rows: tuple[Row, ...]
    policy: Policy
    contributions: Mapping[str, tuple[Contribution, ...]]
    """What other sources say, by image id."""
    stated: tuple[Setting, ...]
    written: Mapping[str, bytes]

    def settings(self) -> tuple[Setting, ...]:
        """Return the policy, and what was read beside the dataset."""
        return self.stated

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:  # noqa: ARG002
        """Return the record with what its readers come to."""
        read = without_consensus(contributed(record, self.contributions.get(record.image_id, ())))
        made = resolve_image(read_image_of(read), self.policy)
        return Sample(record=resolved_record(read, made), pixels=picture)

    def files(self) -> Mapping[str, bytes]:
        """Return the policy, the votes and the account."""
        return self.written


def without_consensus(image: ImageT) -> ImageT:
    """Return an image as its readers left it, without what a policy has made."""
    return replace(
        image,
        readings=tuple(each for each in image.readings if each.reader != CONSENSUS),
        findings=tuple(each for each in image.findings if not isinstance(each.origin, Derived)),
        image_labels=_by_readers(image.image_labels),
        case_labels=_by_readers(image.case_labels),
        nodules=tuple(replace(each, labels=_by_readers(each.labels)) for each in image.nodules),
    )


def _by_readers(labels: Iterable[Label]) -> tuple[Label, ...]:
    return tuple(label for label in labels if label.reader != CONSENSUS)


def contributed(image: ImageT, given: Sequence[Contribution]) -> ImageT:
    """Return an image with what sources say of it.

    A finding whose id is taken gets another, and one of a nodule that the image does not have loses the link.
    """
    if not given:
        return image
    taken: set[str] = {each.finding_id for each in image.findings}
    nodules: set[str] = {each.nodule_id for each in image.nodules}
    return replace(
        image,
        readings=(*image.readings, *(reading for each in given for reading in each.readings)),
        findings=(
            *image.findings,
            *(_fitted(finding, taken, nodules) for each in given for finding in each.findings),
        ),
        image_labels=(*image.image_labels, *(label for each in given for label in each.image_labels)),
        case_labels=(*image.case_labels, *(label for each in given for label in each.case_labels)),
    )


def _fitted(finding: Finding, taken: set[str], nodules: set[str]) -> Finding:
    """Return a finding under an id that is free, which is then taken, linked to a nodule that is there."""
    own = finding.finding_id
    names = (own if number == 1 else f"{own}-{number}" for number in count(1))
    free = next(name for name in names if name not in taken)
    taken.add(free)
    return replace(
        finding, finding_id=free, nodule_id=finding.nodule_id if finding.nodule_id in nodules else None
    )


def read_image_of(record: ImageRecord) -> ReadImage:
    """Return what a record's readers say."""
    image = record.image
    return ReadImage(
        image_id=record.image_id,
        image=ReadPicture(
            path=image.path,
            width=image.width,
            height=image.height,
            sha256=image.sha256,
            spacing_mm=image.spacing_mm,
        ),
        group_id=record.group_id,
        group_kind=record.group_kind,
        nodules=tuple(ReadNodule(nodule_id=each.nodule_id, labels=each.labels) for each in record.nodules),
        case_labels=record.case_labels,
        image_labels=record.image_labels,
        readings=record.readings,
        findings=record.findings,
    )


def resolved_record(record: ImageRecord, made: Resolution) -> ImageRecord:
    """Return a record with its consensus."""
    if made.reading is None:
        return record
    return replace(
        record,
        readings=(*record.readings, made.reading),
        findings=(*record.findings, *made.findings),
        image_labels=(*record.image_labels, *_labels(made.graded, Scope.IMAGE, "")),
        case_labels=(*record.case_labels, *_labels(made.graded, Scope.CASE, "")),
        nodules=tuple(
            replace(each, labels=(*each.labels, *_labels(made.graded, Scope.NODULE, each.nodule_id)))
            for each in record.nodules
        ),
    )


def _labels(graded: Sequence[GradedThing], scope: Scope, thing: str) -> Iterator[Label]:
    return (each.label for each in graded if (each.scope, each.thing) == (scope, thing))
