"""Whether two ways of computing a model come to the same, number by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TOLERANCES", "Agreed", "agreed_boxes", "agreed_probabilities"]

TOLERANCES: Mapping[str, float] = {"probabilities": 1e-3, "scores": 1e-3, "boxes": 0.1}
"""The greatest difference that is let pass: that of sums in another order is far below. Of ``boxes`` in
pixels of the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """How far an output of two computations differs at most."""

    output: str
    difference: float
    """Infinite where a finding of one has none like it in the other, or shapes differ."""
    tolerance: float

    @property
    def same(self) -> bool:
        """Whether that is within the tolerance."""
        return self.difference <= self.tolerance


def agreed_probabilities(
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> tuple[Agreed, ...]:
    """Compare probabilities that two computations give of the same images.

    Args:
        pairs: Of each batch, (images, classes, ...).
    """
    return (_agreed("probabilities", [_apart(one, other) for one, other in pairs]),)


def agreed_boxes(
    pairs: Sequence[tuple[Sequence[NDArray[np.float32]], Sequence[NDArray[np.float32]]]],
) -> tuple[Agreed, ...]:
    """Compare the findings of two computations: each has to have its like in the other, as often.

    Equally sure findings may change places, and where as many were kept as may be, the least sure of one may
    not be among those of the other: so those are compared that are surer than the least sure by more than the
    tolerance of scores. Alike is of one label, of scores within it, and of the nearest box.

    Args:
        pairs: Of each image ``boxes`` (findings, 4), ``labels`` (findings,) and ``scores`` (findings,).
    """
    both = [(_unmatched(one, other), _unmatched(other, one)) for one, other in pairs]
    differences = [each for pair in both for each in pair]
    return (
        _agreed("boxes", [boxes for boxes, _ in differences]),
        _agreed("scores", [scores for _, scores in differences]),
    )


def _agreed(output: str, differences: Sequence[float]) -> Agreed:
    return Agreed(output=output, difference=max(differences), tolerance=TOLERANCES[output])


def _apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    if one.shape != other.shape:
        return float("inf")
    difference = float(np.abs(one - other).max(initial=0.0))
    return float("inf") if np.isnan(difference) else difference


def _unmatched(
    one: Sequence[NDArray[np.float32]], other: Sequence[NDArray[np.float32]]
) -> tuple[float, float]:
    """Return how far boxes and scores of one are at most from those of the other that are like them."""
    boxes, labels, scores = one
    near = TOLERANCES["scores"]
    free = np.ones(len(other[2]), np.bool_)
    farthest, unlike = 0.0, 0.0
    for place in np.flatnonzero(scores > scores.min(initial=np.inf) + near):
        alike = free & (other[1] == labels[place]) & (np.abs(other[2] - scores[place]) <= near)
        if not alike.any():
            return float("inf"), float("inf")
        apart = np.where(alike, np.abs(other[0] - boxes[place]).max(axis=1), np.inf)
        nearest = int(apart.argmin())
        free[nearest] = False
        farthest = max(farthest, float(apart[nearest]))
        unlike = max(unlike, float(np.abs(other[2][nearest] - scores[place])))
    return farthest, unlike
