"""Label files of YOLO: a line per object, a box or the points of a segment in fractions of the image."""

from __future__ import annotations

import re
from dataclasses import dataclass

from thyrodata.errors import CaseError
from thyrodata.io.raw import RawFile
from thyrodata.schema.geometry import Box, Point, Polygon, PolygonPart

__all__ = ["YoloLabel", "parse_yolo_labels", "read_yolo_labels"]

LEAST, MOST = -1.0, 2.0
"""An object may leave its image, but hardly by a whole image: a number beyond is of pixels, or of nothing."""

_BOX_VALUES = 4
_MIN_SEGMENT_VALUES = 6
_CLASS = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_HINT = "write `class cx cy w h` or `class x1 y1 x2 y2 x3 y3 ...`, each number a fraction of the image's size"


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloLabel:
    """One line of a label file.

    The numbers are fractions of the image's width and height, from its top-left corner. They are kept as
    given, also where they lie outside 0 to 1.
    """

    line: int
    """1-based."""
    class_index: int
    """0-based place in the list of the data set's classes."""
    values: tuple[float, ...]
    """Centre x, centre y, width, height of a box; or x, y of each of three or more points."""
    ended: bool = True
    """Whether the line has a line end. Where its writer always sets one, a file without is cut."""

    @property
    def is_box(self) -> bool:
        """Whether the line gives a box, not a segment: it does if it has four numbers."""
        return len(self.values) == _BOX_VALUES

    def to_box(self, width: int, height: int) -> Box:
        """Return the box in pixels.

        Args:
            width: Of the image, in pixels.
            height: Of the image, in pixels.

        Raises:
            ValueError: The line gives a segment.
        """
        if not self.is_box:
            raise ValueError("the label is a segment")
        x, y, w, h = self.values
        return Box(x=(x - w / 2) * width, y=(y - h / 2) * height, width=w * width, height=h * height)

    def to_polygon(self, width: int, height: int) -> Polygon:
        """Return the segment as a polygon of one part, in pixels.

        Args:
            width: Of the image, in pixels.
            height: Of the image, in pixels.

        Raises:
            ValueError: The line gives a box.
        """
        if self.is_box:
            raise ValueError("the label is a box")
        points: tuple[Point, ...] = tuple(
            (x * width, y * height) for x, y in zip(self.values[::2], self.values[1::2], strict=True)
        )
        return Polygon(parts=(PolygonPart(exterior=points),))


def read_yolo_labels(file: RawFile) -> tuple[YoloLabel, ...]:
    """Read a label file: UTF-8 with or without a byte-order mark, any kind of line end. It may be empty.

    Raises:
        CaseError: The file cannot be read or is not UTF-8, or as :func:`parse_yolo_labels`.
    """
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CaseError(
            f"the label file is not UTF-8: byte {error.start}", where=str(file), hint=_HINT
        ) from None
    return parse_yolo_labels(text, str(file))


def parse_yolo_labels(text: str, where: str) -> tuple[YoloLabel, ...]:
    """Return the objects of a label file's text; empty lines are none.

    Args:
        text: The whole text.
        where: The file's place, for errors.

    Raises:
        CaseError: A line has no class, or not the numbers of a box or a segment; or a number is none, or far
            outside the image; or a box has a negative side.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return tuple(
        _label(words, number, ended=number < len(lines), where=f"{where}:{number}")
        for number, line in enumerate(lines, 1)
        if (words := line.split())
    )


def _label(words: list[str], line: int, *, ended: bool, where: str) -> YoloLabel:
    if not _CLASS.fullmatch(words[0]):
        raise _refused(f"{words[0][:40]!r} is no class: a whole number, 0 or more", where)
    count = len(words) - 1
    if count != _BOX_VALUES and (count < _MIN_SEGMENT_VALUES or count % 2):
        raise _refused(f"a class and {count} numbers are no box and no segment", where)
    values = tuple(_value(word, where) for word in words[1:])
    if count == _BOX_VALUES and min(values[2:]) < 0:
        raise _refused("a side of the box is negative", where)
    return YoloLabel(line=line, class_index=int(words[0]), values=values, ended=ended)


def _value(word: str, where: str) -> float:
    if not _NUMBER.fullmatch(word):
        raise _refused(f"{word[:40]!r} is no number", where)
    value = float(word)
    if not LEAST <= value <= MOST:
        raise _refused(f"{word[:40]} is no fraction of an image's size", where)
    return value


def _refused(message: str, where: str) -> CaseError:
    return CaseError(message, where=where, hint=_HINT)
