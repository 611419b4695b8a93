"""YAML from strangers: texts, lists and mappings with their lines; no tags, aliases or repeated keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NoReturn

import yaml

from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import RawFile

__all__ = ["YamlNode", "parse_yaml", "read_yaml"]

MAX_BYTES = 2**20
"""A larger file is none that a person wrote, and takes minutes to parse."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = frozenset(_TAG + kind for kind in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq"))


@dataclass(frozen=True, slots=True)
class YamlNode:
    """A value in a YAML file. A scalar is the text that stands there: ``no`` and ``1e3`` are texts too."""

    file: str
    line: int
    """1-based."""
    value: str | tuple[YamlNode, ...] | Mapping[str, YamlNode]

    @property
    def where(self) -> str:
        """The place that a person would open: ``data.yaml:3``."""
        return f"{self.file}:{self.line}"

    def fail(self, message: str, hint: str) -> NoReturn:
        """Raise what is wrong with the value.

        Raises:
            RawLayoutError: Always.
        """
        raise RawLayoutError(message, where=self.where, hint=hint)

    def text(self, what: str) -> str:
        """Return a scalar that is not empty.

        Args:
            what: What it is, for the error.

        Raises:
            RawLayoutError: It is empty, a list or a mapping.
        """
        if not isinstance(self.value, str) or not self.value:
            self.fail(f"{what} is not one text", "write one word or number after the colon")
        return self.value

    def items(self, what: str) -> tuple[YamlNode, ...]:
        """Return the elements of a list.

        Raises:
            RawLayoutError: It is no list.
        """
        if not isinstance(self.value, tuple):
            self.fail(f"{what} is not a list", "begin each element on a line of its own with '- '")
        return self.value

    def mapping(self, what: str, known: Collection[str] = ()) -> Mapping[str, YamlNode]:
        """Return the values of a mapping by their keys.

        Args:
            what: What it is, for the error.
            known: The keys that there may be; any, if none are given.

        Raises:
            RawLayoutError: It is no mapping, or has a key that is not known.
        """
        if not isinstance(self.value, Mapping):
            self.fail(f"{what} is not a mapping", "write 'key: value' lines")
        for key, node in self.value.items():
            if known and key not in known:
                node.fail(f"{what} has no key {key!r}", f"the keys are: {', '.join(known)}")
        return self.value

    def choice(self, what: str, known: Collection[str]) -> str:
        """Return a scalar that is one of those known.

        Raises:
            RawLayoutError: It is not.
        """
        text = self.text(what)
        if text not in known:
            self.fail(f"{what} {text!r} is not known", f"there are: {', '.join(known)}")
        return text


class _Loader(yaml.SafeLoader):
    """Composes nodes, and refuses aliases: a few of them nested make a file of any size in memory."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs lack it
            raise yaml.MarkedYAMLError(problem="aliases are not read", problem_mark=mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def read_yaml(file: RawFile) -> YamlNode:
    """Return what a YAML file of one document holds.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is empty, no YAML, larger than a mebibyte, or has tags, aliases or a key twice.
    """
    return parse_yaml(file.read(), str(file), "compare it with the example on the card")


def parse_yaml(data: bytes, place: str, hint: str) -> YamlNode:
    """Return what the bytes of a YAML file of one document hold.

    Args:
        data: The bytes.
        place: The file, for errors.
        hint: What to do about a broken one.

    Raises:
        RawLayoutError: It is empty, no YAML, larger than a mebibyte, or has tags, aliases or a key twice.
    """
    if len(data) > MAX_BYTES:
        raise RawLayoutError("the YAML file is larger than a mebibyte", where=place, hint=hint)
    try:
        root = _Loader(data).get_single_node()
        if root is None:
            raise RawLayoutError("the YAML file is empty", where=place, hint=hint)
        return _node(root, place)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{place}:{mark.line + 1}" if mark else place
        raise RawLayoutError(f"the YAML is broken: {error.problem}", where=where, hint=hint) from None
    except (yaml.YAMLError, UnicodeError) as error:  # the reader's own: characters that YAML forbids
        raise RawLayoutError(
            f"the YAML is broken: {str(error).splitlines()[0]}", where=place, hint="save it as UTF-8"
        ) from None
    except RecursionError:
        raise RawLayoutError("the YAML is nested without measure", where=place, hint=hint) from None


def _node(node: yaml.Node, file: str) -> YamlNode:
    line = node.start_mark.line + 1
    if node.tag not in _PLAIN:
        raise RawLayoutError(
            f"the YAML tag {node.tag.removeprefix(_TAG)!r} is not read",
            where=f"{file}:{line}",
            hint="write plain texts, numbers, lists and mappings",
        )
    match node:
        case yaml.ScalarNode():
            return YamlNode(file, line, str(node.value))
        case yaml.SequenceNode():
            return YamlNode(file, line, tuple(_node(item, file) for item in node.value))
        case yaml.MappingNode():
            return YamlNode(file, line, _members(node, file))
    raise TypeError(node)


def _members(node: yaml.MappingNode, file: str) -> Mapping[str, YamlNode]:
    members: dict[str, YamlNode] = {}
    for key, value in node.value:
        name = _node(key, file)
        text = name.text("a key")
        if text in members:
            name.fail(f"the key {text!r} is there twice", "remove one of them")
        members[text] = _node(value, file)
    return members
