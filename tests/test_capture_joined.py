"""What others know of an export is joined to it: outlines move with the crops, tables by the ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.captures import SCREEN, capture, clip, echo_regions, patient, write_still
from tests.dicoms import write_dicom
from thyrodata.collection.run import Captured
from thyrodata.derivation.affine import map_vector, to_frame
from thyrodata.errors import CaseError, RawLayoutError, UsageError
from thyrodata.io.hashes import list_files
from thyrodata.io.masks import decode_mask
from thyrodata.schema.geometry import Box, Mask, Polygon
from thyrodata.schema.record import ImageRecord
from thyrodata.schema.vocab import Bethesda, Coverage, Malignancy

pytestmark = pytest.mark.slow  # each runs a whole capture, in processes of its own

HEIGHT, WIDTH = SCREEN


def records_of(made: Captured) -> list[ImageRecord]:
    assert made.dataset is not None
    return list(made.dataset.records())


def coco(place: Path, images: dict[tuple[str, int], list[dict[str, Any]]], **others: Any) -> Path:
    """Write a COCO file of what is drawn on frames, by file name and frame."""
    drawn = [
        {"id": 100 * k + n, "image_id": k, "category_id": 1, "iscrowd": 0, **annotation}
        for k, annotations in enumerate(images.values(), 1)
        for n, annotation in enumerate(annotations)
    ]
    said = {
        "images": [
            {"id": k, "file_name": name, "frame_index": frame, "width": WIDTH, "height": HEIGHT, **others}
            for k, (name, frame) in enumerate(images, 1)
        ],
        "annotations": drawn,
        "categories": [{"id": 1, "name": "nodule"}],
    }
    place.write_text(json.dumps(said))
    return place


def square(x: float, y: float, side: float = 20) -> dict[str, Any]:
    ring = [x, y, x + side, y, x + side, y + side, x, y + side]
    return {"segmentation": [ring], "bbox": [x, y, side, side]}


def test_outlines_move_with_the_crop_and_map_back(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    drawn = write_still(raw / "a/1.dcm", 1, patient(1))
    x0, y0, _, _ = drawn.echo_box
    runs = np.zeros(SCREEN, np.uint8, order="F")
    runs[y0 + 30 : y0 + 50, x0 + 40 : x0 + 70] = 1
    edges = np.flatnonzero(np.diff(runs.ravel(order="F"), prepend=0, append=0))
    counts = np.diff([0, *edges, runs.size]).tolist()
    mask = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}}
    file = coco(tmp_path / "drawn.json", {("a/1.dcm", 0): [square(x0 + 12.5, y0 + 8), mask]})
    (record,) = records_of(capture(raw, tmp_path / "out", annotations=file))
    polygon, moved = (finding.geometries[0] for finding in record.findings)
    assert isinstance(polygon, Polygon)
    assert polygon.parts[0].exterior[0] == (12.5, 8.0)
    back = map_vector(polygon, to_frame(record.image))
    assert back.bbox_xywh_px == (x0 + 12.5, y0 + 8, 20, 20)
    assert isinstance(moved, Mask)
    kept = decode_mask(moved)
    assert kept.shape == (record.image.height, record.image.width)
    assert np.argwhere(kept)[[0, -1]].tolist() == [[30, 40], [49, 69]]
    assert record.coverage is None


def test_an_outline_goes_to_the_region_that_holds_it_and_leaves_the_other_as_it_was(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    drawn = write_still(raw / "1.dcm", 3, patient(1), dual=True)
    _, right = (region.box for region in echo_regions(drawn, dual=True))
    file = coco(tmp_path / "drawn.json", {("1.dcm", 0): [square(right[0] + 5, right[1] + 5)]})
    one, two = records_of(capture(raw, tmp_path / "out", annotations=file))
    assert one.findings == ()
    assert [finding.geometries[0].bbox_xywh_px for finding in two.findings] == [(5, 5, 20, 20)]


@pytest.mark.parametrize("dual", [False, True])
def test_a_crop_never_cuts_a_nodule_in_silence(tmp_path: Path, dual: bool) -> None:
    raw = tmp_path / "raw"
    drawn = write_still(raw / "1.dcm", 3, patient(1), dual=dual)
    write_still(raw / "2.dcm", 4, patient(2))
    x0, y0, x1, _ = drawn.echo_box
    x = (x0 + x1) // 2 - 10 if dual else x0 - 10
    file = coco(tmp_path / "drawn.json", {("1.dcm", 0): [square(x, y0 + 40)]})
    made = capture(raw, tmp_path / "out", annotations=file)
    assert [done.verdict for done in made.files] == ["outline", "exported"]
    assert made.quarantine is not None
    assert "file-1.png" in list_files(made.quarantine)


def test_an_outline_of_another_size_or_frame_puts_its_file_aside(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for number in (1, 2, 3):
        write_still(raw / f"{number}.dcm", number, patient(number))
    images = {("1.dcm", 0): [square(60, 60)], ("2.dcm", 1): [square(60, 60)]}
    made = capture(raw, tmp_path / "one", annotations=coco(tmp_path / "frame.json", images))
    assert [done.verdict for done in made.files] == ["exported", "outline", "exported"]
    sized = coco(tmp_path / "size.json", {("1.dcm", 0): [square(60, 60)]}, width=WIDTH + 1)
    made = capture(raw, tmp_path / "two", annotations=sized)
    assert [done.verdict for done in made.files] == ["outline", "exported", "exported"]


def test_a_frame_with_outlines_is_exported_whatever_the_choice(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    frames, regions = clip(1, 9)
    write_dicom(raw / "1.dcm", frames, regions=regions, elements=patient(1))
    file = coco(tmp_path / "drawn.json", {("1.dcm", 5): [square(60, 60)]})
    records = records_of(capture(raw, tmp_path / "out", annotations=file, frames="every 4"))
    assert [record.image.frame_index for record in records] == [0, 4, 5, 8]
    assert [len(record.findings) for record in records] == [0, 0, 1, 0]
    assert {record.coverage for record in records if not record.findings} == {Coverage.NONE}


def test_an_annotation_box_stays_a_box_and_its_category_is_asked_for(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    drawn = write_still(raw / "1.dcm", 1, patient(1))
    x0, y0, _, _ = drawn.echo_box
    file = coco(tmp_path / "drawn.json", {("1.dcm", 0): [{"bbox": [x0 + 5, y0 + 6, 30, 20]}]})
    file.write_text(file.read_text().replace('"nodule"', '"TR"'))
    with pytest.raises(UsageError, match="TR"):
        capture(raw, tmp_path / "out", annotations=file)
    (record,) = records_of(
        capture(raw, tmp_path / "out", annotations=file, categories=["TR=malignancy/benign"])
    )
    assert record.findings[0].geometries == (Box(x=5, y=6, width=30, height=20),)
    assert record.findings[0].labels[0].value is Malignancy.BENIGN


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("1.dcm", "2.dcm"),
        lambda text: text.replace('"frame_index": 0', '"frame_index": -1'),
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
    ],
)
def test_annotations_that_are_none_are_refused_before_anything_is_written(tmp_path: Path, spoil: Any) -> None:
    raw = tmp_path / "raw"
    write_still(raw / "1.dcm", 1, patient(1))
    file = coco(tmp_path / "drawn.json", {("1.dcm", 0): [square(60, 60)]})
    file.write_text(spoil(file.read_text()))
    with pytest.raises((RawLayoutError, CaseError)) as caught:
        capture(raw, tmp_path / "out", annotations=file)
    assert "drawn.json" in caught.value.where
    assert not (tmp_path / "out.partial").exists()


CLINICAL_MAP = """
patient: MRN
sex: {column: Sex, values: {W: female, M: male}}
age: Age
biopsy_date: FNA
labels:
  - {column: Pathology, scheme: malignancy, of: case, basis: histology, values: {0: benign, 1: malignant}}
  - {column: Bethesda, scheme: bethesda, of: case, basis: cytology, edition: 2023}
"""


def clinical(folder: Path, rows: list[str]) -> dict[str, Path]:
    (folder / "table.csv").write_text("\n".join(["MRN,Sex,Age,FNA,Pathology,Bethesda,Note", *rows, ""]))
    (folder / "map.yaml").write_text(CLINICAL_MAP)
    return {"clinical": folder / "table.csv", "clinical_map": folder / "map.yaml"}


def test_a_clinical_table_is_joined_and_its_ids_dates_and_notes_stay(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_still(raw / "1.dcm", 1, patient(1, PatientSex="", PatientAge="", PatientBirthDate=""))
    write_still(raw / "2.dcm", 2, patient(2))
    rows = ["ID00001,W,93,2019-01-25,1,IV,Secretnote", "ID09999,M,50,,0,II,"]
    made = capture(raw, tmp_path / "out", **clinical(tmp_path, rows))
    record = next(record for record in records_of(made) if record.source.startswith("file 1#"))
    assert {label.value for label in record.case_labels} == {Malignancy.MALIGNANT, Bethesda.IV}
    assert record.patient is not None
    assert record.patient.age is not None
    assert (record.patient.age.years, record.patient.age.at_least) == (90, True)
    days = next(field.text for field in record.source_fields if field.name == "DaysFromExamToBiopsy")
    assert days == "10"
    assert made.clinical is not None
    assert (made.clinical.rows, made.clinical.unmatched_rows) == (2, 1)
    assert (made.clinical.patients, made.clinical.patients_without_row) == (2, 1)
    everything = b"".join((made.out / path).read_bytes() for path in list_files(made.out))
    for secret in (b"ID00001", b"2019-01-25", b"Secretnote", b"table.csv"):
        assert secret not in everything


def test_a_clinical_table_that_is_not_understood_is_refused_by_its_line(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_still(raw / "1.dcm", 1, patient(1))
    with pytest.raises(CaseError) as caught:
        capture(raw, tmp_path / "out", **clinical(tmp_path, ["ID00001,W,50,,perhaps,II,"]))
    assert "table.csv:2" in str(caught.value)
    assert "perhaps" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_screen_without_outlines_is_no_negative(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_still(raw / "1.dcm", 1, patient(1))
    made = capture(raw, tmp_path / "out")
    assert {record.coverage for record in records_of(made)} == {Coverage.NONE}
    parts = (made.out / "annotations/default").glob("*.json")
    assert [json.loads(part.read_text())["images"] for part in parts] == [[]]
