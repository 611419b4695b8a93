"""Rules of what is said of one case in several places, TD405 and TD406."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from thyrodata.dataset import Dataset
from thyrodata.qc.labels import same_basis
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.qc.statements import Statement, statements
from thyrodata.schema.record import Label
from thyrodata.schema.vocab import Malignancy

__all__ = ["RULES"]

T = TypeVar("T")

_Parts = list[tuple[str, tuple[Label, ...]]]
"""What each is called, and its labels."""


def _whole_against_parts(dataset: Dataset) -> Iterator[Found]:
    seen: set[tuple[str, str]] = set()
    for said in statements(dataset):
        for what in _contradictions(said):
            if (said.group_id, what) not in seen:  # a case's nodules are repeated with each of its images
                seen.add((said.group_id, what))
                yield Found(
                    image_id=said.image_id,
                    what=what,
                    hint="look up in the source of what each is said; neither is passed on to the other",
                )


def _contradictions(said: Statement) -> Iterator[str]:
    case, nodules = f"the case {said.group_id}", [(f"nodule {n.nodule_id!r}", n.labels) for n in said.nodules]
    image = f"image {said.image_id}"
    findings = [(f"finding {f.finding_id!r} of {said.image_id}", f.labels) for f in said.findings]
    yield from _against(case, said.case_labels, nodules, all_there=True)
    # Another image of the case may show the malignant nodule.
    yield from _against(case, said.case_labels, [(image, said.image_labels), *findings], all_there=False)
    yield from _against(image, said.image_labels, findings, all_there=False)
    for (name, labels), nodule in zip(nodules, said.nodules, strict=True):
        of_nodule = [
            part
            for part, finding in zip(findings, said.findings, strict=True)
            if finding.nodule_id == nodule.nodule_id
        ]
        yield from _against(name, labels, of_nodule, all_there=True)


def _against(whole: str, labels: tuple[Label, ...], parts: _Parts, *, all_there: bool) -> Iterator[str]:
    """Say where a benign thing has a malignant part, or a malignant one none but benign parts.

    Args:
        whole: What it is called.
        labels: Of the whole.
        parts: Of it.
        all_there: Whether there are no other parts.
    """
    for label in labels:
        if not isinstance(label.value, Malignancy):
            continue
        comparable = {
            name: {
                other.value
                for other in of_part
                if isinstance(other.value, Malignancy) and same_basis(label, other)
            }
            for name, of_part in parts
        }
        if label.value is Malignancy.BENIGN:
            for name, values in comparable.items():
                if values == {Malignancy.MALIGNANT}:
                    yield f"{whole} is {label.value}, and {name} of it {Malignancy.MALIGNANT}"
        elif all_there and parts and all(values == {Malignancy.BENIGN} for values in comparable.values()):
            yield f"{whole} is {label.value}, and all its {len(parts)} parts {Malignancy.BENIGN}"


def _differs_between_images(dataset: Dataset) -> Iterator[Found]:
    told: dict[tuple[str, str], tuple[str, object]] = {}
    reported: set[tuple[str, str]] = set()
    for said in statements(dataset):
        for name, value, wording in _shared(said):
            key = (said.group_id, name)
            first_image, first = told.setdefault(key, (said.image_id, value))
            if value != first and key not in reported:
                reported.add(key)
                yield Found(
                    image_id=said.image_id,
                    what=f"{name} of the case {said.group_id} is {wording}, and another with {first_image}",
                    hint="look whether both images are of one case; what is said of a case is said of all",
                )


def _shared(said: Statement) -> Iterator[tuple[str, object, str]]:
    """Yield what an image repeats of its case: what it is, its value, and the words for it."""
    if said.patient and said.patient.sex:
        yield "the sex", said.patient.sex, said.patient.sex.value
    if said.case_labels:
        yield "the label", frozenset(said.case_labels), _values(said.case_labels)
    for nodule in said.nodules:
        if nodule.labels:
            yield (
                f"the label of nodule {nodule.nodule_id!r}",
                frozenset(nodule.labels),
                _values(nodule.labels),
            )


def _values(labels: tuple[Label, ...]) -> str:
    return ", ".join(sorted(str(label.value) for label in labels))


RULES = (
    Rule(
        code="TD405",
        title="Whole against its parts",
        severity=Severity.WARNING,
        reads=Reads.DATASET,
        check=_whole_against_parts,
    ),
    Rule(
        code="TD406",
        title="Case differs between its images",
        severity=Severity.ERROR,
        reads=Reads.DATASET,
        check=_differs_between_images,
    ),
)
"""The rules of what is said of one case in several places."""
