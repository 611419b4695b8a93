"""Rules of how well an image shows anything, TD501 to TD504 and TD507 to TD509.

Thresholds lie between what phantoms show as they are drawn and what they show once degraded. All but the
first are of ultrasound, and most of its echo region: an image whose region is in doubt has TD509 instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.echo import Doubt
from thyrodata.qc.look import Look
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.schema.vocab import Modality

__all__ = ["RULES", "echo_region", "is_blank"]

FLAT = 6
"""Grey levels within which pixels count as one grey: JPEG blurs black to a few levels. Those of 16 bits are
stored without loss, and their levels are finer still."""

BLANK = 0.98
"""Share of one grey from which an image is blank: a scanner's texts alone fill 1 to 2 % of its screen."""

STRIPED = 0.75
"""Correlation of depths a quarter of the width apart from which they are stripes: of 40 phantoms at most
0.58, of as many reverberations drawn in their place at least 0.95."""

STRIPE_COLUMNS, STRIPES_APART = 16, 4
"""The width is averaged into so many columns, and those so many places apart are held against each other."""

SHRUNK = 0.05
"""Share of the local contrast that shrinking to a quarter must take from a sharp image. From phantoms it
takes 0.17 to 0.26 at any size, after a blur of 2 pixels or an enlargement to three times the size at most
0.04."""

CONTRAST = 3.0
"""Grey levels of local deviation below which there is nothing to be sharp."""

CLIPPED = 0.05
"""Share of the echo region at the brightest grey. Of phantoms, and with calipers or texts, it is below 0.01;
at 1.5 times the gain 0.02, at twice the gain 0.11."""

BRIGHT = 200
"""Grey level from which the brightest may be a limit of the scanner or of the grabber: 235 in video."""

BORDER = 0.2
"""Share of the picture in rows and columns of one grey at its edges from which they are worth cutting off."""

LEAST_PX = 64
"""Pixels a side that an echo region needs to be judged by its texture."""


def is_blank(look: Look) -> bool:
    """Return whether all but texts of an image is one grey, or one colour."""
    pixels = look.pixels.reshape(look.pixels.shape[0] * look.pixels.shape[1], -1)
    few = pixels[:: max(1, len(pixels) // 4096)]
    usual = np.median(few, axis=0).astype(np.int32)
    return _share_of(few, usual) >= BLANK - 0.05 and _share_of(pixels, usual) >= BLANK  # few may miss some


def _share_of(pixels: NDArray[Any], colour: NDArray[np.int32]) -> float:
    return float((np.abs(pixels.astype(np.int32) - colour) <= FLAT).all(axis=1).mean())


def echo_region(look: Look) -> NDArray[np.uint8] | None:
    """Return the grey levels of the echo region of an ultrasound image.

    Returns:
        (height, width), a view; ``None`` of another modality, of a blank image, and where the region is in
        doubt.
    """
    if look.record.modality is not Modality.ULTRASOUND or isinstance(look.echo, Doubt) or is_blank(look):
        return None
    x0, y0, x1, y1 = look.echo
    return look.grey[y0:y1, x0:x1]


def _judged(look: Look) -> NDArray[np.uint8] | None:
    """Return the echo region if it is large enough for its texture to tell anything."""
    region = echo_region(look)
    return None if region is None or min(region.shape) < LEAST_PX else region


def _blank(look: Look) -> Iterator[Found]:
    if is_blank(look):
        yield Found(
            image_id=look.record.image_id,
            what=f"at least {BLANK:.0%} of the image are one grey or colour",
            hint="nothing is shown: remove it, or obtain the file again",
        )


def _air(look: Look) -> Iterator[Found]:
    alike = _striped(look)
    if alike >= STRIPED:
        yield Found(
            image_id=look.record.image_id,
            what=f"bright and dark lie in stripes across the whole width (correlation {alike:.2f}), as "
            "reverberations do where the probe touches nobody",
            hint="look at it: an image of no tissue belongs in no training set",
            score=alike,
        )


def _striped(look: Look) -> float:
    """Return how alike depths are a quarter of the width apart, 0 to 1, at the shift that fits best.

    Of tissue skin and fascia alone run across so far. A slow change with depth counts for nothing, and
    stripes may slope by a 64th of the height over a quarter of the width.
    """
    region = _judged(look)
    if region is None:
        return 0.0
    from PIL import Image  # noqa: PLC0415 -- rules of records alone do without
    from scipy import ndimage  # noqa: PLC0415 -- likewise

    height = len(region)
    columns = Image.fromarray(region).resize((STRIPE_COLUMNS, height), Image.Resampling.BOX)
    depths = np.asarray(columns, np.float32)
    depths = depths - ndimage.uniform_filter1d(depths, height // 8 | 1, axis=0)
    slope = height // 64
    here = depths[slope : height - slope, :-STRIPES_APART]
    best = np.zeros(here.shape[1])
    for shift in range(2 * slope + 1):
        there = depths[shift : shift + len(here), STRIPES_APART:]
        power = np.sqrt((here**2).sum(axis=0) * (there**2).sum(axis=0))
        best = np.maximum(best, (here * there).sum(axis=0) / np.maximum(power, 1e-6))
    return float(np.median(best))


def _blur(look: Look) -> Iterator[Found]:
    region = _judged(look)
    if region is None:
        return
    contrast = _lost_by_shrinking(region, 32)
    if contrast < CONTRAST**2:
        return
    lost = _lost_by_shrinking(region, 4) / contrast
    if lost < SHRUNK and _striped(look) < STRIPED:
        yield Found(
            image_id=look.record.image_id,
            what=f"shrunk to a quarter, the echo loses {lost:.1%} of its contrast: nothing in it is finer "
            "than four pixels",
            hint="it was enlarged, smoothed or blurred: look for the original",
            score=1 - lost,
        )


def _lost_by_shrinking(region: NDArray[np.uint8], by: int) -> float:
    """Return the mean square of what shrinking and enlarging again takes away, in squared grey levels."""
    from PIL import Image  # noqa: PLC0415 -- rules of records alone do without

    picture = Image.fromarray(region)
    small = picture.resize((picture.width // by, picture.height // by), Image.Resampling.BOX)
    again = np.asarray(small.resize(picture.size, Image.Resampling.BICUBIC), np.int16)
    return float(np.mean(np.square(again - region, dtype=np.float32)))


def _saturation(look: Look) -> Iterator[Found]:
    region = echo_region(look)
    if region is None:
        return
    counts = np.bincount(region.ravel(), minlength=256)
    brightest = int(np.flatnonzero(counts)[-1])
    share = counts[brightest - 2 : brightest + 1].sum() / region.size
    if brightest >= BRIGHT and share >= CLIPPED:
        yield Found(
            image_id=look.record.image_id,
            what=f"{share:.0%} of the echo have its brightest grey, {brightest}",
            hint="what lies above it is lost: leave the image out where echogenicity counts",
            score=float(share),
        )


def _dual_view(look: Look) -> Iterator[Found]:
    if look.record.modality is Modality.ULTRASOUND and look.seam is not None:
        yield Found(
            image_id=look.record.image_id,
            what=f"two views lie side by side and meet at column {look.seam}",
            hint="treat the halves as two images of one group, or leave it out",
        )


def _borders(look: Look) -> Iterator[Found]:
    if look.record.modality is not Modality.ULTRASOUND or is_blank(look):
        return
    inner = 1.0
    for axis in (0, 1):
        lines = np.ptp(look.grey, axis=1 - axis) > FLAT
        drawn = np.flatnonzero(lines)
        if not drawn.size:
            return
        inner *= int(drawn[-1] + 1 - drawn[0]) / lines.size
    if 1 - inner >= BORDER:
        yield Found(
            image_id=look.record.image_id,
            what=f"{1 - inner:.0%} of the picture are rows and columns of one grey at its edges",
            hint="cut them off: `thyrodata derive --crop echo`",
            score=1 - inner,
        )


def _doubt(look: Look) -> Iterator[Found]:
    if look.record.modality is not Modality.ULTRASOUND or not isinstance(look.echo, Doubt):
        return
    if look.seam is None and not is_blank(look):
        yield Found(
            image_id=look.record.image_id,
            what=f"the echo region is not sure: {look.echo.value}",
            hint="look at it: no rule of the echo region, and no crop to it, reads it",
        )


RULES = tuple(
    Rule(code=code, title=title, severity=severity, reads=Reads.PIXELS, check=check)
    for code, title, severity, check in (
        ("TD501", "Blank image", Severity.ERROR, _blank),
        ("TD502", "Probe in air", Severity.WARNING, _air),
        ("TD503", "Blurred or enlarged", Severity.NOTE, _blur),
        ("TD504", "Saturated", Severity.WARNING, _saturation),
        ("TD507", "Dual view", Severity.NOTE, _dual_view),
        ("TD508", "Border of one grey", Severity.NOTE, _borders),
        ("TD509", "Echo region in doubt", Severity.NOTE, _doubt),
    )
)
"""The rules of image quality that are not of colour."""
