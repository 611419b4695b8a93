"""Masks between arrays of pixels and COCO's run-length encoding; no polygon is made on the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from thyrodata.schema.geometry import Mask

__all__ = ["decode_mask", "encode_mask"]


def encode_mask(foreground: NDArray[np.bool_]) -> Mask:
    """Encode the pixels that are true.

    Args:
        foreground: bool (height, width).
    """
    height, width = foreground.shape
    rle = coco_mask.encode(np.asfortranarray(foreground.view(np.uint8)))
    return Mask(height=height, width=width, counts=rle["counts"].decode())


def decode_mask(mask: Mask) -> NDArray[np.bool_]:
    """Return a mask's pixels, bool (height, width)."""
    rle = {"size": [mask.height, mask.width], "counts": mask.counts}
    pixels: NDArray[np.uint8] = coco_mask.decode(rle)
    return pixels.view(np.bool_)
