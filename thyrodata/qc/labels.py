"""Rules of the labels of one thing: TD401 to TD404, and the notes TD410 and TD411."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

from thyrodata.dataset import Dataset
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.qc.statements import Thing, statements, things
from thyrodata.schema.record import AcrPoints, Label
from thyrodata.schema.vocab import EDITIONS, GRADED, Basis, Bethesda, Malignancy, TiradsAcr

__all__ = ["RULES", "same_basis"]

_LEVELS = {
    0: TiradsAcr.TR1,
    2: TiradsAcr.TR2,
    3: TiradsAcr.TR3,
    **dict.fromkeys((4, 5, 6), TiradsAcr.TR4),
    **dict.fromkeys(range(7, 18), TiradsAcr.TR5),
}
"""Of the sum of all points; the chart has no level for a sum of one (Tessler et al., J Am Coll Radiol
2017;14:587-595, figure 1)."""

_CYTOLOGY = {
    Bethesda.II: Malignancy.BENIGN,
    Bethesda.VI: Malignancy.MALIGNANT,
}
"""Categories that are a diagnosis. The mean risk of malignancy is 4 % in II and 97 % in VI, and 13 % to 74 %
in the others (Ali et al., Thyroid 2023;33:1039-1044)."""


def same_basis(one: Label, other: Label) -> bool:
    """Tell whether two labels may rest on the same; what one of them rests on may not be stated."""
    return one.basis is other.basis or None in (one.basis, other.basis)


def _both(thing: Thing) -> Iterator[Found]:
    said = [label for label in thing.labels if isinstance(label.value, Malignancy)]
    if any(
        one.value is not other.value and one.reader == other.reader and same_basis(one, other)
        for one, other in combinations(said, 2)
    ):
        yield Found(
            image_id=thing.image_id,
            finding_id=thing.finding_id,
            what=f"{thing.name} is called benign and malignant on the same basis, by {len(said)} labels",
            hint="look it up in the source; leave the case out until one of the two is shown to be wrong",
        )


def _cytology_against_histology(thing: Thing) -> Iterator[Found]:
    for cytology in thing.labels:
        concluded = _concluded(cytology)
        for other in thing.labels:
            against = isinstance(other.value, Malignancy) and concluded not in (None, other.value)
            if against and (other.basis is Basis.HISTOLOGY or _is_unstated(other, cytology)):
                yield Found(
                    image_id=thing.image_id,
                    finding_id=thing.finding_id,
                    what=f"{thing.name} is {cytology.value} by cytology, and {other.value} by pathology",
                    hint="cytology is seldom wrong there: look whether both are of this nodule",
                )


def _concluded(label: Label) -> Malignancy | None:
    """Return what cytology concluded, where the label is of cytology and a diagnosis."""
    if isinstance(label.value, Bethesda):
        return _CYTOLOGY.get(label.value)
    if isinstance(label.value, Malignancy) and label.basis is Basis.CYTOLOGY:
        return label.value
    return None


def _is_unstated(pathology: Label, cytology: Label) -> bool:
    """Tell whether a label may be of histology though it does not say so, and is not of that cytology."""
    return pathology.basis is None and isinstance(cytology.value, Bethesda)


def _two_grades(thing: Thing) -> Iterator[Found]:
    graded = [label for label in thing.labels if label.value.scheme in GRADED - {"malignancy"}]
    scales = sorted({(label.value.scheme, label.reader or "") for label in graded})
    for scheme, reader in scales:
        of_scale = [label for label in graded if (label.value.scheme, label.reader or "") == (scheme, reader)]
        if any(
            one.value is not other.value and same_basis(one, other)
            for one, other in combinations(of_scale, 2)
        ):
            values = ", ".join(sorted({str(label.value) for label in of_scale}))
            yield Found(
                image_id=thing.image_id,
                finding_id=thing.finding_id,
                what=f"{thing.name} has {len(of_scale)} grades on one scale{_by(reader)}: {values}",
                hint="say which holds, or of which nodule each is: no operation chooses one of them",
            )


def _by(reader: str) -> str:
    return f" by {reader}" if reader else ""


def _points(thing: Thing) -> Iterator[Found]:
    points = thing.nodule.points if thing.nodule else None
    total = _sum(points) if points else None
    if total is None or total not in _LEVELS:
        return
    for label in thing.labels:
        if isinstance(label.value, TiradsAcr) and label.value is not _LEVELS[total]:
            level = _LEVELS[total].value
            yield Found(
                image_id=thing.image_id,
                what=f"{thing.name} has {total} points, which are {level}, and is stated as {label.value}",
                hint="relabel with the map acr-points-to-level if the points are right",
            )


def _sum(points: AcrPoints) -> int | None:
    """Return the sum of all five; ``None`` if one is not stated."""
    each = (points.composition, points.echogenicity, points.shape, points.margin, points.echogenic_foci)
    given = [value for value in each if value is not None]
    return sum(given) if len(given) == len(each) else None


def _of_things(check: Callable[[Thing], Iterator[Found]], dataset: Dataset) -> Iterator[Found]:
    for thing in things(statements(dataset)):
        yield from check(thing)


def _without_basis(dataset: Dataset) -> Iterator[Found]:
    lacking = [
        thing
        for thing in things(statements(dataset))
        if any(isinstance(label.value, Malignancy) and label.basis is None for label in thing.labels)
    ]
    if lacking:
        yield Found(
            image_id=lacking[0].image_id,
            finding_id=lacking[0].finding_id,
            what=f"malignancy is stated without its basis of {len(lacking)} things, {lacking[0].name} first",
            hint="say so with a study: malignant by cytology is not malignant by histology",
        )


def _without_edition(dataset: Dataset) -> Iterator[Found]:
    lacking: Counter[str] = Counter()
    first: dict[str, Thing] = {}
    for thing in things(statements(dataset)):
        for scheme in {
            label.value.scheme for label in thing.labels if label.edition is None
        } & EDITIONS.keys():
            lacking[scheme] += 1
            first.setdefault(scheme, thing)
    for scheme in sorted(lacking):
        yield Found(
            image_id=first[scheme].image_id,
            finding_id=first[scheme].finding_id,
            what=f"the edition of {scheme} is not stated of {lacking[scheme]} things, "
            f"{first[scheme].name} first; there are {', '.join(sorted(EDITIONS[scheme]))}",
            hint="risks and names of the categories differ between editions: ask the source",
        )


RULES = (
    *(
        Rule(
            code=code,
            title=title,
            severity=severity,
            reads=Reads.DATASET,
            check=partial(_of_things, check),
        )
        for code, title, severity, check in (
            ("TD401", "Benign and malignant at once", Severity.ERROR, _both),
            ("TD402", "Cytology against histology", Severity.WARNING, _cytology_against_histology),
            ("TD403", "Two grades on one scale", Severity.WARNING, _two_grades),
            ("TD404", "Points do not give the level", Severity.ERROR, _points),
        )
    ),
    Rule(
        code="TD410",
        title="Malignancy without a basis",
        severity=Severity.NOTE,
        reads=Reads.DATASET,
        check=_without_basis,
    ),
    Rule(
        code="TD411",
        title="Edition of a scale not stated",
        severity=Severity.NOTE,
        reads=Reads.DATASET,
        check=_without_edition,
    ),
)
"""The rules of the labels of one thing."""
