"""Lines of text in a picture, found and read by the networks of PP-OCR (the extra ``ocr``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.brightness import bright_strokes, brightness, in_eight_bits
from thyrodata.capture.ocr import read_line
from thyrodata.capture.text import ReadText, TextDetector
from thyrodata.schema.record import PixelBox

__all__ = ["LEGIBLE", "Line", "read_texts", "rows"]

LEGIBLE = 0.5
"""Mean probability of the characters from which a text counts as read: what rapidocr asks for by itself."""

CERTAIN = 0.9
"""Likewise, from which a box is one line, and is not taken apart."""

UPRIGHT = 1.5
"""Height by width from which one line of text runs from the bottom to the top."""

LETTER_ROWS = 5
"""Rows of pixels that the smallest letters of a screen fill."""

AROUND = 3
"""Rows above and below a line that the network reads with it."""

Line = ReadText
"""A line as capture reads it: its box x0, y0, x1, y1 in px, x1 and y1 exclusive; its text; its score."""


def read_texts(pixels: NDArray[np.unsignedinteger[Any]]) -> tuple[Line, ...]:
    """Return the lines of text in the whole picture, by rows. Equal pictures give equal lines.

    They are found as capture finds what it blanks, which is meant to miss nothing, and takes close lines for
    one; what cannot be read, such as speckle and bars, is left out.

    Args:
        pixels: uint8 (height, width) or (height, width, 3) RGB, or uint16 (height, width).

    Raises:
        CaseError: A network fails.
        MissingExtraError: The extra ``ocr`` is not installed.
    """
    picture = in_eight_bits(pixels)
    boxes = TextDetector().find(picture)
    strokes = bright_strokes(brightness(picture))
    lines = (line for box in boxes for line in _read(picture, strokes, box))
    return tuple(line for line in lines if line.text and line.score >= LEGIBLE)


def _read(picture: NDArray[np.uint8], strokes: NDArray[np.uint8], box: PixelBox) -> tuple[Line, ...]:
    """Return what stands in a box: one line, or several where those are read with more certainty."""
    x0, y0, x1, y1 = box
    upright = y1 - y0 > UPRIGHT * (x1 - x0)
    shown = picture[y0:y1, x0:x1]
    text, score = read_line(np.rot90(shown, -1) if upright else shown)
    whole = Line(box=box, text=text, score=score)
    if score >= CERTAIN:
        return (whole,)
    spans = _spans(strokes[y0:y1, x0:x1])
    if len(spans) < 2 and not upright:  # noqa: PLR2004 -- it is the line that was read
        return (whole,)
    parts = []
    for start, stop in spans:
        top, bottom = max(y0 + start - AROUND, 0), min(y0 + stop + AROUND, len(picture))
        text, score = read_line(picture[top:bottom, x0:x1])
        parts.append(Line(box=(x0, top, x1, bottom), text=text, score=score))
    surest = max((part.score for part in parts if part.text), default=0.0)
    return tuple(parts) if surest > whole.score else (whole,)


def _spans(strokes: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Return the first row of each line, and the one behind its last: rows with ink, between rows without."""
    inked = np.count_nonzero(2 * strokes.astype(int) >= max(int(strokes.max()), 1), axis=1) > 1
    edges = np.flatnonzero(np.diff(np.r_[False, inked, False]))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, stop) for start, stop in pairs if stop - start >= LETTER_ROWS]


def rows(lines: Sequence[Line]) -> Iterator[tuple[str, PixelBox]]:
    """Yield what stands in one row side by side as one text, with the box around it.

    The finder may part a text at a space: ``TIRADS`` and ``4C``.
    """
    left = sorted(lines, key=lambda line: line.box)
    while left:
        row = [left.pop(0)]
        for line in tuple(left):
            if _continues(row[-1].box, line.box):
                row.append(line)
                left.remove(line)
        x0, y0, x1, y1 = zip(*(line.box for line in row), strict=True)
        yield " ".join(line.text for line in row), (min(x0), min(y0), max(x1), max(y1))


def _continues(one: PixelBox, other: PixelBox) -> bool:
    """Tell whether another box follows one in its row, less than a line's height away."""
    heights = (one[3] - one[1], other[3] - other[1])
    shared = min(one[3], other[3]) - max(one[1], other[1])
    return 2 * shared >= max(heights) and other[0] - one[2] <= max(heights)
