"""The published JSON Schemas are those of the code, sound, and refuse what the code refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from thyrodata.conversion import convert
from thyrodata.demo import write_release
from thyrodata.errors import SchemaError
from thyrodata.schema.jsonschema import PUBLISHED, json_schema
from thyrodata.schema.plain import from_plain
from thyrodata.schema.record import ImageRecord

SCHEMAS = Path(__file__).parents[1] / "schemas"
GOLDEN = sorted(Path(__file__).parent.glob("fixtures/*/golden.json"))


def test_every_published_class_has_its_file() -> None:
    assert {path.name for path in SCHEMAS.iterdir()} == {f"{name}.schema.json" for name in PUBLISHED}


@pytest.mark.parametrize("name", PUBLISHED)
def test_file_is_of_the_code(name: str) -> None:
    written = (SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    made = json.dumps(json_schema(PUBLISHED[name]), indent=2, ensure_ascii=False) + "\n"
    assert written == made, "run: python tools/make_schemas.py"


@pytest.mark.parametrize("name", PUBLISHED)
def test_file_is_a_schema(name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / "record.schema.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parent.name)
def test_golden_records_are_valid(validator: Draft202012Validator, path: Path) -> None:
    validator.validate(json.loads(path.read_text(encoding="utf-8")))


def test_coco_files_are_valid(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    write_release(tmp_path / "raw", cases=8)
    convert("ddti", tmp_path / "raw", tmp_path / "out")
    validator = Draft202012Validator(json.loads((SCHEMAS / "coco.schema.json").read_text(encoding="utf-8")))
    files = sorted(tmp_path.glob("out/annotations/default/*.json"))
    assert len(files) == 3
    for file in files:
        coco = json.loads(file.read_text(encoding="utf-8"))
        validator.validate(coco)
        del coco["annotations"][0]["iscrowd"]
        assert not validator.is_valid(coco)


BREAKS: dict[str, Callable[[Any], Any]] = {
    "an unknown field": lambda plain: plain.update(flavour="sweet"),
    "an unknown field within": lambda plain: plain["image"].update(flavour="sweet"),
    "a missing field": lambda plain: plain.pop("source"),
    "a missing field within": lambda plain: plain["findings"][0].pop("finding_id"),
    "a number for a text": lambda plain: plain.update(study_id=2),
    "a fraction for a whole number": lambda plain: plain["image"].update(width=7.5),
    "a text for a number": lambda plain: plain["findings"][0].update(score="0.5"),
    "a truth value for a number": lambda plain: plain["findings"][0].update(score=True),
    "a null for what must be said": lambda plain: plain.update(group_id=None),
    "an object for a list": lambda plain: plain.update(findings={}),
    "a value outside its enum": lambda plain: plain.update(modality="mri"),
    "a term of no scheme": lambda plain: plain["findings"][0]["labels"][0].update(value="tirads/4"),
    "a term without its scheme": lambda plain: plain["findings"][0]["labels"][0].update(value="lung"),
    "two members of a union": lambda plain: plain["findings"][0].update(origin={"read": {}, "derived": {}}),
    "no member of a union": lambda plain: plain["findings"][0]["geometries"].append({}),
    "an unknown member of a union": lambda plain: plain["findings"][0]["geometries"].append({"circle": {}}),
    "a pair of one": lambda plain: plain["image"].update(spacing_mm=[0.5]),
    "a pair of three": lambda plain: plain["image"].update(spacing_mm=[0.5, 0.5, 5.0]),
}


@pytest.mark.parametrize("name", BREAKS)
def test_schema_and_code_refuse(validator: Draft202012Validator, name: str) -> None:
    path = Path(__file__).parent / "fixtures" / "deeplesion" / "golden.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    broken = copy.deepcopy(plain)
    BREAKS[name](broken)
    assert broken != plain
    assert not validator.is_valid(broken)
    with pytest.raises(SchemaError):
        from_plain(ImageRecord, broken)
