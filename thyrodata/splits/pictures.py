"""Links between images that show one picture, found in their pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from thyrodata.duplicates import Picture, find_same
from thyrodata.splits.items import Link
from thyrodata.survey import Member

__all__ = ["picture_links"]


def picture_links(
    members: Iterable[Member],
    folder: Path,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Link, ...]:
    """Return a link for each pair of images that :func:`thyrodata.duplicates.find_same` finds.

    Args:
        members: The images; those without a file take no part.
        folder: The dataset's.
        workers: Processes; 1 is this process.
        progress: Called with the number of steps done and of all.

    Raises:
        CaseError: An image cannot be read.
        DatasetError: An image is not what its record says.
    """
    pictures = [
        Picture(image_id=member.image_id, place=str(folder / member.path), sha256=member.sha256)
        for member in members
        if member.path is not None
    ]
    return tuple(
        Link(cluster=f"{' and '.join(same.image_ids)} show one picture ({same})", image_ids=same.image_ids)
        for same in find_same(pictures, workers=workers, progress=progress)
    )
