"""One pass over the records of a dataset, which gathers all that a report says of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.reports.datapage.accounts import at
from thyrodata.reports.datapage.beside import Marked
from thyrodata.reports.datapage.distributions import ALL, Distribution, Measured, Place, Tallied
from thyrodata.reports.datapage.drawnsizes import DrawnSizes
from thyrodata.reports.datapage.marktally import CountedMarks, MarkTally
from thyrodata.schema.record import ImageRecord, Label, Patient
from thyrodata.schema.vocab import GRADED, SCHEMES, Basis, Malignancy, Scope, Sex, Structure, Term

__all__ = ["Gathered", "NotedRemark", "gather", "parts_of"]

NO_PART = "in no part"
FIRST = 5
"""Places named of a remark."""

_MALIGNANCY = "malignancy"
_BASES = (Basis.HISTOLOGY, Basis.CYTOLOGY, Basis.IMAGING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedRemark:
    """A remark, how often it is made, and where first."""

    code: str
    n: int
    text: str
    """Of the first of them."""
    image_ids: tuple[str, ...]
    """The first few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a pass over the records found."""

    distributions: tuple[Distribution, ...]
    marks: CountedMarks
    remarks: tuple[NotedRemark, ...]
    shown: tuple[str, ...]
    """Ids of images at even steps through the dataset."""
    twins: tuple[tuple[str, ...], ...]
    """Ids of images whose files are equal in every byte, at least two."""
    parts: Mapping[str, str]
    """The part that the split gives an image."""


def gather(
    dataset: Dataset,
    split: str | None,
    count: int,
    groups: str,
    marks: Mapping[str, Marked] | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Pass over the records of a dataset.

    What is said of a case is counted once per group (at its first image), as in the manifest; a group that is
    in several parts is counted in each of them.

    Args:
        dataset: The dataset.
        split: The split by whose parts values are told apart, if there is one.
        count: How many images are to be shown.
        groups: What the groups are called: ``cases``.
        marks: What was found over the echo, by the ids of the images that were looked at.
        progress: Called with the number of records done and of all.

    Raises:
        DatasetError: The records or the split are missing or damaged.
    """
    members = {} if split is None else parts_of(dataset, split)
    parts = {image_id: part for part, ids in members.items() for image_id in ids}
    images = dataset.manifest.count("images")
    step = max(1.0, images / max(count, 1))
    wanted = {int(k * step) for k in range(min(count, images))}
    gatherer = _Gatherer(groups, MarkTally(marks or {}))
    shown: list[str] = []
    for index, record in enumerate(dataset.records()):
        gatherer.add(record, parts.get(record.image_id, NO_PART) if members else None)
        if index in wanted:
            shown.append(record.image_id)
        if progress:
            progress(index + 1, images)
    return Gathered(
        distributions=tuple(gatherer.distributions([*members])),
        marks=gatherer.marks([*members]),
        remarks=tuple(gatherer.remarks()),
        shown=tuple(shown),
        twins=tuple(tuple(ids) for ids in gatherer.files.values() if len(ids) > 1),
        parts=parts,
    )


def parts_of(dataset: Dataset, split: str) -> dict[str, tuple[str, ...]]:
    """Return the image ids of each part, parts in the order in which the split was asked for.

    Raises:
        DatasetError: The split is damaged.
    """
    members = dataset.split(split)
    asked = at(dataset.split_report(split), "balance", "parts") or {}
    return {part: members[part] for part in (*(name for name in asked if name in members), *members)}


class _Gatherer:
    """What is counted of records that are added one by one."""

    def __init__(self, groups: str, marks: MarkTally) -> None:
        self._marks = marks
        self._counted = {
            Scope.CASE: groups,
            Scope.NODULE: "nodules",
            Scope.IMAGE: "images",
            Scope.FINDING: "findings",
        }
        self._things: defaultdict[Scope | Structure, Counter[Place]] = defaultdict(Counter)
        self._seen: set[tuple[Place, str]] = set()
        self._remarks: dict[str, tuple[str, list[str]]] = {}
        self._remark_counts: Counter[str] = Counter()
        self._age = Measured("age", "Age in years", groups, width=10)
        self._sex = Tallied("sex", "Sex", groups, scale=[sex.value for sex in Sex])
        self._size = Tallied("image-size", "Size of images, width by height in pixels", "images")
        self._device = Tallied("device", "Device, manufacturer and model", "images")
        self._spacing = Tallied("spacing", "Spacing of pixels", "images", scale=["known"])
        self._nodule_size = Measured("nodule-size", "Longest axis of nodules as stated, in mm", "nodules")
        self._graded: dict[tuple[str, Scope], Tallied] = {}
        self._drawn: dict[Structure, DrawnSizes] = {}
        self.files: dict[str, list[str]] = {}
        """Image ids by the hash of their file."""

    def add(self, record: ImageRecord, part: str | None) -> None:
        """Count a record."""
        places: tuple[Place, ...] = (ALL,) if part is None else (part, ALL)
        self._add_group(record, places)
        self._add_image(record, places)
        self._marks.add(record, places)
        for nodule in record.nodules:
            self._things[Scope.NODULE].update(places)
            self._add_labels(Scope.NODULE, nodule.labels, places)
            self._nodule_size.add(places, max((size for size in nodule.size_mm if size), default=None))
        for finding in record.findings:
            self._things[Scope.FINDING].update(places)
            self._add_labels(Scope.FINDING, finding.labels, places)
            if (structure := finding.structure) is not Structure.MARKER:
                self._things[structure].update(places)
                sizes = self._drawn.setdefault(structure, DrawnSizes(structure))
                sizes.add(finding, record.image, places)

    def _add_group(self, record: ImageRecord, places: Sequence[Place]) -> None:
        fresh = [place for place in places if (place, record.group_id) not in self._seen]
        self._seen.update((place, record.group_id) for place in fresh)
        self._things[Scope.CASE].update(fresh)
        patient = record.patient or Patient()
        self._sex.add(fresh, [patient.sex.value] if patient.sex else [])
        if patient.age:
            self._age.add(fresh, patient.age.years, at_least=patient.age.at_least)
        self._add_labels(Scope.CASE, record.case_labels, fresh)

    def _add_labels(self, scope: Scope, labels: Iterable[Label], places: Iterable[Place]) -> None:
        said: defaultdict[str, list[str]] = defaultdict(list)
        for label in labels:
            if label.value.scheme in GRADED:
                said[label.value.scheme].append(_wording(label.value, label.basis))
        for scheme, values in said.items():
            self._tallied(scope, scheme).add(places, values)

    def _tallied(self, scope: Scope, scheme: str) -> Tallied:
        if (scheme, scope) not in self._graded:
            bases = _BASES if scheme == _MALIGNANCY else (None,)
            scale = [_wording(term, basis) for term in SCHEMES[scheme] for basis in bases]
            title = f"{scheme} of the {scope.value}"
            name = f"{scope.value}-{scheme}"
            self._graded[scheme, scope] = Tallied(name, title, self._counted[scope], scale)
        return self._graded[scheme, scope]

    def _add_image(self, record: ImageRecord, places: Sequence[Place]) -> None:
        image, device = record.image, record.acquisition
        self._things[Scope.IMAGE].update(places)
        self._add_labels(Scope.IMAGE, record.image_labels, places)
        self._size.add(places, [f"{image.width} x {image.height}"])
        made = [name for name in (device.manufacturer, device.model) if name] if device else []
        self._device.add(places, [", ".join(made)] if made else [])
        self._spacing.add(places, ["known"] if image.spacing_mm else [])
        for remark in record.remarks:
            self._remark_counts[remark.code] += 1
            _, ids = self._remarks.setdefault(remark.code, (remark.text, []))
            if len(ids) < FIRST and record.image_id not in ids:
                ids.append(record.image_id)
        if image.sha256:
            self.files.setdefault(image.sha256, []).append(record.image_id)

    def distributions(self, parts: Sequence[str]) -> Iterator[Distribution]:
        """Yield what was counted, in the order in which it is shown."""
        parts = self._with_rest(parts)
        self._tallied(Scope.CASE, _MALIGNANCY)  # that nobody states it is worth saying
        graded = sorted(self._graded, key=lambda key: (key[0] == _MALIGNANCY, key[0], [*Scope].index(key[1])))
        drawn = [(self._drawn[each], each) for each in Structure if each in self._drawn]
        kept: list[tuple[Tallied | Measured, Scope | Structure]] = [
            (self._age, Scope.CASE),
            (self._sex, Scope.CASE),
            *((self._graded[key], key[1]) for key in graded),
            (self._size, Scope.IMAGE),
            (self._device, Scope.IMAGE),
            (self._spacing, Scope.IMAGE),
            (self._nodule_size, Scope.NODULE),
            *((measured, structure) for sizes, structure in drawn for measured in sizes),
        ]
        for each, things in kept:
            yield each.distribution(parts, self._things[things])

    def _with_rest(self, parts: Sequence[str]) -> list[str]:
        return [*parts, NO_PART] if NO_PART in self._things[Scope.IMAGE] else [*parts]

    def marks(self, parts: Sequence[str]) -> CountedMarks:
        """Return how many images have marks."""
        return self._marks.counted(self._with_rest(parts), self._things[Scope.IMAGE])

    def remarks(self) -> Iterator[NotedRemark]:
        """Yield the remarks by their codes."""
        for code, (text, ids) in sorted(self._remarks.items()):
            yield NotedRemark(code=code, n=self._remark_counts[code], text=text, image_ids=tuple(ids))


def _wording(term: Term, basis: Basis | None) -> str:
    """Return a value as it is counted: of malignancy with what it rests on."""
    if not isinstance(term, Malignancy):
        return str(term.value)
    return f"{term.value} by {basis.value}" if basis else f"{term.value}, by what is not stated"
