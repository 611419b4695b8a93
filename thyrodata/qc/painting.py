"""Painting over marks: a dataset whose pictures have smooth grey where a mark was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from thyrodata.change import Row
from thyrodata.derivation.look import decoded
from thyrodata.derivation.names import png_name
from thyrodata.io.masks import decode_mask
from thyrodata.io.rasters import covered
from thyrodata.qc.marks import inpaint
from thyrodata.sample import Absent, Encode, Kept, Sample
from thyrodata.schema.geometry import Box, Mask, Polygon
from thyrodata.schema.manifest import Setting
from thyrodata.schema.record import CropLedger, ImageRecord, Remark

__all__ = ["Inpaint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inpaint:
    """Paints over the marks of images. See :class:`thyrodata.change.Change`."""

    name: ClassVar[str] = "qc markers"
    rows: tuple[Row, ...]
    masks: Mapping[str, Mask]
    """The marks' own pixels, by image id, of images that are marked."""
    names: Mapping[str, str]
    """New names of image files, where the old one as PNG is taken."""
    written: Mapping[str, bytes]

    def settings(self) -> tuple[Setting, ...]:
        """Return how many images were painted on."""
        return (Setting(name="inpainted images", value=str(len(self.masks))),)

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:  # noqa: ARG002
        """Return the record as it is, or its image without marks and a remark that says so.

        Raises:
            CaseError: The image cannot be decoded.
        """
        mask = self.masks.get(record.image_id)
        if mask is None or isinstance(picture, Absent):
            return Sample(record=record, pixels=picture)
        pixels, marked = decoded(record, picture), decode_mask(mask)
        painted = inpaint(pixels.astype(np.uint8, copy=False), marked)
        path = self.names.get(record.image_id, png_name(picture.path))
        return Sample(record=_remarked(record, picture, marked), pixels=Encode(array=painted, path=path))

    def files(self) -> Mapping[str, bytes]:
        """Return what was found."""
        return self.written


def _remarked(record: ImageRecord, picture: Kept, marked: NDArray[np.bool_]) -> ImageRecord:
    """Return a record that says what was painted on, and stays tied to the picture that it was made of."""
    image = record.image
    said = [f"{np.count_nonzero(marked)} px of marks", *_touched(record, marked)]
    whole = CropLedger(
        source_width=image.width,
        source_height=image.height,
        kept_box=(0, 0, image.width, image.height),
        frame_key=picture.sha256,
    )
    return replace(
        record,
        image=replace(image, crop=image.crop or (whole if image.scaling is None else None)),
        remarks=(*record.remarks, Remark(code="inpainted", text="; ".join(said))),
    )


def _touched(record: ImageRecord, marked: NDArray[np.bool_]) -> Iterator[str]:
    """Yield the findings whose pixels were painted on."""
    height, width = marked.shape
    for finding in record.findings:
        geometry = finding.geometry(Mask, Polygon, Box)
        mask = covered(geometry, width, height) if isinstance(geometry, Mask | Polygon | Box) else None
        pixels = np.count_nonzero(decode_mask(mask) & marked) if mask else 0
        if pixels:
            yield f"{pixels} px of them in finding {finding.finding_id}"
