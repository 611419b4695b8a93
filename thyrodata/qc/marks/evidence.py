"""All that is measured of a picture before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thyrodata.qc.marks.blobs import Blobs, find_blobs
from thyrodata.qc.marks.crossings import FLANK, Crossings, View, find_crossings
from thyrodata.qc.marks.dots import DottedLine, find_dotted_lines
from thyrodata.qc.marks.strokes import framed, halved, ridges

__all__ = ["Evidence", "gather"]

SURROUNDINGS: Final = 41
"""Pixels across what counts as local."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Candidates of each sort.

    Calipers are looked for at half the size too: on a screen of many pixels they are long and thick.
    """

    crossings: Crossings
    lines: tuple[DottedLine, ...]
    blobs: Blobs


def gather(grey: NDArray[np.uint8], area: NDArray[np.bool_]) -> Evidence:
    """Return the candidates inside an area.

    Args:
        grey: (height, width): the brightest channel.
        area: (height, width): where marks may lie.
    """
    mean, spread = _local(grey)
    frame = framed(grey)
    whole = View(scale=1, frame=frame, ridges=ridges(frame, FLANK), area=area, mean=mean, spread=spread)
    small = halved(grey)
    every = (slice(0, 2 * small.shape[0], 2), slice(0, 2 * small.shape[1], 2))
    frame = framed(small)
    half = View(
        scale=2,
        frame=frame,
        ridges=ridges(frame, FLANK),
        area=area[every],
        mean=mean[every],
        spread=spread[every],
    )
    return Evidence(
        crossings=find_crossings((whole, half)),
        lines=find_dotted_lines(grey, whole.ridges, area),
        blobs=find_blobs(grey, area, (mean, spread)),
    )


def _local(grey: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean and the standard deviation around each pixel."""
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    plane = grey.astype(np.float32)
    mean = ndimage.uniform_filter(plane, SURROUNDINGS)
    square = ndimage.uniform_filter(plane * plane, SURROUNDINGS)
    return mean, np.sqrt(np.maximum(square - mean * mean, 0))
