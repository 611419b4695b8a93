"""An export becomes a dataset: pictures cut and blanked as stated, named by nothing that identifies."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.pixels import pixel_array

from tests.captures import SCREEN, capture, clip, echo_regions, patient, screen, write_still
from tests.dicoms import RLE, Region, write_dicom
from thyrodata.capture.key import new_key
from thyrodata.collection.run import Captured
from thyrodata.dataset import Dataset
from thyrodata.errors import DatasetError, OutputError, RawLayoutError, UsageError
from thyrodata.io.hashes import list_files
from thyrodata.io.images import decode_image
from thyrodata.partition import audit_dataset
from thyrodata.schema.record import ImageRecord
from thyrodata.schema.vocab import GroupKind

pytestmark = pytest.mark.slow  # each runs a whole capture, in processes of its own


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three patients: one with two studies, one with a dual view, one with a clip; and what is no picture."""
    raw = tmp_path_factory.mktemp("export")
    write_still(raw / "a/1.dcm", 1, patient(1, study=2))
    write_still(raw / "b/1.dcm", 2, patient(1, study=1), syntax=RLE)
    write_still(raw / "b/2.dcm", 3, patient(1, study=1, instance=2))
    write_still(raw / "c/1.dcm", 4, patient(2), dual=True)
    frames, regions = clip(5, 6)
    write_dicom(raw / "c/2.dcm", frames, regions=regions, elements=patient(3))
    shutil.copy(raw / "a/1.dcm", raw / "z-copy.dcm")
    write_dicom(
        raw / "sr.dcm", None, elements=patient(3, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")
    )
    return raw


@pytest.fixture(scope="module")
def made(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Captured:
    return capture(export, tmp_path_factory.mktemp("captured") / "data")


def records_of(made: Captured) -> list[ImageRecord]:
    assert made.dataset is not None
    return list(made.dataset.records())


def verdicts(made: Captured) -> Counter[str]:
    return Counter(done.verdict for done in made.files)


def test_every_file_ends_with_an_outcome_and_a_reason(export: Path, made: Captured) -> None:
    assert [done.file for done in made.files] == [str(n) for n in range(1, len(list_files(export)) + 1)]
    assert verdicts(made) == {"exported": 5, "no-picture": 1, "repeated": 1}
    assert made.put_aside == ()
    assert made.quarantine is None


def test_the_dataset_is_whole_and_its_split_keeps_patients_together(made: Captured) -> None:
    assert made.dataset is not None
    assert made.dataset.verify() == ()
    assert list(audit_dataset(made.dataset, "default")) == []
    assert made.dataset.manifest.count("groups", "patient") == 3


def test_exported_pixels_are_the_decoded_crop_but_for_what_is_listed(export: Path, made: Captured) -> None:
    files = {done.file: path for done, path in zip(made.files, _sorted_files(export), strict=True)}
    records = records_of(made)
    assert len(records) == 3 + 2 + 6
    for record in records:
        crop = record.image.crop
        assert crop is not None
        ordinal = record.source.partition("#")[0].removeprefix("file ")
        frame = pixel_array(dcmread(files[ordinal]), index=record.image.frame_index)
        for x0, y0, x1, y1 in crop.blanked_boxes:
            frame[y0:y1, x0:x1] = 0
        x0, y0, x1, y1 = crop.kept_box
        assert (crop.source_height, crop.source_width) == SCREEN
        data = made.dataset.image_bytes(record) if made.dataset else None
        np.testing.assert_array_equal(decode_image(data or b"", "it"), frame[y0:y1, x0:x1])


def _sorted_files(export: Path) -> list[Path]:
    return [
        export / path
        for path in ("a/1.dcm", "b/1.dcm", "b/2.dcm", "c/1.dcm", "c/2.dcm", "sr.dcm", "z-copy.dcm")
    ]


def test_what_is_kept_is_what_the_header_calls_the_picture(made: Captured) -> None:
    kept = {record.image.crop.kept_box for record in records_of(made) if record.image.crop}
    x0, y0, x1, y1 = screen(1).echo_box
    left, right = (region.box for region in echo_regions(screen(4, dual=True), dual=True))
    assert kept == {
        (x0, y0, x1, y1),
        (left[0], left[1], left[2] + 1, left[3] + 1),
        (right[0], right[1], right[2] + 1, right[3] + 1),
    }


def test_the_two_pictures_of_a_dual_view_have_their_own_spacing_and_one_frame(made: Captured) -> None:
    dual = [record for record in records_of(made) if record.source.startswith("file 4#")]
    assert [record.image.spacing_mm for record in dual] == [(0.1, 0.1), (0.2, 0.2)]
    assert len({record.image.crop.frame_key for record in dual if record.image.crop}) == 1


def test_studies_are_numbered_by_date_and_files_by_the_scanner(made: Captured) -> None:
    places = {record.source.partition("#")[0]: record.image_id.split("/")[2:5] for record in records_of(made)}
    assert places["file 1"] == ["2", "1", "1"]
    assert places["file 2"] == ["1", "1", "1"]
    assert places["file 3"] == ["1", "1", "2"]


def test_frames_of_a_clip_are_numbered_from_zero(made: Captured) -> None:
    frames = [record for record in records_of(made) if record.source.startswith("file 5#")]
    assert [record.image.frame_index for record in frames] == list(range(6))
    assert {field.text for r in frames for field in r.source_fields if field.name == "NumberOfFrames"} == {
        "6"
    }


def test_attributes_are_those_of_closed_lists(made: Captured) -> None:
    record = records_of(made)[0]
    assert record.acquisition is not None
    assert (record.acquisition.manufacturer, record.acquisition.model) == ("Philips", "EPIQ 5G")
    assert record.patient is not None
    assert record.patient.age is not None


def test_the_same_key_names_a_patient_the_same_in_another_export(
    export: Path, made: Captured, tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    write_still(raw / "x.dcm", 9, patient(1, study=5))
    shutil.copy(made.out.parent / "site.key", tmp_path / "site.key")
    again = records_of(capture(raw, tmp_path / "again"))[0]
    named = {record.group_id for record in records_of(made) if record.source.startswith("file 1#")}
    assert {again.group_id} == named
    other_key = new_key(tmp_path / "other.key")
    other = records_of(capture(raw, tmp_path / "other", key=tmp_path / "other.key"))[0]
    assert other.group_id not in named
    assert other_key.fingerprint != made.fingerprint


def test_without_a_key_or_with_one_that_would_leave_nothing_is_written(export: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="key or a crosswalk"):
        capture(export, out, key=None)
    (tmp_path / "repository/.git").mkdir(parents=True)
    outside = tmp_path / "k.key"
    new_key(outside)
    for place in (out / "site.key", tmp_path / "repository/site.key"):
        place.parent.mkdir(exist_ok=True)
        shutil.copy(outside, place)
        with pytest.raises(UsageError):
            capture(export, out, key=place)
    assert list_files(out) == ["site.key"]
    assert not out.with_name("out.partial").exists()


@pytest.mark.parametrize("blank", ["", "--", "ANON", "anonymous", "000000"])
def test_blank_ids_never_make_one_patient_of_two(tmp_path: Path, blank: str) -> None:
    raw = tmp_path / "raw"
    write_still(raw / "1.dcm", 1, patient(1, PatientID=blank))
    write_still(raw / "2.dcm", 2, patient(2, PatientID=blank))
    records = records_of(capture(raw, tmp_path / "out"))
    assert len({record.group_id for record in records}) == 2
    assert {record.group_kind for record in records} == {GroupKind.CASE}


def test_random_pseudonyms_continue_from_their_crosswalk(export: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_still(raw / "x.dcm", 9, patient(1))
    crosswalk = tmp_path / "crosswalk.json"
    one = records_of(capture(raw, tmp_path / "one", crosswalk=crosswalk))
    assert crosswalk.stat().st_mode & 0o077 == 0
    two = records_of(capture(raw, tmp_path / "two", crosswalk=crosswalk))
    new = records_of(capture(raw, tmp_path / "three", crosswalk=tmp_path / "another.json"))
    assert one[0].group_id == two[0].group_id != new[0].group_id


def test_what_is_in_doubt_is_put_aside_with_a_private_preview(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_still(raw / "1.dcm", 1, patient(1))
    drawn = screen(2)
    write_dicom(raw / "2.dcm", drawn.pixels, regions=[Region(box=(0, 0, 319, 239))], elements=patient(2))
    (raw / "notes.txt").write_text("Madeup1^Person")
    made = capture(raw, tmp_path / "out")
    assert verdicts(made) == {"exported": 1, "region": 1, "broken": 1}
    assert made.quarantine == tmp_path / "out.quarantine"
    assert made.quarantine.stat().st_mode & 0o077 == 0
    assert sorted(list_files(made.quarantine)) == ["file-2.png", "quarantine.csv"]
    preview = decode_image((made.quarantine / "file-2.png").read_bytes(), "it")
    np.testing.assert_array_equal(preview[..., 0], drawn.pixels)
    assert "Madeup" not in (made.quarantine / "quarantine.csv").read_text()
    assert made.dataset is not None
    skips = [json.loads(line) for line in (made.out / "reports/skipped.jsonl").read_text().splitlines()]
    assert [skip["where"] for skip in skips] == ["file 2", "file 3"]
    assert made.dataset.manifest.skips == 2


def test_where_everything_is_put_aside_nothing_is_published(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "notes.txt").write_text("nothing")
    with pytest.raises(OutputError, match="no file could be exported"):
        capture(raw, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.quarantine/quarantine.csv").is_file()


def test_a_dry_run_says_the_same_and_writes_nothing(export: Path, made: Captured, tmp_path: Path) -> None:
    tried = capture(export, tmp_path / "out", key=made.out.parent / "site.key", dry_run=True)
    assert tried.dataset is None
    assert tried.files == made.files
    assert list(tmp_path.iterdir()) == []


def test_frames_are_chosen_thinned_and_counted(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    frames, regions = clip(1, 8)
    frames[4:] = frames[4]
    write_dicom(raw / "1.dcm", frames, regions=regions, elements=patient(1))
    every = capture(raw, tmp_path / "every", frames="every 2")
    assert [record.image.frame_index for record in records_of(every)] == [0, 2, 4]
    assert [done.thinned for done in every.files] == [1]
    sharpest = records_of(capture(raw, tmp_path / "sharpest", frames="sharpest 2"))
    assert len(sharpest) == 2
    for record in sharpest:
        assert int(next(f.text for f in record.source_fields if f.name == "Sharpness")) > 0


def test_the_export_may_be_an_archive(tmp_path: Path, export: Path, made: Captured) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    shutil.make_archive(str(raw / "all"), "zip", export)
    zipped = capture(raw, tmp_path / "out", key=made.out.parent / "site.key")
    assert verdicts(zipped) == {**verdicts(made), "archive": 1}
    assert {record.image_id for record in records_of(zipped)} == {
        record.image_id for record in records_of(made)
    }
    assert records_of(zipped)[0].source.startswith("file 1.")


def test_the_map_of_places_is_private_and_outside(export: Path, made: Captured, tmp_path: Path) -> None:
    key = made.out.parent / "site.key"
    capture(export, tmp_path / "out", key=key, source_map=tmp_path / "map.csv")
    lines = (tmp_path / "map.csv").read_text().splitlines()
    assert lines[:2] == ["file,path,member", "1,a/1.dcm,"]
    assert (tmp_path / "map.csv").stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="inside the dataset"):
        capture(export, tmp_path / "two", key=key, source_map=tmp_path / "two/map.csv")


def test_a_later_delivery_continues_numbers_and_parts(export: Path, made: Captured, tmp_path: Path) -> None:
    raw, key = tmp_path / "raw", made.out.parent / "site.key"
    write_still(raw / "1.dcm", 21, patient(1, study=3))
    write_still(raw / "2.dcm", 22, patient(1, study=1, instance=3))
    write_still(raw / "3.dcm", 23, patient(8))
    shutil.copy(export / "a/1.dcm", raw / "again.dcm")
    grown = capture(raw, tmp_path / "grown", key=key, append_to=made.out)
    assert verdicts(grown) == {"exported": 3, "repeated": 1}
    old, new = records_of(made), records_of(grown)
    assert new[: len(old)] == old
    added = {record.source.partition("#")[0]: record.image_id.split("/")[2:5] for record in new[len(old) :]}
    assert added["delivery 2 file 1"] == ["3", "1", "1"]
    assert added["delivery 2 file 2"] == ["1", "1", "3"]
    assert grown.dataset is not None
    assert made.dataset is not None
    before = {i: part for part, ids in made.dataset.split().items() for i in ids}
    after = {i: part for part, ids in grown.dataset.split().items() for i in ids}
    assert {i: after[i] for i in before} == before
    assert grown.dataset.verify() == ()
    new_key(tmp_path / "other.key")
    with pytest.raises(DatasetError, match="with this key"):
        capture(raw, tmp_path / "no", key=tmp_path / "other.key", append_to=made.out)


def test_a_foreign_dataset_is_not_continued(export: Path, converted: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="was not captured"):
        capture(export, tmp_path / "out", append_to=converted)


def test_an_empty_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(RawLayoutError, match="empty"):
        capture(tmp_path / "raw", tmp_path / "out")


@pytest.mark.parametrize(
    "options",
    [{"frames": "some"}, {"text": "ignore"}, {"encoder": "jpeg"}, {"workers": 0}, {"clinical": "t.csv"}],
)
def test_an_argument_that_means_nothing_is_refused(
    export: Path, tmp_path: Path, options: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        capture(export, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_bytes_do_not_depend_on_the_number_of_workers(
    export: Path, made: Captured, tmp_path: Path
) -> None:
    capture(export, tmp_path / "two", key=made.out.parent / "site.key", workers=2)
    assert bytes_of(tmp_path / "two") == bytes_of(made.out)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in list_files(folder) if path != "history.jsonl"}


def test_a_dataset_can_be_opened_again(made: Captured) -> None:
    assert len(list(Dataset(made.out).records())) == len(records_of(made))
