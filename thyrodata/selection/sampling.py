"""Drawing groups by chance, as many of each class: the same ones whatever the order of the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from thyrodata.errors import UsageError
from thyrodata.schema.vocab import SCHEMES
from thyrodata.selection.answers import Answer, Unit, one_value
from thyrodata.selection.clinical import Key
from thyrodata.selection.criteria import Sample

__all__ = ["Drawn", "draw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a sample came to."""

    classes: tuple[tuple[str, int], ...]
    """Every class that there is, and how many groups it had; the one class of a sample without is ``all``."""
    keys: frozenset[Key]
    """The groups drawn."""
    unclassed: dict[Key, Answer]
    """Groups in no class, and why: no label of the scheme, or several values."""


def draw(sample: Sample, groups: Sequence[Unit]) -> Drawn:
    """Draw groups.

    The order of drawing is that of the SHA-256 of the seed and the group's id, so that a larger sample holds
    a smaller one of the same seed.

    Raises:
        UsageError: A class has fewer groups than are to be drawn.
    """
    classes: dict[str, list[str]] = {}
    unclassed: dict[Key, Answer] = {}
    for unit in groups:
        value = one_value(sample.per, unit) if sample.per else None
        if isinstance(value, Answer):
            unclassed[unit.key] = value
        else:
            classes.setdefault(str(value.value) if value else "all", []).append(str(unit.key))
    order = [str(term.value) for term in SCHEMES[sample.per]] if sample.per else ["all"]
    sizes = tuple((name, len(classes[name])) for name in order if name in classes)
    small = [f"{name}: {n}" for name, n in sizes if n < sample.groups]
    if small or not sizes:
        raise UsageError(
            f"{sample.name!r} is to draw {sample.groups} groups of each class, and there are fewer",
            where=sample.where,
            hint=f"there are: {', '.join(small) or 'none that is in a class'}",
        )
    drawn = (
        key
        for members in classes.values()
        for key in sorted(members, key=lambda key: (_rank(sample.seed, key), key))[: sample.groups]
    )
    return Drawn(classes=sizes, keys=frozenset(drawn), unclassed=unclassed)


def _rank(seed: int, key: str) -> str:
    return sha256(f"{seed}\n{key}".encode()).hexdigest()
