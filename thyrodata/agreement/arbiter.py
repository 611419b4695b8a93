"""What the arbiter says of what readers disagree on: which of the arbiter's drawings is of which thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thyrodata.agreement.clusters import Cluster
from thyrodata.agreement.drawings import Drawing, overlap_iou
from thyrodata.agreement.matching import match_overlaps

__all__ = ["Arbitration", "arbitrate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arbitration:
    """The arbiter's reading of one image, beside the readers' things."""

    drawings: tuple[Drawing | None, ...]
    """The arbiter's drawing of each thing."""
    tied: frozenset[int]
    """Things that several of the arbiter's drawings could be of."""
    alone: tuple[Drawing, ...]
    """Drawings that are left: of what no reader has drawn, where the arbiter was not asked, or a second one
    of a thing. They are named and not taken."""
    complete: bool
    """Whether the arbiter says that all was drawn: then what has no drawing is not there."""


def arbitrate(
    clusters: Sequence[Cluster], drawn: Sequence[Drawing], floor: float, *, complete: bool
) -> Arbitration:
    """Match the arbiter's drawings with things, also with those that the readers agree on.

    Args:
        clusters: What the readers have drawn.
        drawn: What the arbiter has drawn on the same image.
        floor: The least IoU of a match, with any drawing of the thing.
        complete: Whether the arbiter says that all was drawn.
    """
    ious = np.zeros((len(clusters), len(drawn)))
    for k, each in enumerate(clusters):
        for j, drawing in enumerate(drawn):
            ious[k, j] = max(overlap_iou(other, drawing) for other in each.all)
    found = match_overlaps(ious, floor)
    chosen: list[Drawing | None] = [None] * len(clusters)
    for pair in found.matches:
        chosen[pair.a] = drawn[pair.b]
    tied = {k for tie in found.ties for k in tie.a}
    # A drawing too many: the arbiter may mean that one thing is two, and a half of an answer is none.
    tied |= {k for k in range(len(clusters)) if any(ious[k, j] >= floor for j in found.only_b)}
    return Arbitration(
        drawings=tuple(chosen),
        tied=frozenset(tied),
        alone=tuple(drawn[k] for k in found.only_b),
        complete=complete,
    )
