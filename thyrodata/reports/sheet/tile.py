"""One image of a contact sheet, decoded and scaled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from thyrodata.errors import CaseError
from thyrodata.io.images import MAX_PIXELS, decode_image, probe_image
from thyrodata.schema.record import ImageRecord

__all__ = ["Tile", "is_windowed", "picture"]

_BLANK = (38, 43, 51)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One image of a contact sheet."""

    record: ImageRecord
    data: bytes | None
    """The image file's bytes; ``None`` where there are annotations only."""


def picture(tile: Tile, size: tuple[int, int]) -> Image.Image:
    """Decode the image and scale it to a size (width, height), or return an empty ground.

    Raises:
        CaseError: The image cannot be decoded, is too large, or is not of the size that its record says.
    """
    image = tile.record.image
    if image.width * image.height > MAX_PIXELS:
        raise CaseError(
            f"an image of {image.width} x {image.height} pixels is past the limit of {MAX_PIXELS}",
            where=_where(tile),
            hint="leave the image out",
        )
    if tile.data is None:
        return Image.new("RGB", size, _BLANK)
    pixels = decode_image(tile.data, _where(tile))
    if pixels.shape[:2] != (image.height, image.width):
        raise CaseError(
            f"the file has {pixels.shape[1]} x {pixels.shape[0]} pixels, its record says "
            f"{image.width} x {image.height}: outlines would lie at wrong places",
            where=_where(tile),
            hint="make the dataset again from its source",
        )
    return Image.fromarray(_eight_bit(pixels)).resize(size, Image.Resampling.LANCZOS).convert("RGB")


def _where(tile: Tile) -> str:
    path = tile.record.image.path
    return tile.record.image_id if path is None else f"{tile.record.image_id}, {path}"


def is_windowed(tile: Tile) -> bool:
    """Tell whether an image has more than 8 bits, of which a window is shown."""
    return tile.data is not None and probe_image(tile.data, _where(tile)).bit_depth > 8  # noqa: PLR2004


def _eight_bit(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Stretch 16-bit values from their 1st to their 99th percentile to 8 bits; leave 8 bits as they are."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    low, high = np.percentile(pixels, (1, 99))
    stretched = (pixels - low) * (255 / max(high - low, 1))
    shown: NDArray[np.uint8] = stretched.clip(0, 255).astype(np.uint8)
    return shown
