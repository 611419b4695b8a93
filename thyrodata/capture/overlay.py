"""Chooses the few pictures of a clip that must be looked at for text: tissue moves, and text stands still.

The minimum over a few consecutive frames keeps text that stands through all of them, bright on what the
moving tissue leaves. Its strokes are kept, without the tissue below them; and the maximum of the strokes of
many such minima shows every text that stood that long at any time. The longer it must have stood, the less
tissue is left: minima of many frames are kept apart from those of few. Text that is dark on bright tissue is
seen in the first and the last frame alone, as is text that moves.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.brightness import bright_strokes, brightness

__all__ = ["LASTING", "STANDING", "OverlayWatch"]

STANDING = 4
"""Consecutive frames, at least, through which text stands unchanged: at 30 per second a seventh of one."""

LASTING = 16
"""Frames through which text stands that is typed, or that a scanner shows; a multiple of `STANDING`."""

LEAST_SPAN = 128
"""Minima, at least, that go into one picture: what bounds their number in a clip of wild motion. One of a few
frames ends with each frame, one of `LASTING` with each of `STANDING` frames."""

DRIFT = 16
"""Mean grey levels, of 255, by which the maximum may outgrow the latest strokes: text loses as much contrast.
Past it another picture is begun."""

GRID = 4
"""Rows and columns of which one is measured for the drift."""

FAINT = 16
"""Grey levels by which strokes must outshine those of the first and last frame to show anything new."""


class OverlayWatch:
    """Is shown the frames of a clip one by one, and says which pictures have to be looked at.

    Text that is in the first or the last frame is in one of the pictures, and text that stands still through
    any `STANDING` consecutive frames is in them or in the strokes. What is kept is a handful of frames, and
    the strokes of each span in which little moves.
    """

    def __init__(self) -> None:
        self._number = 0
        self._first: NDArray[np.uint8] | None = None
        self._frames: list[NDArray[np.uint8]] = []
        """The latest frames, fewer than `STANDING`, and copies: a caller may reuse an array."""
        self._greys: list[NDArray[np.uint8]] = []
        """The brightness of the latest frames, fewer than `STANDING`."""
        self._minima: list[NDArray[np.uint8]] = []
        """The minima of `STANDING` frames each, one after another, fewer than make up `LASTING`."""
        self._brief = _Standing()
        self._lasting = _Standing()

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Look at the next frame.

        Args:
            frame: (height, width) or (height, width, 3); of one shape through the clip.

        Raises:
            MissingExtraError: The extra ``ocr`` is not installed.
        """
        self._number += 1
        if self._first is None:
            self._first = frame.copy()
        self._frames.append(frame.copy())
        self._greys.append(brightness(self._frames[-1]))
        if len(self._frames) < STANDING:
            return
        least = reduce(np.minimum, self._greys)  # numpy's own reduce copies them into one array first
        self._brief.add(bright_strokes(least))
        del self._frames[0], self._greys[0]
        if self._number % STANDING == 0:
            self._minima.append(least)
            if len(self._minima) * STANDING == LASTING:
                self._lasting.add(bright_strokes(reduce(np.minimum, self._minima)))
                del self._minima[0]

    def pictures(self) -> tuple[NDArray[np.uint8], ...]:
        """Return the first and the last frame, if they differ; of a clip too short for text to stand, all."""
        if self._first is None:
            return ()
        different: list[NDArray[np.uint8]] = []
        for frame in [self._first, *(self._frames[-1:] if self._brief.spans() else self._frames)]:
            if not any(np.array_equal(frame, other) for other in different):
                different.append(frame)
        return tuple(different)

    def strokes(self) -> tuple[NDArray[np.uint8], ...]:
        """Return what stood still, (height, width) for each span that shows what no picture does."""
        if not self._brief.spans():
            return ()
        shown = reduce(np.maximum, [bright_strokes(brightness(frame)) for frame in self.pictures()])
        limit = np.minimum(shown, np.uint8(255 - FAINT)) + np.uint8(FAINT)
        spans = [*self._lasting.spans(), *self._brief.spans()]
        return tuple(span for span in spans if (span > limit).any())


class _Standing:
    """The strokes of minima, their maximum for each span in which little moves."""

    def __init__(self) -> None:
        self._number = 0
        self._running: NDArray[np.uint8] | None = None
        self._over: list[NDArray[np.uint8]] = []

    def add(self, strokes: NDArray[np.uint8]) -> None:
        self._number += 1
        if self._running is None:
            self._running = strokes
            return
        np.maximum(self._running, strokes, out=self._running)
        if self._number >= LEAST_SPAN and _drift(self._running, strokes) > DRIFT:
            self._over.append(self._running)
            self._running, self._number = None, 0

    def spans(self) -> list[NDArray[np.uint8]]:
        return self._over + ([] if self._running is None else [self._running])


def _drift(standing: NDArray[np.uint8], strokes: NDArray[np.uint8]) -> float:
    """Return by how many grey levels one picture is brighter than the other, in the mean; nowhere darker."""
    return float((standing[::GRID, ::GRID] - strokes[::GRID, ::GRID]).mean())
