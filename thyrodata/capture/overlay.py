"""Chooses the few pictures of a clip that must be looked at for text: tissue moves, and text stands still.

The minimum over a few consecutive frames keeps text that stands through all of them, bright on what the
moving tissue leaves. Its strokes are kept, without the tissue below them; and the maximum of the strokes of
many such minima shows every text that stood that long at any time. Text that is dark on bright tissue is seen
in the first and the last frame alone, as is text that moves.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.brightness import bright_strokes, brightness

__all__ = ["STANDING", "OverlayWatch"]

STANDING = 4
"""Consecutive frames, at least, through which text stands unchanged: at 30 per second a seventh of one."""

DRIFT = 16
"""Mean grey levels, of 255, by which the maximum may outgrow the latest strokes: text loses as much contrast.
Past it another picture is begun."""

LEAST_SPAN = 64
"""Frames, at least, that go into one picture: what bounds their number in a clip of wild motion."""

GRID = 4
"""Rows and columns of which one is measured for the drift."""

FAINT = 16
"""Grey levels by which strokes must outshine those of the first and last frame to show anything new."""

Frame: TypeAlias = NDArray[np.unsignedinteger[Any]]


class OverlayWatch:
    """Is shown the frames of a clip one by one, and says which pictures have to be looked at.

    Text that is in the first or the last frame is in one of the pictures, and text that stands still through
    any `STANDING` consecutive frames is in them or in the strokes. What is kept is a handful of frames, and
    the strokes of each span in which little moves.
    """

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        """The latest frames, fewer than `STANDING`, and copies: a caller may reuse an array."""
        self._first: Frame | None = None
        self._greys: list[NDArray[np.uint8]] = []
        """The brightness of the latest frames, fewer than `STANDING`."""
        self._standing: NDArray[np.uint8] | None = None
        """The maximum, over the span that runs, of the strokes of the minima of `STANDING` frames."""
        self._span = 0
        self._spans: list[NDArray[np.uint8]] = []

    def add(self, frame: Frame) -> None:
        """Look at the next frame.

        Args:
            frame: uint8 or uint16, (height, width) or (height, width, 3); of one shape through the clip.

        Raises:
            MissingExtraError: The extra ``ocr`` is not installed.
        """
        if self._first is None:
            self._first = frame.copy()
        self._frames.append(frame.copy())
        self._greys.append(brightness(self._frames[-1]))
        if len(self._frames) < STANDING:
            return
        strokes = bright_strokes(np.minimum.reduce(self._greys))
        del self._frames[0], self._greys[0]
        self._span += 1
        if self._standing is None:
            self._standing = strokes
            return
        np.maximum(self._standing, strokes, out=self._standing)
        if self._span >= LEAST_SPAN and _drift(self._standing, strokes) > DRIFT:
            self._spans.append(self._standing)
            self._standing, self._span = None, 0

    def pictures(self) -> tuple[Frame, ...]:
        """Return the first and the last frame, if they differ; of a clip too short for text to stand, all."""
        if self._first is None:
            return ()
        different: list[Frame] = []
        for frame in [self._first, *(self._frames[-1:] if self._all_spans() else self._frames)]:
            if not any(np.array_equal(frame, other) for other in different):
                different.append(frame)
        return tuple(different)

    def strokes(self) -> tuple[NDArray[np.uint8], ...]:
        """Return what stood still, (height, width) for each span that shows what no picture does."""
        spans = self._all_spans()
        if not spans:
            return ()
        shown = np.maximum.reduce([bright_strokes(brightness(frame)) for frame in self.pictures()])
        limit = np.minimum(shown, np.uint8(255 - FAINT)) + np.uint8(FAINT)
        return tuple(span for span in spans if (span > limit).any())

    def _all_spans(self) -> list[NDArray[np.uint8]]:
        return self._spans + ([] if self._standing is None else [self._standing])


def _drift(standing: NDArray[np.uint8], strokes: NDArray[np.uint8]) -> float:
    """Return by how many grey levels one picture is brighter than the other, in the mean."""
    return float((standing[::GRID, ::GRID].astype(np.float32) - strokes[::GRID, ::GRID]).mean())
