"""What an annotation tool says of images, whichever tool's format it came in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from thyrodata.schema.geometry import Geometry

__all__ = ["BlankImage", "Drawing", "DrawnImage", "Note", "parse_number", "parse_whole"]

_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlankImage:
    """An image that is given to a reader with nothing drawn on it."""

    file: str
    """Its path in the reader's folder."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One shape, in pixels of the image."""

    labels: tuple[str, ...]
    """As the tool has them."""
    geometry: Geometry
    drawn_by: str
    """The tool's own word for how the shape came about, ``manual`` for by hand; empty if it has none."""
    where: str


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
    """Width and height in pixels, as the tool states them."""
    tags: tuple[str, ...]
    """What is said of the whole image."""
    drawings: tuple[Drawing, ...]
    submitted: bool
    """Whether somebody is known to have worked on it."""
    account: str
    """Who, as the tool numbers its users; empty where it does not say."""
    notes: tuple[Note, ...]
    where: str


def parse_number(text: object) -> float | None:
    """Return the number that a decimal text says, ``None`` for any other thing: also for ``NaN``."""
    return float(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None


def parse_whole(text: object) -> int | None:
    """Return the whole number of at most nine digits that a text says, ``None`` for any other thing."""
    return int(text) if isinstance(text, str) and _WHOLE.fullmatch(text) else None
