"""The names of new image files: those of the old ones as PNG, and no two alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

__all__ = ["new_names", "png_name"]


def png_name(path: str) -> str:
    """Return a file's path with the suffix ``.png`` in place of its own."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}.png"


def new_names(paths: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the new names of images whose :func:`png_name` another file has, or another image takes.

    Names that differ only in case are one, since some file systems do not tell them apart. The first image
    keeps its name, others get a number.

    Args:
        paths: The ids of images, each with its file.
    """
    given = list(paths)
    old = Counter(path.casefold() for _, path in given)
    names: dict[str, str] = {}
    taken: set[str] = set()
    for image_id, path in given:
        wanted = png_name(path)
        for name in _numbered(wanted):
            key = name.casefold()
            if key not in taken and old[key] == (key == path.casefold()):
                break
        taken.add(key)
        if name != wanted:
            names[image_id] = name
    return names


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name.removesuffix('.png')}-{number}.png"
        number += 1
