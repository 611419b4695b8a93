"""COCO files as drawn images: one reader's outlines, or a model's with their scores.

COCO has no tags. An image that a file lists counts as looked at; how much of it was outlined is known only
where the image has ``coverage``, as in the files that thyrodata writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import PurePosixPath
from typing import Any, NoReturn

from pycocotools import mask as coco_mask

from thyrodata.errors import CaseError, RawLayoutError
from thyrodata.io.coco import CocoAnnotation, CocoImage, read_coco
from thyrodata.io.drawn import Drawing, DrawnImage, GivenImage, GivenShape, Note
from thyrodata.io.images import MAX_PIXELS
from thyrodata.io.rasters import covered
from thyrodata.io.raw import RawFile
from thyrodata.schema.geometry import Box, Mask, Polygon
from thyrodata.schema.vocab import Coverage

__all__ = ["coco_task", "read_drawn_coco"]

Size = tuple[int, int]

_COVERAGE = {coverage.value: coverage for coverage in Coverage}


# ---------------------------------------------------------------- what a reader is given


def coco_task(images: Sequence[GivenImage], labels: Iterable[str]) -> bytes:
    """Return a COCO file of what is shown on images.

    Args:
        images: The images. A polygon on them may have several parts, but no hole.
        labels: The names of all categories.
    """
    categories = {name: number for number, name in enumerate(labels, 1)}
    shown = [(number, image, shape) for number, image in enumerate(images, 1) for shape in image.shapes]
    task = {
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
        "images": [
            {
                "id": number,
                "file_name": image.file,
                "width": image.width,
                "height": image.height,
                "coverage": None,
            }
            for number, image in enumerate(images, 1)
        ],
        "annotations": [
            {
                "id": number,
                "image_id": image_id,
                "category_id": categories[shape.label],
                "iscrowd": 0,
                **_area(shape, image),
            }
            for number, (image_id, image, shape) in enumerate(shown, 1)
        ],
    }
    return (json.dumps(task) + "\n").encode()


def _area(shape: GivenShape, image: GivenImage) -> dict[str, Any]:
    """Return what COCO says of where a shape is; the area is that of the pixels that it covers."""
    match shape.geometry:
        case Box() as box:
            return {"bbox": [*box.bbox_xywh_px], "area": box.width * box.height, "segmentation": []}
        case Polygon(parts=parts) as polygon if not any(part.holes for part in parts):
            pixels = covered(polygon, image.width, image.height)
            rings = [[number for point in part.exterior for number in point] for part in parts]
            area = int(coco_mask.area(_rle(pixels))) if pixels else 0
            return {"bbox": [*polygon.bbox_xywh_px], "area": area, "segmentation": rings}
        case Mask() as mask:
            rle = _rle(mask)
            return {
                "bbox": coco_mask.toBbox(rle).tolist(),
                "area": int(coco_mask.area(rle)),
                "segmentation": rle,
            }
        case _:
            raise ValueError("COCO has no line, and no polygon with holes")


def _rle(mask: Mask) -> dict[str, Any]:
    return {"size": [mask.height, mask.width], "counts": mask.counts}


# ---------------------------------------------------------------- what comes back


def read_drawn_coco(file: RawFile) -> tuple[DrawnImage, ...] | None:
    """Read a COCO file; ``None`` if it is JSON of another kind.

    What it says beyond COCO's own keys is not looked at but for ``score`` of an annotation and ``coverage``
    of an image.

    Raises:
        CaseError: It cannot be read, is broken, or draws what no outline can be; or its size, a score or a
            coverage is none.
    """
    try:
        found = read_coco(file)
    except RawLayoutError as error:
        raise CaseError(error.message, where=error.where, hint=error.hint) from None
    return None if found is None else tuple(_image(image) for image in found.images)


def _image(image: CocoImage) -> DrawnImage:
    size = _size(image)
    coverage = _coverage(image)
    beside = 0
    drawings = []
    for annotation in image.annotations:
        geometry, *boxes = annotation.geometries(height=size[1], width=size[0])
        beside += len(boxes)
        drawings.append(
            Drawing(
                labels=(annotation.category.name,),
                geometry=geometry,
                drawn_by="",
                where=annotation.place,
                score=_score(annotation),
                crowd=annotation.is_crowd,
            )
        )
    notes = (Note(what=f"{beside} boxes beside an outline, of another extent", where=image.place),)
    return DrawnImage(
        name=PurePosixPath(image.file_name).name,
        size=size,
        tags=(),
        drawings=tuple(drawings),
        submitted=coverage is not Coverage.NONE,
        account="",
        notes=notes if beside else (),
        where=image.place,
        coverage=coverage,
    )


def _size(image: CocoImage) -> Size:
    width, height = image.width, image.height
    if type(width) is not int or type(height) is not int or not (width > 0 < height):
        _refuse("the image does not state its width and height", image.place)
    if width * height > MAX_PIXELS:
        _refuse(f"an image has {width} x {height} pixels", image.place)
    return width, height


def _coverage(image: CocoImage) -> Coverage | None:
    said = image.extra.get("coverage")
    if said is None:
        return None
    if not isinstance(said, str) or said not in _COVERAGE:
        _refuse(f"the coverage {str(said)[:60]!a} is none", image.place, f"one of: {', '.join(_COVERAGE)}")
    if said == Coverage.NONE.value and image.annotations:
        _refuse("the coverage of the image is 'none', and something is drawn", image.place)
    return _COVERAGE[said]


def _score(annotation: CocoAnnotation) -> float | None:
    score = annotation.extra.get("score")
    if score is not None and (type(score) not in {int, float} or not isfinite(score)):
        _refuse(f"the score {str(score)[:60]!a} is no number", annotation.place)
    return None if score is None else float(score)


def _refuse(
    what: str, where: str, hint: str = "compare the file with its source, or write it again"
) -> NoReturn:
    raise CaseError(what, where=where, hint=hint)
