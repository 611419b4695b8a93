"""Chooses the few pictures of a clip that must be looked at for text: tissue moves, and text stands still.

The minimum over a few consecutive frames keeps text that stands through all of them, bright on what the
moving tissue leaves. The maximum of many such minima keeps every text that stood that long at any time. Text
that is dark on bright tissue is seen in the first and the last frame alone, as is text that moves.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["STANDING", "OverlayWatch"]

STANDING = 4
"""Consecutive frames, at least, through which text stands unchanged: at 30 per second a seventh of one."""

DRIFT = 16
"""Mean grey levels, of 255, by which the maximum may outgrow the latest minimum: text loses as much contrast.
Past it another picture is begun."""

LEAST_SPAN = 64
"""Frames, at least, that go into one picture: what bounds their number in a clip of wild motion."""

GRID = 4
"""Rows and columns of which one is measured for the drift."""

Frame: TypeAlias = NDArray[np.unsignedinteger[Any]]


class OverlayWatch:
    """Is shown the frames of a clip one by one, and says which pictures have to be looked at.

    Text that stands still through any `STANDING` consecutive frames, or is in the first or the last frame, is
    in at least one of the pictures. What is kept is a handful of frames, and a picture for each span in which
    little moves.
    """

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        """The latest frames, fewer than `STANDING`."""
        self._first: Frame | None = None
        self._standing: Frame | None = None
        """The maximum, over the span that runs, of the minima of `STANDING` frames."""
        self._span = 0
        self._spans: list[Frame] = []

    def add(self, frame: Frame) -> None:
        """Look at the next frame.

        Args:
            frame: uint8 or uint16, (height, width) or (height, width, 3); of one shape through the clip.
        """
        if self._first is None:
            self._first = frame.copy()
        self._frames.append(frame.copy())
        if len(self._frames) < STANDING:
            return
        least = np.minimum.reduce(self._frames)
        del self._frames[0]
        self._span += 1
        if self._standing is None:
            self._standing = least
            return
        np.maximum(self._standing, least, out=self._standing)
        if self._span >= LEAST_SPAN and _drift(self._standing, least) > DRIFT:
            self._spans.append(self._standing)
            self._standing, self._span = None, 0

    def pictures(self) -> tuple[Frame, ...]:
        """Return what has to be looked at of the frames so far, without repetitions; nothing for no frame.

        Of a clip too short for text to stand, that is all of its frames.
        """
        if self._first is None:
            return ()
        last = [] if self._standing is None else [self._standing]
        seen = self._spans + last
        frames = [self._first, *(self._frames if not seen else self._frames[-1:])]
        different: list[Frame] = []
        for picture in [*frames, *seen]:
            if not any(np.array_equal(picture, other) for other in different):
                different.append(picture)
        return tuple(different)


def _drift(standing: Frame, least: Frame) -> float:
    """Return by how many grey levels of 255 one picture is brighter than the other, in the mean."""
    sparse = standing[::GRID, ::GRID].astype(np.float32) - least[::GRID, ::GRID]
    return float(sparse.mean()) / (1 if standing.dtype.itemsize == 1 else 257)
