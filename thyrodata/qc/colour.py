"""Rules of colour, and of pictures that no B-mode ultrasound can be, TD505 and TD506.

What cannot be told: a CT slice of 8 bits whose body is cut off by the picture, and other grey pictures with
noise like speckle, pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.echo import Doubt
from thyrodata.qc.body import ROUND, roundness
from thyrodata.qc.look import Look
from thyrodata.qc.quality import is_blank
from thyrodata.qc.rule import Found, Reads, Rule, Severity
from thyrodata.schema.vocab import Modality

__all__ = ["RULES"]

CHROMA = 40
"""Levels between the channels of a pixel from which it is coloured: JPEG makes no more of grey."""

COLOURED = 0.01
"""Share of the echo region that is coloured beyond marks: their strokes fill too little of a window."""

DENSE = 0.5
"""Share of a window's pixels that are coloured where there is more than strokes."""

MOSTLY = 0.5
"""Share of the picture that is coloured from which it is not an ultrasound image with a coloured overlay."""

TINTED = 0.9
"""Share of the brightest quarter of the lit pixels that are coloured, and how much their hues are one, from
which a picture is a grey scale shown in one hue: dark pixels of any hue have little of it."""

LIT = 24
"""Grey level from which a pixel has a hue, and a region is not background."""

EVEN = 2.0
"""Grey levels of deviation below which 8 x 8 pixels are evenly painted: speckle deviates by 8 and more."""

PAINTED = 0.5
"""Share of the lit picture that is evenly painted: at most 0.01 of phantoms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Colour:
    """The colours of a picture."""

    coloured: NDArray[np.bool_]
    """(height, width)"""
    brightest: float
    """Share of the brightest quarter of the lit pixels that are coloured."""
    one_hue: float
    """How much the hues of the coloured pixels are one: 1 if all are."""

    @property
    def tint(self) -> bool:
        """Whether it is a grey scale shown in one hue, as some scanners do."""
        return self.brightest >= TINTED and self.one_hue >= TINTED


def _colour_of(look: Look) -> _Colour | None:
    """Return the colours of an ultrasound image; ``None`` if it has none, or shows nothing."""
    if look.record.modality is not Modality.ULTRASOUND or look.bytes.ndim == 2 or is_blank(look):  # noqa: PLR2004
        return None
    red, green, blue = (look.bytes[..., channel] for channel in range(3))
    brightest = np.maximum(np.maximum(red, green), blue)
    coloured = brightest - np.minimum(np.minimum(red, green), blue) >= CHROMA
    if not coloured.any():
        return None
    r, g, b = (channel[coloured].astype(np.float32) for channel in (red, green, blue))
    hues = np.stack([(2 * r - g - b) / 2, np.sqrt(np.float32(3)) * (g - b) / 2])
    hues /= np.hypot(*hues)  # never 0: the channels differ
    lit = brightest[brightest >= LIT]  # never empty: a coloured pixel is lit
    return _Colour(
        coloured=coloured,
        brightest=float(coloured[brightest >= np.percentile(lit, 75)].mean()),
        one_hue=float(np.hypot(*hues.mean(axis=1))),
    )


def _overlay(look: Look) -> Iterator[Found]:
    colour = _colour_of(look)
    if colour is None or colour.tint or colour.coloured.mean() >= MOSTLY:
        return
    from scipy import ndimage  # noqa: PLC0415 -- rules of records alone do without

    window = max(5, min(colour.coloured.shape) // 32 | 1)
    areas = ndimage.uniform_filter(colour.coloured.astype(np.float32), window, mode="constant") >= DENSE
    x0, y0, x1, y1 = (0, 0, *areas.shape[::-1]) if isinstance(look.echo, Doubt) else look.echo
    share = float(areas[y0:y1, x0:x1].mean())
    if share >= COLOURED:
        yield Found(
            image_id=look.record.image_id,
            what=f"{share:.0%} of the echo are coloured areas, as of Doppler or elastography",
            hint="it is no plain B-mode image: leave it out, or keep such images apart",
            score=share,
        )


def _no_ultrasound(look: Look) -> Iterator[Found]:
    if look.record.modality is not Modality.ULTRASOUND or is_blank(look):
        return
    colour = _colour_of(look)
    reasons = []
    if look.pixels.dtype != np.uint8:
        reasons.append("it has 16 bits, and B-mode images have 8")
    if colour is not None and not colour.tint and colour.coloured.mean() >= MOSTLY:
        share = colour.coloured.mean()
        reasons.append(f"{share:.0%} of it are coloured, as of a photograph or an elastogram")
    painted = _painted(look.grey)
    if painted >= PAINTED:
        reasons.append(f"{painted:.0%} of what is lit is evenly painted, as of a mask or a drawing")
    if (body := roundness(look.grey)) >= ROUND:
        reasons.append(f"a round body lies on one grey ({body:.2f} of an ellipse), as on a CT or MR slice")
    if reasons:
        yield Found(
            image_id=look.record.image_id,
            what="; ".join(reasons),
            hint="look at it: another modality, a photograph or a mask may have got among the images",
        )


def _painted(grey: NDArray[np.uint8]) -> float:
    """Return the share of the lit blocks of 8 x 8 pixels that are evenly painted; 0 where none is lit."""
    rows, columns = grey.shape[0] // 8, grey.shape[1] // 8
    blocks = grey[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8).astype(np.float32)
    means = blocks.mean(axis=(1, 3))
    deviations = np.sqrt(np.maximum((blocks**2).mean(axis=(1, 3)) - means**2, 0))
    lit = means >= LIT
    return float((deviations[lit] < EVEN).mean()) if lit.any() else 0.0


RULES = (
    Rule(
        code="TD505",
        title="Doppler or elastography colour",
        severity=Severity.WARNING,
        reads=Reads.PIXELS,
        check=_overlay,
    ),
    Rule(
        code="TD506",
        title="Not a B-mode image",
        severity=Severity.WARNING,
        reads=Reads.PIXELS,
        check=_no_ultrasound,
    ),
)
"""The rules of colour and of pictures that no B-mode ultrasound can be."""
