"""Images that a model has seen, among those that it is evaluated on."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from thyrodata.dataset import Dataset
from thyrodata.duplicates import Picture
from thyrodata.engine import Progress
from thyrodata.partition import split_items
from thyrodata.qc.copies import find_copies, pictures_of
from thyrodata.splits import Link, SplitItem
from thyrodata.splits.clusters import Cluster, crossing_ties, find_clusters

__all__ = ["Shared", "find_shared"]

_LEARNT, _EVALUATED = "learnt", "evaluated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What two sets of images share."""

    learnt: int
    """Images that the model has seen."""
    evaluated: int
    """Images that it is evaluated on."""
    shared: int
    """Those of the evaluated that are tied to a learnt one."""
    first: str
    """The first of them, a learnt image and what ties them; empty where there is none."""
    unread: int
    """Images that could not be read, and so were not compared as pictures."""


def find_shared(
    learnt: Dataset,
    learnt_ids: Collection[str],
    evaluated: Dataset,
    evaluated_ids: Collection[str],
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Shared:
    """Find the images that are evaluated and were learnt too, or are of one group with such.

    Images are tied by their id, group, bytes or frame, and as pictures, also scaled, turned or mirrored ones:
    see :func:`thyrodata.qc.copies.find_copies`. Ties add up: two copies of one learnt picture are both tied.

    Args:
        learnt: The dataset of the training.
        learnt_ids: Of the images that were seen.
        evaluated: The dataset that is evaluated on.
        evaluated_ids: Of its images.
        workers: Processes to read images with.
        progress: Called with the number of pictures done and of all: each is read twice.

    Raises:
        DatasetError: A dataset is damaged.
    """
    sides = ((_LEARNT, learnt, frozenset(learnt_ids)), (_EVALUATED, evaluated, frozenset(evaluated_ids)))
    items = [item for side in sides for item in _items(*side)]
    pictures = [picture for side in sides for picture in _pictures(*side)]
    copies = find_copies(pictures, workers=workers, progress=progress)
    links = [Link(cluster="one picture", image_ids=cluster) for cluster in copies.clusters]
    links += [
        Link(cluster="one id", image_ids=(_told(_LEARNT, image_id), _told(_EVALUATED, image_id)))
        for image_id in sorted(sides[0][2] & sides[1][2])
    ]
    side_of = {item.image_id: _side(item.image_id) for item in items}
    crossing = [
        cluster
        for cluster in find_clusters(items, links)
        if len({side_of[item.image_id] for item in cluster.members}) > 1
    ]
    return Shared(
        learnt=len(sides[0][2]),
        evaluated=len(sides[1][2]),
        shared=sum(side_of[item.image_id] == _EVALUATED for each in crossing for item in each.members),
        first=_text(crossing[0], side_of) if crossing else "",
        unread=len(copies.unread),
    )


def _items(side: str, dataset: Dataset, image_ids: frozenset[str]) -> Iterator[SplitItem]:
    """Yield the images of a side under ids that the other side has not."""
    for item in split_items(dataset.survey().members, None):
        if item.image_id in image_ids:
            yield replace(item, image_id=_told(side, item.image_id))


def _pictures(side: str, dataset: Dataset, image_ids: frozenset[str]) -> Iterator[Picture]:
    for picture in pictures_of(dataset):
        if picture.image_id in image_ids:
            yield replace(picture, image_id=_told(side, picture.image_id))


def _told(side: str, image_id: str) -> str:
    return f"{side} {image_id}"


def _side(told: str) -> str:
    return told.split(" ", 1)[0]


def _text(cluster: Cluster, side_of: dict[str, str]) -> str:
    """Name an image of each side, and what ties them."""
    names = [item.image_id for item in cluster.members]
    evaluated = next(name for name in names if side_of[name] == _EVALUATED)
    learnt = next(name for name in names if side_of[name] == _LEARNT)
    return f"{evaluated} and {learnt} ({'; '.join(crossing_ties(cluster, side_of))})"
