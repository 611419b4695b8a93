"""One hand-written record per published dataset: the schema has a place for every field that is published.

The values of ``golden.json`` are invented. ``published_fields.json`` names each field of the source and the
path in the record where it lives.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from thyrodata.io.parquet import batch_of, stream_records, write_records
from thyrodata.schema import geometry, record
from thyrodata.schema.plain import from_plain, to_plain
from thyrodata.schema.record import Finding, ImageRecord, Nodule

FIXTURES = Path(__file__).parent / "fixtures"
DATASETS = [
    "coco",
    "ddti",
    "ddti637",
    "ddti_v2",
    "deeplesion",
    "masks",
    "stanford_cine",
    "table",
    "tg3k",
    "thyroidxl",
    "thyus2path",
    "tn3k",
    "tn5000",
    "tnscui",
    "us_dicom",
    "voc",
    "yolo",
]

each_dataset = pytest.mark.parametrize("name", DATASETS)


def _read(name: str, file: str) -> Any:
    return json.loads((FIXTURES / name / file).read_text(encoding="utf-8"))


def golden(name: str) -> ImageRecord:
    return from_plain(ImageRecord, _read(name, "golden.json"))


def at(plain: Any, path: str) -> Any:
    """The value at a path such as ``findings[0].labels[1].value``."""
    steps = [int(number) if number else key for number, key in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)]
    return reduce(lambda value, step: value[step], steps, plain)


def test_every_golden_record_is_listed() -> None:
    assert sorted(path.parent.name for path in FIXTURES.glob("*/golden.json")) == DATASETS


@each_dataset
def test_plain_round_trip(name: str) -> None:
    assert to_plain(golden(name)) == _read(name, "golden.json")


def test_parquet_round_trip(tmp_path: Path) -> None:
    records = [golden(name) for name in DATASETS]
    write_records(tmp_path / "records.parquet", [batch_of(records)])
    assert list(stream_records(tmp_path / "records.parquet")) == records


@each_dataset
def test_every_published_field_has_a_place(name: str) -> None:
    plain = _read(name, "golden.json")
    places = _read(name, "published_fields.json")
    assert places
    for place in places:
        assert set(place) == {"field", "at"}
        assert at(plain, place["at"]) not in (None, "", [], {}), place


@each_dataset
def test_no_published_field_is_listed_twice(name: str) -> None:
    names = [place["field"] for place in _read(name, "published_fields.json")]
    assert sorted(names) == sorted(set(names))


@each_dataset
def test_every_source_field_is_a_published_one(name: str) -> None:
    plain = _read(name, "golden.json")
    places = [place["at"] for place in _read(name, "published_fields.json")]
    published = {at(plain, place[: -len(".text")])["name"] for place in places if place.endswith("].text")}
    image = golden(name)
    holders: list[ImageRecord | Nodule | Finding] = [image, *image.nodules, *image.findings]
    assert {field.name for holder in holders for field in holder.source_fields} == published


@each_dataset
def test_a_golden_record_names_its_dataset(name: str) -> None:
    image = golden(name)
    assert image.image_id.startswith(f"{name}/")
    assert image.group_id.startswith(f"{name}/")


# What no release states: thyrodata or its user computes it, or it waits for a source that says it.
STATED_BY_NONE = {
    "Acquisition.probe",
    "Acquisition.view_plane",
    "Derived.from_ids",
    "Derived.policy",
    "Label.reader",
    "ImageRef.scaling",  # made by `derive`
    "PolygonPart.holes",
}


def _stated(value: Any) -> set[str]:
    """The fields, as Class.field, that a schema object and all in it set to more than their default."""
    if isinstance(value, tuple):
        return {name for item in value for name in _stated(item)}
    if not is_dataclass(value):
        return set()
    said = [field for field in fields(value) if getattr(value, field.name) != field.default]
    return {
        name
        for field in said
        for name in {f"{type(value).__name__}.{field.name}", *_stated(getattr(value, field.name))}
    }


def test_every_field_of_the_schema_is_stated_by_a_dataset() -> None:
    """The schema is shaped by the datasets: it has no field beside those that one of them states."""
    classes = [
        cls
        for module in (geometry, record)
        for cls in vars(module).values()
        if isinstance(cls, type) and is_dataclass(cls) and cls.__module__ == module.__name__
    ]
    known = {f"{cls.__name__}.{field.name}" for cls in classes for field in fields(cls)}
    stated = {field for name in DATASETS for field in _stated(golden(name))}
    made = {name for name in known if name.startswith("Scaling.")}
    assert known - stated - made == STATED_BY_NONE
