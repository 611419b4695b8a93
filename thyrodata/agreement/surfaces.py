"""How alike two drawings of one thing are, each figure as the library that people know it from defines it.

"HD95" and "average surface distance" are several figures, which differ by some percent on the same pair: the
names here say which one is meant. MONAI and medpy measure between the centres of edge pixels, each of which
counts as one; DeepMind's surface-distance (Nikolov et al., J Med Internet Res 2021) measures between surfels,
which count by their length.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.outlines import Spacing, diameter, edge, nearest, surfels
from thyrodata.agreement.raster import Raster, overlap
from thyrodata.errors import UsageError

__all__ = ["ShapeAgreement", "measure"]

_SHARE = 0.95
_SLACK = 1e-9
"""Of a tolerance: three pixels of 0.1 mm are 0.30000000000000004 mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeAgreement:
    """What two drawings of one thing share, and how far their outlines lie apart.

    Lengths are in the unit of the spacing that was given: px or mm. With a and b exchanged every figure is
    the same to the last bit.
    """

    dice: float
    """Twice the shared pixels over the sum of both areas: 0 to 1 (Dice, Ecology 1945)."""
    iou: float
    """The shared pixels over those of either: 0 to 1 (Jaccard, Bull Soc Vaud Sci Nat 1901)."""
    hausdorff: float
    """Greatest distance of an edge pixel of either to the nearest of the other's (Huttenlocher et al., IEEE
    PAMI 1993).

    SimpleITK's HausdorffDistanceImageFilter gives this figure for two images of edges. Given the whole
    drawings it measures between regions, where a pixel that is in both is at no distance: mostly less.
    """
    hd95_pooled: float
    """95th percentile, linearly interpolated, of both directions' edge distances together: medpy's hd95."""
    hd95_max: float
    """The greater of the two directions' 95th percentiles, linearly interpolated, of edge distances: MONAI's
    HausdorffDistanceMetric(percentile=95)."""
    hd95_surfel: float
    """The greater of the two directions' distances within which 95 % of the surfels' length lies:
    surface-distance's compute_robust_hausdorff."""
    assd: float
    """Average symmetric surface distance: mean of both directions' edge distances together (Heimann et al.,
    IEEE TMI 2009): MONAI's SurfaceDistanceMetric(symmetric=True)."""
    assd_surfel: float
    """Mean of the two directions' mean surfel distances, each weighted by length: of the two numbers of
    surface-distance's compute_average_surface_distance."""
    boundary_f: float
    """Harmonic mean of the shares of a's and of b's edge pixels that lie within the tolerance of the other's
    edge, or at it: 0 to 1.

    The BF score (Csurka et al., BMVC 2013) of one class in one image. The F of DAVIS (Perazzi et al., CVPR
    2016) looks within a dilated edge instead, by a radius that is a share of the image's diagonal.
    """
    surface_dice: float
    """Share of both outlines' length whose surfels lie within the tolerance of the other's, or at it: 0 to 1
    (Nikolov et al.): surface-distance's compute_surface_dice_at_tolerance."""
    area_a: float
    """Area of the pixels of a, in the unit squared."""
    area_b: float
    diameter_a: float
    """Greatest distance between two corners of pixels of a: the maximum Feret diameter."""
    diameter_b: float


def measure(a: Raster, b: Raster, *, tolerance: float, spacing: Spacing = (1.0, 1.0)) -> ShapeAgreement:
    """Compare two drawings of one thing.

    Args:
        a: The one reader's.
        b: The other reader's.
        tolerance: Distance up to which outlines are held to agree, in the unit of the spacing.
        spacing: Distance between pixel centres down a column and along a row: in mm, or 1 and 1 for px.

    Raises:
        UsageError: The tolerance is negative, or a spacing is not positive.
    """
    if not (isfinite(tolerance) and tolerance >= 0):
        raise UsageError(f"the tolerance is {tolerance}", hint="give a distance of 0 or more")
    if not all(isfinite(step) and step > 0 for step in spacing):
        raise UsageError(f"the pixel spacing is {spacing}", hint="give two distances of more than 0")
    within = tolerance * (1 + _SLACK)
    area_a, area_b, shared = a.area, b.area, overlap(a, b)

    from_a, from_b = nearest(edge(a), edge(b), spacing)
    from_a.sort()
    from_b.sort()
    pooled = np.sort(np.concatenate((from_a, from_b)))
    near_a, near_b = (float(np.count_nonzero(each <= within)) / each.size for each in (from_a, from_b))

    surfels_a, surfels_b = surfels(a, spacing), surfels(b, spacing)
    distances_a, distances_b = nearest(surfels_a.points, surfels_b.points, spacing)
    way_a = _weigh(distances_a, surfels_a.lengths, within)
    way_b = _weigh(distances_b, surfels_b.lengths, within)

    return ShapeAgreement(
        dice=2 * shared / (area_a + area_b),
        iou=shared / (area_a + area_b - shared),
        hausdorff=float(pooled[-1]),
        hd95_pooled=_percentile(pooled),
        hd95_max=max(_percentile(from_a), _percentile(from_b)),
        hd95_surfel=max(way_a.robust, way_b.robust),
        assd=float(from_a.sum() + from_b.sum()) / pooled.size,
        assd_surfel=(way_a.mean + way_b.mean) / 2,
        boundary_f=2 * near_a * near_b / (near_a + near_b) if near_a + near_b else 0.0,
        surface_dice=(way_a.near_length + way_b.near_length) / (way_a.length + way_b.length),
        area_a=area_a * spacing[0] * spacing[1],
        area_b=area_b * spacing[0] * spacing[1],
        diameter_a=diameter(surfels_a.points, spacing),
        diameter_b=diameter(surfels_b.points, spacing),
    )


def _percentile(ordered: NDArray[np.float64]) -> float:
    """Return the 95th percentile of ordered numbers, interpolated as numpy's default does."""
    place = _SHARE * (ordered.size - 1)
    low = int(place)
    high = min(low + 1, ordered.size - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


class _Way(NamedTuple):
    """One direction, from the surfels of a drawing to those of the other."""

    robust: float
    """Distance within which 95 % of the length lies."""
    mean: float
    length: float
    near_length: float


def _weigh(distances: NDArray[np.float64], lengths: NDArray[np.float64], within: float) -> _Way:
    # Equal distances in the order of their lengths, as in surface-distance: the rounding hangs on it.
    order = np.lexsort((lengths, distances))
    distances, lengths = distances[order], lengths[order]
    length = lengths.sum()
    place = int(np.searchsorted(lengths.cumsum() / length, _SHARE))
    return _Way(
        robust=float(distances[min(place, distances.size - 1)]),
        mean=float((distances * lengths).sum() / length),
        length=float(length),
        near_length=float(lengths[distances <= within].sum()),
    )
