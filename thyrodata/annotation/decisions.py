"""What an arbiter is shown, by its labels, and the decision that remains without it.

A shape of a reading in conflict is called ``reading 2: nodule``; one that is settled, since the readers agree
or by a policy, ``agreed: nodule``. What is called plainly, ``nodule``, the arbiter has drawn or called so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from thyrodata.annotation.assignment import Mark
from thyrodata.errors import CaseError
from thyrodata.io.drawn import Drawing, DrawnImage
from thyrodata.schema.record import Finding, Label
from thyrodata.schema.vocab import Basis, Bethesda

__all__ = ["agreed_label", "decision", "plain_label", "reading_label", "seen_labels"]

_READING = re.compile(r"reading [0-9]+: .*")
_AGREED = "agreed: "
_AND = ", "


def seen_labels(finding: Finding) -> tuple[Label, ...]:
    """Return the labels that are shown: what the image shows, never what cytology or histology found."""
    return tuple(
        label
        for label in finding.labels
        if label.basis in {None, Basis.IMAGING} and not isinstance(label.value, Bethesda)
    )


def plain_label(finding: Finding, *, several: bool) -> str:
    """Return what a finding is called where it is decided on.

    Args:
        finding: The finding.
        several: Whether findings of several structures are asked for, so that a grade does not say of what.
    """
    terms = [str(label.value) for label in seen_labels(finding)]
    return _AND.join([*((finding.structure.value,) if several or not terms else ()), *terms])


def reading_label(number: int, label: str) -> str:
    """Return what a finding of a reading in conflict is called, which does not tell the reader."""
    return f"reading {number}: {label}"


def agreed_label(label: str) -> str:
    """Return what a finding is called that is settled already."""
    return f"{_AGREED}{label}"


def decision(image: DrawnImage) -> tuple[DrawnImage, int]:
    """Return what an arbiter says of an image, and how many shapes of readings stand in it undecided.

    What is agreed on and was left in the image is the arbiter's as well. An image without a mark in which
    nothing is called plainly is not decided.

    Raises:
        CaseError: All is said to be outlined, and only shapes of readings are there.
    """
    plain = [drawing for drawing in image.drawings if not _is_reading(drawing)]
    readings = len(image.drawings) - len(plain)
    if readings and not plain and Mark.ALL.value in image.tags:
        raise CaseError(
            f"{image.name} is marked {Mark.ALL.value!r}, and only readings are drawn: none was decided for",
            where=image.where,
            hint=f"call the right one plainly, such as nodule; or mark the image {Mark.NOTHING.value!r}",
        )
    decided = image.tags or image.coverage or image.no_outlines or not all(map(_is_agreed, plain))
    drawings = tuple(replace(drawing, labels=_plain(drawing)) for drawing in plain)
    return replace(image, drawings=drawings, submitted=image.submitted and bool(decided)), readings


def _is_reading(drawing: Drawing) -> bool:
    return bool(drawing.labels) and all(map(_READING.fullmatch, drawing.labels or ()))


def _is_agreed(drawing: Drawing) -> bool:
    return bool(drawing.labels) and all(name.startswith(_AGREED) for name in drawing.labels or ())


def _plain(drawing: Drawing) -> tuple[str, ...] | None:
    return None if drawing.labels is None else tuple(_words(drawing.labels))


def _words(names: tuple[str, ...]) -> Iterator[str]:
    """Yield what labels say, but for those of readings: a tool may keep one beside the chosen label."""
    for name in names:
        if not _READING.fullmatch(name):
            yield from name.removeprefix(_AGREED).split(_AND)
