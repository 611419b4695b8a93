"""The grey levels of an image file."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thyrodata.duplicates.model import Picture
from thyrodata.errors import CaseError, DatasetError
from thyrodata.io.images import decode_image

__all__ = ["Grey", "grey_levels", "read_file"]

Grey = NDArray[np.uint8] | NDArray[np.uint16]
"""(height, width)"""


def read_file(picture: Picture) -> bytes:
    """Return the bytes of a picture's file.

    Raises:
        CaseError: It is missing or cannot be read.
        DatasetError: It is not what its record says.
    """
    try:
        data = Path(picture.place).read_bytes()
    except OSError as error:
        raise CaseError(
            f"the image of {picture.image_id} cannot be read: {error.strerror or error}",
            where=picture.place,
            hint="run `thyrodata verify` on its dataset",
        ) from None
    if picture.sha256 not in (None, sha256(data).hexdigest()):
        raise DatasetError(
            f"the image of {picture.image_id} differs from its checksum",
            where=picture.place,
            hint="run `thyrodata verify` on its dataset",
        )
    return data


def grey_levels(data: bytes, where: str) -> Grey:
    """Decode an image file to grey, a colour to its luma.

    Raises:
        CaseError: It is no whole image of a kind that is read.
    """
    pixels = decode_image(data, where)
    if pixels.ndim == 2:  # noqa: PLR2004 -- rows and columns
        return pixels
    # The luma of ITU-R BT.601 in 16 fractional bits, rounded: what Pillow, and so most tools, turn grey with.
    weights = np.array([19595, 38470, 7471], np.uint32)
    luma: NDArray[np.uint8] = ((pixels @ weights + 0x8000) >> 16).astype(np.uint8)
    return luma
