"""Published splits that name images by their places in a listing: ``{"val": [0, 5], "train": [1, 2, 3]}``."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import RawFile

__all__ = ["read_index_split"]

_AGAIN = "copy it again from the release"


def read_index_split(file: RawFile, parts: Collection[str], length: int) -> tuple[str, ...]:
    """Read which part of a split each place of a listing belongs to.

    Places count from 0 and mean nothing in a listing that is not whole. So the file must name each place of
    the listing once, and no other.

    Args:
        file: A JSON object of an array of places for each part.
        parts: The names of the parts.
        length: How many places the listing has.

    Returns:
        The part of each place, in order.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is no such object, or names a place twice, or is of a listing of another length.
    """
    said = _parse(file)
    if said.keys() != set(parts):
        raise _broken(file, f"its parts are {', '.join(map(repr, said))} and not {', '.join(parts)}")
    part_of: dict[int, str] = {}
    for part, places in said.items():
        if not isinstance(places, list) or not all(type(place) is int for place in places):
            raise _broken(file, f"{part!r} is no array of whole numbers")
        for place in places:
            if place in part_of:
                raise _broken(file, f"it names place {place} twice")
            part_of[place] = part
    if part_of.keys() != set(range(length)):
        odd = min(part_of.keys() ^ set(range(length)), key=abs)
        raise RawLayoutError(
            f"the split is of another listing: it names {len(part_of)} places and there are {length} images "
            f"(the first place that does not fit is {odd})",
            where=str(file),
            hint="its numbers are places in the listing of the whole release: complete the folder, and "
            "remove what was added",
        )
    return tuple(part_of[place] for place in range(length))


def _parse(file: RawFile) -> dict[str, Any]:
    try:
        members = json.loads(file.read(), object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise _broken(file, f"{error.msg}, line {error.lineno}") from None
    except (ValueError, RecursionError):  # not UTF-8, numbers of 4,300 digits and more, nesting without end
        raise _broken(file, "it is not UTF-8, or a number or the nesting is without measure") from None
    is_object = isinstance(members, list) and all(isinstance(member, tuple) for member in members)
    if not is_object or len(dict(members)) != len(members):
        raise _broken(file, "it is no object with each part once")
    return dict(members)


def _broken(file: RawFile, what: str) -> RawLayoutError:
    return RawLayoutError(f"the split cannot be read: {what}", where=str(file), hint=_AGAIN)
