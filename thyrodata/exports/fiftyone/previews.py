"""The files that FiftyOne shows: the dataset's own, or 8-bit pictures of images that have more bits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thyrodata.dataset import Dataset
from thyrodata.errors import DatasetError
from thyrodata.exports.fiftyone.samples import Shown
from thyrodata.io.files import write_image
from thyrodata.io.images import decode_image
from thyrodata.io.png import encode_png
from thyrodata.io.windows import DEEP, PixelWindow, RecordWindow, apply_window, stored_window
from thyrodata.schema.record import ImageRecord
from thyrodata.schema.vocab import Modality

__all__ = ["Previews", "stretched"]

_STRETCH = (1, 99)
"""Percentiles that become black and white, as on a contact sheet."""


@dataclass(slots=True, kw_only=True)
class Previews:
    """Writes pictures of 8 bits for images of more, which the App does not show."""

    folder: Path
    """Made only if a picture is needed."""
    hu_offset: float | None = None
    """The Hounsfield units of the stored value 0. If it is known, a CT image is shown in its own window."""
    written: int = 0

    def shown(self, dataset: Dataset, record: ImageRecord) -> Shown:
        """Return the file that is shown for an image that has one.

        Raises:
            DatasetError: The dataset's file is missing.
            CaseError: It cannot be decoded.
            OutputError: A picture cannot be written.
        """
        path = (dataset.path / str(record.image.path)).resolve()
        if (record.image.bit_depth or 0) > DEEP:
            return self._preview(dataset, record)
        try:
            return Shown(path=str(path), size_bytes=path.stat().st_size)
        except OSError as error:
            raise DatasetError(
                f"the image of {record.image_id} cannot be read: {error.strerror}",
                where=str(path),
                hint="run `thyrodata verify` on the dataset",
            ) from None

    def _preview(self, dataset: Dataset, record: ImageRecord) -> Shown:
        name = str(record.image.path)
        data = dataset.image_bytes(record) or b""
        pixels = decode_image(data, str(dataset.path / name)).astype(np.uint16, copy=False)
        picture = encode_png(apply_window(pixels, self._window(record) or stretched(pixels)))
        path = self.folder.resolve() / (name if name.endswith(".png") else f"{name}.png")
        write_image(str(path), picture)
        self.written += 1
        return Shown(path=str(path), size_bytes=len(picture))

    def _window(self, record: ImageRecord) -> PixelWindow | None:
        if self.hu_offset is None or record.modality is not Modality.CT:
            return None
        stated = record.acquisition.window_hu if record.acquisition else None
        return stored_window(RecordWindow(offset_hu=self.hu_offset), stated)


def stretched(pixels: NDArray[np.uint16]) -> PixelWindow:
    """Return the window that shows most of an image of which nobody says how it is to be shown."""
    low, high = np.percentile(pixels, _STRETCH)
    return float(low), float(max(high, low + 1))
