"""How a map of evidence lies to the outlines of nodules, beside what a map that knows nothing would score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.baselines.metrics.figures import Figure, mean_figure
from thyrodata.exports.painting import viewed_pixels
from thyrodata.exports.shapes import Outside, Shape
from thyrodata.exports.view import View, ViewedFinding
from thyrodata.io.masks import encode_mask
from thyrodata.schema.geometry import Geometry, Mask, Polygon
from thyrodata.schema.vocab import Coverage, Structure

__all__ = [
    "Aim",
    "Attended",
    "Outlined",
    "aim_of",
    "attention_columns",
    "attention_figures",
    "outlined_images",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlined:
    """The nodules of an image that are outlined, as polygons or masks: a box holds more than a nodule."""

    drawn: tuple[Geometry, ...]
    """As the dataset has them."""
    inside: Mask
    """The pixels of all of them."""
    coverage: Coverage | None
    """Whether there may be nodules that nobody outlined; ``None`` where that is not stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """How a map of an image lies to its outlines. Every number is between 0 and 1."""

    energy_inside: float | None
    """The share of the map's sum that lies inside: the energy-based pointing game (Wang et al., Score-CAM,
    CVPR workshops 2020). ``None`` where the map is 0 everywhere, as is ``pointing_hit``."""
    pointing_hit: float | None
    """1 where the map's greatest value lies inside, else 0: the pointing game (Zhang et al., IJCV 2018), with
    a tolerance of 0 px where the paper has 15. Where several pixels have that value, the share of these."""
    area_inside: float
    """The share of the image's pixels that are inside: what an even map has as energy inside."""
    centre_hit: float
    """1 where the middle of the image lies inside: the pointing game without a look, for a nodule is usually
    held in the middle (the paper's baseline "Center")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attended:
    """An image with outlines, what a classifier took it for, and where it looked."""

    image_id: str
    group_id: str
    truth: str
    predicted: str
    """The class that the map is of."""
    probability: float
    """Of the predicted class."""
    coverage: Coverage | None
    aim: Aim


def outlined_images(view: View, part: str) -> Mapping[str, Outlined]:
    """Return the images of a part that have outlines of nodules, by their ids.

    Args:
        view: The dataset as a split and a reader show it; classes of whole images do not matter.
        part: The part.

    Raises:
        DatasetError: The records are damaged.
    """
    outlines = replace(view, shape=Shape.PIXELS, outside=Outside.CLIP, crowds=True, classes=None)
    found = {}
    for image in outlines:
        nodules = [viewed for viewed in image.findings if _is_outlined(viewed)]
        if image.part == part and nodules:
            inside = np.logical_or.reduce([viewed_pixels(viewed) for viewed in nodules])
            drawn = (viewed.finding.geometry(Mask, Polygon) for viewed in nodules)
            found[image.image_id] = Outlined(
                drawn=tuple(each for each in drawn if each is not None),
                inside=encode_mask(inside),
                coverage=image.coverage,
            )
    return found


def _is_outlined(viewed: ViewedFinding) -> bool:
    finding = viewed.finding
    return finding.structure is Structure.NODULE and finding.geometry(Mask, Polygon) is not None


def aim_of(evidence: NDArray[np.floating], inside: NDArray[np.bool_]) -> Aim:
    """Return how a map lies to outlines.

    Args:
        evidence: (height, width) of the image, 0 or more.
        inside: The same shape.
    """
    height, width = inside.shape
    total = float(evidence.sum(dtype=np.float64))
    return Aim(
        energy_inside=float(evidence[inside].sum(dtype=np.float64)) / total if total else None,
        pointing_hit=float(inside[evidence == evidence.max()].mean()) if total else None,
        area_inside=float(inside.mean()),
        centre_hit=float(inside[height // 2, width // 2]),
    )


def attention_figures(attended: Sequence[Attended]) -> tuple[Figure, ...]:
    """Return the means over images of what :class:`Aim` says, and of the energy inside less the area.

    All are of the same images: one whose map is 0 everywhere is left out of each, and counted as undefined.
    ``energy_above_area`` is above 0 where the map prefers the nodule to the rest of the image.
    """
    aims = [each.aim for each in attended]
    seen = [aim.energy_inside is not None for aim in aims]
    above = [None if aim.energy_inside is None else aim.energy_inside - aim.area_inside for aim in aims]
    columns: dict[str, list[float | None]] = {
        "energy_inside": [aim.energy_inside for aim in aims],
        "area_inside": [aim.area_inside if known else None for aim, known in zip(aims, seen, strict=True)],
        "energy_above_area": above,
        "pointing_hit": [aim.pointing_hit for aim in aims],
        "centre_hit": [aim.centre_hit if known else None for aim, known in zip(aims, seen, strict=True)],
    }
    return tuple(mean_figure(name, values) for name, values in columns.items())


def attention_columns(attended: Sequence[Attended]) -> dict[str, list[Any]]:
    """Return a row for each image, as columns of texts and numbers."""
    return {
        **{
            name: [getattr(each, name) for each in attended]
            for name in ("image_id", "group_id", "truth", "predicted", "probability")
        },
        "coverage": [None if each.coverage is None else each.coverage.value for each in attended],
        **{
            name: [getattr(each.aim, name) for each in attended]
            for name in ("energy_inside", "area_inside", "pointing_hit", "centre_hit")
        },
    }
