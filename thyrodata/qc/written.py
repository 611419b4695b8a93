"""Rules of labels written in the picture: a model reads them instead of the nodule (TD204, TD412)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from thyrodata.qc.look import Look
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.qc.writing import Stated, WrittenLabel, written_labels
from thyrodata.schema.record import ImageRecord, PixelBox
from thyrodata.schema.vocab import Bethesda, Malignancy, Term

__all__ = ["RULES", "contradicted"]

_CATEGORY = re.compile("(?:TR)?([1-6][A-C]?)")
"""Of any scale of TI-RADS, in capitals. The words of EU-TIRADS for a risk are none."""


def _written(look: Look) -> Iterator[Found]:
    said = written_labels(look.lines)
    if said:
        places = {_place(label.box, look.echo if isinstance(look.echo, tuple) else None) for label in said}
        yield Found(
            image_id=look.record.image_id,
            what=f"{', '.join(map(str, said))} is written in {' and '.join(sorted(places))}",
            hint="a model reads it instead of the nodule: cut it off (derive --crop echo), paint over it "
            "(qc markers --inpaint), or leave the image out",
        )


def _place(box: PixelBox, echo: PixelBox | None) -> str:
    """Return whether the middle of a text lies in the echo."""
    if echo is None:
        return "the picture"
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    inside = echo[0] <= x < echo[2] and echo[1] <= y < echo[3]
    return "the echo" if inside else "the margin"


def _against_the_stated(look: Look) -> Iterator[Found]:
    terms = tuple(sorted(_terms(look.record), key=str))
    for label in contradicted(written_labels(look.lines), terms):
        against = [str(term) for term in terms if _spelled(term, label) is not None]
        unnamed = ", of no stated scale" if label.of is Stated.TIRADS and label.scheme is None else ""
        yield Found(
            image_id=look.record.image_id,
            what=f"the picture says {label}{unnamed}; the record says {', '.join(against)}",
            hint="look at the picture: which of the two is of this nodule, and whether it was read rightly",
        )


def contradicted(said: Sequence[WrittenLabel], terms: Sequence[Term]) -> tuple[WrittenLabel, ...]:
    """Return the first written label of each kind of which others are stated, and none that is written.

    A written category is compared with the stated ones of its scale. Where no scale is written it is compared
    with those of any TI-RADS, by its spelling alone; a 4 fits 4a.

    Args:
        said: What is written in a picture.
        terms: What its record states.
    """
    found: list[WrittenLabel] = []
    for of in Stated:
        pairs = [
            (label, stated)
            for label in said
            if label.of is of
            for term in terms
            if (stated := _spelled(term, label)) is not None
        ]
        if pairs and not any(_fit(label.value, stated) for label, stated in pairs):
            found.append(pairs[0][0])
    return tuple(found)


def _spelled(term: Term, label: WrittenLabel) -> str | None:
    """Return the value of a stated term as pictures spell it; ``None`` if the two are not compared."""
    value = str(term.value)
    if label.of is Stated.BETHESDA:
        return value if isinstance(term, Bethesda) else None
    if label.of is Stated.MALIGNANCY:
        return value if isinstance(term, Malignancy) else None
    if (
        label.of is Stated.TIRADS
        and term.scheme.startswith("tirads-")
        and label.scheme in {None, term.scheme}
    ):
        category = _CATEGORY.fullmatch(value.upper())
        return category[1] if category else None
    return None


def _fit(written: str, stated: str) -> bool:
    """Tell whether two are one, or one of them leaves the letter open: 4 and 4A."""
    is_open = written.isdigit() or stated.isdigit()
    return written == stated or (is_open and written[0] == stated[0])


def _terms(record: ImageRecord) -> set[Term]:
    of_nodules = (nodule.labels for nodule in record.nodules)
    of_findings = (finding.labels for finding in record.findings)
    parts = (record.case_labels, record.image_labels, *of_nodules, *of_findings)
    return {label.value for labels in parts for label in labels}


RULES: Final = (
    Rule(
        code="TD204",
        title="Label written in the picture",
        severity=Severity.WARNING,
        reads=Reads.TEXT,
        check=_written,
    ),
    Rule(
        code="TD412",
        title="Written category against the stated one",
        severity=Severity.WARNING,
        reads=Reads.TEXT,
        check=_against_the_stated,
    ),
)
"""In the order of their codes."""
