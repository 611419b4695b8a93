"""COCO annotation files from strangers.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and cocodataset.org's format of data. Its
boxes are x, y, width, height and its polygons x, y, x, y, ..., in continuous pixels from the corner of the
first pixel (cocoapi, ``maskApi.c``, whose rasters hold the pixels whose centres lie inside).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from math import isclose
from typing import Any, NoReturn

from pycocotools import mask as coco_mask

from thyrodata.errors import CaseError, RawLayoutError, SchemaError
from thyrodata.io.raw import RawFile
from thyrodata.schema.geometry import Box, Geometry, Mask, Polygon, PolygonPart, Ring

__all__ = [
    "CocoAnnotation",
    "CocoCategory",
    "CocoFile",
    "CocoImage",
    "candidates",
    "json_text",
    "part_of",
    "read_coco",
]

MAX_BYTES = 2**29
"""The largest file that is read. COCO's own largest, of 860,001 annotations, has 470 MB."""

MAX_HEADER = 2**16
"""The most characters that a file says of itself, since every record repeats them."""

MAX_ID = 2**53
"""Beyond it, readers that take numbers for floats confuse ids."""

_PART = re.compile(r"[a-z0-9][a-z0-9-]*")
_UNFIT = re.compile(r"[\\\x00-\x1f\x7f]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_AGAIN = "compare the file with its source, or write it again"

Extra = Mapping[str, Any]
"""Keys that are none of COCO's own, with their values as JSON has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoCategory:
    """A category."""

    id: int
    name: str
    extra: Extra


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoAnnotation:
    """An annotation. What it draws is checked by :meth:`geometries`."""

    place: str
    """``file.json#annotations[17]``, 0-based."""
    id: int
    category: CocoCategory
    bbox: Any
    segmentation: Any
    is_crowd: bool
    """Whether it outlines a group of things."""
    extra: Extra

    def geometries(self, height: int, width: int) -> tuple[Geometry, ...]:
        """Return the segmentation, and the box if it is not the segmentation's extent.

        A list of rings is one polygon of as many parts; run-length encoding stays a mask.

        Args:
            height: Of the image, in pixels.
            width: Of the image, in pixels.

        Raises:
            CaseError: Neither is there, or one of them is none.
        """
        try:
            drawn = self._segmentation(height, width)
            box = None if self.bbox in (None, []) else self._box(self.bbox)
        except SchemaError as error:
            self._refuse(error.message)
        if drawn is None and box is None:
            self._refuse("there is neither a segmentation nor a bbox")
        if drawn is None or (box and box.bbox_xywh_px != _extent(drawn)):
            return tuple(found for found in (drawn, box) if found)
        return (drawn,)

    def own_area(self, geometry: Geometry, height: int, width: int) -> bool:
        """Return whether ``area`` says something else than the area of a geometry.

        Some writers state a polygon's own area, others, like thyrodata, that of its raster.
        """
        stated = self.extra.get("area")
        if stated is None:
            return False
        return not isinstance(stated, int | float) or not any(
            isclose(stated, area, rel_tol=1e-6) for area in _areas(geometry, height, width)
        )

    def _segmentation(self, height: int, width: int) -> Mask | Polygon | None:
        if self.segmentation in (None, []):
            return None
        if isinstance(self.segmentation, list):
            rings = [self._ring(ring) for ring in self.segmentation]
            return Polygon(parts=tuple(PolygonPart(exterior=ring) for ring in rings))
        if not isinstance(self.segmentation, dict) or set(self.segmentation) != {"size", "counts"}:
            self._refuse("the segmentation is neither a list of polygons nor a run-length encoding")
        if self.segmentation["size"] != [height, width]:
            self._refuse(f"the mask is not of the image's size [{height}, {width}] (height, width)")
        counts = self._counts(self.segmentation["counts"], height, width)
        return Mask(height=height, width=width, counts=counts)

    def _counts(self, counts: Any, height: int, width: int) -> str:
        if isinstance(counts, str):
            return counts
        if not isinstance(counts, list) or not all(type(run) is int and run >= 0 for run in counts):
            self._refuse("the counts of the mask are neither a text nor a list of whole numbers")
        if sum(counts) != height * width:
            self._refuse(f"the runs of the mask do not sum to its {height} x {width} pixels")
        rle = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
        return str(rle["counts"], "ascii")

    def _ring(self, ring: Any) -> Ring:
        numbers = self._numbers(ring, "polygon")
        if len(numbers) % 2:
            self._refuse(f"a polygon has an odd number of coordinates: {len(numbers)}")
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))

    def _box(self, bbox: Any) -> Box:
        numbers = self._numbers(bbox, "bbox")
        if len(numbers) != 4:  # noqa: PLR2004 -- x, y, width, height
            self._refuse(f"the bbox has {len(numbers)} numbers, not four")
        x, y, width, height = numbers
        return Box(x=x, y=y, width=width, height=height)

    def _numbers(self, values: Any, what: str) -> list[float]:
        if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
            self._refuse(f"the {what} is no list of numbers")
        if not all(-MAX_ID < value < MAX_ID for value in values):  # a whole number may be beyond any float
            self._refuse(f"a coordinate of the {what} is beyond any image")
        return [float(value) for value in values]

    def _refuse(self, what: str) -> NoReturn:
        raise CaseError(what, where=self.place, hint=_AGAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoImage:
    """An image, and its annotations in the order of the file."""

    place: str
    """``file.json#images[3]``, 0-based."""
    id: int
    file_name: str
    width: Any
    height: Any
    annotations: tuple[CocoAnnotation, ...]
    extra: Extra


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoFile:
    """A whole file."""

    images: tuple[CocoImage, ...]
    categories: tuple[CocoCategory, ...]
    licences: Mapping[int, Any]
    """The licences that the file names, by their id."""
    extra: Extra
    """What the file says of itself: ``info``, and what is none of COCO's keys."""


def json_text(value: Any) -> str:
    """Return a value as JSON text."""
    return json.dumps(value, ensure_ascii=False)


def read_coco(file: RawFile) -> CocoFile | None:
    """Read a COCO file; ``None`` if it is JSON of another kind.

    What it refers to is checked here, what it draws later.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is too large, is not JSON, names one key twice in one object, or holds a number
            that is none; ids are missing, repeated, or refer to nothing.
    """
    where = str(file)
    if file.size > MAX_BYTES:
        raise RawLayoutError(
            f"the file is larger than {MAX_BYTES} bytes", where=where, hint="split it into several"
        )
    root = _parse(file.read(), where)
    if not isinstance(root, dict) or not all(
        isinstance(root.get(key), list) for key in ("images", "annotations")
    ):
        return None
    categories = {found.id: found for found in _categories(root.get("categories", []), where)}
    drawn = _annotations(root["annotations"], categories, where)
    images = tuple(_images(root["images"], drawn, where))
    for dangling in drawn.values():
        _refuse("its image_id is of no image of the file", dangling[0].place)
    extra = _extra(root, {"images", "annotations", "categories", "licenses"})
    if len(json_text(extra)) > MAX_HEADER:
        _refuse(f"what the file says of itself has more than {MAX_HEADER} characters", where)
    return CocoFile(
        images=images,
        categories=tuple(categories.values()),
        licences=dict(_licences(root.get("licenses"), where)),
        extra=extra,
    )


# ---------------------------------------------------------------- a folder


def part_of(file: RawFile) -> str | None:
    """Return the part that the name of a COCO file says; ``None`` if it is not ``instances_<part>.json``.

    Raises:
        RawLayoutError: The part is no plain name.
    """
    if not file.stem.startswith("instances_"):
        return None
    part = file.stem.removeprefix("instances_")
    if not _PART.fullmatch(part):
        raise RawLayoutError(
            f"{part!r} cannot name a part: it is not lower-case letters, digits and hyphens",
            where=str(file),
            hint="rename the file",
        )
    return part


def candidates(
    file: RawFile, part: str | None, image: CocoImage, paths: Mapping[str, RawFile]
) -> tuple[RawFile, ...]:
    """Return the files that a file_name may mean.

    It may lie beside the COCO file, in the folder above or in the source's own; in each of them also in
    ``images``, in a folder named like the part, or in such a folder in ``images``.
    """
    name = image.file_name.removeprefix("./")
    if _UNFIT.search(name) or not {"", ".", ".."}.isdisjoint(name.split("/")):
        return ()
    own = file.path.rpartition("/")[0]
    tops = dict.fromkeys((own, own.rpartition("/")[0], ""))
    folders = ("", "images", *((part, f"images/{part}") if part else ()))
    wanted = dict.fromkeys("/".join(filter(None, (top, f, name))) for top in tops for f in folders)
    return tuple(paths[path] for path in wanted if path in paths)


# ---------------------------------------------------------------- the file's lists


def _images(entries: list[Any], drawn: dict[int, list[CocoAnnotation]], where: str) -> Iterator[CocoImage]:
    """Yield the images, taking the annotations of each out of all that are drawn."""
    seen: set[int] = set()
    for place, entry in _entries(entries, f"{where}#images"):
        number, name = _new_id(entry, seen, place), entry.get("file_name")
        if not isinstance(name, str):
            _refuse("it has no file_name", place)
        yield CocoImage(
            place=place,
            id=number,
            file_name=name,
            width=entry.get("width"),
            height=entry.get("height"),
            annotations=tuple(drawn.pop(number, ())),
            extra=_extra(entry, {"id", "file_name", "width", "height"}),
        )


def _annotations(
    entries: list[Any], categories: Mapping[int, CocoCategory], where: str
) -> dict[int, list[CocoAnnotation]]:
    """Return the annotations by the id of their image."""
    found: dict[int, list[CocoAnnotation]] = {}
    seen: set[int] = set()
    own = {"id", "image_id", "category_id", "bbox", "segmentation", "iscrowd"}
    for place, entry in _entries(entries, f"{where}#annotations"):
        number, image = _new_id(entry, seen, place), _id(entry, "image_id", place)
        category = categories.get(_id(entry, "category_id", place))
        if category is None:
            _refuse("its category_id is of no category of the file", place)
        crowd = entry.get("iscrowd", 0)
        if type(crowd) is not int or crowd not in {0, 1}:
            _refuse("its iscrowd is neither 0 nor 1", place)
        annotation = CocoAnnotation(
            place=place,
            id=number,
            category=category,
            bbox=entry.get("bbox"),
            segmentation=entry.get("segmentation"),
            is_crowd=bool(crowd),
            extra=_extra(entry, own),
        )
        found.setdefault(image, []).append(annotation)
    return found


def _categories(entries: Any, where: str) -> Iterator[CocoCategory]:
    seen: set[int] = set()
    for place, entry in _entries(entries, f"{where}#categories"):
        number, name = _new_id(entry, seen, place), entry.get("name")
        if not isinstance(name, str) or not name:
            _refuse("it has no name", place)
        yield CocoCategory(id=number, name=name, extra=_extra(entry, {"id", "name"}))


def _licences(entries: Any, where: str) -> Iterator[tuple[int, Any]]:
    seen: set[int] = set()
    for place, entry in _entries(entries or [], f"{where}#licenses"):
        if len(json_text(entry)) > MAX_HEADER:
            _refuse(f"it has more than {MAX_HEADER} characters", place)
        yield _new_id(entry, seen, place), entry


def _entries(entries: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a list, each with its place."""
    if not isinstance(entries, list):
        _refuse("a list was expected", where)
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            _refuse("an object was expected", f"{where}[{index}]")
        yield f"{where}[{index}]", entry


def _new_id(entry: dict[str, Any], seen: set[int], place: str) -> int:
    number = _id(entry, "id", place)
    if number in seen:
        _refuse(f"its id {number} is that of an earlier one", place)
    seen.add(number)
    return number


def _id(entry: dict[str, Any], key: str, place: str) -> int:
    value = entry.get(key)
    if type(value) is not int or not -MAX_ID < value < MAX_ID:
        _refuse(f"its {key} is no whole number within 2^53", place)
    return value


def _extra(entry: dict[str, Any], own: set[str]) -> Extra:
    """Return the keys that are none of COCO's own and say something."""
    return {key: value for key, value in entry.items() if key not in own and value not in (None, "", [], {})}


def _refuse(what: str, where: str) -> NoReturn:
    raise RawLayoutError(what, where=where, hint=_AGAIN)


# ---------------------------------------------------------------- JSON from strangers


class _NoJsonError(ValueError):
    """What the standard library reads and RFC 8259 does not have, or leaves open."""


def _parse(data: bytes, where: str) -> Any:
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        if _SURROGATE.search(text):
            json_text(value).encode()
    except json.JSONDecodeError as error:
        _refuse(f"broken JSON: {error.msg} (character {error.pos})", f"{where}:{error.lineno}")
    except _NoJsonError as error:
        _refuse(f"broken JSON: {error}", where)
    except UnicodeError:
        _refuse("the file is not UTF-8", where)
    except (ValueError, RecursionError):  # numbers of 4,300 digits and more; nesting without end
        _refuse("broken JSON: a number or the nesting is without measure", where)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _NoJsonError(f"an object has the key {twice!r} twice")
    return found


def _constant(name: str) -> NoReturn:
    raise _NoJsonError(f"{name} is no number")


# ---------------------------------------------------------------- extents and areas


def _extent(geometry: Mask | Polygon) -> tuple[float, ...]:
    """Return left, top, width and height in pixels."""
    if isinstance(geometry, Polygon):
        return geometry.bbox_xywh_px
    return tuple(coco_mask.toBbox(_rle(geometry)).tolist())


def _areas(geometry: Geometry, height: int, width: int) -> Iterator[float]:
    """Yield the area in square pixels; of a polygon also that of its raster."""
    match geometry:
        case Mask():
            yield float(coco_mask.area(_rle(geometry)))
        case Box():
            yield geometry.width * geometry.height
        case Polygon(parts=parts):
            yield sum(_shoelace(part.exterior) for part in parts)
            flat = [list(chain.from_iterable(part.exterior)) for part in parts]
            yield float(coco_mask.area(coco_mask.merge(coco_mask.frPyObjects(flat, height, width))))


def _rle(mask: Mask) -> dict[str, Any]:
    return {"size": [mask.height, mask.width], "counts": mask.counts}


def _shoelace(ring: Ring) -> float:
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise((*ring, ring[0])))) / 2
