"""Whether two pictures are the same where they overlap, pixel by pixel and block by block.

A region that differs refuses the pair, however small its share is: pictures of one scanner are black and
bear the same signs over much of their frames. Tolerances were measured on 360 published stills of thyroid
ultrasound, 32 of another source and 60 phantoms, each cropped and compressed again as JPEG: at quality 75 all
pass, at quality 90 with much to spare. At quality 50 most of the first do not, nor do some of those where
both were cropped and compressed again at 75.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.duplicates.overlap import Offset, overlap_boxes, overlap_share
from thyrodata.duplicates.pixels import Grey

__all__ = ["Difference", "compare"]

_BLOCK_PX: Final = 16
_MOST: Final = 72
"""Grey levels that one pixel may differ by: JPEG of quality 75 comes to 51 at the edges of letters, and the
thinnest coloured mark on bright tissue to 77."""
_BASE: Final = 3.0
"""Grey levels, on the mean over a flat block."""
_SLOPE: Final = 0.32
"""Grey levels more for each of a block's standard deviation: compression costs texture the most (at quality
75 a fifth of it, at times a third), and the speckle of another frame differs by 1.1 times its deviation."""
_TEXTURE_MOST: Final = 25.0
"""Grey levels of deviation beyond which nothing more is allowed: there it is edges and letters."""
_TEXTURE: Final = 8.0
"""Grey levels of deviation from which other speckle could not pass a block."""
_TEXTURED: Final = 1 / 8
"""The share of blocks of that texture without which only equal pixels count."""
_TEXTURED_BLOCKS: Final = 8
"""The number of such blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """By how much two pictures that are the same differ."""

    overlap: float
    mean: float
    """Grey levels."""
    most: int
    """Grey levels."""


def compare(first: Grey, second: Grey, offset: Offset) -> Difference | None:
    """Return by how much two pictures differ at an offset; ``None`` if they are not the same there.

    Pictures of 16 bits are stored without loss: they must be equal in every pixel of the overlap. Where
    little of it has texture, those of 8 bits must be so too, and one must lie whole in the other.
    """
    size, other = first.shape[:2], second.shape[:2]
    share = overlap_share(size, other, offset)
    if not share or first.dtype != second.dtype:
        return None
    one, two = (
        grey[y0:y1, x0:x1]
        for grey, (x0, y0, x1, y1) in zip((first, second), overlap_boxes(size, other, offset), strict=True)
    )
    apart = np.maximum(one, two) - np.minimum(one, two)
    most = int(apart.max())
    equal = most == 0 and share == 1  # then it needs no texture
    if most > (_MOST if first.dtype == np.uint8 else 0) or not (equal or _tolerable(one, two, apart)):
        return None
    return Difference(overlap=share, mean=int(apart.sum(dtype=np.int64)) / apart.size, most=most)


def _tolerable(one: Grey, two: Grey, apart: Grey) -> bool:
    """Tell whether there is texture to judge by, and no block differs by more than compression explains."""
    texture = np.minimum(_deviations(one), _deviations(two))
    textured = np.count_nonzero(texture >= _TEXTURE)
    if textured < max(_TEXTURED_BLOCKS, _TEXTURED * texture.size):
        return False
    allowed = _BASE + _SLOPE * np.minimum(texture, _TEXTURE_MOST)
    return bool((_means(apart) <= allowed).all())


def _means(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean of each block."""
    rows, columns = (_starts(length) for length in values.shape)
    sums = np.add.reduceat(values, rows, axis=0, dtype=np.int64)
    sums = np.add.reduceat(sums, columns, axis=1, dtype=np.int64)
    heights, widths = (
        np.diff(np.r_[starts, length]) for starts, length in zip((rows, columns), values.shape, strict=True)
    )
    means: NDArray[np.float64] = sums / np.outer(heights, widths)
    return means


def _deviations(values: Grey) -> NDArray[np.float64]:
    """Return the standard deviation of each block."""
    squares = values.astype(np.int64) ** 2
    deviations: NDArray[np.float64] = np.sqrt(np.maximum(_means(squares) - _means(values) ** 2, 0))
    return deviations


def _starts(length: int) -> NDArray[np.intp]:
    """Return where blocks begin; the last takes in what is left if that is less than half a block."""
    return np.arange(0, max(length - _BLOCK_PX // 2, 1), _BLOCK_PX)
