"""What is asked of a phantom, and the truth about the one that was drawn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from thyrodata.errors import UsageError
from thyrodata.phantoms.screen import echo_box, label_font

__all__ = [
    "MARK_RGB",
    "MAX_NODULES",
    "BoxPx",
    "Concern",
    "Diameter",
    "Echogenicity",
    "Margin",
    "Outline",
    "Phantom",
    "PhantomNodule",
    "PhantomSpec",
    "Point",
    "Side",
    "View",
    "random_stream",
    "require_range",
]

Point: TypeAlias = tuple[float, float]
Outline: TypeAlias = tuple[Point, ...]
Diameter: TypeAlias = tuple[Point, Point]
BoxPx: TypeAlias = tuple[int, int, int, int]
Echogenicity: TypeAlias = Literal["hypoechoic", "isoechoic", "anechoic"]
Margin: TypeAlias = Literal["smooth", "lobulated", "spiculated"]
Side: TypeAlias = Literal["RT", "LT"]
"""The side of the neck, as scanners write it."""

MAX_NODULES: Final = 3
MARK_RGB: Final = {"grey": (232, 232, 232), "cyan": (0, 228, 228), "yellow": (240, 220, 40)}

_MIN_HEIGHT: Final = 120
_MIN_VIEW_WIDTH: Final = 160
_MAX_SIDE: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSpec:
    """What is asked of a phantom; equal specs give equal bytes.

    Raises:
        UsageError: A value is out of range, or the burned-in text does not fit the echo region.
    """

    seed: int
    """Chooses anatomy, nodules and speckle; 0 or more."""
    height: int = 360
    """Rows of the whole picture, 120 to 4096."""
    width: int = 560
    """Columns of the whole picture, 160 (320 for a dual view) to 4096."""
    nodules: int = 1
    """Nodules in each view, 0 to 3."""
    dual: bool = False
    """Two views side by side, the right lobe and the left, each with its own nodules."""
    margin_text: bool = True
    """Made-up scanner text, depth ticks and a grey bar in the black margin."""
    calipers: Literal["x", "+"] | None = None
    """The sign at the ends of each nodule's long and short diameter."""
    dotted_line: bool = False
    """Whether dots run along each nodule's long and short diameter."""
    burned_in_text: str = ""
    """Text written into the echo region, such as a reader's category."""
    mark_colour: Literal["grey", "cyan", "yellow"] = "grey"
    """Colour of calipers, dotted lines and burned-in text."""
    second_reader: bool = False
    """Whether each nodule also gets the outline that a second reader would have drawn."""

    def __post_init__(self) -> None:
        min_width = _MIN_VIEW_WIDTH * (2 if self.dual else 1)
        require_range("seed", self.seed, 0, 2**63 - 1)
        require_range("height", self.height, _MIN_HEIGHT, _MAX_SIDE)
        require_range("width", self.width, min_width, _MAX_SIDE)
        require_range("nodules", self.nodules, 0, MAX_NODULES)
        if self.calipers not in (None, "x", "+"):
            raise UsageError(f"unknown caliper sign {self.calipers!r}", hint="use 'x', '+' or None")
        if self.mark_colour not in MARK_RGB:
            raise UsageError(
                f"unknown mark colour {self.mark_colour!r}", hint=f"use one of {', '.join(MARK_RGB)}"
            )
        if not self.burned_in_text.isprintable():
            raise UsageError("burned-in text holds unprintable characters", hint="use one line of plain text")
        x0, _, x1, _ = echo_box(self.width, self.height)
        room = 0.9 * (x1 - x0)
        if len(self.burned_in_text) > room or label_font(self.height).getlength(self.burned_in_text) > room:
            raise UsageError(
                f"burned-in text {self.burned_in_text[:40]!r} is wider than the echo region",
                hint="shorten the text or widen the picture",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomNodule:
    """One nodule as it was drawn, in continuous pixels of the whole picture."""

    outline: Outline
    """The true border: a polygon, closed implicitly."""
    second_outline: Outline
    """What a second reader would have drawn; empty unless it was asked for."""
    long_diameter: Diameter
    """Ends of the greatest distance between two vertices of the outline."""
    short_diameter: Diameter
    """Ends of the greatest width between two vertices across the long diameter."""
    composition: Literal["solid", "cystic"]
    echogenicity: Echogenicity
    margin: Margin
    microcalcifications: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Phantom:
    """A drawn phantom and the truth about it."""

    pixels: npt.NDArray[np.uint8]
    """(height, width) grey, or (height, width, 3) RGB where a coloured mark was drawn."""
    nodules: tuple[PhantomNodule, ...]
    """The views' nodules, from left to right within each view."""
    marker_mask: npt.NDArray[np.bool_]
    """(height, width): exactly the pixels that calipers, dotted lines and burned-in text changed."""
    echo_box: BoxPx
    """x0, y0, x1, y1 of the echo region, x1 and y1 exclusive: marks lie inside, margin text outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view of the neck on the screen."""

    index: int
    box: BoxPx
    side: Side


class Concern(IntEnum):
    """What random numbers are for: each concern has a stream, so that asking for one never moves another."""

    ANATOMY = 0
    TEXTURE = 1
    SIDE = 2
    APERTURE = 3
    SECOND_READER = 4


def random_stream(spec: PhantomSpec, concern: Concern, part: int = 0) -> np.random.Generator:
    """Return the random numbers of a concern, from their beginning."""
    return np.random.default_rng([spec.seed, concern, part])


def require_range(name: str, value: int, low: int, high: int) -> None:
    """Refuse a value below `low` or above `high`.

    Raises:
        UsageError: It is out of range.
    """
    if not low <= value <= high:
        raise UsageError(f"{name} {value} is out of range", hint=f"use {low} to {high}")
