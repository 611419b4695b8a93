"""The DeepLesion converter on a part of the release, against an independent reading of the same table.

The reading here is pandas and numpy, column by column, and uses nothing of thyrodata. Of the release itself
only counts and the names of two slices stand here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import thyrodata
from thyrodata.converters.deeplesion import DeepLesion, DeepLesionSettings
from thyrodata.errors import OutputError, RawLayoutError
from thyrodata.exports.yolo import YoloSettings
from thyrodata.io.raw import Raw
from thyrodata.schema.vocab import Coverage

SITES = ["bone", "abdomen", "mediastinum", "liver", "lung", "kidney", "soft-tissue", "pelvis"]
PARTS = ["train", "val", "test"]
OUTSIDE = ["deeplesion/000211_02_01_018", "deeplesion/000211_04_01_022"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(samples):
    return samples / "deeplesion"


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "deeplesion"
    return thyrodata.convert(
        "deeplesion", folder, out, settings=DeepLesionSettings(annotations_only=True), workers=1
    )


@pytest.fixture(scope="module")
def records(made):
    return list(made.dataset.records())


@pytest.fixture(scope="module")
def table(folder):
    return pd.read_csv(folder / "DL_info.csv", dtype={"Patient_age": str}, keep_default_na=False)


def numbers(table, column):
    return np.array([cell.split(",") for cell in table[column]], float)


def test_it_comes_to_the_known_counts(made, records):
    assert made.images == len(records) == 7236
    assert sum(len(record.findings) for record in records) == 7388
    with_image = [record for record in records if record.image.path]
    assert sum(len(record.findings) for record in with_image) == len(with_image) == 4
    assert {record.coverage for record in records} == {Coverage.PARTIAL}
    assert made.skips == ()


def test_absent_images_are_refused_all_at_once(folder):
    with pytest.raises(RawLayoutError) as caught:
        list(DeepLesion().items(Raw(folder)))
    assert "7,384 rows, on 7,232 slices" in caught.value.message
    assert "--annotations-only" in caught.value.hint


def test_tags_are_refused(folder):
    with pytest.raises(RawLayoutError, match="7,388"):
        list(DeepLesion(DeepLesionSettings(annotations_only=True, tags=True)).items(Raw(folder)))


def test_every_box_and_every_end_are_as_read_independently(records, table):
    found = {int(f.finding_id): f.geometries for record in records for f in record.findings}
    boxes = np.array([found[index][0].bbox_xywh_px for index in range(len(table))])
    corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    assert np.abs(corners - (numbers(table, "Bounding_boxes") - 1)).max() < 1e-9
    ends = np.array([(*found[index][1].long, *found[index][1].short) for index in range(len(table))])
    measured = numbers(table, "Measurement_coordinates").reshape(-1, 4, 2) - 1
    assert np.abs(ends - measured).max() < 1e-9


def test_a_constant_size_would_put_lesions_elsewhere(records, table):
    sizes = numbers(table, "Image_size")
    assert Counter(sizes[:, 0]) == {512: 7382, 768: 4, 1024: 2}
    places = {int(f.finding_id): record.image for record in records for f in record.findings}
    assert [(places[i].width, places[i].height) for i in range(len(table))] == list(map(tuple, sizes))
    assert (numbers(table, "Bounding_boxes") - 1).max() > 1.3 * 512


def test_boxes_that_leave_their_slice_are_kept_and_remarked(records, table):
    edges, sizes = numbers(table, "Bounding_boxes") - 1, numbers(table, "Image_size")
    outside = (edges[:, :2] < 0).any(1) | (edges[:, 2:] > sizes).any(1)
    names = "deeplesion/" + table.loc[outside, "File_name"].str.removesuffix(".png")
    assert sorted(names) == OUTSIDE
    remarked = [
        record.image_id for record in records if any(r.text.startswith("box ") for r in record.remarks)
    ]
    assert sorted(remarked) == OUTSIDE
    assert {remark.code for record in records for remark in record.remarks} == {"outside-image"}


def test_every_other_column_is_as_read_independently(records, table):
    rows = {int(f.finding_id): (record, f) for record in records for f in record.findings}
    for index, row in enumerate(table.to_dict("records")):
        record, finding = rows[index]
        assert record.image_id == "deeplesion/" + row["File_name"].removesuffix(".png")
        assert record.group_id == f"deeplesion/{row['Patient_index']}"
        assert (record.study_id, record.series_id) == (str(row["Study_index"]), str(row["Series_ID"]))
        assert [label.value.value for label in finding.labels] == [SITES[row["Coarse_lesion_type"] - 1]]
        assert [split.part for split in record.official_splits] == [PARTS[row["Train_Val_Test"] - 1]]
        across, down, between = map(float, row["Spacing_mm_px_"].split(","))
        assert record.image.spacing_mm == (down, across)
        assert record.acquisition.slice_spacing_mm == between
        assert record.acquisition.window_hu == tuple(map(float, row["DICOM_windows"].split(",")))
        assert record.patient.sex.value[0].upper() == row["Patient_gender"]
        assert (str(record.patient.age.years) if record.patient.age else "NaN") == row["Patient_age"]
        kept = {field.name: field.text for field in (*record.source_fields, *finding.source_fields)}
        assert kept == {name: str(row[name]) for name in kept}
        assert len(kept) == 5


def test_one_age_is_missing(records):
    assert [record.patient.age for record in records].count(None) == 1


def test_the_dataset_is_whole_and_its_splits_do_not_leak(made):
    assert made.dataset.verify() == ()
    for split in ("default", "official"):
        assert thyrodata.audit_dataset(made.dataset, split) == ()


def test_slices_are_copied_byte_by_byte(folder, made, records):
    for record in records:
        if record.image.path:
            assert record.image.bit_depth == 16
            published = folder / record.image.path.removeprefix("images/")
            assert (made.dataset.path / record.image.path).read_bytes() == published.read_bytes()
            with Image.open(published) as picture:
                assert picture.size == (record.image.width, record.image.height)


def test_the_neighbours_of_three_series_are_all_that_is_published_of_them(folder, records):
    converter = DeepLesion(DeepLesionSettings(annotations_only=True, context=1000))
    neighbours = [item for item in converter.items(Raw(folder)) if not item.is_key]
    on_disk = {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}
    key = {record.image.path.removeprefix("images/") for record in records if record.image.path}
    assert {str(item) for item in neighbours} == on_disk - key
    assert (len(on_disk), len(neighbours)) == (90, 86)
    for item in neighbours:
        (record,) = (sample.record for sample in converter.samples(item))
        assert record.findings == record.readings == ()
        assert record.group_id == "deeplesion/1"


# ---------------------------------------------------------------- YOLO


def published_yolo(table):
    """Class, centre, width and height of every row, as shares of the row's own image, and its slice."""
    boxes, sizes = numbers(table, "Bounding_boxes") - 1, numbers(table, "Image_size")
    corners = boxes.reshape(-1, 2, 2) / sizes[:, None, :]
    middle, side = corners.mean(axis=1), corners[:, 1] - corners[:, 0]
    kinds = [f"deeplesion-site/{SITES[kind - 1]}" for kind in table["Coarse_lesion_type"]]
    parts = [PARTS[part - 1] for part in table["Train_Val_Test"]]
    names = [
        f"{part}/{name.removesuffix('.png')}" for part, name in zip(parts, table["File_name"], strict=True)
    ]
    return pd.DataFrame(
        {
            "name": names,
            "kind": kinds,
            "cx": middle[:, 0],
            "cy": middle[:, 1],
            "w": side[:, 0],
            "h": side[:, 1],
        }
    )


def written_yolo(folder):
    kinds = yaml.safe_load((folder / "data.yaml").read_text())["names"]
    rows = [
        (path.relative_to(folder / "labels").with_suffix("").as_posix(), *line.split())
        for path in (folder / "labels").rglob("*.txt")
        for line in path.read_text().splitlines()
    ]
    found = pd.DataFrame(rows, columns=["name", "kind", "cx", "cy", "w", "h"])
    found["kind"] = [kinds[int(kind)] for kind in found["kind"]]
    return found.astype(dict.fromkeys(["cx", "cy", "w", "h"], float))


def in_one_order(rows):
    return rows.sort_values(["name", "cx", "cy", "w", "h"], ignore_index=True)


def test_yolo_is_as_computed_independently(made, table, tmp_path):
    """A slice without a file is named by its id; the four that have one lie in folders."""
    accepted = thyrodata.export(
        "yolo",
        made.dataset,
        tmp_path / "o",
        split="official",
        accept=["outside-image"],
        settings=YoloSettings(labels_only=True),
    )
    assert accepted.ledger.written == {"images": 7236, "findings": 7388}
    assert accepted.ledger.changed == {("findings", "outside-image"): 2}
    found, wanted = written_yolo(tmp_path / "o"), published_yolo(table)
    found["name"] = found["name"].str.replace(r"Images_png/([^/]+)/", r"\1_", regex=True)
    found, wanted = in_one_order(found), in_one_order(wanted)
    assert len(found) == len(wanted) == 7388
    assert (found[["name", "kind"]] == wanted[["name", "kind"]]).all(axis=None)
    columns = ["cx", "cy", "w", "h"]
    assert np.abs(found[columns].to_numpy() - wanted[columns].to_numpy()).max() < 1e-6
    constant = published_yolo(table.assign(Image_size="512, 512"))
    assert np.abs(in_one_order(constant)[columns].to_numpy() - wanted[columns].to_numpy()).max() > 0.01


def test_boxes_that_leave_their_image_are_refused_and_clipped_only_if_asked(made, tmp_path):
    labels = YoloSettings(labels_only=True)
    with pytest.raises(OutputError, match="outside-image: 2 findings"):
        thyrodata.export("yolo", made.dataset, tmp_path / "o", settings=labels)
    assert not (tmp_path / "o").exists()
    clipped = thyrodata.export("yolo", made.dataset, tmp_path / "o", settings=replace(labels, clip=True))
    assert clipped.ledger.changed == {("findings", "clipped"): 2}
    found = written_yolo(tmp_path / "o")
    assert (found["cx"] + found["w"] / 2).max() < 1 + 2e-6
