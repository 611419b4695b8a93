"""COCO annotation files, one per part of a split.

``iscrowd`` is 0 throughout: a finding is one thing, however its area is encoded. A mask stays run-length
encoded and a polygon a polygon, of as many parts as it has; a polygon with holes, which COCO cannot write,
becomes the run-length encoding of its area. Areas are those of the decoded masks. Beside COCO's own keys
stand what is known of the image and of the finding, under the names of the record.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from pycocotools import mask as coco_mask

from thyrodata.exports.view import LossLedger, View, ViewedFinding, ViewedImage
from thyrodata.io.files import replacing, writing
from thyrodata.io.jsontext import json_bytes
from thyrodata.schema.coco import CocoAnnotation, CocoCategory, CocoImage, CocoInfo, CocoRle
from thyrodata.schema.geometry import Box, Mask, Polygon, Ring
from thyrodata.schema.plain import to_plain, union_tag
from thyrodata.schema.record import Label, Read

__all__ = ["export_coco"]


def export_coco(view: View, folder: Path, info: CocoInfo) -> LossLedger:
    """Write ``instances_<part>.json`` for every part of a view, one image in memory at a time.

    Image ids are the images' places in the dataset and annotation ids run over the whole dataset, so both
    are unique across parts; category ids are the same in every part. ``file_name`` is relative to the
    dataset's folder.

    Args:
        view: What to write.
        folder: Where to; it is made if need be.
        info: COCO's ``info``.

    Returns:
        What was left out and why.

    Raises:
        OutputError: A file could not be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    ids = {name: number for number, name in enumerate(view.categories, 1)}
    categories: list[CocoCategory] = [{"id": number, "name": name} for name, number in ids.items()]
    annotation_id = 0
    with ExitStack() as stack:
        files = {
            part: stack.enter_context(_part_file(folder / f"instances_{part}.json", info, categories))
            for part in sorted(set(view.part_of.values()))
        }
        for image in view:
            file = files[image.part]
            file.add("images", _image(image))
            for annotation in _annotations(image, ids, annotation_id + 1):
                annotation_id = annotation["id"]
                file.add("annotations", annotation)
    return view.ledger


class _PartFile:
    """A COCO file in the making: images go straight to it, annotations wait in a second stream."""

    def __init__(self, images: BinaryIO, annotations: BinaryIO) -> None:
        self._streams = {"images": images, "annotations": annotations}
        self._separators = {"images": b"\n", "annotations": b"\n"}

    def add(self, where: str, entry: CocoImage | CocoAnnotation) -> None:
        self._streams[where].write(self._separators[where] + json_bytes(entry))
        self._separators[where] = b",\n"


@contextmanager
def _part_file(path: Path, info: CocoInfo, categories: Sequence[CocoCategory]) -> Iterator[_PartFile]:
    waiting = path.with_name(path.name + ".annotations")
    try:
        with replacing(path) as stream:
            stream.write(
                b'{"info": '
                + json_bytes(info)
                + b',\n"categories": '
                + json_bytes(categories)
                + b',\n"images": ['
            )
            with waiting.open("wb") as annotations:
                yield _PartFile(stream, annotations)
            stream.write(b'\n],\n"annotations": [')
            with waiting.open("rb") as annotations:
                shutil.copyfileobj(annotations, stream)
            stream.write(b"\n]}\n")
    finally:
        waiting.unlink(missing_ok=True)


def _image(image: ViewedImage) -> CocoImage:
    record = image.record
    return {
        "id": image.number,
        "file_name": record.image.path or record.image_id,
        "width": record.image.width,
        "height": record.image.height,
        "image_id": record.image_id,
        "group_id": record.group_id,
        "group_kind": record.group_kind.value,
        "coverage": record.coverage.value if record.coverage else None,
        "case_labels": [_label(label) for label in record.case_labels],
        "image_labels": [_label(label) for label in record.image_labels],
    }


@cache
def _label(label: Label) -> Any:
    return to_plain(label)


def _annotations(image: ViewedImage, ids: Mapping[str, int], first: int) -> Iterator[CocoAnnotation]:
    height, width = image.record.image.height, image.record.image.width
    areas = _areas(image.findings, height, width)
    for number, (viewed, area) in enumerate(zip(image.findings, areas, strict=True), first):
        finding, geometry = viewed.finding, viewed.geometry
        yield {
            "id": number,
            "image_id": image.number,
            "category_id": ids[viewed.category],
            "iscrowd": 0,
            "bbox": area.bbox,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Area:
    """What COCO says of where a finding is."""

    bbox: list[float]
    area: float
    segmentation: list[list[float]] | CocoRle


def _areas(findings: Sequence[ViewedFinding], height: int, width: int) -> Iterator[_Area]:
    """Yield the area of each finding, rasterising all plain rings of an image in one call."""
    drawn = [
        [_flat(part.exterior) for part in viewed.geometry.parts]
        if isinstance(viewed.geometry, Polygon)
        else []
        for viewed in findings
    ]
    flat = [ring for rings in drawn for ring in rings]
    rasters = iter(coco_mask.frPyObjects(flat, height, width) if flat else ())
    for viewed, rings in zip(findings, drawn, strict=True):
        match viewed.geometry:
            case Polygon() as polygon:
                yield _polygon_area(polygon, rings, [next(rasters) for _ in rings], height, width)
            case Mask(counts=counts):
                rle: CocoRle = {"size": [height, width], "counts": counts}
                bbox = coco_mask.toBbox(rle).tolist()
                yield _Area(bbox=bbox, area=int(coco_mask.area(rle)), segmentation=rle)
            case Box() as box:
                yield _Area(bbox=list(box.bbox_xywh_px), area=box.width * box.height, segmentation=[])


def _polygon_area(
    polygon: Polygon, rings: list[list[float]], filled: list[Any], height: int, width: int
) -> _Area:
    bbox = list(polygon.bbox_xywh_px)
    if any(part.holes for part in polygon.parts):
        raster = _without_holes(polygon, filled, height, width)
        rle: CocoRle = {"size": [height, width], "counts": raster["counts"].decode()}
        return _Area(bbox=bbox, area=int(coco_mask.area(raster)), segmentation=rle)
    raster = filled[0] if len(filled) == 1 else coco_mask.merge(filled)
    return _Area(bbox=bbox, area=int(coco_mask.area(raster)), segmentation=rings)


def _without_holes(polygon: Polygon, filled: list[Any], height: int, width: int) -> Any:
    """Return the run-length encoding of the parts, each less its own holes."""
    solid = []
    for part, raster in zip(polygon.parts, filled, strict=True):
        if part.holes:
            holes = coco_mask.merge(
                coco_mask.frPyObjects([_flat(hole) for hole in part.holes], height, width)
            )
            solid.append(coco_mask.merge([raster, _complement(holes, height, width)], intersect=True))
        else:
            solid.append(raster)
    return coco_mask.merge(solid)


def _complement(raster: Any, height: int, width: int) -> Any:
    runs = Mask(height=height, width=width, counts=raster["counts"].decode()).runs()
    turned = [*runs[1:]] if runs[0] == 0 else [0, *runs]  # runs begin with zeros
    return coco_mask.frPyObjects({"size": [height, width], "counts": turned}, height, width)


def _flat(ring: Ring) -> list[float]:
    return list(chain.from_iterable(ring))
