"""Types of columns as Arrow has them, and as `datasets` notes them: in a Parquet file and in a card.

Written by hand rather than with `datasets`, whose import takes half a second and 80 MB; a test holds what is
written here against what it writes and reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

__all__ = ["Classes", "ColumnType", "Fields", "Many", "Picture", "Plain", "columns_of", "noted", "stated"]


@dataclass(frozen=True, slots=True)
class Plain:
    """A text, a number or a truth value: ``string``, ``int64``, ``float64`` or ``bool``."""

    dtype: str


@dataclass(frozen=True, slots=True)
class Classes:
    """The number of one of these names, from 0."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of an image file, and its path."""


@dataclass(frozen=True, slots=True)
class Many:
    """A list; of a fixed length, if one is given."""

    of: ColumnType
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """A structure."""

    of: Mapping[str, ColumnType]


ColumnType = Plain | Classes | Picture | Many | Fields

_PLAIN = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}


def columns_of(schema: pa.Schema) -> dict[str, ColumnType]:
    """Return the types of an Arrow schema of texts, numbers, truth values, lists and structures."""
    return {field.name: _of(field.type) for field in schema}


def _of(kind: pa.DataType) -> ColumnType:
    if pa.types.is_struct(kind):
        return Fields({field.name: _of(field.type) for field in kind})
    if pa.types.is_list(kind):
        return Many(_of(kind.value_type))
    return Plain(next(name for name, plain in _PLAIN.items() if plain == kind))


def noted(columns: Mapping[str, ColumnType]) -> pa.Schema:
    """Return the Arrow schema of columns, with their types noted as `datasets` notes them."""
    features = {name: _feature(kind) for name, kind in columns.items()}
    return pa.schema(
        [(name, _arrow(kind)) for name, kind in columns.items()],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )


def _arrow(kind: ColumnType) -> pa.DataType:
    match kind:
        case Plain(dtype=dtype):
            return _PLAIN[dtype]
        case Classes():
            return pa.int64()
        case Picture():
            return pa.struct({"bytes": pa.binary(), "path": pa.string()})
        case Many(of=of, length=None):
            return pa.list_(_arrow(of))
        case Many(of=of, length=length):
            return pa.list_(_arrow(of), length)
        case Fields(of=fields):
            return pa.struct({name: _arrow(of) for name, of in fields.items()})


def _feature(kind: ColumnType) -> dict[str, Any]:
    match kind:
        case Plain(dtype=dtype):
            return {"dtype": dtype, "_type": "Value"}
        case Classes(names=names):
            return {"names": [*names], "_type": "ClassLabel"}
        case Picture():
            return {"_type": "Image"}
        case Many(of=of, length=length):
            fixed = {} if length is None else {"length": length}
            return {"feature": _feature(of), **fixed, "_type": "List"}
        case Fields(of=fields):
            return {name: _feature(of) for name, of in fields.items()}


def stated(columns: Mapping[str, ColumnType]) -> list[dict[str, Any]]:
    """Return the types of columns as the ``features`` of a card, which is YAML, have them."""
    return [{"name": name, **_entry(kind)} for name, kind in columns.items()]


def _entry(kind: ColumnType) -> dict[str, Any]:
    match kind:
        case Plain(dtype=dtype):
            return {"dtype": dtype}
        case Classes(names=names):
            return {"dtype": {"class_label": {"names": {str(n): name for n, name in enumerate(names)}}}}
        case Picture():
            return {"dtype": "image"}
        case Fields(of=fields):
            return {"struct": stated(fields)}
        case Many(of=Fields(of=fields)):
            return {"list": stated(fields)}
        case Many(of=of, length=length):
            entry = _entry(of)
            return {"list": entry.get("dtype", entry), **({} if length is None else {"length": length})}
