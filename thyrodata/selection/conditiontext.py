"""How a condition is written in the file of criteria: ``key: value``, an entry of a table for each key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from math import inf, isfinite
from typing import TypeVar

from thyrodata.io.yamltext import YamlNode
from thyrodata.schema.record import MAX_AGE
from thyrodata.schema.vocab import (
    EDITIONS,
    SCHEMES,
    Basis,
    Coverage,
    Location,
    Modality,
    Scope,
    Sex,
    Structure,
)
from thyrodata.schema.vocab import ViewPlane as Plane
from thyrodata.selection import conditions as asked
from thyrodata.selection.conditions import Condition, Side
from thyrodata.selection.ranges import Range

__all__ = ["CONDITIONS", "member", "needed", "whole"]

E = TypeVar("E", bound=Enum)

_WHOLE = re.compile(r"[0-9]{1,9}")
_CODE = re.compile(r"[a-z0-9][a-z0-9-]*")
_ENDS = ("at_least", "more_than", "at_most", "less_than")


def needed(node: YamlNode, said: Mapping[str, YamlNode], key: str, what: str) -> YamlNode:
    """Return the value of a key that must be there.

    Raises:
        RawLayoutError: It is not.
    """
    if key not in said:
        node.fail(f"{what} has no key {key!r}", f"write '{key}: ...'")
    return said[key]


def whole(node: YamlNode, what: str, *, least: int = 0) -> int:
    """Return a whole number of at most nine digits.

    Raises:
        RawLayoutError: It is none, or too small.
    """
    text = node.text(what)
    if not _WHOLE.fullmatch(text) or int(text) < least:
        node.fail(f"{what} {text!r} is no whole number from {least}", "write digits only")
    return int(text)


def _number(node: YamlNode, what: str) -> float:
    try:
        number = float(node.text(what))
    except ValueError:
        number = inf
    if not isfinite(number):
        node.fail(f"{what} {node.value!r} is not a number", "write digits, with a point if need be")
    return number


def member(node: YamlNode, what: str, kind: type[E]) -> E:
    """Return the member of an enum of this value.

    Raises:
        RawLayoutError: There is none.
    """
    known = {str(member.value): member for member in kind}
    return known[node.choice(what, known)]


def _several(node: YamlNode, what: str) -> tuple[YamlNode, ...]:
    """Return the elements of a list, or the one thing that stands there without being one."""
    nodes = node.items(what) if isinstance(node.value, tuple) else (node,)
    texts = [item.text(what) for item in nodes]
    if not texts:
        node.fail(f"no {what} is named", "name at least one")
    twice = sorted({text for text in texts if texts.count(text) > 1})
    if twice:
        node.fail(f"{what} {twice[0]!r} is there twice", "remove one of them")
    return nodes


def _members(node: YamlNode, what: str, kind: type[E]) -> tuple[E, ...]:
    return tuple(member(item, what, kind) for item in _several(node, what))


def _texts(node: YamlNode, what: str) -> tuple[str, ...]:
    return tuple(item.text(what) for item in _several(node, what))


def _range(
    node: YamlNode, said: Mapping[str, YamlNode], what: str, domain: Range, *, whole: bool = False
) -> Range:
    given = {end: _number(said[end], end) for end in _ENDS if end in said}
    low, high = given.keys() & {"at_least", "more_than"}, given.keys() & {"at_most", "less_than"}
    if not given or len(low) > 1 or len(high) > 1:
        node.fail(f"{what} has no range", f"write one or two of: {', '.join(_ENDS)}")
    found = Range(
        low=given.get("at_least", given.get("more_than", -inf)),
        high=given.get("at_most", given.get("less_than", inf)),
        low_outside="more_than" in given,
        high_outside="less_than" in given,
    )
    if not found.both(domain).has_member(whole=whole):
        node.fail(f"{what} {found}: there is no such number", "compare the two ends")
    return found


def _range_of(
    node: YamlNode,
    what: str,
    *,
    low: float = -inf,
    high: float = inf,
    outside: bool = False,
    whole: bool = False,
) -> Range:
    domain = Range(low=low, high=high, low_outside=outside)
    return _range(node, node.mapping(what, _ENDS), what, domain, whole=whole)


def _label(node: YamlNode) -> asked.HasLabel:
    said = node.mapping("label", ("scheme", "is", "basis", "edition", "of", "definitive"))
    scheme = needed(node, said, "scheme", "label").choice("scheme", SCHEMES)
    editions = sorted(EDITIONS.get(scheme, ()))
    if "edition" in said and not editions:
        said["edition"].fail(f"{scheme} has no editions", "leave 'edition' out")
    definitive = said["definitive"].choice("definitive", ("true", "false")) if "definitive" in said else ""
    return asked.HasLabel(
        scheme=scheme,
        values=_members(said["is"], f"value of {scheme}", SCHEMES[scheme]) if "is" in said else (),
        basis=member(said["basis"], "basis", Basis) if "basis" in said else None,
        edition=said["edition"].choice("edition", editions) if "edition" in said else None,
        of=member(said["of"], "of", Scope) if "of" in said else None,
        definitive=definitive == "true",
    )


def _split(node: YamlNode) -> asked.InSplit:
    said = node.mapping("split", ("name", "part"))
    return asked.InSplit(
        name=needed(node, said, "name", "split").text("name"),
        parts=_texts(needed(node, said, "part", "split"), "part"),
    )


def _finding(node: YamlNode) -> asked.HasFinding:
    said = node.mapping("finding", ("structure",))
    structures = _members(needed(node, said, "structure", "finding"), "structure", Structure)
    return asked.HasFinding(structures=structures)


def _remark(node: YamlNode) -> asked.HasRemark:
    codes = _texts(node, "remark")
    for code in codes:
        if not _CODE.fullmatch(code):
            node.fail(f"{code!r} is no remark's code", "codes are lower-case letters, digits and hyphens")
    return asked.HasRemark(codes=codes)


def _column(node: YamlNode) -> asked.ColumnIs | asked.ColumnIn:
    said = node.mapping("column", ("name", "is", *_ENDS))
    name = needed(node, said, "name", "column").text("name")
    if "is" in said:
        if len(said) > len(("name", "is")):
            node.fail("a column is either one of some texts or in a range", "remove one of them")
        return asked.ColumnIs(name=name, texts=_texts(said["is"], "text"))
    return asked.ColumnIn(name=name, numbers=_range(node, said, f"column {name}", Range()))


def _side(side: Side) -> Callable[[YamlNode], Condition]:
    return lambda node: asked.SideIn(side=side, px=_range_of(node, side.value, low=1, whole=True))


CONDITIONS: dict[str, Callable[[YamlNode], Condition]] = {
    "age_years": lambda node: asked.AgeIn(
        years=_range_of(node, "age_years", low=0, high=MAX_AGE, whole=True)
    ),
    "column": _column,
    "coverage": lambda node: asked.CoverageIs(values=_members(node, "coverage", Coverage)),
    "finding": _finding,
    "height_px": _side(Side.HEIGHT),
    "label": _label,
    "location": lambda node: asked.LocationIs(values=_members(node, "location", Location)),
    "modality": lambda node: asked.ModalityIs(values=_members(node, "modality", Modality)),
    "remark": _remark,
    "sex": lambda node: asked.SexIs(values=_members(node, "sex", Sex)),
    "size_mm": lambda node: asked.SizeIn(mm=_range_of(node, "size_mm", low=0, outside=True)),
    "source": lambda node: asked.SourceIs(values=_texts(node, "source")),
    "split": _split,
    "view_planes": lambda node: asked.HasViewPlanes(values=_members(node, "view plane", Plane)),
    "width_px": _side(Side.WIDTH),
}
"""What a condition's key is, and how the value after it is understood. Alphabetical."""
