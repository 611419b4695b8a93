"""Objections from splits that leak: the one that is pushed, and all that travel along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.io.files import read_text
from thyrodata.partition import split_items
from thyrodata.publishing.objection import Objection
from thyrodata.qc.copies import find_copies, pictures_of
from thyrodata.splits import EXCLUDED, Assignment, Leak, Link, audit_split, read_split_csv
from thyrodata.survey import Member

__all__ = ["of_splits"]

_MEND = (
    "see `thyrodata split audit --pixels` and `thyrodata qc duplicates -o LINKS`; "
    "make a split with `thyrodata split make --links LINKS`"
)


def of_splits(
    dataset: Dataset,
    split: str,
    members: Sequence[Member],
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Iterator[Objection]:
    """Yield an objection for each split of a dataset that has linked images in several parts.

    Linked are images of a group, of equal bytes, of one frame, and those that show one picture: what
    ``split audit --pixels`` looks for, and copies that are scaled, turned or mirrored.

    A published split is kept as published, leaks and all, so that scores compare: nobody can mend it, and a
    refusal would bar the dataset for good. It is an objection all the same, since whoever loads it by its
    name gets the leak without being told; accepting it is saying so.

    Raises:
        DatasetError: There is no such split, or the records are damaged.
        SplitError: The file of a split is damaged.
    """
    pushed = dataset.split_file(split)  # that there is none should be said before the images are compared
    items = split_items(members, None)
    copies = find_copies(pictures_of(dataset), workers=workers, progress=progress)
    links = [Link(cluster=f"{cluster[0]}, one picture", image_ids=cluster) for cluster in copies.clusters]
    for name in dataset.splits:
        file = dataset.split_file(name)
        rows = read_split_csv(read_text(file), str(file))
        leaks = [leak for leak in audit_split(items, rows, links) if leak.code == "crosses-parts"]
        if leaks:
            code = "split-leaks" if file == pushed else "carried-split-leaks"
            text = f"the split {name} has linked images in several parts (sets: {len(leaks)}); in the first, "
            yield Objection(
                code=code, text=text + _crossing(leaks[0], rows), where=str(file), hint=_MEND, override=code
            )


def _crossing(leak: Leak, rows: Sequence[Assignment]) -> str:
    """Name an image of a set that crosses, and the first one that is in another part."""
    part_of = {row.image_id: row.part for row in rows if row.part != EXCLUDED}
    first, *others = [image_id for image_id in leak.image_ids if image_id in part_of]
    other = next(image_id for image_id in others if part_of[image_id] != part_of[first])
    return f"{first} is in {part_of[first]} and {other} in {part_of[other]}"
