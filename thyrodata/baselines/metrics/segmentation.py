"""Figures of segmentation: of a pair of masks, and of many pairs as a mean over images and pooled.

Where masks are empty: of two empty ones every figure is undefined (there was nothing to find, and nothing was
found); of one empty and one not, the overlaps and the BF score are 0, and distances are undefined. A figure's
``tells`` counts the images: a mean distance is to be read beside how many it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.outlines import Spacing, edge, nearest
from thyrodata.agreement.raster import crop
from thyrodata.agreement.surfaces import measure
from thyrodata.baselines.metrics.figures import Figure, mean_figure, ratio_figure
from thyrodata.errors import UsageError

__all__ = ["Confidence", "Pair", "compare", "confidence_of", "mmcl_figures", "segmentation_figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """How a predicted mask of an image is like the true one; what is undefined is ``None``.

    Lengths are in the unit of the spacing that was given. Every figure is the same with the two exchanged.
    """

    truth: int
    """Pixels of the true mask."""
    predicted: int
    """Pixels of the predicted mask."""
    shared: int
    """Pixels in both."""
    dice: float | None
    """2 shared / (truth + predicted) (Dice, Ecology 1945)."""
    iou: float | None
    """shared / (truth + predicted - shared): the Jaccard index."""
    bf: float | None
    """The BF score at a stated tolerance (Csurka et al., BMVC 2013): ``ShapeAgreement.boundary_f``."""
    chamfer: float | None
    """Mean of the two directions' mean distances between edge pixels: half of the sum that some call by this
    name, and unlike ``assd`` no longer outline weighs more. Not squared."""
    hausdorff: float | None
    """Greatest distance of an edge pixel to the other edge: ``ShapeAgreement.hausdorff``."""
    hd95_max: float | None
    """The greater of the directions' 95th percentiles of edge distances, as in MONAI."""
    hd95_pooled: float | None
    """95th percentile of both directions' edge distances together, as in medpy."""


def compare(
    truth: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    *,
    tolerance: float,
    spacing: Spacing = (1.0, 1.0),
) -> Pair:
    """Compare a predicted mask with the true one.

    Args:
        truth: bool ``(height, width)``.
        predicted: The same shape.
        tolerance: Of the BF score, in the unit of the spacing. Csurka et al. take 0.75 % of the image's
            diagonal; papers that state none cannot be compared with.
        spacing: Distance between pixel centres down a column and along a row: in mm, or 1 and 1 for px.

    Raises:
        UsageError: Shapes differ, the tolerance is negative, or a spacing is not positive.
    """
    if truth.ndim != 2 or truth.shape != predicted.shape:  # noqa: PLR2004 -- an image
        raise UsageError(
            f"a mask of shape {predicted.shape} is compared with one of {truth.shape}",
            hint="bring predictions back to the size of their image",
        )
    a, b = crop(truth), crop(predicted)
    if a is None or b is None:
        none_of = None if a is b else 0.0
        return Pair(
            truth=a.area if a else 0,
            predicted=b.area if b else 0,
            shared=0,
            dice=none_of,
            iou=none_of,
            bf=none_of,
            chamfer=None,
            hausdorff=None,
            hd95_max=None,
            hd95_pooled=None,
        )
    alike = measure(a, b, tolerance=tolerance, spacing=spacing)
    from_a, from_b = nearest(edge(a), edge(b), spacing)
    return Pair(
        truth=a.area,
        predicted=b.area,
        shared=int(np.count_nonzero(truth & predicted)),
        dice=alike.dice,
        iou=alike.iou,
        bf=alike.boundary_f,
        chamfer=float(from_a.mean() + from_b.mean()) / 2,
        hausdorff=alike.hausdorff,
        hd95_max=alike.hd95_max,
        hd95_pooled=alike.hd95_pooled,
    )


def segmentation_figures(pairs: Sequence[Pair], *, unit: str) -> tuple[Figure, ...]:
    """Return the figures of images of which the masks were compared, one pair for each.

    ``dice_mean`` and ``iou_mean``, as all other means, are over images: each weighs the same, however large
    its nodule. ``dice_pooled`` and ``iou_pooled`` are of all pixels of all images taken together: large
    nodules weigh more.

    Args:
        pairs: Of each image.
        unit: ``px`` or ``mm``: of the distances, by the spacing that they were measured with.
    """
    return tuple(_figures(pairs, unit))


def _figures(pairs: Sequence[Pair], unit: str) -> Iterator[Figure]:
    truth, predicted, shared = (
        np.array([getattr(pair, name) for pair in pairs], np.float64)
        for name in ("truth", "predicted", "shared")
    )
    for name in ("dice", "iou", "bf"):
        yield mean_figure(f"{name}_mean", [getattr(pair, name) for pair in pairs])
    yield ratio_figure("dice_pooled", 2 * shared, truth + predicted)
    yield ratio_figure("iou_pooled", shared, truth + predicted - shared)
    for name in ("chamfer", "hausdorff", "hd95_max", "hd95_pooled"):
        yield mean_figure(f"{name}_mean", [getattr(pair, name) for pair in pairs], unit=unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """How sure the pixels of an image are, whatever is true of them."""

    likelihood: float
    """Sum over pixels of the likelihood of the most likely class."""
    pixels: int


def confidence_of(probabilities: NDArray[np.float64]) -> Confidence:
    """Return how sure the pixels of an image are.

    Args:
        probabilities: float ``(classes, height, width)``, summing to 1 over the classes; of a binary model
            both classes.

    Raises:
        UsageError: There is one class only, or the numbers are no probabilities.
    """
    if probabilities.ndim != 3 or len(probabilities) < 2 or not probabilities[0].size:  # noqa: PLR2004 -- two classes
        raise UsageError(
            f"probabilities of shape {probabilities.shape}",
            hint="give (classes, height, width); of a binary model p and 1 - p",
        )
    sums = probabilities.sum(axis=0, dtype=np.float64)
    if not (np.abs(sums - 1).max() <= 1e-3 and probabilities.min() >= 0):  # noqa: PLR2004 -- of half precision
        raise UsageError("the numbers of a pixel are no probabilities", hint="take them after the softmax")
    most = probabilities.max(axis=0)
    return Confidence(likelihood=float(most.sum(dtype=np.float64)), pixels=int(most.size))


def mmcl_figures(confidences: Sequence[Confidence]) -> tuple[Figure, ...]:
    """Return the mean maximum class likelihood (MMCL): how sure a model is, right or wrong.

    The likelihood of the most likely class, over pixels and images (Bakhtiariziabari and Ghafoorian 2020):
    between 1 / classes and 1. ``mmcl_mean`` is the mean over images of each one's mean over pixels, and
    ``mmcl_pooled`` that over all pixels: with images of one size, as in the paper, they are equal.
    """
    likelihoods = np.array([each.likelihood for each in confidences], np.float64)
    pixels = np.array([each.pixels for each in confidences], np.float64)
    return (
        mean_figure("mmcl_mean", (likelihoods / pixels).tolist()),
        ratio_figure("mmcl_pooled", likelihoods, pixels),
    )
