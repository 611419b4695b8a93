"""A look at one image: its record and its pixels, decoded once for all rules that read them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.dataset import Dataset
from thyrodata.echo import Doubt, find_echo
from thyrodata.errors import CaseError
from thyrodata.io.images import decode_image
from thyrodata.qc.seam import find_seam
from thyrodata.schema.record import ImageRecord, PixelBox

if TYPE_CHECKING:
    from thyrodata.qc.marks import Marks
    from thyrodata.qc.writing import Line

__all__ = ["Look", "look_at"]


class Look:
    """An image as rules see it. What is computed from its pixels is computed when it is first asked for.

    Args:
        record: The image's.
        pixels: uint8 or uint16, (height, width) or (height, width, 3), as stored.

    Attributes:
        record: The image's. Whether it is ultrasound at all is for each rule to ask.
        pixels: As stored.
    """

    def __init__(self, record: ImageRecord, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
        self.record = record
        self.pixels: NDArray[Any] = pixels

    @cached_property
    def bytes(self) -> NDArray[np.uint8]:
        """The pixels in 8 bits: the high byte of 16."""
        if self.pixels.dtype == np.uint8:
            return self.pixels
        return (self.pixels >> 8).astype(np.uint8)

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        """(height, width), a colour as its luma (ITU-R BT.601), as most tools turn pictures grey."""
        from PIL import Image  # noqa: PLC0415 -- rules of records alone do without

        if self.bytes.ndim == 2:  # noqa: PLR2004 -- rows and columns
            return self.bytes
        return np.asarray(Image.fromarray(self.bytes).convert("L"))

    @cached_property
    def echo(self) -> PixelBox | Doubt:
        """The echo region, or why there is none that is sure."""
        return find_echo(self.pixels)

    @cached_property
    def seam(self) -> int | None:
        """The column right of the seam of a dual view; ``None`` if it is no dual view."""
        return find_seam(self.grey, self.echo)

    @cached_property
    def marks(self) -> Marks:
        """Calipers, text and other marks inside the echo region."""
        from thyrodata.qc.marks import find_marks  # noqa: PLC0415 -- asked for by a few rules

        return find_marks(self.bytes, self.echo)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """What is written in the whole picture, in the echo and in the margin.

        Raises:
            CaseError: A network fails.
            MissingExtraError: The extra ``ocr`` is not installed.
        """
        from thyrodata.qc.writing import read_texts  # noqa: PLC0415 -- asked for by a few rules

        return read_texts(self.pixels)


def look_at(dataset: Dataset, record: ImageRecord) -> Look:
    """Decode an image.

    Raises:
        CaseError: There is no file, it cannot be decoded, or it has another size than its record says.
        DatasetError: The file is missing.
    """
    place = f"{dataset.path / (record.image.path or '')}"
    data = dataset.image_bytes(record)
    if data is None:
        raise CaseError(
            "there is no image file",
            where=record.image_id,
            hint="convert the source with its images: rules that read pixels pass this record over",
        )
    pixels = decode_image(data, place)
    if pixels.shape[:2] != (record.image.height, record.image.width):
        raise CaseError(
            f"the image has {pixels.shape[1]} x {pixels.shape[0]} px, its record says "
            f"{record.image.width} x {record.image.height}",
            where=place,
            hint="run `thyrodata verify` on the dataset",
        )
    return Look(record, pixels)
