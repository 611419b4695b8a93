"""What is asked of a comparison: whose readings, of what, and how near is near."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from thyrodata.errors import UsageError
from thyrodata.schema.vocab import Structure

__all__ = ["FLOOR", "STRUCTURES", "THRESHOLDS", "TOLERANCE", "Asked", "Tolerance", "asked_of"]

STRUCTURES: tuple[Structure, ...] = tuple(each for each in Structure if each is not Structure.MARKER)
"""What may be compared: a marker is no finding of a reading."""

FLOOR = 0.1
"""The least IoU of two drawings that may be of one thing, if nothing else is asked."""
TOLERANCE = "2px"
THRESHOLDS = (0.5, 0.75)

_TOLERANCE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(px|mm)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far apart two edges may be that are held to be at one place, in the unit of all distances."""

    value: float
    unit: str
    """``px`` or ``mm``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is compared, and how."""

    readers: tuple[str, ...]
    """Sorted, so that no figure depends on how they were named."""
    structures: tuple[Structure, ...]
    floor: float
    """The least IoU of two drawings that may be of one thing."""
    tolerance: Tolerance
    thresholds: tuple[float, ...]
    """IoU from which a drawing counts as found by the other reader."""


def asked_of(
    readers: Iterable[str],
    structures: Iterable[str] = (),
    floor: float = FLOOR,
    tolerance: str = TOLERANCE,
    thresholds: Sequence[float] = THRESHOLDS,
) -> Asked:
    """Return what is asked.

    Args:
        readers: Whose readings.
        structures: Their names: by default all.
        floor: The least IoU of two drawings that may be of one thing.
        tolerance: ``2px`` or ``0.5mm``.
        thresholds: IoU from which a drawing counts as found.

    Raises:
        UsageError: A structure is none, a number is no share, or the tolerance no distance.
    """
    known = {each.value: each for each in STRUCTURES}
    wanted = {*structures} or known.keys()
    for name in sorted(wanted):
        if name not in known:
            raise UsageError(f"{name!a} is nothing that is compared", hint=f"there are: {', '.join(known)}")
    for what, share in (("the least IoU of a match", floor), *(("a threshold", each) for each in thresholds)):
        if not 0 < share <= 1:
            raise UsageError(f"{what} is {share}; it is above 0 and at most 1")
    said = _TOLERANCE.fullmatch(tolerance)
    if not said:
        raise UsageError(f"a tolerance of {tolerance!a} is no distance", hint="write 2px or 0.5mm")
    return Asked(
        readers=tuple(sorted(set(readers))),
        structures=tuple(each for name, each in known.items() if name in wanted),
        floor=floor,
        tolerance=Tolerance(value=float(said[1]), unit=said[2]),
        thresholds=tuple(thresholds),
    )
