"""The pictures of a report on a dataset: images with their outlines, small, as JPEG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image

from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, DatasetError, SchemaError
from thyrodata.reports.datapage.html import figure, image, sentence
from thyrodata.reports.sheet.captions import caption_lines
from thyrodata.reports.sheet.colours import OTHER_COLOUR, Rgb, colours_by_kind, kind
from thyrodata.reports.sheet.overlay import draw_overlay
from thyrodata.reports.sheet.tile import Tile, picture
from thyrodata.schema.geometry import Mask
from thyrodata.schema.record import Finding, ImageRecord, Reading
from thyrodata.schema.vocab import Structure

__all__ = ["Drawn", "Gallery"]

SIDE = 360
"""The longer side of a picture, in pixels."""
QUALITY = 85
"""Of JPEG; with colours at full resolution thin outlines stay sharp."""
STROKE = 2.0
"""The width of an outline, in pixels."""

_MEANT: Rgb = (230, 159, 0)
_OTHER: Rgb = (158, 168, 179)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """An image as a report shows it."""

    image_id: str
    data: bytes | None
    """A JPEG file; ``None`` where the image cannot be shown."""
    why: str = ""
    """Why it cannot."""
    lines: tuple[str, ...]
    """What is said of the image."""

    def figure(self, *more: str) -> str:
        """Return it as HTML, with more lines of text before its own."""
        if self.data is None:
            shown = sentence(f"no picture: {self.why}")
        else:
            shown = image(self.data, "image/jpeg", f"{self.image_id} with what is drawn on it")
        return figure(shown, self.image_id, (*more, *self.lines))


class Gallery:
    """The images that a report shows. Their records are held, their files one at a time.

    Args:
        dataset: The dataset.
        image_ids: Of the images.

    Raises:
        DatasetError: The records are missing or damaged.
    """

    def __init__(self, dataset: Dataset, image_ids: Iterable[str]) -> None:
        self._dataset = dataset
        self._records = {record.image_id: record for record in dataset.records(only=[*image_ids])}
        self._colours = colours_by_kind(self._records.values())

    def __contains__(self, image_id: str) -> bool:
        """Tell whether there is such an image."""
        return image_id in self._records

    def legend(self, image_ids: Iterable[str]) -> dict[str, Rgb]:
        """Return what the colours on some of the images stand for."""
        found = {kind(each) for image_id in image_ids for each in self._records[image_id].findings}
        return {
            name if colour != OTHER_COLOUR else "any other": colour
            for name, colour in self._colours.items()
            if name in found
        }

    def draw(self, image_id: str, finding_id: str = "", marks: Sequence[Mask] | None = None) -> Drawn:
        """Draw an image with its outlines; where one finding is meant, that in orange and others in grey.

        Where marks are meant, their pixels are drawn in orange and findings are not; with none it is bare.

        An image that cannot be read is said to be so: that is for quality control to report, and no reason to
        have no report at all.
        """
        record = self._records[image_id]
        try:
            tile = Tile(record=record, data=self._dataset.image_bytes(record))
            drawn, why = self._drawn(tile, [*self._layers(record, finding_id, marks)]), ""
        except (CaseError, DatasetError, SchemaError) as error:
            tile = Tile(record=record, data=None)
            drawn, why = None, error.message
        captions = caption_lines(tile)
        return Drawn(image_id=image_id, data=drawn, why=why, lines=tuple(line for line, _ in captions[1:]))

    def _drawn(self, tile: Tile, layers: Iterable[tuple[ImageRecord, dict[str, Rgb]]]) -> bytes:
        width, height = tile.record.image.width, tile.record.image.height
        scale = SIDE / max(width, height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        shown = picture(tile, size)
        for record, colours in layers:
            overlay = draw_overlay(record, size, colours, STROKE)
            shown.paste(overlay, (0, 0), overlay)
        return _jpeg(shown)

    def _layers(
        self, record: ImageRecord, finding_id: str, marks: Sequence[Mask] | None
    ) -> Iterator[tuple[ImageRecord, dict[str, Rgb]]]:
        if marks is not None:
            for mask in marks:
                found = Finding(finding_id="marks", structure=Structure.MARKER, geometries=(mask,))
                bare = replace(record, nodules=(), readings=(Reading(),), findings=(found,))
                yield bare, {kind(found): _MEANT}
            return
        meant = tuple(each for each in record.findings if each.finding_id == finding_id)
        if not meant:
            yield record, self._colours
            return
        others = tuple(each for each in record.findings if each not in meant)
        for findings, colour in ((others, _OTHER), (meant, _MEANT)):
            yield replace(record, findings=findings), {kind(each): colour for each in findings}


def _jpeg(drawn: Image.Image) -> bytes:
    stream = BytesIO()
    drawn.save(stream, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return stream.getvalue()
