"""The search for pictures that are the same: equal files, equal pixels, then shared landmarks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from thyrodata.duplicates.candidates import Candidate, Landmarks, find_candidates
from thyrodata.duplicates.comparison import Difference, compare
from thyrodata.duplicates.keypoints import find_keypoints
from thyrodata.duplicates.model import How, Picture, Same
from thyrodata.duplicates.overlap import Offset
from thyrodata.duplicates.pixels import Grey, grey_levels, read_file
from thyrodata.errors import UsageError
from thyrodata.io.hashes import hash_pixels
from thyrodata.pool import mapped

__all__ = ["find_same"]

Progress = Callable[[int, int], None]
"""Takes the number of steps done and of all."""

_CHUNK: Final = 64
"""Pictures, or pairs, that a worker takes at once."""
_POOL_FROM: Final = 1500
"""Pictures from which worker processes pay for their start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What is known of a picture once it has been decoded."""

    sha256: str
    pixels: str
    landmarks: Landmarks


def find_same(
    pictures: Sequence[Picture], *, workers: int | None = None, progress: Progress | None = None
) -> tuple[Same, ...]:
    """Find the images that show one picture at the same scale: copied, compressed again, greyed, or cropped.

    Two are the same if at some offset they agree in every region of their overlap but for what compression
    changes, and if the overlap is at least half of the smaller one. Pictures that are scaled, turned or
    mirrored are not found, nor are those of other brightness, with other marks or texts, or of the next
    moment of a clip, unless nothing moved. Nor is every crop of less than some 100 px a side, or of a flat
    part. An image takes some 10 kB of memory, and 40 kB for a moment.

    ``n`` equal pictures are given as n - 1 pairs with the first of them. Where one of them is the same as
    another picture, each is given with it. More than 16 copies that differ are linked through one another.

    Args:
        pictures: Image files; of each id one.
        workers: Processes; 1 is this process. By default one, or one per core for many pictures.
        progress: Called with the number of steps done and of all: each picture is one, and each pair to be
            compared.

    Returns:
        The pairs in the order of the pictures: the same on any number of workers.

    Raises:
        UsageError: There are fewer workers than one.
        CaseError: A file cannot be read, or is no whole image.
        DatasetError: A file is not what its sha256 says.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot read", hint="ask for one or more")
    if workers is None:
        workers = (os.cpu_count() or 1) if len(pictures) >= _POOL_FROM else 1
    files = _equal(picture.sha256 or place for place, picture in enumerate(pictures))
    steps = _Steps(progress, len(files))
    looks = _look_at_all([pictures[file[0]] for file in files], workers, steps)
    classes = [
        tuple(sorted(place for file in equal for place in files[file]))
        for equal in _equal(look.pixels for look in looks)
    ]
    look_of = {place: look for file, look in zip(files, looks, strict=True) for place in file}
    landmarks = [look_of[members[0]].landmarks for members in classes]
    candidates = list(find_candidates(landmarks))
    steps.add(len(candidates))
    compared = _compare_all([pictures[members[0]] for members in classes], candidates, workers, steps)
    names = [picture.image_id for picture in pictures]
    found = [*_equal_pairs(classes, look_of, names), *_similar_pairs(classes, compared, names)]
    return tuple(same for _, same in sorted(found, key=lambda pair: pair[0]))


class _Steps:
    """Tells what was done of all."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def add(self, more: int) -> None:
        """There is more to be done than was known."""
        self._total += more

    def did(self, steps: int) -> None:
        """Count steps."""
        self._done += steps
        if self._progress:
            self._progress(self._done, self._total)


def _equal(values: Iterable[object]) -> list[tuple[int, ...]]:
    """Return the places of equal values, by their first."""
    places: dict[object, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    return [tuple(found) for found in places.values()]


def _look_at_all(pictures: Sequence[Picture], workers: int, steps: _Steps) -> list[_Look]:
    chunks = ((pictures[i : i + _CHUNK],) for i in range(0, len(pictures), _CHUNK))
    looks: list[_Look] = []
    with mapped(_look_at, chunks, workers) as results:
        for result in results:
            looks += result
            steps.did(len(result))
    return looks


def _look_at(pictures: Sequence[Picture]) -> list[_Look]:
    """Decode pictures; what is returned is small."""
    looks = []
    for picture in pictures:
        data = read_file(picture)
        grey = grey_levels(data, picture.place)
        landmarks = Landmarks(shape=(grey.shape[0], grey.shape[1]), keypoints=find_keypoints(grey))
        looks.append(_Look(sha256=sha256(data).hexdigest(), pixels=hash_pixels(grey), landmarks=landmarks))
    return looks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """Two classes of pictures that are the same, by their places."""

    first: int
    second: int
    offset: Offset
    difference: Difference


def _compare_all(
    pictures: Sequence[Picture], candidates: Sequence[Candidate], workers: int, steps: _Steps
) -> Iterator[_Compared]:
    chunks = (candidates[i : i + _CHUNK] for i in range(0, len(candidates), _CHUNK))
    tasks = ((chunk, [(pictures[c.first], pictures[c.second]) for c in chunk]) for chunk in chunks)
    with mapped(_compare_each, tasks, workers) as results:
        for compared, done in results:
            yield from compared
            steps.did(done)


def _compare_each(
    candidates: Sequence[Candidate], pairs: Sequence[tuple[Picture, Picture]]
) -> tuple[list[_Compared], int]:
    """Compare the pixels of pairs, at the offsets in their order until one fits."""
    found = []

    @lru_cache(maxsize=16)  # pairs that follow one another share pictures
    def decoded(picture: Picture) -> Grey:
        return grey_levels(read_file(picture), picture.place)

    for candidate, (first, second) in zip(candidates, pairs, strict=True):
        one, two = decoded(first), decoded(second)
        for offset in candidate.offsets:
            difference = compare(one, two, offset)
            if difference:
                found.append(
                    _Compared(
                        first=candidate.first, second=candidate.second, offset=offset, difference=difference
                    )
                )
                break
    return found, len(candidates)


Placed = tuple[tuple[int, int], Same]
"""A pair with the places of its pictures, to be sorted by."""


def _equal_pairs(
    classes: Iterable[tuple[int, ...]], look_of: Mapping[int, _Look], names: Sequence[str]
) -> Iterator[Placed]:
    """Yield the pictures of equal grey levels, each with the first of them."""
    for first, *others in classes:
        for other in others:
            equal = look_of[first].sha256 == look_of[other].sha256
            yield (
                (first, other),
                Same(
                    image_ids=(names[first], names[other]),
                    how=How.BYTES if equal else How.PIXELS,
                    offset_px=(0, 0),
                    overlap=1.0,
                    mean_difference=0.0,
                    max_difference=0.0,
                ),
            )


def _similar_pairs(
    classes: Sequence[tuple[int, ...]], compared: Iterable[_Compared], names: Sequence[str]
) -> Iterator[Placed]:
    """Yield the pairs that were compared, and those of pictures that are equal to one of them."""
    for one in compared:
        firsts, seconds = classes[one.first], classes[one.second]
        for first, second in [
            *((firsts[0], second) for second in seconds),
            *((first, seconds[0]) for first in firsts[1:]),
        ]:
            yield _placed(first, second, one, names)


def _placed(first: int, second: int, one: _Compared, names: Sequence[str]) -> Placed:
    offset = one.offset
    if first > second:  # as an earlier picture of the second class may stand before a later one of the first
        first, second, offset = second, first, (-offset[0], -offset[1])
    same = Same(
        image_ids=(names[first], names[second]),
        how=How.PIXELS if one.difference.most == 0 else How.GREY_LEVELS,
        offset_px=offset,
        overlap=one.difference.overlap,
        mean_difference=one.difference.mean,
        max_difference=float(one.difference.most),
    )
    return (first, second), same
