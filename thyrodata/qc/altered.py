"""The search for copies that :func:`thyrodata.duplicates.find_same` does not know: scaled or turned ones.

Views of pictures whose features agree in a band of bits are candidates, which costs nearly linear time; each
candidate is then decided by its pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.duplicates import Picture
from thyrodata.duplicates.pixels import Grey, grey_levels, read_file
from thyrodata.engine import Progress
from thyrodata.errors import CaseError, DatasetError
from thyrodata.pool import mapped
from thyrodata.qc.registration import SIDE, likeness
from thyrodata.qc.views import FEATURES, VIEWS, Turn, features_of, shrunk, turned, turning_signs, view_of

__all__ = ["Altered", "Described", "describe_pictures", "find_altered"]

BAND: Final = 24
"""Bits of a band. Copies differ in at most a tenth of their bits, so that one band in twelve is equal at the
worst and nearly all at best; of pictures of one scanner one pair in a thousand shares one by chance."""

AHEAD: Final = 8
"""A view is held against as many that follow it in a band, which bounds the cost whatever the data."""

DIFFERENT: Final = 0.15
"""Share of the bits that may differ: of copies at most 0.10, of different phantoms at least 0.18."""

MEDIAN, LEAST = 0.9, 0.6
"""Correlations that copies come to. See :func:`thyrodata.qc.registration.likeness`."""

MANY: Final = 64
"""Pictures from which medians are taken: copies among a few may lie on both sides of theirs."""

SMALLEST: Final = 64
"""Pixels a side below which a view is too coarse to be told from others of its kind."""

_CHUNK: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """Two images that show one picture at another scale, turned, or at another gain."""

    image_ids: tuple[str, str]
    """In the order in which the pictures were given."""
    turn: Turn
    sizes: tuple[tuple[int, int], tuple[int, int]]
    """(width, height) of what both show, in each."""
    correlation: float
    """The median over blocks."""

    def __str__(self) -> str:
        """Say in what the second differs from the first."""
        first, second = (f"{width} x {height} px" for width, height in self.sizes)
        scaled = f"scaled from {first} to {second}" if first != second else ""
        said = " and ".join(filter(None, (str(self.turn), scaled))) or "alike in every part"
        return f"{said}, correlation {self.correlation:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Described:
    """Pictures that could be read, what they look like from afar, and those that could not."""

    pictures: tuple[Picture, ...]
    features: NDArray[np.float32]
    """(pictures, VIEWS, FEATURES)"""
    unread: tuple[str, ...]
    """Image ids."""


def describe_pictures(
    pictures: Sequence[Picture], *, workers: int = 1, progress: Progress | None = None
) -> Described:
    """Read and describe pictures.

    Args:
        pictures: Image files.
        workers: Processes; 1 is this process.
        progress: Called with the number of pictures done and of all.
    """
    chunks = ((tuple(pictures[i : i + _CHUNK]),) for i in range(0, len(pictures), _CHUNK))
    found: list[NDArray[np.float32] | None] = []
    with mapped(_described, chunks, workers) as results:
        for result in results:
            found += result
            if progress:
                progress(len(found), len(pictures))
    known = [features for features in found if features is not None]
    return Described(
        pictures=tuple(p for p, features in zip(pictures, found, strict=True) if features is not None),
        features=np.stack(known) if known else np.zeros((0, VIEWS, FEATURES), np.float32),
        unread=tuple(p.image_id for p, features in zip(pictures, found, strict=True) if features is None),
    )


def _described(pictures: Sequence[Picture]) -> list[NDArray[np.float32] | None]:
    return [None if (grey := _decoded(picture)) is None else features_of(grey) for picture in pictures]


def _decoded(picture: Picture) -> Grey | None:
    try:
        return grey_levels(read_file(picture), picture.place)
    except (CaseError, DatasetError):
        return None


def find_altered(
    described: Described, *, known: Iterable[Sequence[str]] = (), workers: int = 1
) -> tuple[Altered, ...]:
    """Find the images that show one picture scaled, turned or brightened, whole or cut to its echo region.

    Both sides may be scaled by different factors. Not found: crops of another kind that are scaled as well,
    pictures turned by 90 degrees, those with marks that the other has not, and what is smaller than 64 pixels
    a side. Copies at one scale and gain are found too, where the whole or the echo region is the same.

    Args:
        described: The pictures.
        known: Clusters of image ids that are known to show one picture: pairs within one are left out.
        workers: Processes; 1 is this process.

    Returns:
        Each pair once, in the order of the pictures: the same on any number of workers.
    """
    cluster_of = {image_id: number for number, cluster in enumerate(known) for image_id in cluster}
    clusters = [cluster_of.get(picture.image_id, -1 - i) for i, picture in enumerate(described.pictures)]
    candidates = sorted(c for c in _candidates(described.features) if clusters[c[0]] != clusters[c[1]])
    chunks = (candidates[i : i + _CHUNK] for i in range(0, len(candidates), _CHUNK))
    tasks = (
        (chunk, {place: described.pictures[place] for each in chunk for place in each[:2]})
        for chunk in chunks
    )
    found: dict[tuple[int, int], Altered] = {}
    with mapped(_confirmed, tasks, workers) as results:
        for result in results:
            for pair, altered in result:
                found.setdefault(pair, altered)
    return tuple(altered for _, altered in sorted(found.items(), key=lambda item: item[0]))


_Candidate = tuple[int, int, float, int, int, int]
"""Two pictures, the share of bits that differ, the view of each, and the turn of the second by its place."""


def _candidates(features: NDArray[np.float32]) -> set[_Candidate]:
    """Return the views that may be alike.

    A bit tells whether a feature is above its median over the pictures, so that what all of one scanner have
    in common says nothing. Whole pictures are compared by the medians of whole ones; by those of echo regions
    all views are, because a picture that was cut to its echo region is whole.
    """
    count = len(features)
    if not count:
        return set()
    whole, echo = features[:, 0], features[:, 1]
    both = np.concatenate([echo, whole])
    found: set[_Candidate] = set()
    for place, turn in enumerate(Turn):
        for rows, medians, views in (
            (whole, _middle(whole), np.zeros(count, np.int64)),
            (both, _middle(echo), np.repeat([1, 0], count)),
        ):
            bits = np.stack([rows, rows * turning_signs(turn)]) > medians
            owners = np.tile(np.arange(count), len(rows) // count)
            for first, second in _near(bits, owners):
                apart = (bits[0, first] != bits[1, second]).mean(axis=1)
                for i in np.flatnonzero(apart <= DIFFERENT):
                    one, two = (owners[first[i]], views[first[i]]), (owners[second[i]], views[second[i]])
                    (a, view_a), (b, view_b) = sorted([one, two])  # a turn is its own inverse
                    found.add((int(a), int(b), round(float(apart[i]), 6), int(view_a), int(view_b), place))
    return found


def _middle(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what bits are told by: the median of each feature."""
    if len(rows) < MANY:
        return np.zeros(rows.shape[1], np.float32)
    return np.asarray(np.median(rows, axis=0), np.float32)


def _near(bits: NDArray[np.bool_], owners: NDArray[np.int64]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield pairs of rows of different pictures, the second turned, that agree in a band.

    Args:
        bits: (2, rows, FEATURES): as it is, and turned.
        owners: (rows,), the picture of each.
    """
    rows = len(owners)
    weights = 1 << np.arange(BAND)
    for start in range(0, FEATURES, BAND):
        keys = (bits[:, :, start : start + BAND] @ weights).ravel()
        order = np.argsort(keys, kind="stable")
        for step in range(1, AHEAD + 1):
            one, two = order[:-step], order[step:]
            kept = (keys[one] == keys[two]) & (one // rows != two // rows)
            first, second = np.minimum(one[kept], two[kept]), np.maximum(one[kept], two[kept]) - rows
            different = owners[first] != owners[second]
            yield first[different], second[different]


def _confirmed(
    candidates: Sequence[_Candidate], pictures: dict[int, Picture]
) -> list[tuple[tuple[int, int], Altered]]:
    """Decide candidates by their pixels; those of one pair in their order until one is the same."""
    found: dict[tuple[int, int], Altered] = {}

    @lru_cache(maxsize=16)  # pairs that follow one another share pictures
    def seen(place: int, view: int) -> Grey | None:
        grey = _decoded(pictures[place])
        return None if grey is None else view_of(grey, view)

    for first, second, _, first_view, second_view, turn_place in candidates:
        one, two = seen(first, first_view), seen(second, second_view)
        if (first, second) in found or one is None or two is None or min(*one.shape, *two.shape) < SMALLEST:
            continue
        turn = list(Turn)[turn_place]
        median, least = likeness(shrunk(one, SIDE), turned(shrunk(two, SIDE), turn))
        if median >= MEDIAN and least >= LEAST:
            found[first, second] = Altered(
                image_ids=(pictures[first].image_id, pictures[second].image_id),
                turn=turn,
                sizes=((one.shape[1], one.shape[0]), (two.shape[1], two.shape[0])),
                correlation=median,
            )
    return [*found.items()]
