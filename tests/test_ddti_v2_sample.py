"""The DDTI version 2 converter on a part of the release, against an independent reading of the same files.

The reading here uses nothing of thyrodata: nibabel, the standard library and Pillow. Of the release itself
only counts stand here, and the names of images with a doubt.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections import Counter
from xml.etree import ElementTree as ET

import nibabel
import numpy as np
import pytest
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import thyrodata
from thyrodata.converters.ddti_v2 import DdtiV2Settings
from thyrodata.schema.vocab import Coverage, GroupKind

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

FOLDERS = {
    "radiologist_1": ("RadiologistSegmentations/Segmentations_1", "Seg_radiologo_1"),
    "resident_1": ("ResidentSegmentations/Segmentations_1", "Seg_residente_1"),
    "resident_2": ("ResidentSegmentations/Segmentations_2", "Seg_residente_2"),
}
LABELLED = ("TIRADS", "Composicion", "Ecogenicidad", "Margenes", "Calcificaciones")
SEX = {"F": "female", "M": "male"}
POINTS = re.compile(r'"points":\s*(\[[^\]]*\])')


@pytest.fixture(scope="module")
def folder(samples):
    return samples / "ddti_v2"


@pytest.fixture(scope="module")
def rows(folder):
    with (folder / "df_actualizado.csv").open(newline="") as file:
        return {row["Numero_imagen"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def masks(folder):
    """Each mask (row, column) by its image and reader."""
    return {
        (path.stem, reader): np.asanyarray(nibabel.load(path).dataobj)[:, :, 0].T.astype(bool)
        for reader, (below, _) in FOLDERS.items()
        for path in (folder / below).glob("*.nii")
    }


@pytest.fixture(scope="module")
def outlines(samples, rows):
    """Pillow's fill of what version 1 outlines in each image."""
    found = {}
    for name, row in rows.items():
        root = ET.fromstring((samples / f"ddti/{row['Paciente']}.xml").read_text("utf-8"))  # noqa: S314
        picture = Image.new("1", (560, 360))
        for mark in root.findall("mark"):
            if f"{row['Paciente']}_{mark.findtext('image')}" == name:
                for points in POINTS.findall(mark.findtext("svg") or ""):
                    ring = [(p["x"], p["y"]) for p in json.loads(points)]
                    ImageDraw.Draw(picture).polygon(ring, fill=1)
        found[name] = np.array(picture)
    return found


@pytest.fixture(scope="module")
def made(folder, samples, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "ddti_v2"
    return thyrodata.convert("ddti_v2", folder, out, settings=DdtiV2Settings(images=samples / "ddti"))


@pytest.fixture(scope="module")
def records(made):
    return {record.image_id.removeprefix("ddti_v2/"): record for record in made.dataset.records()}


def coded(records, code):
    return {(name, r.text) for name, record in records.items() for r in record.remarks if r.code == code}


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_the_independent_reading_comes_to_the_known_counts(rows, masks):
    assert len(rows) == 90
    assert len({row["Paciente"] for row in rows.values()}) == 79
    assert Counter(reader for _, reader in masks) == {"radiologist_1": 89, "resident_1": 89, "resident_2": 88}
    for reader, (_, column) in FOLDERS.items():
        assert {name for name, row in rows.items() if row[column] == "1"} == {
            n for n, r in masks if r == reader
        }


def test_the_dataset_is_whole_and_does_not_leak(made, records, rows):
    assert [*records] == [*rows]
    assert made.skips == ()
    assert made.dataset.verify() == ()
    assert thyrodata.audit_dataset(made.dataset, "default") == ()
    (source,) = made.dataset.manifest.sources
    assert (source.raw_files_ignored, source.raw_files_skipped) == (0, 0)


def test_every_mask_is_as_read_independently(records, masks):
    found = {}
    for name, record in records.items():
        for finding in record.findings:
            (mask,) = finding.geometries
            rle = {"size": [mask.height, mask.width], "counts": mask.counts}
            found[name, finding.origin.reader] = coco_mask.decode(rle).astype(bool)
        assert [reading.reader for reading in record.readings] == [r for r in FOLDERS if (name, r) in masks]
    assert found.keys() == masks.keys()
    assert all((found[key] == masks[key]).all() for key in masks)


def test_every_image_is_a_picture_of_version_1(made, records, samples):
    for name, record in records.items():
        published = (samples / f"ddti/{name}.jpg").read_bytes()
        assert (made.dataset.path / record.image.path).read_bytes() == published
        assert record.image.path == f"images/{name}.jpg"


def test_every_case_says_what_was_read_independently(records, rows):
    for name, record in records.items():
        row = rows[name]
        said = [row[column].removesuffix(".0") for column in LABELLED if row[column]]
        assert [label.value.value for label in record.case_labels] == said
        assert [label.value.scheme for label in record.case_labels if label.value.grade is not None] == [
            "tirads-eu"
        ]
        sex, age = (record.patient.sex, record.patient.age) if record.patient else (None, None)
        assert (sex.value if sex else None) == SEX.get(row["Sexo"])
        assert (f"{age.years}.0" if age else "") == row["Edad"]
        assert record.source_fields == ()
        assert record.group_id == f"ddti_v2/{row['Paciente']}"


def test_rows_of_a_case_say_the_same(rows):
    """So that what they say is said of the case."""
    said = {}
    for row in rows.values():
        of_case = {key: row[key] for key in ("Edad", "Sexo", *LABELLED)}
        assert said.setdefault(row["Paciente"], of_case) == of_case
    assert len(said) < len(rows)


def test_what_is_called_a_patient_is_a_case_of_version_1(rows, records, samples):
    """Of every number, age, sex and composition are those of version 1's case; it names no patients."""
    for row in rows.values():
        root = ET.fromstring((samples / f"ddti/{row['Paciente']}.xml").read_text("utf-8"))  # noqa: S314
        assert row["Edad"].removesuffix(".0") == (root.findtext("age") or "")
        assert row["Sexo"] == (root.findtext("sex") or "").replace("u", "")
        assert row["Composicion"] == (root.findtext("composition") or "")
    assert {record.group_kind for record in records.values()} == {GroupKind.CASE}


def test_what_is_in_doubt_is_remarked(records, masks, outlines):
    equal = {
        name
        for name, reader in masks
        if reader == "resident_2" and (masks[name, "resident_1"] == masks[name, "resident_2"]).all()
    }
    assert {name for name, _ in coded(records, "readers-equal")} == equal
    assert len(equal) == 87
    doubtful = set()
    for (name, reader), mask in masks.items():
        flips = (mask[:, ::-1], mask[::-1], mask[::-1, ::-1])
        best = max(dice(flip, outlines[name]) for flip in flips)
        if outlines[name].any() and best >= dice(mask, outlines[name]) + 0.1:
            doubtful.add((name, reader))
    said = coded(records, "orientation-doubtful")
    assert {(name, re.search(r"mask of (\w+)", text)[1]) for name, text in said} == doubtful
    assert doubtful == {
        ("10_1", "radiologist_1"),
        ("55_1", "resident_1"),
        ("55_1", "resident_2"),
        ("77_1", "resident_1"),
        ("77_1", "resident_2"),
    }


def test_masks_turned_as_the_file_stores_them_fit_no_outline(masks, outlines):
    """The counter-example: masks as read fit version 1's outlines, and without the turn they do not."""
    turned = np.median([dice(mask, outlines[name]) for (name, _), mask in masks.items()])
    stored = np.median(
        [dice(mask.T.reshape(360, 560), outlines[name]) for (name, _), mask in masks.items() if mask.any()]
    )
    assert turned > 0.8
    assert stored < 0.3


def test_an_image_that_nobody_has_read_is_kept_and_no_negative(records):
    unread = {name: record for name, record in records.items() if not record.readings}
    assert [*unread] == ["80_2"]
    assert unread["80_2"].coverage is Coverage.NONE
    assert [remark.code for remark in unread["80_2"].remarks] == ["image-without-mark"]
    assert unread["80_2"].case_labels


def test_coco_comes_as_a_folder_per_reader_with_every_mask(made, masks):
    below = made.dataset.path / "annotations/default"
    assert {path.name for path in below.iterdir()} == {*FOLDERS}
    for reader in FOLDERS:
        images = annotations = 0
        for file in (below / reader).glob("*.json"):
            with contextlib.redirect_stdout(io.StringIO()):
                coco = COCO(file)
            images += len(coco.imgs)
            annotations += len(coco.anns)
            for annotation in coco.anns.values():
                name = coco.imgs[annotation["image_id"]]["file_name"].split("/")[-1].removesuffix(".jpg")
                assert annotation["area"] == masks[name, reader].sum()
        assert images == annotations == sum(who == reader for _, who in masks)


def test_without_pictures_the_records_hold_annotations_only(folder, tmp_path, records):
    made = thyrodata.convert("ddti_v2", folder, tmp_path / "out")
    assert made.dataset.verify() == ()
    assert thyrodata.audit_dataset(made.dataset, "default") == ()
    assert not (tmp_path / "out/images").exists()
    for record in made.dataset.records():
        assert record.image.path is None
        assert (record.image.width, record.image.height) == (560, 360)
        assert record.findings == records[record.image_id.removeprefix("ddti_v2/")].findings
