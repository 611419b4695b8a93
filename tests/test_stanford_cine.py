"""What is special to Stanford's cine clips: ids of two kinds, centimetres, points, runs of frames, memory."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from tests.contract.run import convert
from tests.fixtures.stanford_cine.make import CLIPS, HEADER, make
from thyrodata.converters import stanford_cine
from thyrodata.converters.stanford_cine import MAX_FRAMES, StanfordCine
from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import Raw
from thyrodata.schema.geometry import Mask
from thyrodata.schema.plain import to_plain
from thyrodata.schema.record import AcrPoints, Age, Label, Patient, SourceField
from thyrodata.schema.vocab import (
    Basis,
    Coverage,
    GroupKind,
    Location,
    Malignancy,
    Sex,
    Structure,
    TiradsAcr,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # pycocotools' own


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stanford") / "raw"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def result(folder, tmp_path_factory):
    return convert(StanfordCine(), folder, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def records(result):
    return {record.image_id.removeprefix("stanford_cine/"): record for record in result.records}


@pytest.fixture(scope="module")
def frames(folder):
    """The datasets of the file, as h5py reads them."""
    with h5py.File(folder / "dataset.hdf5") as file:
        return {name: file[name][:] for name in file}


def codes(record):
    return [remark.code for remark in record.remarks]


def nodule_of(record):
    (nodule,) = record.nodules
    return nodule


# ---------------------------------------------------------------- frames


def test_every_frame_is_read_in_the_order_of_the_file(records, frames):
    assert len(records) == len(frames["image"])
    for place, (name, record) in enumerate(records.items()):
        assert record.source == f"dataset.hdf5#{place}"
        assert name.split("/")[0] == str(int(frames["annot_id"][place].strip(b"_")))
        assert record.image.frame_index == int(frames["frame_num"][place])


def test_pixels_and_masks_are_those_of_the_file(result, records, frames):
    for place, record in enumerate(records.values()):
        with Image.open(result.images / record.image.path) as picture:
            assert picture.mode == "L"
            assert np.array_equal(np.asarray(picture), frames["image"][place])
        drawn = np.zeros_like(frames["mask"][place])
        for finding in record.findings:
            (geometry,) = finding.geometries
            assert isinstance(geometry, Mask)
            rle = {"size": [geometry.height, geometry.width], "counts": geometry.counts}
            drawn = coco_mask.decode(rle)
        assert np.array_equal(255 * drawn, frames["mask"][place])


def test_a_mask_is_one_finding_of_its_nodule_whatever_its_parts(records):
    (finding,) = records["9/0"].findings  # two parts
    assert finding.structure is Structure.NODULE
    assert finding.nodule_id == "9"
    assert records["9/0"].coverage is None


def test_an_empty_mask_is_no_finding_and_no_negative(records):
    for name in ("8/0", "8/3", "44/12"):
        assert records[name].findings == ()
        assert records[name].coverage is Coverage.NONE
        assert "mask-empty" in codes(records[name])
    assert records["8/1"].findings
    assert records["8/1"].coverage is None


def test_frames_of_one_number_keep_ids_of_their_own(records, frames):
    """Naming a frame by its nodule and number alone would lose two frames here."""
    naive = {
        (int(i.strip(b"_")), int(n)) for i, n in zip(frames["annot_id"], frames["frame_num"], strict=True)
    }
    assert len(naive) == len(records) - 2
    for first, later in (("7/1", "7/1_2"), ("9/0", "9/0_2")):
        assert records[first].image.frame_index == records[later].image.frame_index
        assert "frame-number-repeated" not in codes(records[first])
        assert "frame-number-repeated" in codes(records[later])
        assert records[first].image.path != records[later].image.path
        assert records[first].group_id == records[later].group_id


def test_a_nodule_in_several_runs_is_one_group(records):
    runs = [clip.annot_id for clip in CLIPS]
    assert runs.count(b"7_") == 2
    of_7 = [name for name in records if name.startswith("7/")]
    assert of_7 == ["7/0", "7/1", "7/2", "7/3", "7/1_2"]
    assert {records[name].group_id for name in of_7} == {"stanford_cine/7"}
    assert {nodule_of(records[name]) for name in of_7} == {nodule_of(records["7/0"])}


def test_no_item_holds_more_than_a_few_frames_or_crosses_a_run(folder):
    items = list(StanfordCine().items(Raw(folder)))
    ends = [item.start + len(item.frames) for item in items]
    assert [item.start for item in items] == [0, *ends[:-1]]
    assert max(len(item.frames) for item in items) == MAX_FRAMES < max(len(c.numbers) for c in CLIPS)
    runs = Counter(item.nodule for item in items)
    assert runs["103"] == 2
    assert runs["7"] == 2


def test_larger_frames_are_read_fewer_at_a_time(folder, monkeypatch):
    for pixels, most in ((120 * 160 * 3, 3), (120 * 160 - 1, 1)):
        monkeypatch.setattr(stanford_cine, "MAX_PIXELS_AT_ONCE", pixels)
        assert max(len(item.frames) for item in StanfordCine().items(Raw(folder))) == most


def test_the_frames_are_read_by_slices_and_the_file_is_hashed_once(folder, monkeypatch):
    hashed = []
    monkeypatch.setattr("thyrodata.io.raw.RawFile.hash", lambda file: hashed.append(file.path))
    monkeypatch.setattr("thyrodata.io.raw.MAX_FILE_BYTES", 0 + (folder / "metadata.csv").stat().st_size)
    converter = StanfordCine()
    for item in converter.items(Raw(folder)):
        list(converter.samples(item))
    assert hashed == ["dataset.hdf5"]


# ---------------------------------------------------------------- ids


def test_ids_are_joined_on_their_number(folder, frames, records):
    """Bytes are no text, and text with an underscore is not the text without: such joins lose nodules."""
    with (folder / "metadata.csv").open(newline="") as stream:
        rows = {row["annot_id"] for row in csv.DictReader(stream)}
    ids = set(frames["annot_id"].tolist())
    assert not {annot_id for annot_id in ids if annot_id in rows}
    assert {annot_id for annot_id in ids if annot_id.decode() not in rows} == {b"9", b"44_"}
    assert {record.group_id for record in records.values()} == {
        f"stanford_cine/{int(annot_id.strip(b'_'))}" for annot_id in ids
    }
    assert nodule_of(records["44/12"]).size_mm == (15.0, 15.0, 15.0)


def test_the_group_is_the_nodule_and_not_a_patient(records):
    for record in records.values():
        number = record.image_id.split("/")[1]
        assert record.group_id == f"stanford_cine/{number}"
        assert record.group_kind is GroupKind.NODULE
        assert record.series_id == number
        assert nodule_of(record).nodule_id == number
        assert record.case_labels == record.image_labels == ()
        assert all(finding.labels == () for finding in record.findings)


# ---------------------------------------------------------------- the table


def test_a_row_is_said_of_the_patient_and_the_nodule(records):
    record = records["103/7"]
    assert record.patient == Patient(sex=Sex.FEMALE, age=Age(years=38))
    nodule = nodule_of(record)
    assert nodule.location is Location.ISTHMUS
    assert nodule.points == AcrPoints(composition=2, echogenicity=3, shape=3, margin=2, echogenic_foci=4)
    assert nodule.labels == (
        Label(value=TiradsAcr.TR5),
        Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY),
    )
    assert nodule.source_fields == record.source_fields == record.remarks == ()
    locations = {name: nodule_of(records[name]).location for name in ("7/0", "10/0")}
    assert locations == {"7/0": Location.LEFT_LOBE, "10/0": Location.RIGHT_LOBE}


def test_centimetres_become_millimetres_exactly(records):
    """Taken for millimetres they are ten times too small, and times ten in binary they are others."""
    sizes = {name: nodule_of(records[name]).size_mm for name in ("103/7", "7/0", "192/0")}
    assert sizes["103/7"] == (31.0, 17.5, 5.7) != tuple(10 * cm for cm in (3.1, 1.75, 0.57))
    assert sizes["7/0"] == (21.0, 14.0, 16.0) != (2.1, 1.4, 1.6)
    assert sizes["192/0"] == (122.5, 20.0, 30.0)


def test_an_axis_that_is_left_out_is_none(records):
    assert nodule_of(records["10/0"]).size_mm == (10.0, None, 9.0)
    assert nodule_of(records["10/0"]).source_fields == ()


def test_whole_numbers_with_a_point_are_whole_numbers(records):
    record = records["10/0"]
    assert record.patient == Patient(sex=Sex.MALE, age=Age(years=61))
    assert nodule_of(record).points == AcrPoints(
        composition=1, echogenicity=1, shape=0, margin=0, echogenic_foci=0
    )
    assert [str(label.value) for label in nodule_of(record).labels] == ["tirads-acr/TR2", "malignancy/benign"]


def test_a_level_that_is_not_that_of_the_points_is_kept_and_remarked(records):
    record = records["8/1"]
    (remark,) = record.remarks
    assert remark.code == "level-disagrees"
    assert "3" in remark.text
    assert "TR3" in remark.text
    assert "TR4" in remark.text
    assert nodule_of(record).labels[0].value is TiradsAcr.TR4
    assert nodule_of(record).points.composition == 2
    assert "level-disagrees" not in codes(records["7/0"])
    assert "level-disagrees" not in codes(records["13/0"])  # a sum of one has no level


def test_empty_cells_say_nothing(records):
    record = records["9/0"]
    nodule = nodule_of(record)
    assert record.patient == Patient(sex=Sex.FEMALE)
    assert (nodule.location, nodule.size_mm) == (Location.LEFT_LOBE, ())
    assert (nodule.labels, nodule.points, nodule.source_fields) == ((), None, ())
    assert record.remarks == ()


def test_what_is_not_understood_is_kept_as_text_and_remarked(records):
    record = records["12/0"]
    nodule = nodule_of(record)
    assert record.patient is None
    assert record.source_fields == (
        SourceField(name="age", text="200"),
        SourceField(name="sex", text="F"),
    )
    assert {field.name: field.text for field in nodule.source_fields} == {
        "location": "left lobe",
        "size_x": "0",
        "size_y": "-1",
        "size_z": "nan",
        "ti-rads_composition": "7",
        "ti-rads_shape": "1",
        "ti-rads_echogenicfoci": "9",
        "ti-rads_level": "6",
        "histopath_diagnosis": "2",
    }
    assert nodule.points == AcrPoints(echogenicity=2, margin=3)
    assert (nodule.labels, nodule.size_mm) == ((), ())
    assert codes(record) == 11 * ["value-not-understood"]


@pytest.fixture
def one_nodule(tmp_path):
    """A function that reads a table of one row beside one frame."""
    with h5py.File(tmp_path / "dataset.hdf5", "w") as file:
        file["image"] = file["mask"] = np.zeros((1, 4, 5), np.uint8)
        file["annot_id"], file["frame_num"] = [b"7_"], [b"0"]

    def read(header, row):
        (tmp_path / "metadata.csv").write_text(f"{header}\n{row}\n")
        converter = StanfordCine()
        (item,) = converter.items(Raw(tmp_path))
        (sample,) = converter.samples(item)
        return sample.record

    return read


def test_columns_beyond_the_published_ones_are_kept(one_nodule):
    row = "7_,52,Female,left,2.1,1.4,1.6,2,2,0,0,1,4,0"
    record = one_nodule(f"{HEADER},probe,note", f'{row},,"two, said"')
    assert nodule_of(record).source_fields == (SourceField(name="note", text="two, said"),)
    assert record.remarks[0].code == "mask-empty"


points = st.tuples(
    *(st.sampled_from(given) for given in ((0, 1, 2), (0, 1, 2, 3), (0, 3), (0, 2, 3), range(7)))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points, st.integers(1, 5))
def test_a_level_is_remarked_where_it_is_not_the_lexicon_s(one_nodule, points, level):
    """A level is remarked exactly where the lexicon's chart gives the sum of the points another one."""
    total = sum(points)
    chart = 5 if total >= 7 else 4 if total >= 4 else {3: 3, 2: 2, 1: None, 0: 1}[total]
    record = one_nodule(HEADER, f"7_,,,,,,,{','.join(map(str, points))},{level},")
    assert ("level-disagrees" in codes(record)) == (chart not in {None, level})
    assert nodule_of(record).labels == (Label(value=TiradsAcr(f"TR{level}")),)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 99_999))
def test_a_size_keeps_its_digits(one_nodule, hundredths):
    """A size of so many hundredths of a centimetre is that many tenths of a millimetre."""
    cm = f"{hundredths // 100}.{hundredths % 100:02d}"
    record = one_nodule(HEADER, f"7_,,,,{cm},,,,,,,,,")
    assert nodule_of(record).size_mm == (float(f"{hundredths // 10}.{hundredths % 10}"), None, None)


# ---------------------------------------------------------------- layout


@pytest.mark.parametrize("name", ["dataset.hdf5", "metadata.csv"])
def test_both_files_are_needed(folder, tmp_path, name):
    copy = shutil.copytree(folder, tmp_path / "raw")
    (copy / name).unlink()
    with pytest.raises(RawLayoutError) as caught:
        list(StanfordCine().items(Raw(copy)))
    assert caught.value.where == str(copy)


def test_a_record_has_the_shape_of_the_golden_one(records):
    golden = json.loads((Path(__file__).parent / "fixtures/stanford_cine/golden.json").read_text())
    plain = to_plain(records["103/12"])
    assert plain.keys() == golden.keys()
    assert plain["image"].keys() == golden["image"].keys()
    assert plain["nodules"][0].keys() == golden["nodules"][0].keys()
    assert plain["findings"][0].keys() == golden["findings"][0].keys()
    assert plain["image"]["path"] == "images/103/12.png"
    assert golden["image"]["path"] == "images/903/12.png"
