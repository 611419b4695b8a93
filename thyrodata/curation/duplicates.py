"""Find duplicates: images of one dataset or of several that show one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.dataset import Dataset
from thyrodata.duplicates import Same
from thyrodata.engine import Progress
from thyrodata.errors import UsageError
from thyrodata.merging.account import format_clusters
from thyrodata.qc.altered import Altered
from thyrodata.qc.copies import find_copies, pictures_of
from thyrodata.revision import opened

__all__ = ["Duplicates", "find_duplicates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Images that show one picture."""

    images: int
    """That were looked at."""
    pairs: tuple[Same | Altered, ...]
    """Those at one scale first, then those scaled, turned or marked."""
    clusters: tuple[tuple[str, ...], ...]
    """Image ids that pairs tie together."""
    groups_joined: tuple[tuple[str, ...], ...]
    """For each cluster whose images are of several groups, those groups."""
    unread: tuple[str, ...]
    """Images that could not be read, and so took no part."""

    def links_csv(self) -> str:
        """Return the clusters as a CSV file ``image_id,cluster``; a cluster is named by its first image.

        For one dataset, or for the one that several are merged into, it is what ``split make --links`` reads.
        """
        return format_clusters(self.clusters)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "images": self.images,
            "pairs": [{"image_ids": [*pair.image_ids], "how": str(pair)} for pair in self.pairs],
            "clusters": [[*cluster] for cluster in self.clusters],
            "groups_joined": [[*groups] for groups in self.groups_joined],
            "unread": [*self.unread],
        }


def find_duplicates(
    datasets: Sequence[Dataset | str | Path], *, workers: int = 1, progress: Progress | None = None
) -> Duplicates:
    """Find the images that show one picture, in one dataset and across several.

    Found are equal files, equal pixels, what was compressed again, greyed or cropped at one scale, and what
    was scaled, mirrored, turned by 180 degrees, brightened or marked, whole or cropped. Not found are turns
    by 90 degrees, and what shows less than 64 pixels a side. Frames of a clip in which little moves are found
    as well: see :func:`thyrodata.qc.altered.find_altered`.

    Args:
        datasets: One or more, or their folders. They are only read.
        workers: Processes; 1 is this process.
        progress: Called with the number of steps done and of all: each picture is read twice.

    Raises:
        UsageError: There is none, or two have an image id in common.
        DatasetError: A dataset is damaged.
    """
    opened_ones = [opened(dataset) for dataset in datasets]
    if not opened_ones:
        raise UsageError("there is no dataset to look at", hint="name one or more")
    pictures = [picture for dataset in opened_ones for picture in pictures_of(dataset)]
    group_of: dict[str, str] = {}
    for dataset in opened_ones:
        for member in dataset.survey().members:
            if member.image_id in group_of:
                raise UsageError(
                    f"two datasets have an image {member.image_id!r}",
                    where=str(dataset.path),
                    hint="merge them under other names first: `thyrodata merge --name`",
                )
            group_of[member.image_id] = member.group_id
    copies = find_copies(pictures, workers=workers, progress=progress)
    groups = [tuple(sorted({group_of[image_id] for image_id in cluster})) for cluster in copies.clusters]
    return Duplicates(
        images=len(pictures) - len(copies.unread),
        pairs=copies.pairs,
        clusters=copies.clusters,
        groups_joined=tuple(each for each in groups if len(each) > 1),
        unread=copies.unread,
    )
