"""Geometries in continuous pixel coordinates.

The origin is the top-left corner of the top-left pixel, x runs right and y down, in pixels; the pixel in
column j covers [j, j + 1). How a source's own convention maps to this one is written beside the line of the
converter that does it. A geometry may leave its image where the source's does: that is remarked, not mended.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain
from math import hypot, isfinite

from thyrodata.errors import SchemaError

__all__ = [
    "Box",
    "Calipers",
    "Geometry",
    "Line",
    "Mask",
    "Point",
    "Polygon",
    "PolygonPart",
    "Ring",
    "Segment",
]

Point = tuple[float, float]
"""(x, y) in pixels."""

Ring = tuple[Point, ...]
"""Three or more points of a closed curve; the edge from the last point to the first is implied."""

Segment = tuple[Point, Point]
"""The two ends of a straight line."""

MIN_RING = 3
MAX_COORDINATE = 1_000_000
"""Pixels. No image is near as wide, and what rasterises an outline needs memory in proportion to it."""

# Characters of a mask's counts: from "0" on in the order of their six bits, of which the highest says that
# another character follows.
_COUNTS = re.compile("[0-o]*")
_LONG = re.compile(b"[P-o]+[0-O]?")
_SHORT = bytes(((code - 48) - 2 * (code - 48 & 0x10)) % 256 for code in range(256))
"""The number of one character, as a signed byte: five bits, of which the highest is the sign."""

_MOST_CHARACTERS = 13
"""Of a number: more than 60 bits, and no image has as many pixels."""


@lru_cache(maxsize=4096)
def _long_number(text: bytes) -> int:
    if len(text) > _MOST_CHARACTERS:
        raise SchemaError("a run of a mask is longer than any image")
    if text[-1:] >= b"P":
        raise SchemaError("the counts of a mask end inside a number")
    value = sum((code - 48 & 0x1F) << 5 * place for place, code in enumerate(text))
    negative = text[-1] - 48 & 0x10
    return value - (1 << 5 * len(text)) if negative else value


def _check_numbers(points: Iterable[Point], what: str) -> None:
    xs, ys = zip(*points, strict=True)
    # Then each of them is: that is nearly always so, and quick to see.
    if hypot(*xs) <= MAX_COORDINATE and hypot(*ys) <= MAX_COORDINATE:
        return
    numbers = xs + ys
    if not isfinite(sum(numbers)):  # one infinity or nan makes the sum one
        raise SchemaError(f"a coordinate of a {what} is not a finite number")
    if max(numbers) > MAX_COORDINATE or min(numbers) < -MAX_COORDINATE:
        raise SchemaError(f"a coordinate of a {what} is beyond {MAX_COORDINATE} px")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An axis-aligned rectangle.

    Raises:
        SchemaError: A number is not finite or beyond a million px, or a side is negative.
    """

    x: float
    """Left edge."""
    y: float
    """Top edge."""
    width: float
    height: float

    def __post_init__(self) -> None:
        _check_numbers(((self.x, self.y), (self.width, self.height)), "box")
        if self.width < 0 or self.height < 0:
            raise SchemaError(f"a box has a negative side: {self.width} x {self.height} px")

    @property
    def bbox_xywh_px(self) -> tuple[float, float, float, float]:
        """Left, top, width, height."""
        return (self.x, self.y, self.width, self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolygonPart:
    """One outer curve and the holes in it.

    Raises:
        SchemaError: A ring has fewer than three points, or a coordinate is not a number, or beyond a
            million px.
    """

    exterior: Ring
    holes: tuple[Ring, ...] = ()

    def __post_init__(self) -> None:
        for ring in (self.exterior, *self.holes):
            if len(ring) < MIN_RING:
                raise SchemaError(f"a ring of a polygon has {len(ring)} points; an area needs {MIN_RING}")
            _check_numbers(ring, "polygon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygon:
    """An area bounded by curves, of one or more parts.

    Raises:
        SchemaError: It has no part.
    """

    parts: tuple[PolygonPart, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise SchemaError("a polygon has no part")

    @property
    def bbox_xywh_px(self) -> tuple[float, float, float, float]:
        """Left, top, width, height of the exteriors' extent."""
        return _extent(chain.from_iterable(part.exterior for part in self.parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A raster of the image's own size, as COCO's compressed run-length encoding (column-major).

    ``counts`` is the string that pycocotools calls ``counts``: runs of zeros and ones by turns, zeros first.

    Raises:
        SchemaError: A side is not positive, or the runs do not sum to height x width.
    """

    height: int
    width: int
    counts: str

    def __post_init__(self) -> None:
        if self.height <= 0 or self.width <= 0:
            raise SchemaError(f"a mask has no pixels: {self.height} x {self.width}")
        if sum(map(sum, self._runs_by_value())) != self.height * self.width:
            raise SchemaError(f"the runs of a mask do not sum to its {self.height} x {self.width} pixels")

    def runs(self) -> tuple[int, ...]:
        """Return the run lengths, zeros first, in pixels."""
        zeros, ones = self._runs_by_value()
        runs = [0] * (len(zeros) + len(ones))
        runs[0::2], runs[1::2] = zeros, ones
        return tuple(runs)

    def _runs_by_value(self) -> tuple[list[int], list[int]]:
        """Return the lengths of the runs of zeros, and of those of ones.

        Each number is six bits a character, five of value and one that says whether another follows, least
        significant first, sign-extended; from the fourth on they are differences to the run two before
        (cocoapi, ``maskApi.c``, ``rleFrString``).
        """
        if not _COUNTS.fullmatch(self.counts):
            raise SchemaError("the counts of a mask hold a character outside COCO's encoding")
        text = self.counts.encode()
        short = array("b", text.translate(_SHORT)).tolist()
        numbers: list[int] = []
        done = 0
        for long in _LONG.finditer(text):  # seldom: most numbers are of one character
            numbers += short[done : long.start()]
            numbers.append(_long_number(long[0]))
            done = long.end()
        numbers += short[done:]
        zeros = numbers[:1] + list(accumulate(numbers[2::2]))
        ones = list(accumulate(numbers[1::2]))
        if min(zeros, default=0) < 0 or min(ones, default=0) < 0:
            raise SchemaError("a run of a mask is negative")
        return zeros, ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Calipers:
    """The long and the short diameter of a lesion as measured (RECIST 1.1: Eisenhauer, Eur J Cancer 2009).

    Raises:
        SchemaError: A coordinate is not a number, or beyond a million px.
    """

    long: Segment
    short: Segment | None = None

    def __post_init__(self) -> None:
        _check_numbers(self.long + (self.short or ()), "caliper")

    @property
    def bbox_xywh_px(self) -> tuple[float, float, float, float]:
        """Left, top, width, height of the ends' extent."""
        return _extent(self.long + (self.short or ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An open line of two or more points, such as an arrow from its tail to its head. It has no area.

    Raises:
        SchemaError: It has fewer than two points, or a coordinate is not a number, or beyond a million px.
    """

    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        if len(self.points) < 2:  # noqa: PLR2004 -- a line has two ends
            raise SchemaError(f"a line has {len(self.points)} points; it needs two")
        _check_numbers(self.points, "line")

    @property
    def bbox_xywh_px(self) -> tuple[float, float, float, float]:
        """Left, top, width, height of the points' extent."""
        return _extent(self.points)


Geometry = Box | Polygon | Mask | Calipers | Line
"""What a finding may be drawn as."""


def _extent(points: Iterable[Point]) -> tuple[float, float, float, float]:
    xs, ys = zip(*points, strict=True)
    left, top = min(xs), min(ys)
    return (left, top, max(xs) - left, max(ys) - top)
