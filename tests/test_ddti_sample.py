"""The DDTI converter on a part of the release, against an independent reading of the same files.

The reading here uses nothing of thyrodata: it is a few lines of the standard library, written from the
files. Of the release itself only counts stand here.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from pycocotools import mask
from pycocotools.coco import COCO

import thyrodata
from tests.contract.run import convert
from thyrodata.converters.ddti import Ddti
from thyrodata.engine import OnError
from thyrodata.schema.geometry import Polygon
from thyrodata.schema.vocab import Coverage, Structure

POINTS = re.compile(r'"points":\s*(\[[^\]]*\])')
"""The points of a region, to the bracket that closes them."""

LABELLED = ("composition", "echogenicity", "margins", "calcifications", "tirads")
SEX = {"F": "female", "M": "male"}


@dataclass(frozen=True, kw_only=True)
class Read:
    """What the independent reading finds of one image."""

    rings: tuple
    whole: bool
    """The outline's text is whole JSON."""
    untyped: int
    """Outlines whose points are whole though their region is not."""
    said: dict


@pytest.fixture(scope="module")
def folder(samples):
    return samples / "ddti"


@pytest.fixture(scope="module")
def reading(folder):
    found = {}
    for path in folder.glob("*.xml"):
        root = ET.fromstring(path.read_text("utf-8"))  # noqa: S314 -- the published files
        said = {child.tag: child.text or "" for child in root if child.tag != "mark"}
        assert said["number"] == path.stem
        for mark in root.findall("mark"):
            svg = mark.findtext("svg") or ""
            rings = tuple(
                tuple((float(p["x"]), float(p["y"])) for p in json.loads(points))
                for points in POINTS.findall(svg)
            )
            found[f"{path.stem}_{mark.findtext('image')}"] = Read(
                rings=rings,
                whole=is_json(svg),
                untyped=len(rings) - svg.count('"regionType"'),
                said=said,
            )
    return found


def is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@pytest.fixture(scope="module")
def result(folder, tmp_path_factory):
    return convert(Ddti(), folder, tmp_path_factory.mktemp("out"), on_error=OnError.SKIP)


def test_the_independent_reading_comes_to_the_known_counts(folder, reading):
    cut = {name: read for name, read in reading.items() if read.rings and not read.whole}
    assert len(list(folder.glob("*.xml"))) == 297
    assert len(reading) == 360
    assert sum(bool(read.rings) for read in reading.values()) == 355
    assert sum(len(read.rings) for read in reading.values() if read.whole) == 515
    assert len(cut) == 8
    assert sum(len(read.rings) for read in cut.values()) == 9 + 2
    assert sum(read.untyped for read in cut.values()) == 2


def test_the_converter_comes_to_the_known_counts(result):
    records = result.records
    outlines = [f for record in records for f in record.findings if f.structure is Structure.NODULE]
    assert result.run.skips == ()
    assert len({record.group_id for record in records}) == 297
    assert len(records) == 360
    assert len(outlines) == sum(len(record.findings) for record in records) == 526
    assert sum(bool(record.findings) for record in records) == 355
    assert Counter(record.coverage for record in records) == {
        None: 347,
        Coverage.PARTIAL: 8,
        Coverage.NONE: 5,
    }
    assert Counter(remark.code for record in records for remark in record.remarks) == {"outline-cut": 8}


def test_every_image_is_as_read_independently(reading, result):
    records = {record.image_id.removeprefix("ddti/"): record for record in result.records}
    assert records.keys() == reading.keys()
    for name, read in reading.items():
        record = records[name]
        polygons = [geometry for finding in record.findings for geometry in finding.geometries]
        assert all(isinstance(polygon, Polygon) and len(polygon.parts) == 1 for polygon in polygons), name
        assert tuple(polygon.parts[0].exterior for polygon in polygons) == read.rings, name
        cut = [remark for remark in record.remarks if remark.code == "outline-cut"]
        assert bool(cut) == bool(read.rings and not read.whole), name
        expected = Coverage.PARTIAL if cut else None if read.rings else Coverage.NONE
        assert record.coverage is expected, name
        assert ("type is lost" in cut[0].text if cut else False) == (read.untyped == 1), name


def test_every_case_says_what_was_read_independently(reading, result):
    """No value of the release falls outside its scale, and none is lost, added or changed."""
    for record in result.records:
        said = reading[record.image_id.removeprefix("ddti/")].said
        assert [label.value.value for label in record.case_labels] == [
            said[tag] for tag in LABELLED if said[tag]
        ]
        patient = record.patient
        sex, age = (patient.sex, patient.age) if patient else (None, None)
        assert (sex.value if sex else None) == SEX.get(said["sex"])
        assert (str(age.years) if age else "") == said["age"]
        kept = {tag: said[tag].strip() for tag in ("reportbacaf", "reporteco") if said[tag].strip()}
        unexplained = {"sex": "u"} if said["sex"] == "u" else {}
        assert {field.name: field.text for field in record.source_fields} == {**unexplained, **kept}


def test_every_image_is_byte_identical_to_its_source(folder, result):
    written = {path.name: path for path in (result.images / "images").iterdir()}
    published = {path.name: path for path in folder.glob("*.jpg")}
    assert written.keys() == published.keys()
    for name, path in published.items():
        assert written[name].read_bytes() == path.read_bytes(), name


def test_every_raw_file_is_read(folder, result):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert result.run.files_opened == len(files) == 297 + 360
    assert result.plan.unclaimed == ()
    assert result.plan.ignored == ()


def test_coco_of_the_sample_holds_every_outline_and_no_negative(samples: Path, tmp_path: Path) -> None:
    made = thyrodata.convert("ddti", samples / "ddti", tmp_path / "ddti")
    assert made.dataset
    images = annotations = 0
    for file in sorted((tmp_path / "ddti/annotations/default").glob("*.json")):
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(file)
        images += len(coco.imgs)
        annotations += len(coco.anns)
        assert all(coco.getAnnIds(imgIds=[number]) for number in coco.imgs)
        for annotation in coco.anns.values():
            assert annotation["iscrowd"] == 0
            assert annotation["area"] == mask.area(coco.annToRLE(annotation))
    assert (images, annotations) == (355, 526)
    assert made.dataset.verify() == ()
    assert thyrodata.audit_dataset(made.dataset, "default") == ()
