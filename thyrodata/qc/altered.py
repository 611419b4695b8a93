"""The search for copies that :func:`thyrodata.duplicates.find_same` leaves: scaled, turned or marked ones.

Pictures that are alike as a whole, or that share parts, are candidates, which costs nearly linear time; each
candidate is then decided by its pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.duplicates import Picture
from thyrodata.duplicates.pixels import Grey, grey_levels, read_file
from thyrodata.engine import Progress
from thyrodata.errors import CaseError, DatasetError
from thyrodata.pool import mapped
from thyrodata.qc.blobs import Blobs, find_blobs
from thyrodata.qc.parts import find_parts
from thyrodata.qc.registration import SIDE, Likeness, likeness
from thyrodata.qc.views import FEATURES, VIEWS, Box, Overlay, Turn, features_of, levels_of, turned, views_of
from thyrodata.qc.wholes import find_wholes
from thyrodata.schema.record import PixelBox

__all__ = ["Altered", "Described", "Description", "describe_pictures", "find_altered"]

MEDIAN, LEAST = 0.9, 0.6
"""Correlations that copies come to. See :func:`thyrodata.qc.registration.likeness`."""

MEDIAN_OF_COVERED: Final = 0.95
"""The median that copies come to of which something was set aside: in a clip what moves looks like marks."""

SLIGHT: Final = 0.02
"""The share of what both show that may be set aside without that."""

SMALLEST: Final = 64
"""Pixels a side below which what both show is too coarse to be told from others of its kind."""

SCALED: Final = 0.02
"""By how much sizes must differ to be called scaled: where a crop lies is found to a pixel or so."""

_CHUNK: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """Two images that show one picture at another scale, turned, at another gain, or with other marks."""

    image_ids: tuple[str, str]
    """In the order in which the pictures were given."""
    turn: Turn
    sizes: tuple[tuple[int, int], tuple[int, int]]
    """(width, height) of what both show, in each."""
    correlation: float
    """The median over blocks."""
    set_aside: float = 0.0
    """The share of what both show that was left out: marks of one of them, or what is blanked in one."""

    def __str__(self) -> str:
        """Say in what the second differs from the first."""
        first, second = (f"{width} x {height} px" for width, height in self.sizes)
        ratios = [two / one for one, two in zip(*self.sizes, strict=True)]
        scaled = any(abs(ratio - 1) > SCALED for ratio in ratios)
        said = (
            str(self.turn),
            f"scaled from {first} to {second}" if scaled else "",
            f"with other marks or a blanked part ({self.set_aside:.0%})" if self.set_aside > SLIGHT else "",
        )
        return (
            f"{' and '.join(filter(None, said)) or 'alike in every part'}, correlation {self.correlation:.2f}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Description:
    """What a picture looks like from afar, and what stands out in it."""

    views: tuple[PixelBox, PixelBox]
    features: NDArray[np.float32]
    """(VIEWS, FEATURES)"""
    blobs: Blobs

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        _, _, width, height = self.views[0]
        return width, height


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Described:
    """Pictures that could be read, how each is described, and those that could not."""

    pictures: tuple[Picture, ...]
    descriptions: tuple[Description, ...]
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
    found: list[Description | None] = []
    with mapped(_described, chunks, workers) as results:
        for result in results:
            found += result
            if progress:
                progress(len(found), len(pictures))
    return Described(
        pictures=tuple(p for p, known in zip(pictures, found, strict=True) if known),
        descriptions=tuple(known for known in found if known),
        unread=tuple(p.image_id for p, known in zip(pictures, found, strict=True) if not known),
    )


def _described(pictures: Sequence[Picture]) -> list[Description | None]:
    return [None if (grey := _decoded(picture)) is None else _description(grey) for picture in pictures]


def _description(grey: Grey) -> Description:
    views = views_of(grey)
    return Description(views=views, features=features_of(grey, views), blobs=find_blobs(grey, views[1]))


def _decoded(picture: Picture) -> Grey | None:
    try:
        return grey_levels(read_file(picture), picture.place)
    except (CaseError, DatasetError):
        return None


def find_altered(
    described: Described, *, known: Iterable[Sequence[str]] = (), workers: int = 1
) -> tuple[Altered, ...]:
    """Find the images that show one picture scaled, turned, brightened or with other marks, whole or cropped.

    Sides of a whole picture, or of its echo region, may be scaled by any two factors, those of another crop
    by factors up to 1.4 apart. Both must show half of the smaller picture. Marks are thin strokes; what is
    blanked is an even box; both together may be a quarter of what both show. Not found: turns by 90 degrees,
    and what is smaller than 64 pixels a side. Copies at one scale and gain are found too.

    Args:
        described: The pictures.
        known: Clusters of image ids that are known to show one picture: pairs within one are left out.
        workers: Processes; 1 is this process.

    Returns:
        Each pair once, in the order of the pictures: the same on any number of workers.
    """
    cluster_of = {image_id: number for number, cluster in enumerate(known) for image_id in cluster}
    clusters = [cluster_of.get(picture.image_id, -1 - i) for i, picture in enumerate(described.pictures)]
    candidates = [each for each in _candidates(described) if clusters[each.first] != clusters[each.second]]
    chunks = (candidates[i : i + _CHUNK] for i in range(0, len(candidates), _CHUNK))
    tasks = (
        (chunk, {place: described.pictures[place] for each in chunk for place in (each.first, each.second)})
        for chunk in chunks
    )
    found: dict[tuple[int, int], Altered] = {}
    with mapped(_confirmed, tasks, workers) as results:
        for result in results:
            for pair, altered in result:
                found.setdefault(pair, altered)
    return tuple(altered for _, altered in sorted(found.items(), key=lambda item: item[0]))


def _candidates(described: Described) -> list[Overlay]:
    """Return how pictures may lie on one another; those of one pair follow one another, wholes first."""
    each = described.descriptions
    features = np.array([one.features for one in each], np.float32).reshape(-1, VIEWS, FEATURES)
    wholes = find_wholes(features, [one.views for one in each])
    parts = find_parts([one.blobs for one in each], [one.size for one in each])
    return sorted([*wholes, *parts], key=lambda overlay: (overlay.first, overlay.second))


def _confirmed(
    candidates: Sequence[Overlay], pictures: dict[int, Picture]
) -> list[tuple[tuple[int, int], Altered]]:
    """Decide candidates by their pixels; those of one pair in their order until one is the same."""
    found: dict[tuple[int, int], Altered] = {}

    @lru_cache(maxsize=16)  # pairs that follow one another share pictures
    def decoded(place: int) -> Grey | None:
        return _decoded(pictures[place])

    for each in candidates:
        pair = each.first, each.second
        one, two = decoded(each.first), decoded(each.second)
        sizes = [(x1 - x0, y1 - y0) for x0, y0, x1, y1 in each.boxes]
        if pair in found or one is None or two is None or min(map(min, sizes)) < SMALLEST:
            continue
        first, second = _squares((one, two), each.boxes)
        alike = likeness(first, turned(second, each.turn))
        if _is_same(alike):
            (width, height), (other_width, other_height) = sizes
            found[pair] = Altered(
                image_ids=(pictures[each.first].image_id, pictures[each.second].image_id),
                turn=each.turn,
                sizes=((round(width), round(height)), (round(other_width), round(other_height))),
                correlation=alike.median,
                set_aside=alike.set_aside,
            )
    return [*found.items()]


def _is_same(alike: Likeness) -> bool:
    needed = MEDIAN if alike.set_aside <= SLIGHT else MEDIAN_OF_COVERED
    return alike.median >= needed and alike.least >= LEAST


def _squares(pictures: tuple[Grey, Grey], boxes: tuple[Box, Box]) -> list[NDArray[np.float32]]:
    """Return what boxes show as squares, each no finer than the coarser of the two is stored."""
    sides = zip(*((x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes), strict=True)
    width, height = (min(SIDE, round(min(of_both))) for of_both in sides)
    return [
        levels_of(grey, box, (width, height), (SIDE, SIDE)) for grey, box in zip(pictures, boxes, strict=True)
    ]
