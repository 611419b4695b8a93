"""What COCO says of an image and of a finding.

``iscrowd`` is 1 for a crowd alone: any other finding is one thing, however its area is encoded. A mask stays
run-length encoded and a polygon a polygon, of as many parts as it has; a polygon with holes, which COCO
cannot write, becomes the run-length encoding of its area. Areas are those of the decoded masks. Beside COCO's
own keys stand what is known of the image and of the finding, under the names of the record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from pycocotools import mask as coco_mask

from thyrodata.exports.view import ViewedImage
from thyrodata.io.masks import encode_mask
from thyrodata.io.rasters import fill_polygon
from thyrodata.schema.coco import CocoAnnotation, CocoImage, CocoRle
from thyrodata.schema.geometry import Box, Geometry, Mask, Polygon
from thyrodata.schema.plain import to_plain, union_tag
from thyrodata.schema.record import Label, Read

__all__ = ["annotation_entries", "image_entry"]


def image_entry(image: ViewedImage) -> CocoImage:
    """Return COCO's entry of an image; ``file_name`` is relative to the dataset's folder."""
    record = image.record
    return {
        "id": image.number,
        "file_name": record.image.path or record.image_id,
        "width": record.image.width,
        "height": record.image.height,
        "image_id": record.image_id,
        "group_id": record.group_id,
        "group_kind": record.group_kind.value,
        "coverage": image.coverage.value if image.coverage else None,
        "case_labels": [_label(label) for label in record.case_labels],
        "image_labels": [_label(label) for label in record.image_labels],
    }


@cache
def _label(label: Label) -> Any:
    return to_plain(label)


def annotation_entries(
    image: ViewedImage, categories: Mapping[str, int], first: int
) -> Iterator[CocoAnnotation]:
    """Yield COCO's entries of an image's findings.

    Args:
        image: The image.
        categories: The number of each category.
        first: The number of the first annotation.
    """
    height, width = image.record.image.height, image.record.image.width
    for number, (finding, geometry, category) in enumerate(image.findings, first):
        area = _area(geometry, height, width)
        box = finding.geometry(Box)  # drawn beside the area, if it has one: it need not be the area's extent
        yield {
            "id": number,
            "image_id": image.number,
            "category_id": categories[category],
            "iscrowd": 1 if finding.crowd else 0,
            "bbox": list(box.bbox_xywh_px) if isinstance(box, Box) else area.bbox,
            "area": area.area,
            "segmentation": area.segmentation,
            "finding_id": finding.finding_id,
            "structure": finding.structure.value,
            "geometry": union_tag(type(geometry)),
            "labels": [_label(label) for label in finding.labels],
            "nodule_id": finding.nodule_id,
            "reader": finding.origin.reader if isinstance(finding.origin, Read) else None,
            "score": finding.score,
        }


class _Area(NamedTuple):
    """What COCO says of where a finding is."""

    bbox: list[float]
    area: float
    segmentation: list[list[float]] | CocoRle


def _area(geometry: Geometry, height: int, width: int) -> _Area:
    match geometry:
        case Polygon() as polygon:
            return _polygon_area(polygon, height, width)
        case Mask(counts=counts):
            rle: CocoRle = {"size": [height, width], "counts": counts}
            return _Area(coco_mask.toBbox(rle).tolist(), int(coco_mask.area(rle)), rle)
        case Box() as box:
            return _Area(list(box.bbox_xywh_px), box.width * box.height, [])
    raise TypeError(f"a {union_tag(type(geometry))} has no area: the view was not asked for areas")


def _polygon_area(polygon: Polygon, height: int, width: int) -> _Area:
    rings = [list(chain.from_iterable(part.exterior)) for part in polygon.parts]
    bbox = _extent(rings)
    if any(part.holes for part in polygon.parts):
        pixels = fill_polygon(polygon, width, height)
        rle: CocoRle = {"size": [height, width], "counts": encode_mask(pixels).counts}
        return _Area(bbox, int(pixels.sum()), rle)
    rasters = coco_mask.frPyObjects(rings, height, width)
    raster = rasters[0] if len(rasters) == 1 else coco_mask.merge(rasters)
    return _Area(bbox, int(coco_mask.area(raster)), rings)


def _extent(rings: Sequence[list[float]]) -> list[float]:
    """Return left, top, width and height. To sort what follows a curve is quicker than to seek its ends."""
    flat = rings[0] if len(rings) == 1 else list(chain.from_iterable(rings))
    xs, ys = sorted(flat[0::2]), sorted(flat[1::2])
    return [xs[0], ys[0], xs[-1] - xs[0], ys[-1] - ys[0]]
