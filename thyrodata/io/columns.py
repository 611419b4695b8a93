"""Schema objects as Arrow columns and back, a column at a time rather than an object at a time.

The Arrow type says how a value lies on disk, the dataclass's type hints what it is in memory; both name
their fields alike. Three mappings are not one to one: a term is the string ``scheme/value``; a tuple of
points is one list of interleaved numbers (x0, y0, x1, y1, ...); a union of dataclasses is a struct with
exactly one member that is not null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from itertools import accumulate, chain, compress, pairwise
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import pyarrow as pa

from thyrodata.errors import SchemaError
from thyrodata.io.dataframes import put_pandas_off
from thyrodata.schema.geometry import Point
from thyrodata.schema.plain import FieldHint, field_hints, strip_none, union_tag
from thyrodata.schema.record import Label, OfficialSplit, Reading
from thyrodata.schema.vocab import Term, parse_term

__all__ = ["decode", "encode", "objects"]

put_pandas_off()

REPEATED = (Label, OfficialSplit, Reading)
"""Classes of which the same few objects come again by the thousand, and never null: they are shared."""


def encode(values: Sequence[Any], hint: Any, kind: pa.DataType) -> pa.Array:
    """Return the values, each of the type that ``hint`` names, as an Arrow array of type ``kind``."""
    bare, _ = strip_none(hint)
    if _is_union(bare):
        return _encode_union(values, get_args(bare), kind)
    if get_origin(bare) is tuple:
        return _encode_tuples(values, get_args(bare), kind)
    if is_dataclass(bare):
        return _encode_objects(values, bare, kind)
    if issubclass(bare, Term):
        return pa.array([None if value is None else str(value) for value in values], kind)
    if issubclass(bare, Enum):
        # Not `value`, which is a property written in Python: it takes as long as all the rest.
        return pa.array([None if value is None else value._value_ for value in values], kind)
    return pa.array(values, kind)


def _encode_union(values: Sequence[Any], members: Iterable[Any], kind: pa.StructType) -> pa.Array:
    classes = set(map(type, values))
    children = []
    for member in members:
        child = kind.field(union_tag(member)).type
        if member in classes:
            column = [value if type(value) is member else None for value in values]
            children.append(encode(column, member, child))
        else:
            children.append(pa.nulls(len(values), child))
    return _struct(values, children, kind)


def _encode_objects(values: Sequence[Any], cls: Any, kind: pa.StructType) -> pa.Array:
    classes = set(map(type, values))  # to ask whether None is in the values would call their own __eq__
    if classes <= {NoneType}:
        return pa.nulls(len(values), kind)
    whole = NoneType not in classes
    children = []
    for field in field_hints(cls):
        get: Callable[[Any], Any] = attrgetter(field.name)
        column = list(map(get, values)) if whole else [None if v is None else get(v) for v in values]
        children.append(encode(column, field.hint, kind.field(field.name).type))
    return _struct(values, children, kind)


def _struct(values: Sequence[Any], children: list[pa.Array], kind: pa.StructType) -> pa.Array:
    there = NoneType not in set(map(type, values))
    mask = None if there else pa.array([value is None for value in values], pa.bool_())
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)


def _encode_tuples(values: Sequence[Any], args: tuple[Any, ...], kind: pa.ListType) -> pa.Array:
    if args[-1] is not Ellipsis:  # a fixed tuple of numbers or of points, null where the value is None
        if args[0] == Point:
            values = [None if value is None else tuple(chain.from_iterable(value)) for value in values]
        return pa.array(values, kind)
    rows = [() if value is None else value for value in values]
    lengths: Iterable[int] = map(len, rows)
    items = list(chain.from_iterable(rows))
    inner = args[0]
    if inner == Point:
        lengths, items, inner = [2 * n for n in lengths], list(chain.from_iterable(items)), float
    offsets = pa.array([0, *accumulate(lengths)], pa.int32())
    return pa.ListArray.from_arrays(offsets, encode(items, inner, kind.value_type), type=kind)


def decode(array: pa.Array, hint: Any) -> list[Any]:
    """Return the values of an Arrow array as objects of the type that ``hint`` names.

    Raises:
        SchemaError: A value would be invalid.
    """
    bare, _ = strip_none(hint)
    if array.null_count == len(array) and get_origin(bare) is not tuple:
        return [None] * len(array)
    if _is_union(bare):
        return _decode_union(array, get_args(bare))
    if get_origin(bare) is tuple:
        return _decode_tuples(array, get_args(bare))
    if is_dataclass(bare):
        return _decode_objects(array, bare)
    return _decode_words(array, bare) if issubclass(bare, Enum) else _scalars(array)


def _decode_words(array: pa.StringArray, enum: type[Enum]) -> list[Any]:
    """Return the members of a vocabulary, each different word looked up once: there are few."""
    coded = array.dictionary_encode()
    words = coded.dictionary.to_pylist()
    members = [_member(word, enum) for word in words] + [None]
    return [members[code] for code in coded.indices.fill_null(len(words)).to_numpy().tolist()]


def _member(word: str, enum: type[Enum]) -> Enum:
    if issubclass(enum, Term):
        return parse_term(word)
    try:
        return enum(word)
    except ValueError:
        raise SchemaError(f"{word!r} is not a {enum.__name__}") from None


def _decode_union(array: pa.StructArray, members: tuple[Any, ...]) -> list[Any]:
    fields = {member: array.field(union_tag(member)) for member in members}
    used = [member for member, field in fields.items() if field.null_count < len(field)]
    if len(used) == 1 and fields[used[0]].null_count == 0:  # all are of one class, as is common
        return decode(fields[used[0]], used[0])
    columns = [decode(fields[member], member) for member in used or members]
    return [_only(row) for row in zip(*columns, strict=True)]


def _only(row: tuple[Any, ...]) -> Any:
    present = [value for value in row if value is not None]
    if len(present) != 1:
        raise SchemaError(f"a union has {len(present)} members that are not null")
    return present[0]


def _scalars(array: pa.Array) -> list[Any]:
    # to_pylist boxes each value on its own; numpy does it in one loop where it keeps the type
    if pa.types.is_string(array.type) or array.null_count == 0:
        values: list[Any] = array.to_numpy(zero_copy_only=False).tolist()
        return values
    boxed: list[Any] = array.to_pylist()
    return boxed


def _decode_objects(array: pa.StructArray, cls: Any) -> list[Any]:
    columns = []
    for field in field_hints(cls):
        child = array.field(field.name)
        _check_present(array, child, field)
        columns.append(decode(child, field.hint))
    if cls in REPEATED:
        rows = list(zip(*columns, strict=True))
        distinct = list(dict.fromkeys(rows))
        shared = dict(zip(distinct, objects(cls, zip(*distinct, strict=True)), strict=True))
        return [shared[row] for row in rows]
    if array.null_count == 0:
        return objects(cls, columns)
    valid = array.is_valid().to_numpy(zero_copy_only=False).tolist()
    present = iter(objects(cls, (compress(column, valid) for column in columns)))
    return [next(present) if there else None for there in valid]


def _check_present(array: pa.StructArray, child: pa.Array, field: FieldHint) -> None:
    """Refuse a null where the object is there and the field may not be ``None``."""
    bare, optional = strip_none(field.hint)
    if optional or child.null_count == 0 or get_origin(bare) is tuple:
        return
    import pyarrow.compute as pc  # noqa: PLC0415 -- takes longer to import than most workers decode

    if pc.any(pc.and_(child.is_null(), array.is_valid())).as_py():
        raise SchemaError(f"{field.name} is missing")


def objects(cls: Any, columns: Iterable[Iterable[Any]]) -> list[Any]:
    """Return objects of a keyword-only dataclass.

    Args:
        cls: The dataclass.
        columns: The values of each of its fields, in the order of the fields.
    """
    return _builder(cls)(columns)


@cache
def _builder(cls: Any) -> Callable[[Iterable[Iterable[Any]]], list[Any]]:
    """Compile the loop, as a dataclass does its ``__init__``: a dict for each object takes as long again."""
    names = [field.name for field in field_hints(cls)]
    passed = ", ".join(f"{name}={name}" for name in names)
    build: Callable[[Iterable[Iterable[Any]]], list[Any]] = eval(  # noqa: S307
        f"lambda columns: [cls({passed}) for {', '.join(names)}, in zip(*columns, strict=True)]", {"cls": cls}
    )
    return build


def _decode_tuples(array: pa.ListArray, args: tuple[Any, ...]) -> list[Any]:
    offsets = array.offsets.to_numpy()
    starts = offsets - offsets[0]
    items = array.values[offsets[0] : offsets[-1]]
    points = args[0] == Point
    inner = float if points else args[0]
    if items.null_count and not strip_none(inner)[1]:
        raise SchemaError("an element of a list is missing")
    flat = decode(items, inner) if len(items) else []
    if points:
        if (starts % 2).any():
            raise SchemaError("a list of points has an odd number of coordinates")
        flat, starts = list(zip(flat[0::2], flat[1::2], strict=True)), starts // 2
    rows: list[Any] = [tuple(flat[a:b]) for a, b in pairwise(starts.tolist())]
    if args[-1] is Ellipsis:
        return rows
    valid = array.is_valid().to_numpy(zero_copy_only=False).tolist()
    if any(there and len(row) != len(args) for row, there in zip(rows, valid, strict=True)):
        raise SchemaError(f"a list has not {len(args)} elements")
    return [row if there else None for row, there in zip(rows, valid, strict=True)]


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType)
