"""Masks as image files, arrays of pixels and COCO's run-length encoding; no polygon is made on the way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from thyrodata.errors import CaseError
from thyrodata.io.images import decode_image
from thyrodata.io.raw import RawFile
from thyrodata.schema.geometry import Mask

__all__ = ["components", "decode_mask", "encode_mask", "read_mask"]

_EIGHT_NEIGHBOURS = np.ones((3, 3), np.bool_)


def read_mask(file: RawFile, *, above: int) -> NDArray[np.bool_]:
    """Read a mask that is published as an image file: PNG, JPEG or BMP, of 8 or 16 bits.

    An image of three equal channels is grey; one of other colours may hold classes that no single grey value
    tells apart, and is refused.

    Args:
        file: The image file.
        above: The grey value above which a pixel is foreground: 127 where a mask of 0 and 255 went through
            JPEG, which blurs both.

    Returns:
        bool (height, width), true in the foreground.

    Raises:
        CaseError: The file cannot be read or decoded, or is not grey.
    """
    pixels = decode_image(file.read(), str(file))
    if pixels.ndim == 3:  # noqa: PLR2004 -- height, width, channels
        red, green, blue = (pixels[..., channel] for channel in range(3))
        if not (np.array_equal(red, green) and np.array_equal(red, blue)):
            raise CaseError(
                "the mask is in colour: which of its colours are foreground is not known",
                where=str(file),
                hint="give masks in grey, one image per class",
            )
        pixels = red
    foreground: NDArray[np.bool_] = pixels > above
    return foreground


def encode_mask(foreground: NDArray[np.bool_]) -> Mask:
    """Encode the pixels that are true.

    Args:
        foreground: bool (height, width).
    """
    height, width = foreground.shape
    # pycocotools' own encode wants the whole array in columns, and the copy takes ten times the encoding.
    rle = coco_mask.frPyObjects({"size": [height, width], "counts": _runs(foreground)}, height, width)
    return Mask(height=height, width=width, counts=rle["counts"].decode())


def _runs(foreground: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the lengths of the runs down the columns, one column after the other, background first."""
    height, width = foreground.shape
    pixels = foreground.tobytes()  # searching bytes takes a third of the time of searching rows
    first, last = pixels.find(1), pixels.rfind(1)
    if first < 0:
        return np.array([height * width])
    # The rows of the foreground and one below; where there is none, all, since runs go on in the next column.
    top, bottom = first // width, last // width + 2
    if bottom > height:
        top, bottom = 0, height
    columns = np.flatnonzero(foreground[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    block = foreground[top:bottom, left:right]
    # A run starts at a pixel unlike the one above it; above the top one stands the last of the column before.
    starting = np.empty(block.shape, np.bool_)
    np.not_equal(block[1:], block[:-1], out=starting[1:])
    np.not_equal(block[0, 1:], block[-1, :-1], out=starting[0, 1:])
    starting[0, 0] = block[0, 0]
    y, x = np.divmod(np.flatnonzero(starting), right - left)
    starts = (left + x) * height + (top + y)
    starts.sort()
    after = [right * height] if right < width and block[-1, -1] else []
    bounds = np.concatenate(([0], starts, [*after, height * width]))
    return bounds[1:] - bounds[:-1]


def decode_mask(mask: Mask) -> NDArray[np.bool_]:
    """Return a mask's pixels, bool (height, width)."""
    runs = mask.runs()
    down_the_columns = np.repeat(np.arange(len(runs)) % 2 == 1, runs)  # background first
    return down_the_columns.reshape(mask.width, mask.height).T


def components(foreground: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """Yield the connected parts of a mask, for sources that say that each part is a thing of its own.

    Pixels that touch at a corner are connected (8-connectivity). The parts are made one by one: noise has
    thousands.

    Args:
        foreground: bool (height, width).

    Yields:
        bool (height, width) of each part, in the order of their first pixels, row by row.
    """
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    labels, count = ndimage.label(foreground, _EIGHT_NEIGHBOURS)
    boxes = ndimage.find_objects(labels)
    for number, box in zip(range(1, count + 1), boxes, strict=True):
        part = np.zeros(foreground.shape, np.bool_)
        np.equal(labels[box], number, out=part[box])
        yield part
