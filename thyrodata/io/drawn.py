"""What is drawn on images, whichever format it comes in or goes out in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from thyrodata.schema.geometry import Box, Geometry, Line, Mask, Polygon
from thyrodata.schema.vocab import Coverage

__all__ = ["Drawing", "DrawnImage", "GivenImage", "GivenShape", "Note", "parse_number", "parse_whole"]

_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenShape:
    """A shape that a reader is shown."""

    label: str
    geometry: Box | Line | Mask | Polygon
    """In pixels of the image. A polygon for CVAT or Label Studio has one part and no hole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenImage:
    """An image that is given to a reader."""

    file: str
    """Its path in the reader's folder."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    shapes: tuple[GivenShape, ...] = ()
    """What is shown on it: nothing in a blinded work list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One shape, in pixels of the image."""

    labels: tuple[str, ...] | None
    """As the tool has them; ``None`` in a format that has none, such as a mask."""
    geometry: Geometry
    drawn_by: str
    """The tool's own word for how the shape came about, ``manual`` for by hand; empty if it has none."""
    where: str
    score: float | None = None
    """A model's confidence."""
    crowd: bool = False
    """One drawing of several things that nobody told apart (``iscrowd`` of COCO)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that the tool's file says and that has no place in a record."""

    what: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnImage:
    """What a tool's file says of one image."""

    name: str
    """The last part of the path that the tool knows the image by."""
    size: tuple[int, int] | None
    """Width and height in pixels, as the tool states them. Where it does not, what is drawn is in percent of
    both."""
    tags: tuple[str, ...]
    """What is said of the whole image."""
    drawings: tuple[Drawing, ...]
    submitted: bool
    """Whether somebody is known to have worked on it."""
    account: str
    """Who, as the tool numbers its users; empty where it does not say."""
    notes: tuple[Note, ...]
    where: str
    no_outlines: tuple[Note, ...] = ()
    """Shapes of which no outline can be made, such as points."""
    coverage: Coverage | None = None
    """Said of the image in a format that has no tags."""


def parse_number(text: object) -> float | None:
    """Return the number that a decimal text says, ``None`` for any other thing: also for ``NaN``."""
    return float(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None


def parse_whole(text: object) -> int | None:
    """Return the whole number of at most nine digits that a text says, ``None`` for any other thing."""
    return int(text) if isinstance(text, str) and _WHOLE.fullmatch(text) else None
