"""Regions drawn by hand, as JSON: ``[{"points": [{"x": 1, "y": 2}, ...], "regionType": "freehand"}, ...]``.

Some releases store such a text in a field of fixed length and cut what is longer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec.structs import astuple

from thyrodata.errors import CaseError
from thyrodata.io.jsontext import is_cut, parse_array, parse_cut_array, whole_member
from thyrodata.schema.geometry import MIN_RING, Point

__all__ = ["Region", "Regions", "read_regions"]

_HINT = "compare the file with the release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One region: its points in the order drawn, its type, and whatever else is said of it."""

    points: tuple[Point, ...]
    kind: str
    notes: tuple[tuple[str, str], ...]
    """Name and JSON text of every further member that is not empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """The regions of a text, and a sentence on what a cut has lost; empty where nothing is cut."""

    regions: tuple[Region, ...]
    lost: str


def read_regions(text: str, limit: int, where: str) -> Regions:
    """Return the regions of a text; of a text that was cut, those whose points are whole.

    A region whose type is lost is an outline where it has the points of one: arrows have two.

    Args:
        text: The JSON.
        limit: The number of characters at which a longer text was cut.
        where: The text's place, as errors name it.

    Raises:
        CaseError: The text is broken other than by the cut, or a region has no points or no type.
    """
    if len(text) == limit and is_cut(text):
        regions, lost = _cut_regions(text, where)
        lost = f"the release cuts the text at {limit} characters; {lost}"
    else:
        plain = _plain_regions(text)
        if plain is not None:
            return Regions(regions=plain, lost="")
        regions, lost = parse_array(text, where), ""
    return Regions(
        regions=tuple(_region(region, index, where) for index, region in enumerate(regions, 1)), lost=lost
    )


class _PlainPoint(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    x: float
    y: float


class _PlainRegion(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    points: list[_PlainPoint]
    regionType: Literal["arrow", "freehand"]  # noqa: N815 -- the member's name
    annotation: Any = None


_PLAIN = msgspec.json.Decoder(list[_PlainRegion])


def _plain_regions(text: str) -> tuple[Region, ...] | None:
    """Return the regions of a text that is as nearly all are; ``None`` if it has anything more or is broken.

    It takes a quarter of the time that looking at each member takes.
    """
    try:
        regions = _PLAIN.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return None
    if any(region.annotation for region in regions):
        return None
    return tuple(
        Region(points=tuple(map(astuple, region.points)), kind=region.regionType, notes=())
        for region in regions
    )


def _cut_regions(text: str, where: str) -> tuple[list[Any], str]:
    cut = parse_cut_array(text, where)
    last = len(cut.items) + 1
    members = {name: whole_member(cut.tail, name) for name in ("points", "annotation", "regionType")}
    points, kind = members["points"], members["regionType"]
    if not isinstance(points, list) or (kind is None and len(points) < MIN_RING):
        lost = f"region {last} and any after it are lost" if cut.tail else "any further regions are lost"
        return cut.items, lost
    said = "" if kind is not None else "; its type is lost too, and it is kept as an outline"
    region = {**members, "regionType": "freehand" if kind is None else kind}
    return [*cut.items, region], f"the points of region {last} are whole, any regions after it are lost{said}"


def _region(region: Any, index: int, where: str) -> Region:
    try:
        xs, ys = [p["x"] for p in region["points"]], [p["y"] for p in region["points"]]
        points, kind = tuple(zip(map(float, xs), map(float, ys), strict=True)), region["regionType"]
        notes = {name: value for name, value in region.items() if name not in {"points", "regionType"}}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CaseError(
            f"region {index} has no points or no type as the release writes them ({error})",
            where=where,
            hint=_HINT,
        ) from None
    if not set(map(type, xs + ys)) <= {int, float}:
        raise CaseError(f"a coordinate of region {index} is no number", where=where, hint=_HINT)
    if kind not in ("freehand", "arrow"):  # no set: a list, which JSON may hold, cannot be looked up in one
        raise CaseError(f"region {index} is of an unknown type {kind!r}", where=where, hint=_HINT)
    return Region(
        points=points,
        kind=kind,
        notes=tuple((name, json.dumps(value)) for name, value in sorted(notes.items()) if value),
    )
