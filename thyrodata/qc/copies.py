"""Copies of pictures, whatever was done to them: what two searches find, and the clusters that follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from thyrodata.dataset import Dataset
from thyrodata.duplicates import Picture, Same, find_same
from thyrodata.engine import Progress
from thyrodata.qc.altered import Altered, describe_pictures, find_altered

__all__ = ["Copies", "find_copies", "pictures_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Images that show one picture."""

    pairs: tuple[Same | Altered, ...]
    """Those at one scale first, then those scaled, turned or marked."""
    clusters: tuple[tuple[str, ...], ...]
    """Image ids that pairs tie together, each in the order of the pictures, and so are the clusters."""
    unread: tuple[str, ...]
    """Images that could not be read, and so took no part."""


def pictures_of(dataset: Dataset) -> tuple[Picture, ...]:
    """Return the images of a dataset that have a file.

    Raises:
        DatasetError: The records are missing or damaged.
    """
    return tuple(
        Picture(image_id=member.image_id, place=str(dataset.path / member.path), sha256=member.sha256)
        for member in dataset.survey().members
        if member.path is not None
    )


def find_copies(pictures: Sequence[Picture], *, workers: int = 1, progress: Progress | None = None) -> Copies:
    """Find the images that show one picture.

    What is found, see :func:`thyrodata.duplicates.find_same` and :func:`thyrodata.qc.altered.find_altered`.

    Args:
        pictures: Image files; of each id one.
        workers: Processes; 1 is this process.
        progress: Called with the number of pictures done and of all: each is read twice.

    Raises:
        UsageError: There are fewer workers than one.
    """
    count = len(pictures)

    def shown(done_before: int) -> Progress | None:
        return progress and (lambda done, _: progress(done_before + min(done, count), 2 * count))

    described = describe_pictures(pictures, workers=workers, progress=shown(0))
    same = find_same(described.pictures, workers=workers, progress=shown(count))
    altered = find_altered(described, known=_clusters(described.pictures, same), workers=workers)
    return Copies(
        pairs=(*same, *altered),
        clusters=_clusters(described.pictures, (*same, *altered)),
        unread=described.unread,
    )


def _clusters(pictures: Sequence[Picture], pairs: Iterable[Same | Altered]) -> tuple[tuple[str, ...], ...]:
    """Return the connected pictures."""
    first = {picture.image_id: picture.image_id for picture in pictures}
    order = {image_id: place for place, image_id in enumerate(first)}

    def root(image_id: str) -> str:
        while first[image_id] != image_id:
            first[image_id] = first[first[image_id]]
            image_id = first[image_id]
        return image_id

    for pair in pairs:
        one, other = sorted((root(image_id) for image_id in pair.image_ids), key=order.__getitem__)
        first[other] = one
    found: dict[str, list[str]] = {}
    for image_id in order:
        found.setdefault(root(image_id), []).append(image_id)
    return tuple(tuple(cluster) for cluster in found.values() if len(cluster) > 1)
