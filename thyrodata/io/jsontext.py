"""JSON from strangers, JSON arrays that were cut when they were stored, and JSON written in bulk."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from thyrodata.errors import CaseError

__all__ = ["CutArray", "is_cut", "json_bytes", "parse_array", "parse_cut_array", "whole_member"]

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
