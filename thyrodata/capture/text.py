"""Finds text burned into a picture, reads it for the audit, and blanks it.

Finding goes by detection alone: the detector of PP-OCR answers where text is in any script, while what the
text says matters to nobody but the audit. Its answer is taken as a map of probabilities, from several views
of the same picture, at a threshold far below the one that suits reading: a doubtful stroke is blanked. Single
letters, which it misses, are found by their strokes and colours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.brightness import all_strokes, in_eight_bits, opencv
from thyrodata.capture.letters import letter_boxes
from thyrodata.capture.ocr import SURE, read_line, text_map
from thyrodata.schema.record import PixelBox

__all__ = ["Hidden", "ReadText", "TextDetector", "blank", "hide"]

ROUNDS = 4
"""Looks at what is left of pictures, each without what was found before, of which one must find nothing."""

PATCH = 0.8
"""Share of a box that is hidden already, from which the patch is seen and no text."""

SUSPECT = 0.1
"""Probability from which a pixel is text at first sight; rapidocr takes 0.3, and 0.5 as a line's mean."""

UPRIGHT = 1.5
"""Height by width from which a line of text is read from the bottom to the top."""

ENLARGED = 2
"""Scale at which the detector, which was trained on larger letters, sees those of 8 to 12 pixels."""

ENLARGED_SIDE = 1600
"""Longest side of an enlarged view: a screen of so many pixels has letters large enough."""

GAIN = 2
"""Factor by which a view of strokes alone is brightened."""

UNCLIP = 1.6
"""How far an area of the map grows back to the text that it stands for: the detector learned areas shrunk by
area / perimeter times such a factor (Liao et al., Real-time Scene Text Detection with Differentiable
Binarization, AAAI 2020)."""

TALLEST = 40
"""Pixels across an area of the map from which it is no line of letters: it is hidden, and not grown."""

BROADEST = 64
"""Pixels across an area from which it is no text at all, but colour flow: the areas are shrunk, and no letter
of a scanner is a hundred pixels tall."""

MARGIN = 2
"""Pixels added around text, for anti-aliased and JPEG-blurred borders."""

WASTE = 1.2
"""Factor by which a box around two boxes may be larger than both, to stand for them."""

RIM = 4
"""Pixels around a box that stand for what it hides, when the picture is looked at again."""


_Asked: TypeAlias = tuple[Callable[..., tuple[PixelBox, ...]], Sequence[NDArray[np.uint8]]]
"""A way to look, and the pictures that are looked at so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadText:
    """A line of text as it was read."""

    box: PixelBox
    text: str
    score: float
    """Mean probability of its characters, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What has to be blanked to hide the text of some pictures."""

    boxes: tuple[PixelBox, ...]
    clean: bool
    """Whether a last look at all but the boxes found nothing: else the pictures must not be exported."""


class TextDetector:
    """Finds and reads text. Equal pictures give equal answers."""

    def find(self, picture: NDArray[np.unsignedinteger[Any]], *, again: bool = False) -> tuple[PixelBox, ...]:
        """Return the boxes of what may be text, sorted, each with a margin and inside the picture.

        Args:
            picture: uint8 (height, width) or (height, width, 3) RGB, or uint16 (height, width).
            again: It has been looked at, and what was found is smoothed over. The patches invite doubt, and
                have edges: it is looked at as it is, and only what is text for sure counts.

        Raises:
            CaseError: A network fails.
            MissingExtraError: The extra ``ocr`` is not installed.
        """
        shown = in_eight_bits(picture)
        views = [(shown, 1.0)]
        if not again:
            views += [(_brightened(strokes), 1.0) for strokes in all_strokes(shown)]
            if (scale := min(ENLARGED, ENLARGED_SIDE / max(shown.shape))) > 1:
                views.append((shown, scale))
        return _found(views, [shown], again=again)

    def find_together(self, *pictures: NDArray[np.uint8], again: bool = False) -> tuple[PixelBox, ...]:
        """Return the boxes of what may be text in any picture of a clip that moves, as `find` does.

        They are not enlarged, which takes most of the time, and their strokes of one kind are one view: what
        is small or faint and stands still is seen by `find_in_strokes`, without tissue below it.

        Args:
            pictures: (height, width) or (height, width, 3) RGB, of one size.
            again: As for `find`.

        Raises:
            CaseError: A network fails.
            MissingExtraError: The extra ``ocr`` is not installed.
        """
        views = list(pictures)
        if not again:
            none = np.zeros(pictures[0].shape[:2], np.uint8)
            kinds = zip_longest(*map(all_strokes, pictures), fillvalue=none)
            views += [_brightened(np.maximum.reduce(kind)) for kind in kinds]
        return _found([(view, 1.0) for view in views], pictures, again=again)

    def find_in_strokes(self, strokes: NDArray[np.uint8], *, again: bool = False) -> tuple[PixelBox, ...]:
        """Return the boxes of what may be text, as `find` does, in strokes without tissue below them.

        Args:
            strokes: (height, width), as :func:`thyrodata.capture.brightness.bright_strokes` returns them.
            again: As for `find`.

        Raises:
            CaseError: A network fails.
            MissingExtraError: The extra ``ocr`` is not installed.
        """
        return _found([(_brightened(strokes), 1.0)], [strokes], again=again)

    def read(self, picture: NDArray[np.unsignedinteger[Any]]) -> tuple[ReadText, ...]:
        """Return what `find` finds, with the text that is read there; empty texts are left out.

        Args:
            picture: As for `find`.

        Raises:
            CaseError: A network fails.
            MissingExtraError: The extra ``ocr`` is not installed.
        """
        shown = in_eight_bits(picture)
        lines = []
        for box in self.find(shown):
            x0, y0, x1, y1 = box
            line = shown[y0:y1, x0:x1]
            text, score = read_line(np.rot90(line, -1) if y1 - y0 > UPRIGHT * (x1 - x0) else line)
            if text:
                lines.append(ReadText(box=box, text=text, score=score))
        return tuple(lines)


def blank(
    picture: NDArray[np.unsignedinteger[Any]], boxes: Iterable[PixelBox]
) -> NDArray[np.unsignedinteger[Any]]:
    """Return a copy with the boxes set to 0; nothing else changes."""
    blanked = picture.copy()
    for x0, y0, x1, y1 in boxes:
        blanked[y0:y1, x0:x1] = 0
    return blanked


def hide(
    detector: TextDetector,
    pictures: Sequence[NDArray[np.uint8]],
    strokes: Sequence[NDArray[np.uint8]] = (),
) -> Hidden:
    """Find what to blank in all of some pictures, so that another look at what is left finds nothing.

    Args:
        detector: Finds the text.
        pictures: A still alone, or those of a clip that must be looked at: of one size, and a box found in
            one is blanked in all of them.
        strokes: What stands still on the clip, see :class:`thyrodata.capture.overlay.OverlayWatch`.

    Raises:
        CaseError: A network fails.
        MissingExtraError: The extra ``ocr`` is not installed.
    """
    asked: list[_Asked] = [(detector.find, [each]) for each in pictures]
    if strokes:
        asked = [
            (detector.find_together, pictures),
            *((detector.find_in_strokes, [each]) for each in strokes),
        ]
    looks = [find(*few) for find, few in asked]
    boxes = _merged(box for look in looks for box in look)
    if not boxes:
        return Hidden(boxes=(), clean=True)
    suspects = [each for each, look in zip(asked, looks, strict=True) if look]
    for _ in range(ROUNDS):
        hidden = _cover(boxes, pictures[0].shape)
        found = [
            box
            for find, few in suspects
            for box in find(*(_smoothed_over(each, boxes, hidden) for each in few), again=True)
            if hidden[box[1] : box[3], box[0] : box[2]].mean() < PATCH
        ]
        if not found:
            return Hidden(boxes=boxes, clean=True)
        boxes = _merged([*boxes, *found])
    return Hidden(boxes=boxes, clean=False)


def _cover(boxes: Iterable[PixelBox], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where boxes are, (height, width)."""
    hidden = np.zeros(shape[:2], bool)
    for x0, y0, x1, y1 in boxes:
        hidden[y0:y1, x0:x1] = True
    return hidden


def _smoothed_over(
    picture: NDArray[np.uint8], boxes: Iterable[PixelBox], hidden: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return a copy with the boxes filled with the mean of what borders on them.

    Blanked boxes would be seen as dark strokes, or as letters where they lie side by side.
    """
    smoothed = picture.copy()
    for x0, y0, x1, y1 in boxes:
        rim = (slice(max(y0 - RIM, 0), y1 + RIM), slice(max(x0 - RIM, 0), x1 + RIM))
        seen = picture[rim][~hidden[rim]]
        smoothed[y0:y1, x0:x1] = seen.mean(axis=0).astype(picture.dtype) if seen.size else 0
    return smoothed


def _brightened(strokes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.minimum(strokes.astype(np.uint16) * GAIN, 255).astype(np.uint8)


def _found(
    views: Iterable[tuple[NDArray[np.uint8], float]], pictures: Sequence[NDArray[np.uint8]], *, again: bool
) -> tuple[PixelBox, ...]:
    """Return the boxes of text in views of some pictures, and those of single letters in these."""
    probability = SURE if again else SUSPECT
    height, width = pictures[0].shape[:2]
    texts = [
        box
        for view, scale in views
        for box in _boxes_of(text_map(view, scale) > probability, scale, (height, width))
    ]
    if again:  # what is left between two patches is like a stroke
        return _merged(texts)
    return _merged([*texts, *(box for picture in pictures for box in letter_boxes(picture))])


def _boxes_of(text: NDArray[np.bool_], scale: float, shape: tuple[int, ...]) -> Iterator[PixelBox]:
    """Yield a box of the picture for each area of the map of a view."""
    *_, areas, _ = opencv().connectedComponentsWithStats(text.view(np.uint8))
    for left, top, width, height, _ in areas[1:].tolist():  # the first is what lies around
        if min(height, width) > BROADEST * scale:
            continue
        grow, further = MARGIN * scale, 0.0
        if min(height, width) <= TALLEST * scale:
            grow += height * width * UNCLIP / (2 * (height + width))
            # a letter at either end may lie on something as bright, and stay unseen
            further = min(min(height, width) + 2 * grow, TALLEST * scale)
        across, down = (grow + further, grow) if width >= height else (grow, grow + further)
        yield (
            max(int((left - across) / scale), 0),
            max(int((top - down) / scale), 0),
            min(int(np.ceil((left + width + across) / scale)), shape[1]),
            min(int(np.ceil((top + height + down) / scale)), shape[0]),
        )


def _merged(boxes: Iterable[PixelBox]) -> tuple[PixelBox, ...]:
    """Return boxes of the same pixels or a few more, joined where nearly the same, sorted by rows."""
    left = sorted(set(boxes))
    kept: list[PixelBox] = []
    while left:
        box = left.pop()
        for index, other in enumerate(left):
            joined = _around(box, other)
            if _area(joined) <= WASTE * (_area(box) + _area(other) - _area(_shared(box, other))):
                left[index] = joined
                break
        else:
            kept.append(box)
    return tuple(sorted(kept, key=lambda box: (box[1], box[0], box[3], box[2])))


def _around(one: PixelBox, two: PixelBox) -> PixelBox:
    return (min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3]))


def _shared(one: PixelBox, two: PixelBox) -> PixelBox:
    x0, y0 = max(one[0], two[0]), max(one[1], two[1])
    return (x0, y0, max(min(one[2], two[2]), x0), max(min(one[3], two[3]), y0))


def _area(box: PixelBox) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
