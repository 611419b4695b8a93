"""The maps that ship, and those that users write."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from thyrodata.errors import UsageError
from thyrodata.io.files import read_text
from thyrodata.labelmaps.grammar import parse_map
from thyrodata.labelmaps.model import LabelMap

__all__ = ["load_map", "map_names", "shipped_maps"]

_FOLDER = files("thyrodata.labelmaps") / "maps"
_SUFFIXES = (".yaml", ".yml")


def map_names() -> tuple[str, ...]:
    """Return the names of the maps that ship, sorted."""
    return tuple(sorted(entry.name[:-5] for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml")))


def shipped_maps() -> tuple[LabelMap, ...]:
    """Return the maps that ship, by name."""
    return tuple(map(_shipped, map_names()))


@cache
def _shipped(name: str) -> LabelMap:
    return parse_map((_FOLDER / f"{name}.yaml").read_bytes(), f"maps/{name}.yaml")


def load_map(name: str | Path) -> LabelMap:
    """Return a map that ships, or that of a file.

    Args:
        name: A name of :func:`map_names`; or a file, told by its path or by its suffix ``.yaml``.

    Raises:
        UsageError: There is no such map.
        CaseError: The file cannot be read.
        RawLayoutError: The file is broken, or says what cannot be; ``where`` is the file and the line.
    """
    if isinstance(name, str) and name in map_names():
        return _shipped(name)
    place = Path(name)
    if len(place.parts) > 1 or place.suffix.lower() in _SUFFIXES or isinstance(name, Path):
        return parse_map(read_text(place).encode(), str(place))
    raise UsageError(
        f"there is no map {str(name)!r}", hint=f"there are: {', '.join(map_names())}; or name a .yaml file"
    )
