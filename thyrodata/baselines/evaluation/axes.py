"""What images are parted by for strata: what their records say of them, and what is true of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import hypot

from thyrodata.agreement.outlines import longest_diameter
from thyrodata.agreement.raster import raster_of
from thyrodata.baselines.evaluation.truths import true_classes
from thyrodata.baselines.evaluation.units import ImageAxis
from thyrodata.baselines.metrics.strata import SEVERAL, Axis, label_axis, marker_axis, size_axis
from thyrodata.baselines.predictions import Predictions
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.errors import DatasetError, UsageError
from thyrodata.io.parquettable import read_parquet_table
from thyrodata.io.raw import named_file
from thyrodata.schema.geometry import Box, Calipers, Mask, Polygon
from thyrodata.schema.record import Finding, ImageRecord, ImageRef
from thyrodata.schema.vocab import SCHEMES, Structure

__all__ = ["BOUNDS_MM", "BOUNDS_PX", "CLASS", "NOTHING", "image_axes"]

CLASS = "class"
NOTHING = "nothing"
"""The stratum of images in which no class is shown."""

BOUNDS_MM = (10.0, 15.0, 25.0)
"""Of a longest diameter: from which ACR TI-RADS advises aspiration of TR5, TR4 and TR3 (Tessler et al., J Am
Coll Radiol 2017;14:587-595)."""
BOUNDS_PX = (32.0, 96.0)
"""Sides of the squares that part COCO's small, medium and large (Lin et al., ECCV 2014)."""

_MARKERS, _SIZE_MM, _SIZE_PX = "markers", "size_mm", "size_px"
_FOUND_MARKERS = "reports/markers.parquet"
_PIXELS = (1.0, 1.0)
_MEASURED = frozenset({Structure.NODULE, Structure.LESION})


def image_axes(said: Predictions, data: Dataset | None, by: Sequence[str]) -> tuple[ImageAxis, ...]:
    """Return what the images of predictions are parted by.

    ``class``: what is true of an image, as the predictions themselves say. A vocabulary, as ``tirads-kwak``
    or ``ddti-composition``: see :func:`thyrodata.baselines.metrics.strata.label_axis`. ``markers``: those of
    the records and, where the dataset has ``reports/markers.parquet``, those that ``qc markers`` found; the
    strata's names say which. ``size_px`` and ``size_mm``: the longest diameter of an image's greatest nodule
    or lesion as drawn (of a box, its longer side), at ``BOUNDS_PX`` and ``BOUNDS_MM``; in mm, the greatest
    size that is stated of a nodule goes before.

    Args:
        said: The predictions.
        data: The dataset that is predicted.
        by: The names.

    Raises:
        UsageError: There is no such axis, or it needs a dataset and none is given.
        DatasetError: The dataset is damaged, or lacks an image that is predicted.
    """
    known = (CLASS, _MARKERS, _SIZE_PX, _SIZE_MM, *SCHEMES)
    for name in by:
        if name not in known:
            raise UsageError(f"figures cannot be parted by {name!r}", hint=f"there are: {', '.join(known)}")
        if name != CLASS and data is None:
            raise UsageError(
                f"{name} is said by the records of the images", hint="give the dataset with `--data DATA`"
            )
    truths = true_classes(said)
    records = _records(data, [*truths]) if data is not None and {*by} - {CLASS} else ()
    return tuple(_named(_axis(name, said, data, records), [*truths]) for name in dict.fromkeys(by))


def _axis(name: str, said: Predictions, data: Dataset | None, records: Sequence[ImageRecord]) -> Axis:
    match name:
        case "class":
            return _class_axis(said)
        case "markers":
            return marker_axis(records, _found_markers(data) if data else None)
        case "size_px":
            return size_axis([_drawn(record, _PIXELS) for record in records], BOUNDS_PX, unit="px")
        case "size_mm":
            return size_axis([_millimetres(record) for record in records], BOUNDS_MM, unit="mm")
        case _:
            return label_axis(records, name)


def _named(axis: Axis, image_ids: Sequence[str]) -> ImageAxis:
    return ImageAxis(
        name=axis.name,
        values=dict(zip(image_ids, axis.values, strict=True)),
        order=tuple(dict.fromkeys((*axis.order, SEVERAL))),
    )


def _class_axis(said: Predictions) -> Axis:
    values = [
        next(iter(shown)) if len(shown) == 1 else SEVERAL if shown else NOTHING
        for shown in true_classes(said).values()
    ]
    return Axis(name=CLASS, values=tuple(values), order=(*said.classes, NOTHING, SEVERAL))


def _records(data: Dataset, image_ids: Sequence[str]) -> tuple[ImageRecord, ...]:
    """Return the record of each image."""
    found = {record.image_id: record for record in data.records(image_ids)}
    lacking = [image_id for image_id in image_ids if image_id not in found]
    if lacking:
        raise DatasetError(
            f"the dataset lacks {len(lacking)} images that are predicted, the first {lacking[0]}",
            where=str(data.path / RECORDS_FILE),
            hint="give the dataset that was predicted",
        )
    return tuple(found[image_id] for image_id in image_ids)


def _found_markers(data: Dataset) -> dict[str, bool] | None:
    """Return what ``qc markers`` said of each image it looked at, if it was run."""
    place = data.path / _FOUND_MARKERS
    if not place.exists():
        return None
    try:
        rows = read_parquet_table(named_file(place)).rows
        return {row["image_id"]: row["has_marker"] == "yes" for row in rows}
    except KeyError as error:
        raise DatasetError(
            f"the marks that were found cannot be read: there is no column {error}",
            where=str(place),
            hint="run `thyrodata qc markers` again",
        ) from None


def _millimetres(record: ImageRecord) -> float | None:
    stated = [size for nodule in record.nodules for size in nodule.size_mm if size is not None]
    if stated:
        return max(stated)
    spacing = record.image.spacing_mm
    return None if spacing is None else _drawn(record, spacing)


def _drawn(record: ImageRecord, spacing: tuple[float, float]) -> float | None:
    return max(_diameters(record, spacing), default=None)


def _diameters(record: ImageRecord, spacing: tuple[float, float]) -> Iterator[float]:
    for finding in record.findings:
        diameter = _diameter(finding, record.image, spacing) if finding.structure in _MEASURED else None
        if diameter is not None:
            yield diameter


def _diameter(finding: Finding, image: ImageRef, spacing: tuple[float, float]) -> float | None:
    """Return the longest diameter, in the unit of the spacing (y, x)."""
    match finding.geometry(Mask, Polygon, Calipers, Box):
        case Mask() | Polygon() as drawn:
            raster = raster_of(drawn, image.width, image.height)
            return None if raster is None else longest_diameter(raster, spacing)
        case Calipers(long=((x0, y0), (x1, y1))):
            return hypot((x1 - x0) * spacing[1], (y1 - y0) * spacing[0])
        case Box(width=width, height=height):
            return max(width * spacing[1], height * spacing[0])
    return None
