"""What is special to DeepLesion: 1-based pixels, sizes, rows of a slice, neighbours, absent images, tags."""

from __future__ import annotations

import csv
import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import thyrodata
from tests.contract.run import convert
from tests.fixtures.deeplesion.make import COLUMNS, NEIGHBOURS, ROWS, TABLE, TAGS, make, table_text
from thyrodata.converters.deeplesion import DeepLesion, DeepLesionSettings
from thyrodata.engine import OnError, plan_items, run_items
from thyrodata.errors import CaseError, RawLayoutError, UsageError
from thyrodata.io.lesiontags import read_lesion_tags
from thyrodata.io.raw import Raw
from thyrodata.sample import Absent, FileBytes
from thyrodata.schema.geometry import Box, Calipers
from thyrodata.schema.record import Age, OfficialSplit, Patient, SourceField
from thyrodata.schema.vocab import Coverage, DeepLesionSite, GroupKind, Modality, Sex, Structure

FULL = 32_735
"""Rows of the whole table, as published."""

within_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deeplesion") / "raw"
    make(folder)
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "raw")


def read(folder, **said):
    """Return the samples of a folder, by the name of their image."""
    converter = DeepLesion(DeepLesionSettings(**said))
    items = converter.items(Raw(folder))
    found = [sample for item in items for sample in converter.samples(item)]
    names = [sample.record.image_id.removeprefix("deeplesion/") for sample in found]
    assert len(set(names)) == len(names)
    return dict(zip(names, found, strict=True))


@pytest.fixture(scope="module")
def records(folder):
    return {name: sample.record for name, sample in read(folder).items()}


def read_rows(folder, *rows):
    """Return the records of a table that is written now, without images."""
    (folder / TABLE).write_text(table_text(rows))
    return [sample.record for sample in read(folder, annotations_only=True).values()]


def drawn(finding):
    (box,) = (geometry for geometry in finding.geometries if isinstance(geometry, Box))
    (calipers,) = (geometry for geometry in finding.geometries if isinstance(geometry, Calipers))
    return box, calipers


def numbers(cell):
    return [float(number) for number in cell.split(",")]


def texts(holder):
    return {field.name: field.text for field in holder.source_fields}


def codes(record):
    return [remark.code for remark in record.remarks]


# ---------------------------------------------------------------- coordinates


def test_a_box_begins_one_pixel_before_its_published_corner(records):
    """A reading that does not subtract 1 puts a lesion that touches the edges of its slice elsewhere."""
    box, calipers = drawn(records["900007_01_01_001"].findings[0])
    assert box == Box(x=0, y=0, width=30, height=25)
    assert calipers == Calipers(long=((5, 5), (25, 20)), short=((12, 19), (18, 7)))
    assert codes(records["900007_01_01_001"]) == []
    x1, y1, x2, y2 = numbers(ROWS[-1]["Bounding_boxes"])
    assert (x1, y1, x2 - x1, y2 - y1) != box.bbox_xywh_px


@pytest.mark.parametrize(("name", "size"), [("900002_01_01_100", 768), ("900003_02_01_005", 1024)])
def test_a_slice_has_the_size_of_its_own_row(records, name, size):
    """A reading that divides by 512, as most slices would allow, puts the lesion outside of its slice."""
    record = records[name]
    assert (record.image.width, record.image.height) == (size, size)
    box, _ = drawn(record.findings[0])
    assert (box.x + box.width / 2) / size < 1
    assert (box.x + box.width / 2) / 512 > 1


decimals = st.integers(10_000, 400_000).map(lambda thousandths: thousandths / 1000)


@within_one_folder
@given(st.lists(decimals, min_size=8, max_size=8))
def test_what_is_drawn_is_what_is_published_less_one(tmp_path, ends):
    """Boxes and ends are the published numbers less one, long diameter first, and nothing else is done."""
    xs, ys = ends[::2], ends[1::2]
    around = [min(xs) - 5, min(ys) - 5, max(xs) + 5, max(ys) + 5]
    row = ROWS[0] | {
        "Measurement_coordinates": ", ".join(map(str, ends)),
        "Bounding_boxes": ", ".join(f"{number:.3f}" for number in around),
    }
    (record,) = read_rows(tmp_path, row)
    box, calipers = drawn(record.findings[0])
    points = [*calipers.long, *calipers.short]
    assert np.allclose(points, np.reshape(ends, (4, 2)) - 1, rtol=0, atol=1e-9)
    assert np.allclose((box.x, box.y, box.x + box.width, box.y + box.height), np.array(around) - 1, atol=1e-9)
    assert record.remarks == ()


def test_a_box_that_leaves_the_slice_is_kept_and_remarked(records):
    record = records["900003_02_01_005"]
    box, _ = drawn(record.findings[0])
    assert box.x + box.width == 1000.25 + 20 + 5 - 1 > record.image.width
    (remark,) = record.remarks
    assert remark.code == "outside-image"
    assert "1024.25" in remark.text
    assert "1024 x 1024" in remark.text


def test_a_box_elsewhere_than_its_calipers_is_kept_and_remarked(records):
    record = records["900006_01_01_007"]
    box, _ = drawn(record.findings[0])
    assert box == Box(x=189, y=234, width=35, height=25)
    (remark,) = record.remarks
    assert remark.code == "box-off-calipers"
    assert "5 px" in remark.text


@pytest.mark.parametrize(("off", "odd"), [(0.0005, []), (0.05, []), (0.2, ["box-off-calipers"])])
def test_a_box_may_be_rounded(tmp_path, off, odd):
    x1, y1, x2, y2 = numbers(ROWS[0]["Bounding_boxes"])
    (record,) = read_rows(tmp_path, ROWS[0] | {"Bounding_boxes": f"{x1}, {y1}, {x2 + off}, {y2}"})
    assert codes(record) == odd


# ---------------------------------------------------------------- rows and slices


def test_rows_of_one_slice_are_findings_of_one_record(records):
    record = records["900002_01_01_100"]
    assert [finding.finding_id for finding in record.findings] == ["2", "3", "4"]
    assert [str(label.value) for finding in record.findings for label in finding.labels] == [
        "deeplesion-site/lung",
        "deeplesion-site/abdomen",
        "deeplesion-site/pelvis",
    ]
    assert [texts(finding)["Possibly_noisy"] for finding in record.findings] == ["0", "1", "0"]
    assert all(finding.structure is Structure.LESION for finding in record.findings)
    assert record.source == "DL_info.csv:4"


@within_one_folder
@given(st.permutations(range(len(ROWS))))
def test_rows_of_one_slice_may_stand_apart(tmp_path, order):
    """Wherever the rows stand, a slice has its own in their order, numbered by their place in the table."""
    rows = [ROWS[index] for index in order]
    found = read_rows(tmp_path, *rows)
    expected: dict[str, list[str]] = {}
    for index, row in enumerate(rows):
        expected.setdefault(row["File_name"].removesuffix(".png"), []).append(str(index))
    assert [record.image_id.removeprefix("deeplesion/") for record in found] == list(expected)
    assert [[f.finding_id for f in record.findings] for record in found] == list(expected.values())


def test_a_slice_is_of_a_patient_a_study_and_a_series(records):
    record = records["900003_02_01_005"]
    assert (record.group_id, record.group_kind) == ("deeplesion/900003", GroupKind.PATIENT)
    assert (record.study_id, record.series_id) == ("2", "1")
    assert record.modality is Modality.CT
    assert record.image.path == "images/Images_png/900003_02_01/005.png"
    assert record.image.bit_depth == 16
    assert texts(record) == {"Key_slice_index": "5", "Slice_range": "3, 7"}


def test_spacing_is_turned_to_rows_and_columns(records):
    """The release gives x, y, z: the first two in its order would be the other way round."""
    record = records["900003_02_01_005"]
    assert record.image.spacing_mm == (0.625, 0.5)
    assert record.image.spacing_mm != tuple(numbers(ROWS[5]["Spacing_mm_px_"])[:2])
    assert record.acquisition.slice_spacing_mm == 2.5


def test_the_window_is_of_the_slice(records):
    assert records["900004_01_01_050"].acquisition.window_hu == (-1500, 500)
    assert records["900004_02_01_050"].acquisition.window_hu == (-175, 275)


def test_a_patient_has_an_age_per_study_and_one_may_be_missing(records):
    assert records["900004_01_01_050"].patient == Patient(sex=Sex.FEMALE, age=Age(years=51))
    assert records["900004_02_01_050"].patient == Patient(sex=Sex.FEMALE, age=Age(years=52))
    missing = records["900003_02_01_005"]
    assert missing.patient == Patient(sex=Sex.FEMALE)
    assert "Patient_age" not in texts(missing)


def test_the_published_split_is_kept(records):
    parts = {name: record.official_splits for name, record in records.items()}
    assert parts["900001_01_01_020"] == (OfficialSplit(part="train"),)
    assert parts["900003_02_01_005"] == (OfficialSplit(part="val"),)
    assert parts["900002_01_01_100"] == (OfficialSplit(part="test"),)


@pytest.mark.parametrize(("number", "site"), list(enumerate(DeepLesionSite, 1)))
def test_a_type_is_a_site(tmp_path, number, site):
    (record,) = read_rows(tmp_path, ROWS[0] | {"Coarse_lesion_type": str(number)})
    (label,) = record.findings[0].labels
    assert label.value is site


def test_the_sites_are_numbered_as_published():
    published = "bone, abdomen, mediastinum, liver, lung, kidney, soft-tissue, pelvis"
    assert ", ".join(str(site.value) for site in DeepLesionSite) == published


def test_a_lesion_without_a_type_has_no_label_and_no_remark(records):
    """A reading that takes -1 for a class would have a ninth site."""
    record = records["900001_01_01_020"]
    (finding,) = record.findings
    assert finding.labels == ()
    assert texts(finding) == {
        "Lesion_diameters_Pixel_": "25, 13.4164",
        "Normalized_lesion_location": "0.3, 0.2, 0.6",
        "Coarse_lesion_type": "-1",
        "Possibly_noisy": "0",
    }
    assert record.remarks == ()


def test_a_value_outside_its_scale_is_kept_as_text_and_remarked(records):
    record = records["900005_01_01_007"]
    assert record.patient is None
    assert record.acquisition.window_hu is None
    assert record.official_splits == ()
    assert record.findings[0].labels == ()
    assert texts(record) == {
        "Key_slice_index": "7",
        "Slice_range": "5, 9",
        "DICOM_windows": "275, -175",
        "Patient_gender": "X",
        "Patient_age": "200",
        "Train_Val_Test": "4",
    }
    assert texts(record.findings[0])["Coarse_lesion_type"] == "9"
    assert codes(record) == 5 * ["value-not-understood"]


def test_no_slice_is_a_negative(records):
    assert {record.coverage for record in records.values()} == {Coverage.PARTIAL}


characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")
number_like = st.sampled_from(
    ["NaN", "inf", "-inf", "1e400", "1_0", "0x1", "-0", "0", "-1", "7", "2.5", 400 * "9"]
)
cells = st.text(characters, max_size=12) | st.lists(number_like, max_size=8).map(", ".join)


@within_one_folder
@given(st.sampled_from(COLUMNS), cells)
def test_any_cell_ends_in_a_record_or_an_error_that_names_its_row(tmp_path, column, text):
    """Whatever stands in a cell, its row is read or refused by its line, and the row beside it is read."""
    (tmp_path / TABLE).write_text(table_text([ROWS[0] | {column: text}, ROWS[-1]]), "utf-8")
    converter = DeepLesion(DeepLesionSettings(annotations_only=True))
    run = run_items(converter, plan_items(converter, Raw(tmp_path)), None, workers=1, on_error=OnError.SKIP)
    assert run.records + len(run.skips) == 2
    assert [skip.where for skip in run.skips] in ([], ["DL_info.csv:2"])


def test_rows_of_one_slice_must_agree_in_what_they_say_of_it(tmp_path):
    for column, text in {"Patient_age": "52", "Train_Val_Test": "2", "Slice_range": "18, 23"}.items():
        other = ROWS[0] | {"Bounding_boxes": ROWS[2]["Bounding_boxes"], column: text}
        with pytest.raises(CaseError, match=column) as caught:
            read_rows(tmp_path, ROWS[0], other)
        assert caught.value.where == "DL_info.csv:3"
        assert "DL_info.csv:2" in caught.value.message


# ---------------------------------------------------------------- absent images


def test_a_row_that_is_there_twice_is_two_findings_and_remarked(tmp_path):
    (record,) = read_rows(tmp_path, ROWS[0], ROWS[0])
    assert [finding.finding_id for finding in record.findings] == ["0", "1"]
    assert record.findings[0].geometries == record.findings[1].geometries
    (remark,) = (remark for remark in record.remarks if remark.code == "row-repeated")
    assert remark.text == "DL_info.csv:3 is the same as DL_info.csv:2"


def test_a_table_whose_last_line_has_no_end_is_read_and_remarked(tmp_path):
    (tmp_path / TABLE).write_text(table_text(ROWS[:2]).removesuffix("\n"))
    *others, last = [sample.record for sample in read(tmp_path, annotations_only=True).values()]
    assert "no-line-end" in codes(last)
    assert not any("no-line-end" in codes(other) for other in others)
    (tmp_path / TABLE).write_text(table_text(ROWS[:2]).removesuffix("\n")[:-1])
    with pytest.raises(RawLayoutError, match="cut inside its last row"):
        read(tmp_path, annotations_only=True)


def test_absent_images_are_refused_all_at_once(copy):
    (copy / "Images_png/900002_01_01/100.png").unlink()
    (copy / "Images_png/900007_01_01/001.png").unlink()
    with pytest.raises(RawLayoutError) as caught:
        read(copy)
    assert "4 rows, on 2 slices" in caught.value.message
    assert "Images_png/900002_01_01/100.png" in caught.value.message
    assert caught.value.where == "DL_info.csv:4"
    assert "--annotations-only" in caught.value.hint


def test_what_is_said_of_an_absent_image_is_kept_if_asked(copy, records):
    """Absent images cost the hash and the path, and nothing that a row says."""
    (copy / "Images_png/900002_01_01/100.png").unlink()
    samples = read(copy, annotations_only=True)
    assert samples.keys() == records.keys()
    for name, sample in samples.items():
        record, before = sample.record, records[name]
        if name != "900002_01_01_100":
            assert record == before
            assert isinstance(sample.pixels, FileBytes)
            continue
        assert isinstance(sample.pixels, Absent)
        assert (record.image.path, record.image.sha256, record.image.bit_depth) == (None, None, None)
        assert (record.image.width, record.image.height) == (before.image.width, before.image.height)
        assert record.image.spacing_mm == before.image.spacing_mm
        assert (record.findings, record.acquisition) == (before.findings, before.acquisition)


def test_a_table_alone_is_enough_if_asked(tmp_path, command):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / TABLE).write_text(table_text(ROWS))
    ran = command("convert", "deeplesion", tmp_path / "raw", "-o", tmp_path / "out", "--annotations-only")
    assert ran.code == 0, ran.err
    (source,) = thyrodata.open(tmp_path / "out").manifest.sources
    settings = {setting.name: setting.value for setting in source.settings}
    assert settings == {"annotations_only": "True"}


# ---------------------------------------------------------------- neighbours


def test_neighbours_are_not_read_unless_asked_for(folder, records, tmp_path):
    assert not records.keys() & {name.replace("/", "_") for name in NEIGHBOURS}
    result = convert(DeepLesion(), folder, tmp_path)
    assert sorted(result.plan.ignored) == sorted(
        [*(f"Images_png/{name}.png" for name in NEIGHBOURS), TAGS, "lesion_ontology_181022.xlsx"]
    )


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, ["900001_01_01_019", "900001_01_01_022", "900003_02_01_006"]),
        (2, ["900001_01_01_018", "900001_01_01_019", "900001_01_01_022", "900003_02_01_006"]),
        (9999, ["900001_01_01_018", "900001_01_01_019", "900001_01_01_022", "900003_02_01_006"]),
    ],
)
def test_neighbours_are_read_as_far_as_they_are_published(folder, records, count, expected):
    """A key slice is no neighbour, one beside two keys comes once, and one outside the range not at all."""
    samples = read(folder, context=count)
    assert sorted(samples.keys() - records.keys()) == expected
    assert {name: samples[name].record for name in records} == records


def test_a_neighbour_says_only_where_it_is_from(folder, records):
    samples = read(folder, context=1)
    neighbour, key = samples["900003_02_01_006"].record, records["900003_02_01_005"]
    assert (neighbour.readings, neighbour.findings, neighbour.remarks) == ((), (), ())
    assert neighbour.coverage is Coverage.NONE
    assert neighbour.group_id == key.group_id
    assert neighbour.official_splits == key.official_splits
    assert (neighbour.study_id, neighbour.series_id, neighbour.patient) == ("2", "1", key.patient)
    assert neighbour.image.spacing_mm == key.image.spacing_mm
    assert neighbour.acquisition.window_hu is None
    assert neighbour.source_fields == (
        SourceField(name="Key_slice_index", text="5"),
        SourceField(name="Slice_range", text="3, 7"),
    )


def test_a_neighbour_follows_its_key_slice_and_is_named_by_its_image(folder):
    items = list(DeepLesion(DeepLesionSettings(context=1)).items(Raw(folder)))
    assert list(map(str, items[:4])) == [
        "DL_info.csv:2",
        "Images_png/900001_01_01/019.png",
        "DL_info.csv:3",
        "Images_png/900001_01_01/022.png",
    ]


def test_neighbours_of_an_absent_slice_are_read(copy):
    (copy / "Images_png/900003_02_01/005.png").unlink()
    samples = read(copy, context=1, annotations_only=True)
    assert isinstance(samples["900003_02_01_005"].pixels, Absent)
    assert isinstance(samples["900003_02_01_006"].pixels, FileBytes)


def test_a_dataset_with_neighbours_is_whole_and_keeps_patients_together(folder, tmp_path):
    made = thyrodata.convert(
        "deeplesion", folder, tmp_path / "out", settings=DeepLesionSettings(context=2), workers=1
    )
    assert made.images == 9 + 4
    assert made.dataset.verify() == ()
    assert thyrodata.audit_dataset(made.dataset, "default") == ()
    (leak,) = thyrodata.audit_dataset(made.dataset, "official")
    assert (leak.code, leak.image_ids) == ("unassigned", ("deeplesion/900005_01_01_007",))
    coco = json.loads((tmp_path / "out/annotations/official/instances_train.json").read_text())
    train = {"900001_01_01_020", "900001_01_01_021", "900007_01_01_001"}
    assert {image["image_id"].removeprefix("deeplesion/") for image in coco["images"]} == train


def test_a_negative_number_of_neighbours_is_none():
    with pytest.raises(UsageError):
        DeepLesionSettings(context=-1)


# ---------------------------------------------------------------- the whole table


PARTS = ["train", "val", "test"]


def whole_table(seed=1):
    """Return a table of the size of the release's, and tags for it: some train rows, some without a type."""
    rng = np.random.default_rng(seed)
    patients = np.sort(rng.integers(1, 4428, 32_120))
    slices = pd.DataFrame({"patient": patients, "study": 1, "series": 1})
    slices["slice"] = slices.groupby("patient").cumcount() * 3 + 2
    slices["size"] = rng.choice([512, 768, 1024], len(slices), p=[0.98, 0.01, 0.01])
    slices["part"] = rng.choice([1, 2, 3], 4428, p=[0.7, 0.15, 0.15])[patients]
    ages = rng.integers(5, 97, len(slices)).astype(str)
    slices["age"] = np.where(rng.random(len(slices)) < 0.01, "NaN", ages)
    again = rng.choice(len(slices), FULL - len(slices), replace=False)
    rows = slices.iloc[np.sort(np.concatenate([np.arange(len(slices)), again]))]
    ends = np.round(rng.uniform(0.05, 0.95, (FULL, 8)) * rows["size"].to_numpy()[:, None], 3)
    low, high = ends.reshape(-1, 4, 2).min(1) - 5, ends.reshape(-1, 4, 2).max(1) + 5
    types = np.where(rows["part"] == 1, rng.choice([-1, 3, 5], FULL), rng.integers(1, 9, FULL))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, end, start, stop, site in zip(rows.itertuples(), ends, low, high, types, strict=True):
        name = f"{row.patient:06d}_01_01_{row.slice:03d}.png"
        measured, box = (", ".join(f"{n:.3f}" for n in part) for part in (end, (*start, *stop)))
        of_lesion = (measured, box, "9, 5", "0.1, 0.2, 0.3", site, 0)
        of_slice = (f"{max(row.slice - 2, 1)}, {row.slice + 2}", "0.8, 0.7, 5", f"{row.size}, {row.size}")
        said = (*of_lesion, *of_slice, "-175, 275", "F", row.age, row.part)
        writer.writerow([name, row.patient, 1, 1, row.slice, *said])
    return text.getvalue(), whole_tags(rng)


def whole_tags(rng):
    """Return tags of 24,121 lesions, as many as there are; their order is not that of the table."""
    tags = {"term_list": [f"term {number}" for number in range(171)]}
    lesions = np.split(rng.permutation(FULL)[:24_121], [20_266, 22_242])
    for part, chosen in zip(PARTS, lesions, strict=True):
        tags[f"{part}_lesion_idxs"] = chosen.tolist()
        for kind in ("relevant", "uncertain", "irrelevant"):
            if kind != "irrelevant" or part == "train":
                said = rng.integers(0, 171, (len(chosen), 3))
                tags[f"{part}_{kind}_labels"] = [list(map(int, row[: row[0] % 4])) for row in said]
    return tags


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a table of full size and its tags, and no image."""
    folder = tmp_path_factory.mktemp("whole")
    table, tags = whole_table()
    (folder / TABLE).write_text(table)
    (folder / TAGS).write_text(json.dumps(tags))
    return folder


@pytest.fixture(scope="module")
def whole_records(whole):
    return [sample.record for sample in read(whole, annotations_only=True, tags=True).values()]


@pytest.fixture(scope="module")
def oracle(whole):
    """An independent reading of the same table, column by column."""
    return pd.read_csv(whole / TABLE, dtype={"Patient_age": str}, keep_default_na=False)


def column_of_numbers(oracle, column):
    return np.array([cell.split(",") for cell in oracle[column]], float)


@pytest.mark.slow
def test_the_whole_table_is_of_the_published_size(whole_records, oracle):
    assert len(oracle) == FULL
    assert (oracle["Train_Val_Test"] == 1).any()
    assert (oracle["Coarse_lesion_type"] == -1).any()
    assert len(whole_records) == oracle["File_name"].nunique() == 32_120
    assert sum(len(record.findings) for record in whole_records) == FULL


@pytest.mark.slow
def test_every_box_and_every_end_of_the_whole_table(whole_records, oracle):
    """All are the published numbers less one; without the one, none would be."""
    found = {int(f.finding_id): drawn(f) for record in whole_records for f in record.findings}
    boxes = np.array([found[index][0].bbox_xywh_px for index in range(FULL)])
    ends = np.array([(*found[index][1].long, *found[index][1].short) for index in range(FULL)])
    published = column_of_numbers(oracle, "Bounding_boxes")
    corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    assert np.abs(corners - (published - 1)).max() < 1e-9
    measured = column_of_numbers(oracle, "Measurement_coordinates").reshape(-1, 4, 2)
    assert np.abs(ends - (measured - 1)).max() < 1e-9
    assert np.abs(corners - published).min() > 0.9
    sizes = column_of_numbers(oracle, "Image_size")[:, 0]
    assert (corners[:, 2] / 512 > 1.1).sum() > 100
    assert (corners[:, 2] / sizes > 1.1).sum() == 0


@pytest.mark.slow
def test_every_other_column_of_the_whole_table(whole_records, oracle):
    first = oracle.drop_duplicates("File_name")
    assert [record.image_id for record in whole_records] == [
        "deeplesion/" + name.removesuffix(".png") for name in first["File_name"]
    ]
    assert [record.group_id for record in whole_records] == [
        f"deeplesion/{n}" for n in first["Patient_index"]
    ]
    assert [record.official_splits[0].part for record in whole_records] == [
        PARTS[number - 1] for number in first["Train_Val_Test"]
    ]
    assert [str(r.patient.age.years) if r.patient.age else "NaN" for r in whole_records] == list(
        first["Patient_age"]
    )
    assert [record.image.width for record in whole_records] == [
        int(cell.split(",")[0]) for cell in first["Image_size"]
    ]
    labels = {int(f.finding_id): f.labels for record in whole_records for f in record.findings}
    sites = [None, *DeepLesionSite]
    for index, number in enumerate(oracle["Coarse_lesion_type"]):
        assert [label.value for label in labels[index]] == ([sites[number]] if number > 0 else [])


@pytest.mark.slow
def test_tags_are_of_the_row_whose_number_they_give(whole, whole_records):
    """The numbers are 0-based rows of the table: counted from 1, they would be another lesion's."""
    tags = json.loads((whole / TAGS).read_text())
    found = {int(f.finding_id): texts(f) for record in whole_records for f in record.findings}
    terms, expected = tags["term_list"], {}
    for part in PARTS:
        for place, lesion in enumerate(tags[f"{part}_lesion_idxs"]):
            expected[lesion] = {"tag_split": part}
            for kind in ("relevant", "uncertain", "irrelevant"):
                listed = tags.get(f"{part}_{kind}_labels", {})
                if listed and listed[place]:
                    expected[lesion][f"{kind}_tag"] = ", ".join(terms[number] for number in listed[place])
    kept = {
        lesion: {name: text for name, text in found[lesion].items() if "tag" in name}
        for lesion in range(FULL)
    }
    assert len(expected) == 24_121
    assert {lesion: said for lesion, said in kept.items() if said} == expected
    assert sum(kept.get(lesion - 1) != said for lesion, said in expected.items()) > 0.9 * 24_121


def test_tags_are_read_only_if_asked_for(whole):
    item = next(iter(DeepLesion(DeepLesionSettings(annotations_only=True)).items(Raw(whole))))
    assert [file.path for file in item.files] == [TABLE]


@pytest.mark.slow
def test_the_whole_table_converts_and_its_split_does_not_leak(whole, tmp_path):
    made = thyrodata.convert(
        "deeplesion", whole, tmp_path / "out", settings=DeepLesionSettings(annotations_only=True, tags=True)
    )
    assert made.images == 32_120
    assert made.dataset.verify() == ()
    assert thyrodata.audit_dataset(made.dataset, "official") == ()
    assert thyrodata.audit_dataset(made.dataset, "default") == ()


# ---------------------------------------------------------------- tags


def test_tags_are_refused_beside_a_part_of_the_table(folder):
    with pytest.raises(RawLayoutError) as caught:
        read(folder, tags=True)
    assert "32,735" in caught.value.message
    assert "11" in caught.value.message
    assert caught.value.where == TABLE
    assert "--tags" in caught.value.hint


def test_a_row_too_few_is_a_part_of_the_table(whole, tmp_path):
    lines = (whole / TABLE).read_text().splitlines(keepends=True)
    (tmp_path / TABLE).write_text("".join(lines[:-1]))
    shutil.copy(whole / TAGS, tmp_path)
    with pytest.raises(RawLayoutError, match="32,734"):
        next(iter(DeepLesion(DeepLesionSettings(annotations_only=True, tags=True)).items(Raw(tmp_path))))


def test_tags_that_are_not_there_are_named(whole, tmp_path):
    shutil.copy(whole / TABLE, tmp_path)
    with pytest.raises(RawLayoutError, match=TAGS):
        next(iter(DeepLesion(DeepLesionSettings(annotations_only=True, tags=True)).items(Raw(tmp_path))))


def small_tags(**said):
    tags = {"term_list": ["lung", "nodule"]}
    for part in PARTS:
        tags |= {f"{part}_lesion_idxs": [], f"{part}_relevant_labels": [], f"{part}_uncertain_labels": []}
    return tags | {"train_irrelevant_labels": []} | said


def tags_of(folder, tags):
    (folder / TAGS).write_text(tags if isinstance(tags, str) else json.dumps(tags))
    (file,) = Raw(folder).files
    return read_lesion_tags(file)


def test_a_tag_that_is_said_twice_stands_twice(tmp_path):
    said = small_tags(test_lesion_idxs=[7], test_relevant_labels=[[1, 0, 1]], test_uncertain_labels=[[]])
    ((lesion, tags),) = tags_of(tmp_path, said).items()
    assert lesion == 7
    assert (tags.part, tags.relevant, tags.uncertain) == ("test", ("nodule", "lung", "nodule"), ())


ONE = {"val_lesion_idxs": [7], "val_relevant_labels": [[0]], "val_uncertain_labels": [[]]}


@pytest.mark.parametrize(
    "tags",
    [
        "",
        "[]",
        "{",
        json.dumps(small_tags())[:-9],
        "[" * 100_000,
        small_tags(term_list=3),
        small_tags(val_lesion_idxs=[7]),
        small_tags(**ONE | {"val_relevant_labels": [[2]]}),
        small_tags(**ONE | {"val_relevant_labels": [[-1]]}),
        small_tags(**ONE | {"val_relevant_labels": [["lung"]]}),
        small_tags(**ONE | {"val_lesion_idxs": [-1]}),
        small_tags(**ONE | {"val_lesion_idxs": [FULL]}),
        small_tags(**ONE | {"val_lesion_idxs": [7.5]}),
        small_tags(**ONE, train_lesion_idxs=[7], train_relevant_labels=[[0]], train_uncertain_labels=[[]])
        | {"train_irrelevant_labels": [[]]},
        small_tags(hand_labels=[]),
        {name: value for name, value in small_tags().items() if name != "train_irrelevant_labels"},
    ],
    ids=str,
)
def test_tags_that_are_broken_or_contradict_themselves_are_refused(tmp_path, tags):
    with pytest.raises(RawLayoutError) as caught:
        tags_of(tmp_path, tags)
    assert caught.value.where == TAGS
    assert caught.value.hint
