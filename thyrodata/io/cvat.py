"""Annotations of CVAT: its format "CVAT for images 1.1".

The grammar is that of the page "XML annotation format" of CVAT's documentation, the details those of what
CVAT writes (``cvat/apps/dataset_manager/formats/cvat.py``): coordinates have two decimals.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NoReturn

import numpy as np

from thyrodata.errors import CaseError, SchemaError
from thyrodata.io.drawn import Drawing, DrawnImage, Note, parse_number, parse_whole
from thyrodata.io.images import MAX_PIXELS
from thyrodata.io.masks import encode_mask
from thyrodata.io.xml import Element, parse_xml
from thyrodata.schema.geometry import Box, Geometry, Line, Mask, Point, Polygon, PolygonPart

__all__ = ["read_cvat"]

_AGAIN = "export the task again as 'CVAT for images 1.1'"
_REDRAW = "draw it again in CVAT as a polygon, a rectangle or a mask"
_OUTLINES = {"box", "mask", "polygon", "polyline"}
_NO_OUTLINES = {"cuboid", "ellipse", "points", "skeleton"}


def read_cvat(data: bytes, where: str) -> tuple[DrawnImage, ...]:
    """Read an annotations file.

    An image without a shape and without a tag may have been looked at or not: nobody can tell.

    Args:
        data: The whole file.
        where: The file's place, for errors.

    Raises:
        CaseError: It is not XML, not of this grammar, or a shape is none that an outline can be.
    """
    try:
        root = parse_xml(data, where)
    except CaseError as error:
        raise CaseError(error.message, where=error.where, hint=_AGAIN) from None
    if root.tag != "annotations" or root.findtext("version") != "1.1":
        _refuse("the file holds no annotations of version 1.1", root, where)
    for element in root:
        if element.tag == "track":
            _refuse("the file holds tracks: it was exported as a video", element, where)
        if element.tag not in {"version", "meta", "image"}:
            _refuse(f"there is no <{element.tag}> in this format", element, where)
    return tuple(_image(element, where) for element in root.iterfind("image"))


def _image(element: Element, where: str) -> DrawnImage:
    width, height = (_whole(element, side, where) for side in ("width", "height"))
    if not 0 < width * height <= MAX_PIXELS:
        _refuse(f"an image has {width} x {height} pixels", element, where)
    tags, drawings, notes, no_outlines = [], [], [], []
    for child in element:
        label = _text(child, "label", where)
        if child.tag in _NO_OUTLINES:
            no_outlines.append(Note(what=f"<{child.tag}>", where=_place(child, where)))
            continue
        notes += [Note(what=what, where=_place(child, where)) for what in _without_a_place(child)]
        if child.tag == "tag":
            tags.append(label)
            continue
        drawings.append(
            Drawing(
                labels=(label,),
                geometry=_geometry(child, (width, height), where),
                drawn_by=str(child.get("source", "")),
                where=_place(child, where),
            )
        )
    return DrawnImage(
        name=PurePosixPath(_text(element, "name", where)).name,
        size=(width, height),
        tags=tuple(tags),
        drawings=tuple(drawings),
        submitted=bool(tags or drawings or no_outlines),
        account="",
        notes=tuple(notes),
        where=_place(element, where),
        no_outlines=tuple(no_outlines),
    )


def _without_a_place(shape: Element) -> Iterator[str]:
    """Yield what is said of a shape and has no place in a finding. ``z_order`` is how shapes are shown."""
    yield from (f"the attribute {child.get('name')!a}" for child in shape)
    if shape.get("occluded", "0") != "0":
        yield "that the shape is occluded"
    if shape.get("group_id", "0") != "0":
        yield "a group of shapes"


def _geometry(shape: Element, size: tuple[int, int], where: str) -> Geometry:
    if shape.tag not in _OUTLINES:
        _refuse(f"there is no shape <{shape.tag}> in this format", shape, where)
    if shape.get("rotation") is not None and parse_number(shape.get("rotation")) != 0:
        _refuse("the shape is rotated", shape, where, _REDRAW)
    try:
        match shape.tag:
            case "box":
                return _box(shape, where)
            case "polygon":
                return Polygon(parts=(PolygonPart(exterior=_points(shape, where)),))
            case "polyline":
                return Line(points=_points(shape, where))
            case _:
                return _mask(shape, size, where)
    except SchemaError as error:
        _refuse(error.message, shape, where, _REDRAW)


def _box(shape: Element, where: str) -> Box:
    # Continuous pixels like ours: the far corner of an image is its width and height (cvat issue 9973).
    left, top, right, bottom = (_number(shape, side, where) for side in ("xtl", "ytl", "xbr", "ybr"))
    if not (left < right and top < bottom):
        _refuse("a box has no area", shape, where, "remove it in CVAT")
    return Box(x=left, y=top, width=right - left, height=bottom - top)


def _points(shape: Element, where: str) -> tuple[Point, ...]:
    # As for boxes: x to the right, y down, from the top-left corner of the top-left pixel.
    points: list[Point] = []
    for pair in _text(shape, "points", where).split(";"):
        numbers = [parse_number(text) for text in pair.split(",")]
        match numbers:
            case [float(x), float(y)]:
                points.append((x, y))
            case _:
                _refuse(f"{pair!a} is no point", shape, where)
    return tuple(points)


def _mask(shape: Element, size: tuple[int, int], where: str) -> Mask:
    # Runs of background and mask by turns, background first, row by row inside the box of whole pixels.
    left, top, width, height = (_whole(shape, name, where) for name in ("left", "top", "width", "height"))
    if left + width > size[0] or top + height > size[1]:
        _refuse("a mask leaves its image", shape, where, _REDRAW)
    runs = [parse_whole(text.strip()) for text in _text(shape, "rle", where).split(",")]
    lengths = [run for run in runs if run is not None]
    if len(lengths) != len(runs) or sum(lengths) != width * height:
        _refuse(f"the runs of a mask do not sum to its {width} x {height} pixels", shape, where)
    if not sum(lengths[1::2]):
        _refuse("a mask has no pixel", shape, where, "remove it in CVAT")
    pixels = np.zeros((size[1], size[0]), np.bool_)
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    pixels[top : top + height, left : left + width] = inside.reshape(height, width)
    return encode_mask(pixels)


def _text(element: Element, name: str, where: str) -> str:
    text = element.get(name)
    if not text:
        _refuse(f"<{element.tag}> has no {name}", element, where)
    return str(text)


def _whole(element: Element, name: str, where: str) -> int:
    number = parse_whole(_text(element, name, where))
    if number is None:
        _refuse(f"the {name} {element.get(name)!a} of <{element.tag}> is no whole number", element, where)
    return number


def _number(element: Element, name: str, where: str) -> float:
    number = parse_number(_text(element, name, where))
    if number is None:
        _refuse(f"the {name} {element.get(name)!a} of <{element.tag}> is no number", element, where)
    return number


def _place(element: Element, where: str) -> str:
    return f"{where}:{element.sourceline}"


def _refuse(what: str, element: Element, where: str, hint: str = _AGAIN) -> NoReturn:
    raise CaseError(what, where=_place(element, where), hint=hint)
