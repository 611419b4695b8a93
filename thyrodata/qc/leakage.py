"""Rules of splits that leak, or do not fit their dataset, TD303 to TD305.

Published splits are held to the same rules: they are kept as published, and never mended in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from thyrodata.dataset import Dataset
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.qc.whole import Whole
from thyrodata.splits import EXCLUDED

__all__ = ["RULES"]

HINT = (
    "scores on such parts are too good: make a split with `thyrodata split make`, and say so where you "
    "compare with results on this one"
)


def _pictures(whole: Whole) -> Iterator[Found]:
    for name, part_of in _splits(whole.dataset):
        for cluster in whole.copies.clusters:
            for image_id, first in _elsewhere(cluster, part_of):
                yield Found(
                    image_id=image_id,
                    what=f"in the split {name} it is in {part_of[image_id]}, and {first}, which shows the "
                    f"same picture, in {part_of[first]}",
                    hint=HINT,
                )


def _groups(dataset: Dataset) -> Iterator[Found]:
    members: dict[str, list[str]] = {}
    for member in dataset.survey().members:
        members.setdefault(member.group_id, []).append(member.image_id)
    for name, part_of in _splits(dataset):
        for group_id, images in members.items():
            for image_id, first in _elsewhere(images, part_of):
                yield Found(
                    image_id=image_id,
                    what=f"in the split {name} it is in {part_of[image_id]}, and {first} of its group "
                    f"{group_id} in {part_of[first]}",
                    hint=HINT,
                )


def _elsewhere(images: Iterable[str], part_of: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each image that is in another part than the first of them, and that first one."""
    placed = [image_id for image_id in images if part_of.get(image_id, EXCLUDED) != EXCLUDED]
    for image_id in placed[1:]:
        if part_of[image_id] != part_of[placed[0]]:
            yield image_id, placed[0]


def _fit(dataset: Dataset) -> Iterator[Found]:
    known = {member.image_id: None for member in dataset.survey().members}
    for name, part_of in _splits(dataset):
        for image_id in (*known, *(each for each in part_of if each not in known)):
            if image_id not in part_of or image_id not in known:
                missing = "the dataset has no such image" if image_id in part_of else "it has no part"
                yield Found(
                    image_id=image_id,
                    what=f"in the split {name}, {missing}",
                    hint="make a split of this dataset: `thyrodata split make --extend` keeps what it can",
                )


def _splits(dataset: Dataset) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name of each split, and the part of each image that it places."""
    for name in dataset.splits:
        parts = dataset.split(name)
        yield name, {image_id: part for part, images in parts.items() for image_id in images}


RULES = tuple(
    Rule(code=code, title=title, severity=severity, reads=reads, check=check)
    for code, title, severity, reads, check in (
        ("TD303", "Same picture in several parts", Severity.ERROR, Reads.FILES, _pictures),
        ("TD304", "Group in several parts", Severity.ERROR, Reads.DATASET, _groups),
        ("TD305", "Split of other images", Severity.WARNING, Reads.DATASET, _fit),
    )
)
"""The rules of splits."""
