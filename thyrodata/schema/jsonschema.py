"""JSON Schema (2020-12) of the schema's dataclasses, generated from their type hints."""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from thyrodata.schema.card import Card
from thyrodata.schema.coco import CocoFile
from thyrodata.schema.manifest import Manifest
from thyrodata.schema.plain import field_hints, strip_none, union_tag
from thyrodata.schema.record import ImageRecord
from thyrodata.schema.vocab import SCHEMES, Term

__all__ = ["PUBLISHED", "json_schema"]

PUBLISHED: dict[str, type] = {"card": Card, "coco": CocoFile, "manifest": Manifest, "record": ImageRecord}
"""What ``schemas/<name>.schema.json`` describes."""

_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def json_schema(cls: type) -> dict[str, Any]:
    """Return the JSON Schema of what ``to_plain`` writes for an object of this class."""
    definitions: dict[str, Any] = {}
    reference = _of(cls, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": cls.__name__,
        **reference,
        "$defs": dict(sorted(definitions.items())),
    }


def _of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    bare, optional = strip_none(hint)
    schema = _of_bare(bare, definitions)
    return {"anyOf": [schema, {"type": "null"}]} if optional else schema


def _of_bare(bare: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if get_origin(bare) is not None:
        return _of_generic(get_origin(bare), get_args(bare), definitions)
    if is_dataclass(bare) or is_typeddict(bare):
        return _of_class(bare, definitions)
    return _of_scalar(bare)


def _of_generic(origin: Any, args: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    if origin in (Union, UnionType):
        return {"oneOf": [_of_member(member, definitions) for member in args]}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is tuple:
        return _of_tuple(args, definitions)
    if origin is list:
        return {"type": "array", "items": _of(args[0], definitions)}
    return {"type": "object", "additionalProperties": _of(args[1], definitions)}


def _of_scalar(bare: Any) -> dict[str, Any]:
    if issubclass(bare, Term):
        return {"enum": [str(term) for scheme in SCHEMES.values() for term in scheme]}
    if issubclass(bare, Enum):
        return {"enum": [member.value for member in bare]}
    return {"type": _SCALARS[bare]}


def _of_member(member: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Describe a member of a union: dataclasses are tagged by their name, other values are as they are."""
    if not is_dataclass(member):
        return _of(member, definitions)
    tag = union_tag(member)
    return {
        "type": "object",
        "properties": {tag: _of(member, definitions)},
        "required": [tag],
        "additionalProperties": False,
    }


def _of_tuple(args: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    if args[-1] is Ellipsis:
        return {"type": "array", "items": _of(args[0], definitions)}
    prefix = [_of(arg, definitions) for arg in args]
    return {"type": "array", "prefixItems": prefix, "items": False, "minItems": len(args)}


def _of_class(cls: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if cls.__name__ not in definitions:
        definitions[cls.__name__] = {}  # holds the place while its own fields are described
        known = _fields(cls)
        definitions[cls.__name__] = {
            "description": (inspect.getdoc(cls) or "").partition("\n")[0],
            "type": "object",
            "properties": {name: _of(hint, definitions) for name, hint, _ in known},
            "required": [name for name, _, required in known if required],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{cls.__name__}"}


def _fields(cls: Any) -> list[tuple[str, Any, bool]]:
    """Return name, type and whether it must be there, of each field of a dataclass or key of a typed dict."""
    if is_dataclass(cls):
        return [(field.name, field.hint, field.required) for field in field_hints(cls)]
    return [(name, hint, name in cls.__required_keys__) for name, hint in get_type_hints(cls).items()]
