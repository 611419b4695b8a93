"""What a picture looks like from afar, as numbers that survive scaling, compression and gain.

A picture is described twice: the whole of it, and its echo region, which is what a crop keeps. Each is shrunk
to one square, whatever its shape, and described by the low frequencies of its cosine transform, as perceptual
hashes are (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.duplicates.pixels import Grey
from thyrodata.echo import Doubt, find_echo
from thyrodata.schema.record import PixelBox

__all__ = [
    "FEATURES",
    "VIEWS",
    "Box",
    "Overlay",
    "Turn",
    "features_of",
    "levels_of",
    "turned",
    "turning_signs",
    "views_of",
]

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels, whole or not."""

SQUARE = 64
"""Pixels a side of what is described."""

ACROSS = range(1, 16)
"""Frequencies along a row that are kept, in half waves. The zeroth, which is the change of gain with depth,
says little of a picture."""

DOWN = range(16)
"""Frequencies down a column."""

FEATURES = len(ACROSS) * len(DOWN)
"""Numbers that describe a view."""

VIEWS = 2
"""The whole picture, and its echo region."""


class Turn(Enum):
    """How a copy may be turned; the value says whether rows, and whether columns, run backwards."""

    NONE = (False, False)
    LEFT_RIGHT = (False, True)
    UPSIDE_DOWN = (True, False)
    HALF_TURN = (True, True)

    def __str__(self) -> str:
        """Return it in words; nothing for none."""
        return {
            Turn.NONE: "",
            Turn.LEFT_RIGHT: "mirrored left to right",
            Turn.UPSIDE_DOWN: "mirrored upside down",
            Turn.HALF_TURN: "turned by 180 degrees",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """How one picture may lie on another."""

    first: int
    """The place of a picture."""
    second: int
    """That of a later one."""
    turn: Turn
    """Of the second."""
    boxes: tuple[Box, Box]
    """What both show, in each as it is stored."""


def turned(pixels: NDArray[Any], turn: Turn) -> NDArray[Any]:
    """Return a picture turned. Each turn is its own inverse."""
    down, across = turn.value
    return pixels[:: -1 if down else 1, :: -1 if across else 1]


def turning_signs(turn: Turn) -> NDArray[np.float32]:
    """Return what to multiply features by to have those of the turned view: mirroring negates odd waves."""
    down, across = turn.value
    rows = np.array([-1 if down and frequency % 2 else 1 for frequency in DOWN], np.float32)
    columns = np.array([-1 if across and frequency % 2 else 1 for frequency in ACROSS], np.float32)
    return np.outer(rows, columns).ravel()


def views_of(grey: Grey) -> tuple[PixelBox, PixelBox]:
    """Return the views of a picture: the whole, and its echo region, the whole again if that is in doubt."""
    whole = (0, 0, grey.shape[1], grey.shape[0])
    echo = find_echo(grey)
    return whole, whole if isinstance(echo, Doubt) else echo


def levels_of(grey: Grey, box: Box, *sizes: tuple[int, int]) -> NDArray[np.float32]:
    """Return what a box shows, in grey levels of 8 bits, scaled to each size (width, height) in turn."""
    from PIL import Image  # noqa: PLC0415 -- rules of records alone do without

    levels = Image.fromarray(grey.astype(np.float32) / (1 if grey.dtype == np.uint8 else 256))
    for size in sizes:
        # Bicubic with antialiasing: each side may be shrunk or enlarged.
        levels, box = levels.resize(size, Image.Resampling.BICUBIC, box=box), (0, 0, *size)
    return np.asarray(levels, np.float32)


def features_of(grey: Grey, views: Sequence[PixelBox]) -> NDArray[np.float32]:
    """Return the features of each view of a picture: (VIEWS, FEATURES)."""
    from scipy.fft import dctn  # noqa: PLC0415 -- rules of records alone do without

    squares = np.stack([levels_of(grey, view, (SQUARE, SQUARE)) for view in views])
    waves = dctn(squares, axes=(1, 2), norm="ortho")
    kept = waves[:, DOWN.start : DOWN.stop, ACROSS.start : ACROSS.stop]
    return np.ascontiguousarray(kept, np.float32).reshape(VIEWS, FEATURES)
