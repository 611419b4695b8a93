"""Records, cards and manifests as plain JSON values, and back, driven by the dataclasses' own type hints.

A term is written as ``scheme/value``; a member of a union of dataclasses as an object with one key, the
class's name in lower case: ``{"polygon": {...}}``. A field that has its default is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from thyrodata.errors import SchemaError
from thyrodata.schema.vocab import Term, parse_term

__all__ = ["FieldHint", "field_hints", "from_plain", "strip_none", "to_plain", "union_tag"]

T = TypeVar("T")


class FieldHint:
    """A dataclass field with its resolved type, and whether it may be left out."""

    __slots__ = ("default", "hint", "name", "required")

    def __init__(self, field: Field[Any], hint: Any) -> None:
        self.name = field.name
        self.hint = hint
        self.default = field.default
        self.required = field.default is MISSING


def field_hints(cls: Any) -> tuple[FieldHint, ...]:
    """Return the fields of a dataclass with their resolved types."""
    return _field_hints(cls)


@cache
def _field_hints(cls: Any) -> tuple[FieldHint, ...]:
    hints = get_type_hints(cls)
    return tuple(FieldHint(field, hints[field.name]) for field in fields(cls))


def strip_none(hint: Any) -> tuple[Any, bool]:
    """Return ``X, True`` for ``X | None``, and ``hint, False`` otherwise."""
    if get_origin(hint) not in (Union, UnionType):
        return hint, False
    members = [member for member in get_args(hint) if member is not NoneType]
    optional = len(members) < len(get_args(hint))
    return reduce(or_, members), optional


def union_tag(cls: Any) -> str:
    """Return the key under which a member of a union is written."""
    return str(cls.__name__).lower()


def to_plain(value: Any) -> Any:
    """Return a schema object as dicts, lists, strings, numbers, booleans and ``None``."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain_field(getattr(value, field.name), field.hint)
            for field in field_hints(type(value))
            if field.required or getattr(value, field.name) != field.default
        }
    if isinstance(value, Term):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    return value


def _plain_field(value: Any, hint: Any) -> Any:
    bare, _ = strip_none(hint)
    if get_origin(bare) in (Union, UnionType):
        return _tagged(value)
    if get_origin(bare) is tuple and get_origin(get_args(bare)[0]) in (Union, UnionType):
        inner, _ = strip_none(get_args(bare)[0])
        if get_origin(inner) in (Union, UnionType):
            return [_tagged(item) for item in value]
    return to_plain(value)


def _tagged(value: Any) -> Any:
    return None if value is None else {union_tag(type(value)): to_plain(value)}


def from_plain(cls: type[T], value: Any) -> T:
    """Build a schema object from plain values.

    Raises:
        SchemaError: A key is unknown or missing, a value is of another type, or the object would be
            invalid. ``where`` is the path to it, such as ``findings[0].labels[1].value``.
    """
    built = _build(cls, value, "")
    if not isinstance(built, cls):
        raise SchemaError(f"expected a {cls.__name__}")
    return built


def _build(hint: Any, value: Any, where: str) -> Any:
    bare, optional = strip_none(hint)
    if value is None and optional:
        return None
    origin = get_origin(bare)
    if origin in (Union, UnionType):
        return _build_union(bare, value, where)
    if origin is tuple:
        return _build_tuple(get_args(bare), value, where)
    if is_dataclass(bare):
        return _build_object(bare, value, where)
    try:
        return _build_scalar(bare, value)
    except (ValueError, OverflowError, SchemaError) as error:  # a whole number may be beyond any float
        hint_text = error.hint if isinstance(error, SchemaError) else ""
        raise SchemaError(str(error).splitlines()[0], where=where, hint=hint_text) from None


def _build_union(union: Any, value: Any, where: str) -> Any:
    members = {union_tag(member): member for member in get_args(union)}
    if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in members:
        raise SchemaError(f"expected an object with one key of: {', '.join(members)}", where=where)
    tag, content = next(iter(value.items()))
    return _build_object(members[tag], content, f"{where}.{tag}")


def _build_tuple(args: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise SchemaError(f"expected a list, not {value!r}", where=where)
    if args[-1] is Ellipsis:
        return tuple(_build(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if len(value) != len(args):
        raise SchemaError(f"expected {len(args)} values, not {len(value)}", where=where)
    return tuple(
        _build(arg, item, f"{where}[{i}]") for i, (arg, item) in enumerate(zip(args, value, strict=True))
    )


def _build_object(cls: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise SchemaError(f"expected an object ({cls.__name__}), not {value!r}", where=where)
    known = {field.name: field for field in field_hints(cls)}
    unknown = [str(key) for key in value if key not in known]
    if unknown:
        raise SchemaError(f"unknown field {unknown[0]!r} of {cls.__name__}", where=where)
    missing = [name for name, field in known.items() if field.required and name not in value]
    if missing:
        raise SchemaError(f"field {missing[0]!r} of {cls.__name__} is missing", where=where)
    prefix = f"{where}." if where else ""
    built = {name: _build(known[name].hint, item, prefix + name) for name, item in value.items()}
    try:
        return cls(**built)
    except SchemaError as error:
        raise SchemaError(error.message, where=error.where or where, hint=error.hint) from None


def _build_scalar(kind: Any, value: Any) -> Any:
    if issubclass(kind, Term):
        term = parse_term(value) if isinstance(value, str) else None
        if not isinstance(term, kind):
            raise SchemaError(f"{value!r} is not a term")
        return term
    if issubclass(kind, Enum):
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise SchemaError(f"expected {kind.__name__}, not {value!r}")
    return value
