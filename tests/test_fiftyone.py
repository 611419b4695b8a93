"""FiftyOne: readings in conflict are seen side by side as they were drawn, and readers stay unnamed.

What needs FiftyOne and its database is skipped where they are not: see ``fiftyonedb.py``.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from curated import content, unchanged, with_images
from PIL import Image
from study import write_study
from toy import finding, record

from thyrodata.agreement.queue import Conflict
from thyrodata.conversion import convert
from thyrodata.converters.ddti_v2 import DdtiV2Settings
from thyrodata.curation.queue import queue_conflicts
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, DatasetError, MissingExtraError, OutputError, UsageError
from thyrodata.exports.fiftyone import SIDE_BY_SIDE, ConflictsView, conflicts_view
from thyrodata.io.images import decode_image
from thyrodata.io.masks import encode_mask
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Box, Calipers, Polygon, PolygonPart
from thyrodata.schema.record import Finding, ImageRecord, Label, Read, Reading
from thyrodata.schema.vocab import Basis, Malignancy, TiradsKwak

pytest_plugins = ["tests.fiftyonedb"]

READERS = ("Adelheid", "Bartholomew")
WIDE, HIGH = 16, 12
BOX = Box(x=2.5, y=3, width=5, height=3.25)
TRIANGLE = ((1.0, 1.0), (9.5, 1.0), (5.0, 8.25))
SQUARE = ((10.0, 8.0), (14.0, 8.0), (14.0, 11.0), (10.0, 11.0))
POLYGON = Polygon(parts=(PolygonPart(exterior=TRIANGLE), PolygonPart(exterior=SQUARE)))
HOLE = ((10, 4), (12, 4), (12, 8), (10, 8))
HOLED = Polygon(parts=(PolygonPart(exterior=((8, 2), (14, 2), (14, 11), (8, 11)), holes=(HOLE,)),))
PIXELS = np.arange(HIGH * WIDE).reshape(HIGH, WIDE) % 7 == 0
MASK = encode_mask(PIXELS)


def drawn(name: str, geometry, reader: str = READERS[0], **fields) -> Finding:
    return finding(name, geometry, origin=Read(reader=reader), **fields)


def conflict(name: str, first=(), second=(), **fields) -> Conflict:
    """Drawings of the two readers of an image."""
    found = [
        (reader, tuple(drawn(f"{reader}/{n}", each, reader) for n, each in enumerate(geometries)))
        for reader, geometries in zip(READERS, (first, second), strict=True)
    ]
    return Conflict(image_id=f"toy/{name}", readings=tuple(found), **fields)


def png(seed: int, width: int = WIDE, height: int = HIGH) -> bytes:
    return encode_png(np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8))


def dataset_of(folder: Path, conflicts, images=None, size: tuple[int, int] = (WIDE, HIGH)) -> Dataset:
    """A dataset of the images in conflict, in groups of two."""
    records: list[ImageRecord] = []
    for number, each in enumerate(conflicts):
        name = each.image_id.partition("/")[2]
        readings = [Reading(reader=reader) for reader in READERS]
        made = record(name, group=f"ward{number // 2}", readings=readings)
        image = replace(made.image, width=size[0], height=size[1])
        records.append(replace(made, image=image, findings=tuple(each.findings)))
    given = {each.image_id: png(7, *size) for each in conflicts} if images is None else images
    return with_images(folder, records, given)


# ---------------------------------------------------------------- what needs no FiftyOne


def test_without_fiftyone_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fiftyone", None)
    conflicts = [conflict("0", [BOX])]
    with pytest.raises(MissingExtraError, match=r"thyrodata\[fiftyone\]"):
        conflicts_view(dataset_of(tmp_path / "d", conflicts), conflicts, "x", previews=tmp_path / "p")


def test_what_cannot_be_shown_is_refused_before_fiftyone_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fiftyone", None)
    one, other = conflict("0", [BOX]), conflict("1", [BOX])
    dataset = dataset_of(tmp_path / "d", [one])
    previews = tmp_path / "p"
    with pytest.raises(UsageError, match="there is no conflict"):
        conflicts_view(dataset, [], "x", previews=previews)
    with pytest.raises(UsageError, match="two conflicts are of one image"):
        conflicts_view(dataset, [one, one], "x", previews=previews)
    with pytest.raises(DatasetError, match="no image toy/1"):
        conflicts_view(dataset, [one, other], "x", previews=previews)
    with pytest.raises(OutputError, match="inside the source"):
        conflicts_view(dataset, [one], "x", previews=dataset.path / "p")
    blind = dataset_of(tmp_path / "blind", [one], images={})
    with pytest.raises(DatasetError, match="no image to show"):
        conflicts_view(blind, [one], "x", previews=previews)


# ---------------------------------------------------------------- FiftyOne and its database


def made_of(tmp_path: Path, conflicts, *, name: str = "toy", **options) -> ConflictsView:
    images = options.pop("images", None)
    dataset = dataset_of(tmp_path / "data", conflicts, images, options.pop("size", (WIDE, HIGH)))
    return conflicts_view(dataset, conflicts, name, previews=tmp_path / "previews", **options)


def shown(fo, name: str = "toy") -> list:
    """The samples, the readings of an image one after the other."""
    return list(fo.load_dataset(name).load_saved_view(SIDE_BY_SIDE))


def test_each_reading_is_a_slice_of_the_group_of_its_image(fo, tmp_path):
    conflicts = [
        conflict("0", [MASK], [BOX], why=("Dice 0.41", "one grade each")),
        conflict("1", [BOX], [BOX, POLYGON]),
    ]
    made = made_of(tmp_path, conflicts)
    toy = fo.load_dataset("toy")
    assert (made.images, made.shapes, made.name) == (2, 5, "toy")
    assert (toy.media_type, toy.persistent) == ("group", True)
    assert sorted(toy.group_slices) == ["reading 1", "reading 2"]
    groups = list(toy.iter_groups())
    assert [sorted(group) for group in groups] == [["reading 1", "reading 2"]] * 2
    for number, group in enumerate(groups):
        for sample in group.values():
            assert (sample.image_id, sample.group_id) == (f"toy/{number}", "toy/ward0")
            assert sample.why == list(conflicts[number].why)
            assert sample.filepath == str(tmp_path / "data/images" / f"{number}.png")


def test_the_saved_view_has_the_readings_of_an_image_one_after_the_other(fo, tmp_path):
    made_of(tmp_path, [conflict(str(number), [BOX], [MASK]) for number in range(3)])
    assert [(each.image_id, each.group.name) for each in shown(fo)] == [
        (f"toy/{image}", f"reading {reading}") for image in range(3) for reading in (1, 2)
    ]


def test_drawings_and_reading_numbers_are_shown_by_the_app(fo, tmp_path):
    made_of(tmp_path, [conflict("0", [MASK], [POLYGON], agreed=(drawn("2", BOX), drawn("3", POLYGON)))])
    assert set(fo.load_dataset("toy").app_config.active_fields.paths) == {
        "reading",
        "reading_outlines",
        "agreed",
        "agreed_outlines",
        "group.name",
    }


SIZES = [(1, 1), (7, 5), (100, 41), (333, 600), (560, 360), (800, 29)]


@pytest.mark.parametrize("size", SIZES)
def test_fiftyone_renders_masks_pixel_for_pixel(fo, tmp_path, size):
    """As its own code renders what it reads back; the App refuses arrays that run down the columns."""
    random = np.random.default_rng(size)
    width, height = size
    pixels = {}
    for number in range(40):
        left, top = random.integers(0, width), random.integers(0, height) if number else 0
        right, bottom = (
            random.integers(left, width) + 1,
            random.integers(top, height) + 1 if number else height,
        )
        each = np.zeros((height, width), bool)
        each[top:bottom, left:right] = random.random((bottom - top, right - left)) < 0.6
        each[top, left] = each[bottom - 1, right - 1] = True
        pixels[f"toy/{number}"] = each
    conflicts = [conflict(image_id[4:], [encode_mask(each)]) for image_id, each in pixels.items()]
    made_of(tmp_path, conflicts, size=size)
    seen = 0
    for sample in shown(fo):
        for detection in sample.reading.detections if sample.reading else ():
            seen += 1
            assert detection.mask.flags.c_contiguous
            rendered = detection.to_segmentation(frame_size=size).mask
            assert np.array_equal(rendered > 0, pixels[sample.image_id])
    assert seen == 40


def test_boxes_and_outlines_are_shares_of_the_image(fo, tmp_path):
    made_of(tmp_path, [conflict("0", [BOX, POLYGON])])
    (sample,) = (each for each in shown(fo) if each.reading)
    (box,) = sample.reading.detections
    assert box.bounding_box == [2.5 / 16, 3 / 12, 5 / 16, 3.25 / 12]
    assert box.mask is None
    (polyline,) = sample.reading_outlines.polylines
    for points, ring in zip(polyline.points, (TRIANGLE, SQUARE), strict=True):
        assert np.multiply(points, (WIDE, HIGH)) == pytest.approx(np.array(ring))
    assert polyline.closed
    assert polyline.filled


def test_findings_are_called_by_what_is_decided_on(fo, tmp_path):
    labels = (
        Label(value=TiradsKwak("4a"), basis=Basis.IMAGING),
        Label(value=Malignancy.MALIGNANT, basis=Basis.CYTOLOGY),
    )
    graded = Conflict(
        image_id="toy/0",
        readings=((READERS[0], (drawn("1", BOX, labels=labels),)), (READERS[1], (drawn("2", BOX),))),
    )
    made_of(tmp_path, [graded])
    called = [each.reading.detections[0].label for each in shown(fo)]
    assert sorted(called) == ["nodule", "tirads-kwak/4a"]


def test_a_reader_who_drew_nothing_has_a_sample_and_all_have_what_is_settled(fo, tmp_path):
    made = made_of(tmp_path, [conflict("0", [MASK], agreed=(drawn("9", BOX),))])
    assert sorted(bool(each.reading) for each in shown(fo)) == [False, True]
    for sample in shown(fo):
        assert [each.label for each in sample.agreed.detections] == ["nodule"]
    assert made.shapes == 2


def test_holes_become_pixels_and_what_has_no_area_is_counted(fo, tmp_path):
    line = Calipers(long=((1, 1), (5, 5)))
    made = made_of(tmp_path, [conflict("0", [HOLED], [line])])
    assert (made.as_pixels, made.shapes) == (1, 1)
    assert [note.where for note in made.not_shown] == [f"toy/0#{READERS[1]}/0"]
    (sample,) = (each for each in shown(fo) if each.reading)
    expected = np.zeros((HIGH, WIDE), bool)
    expected[2:11, 8:14] = True
    expected[4:8, 10:12] = False
    mask = sample.reading.detections[0].to_segmentation(frame_size=(WIDE, HIGH)).mask
    assert np.array_equal(mask > 0, expected)


def test_numbers_and_files_are_those_of_the_queue_of_the_same_seed(fo, tmp_path):
    """The drawing that the FiftyOne sample shows is of the reader whom the queue's secret table names."""
    conflicts = [conflict(str(number), [MASK], [BOX]) for number in range(12)]
    for seed in (0, 5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        dataset = dataset_of(folder / "data", conflicts)
        queue_conflicts(dataset, folder / "queue", arbiter="Cleo", conflicts=conflicts, seed=seed)
        conflicts_view(dataset, conflicts, f"seed {seed}", previews=folder / "previews", seed=seed)
        with (folder / "queue/readings.csv").open() as table:
            queued = {
                (row["image_id"], row["file"], f"reading {row['reading']}", row["reader"])
                for row in csv.DictReader(table)
            }
        seen = {
            (each.image_id, each.file, each.group.name, READERS[each.reading.detections[0].mask is None])
            for each in shown(fo, f"seed {seed}")
        }
        assert seen == queued
        assert len({row[2:] for row in seen}) == 4, "a number goes with a reader"


def test_no_reader_is_named_anywhere_in_the_database(fo, tmp_path):
    made_of(tmp_path, [conflict("0", [MASK], [POLYGON], agreed=(drawn("2", BOX),))])
    database = fo.core.odm.get_db_conn()
    said = json.dumps(
        {name: list(database[name].find()) for name in database.list_collection_names()}, default=repr
    )
    assert "toy/ward0" in said
    assert not any(reader in said for reader in READERS)


@pytest.mark.parametrize(("suffix", "mode"), [("png", "L"), ("jpg", "RGB"), ("bmp", "RGB")])
def test_metadata_is_what_fiftyone_itself_would_find(fo, tmp_path, suffix, mode):
    file = tmp_path / f"image.{suffix}"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (HIGH, WIDE, 3), np.uint8)).convert(mode).save(
        file
    )
    made_of(tmp_path, [conflict("0", [BOX])], images={"toy/0": file.read_bytes()})
    assert shown(fo)[0].metadata == fo.ImageMetadata.build_for(str(file))


def test_an_image_of_16_bits_is_previewed_beside_the_dataset(fo, tmp_path):
    pixels = np.random.default_rng(3).integers(1000, 1400, (HIGH, WIDE), np.uint16)
    conflicts = [conflict("0", [BOX]), conflict("1", [BOX])]
    dataset = dataset_of(tmp_path / "data", conflicts, {"toy/0": encode_png(pixels), "toy/1": png(1)})
    with unchanged(dataset.path):
        made = conflicts_view(dataset, conflicts, "toy", previews=tmp_path / "previews")
    assert made.previews == 1
    assert len(content(tmp_path / "previews")) == 1
    files = {each.filepath for each in shown(fo)}
    (preview,) = (Path(file) for file in files if "previews" in file)
    assert dataset.path / "images/1.png" in map(Path, files)
    seen = decode_image(preview.read_bytes(), str(preview))
    assert seen.dtype == np.uint8
    assert (seen.min(), seen.max()) == (0, 255)
    order = np.argsort(pixels, axis=None)
    assert (np.diff(seen.ravel()[order].astype(int)) >= 0).all()


def test_progress_counts_images(fo, tmp_path):
    told = []
    made_of(tmp_path, [conflict(str(n), [BOX]) for n in range(3)], progress=lambda *each: told.append(each))
    assert told == [(1, 3), (2, 3), (3, 3)]


# ---------------------------------------------------------------- names


def test_a_dataset_of_the_name_is_replaced_only_when_asked(fo, tmp_path):
    made_of(tmp_path, [conflict("0", [BOX])], name="My view")
    again = Dataset(tmp_path / "data"), [conflict("0", [MASK])], "my-view"
    with pytest.raises(OutputError, match="FiftyOne has a dataset My view"):
        conflicts_view(*again, previews=tmp_path / "p")
    assert fo.list_datasets() == ["My view"]
    conflicts_view(*again, previews=tmp_path / "p", overwrite=True)
    assert fo.list_datasets() == ["my-view"]


def test_a_dataset_of_someone_else_is_never_replaced(fo, tmp_path):
    fo.Dataset("toy", persistent=True)
    with pytest.raises(OutputError, match="thyrodata did not make"):
        made_of(tmp_path, [conflict("0", [BOX])], overwrite=True)
    assert fo.load_dataset("toy").info == {}


def test_a_name_that_fiftyone_cannot_take_is_refused(fo, tmp_path):
    with pytest.raises(UsageError, match="cannot be called '---'"):
        made_of(tmp_path, [conflict("0", [BOX])], name="---")
    assert fo.list_datasets() == []


def test_a_failure_leaves_what_was_there_and_nothing_else(fo, tmp_path):
    made_of(tmp_path, [conflict("0", [BOX])])
    both = [conflict("0", [BOX]), conflict("1", [BOX])]
    odd = dataset_of(tmp_path / "odd", both, {"toy/0": png(1), "toy/1": png(1, 15, 12)})
    with pytest.raises(CaseError, match="15 x 12 px, its record says 16 x 12"):
        conflicts_view(odd, both, "toy", previews=tmp_path / "previews", overwrite=True)
    assert fo.list_datasets() == ["toy"]
    assert fo.load_dataset("toy").first().image_id == "toy/0"
    gone = dataset_of(tmp_path / "gone", both)
    (gone.path / "images/1.png").unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        conflicts_view(gone, both, "other", previews=tmp_path / "previews")
    assert fo.list_datasets() == ["toy"]


# ---------------------------------------------------------------- no database

NO_DATABASE = """
import os
import thyrodata.exports.fiftyone as ours
from thyrodata.errors import MissingExtraError
import fiftyone
fiftyone.constants.FIFTYONE_DB_BIN_DIR = os.devnull
try:
    ours.open_fiftyone()
except MissingExtraError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("uri", [None, "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200", "no://address"])
def test_without_a_database_both_ways_to_one_are_told(mongod, tmp_path, uri):
    environment = {name: text for name, text in os.environ.items() if not name.startswith("FIFTYONE_")}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    environment |= {"FIFTYONE_DATABASE_URI": uri} if uri else {}
    run = subprocess.run(
        [sys.executable, "-c", NO_DATABASE], env=environment, check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    said = run.stdout.splitlines()
    assert said[0].startswith("FiftyOne has no database: ")
    assert "fiftyone-db" in said[1]
    assert "FIFTYONE_DATABASE_URI" in said[1]


# ---------------------------------------------------------------- published readings


@pytest.mark.slow
def test_published_masks_are_seen_pixel_for_pixel(fo, samples, tmp_path):
    """Every mask of the readers of the sample, as FiftyOne renders it, is the mask that the record holds."""
    given = DdtiV2Settings(images=samples / "ddti")
    dataset = convert("ddti_v2", samples / "ddti_v2", tmp_path / "v2", settings=given).dataset
    conflicts, expected = [], []
    for each in dataset.records():
        by = {
            r.reader: tuple(f for f in each.findings if f.origin == Read(reader=r.reader))
            for r in each.readings
        }
        if len(by) > 1:
            conflicts.append(Conflict(image_id=each.image_id, readings=tuple(by.items())))
            expected += [(each.image_id, f.geometries[0].counts) for f in each.findings]
    conflicts_view(dataset, conflicts, "published", previews=tmp_path / "previews")
    seen = [
        (
            sample.image_id,
            encode_mask(
                detection.to_segmentation(frame_size=(sample.metadata.width, sample.metadata.height)).mask > 0
            ).counts,
        )
        for sample in shown(fo, "published")
        for detection in (sample.reading.detections if sample.reading else ())
    ]
    assert sorted(seen) == sorted(expected)
    assert len(seen) > 200


# ---------------------------------------------------------------- the command


def test_what_a_policy_leaves_open_is_looked_at(fo, command, tmp_path):
    study = write_study(tmp_path / "study")
    (tmp_path / "policy.yaml").write_text(
        "name: two\nreaders: [A, B]\nmatch: 0.1\noutlines:\n  agree: {dice: 0.8}\n  then: union\n"
        "unmatched: adjudicate\none-reader: leave\n"
    )
    given = ("agree", "view", study.path, "open", "--policy", tmp_path / "policy.yaml")
    ran = command(*given, "--previews", tmp_path / "previews", "--json")
    assert (ran.code, json.loads(ran.out)["images"]) == (0, 2)
    assert {sample.image_id for sample in shown(fo, "open")} == {"study/1", "study/3"}
    again = command(*given, "--previews", tmp_path / "previews")
    assert (again.code, again.err.splitlines()[0]) == (1, "error: FiftyOne has a dataset open")
