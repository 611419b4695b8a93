"""A case as a picture: the truth as a thick line, the prediction as a thin one, and heat where it says where.

The lines differ in width and lightness as well as in colour, so that they are told apart in black and white;
where they coincide both are seen, the thin one in the middle of the thick one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from thyrodata.reports.sheet.colours import Rgb, kind
from thyrodata.reports.sheet.overlay import draw_overlay
from thyrodata.reports.sheet.tile import Tile, picture
from thyrodata.schema.geometry import Geometry
from thyrodata.schema.record import Finding, Reading
from thyrodata.schema.vocab import Structure

__all__ = ["PREDICTED", "THICK", "THIN", "TRUTH", "Case", "CaseSheet", "case_picture", "heat_scale"]

# Okabe & Ito, "Color Universal Design" (2008): told apart under every common kind of colour blindness, and
# both apart from the greys of ultrasound and from the heat.
TRUTH: Rgb = (86, 180, 233)
PREDICTED: Rgb = (240, 228, 66)
THICK, THIN = 5.0, 1.5
"""Widths of the lines of truth and prediction, in pixels of a picture of :data:`SIDE`."""
SIDE = 360

_MAP = "inferno"
"""Lightness grows evenly with the value (matplotlib's perceptually uniform maps)."""
_STRONGEST = 0.65
"""The opacity of the greatest value: the image is seen through it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Case:
    """An image with what is true of it and what a model made of it."""

    tile: Tile
    truth: tuple[Geometry, ...]
    """In the image's own pixels."""
    predicted: tuple[Geometry, ...] = ()
    heat: NDArray[np.floating] | None = None
    """(height, width) of the image, from 0 to 1."""
    lines: tuple[str, ...]
    """The caption, the most important first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSheet:
    """Cases that are shown together, in the order in which they are looked at."""

    heading: str
    says: tuple[str, ...]
    """Sentences: by what rule these cases were chosen among how many."""
    truth: str
    """What the thick lines are."""
    predicted: str = ""
    """What the thin lines are; empty where there are none."""
    cases: tuple[Case, ...]

    @property
    def heated(self) -> bool:
        """Whether a picture has heat, which needs a scale."""
        return any(case.heat is not None for case in self.cases)


def case_picture(case: Case, size: tuple[int, int]) -> Image.Image:
    """Draw a case at a size (width, height) in pixels.

    Raises:
        CaseError: The image cannot be decoded, or is not of the size that its record says.
        SchemaError: A mask is of another size than the image.
    """
    shown = picture(case.tile, size)
    if case.heat is not None:
        values = Image.fromarray(case.heat.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
        shown = _heated(shown, np.asarray(values))
    scale = max(size) / SIDE
    for geometries, colour, width in ((case.truth, TRUTH, THICK), (case.predicted, PREDICTED, THIN)):
        overlay = _lines(case.tile, geometries, size, colour, width * scale)
        shown.paste(overlay, (0, 0), overlay)
    return shown


def heat_scale(width: int, height: int) -> Image.Image:
    """Return the colours of heat from 0 at the left to the greatest value at the right, over middle grey."""
    values = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width))
    return _heated(Image.new("RGB", (width, height), (96, 96, 96)), values)


def _heated(shown: Image.Image, values: NDArray[np.floating]) -> Image.Image:
    """Lay heat over a picture; the less of it, the more of the picture is seen."""
    import matplotlib as mpl  # noqa: PLC0415 -- slow to import

    colours = mpl.colormaps[_MAP](values)[..., :3] * 255
    opacity = _STRONGEST * values.clip(0, 1)[..., np.newaxis]
    mixed = np.asarray(shown) * (1 - opacity) + colours * opacity
    return Image.fromarray(mixed.round().astype(np.uint8))


def _lines(
    tile: Tile, geometries: Iterable[Geometry], size: tuple[int, int], colour: Rgb, width: float
) -> Image.Image:
    findings = tuple(
        Finding(finding_id=str(number), structure=Structure.NODULE, geometries=(geometry,))
        for number, geometry in enumerate(geometries)
    )
    # The colour says what is true and what was predicted, whatever the record says of its findings.
    record = replace(tile.record, nodules=(), readings=(Reading(),), findings=findings)
    return draw_overlay(record, size, {kind(finding): colour for finding in findings}, width)
