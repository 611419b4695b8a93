"""How the frame of an image changes: what is kept of it, and the size that this is brought to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from thyrodata.derivation.affine import Affine
from thyrodata.errors import CaseError
from thyrodata.schema.record import CropLedger, ImageRecord, ImageRef, PixelBox, Scaling

__all__ = ["Framing", "Letterbox", "Resize", "check_ledger", "framed", "framing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """Bring every image to one size, whatever its aspect becomes."""

    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """Bring every image to one size, its aspect kept, in the middle of black bars."""

    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """How one image is cut and scaled."""

    box: PixelBox
    """What is kept of the image, in its own pixels."""
    scaled: tuple[int, int]
    """Width and height that the kept part is scaled to."""
    placed: tuple[int, int]
    """Column and row of the new image where the scaled part begins."""
    size: tuple[int, int]
    """Width and height of the new image."""

    @property
    def scaling(self) -> Affine:
        """The map from the kept part to the new image."""
        x0, y0, x1, y1 = self.box
        return Affine(
            scale_x=self.scaled[0] / (x1 - x0),
            scale_y=self.scaled[1] / (y1 - y0),
            offset_x=self.placed[0],
            offset_y=self.placed[1],
        )

    @property
    def affine(self) -> Affine:
        """The map from the image to the new image."""
        return Affine(offset_x=-self.box[0], offset_y=-self.box[1]).then(self.scaling)

    def crops(self, image: ImageRef) -> bool:
        """Return whether a part of the image is left out."""
        return self.box != (0, 0, image.width, image.height)

    def resizes(self) -> bool:
        """Return whether what is kept is scaled or padded."""
        return self.scaling != Affine()


def framing(image: ImageRef, box: PixelBox | None, fit: Resize | Letterbox | None) -> Framing:
    """Return how an image is cut and scaled.

    Args:
        image: The image.
        box: What is kept of it; ``None`` for all.
        fit: The size that this is brought to, if any. A letterbox scales by one factor, then to whole
            pixels, at least one, and puts the larger half of an odd bar right and below.
    """
    x0, y0, x1, y1 = box or (0, 0, image.width, image.height)
    width, height = x1 - x0, y1 - y0
    match fit:
        case None:
            scaled = size = (width, height)
        case Resize():
            scaled = size = (fit.width, fit.height)
        case Letterbox():
            size = (fit.width, fit.height)
            factor = min(fit.width / width, fit.height / height)
            scaled = (
                min(max(1, round(width * factor)), fit.width),
                min(max(1, round(height * factor)), fit.height),
            )
    placed = ((size[0] - scaled[0]) // 2, (size[1] - scaled[1]) // 2)
    return Framing(box=(x0, y0, x1, y1), scaled=scaled, placed=placed, size=size)


def check_ledger(record: ImageRecord) -> None:
    """Check that an image has the size that its own ledgers say.

    Raises:
        CaseError: It has another: then nothing says where its pixels come from.
    """
    image, before = record.image, record.image.scaling
    described = (before.source_width, before.source_height) if before else (image.width, image.height)
    if image.crop:
        x0, y0, x1, y1 = image.crop.kept_box
        if described != (x1 - x0, y1 - y0):
            raise CaseError(
                f"the crop ledger is of {x1 - x0} x {y1 - y0} px, "
                f"the image of {described[0]} x {described[1]} px",
                where=record.image_id,
                hint="the record contradicts itself: convert the source again",
            )


def framed(image: ImageRef, change: Framing, frame_key: str) -> ImageRef:
    """Return what an image is after it was cut and scaled; path, sha256 and bit depth are still the old ones.

    The part of an image that was never scaled is told by its crop ledger, all else by its scaling.

    Args:
        image: The image, whose ledgers agree with it.
        change: How it is cut and scaled.
        frame_key: Of the ledger, if the image has none yet.
    """
    before = image.scaling
    source = (before.source_width, before.source_height) if before else (image.width, image.height)
    ledger = image.crop or CropLedger(
        source_width=source[0], source_height=source[1], kept_box=(0, 0, *source), frame_key=frame_key
    )
    scaling = None
    if before:
        own = Affine(
            scale_x=before.scale_x,
            scale_y=before.scale_y,
            offset_x=before.offset_x,
            offset_y=before.offset_y,
        )
        scaling = _scaling(source, own.then(change.affine))
    else:
        left, top = ledger.kept_box[:2]
        x0, y0, x1, y1 = change.box
        ledger = replace(ledger, kept_box=(left + x0, top + y0, left + x1, top + y1))
        if change.resizes():
            scaling = _scaling((x1 - x0, y1 - y0), change.scaling)
    return replace(
        image,
        width=change.size[0],
        height=change.size[1],
        spacing_mm=_spacing(image.spacing_mm, change.scaling),
        crop=ledger,
        scaling=scaling,
    )


def _scaling(source: tuple[int, int], affine: Affine) -> Scaling:
    return Scaling(
        source_width=source[0],
        source_height=source[1],
        scale_x=affine.scale_x,
        scale_y=affine.scale_y,
        offset_x=affine.offset_x,
        offset_y=affine.offset_y,
    )


def _spacing(spacing_mm: tuple[float, float] | None, affine: Affine) -> tuple[float, float] | None:
    if spacing_mm is None:
        return None
    return (spacing_mm[0] / affine.scale_y, spacing_mm[1] / affine.scale_x)
