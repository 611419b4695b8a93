"""What a policy makes of the drawings that readers have of one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from thyrodata.agreement.clusters import Cluster
from thyrodata.agreement.drawings import Drawing, overlap_iou
from thyrodata.agreement.policy import BoxRule, OutlineRule, Policy, Unmatched
from thyrodata.agreement.raster import Raster, dice
from thyrodata.agreement.shapes import STAPLE_READERS, at_share, intersection, mean_shape, staple, union
from thyrodata.agreement.votes import Outcome
from thyrodata.io.masks import encode_mask
from thyrodata.schema.geometry import Box, Geometry, Mask

__all__ = ["Decision", "decide_drawing", "least_agreement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What came of the drawings of one thing, before the arbiter is heard."""

    outcome: Outcome
    rule: str
    why: str
    geometries: tuple[Geometry, ...] | None
    """``None`` where nothing is to be drawn, or nothing is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    width: int
    height: int


def least_agreement(drawings: Sequence[Drawing], measure: str) -> float | None:
    """Return the least Dice, of outlines alone, or IoU of every two drawings; ``None`` for a single one."""
    of_two = _dice if measure == "dice" else overlap_iou
    return min((of_two(one, other) for one, other in combinations(drawings, 2)), default=None)


def _dice(one: Drawing, other: Drawing) -> float:
    if one.raster is None or other.raster is None:
        raise TypeError("a box alone has no Dice")
    # Not from the IoU: rounded twice, a Dice of 0.528 is below a threshold of 0.528.
    return dice(one.raster, other.raster)


def decide_drawing(
    cluster: Cluster, silent: Mapping[str, bool], policy: Policy, *, width: int, height: int
) -> Decision:
    """Return what the policy makes of what readers have drawn of one thing.

    Args:
        cluster: The drawings.
        silent: The readers who have looked and not drawn it, and whether each says that all was drawn.
        policy: What was decided beforehand.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
    """
    drawings = cluster.all
    rule = _rule(drawings, policy)
    if rule is None:
        return Decision(outcome=Outcome.LEFT, rule="", why="not-asked", geometries=None)
    settled, why = _settled(cluster, silent, policy)
    if settled.endswith(": drop"):
        return Decision(outcome=Outcome.POLICY, rule=settled, why="not-drawn-by-all", geometries=None)
    made = None
    if not why:
        made, why = _combined(drawings, policy, _Size(width=width, height=height))
    if why:
        return Decision(outcome=Outcome.OPEN, rule="", why=why, geometries=None)
    if settled:
        return Decision(outcome=Outcome.POLICY, rule=settled, why="not-drawn-by-all", geometries=made)
    return Decision(outcome=Outcome.AGREED, rule=rule.value, why="", geometries=made)


def _settled(cluster: Cluster, silent: Mapping[str, bool], policy: Policy) -> tuple[str, str]:
    """Return the rule that settles whether the thing is there, empty if all drew it; or why none does."""
    if cluster.trouble:
        return "", cluster.trouble.value
    if len({drawing.finding.structure for drawing in cluster.all}) > 1:
        return "", "structures-differ"
    return _of_some(len(cluster.drawings), silent, policy) if silent else ("", "")


def _rule(drawings: Sequence[Drawing], policy: Policy) -> OutlineRule | BoxRule | None:
    if any(drawing.raster is None for drawing in drawings):
        return policy.boxes.rule if policy.boxes else None
    return policy.outlines.rule if policy.outlines else None


def _of_some(drew: int, silent: Mapping[str, bool], policy: Policy) -> tuple[str, str]:
    """Return the rule that settles what not all have drawn, or why none does.

    A reader who does not say that all was drawn has not said that there is nothing.
    """
    against, looked = sum(silent.values()), drew + len(silent)
    match policy.unmatched:
        case Unmatched.KEEP:
            return "unmatched: keep", ""
        case Unmatched.DROP:
            return ("unmatched: drop", "") if against == len(silent) else ("", "not-drawn-by-all")
        case Unmatched.MAJORITY:
            if 2 * drew > looked:
                return "unmatched: majority: keep", ""
            if 2 * against > looked:
                return "unmatched: majority: drop", ""
            return "", "not-drawn-by-all"
        case Unmatched.ADJUDICATE:
            return "", "not-drawn-by-all"


def _combined(
    drawings: Sequence[Drawing], policy: Policy, size: _Size
) -> tuple[tuple[Geometry, ...] | None, str]:
    """Return what agreeing drawings come to, or why they do not agree."""
    if len(drawings) == 1:
        return drawings[0].finding.geometries, ""
    rasters = [drawing.raster for drawing in drawings if drawing.raster is not None]
    if len(rasters) == len(drawings) and policy.outlines:
        chosen = policy.outlines
        why = _disagree(drawings, chosen.measure, chosen.least, chosen.rule.value)
        return (None, why) if why else _outline(drawings, rasters, policy, size)
    if policy.boxes is None:
        return None, "not-asked"
    why = _disagree(drawings, "iou", policy.boxes.least, policy.boxes.rule.value)
    return (None, why) if why else (_box([drawing.box for drawing in drawings], policy.boxes.rule), "")


def _disagree(drawings: Sequence[Drawing], measure: str, least: float, rule: str) -> str:
    if rule == "adjudicate":
        return "policy-adjudicates"
    agreement = least_agreement(drawings, measure)
    if agreement is not None and agreement < least:
        return "below-threshold"
    if rule == "agree" and not all(drawing.equals(drawings[0]) for drawing in drawings):
        return "not-equal"
    return ""


def _outline(
    drawings: Sequence[Drawing], rasters: Sequence[Raster], policy: Policy, size: _Size
) -> tuple[tuple[Geometry, ...] | None, str]:
    chosen = policy.outlines
    if chosen is None:
        return None, "not-asked"
    if chosen.rule is OutlineRule.STAPLE and len(rasters) < STAPLE_READERS:
        return None, "too-few-for-staple"
    match chosen.rule:
        case OutlineRule.INTERSECTION:
            made = intersection(rasters)
        case OutlineRule.UNION:
            made = union(rasters)
        case OutlineRule.MEAN_SHAPE:
            made = mean_shape(rasters)
        case OutlineRule.STAPLE:
            made = staple(rasters, size.width, size.height)
        case OutlineRule.SOFT:
            made = at_share(rasters, chosen.level or 0)
        case OutlineRule.AGREE | OutlineRule.ADJUDICATE:  # equal in every pixel: the latter never comes here
            if all(each.finding.geometries == drawings[0].finding.geometries for each in drawings):
                return drawings[0].finding.geometries, ""
            made = rasters[0]
    return ((_mask(made, size),), "") if made else (None, "nothing-left")


def _mask(raster: Raster, size: _Size) -> Mask:
    pixels = np.zeros((size.height, size.width), np.bool_)
    height, width = raster.pixels.shape
    pixels[raster.top : raster.top + height, raster.left : raster.left + width] = raster.pixels
    return encode_mask(pixels)


def _box(boxes: Sequence[Box], rule: BoxRule) -> tuple[Geometry, ...]:
    # Sorted, since sums of floats depend on the order of what is added.
    edges = [
        sorted(values)
        for values in zip(*((b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes), strict=True)
    ]
    match rule:
        case BoxRule.INTERSECTION:
            left, top, right, bottom = edges[0][-1], edges[1][-1], edges[2][0], edges[3][0]
        case BoxRule.UNION:
            left, top, right, bottom = edges[0][0], edges[1][0], edges[2][-1], edges[3][-1]
        case BoxRule.MEAN:
            left, top, right, bottom = (sum(values) / len(values) for values in edges)
        case BoxRule.AGREE | BoxRule.ADJUDICATE:
            return (boxes[0],)
    return (Box(x=left, y=top, width=right - left, height=bottom - top),)
