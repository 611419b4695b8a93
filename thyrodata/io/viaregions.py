"""Outlines as the VGG Image Annotator keeps them: the x and the y of all points of a region in two lists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import Any

from thyrodata.errors import CaseError
from thyrodata.io.jsontext import parse_verbatim
from thyrodata.io.raw import RawFile
from thyrodata.schema.geometry import MIN_RING, Ring

__all__ = ["ViaRegion", "read_via_regions"]

_X, _Y = "all_points_x", "all_points_y"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViaRegion:
    """One region."""

    points: Ring
    """As given, in pixels."""
    notes: tuple[tuple[str, str], ...]
    """The other members, such as ``label``: name and text, in the file's order. Empty ones say nothing."""


def read_via_regions(file: RawFile) -> tuple[ViaRegion, ...]:
    """Read a JSON file of one region, an object, or of several, an array of objects.

    Raises:
        CaseError: The file cannot be read or is no JSON, or a region has not as many x as y, or fewer
            than three points, or a coordinate is no number.
    """
    found = parse_verbatim(file.read(), str(file))
    regions = found if isinstance(found, list) else [found]
    return tuple(_region(region, index, str(file)) for index, region in enumerate(regions, 1))


def _region(region: Any, index: int, where: str) -> ViaRegion:
    xs, ys = (region.get(name) for name in (_X, _Y)) if isinstance(region, dict) else (None, None)
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        raise _refused(f"region {index} has not as many {_X} as {_Y}", where)
    if len(xs) < MIN_RING:
        raise _refused(f"region {index} has {len(xs)} points, and an outline needs {MIN_RING}", where)
    return ViaRegion(
        points=tuple(
            (_number(x, index, where), _number(y, index, where)) for x, y in zip(xs, ys, strict=True)
        ),
        notes=tuple(
            (name, value if isinstance(value, str) else json.dumps(value))
            for name, value in region.items()
            if name not in {_X, _Y} and value
        ),
    )


def _number(value: Any, index: int, where: str) -> float:
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    if number is None or not isfinite(number):
        raise _refused(f"a coordinate of region {index} is no number", where)
    return number


def _refused(message: str, where: str) -> CaseError:
    return CaseError(message, where=where, hint="compare the file with the release")
