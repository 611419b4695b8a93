"""Readings in conflict side by side in FiftyOne."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thyrodata import __version__
from thyrodata.agreement.queue import Conflict, Sheet, make_sheets
from thyrodata.annotation.assignment import Tool
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import CaseError, DatasetError, UsageError
from thyrodata.exports.fiftyone.connection import MADE_BY, open_fiftyone, published, replaceable
from thyrodata.exports.fiftyone.labels import cropped, relative
from thyrodata.exports.fiftyone.previews import stretched
from thyrodata.io.drawn import GivenShape, Note
from thyrodata.io.files import write_image
from thyrodata.io.images import ImageHeader, decode_image, probe_image
from thyrodata.io.png import encode_png
from thyrodata.io.windows import DEEP, apply_window
from thyrodata.io.workspace import check_apart
from thyrodata.schema.geometry import Box, Line, Mask, Point, Polygon
from thyrodata.schema.plain import to_plain
from thyrodata.schema.record import ImageRecord

__all__ = ["SIDE_BY_SIDE", "ConflictsView", "conflicts_view"]

SIDE_BY_SIDE = "side by side"
"""The saved view in which the readings of an image follow one another in the grid."""

_GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictsView:
    """The FiftyOne dataset that was made."""

    name: str
    images: int
    """Groups: each has as many samples as the image has readings in conflict."""
    shapes: int
    """What is drawn; what is settled is drawn beside each reading, and counts once."""
    as_pixels: int
    """Shapes with holes, or that leave their image: the pixels that they cover stand for them."""
    not_shown: tuple[Note, ...]
    """Findings that no shape can show: calipers, lines, what has no area or lies outside of the image."""
    without_file: tuple[str, ...]
    """Images in conflict that cannot be shown, since the dataset has only their annotations."""
    previews: int
    """Images of more than 8 bits, for which an 8-bit file was written."""

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def conflicts_view(
    dataset: Dataset,
    conflicts: Sequence[Conflict],
    name: str,
    *,
    previews: Path,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ConflictsView:
    """Make a FiftyOne dataset with a group for each image and a slice for each of its readings in conflict.

    The slices are called ``reading 1``, ``reading 2``, ... with the numbers that a queue of the same seed
    gives them, which do not tell the readers. On a sample, masks and boxes are in the field ``reading``,
    polygons in ``reading_outlines``; what is settled is in ``agreed`` and ``agreed_outlines``. ``image_id``,
    ``group_id``, ``why`` and ``file``, the image's name in the queue, say what is shown. The image stays
    where it is; for one of more than 8 bits, which the App does not show, a preview is written.

    Args:
        dataset: The dataset that was compared.
        conflicts: At most one for each image.
        name: What the FiftyOne dataset is called.
        previews: The folder of previews, made only if one is needed.
        seed: Of the queue.
        overwrite: Replace a FiftyOne dataset of this name that was made here.
        progress: Called with the number of images done and of all.

    Raises:
        MissingExtraError: FiftyOne is not installed, or has no database.
        UsageError: There is no conflict, or there are two of one image; or the name is none.
        OutputError: There is a dataset of this name; or a preview cannot be written, or lies in the dataset.
        DatasetError: The dataset is damaged, lacks an image, or has no file of any.
        CaseError: An image cannot be decoded, or has another size than its record says.
    """
    check_apart(dataset.path, previews)
    records = _records(dataset, conflicts)
    shown = [each for each in conflicts if records[each.image_id].image.path is not None]
    if not shown:
        raise DatasetError(
            "there is no image to show",
            where=str(dataset.path),
            hint="the dataset has only the annotations of the images in conflict",
        )
    sizes = {each.image_id: (each.image.width, each.image.height) for each in records.values()}
    # Of all formats COCO holds most: polygons of several parts.
    sheets = {sheet.image_id: sheet for sheet in make_sheets(shown, sizes, Tool.COCO, seed)}
    fiftyone = open_fiftyone()
    replaced = replaceable(fiftyone, name, overwrite=overwrite)
    made = fiftyone.Dataset()
    with published(fiftyone, made, name, replaced):
        maker = _Maker(fiftyone, dataset, previews, sheets)
        made.add_group_field(_GROUP, default=_slice(1))
        made.add_sample_field("why", fiftyone.ListField, subfield=fiftyone.StringField)
        made.add_samples(maker.samples(records, progress), progress=False)
        _set_up(fiftyone, made, dataset.manifest.name)
    return ConflictsView(
        name=name,
        images=len(sheets),
        shapes=sum(len(sheet.given.shapes) for sheet in sheets.values()),
        as_pixels=sum(sheet.as_pixels for sheet in sheets.values()),
        not_shown=tuple(note for sheet in sheets.values() for note in sheet.not_shown),
        without_file=tuple(each.image_id for each in records.values() if each.image.path is None),
        previews=maker.previewed,
    )


def _records(dataset: Dataset, conflicts: Sequence[Conflict]) -> Mapping[str, ImageRecord]:
    """Return the records of the images in conflict by id, in the order of the dataset."""
    wanted = {conflict.image_id for conflict in conflicts}
    if not conflicts or len(wanted) < len(conflicts):
        what = "two conflicts are of one image" if conflicts else "there is no conflict"
        raise UsageError(what, where=str(dataset.path), hint="give one conflict for each image")
    records = {record.image_id: record for record in dataset.records(only=wanted)}
    for image_id in sorted(wanted - records.keys()):
        raise DatasetError(
            f"the dataset has no image {image_id}",
            where=str(dataset.path),
            hint="give the dataset that was compared, or one made from it",
        )
    return records


def _set_up(fiftyone: Any, made: Any, source: str) -> None:
    made.info = {MADE_BY: __version__, "dataset": source}
    labels = made.get_field_schema(embedded_doc_type=fiftyone.Label)
    # Without a word the App hides masks, and does not say which reading an image of the grid is.
    made.app_config.active_fields = fiftyone.ActiveFields(paths=[*labels, f"{_GROUP}.name"])
    made.save()
    every = made.select_group_slices().sort_by([("image_id", 1), (f"{_GROUP}.name", 1)])
    made.save_view(SIDE_BY_SIDE, every)


def _slice(number: int) -> str:
    return f"reading {number}"


class _Maker:
    """Makes FiftyOne's objects of ours, and writes previews where they are needed."""

    def __init__(self, fiftyone: Any, dataset: Dataset, previews: Path, sheets: Mapping[str, Sheet]) -> None:
        self._fiftyone = fiftyone
        self._dataset = dataset
        self._previews = previews
        self._sheets = sheets
        self.previewed = 0

    def samples(self, records: Mapping[str, ImageRecord], progress: Progress | None) -> Iterator[Any]:
        """Yield the samples of the images that have a sheet, in the order of the records."""
        shown = [record for record in records.values() if record.image_id in self._sheets]
        for number, record in enumerate(shown, 1):
            yield from self._readings(record, self._sheets[record.image_id])
            if progress:
                progress(number, len(shown))

    def _readings(self, record: ImageRecord, sheet: Sheet) -> Iterator[Any]:
        """Yield a sample for each reading of an image; all have its file, and what is settled."""
        fiftyone = self._fiftyone
        path, header, size = self._picture(record, sheet)
        drawn: dict[str, list[GivenShape]] = defaultdict(list)
        for shape in sheet.given.shapes:
            reading, _, label = shape.label.partition(": ")  # "reading 2: nodule" or "agreed: nodule"
            drawn[reading].append(GivenShape(label=label, geometry=shape.geometry))
        group = fiftyone.Group()
        for number in range(1, len(sheet.readers) + 1):
            yield fiftyone.Sample(
                filepath=str(path),
                metadata=fiftyone.ImageMetadata(
                    size_bytes=size,
                    mime_type=f"image/{header.format.value.lower()}",
                    width=header.width,
                    height=header.height,
                    num_channels=header.channels,
                ),
                image_id=record.image_id,
                group_id=record.group_id,
                why=[*sheet.why],
                file=sheet.given.file,
                **{_GROUP: group.element(_slice(number))},
                **self._fields("reading", drawn[_slice(number)], header),
                **self._fields("agreed", drawn["agreed"], header),
            )

    def _picture(self, record: ImageRecord, sheet: Sheet) -> tuple[Path, ImageHeader, int]:
        """Return the file that is shown, what it says of its pixels, and its size in bytes."""
        path = (self._dataset.path / str(record.image.path)).resolve()
        data = self._dataset.image_bytes(record) or b""
        header = probe_image(data, str(path))
        if (header.width, header.height) != (record.image.width, record.image.height):
            raise CaseError(
                f"the image has {header.width} x {header.height} px, its record says "
                f"{record.image.width} x {record.image.height}",
                where=str(path),
                hint="outlines would not fit: convert the source again",
            )
        if header.bit_depth <= DEEP:
            return path, header, len(data)
        pixels = decode_image(data, str(path)).astype(np.uint16, copy=False)
        data = encode_png(apply_window(pixels, stretched(pixels)))
        path = self._previews.resolve() / sheet.given.file
        write_image(str(path), data)
        self.previewed += 1
        return path, probe_image(data, str(path)), len(data)

    def _fields(self, name: str, shapes: Sequence[GivenShape], header: ImageHeader) -> dict[str, Any]:
        """Return what is drawn as fields of a sample; one field holds one kind of label."""
        fiftyone, areas, outlines = self._fiftyone, [], []
        size = (header.width, header.height)
        for shape in shapes:
            match shape.geometry:
                case Box() as box:
                    areas.append(fiftyone.Detection(label=shape.label, bounding_box=relative(box, size)))
                case Mask() as mask:
                    box, pixels = cropped(mask)
                    areas.append(
                        fiftyone.Detection(label=shape.label, bounding_box=relative(box, size), mask=pixels)
                    )
                case Polygon() as polygon:
                    rings = [part.exterior for part in polygon.parts]
                    outlines.append(self._polyline(shape.label, rings, size, closed=True))
                case Line() as line:
                    outlines.append(self._polyline(shape.label, [line.points], size, closed=False))
        fields = {name: fiftyone.Detections(detections=areas)} if areas else {}
        if outlines:
            fields[f"{name}_outlines"] = fiftyone.Polylines(polylines=outlines)
        return fields

    def _polyline(
        self, label: str, lines: Sequence[Sequence[Point]], size: tuple[int, int], *, closed: bool
    ) -> Any:
        width, height = size
        points = [[(x / width, y / height) for x, y in line] for line in lines]
        return self._fiftyone.Polyline(label=label, points=points, closed=closed, filled=closed)
