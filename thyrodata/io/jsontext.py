"""JSON from strangers, whole or cut when it was stored, and JSON written in bulk."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from thyrodata.errors import CaseError, ThyrodataError

__all__ = [
    "CutArray",
    "is_cut",
    "json_bytes",
    "parse_array",
    "parse_cut_array",
    "parse_verbatim",
    "whole_member",
]

json_bytes = msgspec.json.Encoder().encode
"""Return plain values as compact JSON in UTF-8. A float that is no number would become null."""

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CutArray:
    """What a cut array still holds."""

    items: list[Any]
    """The elements that are whole."""
    tail: str
    """The text of the element that is not."""


def parse_array(text: str, where: str) -> list[Any]:
    """Return the elements of a JSON array.

    Raises:
        CaseError: The text is not JSON, or no array.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(error.msg, error.pos, where) from None
    except (ValueError, RecursionError):  # numbers of 4,300 digits and more; nesting without end
        raise _broken("a number or the nesting is without measure", 0, where) from None
    if not isinstance(value, list):
        raise _broken("an array was expected", 0, where)
    return value


def parse_verbatim(data: bytes, where: str, error: type[ThyrodataError] = CaseError) -> Any:
    """Return what a JSON text says, each number as the text that it is.

    Args:
        data: The text, UTF-8 with or without a byte-order mark.
        where: The file's place, for errors.
        error: What is raised.

    Returns:
        An object as a dict, an array as a list, a string or number as str, and True, False or None.

    Raises:
        CaseError: The text is not JSON, or an object has a member twice; or what ``error`` names.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("an object has a member twice")
        return found

    try:
        text = data.decode("utf-8-sig")
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=members)
    except json.JSONDecodeError as broken:
        raise error(
            f"broken JSON: {broken.msg}, line {broken.lineno}",
            where=where,
            hint="copy the file again from the release",
        ) from None
    except (ValueError, RecursionError) as broken:  # a member twice; not UTF-8; nesting without end
        raise error(
            f"broken JSON: {str(broken)[:80]}", where=where, hint="copy the file again from the release"
        ) from None


def is_cut(text: str) -> bool:
    """Return whether a text is the beginning of some JSON, but not whole."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _runs_out(text, error)
    except (ValueError, RecursionError):  # as in parse_array, which says so
        return False
    return False


def parse_cut_array(text: str, where: str) -> CutArray:
    """Return the whole elements of a JSON array whose text ends too early, and what is left of the next.

    Raises:
        CaseError: The text is no array even as far as it goes.
    """
    position = _skip_space(text, 0)
    if text[position : position + 1] != "[":
        raise _broken("an array was expected", position, where)
    items: list[Any] = []
    position = _skip_space(text, position + 1)
    while position < len(text):
        try:
            item, end = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            if not _runs_out(text, error):
                raise _broken(error.msg, error.pos, where) from None
            return CutArray(items=items, tail=text[position:])
        except (ValueError, RecursionError):
            raise _broken("a number or the nesting is without measure", position, where) from None
        items.append(item)
        position = _skip_space(text, end)
        if text[position : position + 1] not in {",", ""}:
            raise _broken("a comma was expected", position, where)
        position = _skip_space(text, position + 1)
    return CutArray(items=items, tail="")


def whole_member(text: str, name: str) -> Any:
    """Return the value of a member of a cut object where that value is whole, else ``None``."""
    found = re.search(rf'"{re.escape(name)}"\s*:\s*', text)
    if found is None:
        return None
    try:
        return _DECODER.raw_decode(text, found.end())[0]
    except (ValueError, RecursionError):
        return None


def _runs_out(text: str, error: json.JSONDecodeError) -> bool:
    """Whether decoding failed because the text ends, not because of what stands in it."""
    unfinished = re.search(r"[-+.\w]*\s*$", text)  # a number or word that the cut may have shortened
    start = unfinished.start() if unfinished else len(text)
    return error.pos >= start or error.msg.startswith(("Unterminated string", "Invalid \\u"))


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _broken(reason: str, position: int, where: str) -> CaseError:
    return CaseError(
        f"broken JSON: {reason} (character {position})",
        where=where,
        hint="compare the file with the release",
    )
