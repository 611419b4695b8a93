"""How matched points of two pictures lie on one another: one scale for each axis, and one shift.

Most matches may be wrong. Each two say how far one picture is scaled and where it lies; what the most others
agree with is refined on those (Fischler and Bolles, "Random sample consensus", CACM 1981, with every sample).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST", "Fit", "Matches", "fitted"]

LEAST: Final = 4
"""Matches that must agree. Two make a fit; more agree by chance where pictures share what a scanner draws."""

MOST: Final = 24
"""Matches that are tried two by two, which bounds the cost."""

APART: Final = 4.0
"""Scales of the larger of two matched blobs by which they must lie apart to say how far it is scaled."""

SLACK: Final = 0.12
"""Share of the distance by which a match may be off at first: each axis may have its own scale."""

UNEVEN: Final = 1.4
"""How far the scales of both axes may differ in the end."""

TRIED: Final = 8
"""Pairs of matches that are refined, those with which the most others agree."""

WITHIN: Final = (6.0, 3.0, 1.5, 1.5)
"""Scales of its blob by which a match may be off, in each round of the refinement."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Matches:
    """Points of two pictures that may be the same."""

    first: NDArray[np.float64]
    """(matches, 2): x and y in the first picture."""
    second: NDArray[np.float64]
    """(matches, 2): x and y in the second."""
    scale: NDArray[np.float64]
    """(matches,), pixels of the first: how large the blobs are that were matched."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A point p of the second lies at ``scale * p + shift`` of the first."""

    scale: NDArray[np.float64]
    """Of x and y."""
    shift: NDArray[np.float64]
    """Pixels of the first, of x and y."""
    matches: int
    """That agree; no point counts twice."""


def fitted(matches: Matches) -> Fit | None:
    """Return what the most matches, and at least LEAST, agree on; ``None`` if there is no such thing."""
    fits = [_settled(matches, agree) for agree in _largest(matches)]
    return max(filter(None, fits), key=lambda fit: fit.matches, default=None)


def _settled(matches: Matches, agree: NDArray[np.bool_]) -> Fit | None:
    """Refine what matches agree on, leaving out in each round those that do not."""
    fit = None
    for within in WITHIN:
        if np.count_nonzero(agree) < LEAST:
            return None
        fit = _refined(matches, agree)
        if fit is None:
            return None
        off = np.abs(matches.second * fit.scale + fit.shift - matches.first).max(axis=1)
        agree = off <= within * matches.scale
    count = min(len(np.unique(points[agree], axis=0)) for points in (matches.first, matches.second))
    return replace(fit, matches=count) if fit and count >= LEAST else None


def _largest(matches: Matches) -> NDArray[np.bool_]:
    """Return which matches agree with two of them, for those two with which the most do: (TRIED, matches)."""
    one, two = np.triu_indices(min(len(matches.first), MOST), 1)
    apart = _length(matches.first[one] - matches.first[two])
    behind = _length(matches.second[one] - matches.second[two])
    telling = (apart > APART * np.maximum(matches.scale[one], matches.scale[two])) & (behind > 0)
    one, two = one[telling], two[telling]
    scale = (apart[telling] / behind[telling])[:, np.newaxis]
    middles = [(points[one] + points[two])[:, np.newaxis] / 2 for points in (matches.first, matches.second)]
    from_middle = scale[..., np.newaxis] * (matches.second - middles[1])
    off = np.abs(middles[0] + from_middle - matches.first).max(axis=2)
    agree = off <= WITHIN[-1] * matches.scale + SLACK * _length(from_middle)
    largest: NDArray[np.bool_] = agree[np.argsort(-agree.sum(axis=1), kind="stable")[:TRIED]]
    return largest


def _refined(matches: Matches, agree: NDArray[np.bool_]) -> Fit | None:
    """Return the least squares of the matches that agree; ``None`` if they are no scaled picture."""
    first, second = matches.first[agree], matches.second[agree]
    middle, behind = first.mean(axis=0), second.mean(axis=0)
    spread = ((second - behind) ** 2).sum(axis=0)
    scale = ((second - behind) * (first - middle)).sum(axis=0) / np.where(spread > 0, spread, np.inf)
    if (scale <= 0).any() or not 1 / UNEVEN <= scale[0] / scale[1] <= UNEVEN:
        return None
    return Fit(scale=scale, shift=middle - scale * behind, matches=len(first))


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    length: NDArray[np.float64] = np.sqrt((vectors**2).sum(axis=-1))
    return length
