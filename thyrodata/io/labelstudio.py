"""Annotations of Label Studio: its export "JSON".

The grammar is that of the pages "Label Studio JSON format of annotated tasks" and "Units of image
annotations" and of the tags ``RectangleLabels``, ``PolygonLabels``, ``BrushLabels`` and ``Choices`` in its
documentation.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, NoReturn
from urllib.parse import unquote

from thyrodata.errors import CaseError, SchemaError
from thyrodata.io.brush import brush_mask
from thyrodata.io.drawn import Drawing, DrawnImage, Note, parse_number, parse_whole
from thyrodata.io.images import MAX_PIXELS
from thyrodata.io.jsontext import parse_verbatim
from thyrodata.schema.geometry import Box, Geometry, Point, Polygon, PolygonPart

__all__ = ["read_label_studio"]

Size = tuple[int, int]

_AGAIN = "export the project again as JSON"
_REDRAW = "draw it again in Label Studio as a polygon, a rectangle or a brush"
_SHAPES = {"brushlabels", "polygonlabels", "rectanglelabels"}
_OF_A_REGION = {"x", "points", "rle", "vertices", "imageDataURL"}
"""Members that only a region of the image has."""
_SAID_OF_A_REGION = {"choices", "number", "rating", "textarea", "taxonomy"}
"""Results that stand beside a region and repeat its geometry."""
_PERCENT: Size = (100, 100)
"""Of an image whose size is not stated: its percents are its pixels."""


def read_label_studio(data: bytes, where: str) -> tuple[DrawnImage, ...]:
    """Read an export in the format "JSON".

    Predictions are a model's, or were shown, and are not looked at.

    Args:
        data: The whole file.
        where: The file's place, for errors.

    Raises:
        CaseError: It is not JSON, not of this grammar, an image has two annotations, or a shape is none that
            an outline can be.
    """
    try:
        tasks = parse_verbatim(data, where)
    except CaseError as error:
        raise CaseError(error.message, where=error.where, hint=_AGAIN) from None
    if not isinstance(tasks, list):
        _refuse("the file is no list of tasks", where)
    return tuple(_task(task, f"{where}#[{number}]") for number, task in enumerate(tasks))


def _task(task: object, where: str) -> DrawnImage:
    image = _member(_member(task, "data", dict, where), "image", str, where)
    annotations = _member(task, "annotations", list, where)
    drafts = task.get("drafts") if isinstance(task, dict) else None
    notes = [Note(what="a draft that was not submitted", where=where)] if drafts else []
    submitted: list[tuple[dict[str, Any], str]] = []
    for number, annotation in enumerate(annotations):
        place = f"{where}.annotations[{number}]"
        if not isinstance(annotation, dict):
            _refuse("an annotation is no object", place)
        if annotation.get("was_cancelled"):
            notes.append(Note(what="an annotation that was cancelled", where=place))
        else:
            submitted.append((annotation, place))
    if len(submitted) > 1:
        _refuse("the image was annotated twice", submitted[1][1], "leave one of the two in Label Studio")
    results = _Results(*submitted[0]) if submitted else None
    return DrawnImage(
        name=PurePosixPath(unquote(image)).name,
        size=results.size if results else None,
        tags=tuple(results.tags) if results else (),
        drawings=tuple(results.drawings) if results else (),
        submitted=results is not None,
        account=results.account if results else "",
        notes=(*notes, *(results.notes if results else ())),
        where=where,
        no_outlines=tuple(results.no_outlines) if results else (),
    )


class _Results:
    """What one annotation says of its image."""

    def __init__(self, annotation: dict[str, Any], where: str) -> None:
        by = annotation.get("completed_by") or ""
        self.account = str(by.get("id", by.get("email", ""))) if isinstance(by, dict) else str(by)
        self._sizes: set[Size | None] = set()
        self.tags: list[str] = []
        self.drawings: list[Drawing] = []
        self.notes: list[Note] = []
        self.no_outlines: list[Note] = []
        for number, result in enumerate(_member(annotation, "result", list, where)):
            self._add(result, f"{where}.result[{number}]")

    @property
    def size(self) -> Size | None:
        """Width and height of the image in pixels; ``None`` where no region states them."""
        return next(iter(self._sizes), None)

    def _add(self, result: object, where: str) -> None:
        kind = _member(result, "type", str, where)
        if not isinstance(result, dict) or kind == "relation":  # between two regions, without a value
            self.notes.append(Note(what="a relation of two regions", where=where))
            return
        value = _member(result, "value", dict, where)
        is_region = bool(_OF_A_REGION & value.keys())
        if is_region and kind not in _SAID_OF_A_REGION:
            self._draw(result, kind, value, where)
        elif kind == "choices" and not is_region:
            self.tags += _texts(value, "choices", where)
        else:
            what = "region" if is_region else "image"
            self.notes.append(Note(what=f"a result of type {kind!a} of the {what}", where=where))
        if result.get("meta"):
            self.notes.append(Note(what="a remark on a region", where=where))

    def _draw(self, result: dict[str, Any], kind: str, value: dict[str, Any], where: str) -> None:
        if kind not in _SHAPES:
            self.no_outlines.append(Note(what=f"region of the type {kind!a}", where=where))
            return
        size = _size(result, where)
        self._sizes.add(size)
        if len(self._sizes) > 1:
            _refuse("two regions state two sizes of the image, or one of them none", where)
        if size is None and kind == "brushlabels":
            _refuse("a brush does not state the size of its image", where)
        try:
            geometry = _geometry(kind, value, size or _PERCENT, where)
        except SchemaError as error:
            _refuse(error.message, where, _REDRAW)
        self.drawings.append(
            Drawing(
                labels=tuple(_texts(value, kind, where)),
                geometry=geometry,
                drawn_by=str(result.get("origin") or ""),
                where=where,
            )
        )


def _size(result: dict[str, Any], where: str) -> Size | None:
    if result.get("image_rotation") is not None and parse_number(result["image_rotation"]) != 0:
        _refuse("the image was turned in the tool", where, "turn it back, and draw again")
    if "original_width" not in result and "original_height" not in result:  # as in the documented example
        return None
    width, height = (parse_whole(result.get(f"original_{side}")) for side in ("width", "height"))
    if not width or not height or width * height > MAX_PIXELS:
        _refuse("a region does not state the size of its image", where)
    return width, height


def _geometry(kind: str, value: dict[str, Any], size: Size, where: str) -> Geometry:
    if kind == "rectanglelabels":
        if value.get("rotation") is not None and parse_number(value["rotation"]) != 0:
            _refuse("the shape is rotated", where, _REDRAW)
        x, y = _pixels([value.get("x"), value.get("y")], size, where)
        width, height = _pixels([value.get("width"), value.get("height")], size, where)
        if width <= 0 or height <= 0:
            _refuse("a box has no area", where, "remove it in Label Studio")
        return Box(x=x, y=y, width=width, height=height)
    if kind == "polygonlabels":
        if value.get("closed") is False:
            _refuse("a polygon is not closed", where, _REDRAW)
        points = _member(value, "points", list, where)
        return Polygon(parts=(PolygonPart(exterior=tuple(_pixels(point, size, where) for point in points)),))
    if value.get("format") != "rle":
        _refuse(f"a brush is of the format {value.get('format')!a}", where)
    numbers = [parse_whole(number) for number in _member(value, "rle", list, where)]
    return brush_mask(numbers, size, where)


def _pixels(pair: object, size: Size, where: str) -> Point:
    # Percent of the image's width and height, from its top-left corner ("Units of image annotations").
    numbers = [parse_number(number) for number in pair] if isinstance(pair, list) else []
    percent = [number for number in numbers if number is not None]
    if len(percent) != 2 or len(numbers) != 2:  # noqa: PLR2004 -- x and y
        _refuse(f"{str(pair)[:60]!a} are no two numbers", where)
    return percent[0] * size[0] / 100, percent[1] * size[1] / 100


def _texts(value: dict[str, Any], name: str, where: str) -> list[str]:
    texts: list[str] = _member(value, name, list, where)
    if not all(isinstance(text, str) for text in texts):
        _refuse(f"{name} are no texts", where)
    return texts


def _member(parent: object, name: str, kind: type[Any], where: str) -> Any:
    found = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(found, kind):
        _refuse(f"there is no {name}, or it is of another kind", where)
    return found


def _refuse(what: str, where: str, hint: str = _AGAIN) -> NoReturn:
    raise CaseError(what, where=where, hint=hint)
