"""Which frames of a clip are exported: all, every so many, or the sharpest, without near-identical ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.brightness import brightness
from thyrodata.errors import UsageError

__all__ = [
    "AllFrames",
    "Chosen",
    "Every",
    "FrameChoice",
    "FrameLook",
    "Sharpest",
    "choose",
    "look_at",
    "parse_choice",
]

GRID = 32
"""Blocks along each side, whose mean brightness tells two frames apart."""

SAME_LEVELS = 2
"""Grey levels by which blocks of near-identical frames differ at most; moving speckle differs by more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllFrames:
    """Every frame; none is left out."""

    def __str__(self) -> str:
        """Return the option's text."""
        return "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """The first frame of every so many."""

    step: int

    def __str__(self) -> str:
        """Return the option's text."""
        return f"every {self.step}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpest:
    """So many of the sharpest."""

    count: int

    def __str__(self) -> str:
        """Return the option's text."""
        return f"sharpest {self.count}"


FrameChoice: TypeAlias = AllFrames | Every | Sharpest


def parse_choice(text: str) -> FrameChoice:
    """Return the choice that an option names: ``all``, ``every N`` or ``sharpest K``.

    Raises:
        UsageError: It is none.
    """
    if text == "all":
        return AllFrames()
    found = re.fullmatch(r"(every|sharpest)[ :=]([1-9][0-9]{0,5})", text)
    if found is None:
        raise UsageError(
            f"{text!r} is no choice of frames",
            hint="there are: all, 'every N', 'sharpest K'; such as 'every 10'",
        )
    number = int(found[2])
    return Every(step=number) if found[1] == "every" else Sharpest(count=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLook:
    """What is remembered of a frame while others are looked at."""

    index: int
    sharpness: int
    blocks: NDArray[np.int16]
    """Mean brightness of each block of each region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The frames that are exported."""

    frames: tuple[tuple[int, int | None], ...]
    """Index of each, in their order, and its sharpness where that was looked at."""
    thinned: int
    """Frames that were left out for being near-identical to one that was chosen."""


def look_at(index: int, pictures: Sequence[NDArray[np.uint8]]) -> FrameLook:
    """Look at what of a frame would be exported.

    The sharpness is the mean squared Laplacian of the brightness (the energy of Laplacian; Subbarao and Tyan,
    IEEE Trans Pattern Anal Mach Intell 1998;20:864-870), in squared grey levels, rounded down. It
    compares frames of one clip with each other and nothing else.

    Args:
        index: The frame's, from 0.
        pictures: Its regions, (height, width) or (height, width, 3).
    """
    grey = [brightness(picture).astype(np.int32) for picture in pictures]
    energy = sum(_energy(each) for each in grey)
    inner = sum(max(0, each.shape[0] - 2) * max(0, each.shape[1] - 2) for each in grey)
    blocks = np.concatenate([_blocks(each) for each in grey])
    return FrameLook(index=index, sharpness=energy // max(1, inner), blocks=blocks)


def choose(choice: FrameChoice, looks: Iterable[FrameLook]) -> Chosen:
    """Choose among frames that were looked at, in their order; those of ``all`` are not thinned.

    Every so many: a frame is left out where it is near-identical to the last one taken. Sharpest: one is left
    out where it is near-identical to any that is sharper; of equally sharp ones the first counts as sharper.
    """
    taken: list[FrameLook] = []
    thinned = 0
    match choice:
        case AllFrames():
            taken = list(looks)
        case Every(step=step):
            for look in looks:
                if look.index % step:
                    continue
                if taken and _same(taken[-1], look):
                    thinned += 1
                else:
                    taken.append(look)
        case Sharpest(count=count):
            for look in sorted(looks, key=lambda look: (-look.sharpness, look.index)):
                if len(taken) == count:
                    break
                if any(_same(other, look) for other in taken):
                    thinned += 1
                else:
                    taken.append(look)
    frames = sorted((look.index, look.sharpness) for look in taken)
    return Chosen(frames=tuple(frames), thinned=thinned)


def _energy(grey: NDArray[np.int32]) -> int:
    if min(grey.shape) < 3:  # noqa: PLR2004 -- no pixel has four neighbours
        return 0
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return int(np.square(laplacian).sum(dtype=np.int64))


def _blocks(grey: NDArray[np.int32]) -> NDArray[np.int16]:
    """Return the mean of each block; a picture of fewer pixels than blocks has a block for each."""
    edges = [np.unique(np.linspace(0, side, GRID, endpoint=False, dtype=np.int64)) for side in grey.shape]
    sums = np.add.reduceat(np.add.reduceat(grey, edges[0], axis=0), edges[1], axis=1)
    counts = np.outer(*(np.diff(edge, append=side) for edge, side in zip(edges, grey.shape, strict=True)))
    return (sums // counts).astype(np.int16).ravel()


def _same(one: FrameLook, other: FrameLook) -> bool:
    return bool(np.abs(one.blocks - other.blocks).max() <= SAME_LEVELS)
