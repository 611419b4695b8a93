"""Rules of where a drawing ends because the picture does, TD110 to TD112."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.raster import Raster
from thyrodata.echo import Doubt
from thyrodata.qc.drawn import areas, outlined, parts_of
from thyrodata.qc.look import Look
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.schema.record import ImageRecord
from thyrodata.schema.vocab import Modality

__all__ = ["RULES"]

STRAIGHT = 0.5
"""Share of a drawing's height or width along which it ends straight where it was cut. An ellipse that ends so
has lost a fifteenth of its diameter; one that only touches the edge ends on less."""

LEAST_STRAIGHT = 10
"""Pixels: the end of a small shape is straight by itself."""

NEAR = 3
"""Pixels between a drawing's end and the edge of the echo, or the seam, that it follows."""

BEYOND = 0.05
"""Share of a drawing's pixels on the far side of a seam from which it is drawn across."""


class _Side(Enum):
    LEFT = "left"
    TOP = "top"
    RIGHT = "right"
    BOTTOM = "bottom"


def _cut_by_image(record: ImageRecord) -> Iterator[Found]:
    edges = _image_edges(record)
    for finding, pixels in outlined(record):
        cut = {side: share for side, at, share in _straight_ends(pixels, 1) if at == edges[side]}
        if cut:
            yield Found(
                image_id=record.image_id,
                finding_id=finding.finding_id,
                what=f"the drawing ends at the edge of the image, {_wording(cut)}",
                hint="not all of it is shown: leave it out where size or shape counts",
                score=max(cut.values()),
            )


def _cut_by_echo(look: Look) -> Iterator[Found]:
    if look.record.modality is not Modality.ULTRASOUND:
        return
    edges = _image_edges(look.record)
    seam = [] if look.seam is None else [look.seam]
    x0, y0, x1, y1 = edges.values() if isinstance(look.echo, Doubt) else look.echo
    lines = {_Side.LEFT: [x0, *seam], _Side.TOP: [y0], _Side.RIGHT: [x1, *seam], _Side.BOTTOM: [y1]}
    for finding, pixels in outlined(look.record):
        cut = {
            side: share
            for side, at, share in _straight_ends(pixels, 2)
            if at != edges[side] and any(abs(at - line) <= NEAR for line in lines[side])
        }
        if cut:
            yield Found(
                image_id=look.record.image_id,
                finding_id=finding.finding_id,
                what=f"the drawing ends at the edge of the echo or of one of its views, {_wording(cut)}",
                hint="not all of it is shown: leave it out where size or shape counts",
                score=max(cut.values()),
            )


def _across_seam(look: Look) -> Iterator[Found]:
    if look.record.modality is not Modality.ULTRASOUND or look.seam is None:
        return
    for finding, _, pixels in areas(look.record):
        if pixels is None or not pixels.left + NEAR < look.seam < pixels.right - NEAR:
            continue
        less = _least_beyond(pixels, look.seam) / pixels.area
        if less >= BEYOND:
            yield Found(
                image_id=look.record.image_id,
                finding_id=finding.finding_id,
                what=f"two views meet at column {look.seam}: {less:.0%} of the drawing is in the other one",
                hint="have it drawn in each view by itself; its size and shape are of neither",
                score=less,
            )


def _least_beyond(pixels: Raster, seam: int) -> int:
    """Return how many pixels of a part lie on the side of a seam on which it has fewer, at most of any part.

    Parts in one view each are several things, but none of them is across.
    """
    numbers, count = parts_of(pixels)
    left = np.bincount(numbers[:, : seam - pixels.left].ravel(), minlength=count + 1)
    right = np.bincount(numbers[:, seam - pixels.left :].ravel(), minlength=count + 1)
    return int(np.minimum(left, right)[1:].max())


def _image_edges(record: ImageRecord) -> dict[_Side, int]:
    edges = (0, 0, record.image.width, record.image.height)
    return dict(zip(_Side, edges, strict=True))


def _wording(cut: dict[_Side, float]) -> str:
    return " and ".join(f"along {share:.0%} of its {side.value} side" for side, share in cut.items())


def _straight_ends(of: Raster, depth: int) -> Iterator[tuple[_Side, int, float]]:
    """Yield each side on which a drawing ends straight, the column or row where, and along how much of it.

    Args:
        of: The drawing.
        depth: Pixels from its end that count as the end.
    """
    pixels = of.pixels
    ends = {
        _Side.LEFT: (of.left, pixels[:, :depth]),
        _Side.TOP: (of.top, pixels[:depth].T),
        _Side.RIGHT: (of.right, pixels[:, -depth:]),
        _Side.BOTTOM: (of.bottom, pixels[-depth:].T),
    }
    for side, (at, strip) in ends.items():
        end = np.asarray(strip.any(axis=1))
        length = _longest_run(end)
        if length >= max(LEAST_STRAIGHT, STRAIGHT * end.size):
            yield side, at, length / end.size


def _longest_run(flags: NDArray[np.bool_]) -> int:
    changes = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((changes[1::2] - changes[::2]).max(initial=0))


RULES = (
    Rule(
        code="TD110",
        title="Cut by the edge of the image",
        severity=Severity.NOTE,
        reads=Reads.RECORD,
        check=_cut_by_image,
    ),
    Rule(
        code="TD111",
        title="Cut by the edge of the echo",
        severity=Severity.NOTE,
        reads=Reads.PIXELS,
        check=_cut_by_echo,
    ),
    Rule(
        code="TD112",
        title="Across the seam of a dual view",
        severity=Severity.WARNING,
        reads=Reads.PIXELS,
        check=_across_seam,
    ),
)
"""The rules of where a drawing ends."""
