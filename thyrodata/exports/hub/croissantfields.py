"""The columns of a dataset on the Hub as fields of Croissant, and what the numbers in them stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from thyrodata.exports.hub.columns import HubColumn

__all__ = ["IMAGES", "SHARDS", "class_sets", "image_fields"]

IMAGES = "images"
"""The record set of images."""

SHARDS = "shards"
"""The file set that its fields are read from."""

_TYPES = {
    "bool": "sc:Boolean",
    "float64": "cr:Float64",
    "image": "sc:ImageObject",
    "int64": "cr:Int64",
    "string": "sc:Text",
}


def class_sets(columns: Iterable[HubColumn]) -> Iterator[dict[str, Any]]:
    """Yield a record set for each column of numbers that stand for names."""
    for column in columns:
        if column.classes:
            yield _class_set(column.name, column.classes)
        for member in column.members:
            if member.classes:
                yield _class_set(f"{column.name}_{member.name}", member.classes)


def _class_set(name: str, names: Sequence[str]) -> dict[str, Any]:
    """Return what the numbers of a column stand for."""
    within = f"{name}_classes"
    return {
        "@type": "cr:RecordSet",
        "@id": within,
        "name": within,
        "description": f"What the numbers of {name} stand for.",
        "dataType": "sc:Enumeration",
        "key": {"@id": f"{within}/number"},
        "field": [
            {"@type": "cr:Field", "@id": f"{within}/number", "name": "number", "dataType": "cr:Int64"},
            {"@type": "cr:Field", "@id": f"{within}/name", "name": "name", "dataType": "sc:Text"},
        ],
        "data": [{f"{within}/number": number, f"{within}/name": each} for number, each in enumerate(names)],
    }


def image_fields(columns: Iterable[HubColumn]) -> Iterator[dict[str, Any]]:
    """Yield the fields of images: flat columns, and lists of structures with flat members."""
    for column in columns:
        if column.members:
            inner = [member for member in column.members if member.meaning]
            if column.many and inner:
                yield {
                    "@type": "cr:Field",
                    "@id": f"{IMAGES}/{column.name}",
                    "name": column.name,
                    "description": column.meaning,
                    "dataType": "cr:Label",
                    "isArray": True,
                    "subField": [_field(member, column.name) for member in inner],
                }
        elif column.kind in _TYPES or column.classes:
            yield _field(column)


def _field(column: HubColumn, within: str = "") -> dict[str, Any]:
    place = f"{within}/{column.name}" if within else column.name
    numbers = f"; numbers are those of {place.replace('/', '_')}_classes" if column.classes else ""
    path = column.name if within else "bytes" if column.kind == "image" else ""
    kind = "cr:Int64" if column.classes else _TYPES[column.kind]
    return {
        "@type": "cr:Field",
        "@id": f"{IMAGES}/{place}",
        "name": column.name,
        "description": column.meaning + numbers,
        "dataType": [kind, "cr:Label"] if column.classes else kind,
        **({"isArray": True, "arrayShape": "-1"} if column.many else {}),
        "source": {
            "fileSet": {"@id": SHARDS},
            "extract": {"column": within or column.name},
            **({"transform": {"jsonPath": path}} if path else {}),
        },
    }
