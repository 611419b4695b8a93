"""Rules of images that show one picture, TD301, TD302, TD306 and TD307."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.duplicates import How, Same
from thyrodata.io.parquet import stream_as
from thyrodata.merging.conflicts import differences
from thyrodata.merging.glance import Glance
from thyrodata.qc.drawn import areas
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.qc.whole import Whole
from thyrodata.schema.record import ImageRecord

__all__ = ["RULES"]


def _within_group(whole: Whole) -> Iterator[Found]:
    group_of = _groups(whole.dataset)
    for pair in whole.copies.pairs:
        first, second = pair.image_ids
        if group_of[first] == group_of[second]:
            yield Found(
                image_id=second,
                what=f"it shows the picture of {first}, of its own group ({pair})",
                hint="keep one of the two, or neither counts twice: they are no two observations",
            )


def _across_groups(whole: Whole) -> Iterator[Found]:
    group_of = _groups(whole.dataset)
    for pair in whole.copies.pairs:
        first, second = pair.image_ids
        if group_of[first] != group_of[second]:
            yield Found(
                image_id=second,
                what=f"it shows the picture of {first} ({pair}), whose group is {group_of[first]}; its own "
                f"is {group_of[second]}",
                hint="keep both in one part: `thyrodata qc duplicates` writes links for `split make`",
            )


def _groups(dataset: Dataset) -> dict[str, str]:
    return {member.image_id: member.group_id for member in dataset.survey().members}


def _outlines(whole: Whole) -> Iterator[Found]:
    equal = [pair.image_ids for pair in _equal_pictures(whole)]
    records = {
        record.image_id: record for record in whole.dataset.records({name for ids in equal for name in ids})
    }
    for first, second in equal:
        one, other = records[first], records[second]
        if (one.image.width, one.image.height) != (other.image.width, other.image.height):
            continue
        covered = [_covered(each) for each in (one, other)]
        if covered[0] is None or covered[1] is None or _drawings(one) == _drawings(other):
            continue
        both = np.count_nonzero(covered[0]) + np.count_nonzero(covered[1])
        dice = 2 * np.count_nonzero(covered[0] & covered[1]) / both if both else 0.0
        counts = [sum(1 for _ in areas(each)) for each in (one, other)]
        yield Found(
            image_id=second,
            what=f"it shows the picture of {first} with other outlines: {counts[1]} here, {counts[0]} there, "
            f"of Dice {dice:.2f} together",
            hint="have somebody decide which are right, or take both as two readings of one picture",
            score=1 - dice,
        )


def _equal_pictures(whole: Whole) -> Iterator[Same]:
    """Yield the pairs of equal pixels in which what is drawn in one lies at the same place in the other."""
    for pair in whole.copies.pairs:
        if isinstance(pair, Same) and pair.how is not How.GREY_LEVELS and pair.offset_px == (0, 0):
            yield pair


def _drawings(record: ImageRecord) -> Collection[object]:
    return {(finding.structure, geometry) for finding, geometry, _ in areas(record)}


def _covered(record: ImageRecord) -> NDArray[np.bool_] | None:
    """Return the pixels that anything is drawn over; ``None`` if nothing is drawn, which says nothing."""
    drawn = [pixels for _, _, pixels in areas(record)]
    if not drawn:
        return None
    covered = np.zeros((record.image.height, record.image.width), np.bool_)
    for pixels in filter(None, drawn):
        covered[pixels.top : pixels.bottom, pixels.left : pixels.right] |= pixels.pixels
    return covered


def _labels(whole: Whole) -> Iterator[Found]:
    same = [pair for pair in whole.copies.pairs if isinstance(pair, Same)]
    images = {glance.image_id: glance for glance in stream_as(whole.dataset.path / RECORDS_FILE, Glance)}
    for each in differences(same, images):
        if each.comparable:
            first, second = (", ".join(said) for said in each.said)
            yield Found(
                image_id=each.image_ids[1],
                what=f"it shows the picture of {each.image_ids[0]}, but its {each.what} is {second}, not "
                f"{first}",
                hint="have somebody decide which is right: a model is taught both",
            )


RULES = tuple(
    Rule(code=code, title=title, severity=severity, reads=Reads.FILES, check=check)
    for code, title, severity, check in (
        ("TD301", "Same picture twice in a group", Severity.NOTE, _within_group),
        ("TD302", "Same picture in several groups", Severity.WARNING, _across_groups),
        ("TD306", "Same picture, other outlines", Severity.WARNING, _outlines),
        ("TD307", "Same picture, other labels", Severity.WARNING, _labels),
    )
)
"""The rules of images that show one picture."""
