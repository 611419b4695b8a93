"""What a reader's file says, in the terms of a dataset: readings and findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from thyrodata.annotation.assignment import Mark
from thyrodata.annotation.key import KeyRow
from thyrodata.errors import CaseError, SchemaError
from thyrodata.io.drawn import Drawing, DrawnImage
from thyrodata.schema.category import parse_category
from thyrodata.schema.geometry import Box, Geometry, Mask, Polygon, PolygonPart, Ring
from thyrodata.schema.record import Finding, Label, Read
from thyrodata.schema.vocab import Basis, Bethesda, Coverage, Structure, Term, parse_term

__all__ = ["NewReading", "Scene", "check_accounts", "check_names", "interpret"]

_MARKS = {mark.value: mark for mark in Mark}
_NOISE_PX = 1e-6
"""What percent and back may add to a point on the edge of an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a drawn image must fit."""

    reader: str
    structures: tuple[Structure, ...]
    """What was asked for: the one is meant where a label names only a grade."""
    width: int
    """Of the dataset's image, in pixels."""
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReading:
    """What one reader says of one image."""

    coverage: Coverage | None
    """Complete or partial only where the reader says so; that something is drawn does not."""
    image_labels: tuple[Label, ...]
    findings: tuple[Finding, ...]
    """Their ids are numbers from 1."""


def check_names(
    drawn: Iterable[DrawnImage], reader: str, key: Iterable[KeyRow]
) -> Mapping[str, tuple[KeyRow, DrawnImage]]:
    """Return each image of a reader's file with its row of the key, by image id.

    Raises:
        CaseError: A name is not in the key, or is another reader's; an image is there twice; or two people
            have annotated.
    """
    rows = {row.name: row for row in key}
    found: dict[str, tuple[KeyRow, DrawnImage]] = {}
    for image in drawn:
        row = rows.get(image.name)
        if row is None:
            hint = "give the images their names from the work list; the key must be of the same lists"
            _refuse(f"{image.name!a} is no file of the work lists", image.where, hint)
        if row.reader != reader:
            what = f"{image.name} is a file of the reader {row.reader}, not of {reader}"
            _refuse(what, image.where, f"import it with --reader {row.reader}, if it is that reader's")
        if row.image_id in found:
            first = found[row.image_id][1].where
            _refuse(f"{image.name} is there twice, first at {first}", image.where, "give each image once")
        found[row.image_id] = (row, image)
    check_accounts(image for _, image in found.values())
    return found


def check_accounts(drawn: Iterable[DrawnImage]) -> None:
    """Refuse the work of two people.

    Raises:
        CaseError: Two accounts of a tool have annotated.
    """
    accounts: dict[str, DrawnImage] = {}
    for image in drawn:
        if image.submitted:
            accounts.setdefault(image.account, image)
    if len(accounts) > 1:
        one, other, *_ = accounts
        what = f"two people have annotated: {one!a} and {other!a}"
        _refuse(what, accounts[other].where, "export what one of them has done, as one reader")


def interpret(image: DrawnImage, scene: Scene) -> NewReading | None:
    """Return what a reader says of an image; ``None`` where nothing shows that anybody looked.

    Raises:
        CaseError: The image has another size, a shape leaves it or is no outline, a label is not understood,
            or what is said contradicts itself.
    """
    if image.size not in (None, (scene.width, scene.height)):
        said = "{} x {} px".format(*image.size)
        what = f"{image.name} is {scene.width} x {scene.height} px, and {said} in this file"
        _refuse(what, image.where, "annotate the image as it was exported")
    if not image.submitted:
        return None
    if image.no_outlines:
        first = image.no_outlines[0]
        _refuse(f"a shape is a {first.what}, which is no outline", first.where, _REDRAW)
    if image.size is None:
        image = _in_pixels(image, scene)
    marks = [_MARKS[tag] for tag in image.tags if tag in _MARKS]
    _check_marks(marks, image)
    labels = [_image_label(tag, image, scene.reader) for tag in image.tags if tag not in _MARKS]
    return NewReading(
        coverage=marks[0].coverage if marks else image.coverage,
        image_labels=tuple(labels),
        findings=tuple(
            _finding(drawing, str(number), scene) for number, drawing in enumerate(image.drawings, 1)
        ),
    )


_REDRAW = "draw it again as a polygon, a rectangle or a mask"


def _in_pixels(image: DrawnImage, scene: Scene) -> DrawnImage:
    """Return an image whose shapes are in percent with the pixels that they come to."""
    drawings = (
        replace(drawing, geometry=_scaled(drawing.geometry, scene.width / 100, scene.height / 100))
        for drawing in image.drawings
    )
    return replace(image, drawings=tuple(drawings))


def _scaled(geometry: Geometry, x: float, y: float) -> Geometry:
    def ring(points: Ring) -> Ring:
        return tuple((x * left, y * top) for left, top in points)

    match geometry:
        case Box() as box:
            return Box(x=x * box.x, y=y * box.y, width=x * box.width, height=y * box.height)
        case Polygon(parts=parts):
            scaled = (
                PolygonPart(exterior=ring(part.exterior), holes=tuple(map(ring, part.holes)))
                for part in parts
            )
            return Polygon(parts=tuple(scaled))
        case _:
            raise TypeError(f"a {type(geometry).__name__} is not in percent")


def _check_marks(marks: list[Mark], image: DrawnImage) -> None:
    if len(set(marks)) > 1:
        _refuse(f"{image.name} is marked {marks[0].value!r} and {marks[1].value!r}", image.where, _DECIDE)
    if Mark.NOTHING in marks and image.drawings:
        _refuse(f"{image.name} is marked {Mark.NOTHING.value!r}, and has a drawing", image.where, _DECIDE)
    if Mark.ALL in marks and not image.drawings:
        what = f"{image.name} is marked {Mark.ALL.value!r}, and nothing is drawn"
        _refuse(what, image.where, f"mark it {Mark.NOTHING.value!r}, if there is nothing")


_DECIDE = "ask the reader which of the two is meant"


def _image_label(tag: str, image: DrawnImage, reader: str) -> Label:
    try:
        term = parse_term(tag)
    except SchemaError as error:
        known = ", ".join(repr(mark) for mark in _MARKS)
        _refuse(
            f"{tag!a} says nothing of an image: {error.message}", image.where, f"{known}, or scheme/value"
        )
    return _seen(term, reader, image.where)


def _seen(term: Term, reader: str, where: str) -> Label:
    """Return the label of what a reader saw in an image."""
    if isinstance(term, Bethesda):
        _refuse(f"{term} is a category of cytology: no image shows it", where, "remove it in the tool")
    return Label(value=term, basis=Basis.IMAGING, reader=reader)


def _finding(drawing: Drawing, finding_id: str, scene: Scene) -> Finding:
    structures, labels = [], []
    for name in drawing.labels or ():
        try:
            structure, said = parse_category(name, scene.structures[0])
        except SchemaError as error:
            hint = (
                error.hint or f"a structure ({', '.join(each.value for each in Structure)}) or scheme/value"
            )
            _refuse(f"the label {name!a} is not understood: {error.message}", drawing.where, hint)
        labels += [_seen(label.value, scene.reader, drawing.where) for label in said]
        structures += [] if said else [structure]
    if (not structures and len(scene.structures) > 1) or len(structures) > 1 or drawing.labels == ():
        what = (
            f"the labels {', '.join(map(ascii, drawing.labels or ())) or '(none)'} do not say what is drawn"
        )
        _refuse(what, drawing.where, "label each shape with one structure")
    _check_inside(drawing, scene)
    return Finding(
        finding_id=finding_id,
        structure=structures[0] if structures else scene.structures[0],
        geometries=(drawing.geometry,),
        labels=tuple(labels),
        score=drawing.score,
        crowd=drawing.crowd,
        origin=Read(reader=scene.reader),
    )


def _check_inside(drawing: Drawing, scene: Scene) -> None:
    if isinstance(drawing.geometry, Mask):  # of its image's size, or it could not have been read
        return
    x, y, width, height = drawing.geometry.bbox_xywh_px
    right, bottom = scene.width + _NOISE_PX, scene.height + _NOISE_PX
    if x < -_NOISE_PX or y < -_NOISE_PX or x + width > right or y + height > bottom:
        _refuse("a shape leaves its image", drawing.where, "move it into the image in the tool")


def _refuse(what: str, where: str, hint: str) -> NoReturn:
    raise CaseError(what, where=where, hint=hint)
