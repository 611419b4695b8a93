"""The file of a label map: YAML, each key of which is checked, with the line of what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping

from thyrodata.errors import SchemaError
from thyrodata.io.yamltext import YamlNode, parse_yaml
from thyrodata.labelmaps.model import ACR_POINTS, LabelMap, source_values
from thyrodata.schema.vocab import SCHEMES, Basis, Scope, Term, parse_term

__all__ = ["DROP", "parse_map"]

DROP = "drop"
"""Stands for a term where a value makes no label."""

SAME = "same"
"""Stands for a basis where each label keeps its own."""

_KEYS = ("name", "title", "source", "from", "to", "keep", "basis", "values", "loses", "does_not_say")
_OPTIONAL = frozenset({"to", "basis", "keep", "does_not_say"})
_HINT = "compare it with a map that ships: thyrodata relabel list"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_SCOPES = tuple(scope.value for scope in Scope)
_BASES = (*(basis.value for basis in Basis), SAME)


def parse_map(data: bytes, place: str) -> LabelMap:
    """Return the map that a file holds.

    Args:
        data: The file's bytes.
        place: The file, for errors.

    Raises:
        RawLayoutError: The file is broken, or says what cannot be; ``where`` is the file and the line.
    """
    root = parse_yaml(data, place, _HINT)
    said = root.mapping("a map", _KEYS)
    for key in _KEYS:
        if key not in said and key not in _OPTIONAL:
            root.fail(f"the map has no {key!r}", _HINT)
    if ("to" in said) != ("basis" in said):
        root.fail("'to' and 'basis' belong together: the labels made have a basis", _HINT)
    from_scheme, from_scope = _place(said["from"], "from", (*SCHEMES, ACR_POINTS))
    to_scheme, to_scope = _place(said["to"], "to", SCHEMES) if "to" in said else (None, from_scope)
    label_map = LabelMap(
        name=_name(said["name"]),
        title=_sentence(said["title"], "title"),
        source=_sentence(said["source"], "source"),
        from_scheme=from_scheme,
        from_scope=from_scope,
        to_scheme=to_scheme,
        to_scope=to_scope,
        values=_values(said["values"], from_scheme, to_scheme),
        basis=_basis(said["basis"], from_scheme) if "basis" in said else None,
        keep=said["keep"].choice("keep", ("true", "false")) == "true" if "keep" in said else True,
        loses=_sentence(said["loses"], "loses"),
        does_not_say=_sentences(said.get("does_not_say")),
    )
    _check_scopes(label_map, said)
    return label_map


def _name(node: YamlNode) -> str:
    name = node.text("name")
    if not _NAME.fullmatch(name):
        node.fail(f"{name!r} is not the name of a map", "write lower-case letters, digits and hyphens")
    return name


def _sentence(node: YamlNode, what: str) -> str:
    text = " ".join(node.text(what).split())
    if not text:
        node.fail(f"{what} is empty", "write a sentence")
    return text


def _sentences(node: YamlNode | None) -> tuple[str, ...]:
    items = node.items("does_not_say") if node else ()
    return tuple(_sentence(item, "a sentence of does_not_say") for item in items)


def _place(
    node: YamlNode, what: str, schemes: Mapping[str, type[Term]] | tuple[str, ...]
) -> tuple[str, Scope]:
    """Return a scheme and what its labels are said of."""
    said = node.mapping(what, ("scheme", "scope"))
    for key in ("scheme", "scope"):
        if key not in said:
            node.fail(f"{what} has no {key!r}", f"write '{what}: {{scheme: tirads-kwak, scope: case}}'")
    return said["scheme"].choice("the scheme", tuple(schemes)), Scope(
        said["scope"].choice("the scope", _SCOPES)
    )


def _basis(node: YamlNode, scheme: str) -> Basis | None:
    basis = node.choice("basis", _BASES)
    if basis == SAME and scheme == ACR_POINTS:
        node.fail("points have no basis that a label could keep", "write imaging")
    return None if basis == SAME else Basis(basis)


def _values(node: YamlNode, from_scheme: str, to_scheme: str | None) -> tuple[tuple[str, Term | None], ...]:
    known = source_values(from_scheme)
    said = node.mapping("values")
    if not said:
        node.fail("the map has no values", "write 'value: value' lines, or 'value: drop'")
    for value, target in said.items():
        if value not in known:
            target.fail(f"{value!r} is not a value of {from_scheme}", f"its values: {', '.join(known)}")
    return tuple((value, _term(said[value], to_scheme)) for value in known if value in said)


def _term(node: YamlNode, scheme: str | None) -> Term | None:
    text = node.text("a value")
    if text == DROP:
        return None
    if scheme is None:
        node.fail(f"the map makes {text!r}, and does not say of what scheme", "add 'to', or write drop")
    try:
        return parse_term(f"{scheme}/{text}")
    except SchemaError as error:
        node.fail(error.message, f"{error.hint}; or {DROP}, for no label")


def _check_scopes(label_map: LabelMap, said: Mapping[str, YamlNode]) -> None:
    """Refuse what cannot be read where, made where, or replaced."""
    read, made = label_map.from_scope, label_map.to_scope
    if label_map.from_scheme == ACR_POINTS and (read, made) != (Scope.NODULE, Scope.NODULE):
        said["from"].fail(
            "points are of a nodule, and make labels of it", "write 'scope: nodule' in from and to"
        )
    if made not in {read, Scope.FINDING}:
        said["to"].fail(
            f"what is said of the {read.value} is not said of the {made.value}",
            "labels stay in their scope, or are carried to the finding",
        )
    makes = any(term for _, term in label_map.values)
    if label_map.to_scheme and not makes:
        said["to"].fail("every value is dropped, so that nothing is made", "leave 'to' out")
    if not label_map.keep and not label_map.in_place:
        said["keep"].fail("labels are replaced only where they stand", "write 'keep: true', or leave it out")
    if label_map.keep and label_map.in_place and label_map.from_scheme == label_map.to_scheme:
        said["to"].fail("labels of one scheme, old and new, would stand side by side", "write 'keep: false'")
    if label_map.keep and not makes:
        said["values"].fail("the map changes nothing", "write 'keep: false', so that what is dropped goes")
