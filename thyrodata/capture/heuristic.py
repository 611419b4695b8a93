"""Finds the ultrasound picture on a screen whose header does not say where it is: by echo, motion and text.

A person has to look where there is doubt: it is better to put a file aside than to keep a banner.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.brightness import brightness
from thyrodata.capture.regions import LEAST_OF_SCREEN, MOST_OF_SCREEN, RegionDoubt
from thyrodata.capture.text import TextDetector, blank
from thyrodata.echo import Doubt, find_echo
from thyrodata.schema.record import PixelBox

__all__ = ["find_picture"]

TEXTURE_WINDOW = 5
"""Pixels across a window in which echo varies, and a panel of the screen does not."""

TEXTURE = 3
"""Grey levels, of 255, by which echo varies in a window at least."""

COLOUR = 60
"""Grey levels, of 255, between the channels of a pixel from which it is a colour: JPEG tints grey by less."""

COLOURED_LINE = 0.6
"""Share of coloured pixels from which a line is part of a bar: colour flow takes a part of a line only."""

GAP = 12
"""Grey levels, of 255, up to which a pixel may be part of a gap: JPEG blurs a narrow one."""

BRIGHT_IN_GAP = 0.02
"""Share of a line's pixels that may be brighter though the line is a gap."""

BORDER = 0.15
"""Share of a side, from each edge of the picture, in which text is cut off: text further inside, such as a
body mark, would cost too much of the picture, and is left to be blanked."""

LEAST_SIDE = 0.25
"""Share of the screen's width or height below which the picture is a strip of one. Above it a share of the
screen alone says little: a tenth may be all of its width."""

LEAST_LEFT = 0.5
"""Share of the picture, by its area, that must be left without text: where there is more of that, it is echo
or colour flow that looks like text, and its edges say nothing of the picture's."""


def find_picture(frames: Sequence[NDArray[np.uint8]], detector: TextDetector) -> PixelBox:
    """Return the box of the ultrasound picture: x0, y0, x1, y1, outer edges.

    What varies from pixel to pixel, or moves, may be echo, unless it is text: its area is found as for a
    margin (`thyrodata.echo`). Then each edge moves inwards until no text is left near it.

    Args:
        frames: A few of a clip, or a still alone: (height, width) or (height, width, 3), all of one shape.
        detector: Finds the text.

    Raises:
        CaseError: The detector fails.
        MissingExtraError: The extra ``ocr`` is not installed.
        RegionDoubt: No picture is sure enough to cut by.
    """
    brightest = np.maximum.reduce(list(frames))
    darkest = np.minimum.reduce(list(frames))
    texts = {box for picture in _to_look_at(frames, darkest) for box in detector.find(picture)}
    echo = _echo(brightest, darkest)
    found = find_echo(blank(echo, texts))
    if isinstance(found, Doubt):
        raise RegionDoubt(f"no picture was found on the screen: {found.value}")
    if _has_coloured_bar(brightest, found):
        raise RegionDoubt("a coloured bar borders on the picture that was found on the screen")
    if _is_parted(brightness(brightest), found):
        raise RegionDoubt("a gap parts the picture that was found on the screen: it may be a dual view")
    box = _without_border_text(found, texts)
    _check_size(box, echo)
    return box


def _check_size(box: PixelBox, echo: NDArray[np.uint8]) -> None:
    """Refuse a box that is too little or too much of the screen, or of the picture with its text."""
    rows, columns = echo.shape
    width, height = box[2] - box[0], box[3] - box[1]
    share = _area(box) / (rows * columns)
    if not LEAST_OF_SCREEN <= share <= MOST_OF_SCREEN:
        raise RegionDoubt(f"the picture that was found covers {100 * share:.0f} % of the screen")
    if width < LEAST_SIDE * columns or height < LEAST_SIDE * rows:
        raise RegionDoubt(f"the picture that was found is a strip of {width} x {height} px")
    whole = find_echo(echo)
    if not isinstance(whole, Doubt) and _area(box) < LEAST_LEFT * _area(whole):
        raise RegionDoubt(f"what looks like text leaves {_area(box) / _area(whole):.0%} of the picture")


def _echo(brightest: NDArray[np.uint8], darkest: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the brightest of each pixel in 8 bits, and black where nothing varies in place or time."""
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    high, low = brightness(brightest), brightness(darkest)
    size = (TEXTURE_WINDOW, TEXTURE_WINDOW)
    varies = ndimage.maximum_filter(high, size) - ndimage.minimum_filter(high, size) >= TEXTURE
    return np.where(varies | (high - low >= TEXTURE), high, np.uint8(0))


def _has_coloured_bar(brightest: NDArray[np.uint8], box: PixelBox) -> bool:
    """Return whether lines along an edge of a box are of a colour nearly throughout."""
    if brightest.ndim == 2:  # noqa: PLR2004 -- height, width
        return False
    x0, y0, x1, y1 = box
    inside = brightest[y0:y1, x0:x1]
    coloured = inside.max(axis=2) - inside.min(axis=2) >= COLOUR
    for lines in (coloured.mean(axis=1), coloured.mean(axis=0)):
        deep = max(int(len(lines) * BORDER), 1)
        if max(lines[:deep].max(), lines[-deep:].max()) >= COLOURED_LINE:
            return True
    return False


def _is_parted(grey: NDArray[np.uint8], box: PixelBox) -> bool:
    """Return whether a black line runs through a box from edge to edge."""
    x0, y0, x1, y1 = box
    bright = grey[y0:y1, x0:x1] > GAP
    for lines in (bright.mean(axis=1), bright.mean(axis=0)):
        deep = max(int(len(lines) * BORDER), 1)
        if (lines[deep:-deep] < BRIGHT_IN_GAP).any():
            return True
    return False


def _to_look_at(frames: Sequence[NDArray[np.uint8]], darkest: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return a still, or what stands still of a clip with its first frame."""
    return [frames[0]] if len(frames) == 1 else [frames[0], darkest]


def _without_border_text(box: PixelBox, texts: set[PixelBox]) -> PixelBox:
    """Return the box without text near its edges: each is cut off where it costs least."""
    x0, y0, x1, y1 = box
    reach_x, reach_y = BORDER * (x1 - x0), BORDER * (y1 - y0)
    least = (x0 + reach_x, y0 + reach_y, x1 - reach_x, y1 - reach_y)
    for text in sorted(texts):
        cuts = [
            cut
            for cut in _cuts(box, text)
            if cut[0] <= least[0] and cut[1] <= least[1] and cut[2] >= least[2] and cut[3] >= least[3]
        ]
        box = max(cuts, key=_area, default=box)
    return box


def _cuts(box: PixelBox, text: PixelBox) -> tuple[PixelBox, ...]:
    """Return what is left of a box on each of the four sides of a text in it."""
    x0, y0, x1, y1 = box
    if text[0] >= x1 or text[2] <= x0 or text[1] >= y1 or text[3] <= y0:
        return ()
    return ((text[2], y0, x1, y1), (x0, text[3], x1, y1), (x0, y0, text[0], y1), (x0, y0, x1, text[1]))


def _area(box: PixelBox) -> int:
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)
