"""Findings painted into one raster, in which a pixel has one value; what it cannot hold is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from thyrodata.errors import UsageError
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.view import ViewedFinding, ViewedImage
from thyrodata.io.masks import decode_mask
from thyrodata.schema.geometry import Mask

__all__ = ["category_values", "paint", "viewed_pixels"]

MAX_CLASSES = 255
"""More do not fit beside the background into 8 bits."""


def category_values(categories: Sequence[str], *, hint: str) -> Mapping[str, int]:
    """Return the value of each category's pixels: from 1, in the given order.

    Raises:
        UsageError: There are more categories than values. The hint says what helps.
    """
    if len(categories) > MAX_CLASSES:
        raise UsageError(
            f"the dataset has {len(categories)} categories, and a mask {MAX_CLASSES} values", hint=hint
        )
    return {name: number for number, name in enumerate(categories, 1)}


def paint(
    image: ViewedImage, values: Sequence[int], dtype: DTypeLike, ledger: LossLedger
) -> NDArray[np.unsignedinteger]:
    """Return the raster, larger findings below smaller ones, of equal ones the later on top.

    Args:
        image: Of a view whose shape is pixels.
        values: Of each finding; 0 is background.
        dtype: Of the raster.
        ledger: Where findings are named that share a value, or of which pixels are covered.
    """
    mask = np.zeros((image.record.image.height, image.record.image.width), dtype)
    drawn = [viewed_pixels(viewed) for viewed in image.findings]
    for index in sorted(range(len(drawn)), key=lambda i: -int(drawn[i].sum())):
        mask[drawn[index]] = values[index]
    counts = Counter(values)
    for pixels, value in zip(drawn, values, strict=True):
        ledger.change("findings", "instances-merged", counts[value] > 1)
        ledger.change("findings", "overlap", bool((mask[pixels] != value).any()))
    return mask


def viewed_pixels(viewed: ViewedFinding) -> NDArray[np.bool_]:
    """Return a finding's pixels, bool (height, width), of a view whose shape is pixels."""
    if not isinstance(viewed.geometry, Mask):
        raise TypeError(f"{viewed.geometry} is no mask: the view was not told to give pixels")
    return decode_mask(viewed.geometry)
