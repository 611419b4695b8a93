"""What two sources say of one picture, where they do not say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from thyrodata.duplicates import Same
from thyrodata.merging.glance import SCOPES, Glance
from thyrodata.schema.record import Age, Label

__all__ = ["Difference", "differences", "is_tirads"]


def is_tirads(scheme: str) -> bool:
    """Tell whether a scheme is a scale of TI-RADS: no two of them are comparable."""
    return scheme.startswith("tirads-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two sources' words on one picture."""

    image_ids: tuple[str, str]
    what: str
    """What is said: ``case-labels malignancy``, ``sex``, ``age``, ``tirads``."""
    said: tuple[tuple[str, ...], tuple[str, ...]]
    comparable: bool
    """False where the values are of scales that are not comparable: then it is no conflict."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "image_ids": [*self.image_ids], "said": [[*said] for said in self.said]}


def differences(found: Iterable[Same], images: Mapping[str, Glance]) -> Iterator[Difference]:
    """Yield in what the sources of same pictures differ. Nothing is resolved.

    Labels are compared within one scheme and scope; those of nodules and of outlines only where both sides
    have one, since nobody says which of several is which. Two scales of TI-RADS are not comparable.
    """
    for same in found:
        one, other = (images[image_id] for image_id in same.image_ids)
        for what, first, second, comparable in (*_labels(one, other), *_patient(one, other)):
            yield Difference(image_ids=same.image_ids, what=what, said=(first, second), comparable=comparable)


_Pair = tuple[str, tuple[str, ...], tuple[str, ...], bool]


def _labels(one: Glance, other: Glance) -> Iterator[_Pair]:
    for scope in SCOPES:
        if not (_single(one, scope) and _single(other, scope)):
            continue
        first, second = _by_scheme(one.labels(scope)), _by_scheme(other.labels(scope))
        for scheme in sorted(first.keys() & second.keys()):
            said = first[scheme], second[scheme]
            if {label.value for label in said[0]} != {label.value for label in said[1]}:
                yield f"{scope}-labels {scheme}", _words(said[0]), _words(said[1]), True
    scales = [
        [label for scope in SCOPES for label in side.labels(scope) if is_tirads(label.value.scheme)]
        for side in (one, other)
    ]
    schemes = [{label.value.scheme for label in said} for said in scales]
    if all(schemes) and not schemes[0] & schemes[1]:
        yield "tirads", _words(scales[0]), _words(scales[1]), False


def _single(image: Glance, scope: str) -> bool:
    match scope:
        case "nodule":
            return len(image.nodules) == 1
        case "finding":
            return len(image.outlines) == 1
        case _:
            return True


def _by_scheme(labels: Iterable[Label]) -> dict[str, list[Label]]:
    found: dict[str, list[Label]] = {}
    for label in labels:
        found.setdefault(label.value.scheme, []).append(label)
    return found


def _words(labels: Sequence[Label]) -> tuple[str, ...]:
    """Return labels with what they rest on, sorted."""
    return tuple(
        sorted(
            {f"{label.value} ({label.basis.value})" if label.basis else f"{label.value}" for label in labels}
        )
    )


def _patient(one: Glance, other: Glance) -> Iterator[_Pair]:
    if one.patient is None or other.patient is None:
        return
    sexes = one.patient.sex, other.patient.sex
    if sexes[0] and sexes[1] and sexes[0] is not sexes[1]:
        yield "sex", (sexes[0].value,), (sexes[1].value,), True
    ages = one.patient.age, other.patient.age
    if ages[0] and ages[1] and not _compatible(ages[0], ages[1]):
        yield "age", (_age(ages[0]),), (_age(ages[1]),), True


def _compatible(one: Age, other: Age) -> bool:
    """Tell whether a person may have both ages: "90+" goes with 94."""
    young, old = sorted((one, other), key=lambda age: age.years)
    return young.at_least or (young.years == old.years)


def _age(age: Age) -> str:
    return f"{age.years}+" if age.at_least else f"{age.years}"
