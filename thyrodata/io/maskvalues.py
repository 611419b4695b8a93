"""Masks whose values tell things apart: each grey value or colour but the background's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import CaseError
from thyrodata.io.images import ImageFormat, decode_image, probe_image
from thyrodata.io.raw import RawFile

__all__ = ["MAX_VALUES", "read_mask_values"]

MAX_VALUES = 1000
"""An image with more values is no mask: a picture in the wrong folder."""


def read_mask_values(file: RawFile) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each grey value but 0, or each colour but black, in the order of the values, and its pixels.

    A value's name is ``3``, or ``#ff0000`` where the image has colours. A palette counts by its colours.

    Yields:
        The name, and bool (height, width).

    Raises:
        CaseError: The file cannot be read or decoded, is a JPEG, whose compression invents values between
            those that were drawn, or has more than a thousand values.
    """
    data, where = file.read(), str(file)
    if probe_image(data, where).format is ImageFormat.JPEG:
        raise CaseError(
            "the mask is a JPEG, whose compression has invented values",
            where=where,
            hint="export the masks as PNG; or read them as grey, above a threshold",
        )
    values = decode_image(data, where)
    grey = values.ndim == 2  # noqa: PLR2004 -- height, width, and channels in colour
    codes = values if grey else values.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found = [code for code in np.unique(codes).tolist() if code]
    if len(found) > MAX_VALUES:
        raise CaseError(
            f"the mask has {len(found)} values, past the limit of {MAX_VALUES}",
            where=where,
            hint="it is a picture: check that it is a mask",
        )
    for code in found:
        yield (str(code) if grey else f"#{code:06x}"), codes == code
