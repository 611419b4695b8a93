"""Whether an exported picture is its part of the original's frame, bit for bit, but for listed boxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.audit.model import Check
from thyrodata.schema.record import CropLedger

__all__ = ["pixel_faults"]

Pixels = NDArray[np.unsignedinteger[Any]]


def pixel_faults(exported: Pixels, frame: Pixels, crop: CropLedger) -> Iterator[tuple[Check, str]]:
    """Say where an exported picture is not what its ledger says.

    Args:
        exported: (height, width) or (height, width, 3), as read back from the file.
        frame: The original's whole frame, decoded: (height, width) or (height, width, 3).
        crop: The picture's ledger.
    """
    if frame.shape[:2] != (crop.source_height, crop.source_width):
        yield Check.PIXELS, "the ledger is that of a frame of another size"
        return
    x0, y0, x1, y1 = crop.kept_box
    kept = frame[y0:y1, x0:x1]
    if exported.ndim == 2 and kept.ndim == 3:  # noqa: PLR2004 -- a grey picture stored as RGB leaves as grey
        exported = np.repeat(exported[..., None], 3, axis=2)
    if exported.shape != kept.shape or exported.dtype != kept.dtype:
        yield (
            Check.PIXELS,
            f"the picture is {exported.dtype} {exported.shape}, the crop {kept.dtype} {kept.shape}",
        )
        return
    free = np.ones(kept.shape[:2], bool)
    for number, (left, top, right, bottom) in enumerate(crop.blanked_boxes, 1):
        inside = np.s_[max(top - y0, 0) : max(bottom - y0, 0), max(left - x0, 0) : max(right - x0, 0)]
        free[inside] = False
        if exported[inside].any():
            yield (
                Check.BLANK,
                f"blanked box {number} has {np.count_nonzero(exported[inside])} samples that are not 0",
            )
    differ = exported != kept
    if differ.ndim == 3:  # noqa: PLR2004 -- of colours
        differ = differ.any(axis=2)
    if changed := np.count_nonzero(differ & free):
        yield Check.PIXELS, f"{changed} pixels differ from the original's, outside blanked boxes"
