"""JSON Schema (2020-12) of the schema's dataclasses, generated from their type hints."""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

from thyrodata.schema.card import Card
from thyrodata.schema.manifest import Manifest
from thyrodata.schema.plain import field_hints, strip_none, union_tag
from thyrodata.schema.record import ImageRecord
from thyrodata.schema.vocab import SCHEMES, Term

__all__ = ["PUBLISHED", "json_schema"]

PUBLISHED: dict[str, type] = {"card": Card, "manifest": Manifest, "record": ImageRecord}
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
    origin = get_origin(bare)
    if origin in (Union, UnionType):
        return {"oneOf": [_tagged(member, definitions) for member in get_args(bare)]}
    if origin is tuple:
        return _of_tuple(get_args(bare), definitions)
    if is_dataclass(bare):
        return _of_class(bare, definitions)
    if issubclass(bare, Term):
        return {"enum": [str(term) for scheme in SCHEMES.values() for term in scheme]}
    if issubclass(bare, Enum):
        return {"enum": [member.value for member in bare]}
    return {"type": _SCALARS[bare]}


def _tagged(member: Any, definitions: dict[str, Any]) -> dict[str, Any]:
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
        known = field_hints(cls)
        definitions[cls.__name__] = {
            "description": (inspect.getdoc(cls) or "").partition("\n")[0],
            "type": "object",
            "properties": {field.name: _of(field.hint, definitions) for field in known},
            "required": [field.name for field in known if field.required],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{cls.__name__}"}
