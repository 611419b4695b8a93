"""Marks of a dataset: listed in a table that select reads, and painted over in a new dataset."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from curated import content, unchanged
from pycocotools import mask as coco_mask

from tests.faults.model import image_record, nodule, png
from tests.toy import make_dataset
from thyrodata.curation.markers import find_markers
from thyrodata.dataset import Dataset
from thyrodata.io.images import decode_image
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.schema.geometry import Box

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MARKED = PhantomSpec(seed=3, calipers="+", mark_colour="cyan")
CRITERIA = """
criteria:
- name: unmarked
  exclude: {column: {name: has_marker, is: ["yes"]}}
  unknown: stop
"""


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clean phantoms, and a marked one whose nodule is drawn."""
    folder = tmp_path_factory.mktemp("marks") / "data"
    drawn = {"a": phantom(PhantomSpec(seed=4)), "b": phantom(MARKED), "c": phantom(PhantomSpec(seed=6))}
    files = {f"images/{name}.jpg": png(made.pixels) for name, made in drawn.items()}
    whole = nodule(Box(x=0, y=0, width=560, height=360))
    records = [
        image_record(name, *((whole,) if name == "b" else ()), picture=files[f"images/{name}.jpg"])
        for name in drawn
    ]
    make_dataset(folder, records, files)
    return folder


@pytest.fixture
def data(parent: Path, tmp_path: Path) -> Path:
    return shutil.copytree(parent, tmp_path / "data")


def pixels_of(dataset: Dataset) -> dict[str, np.ndarray]:
    return {
        each.image_id: decode_image(dataset.image_bytes(each) or b"", each.image_id)
        for each in dataset.records()
    }


def test_the_table_has_a_row_for_each_image(data: Path) -> None:
    made = find_markers(data)
    assert [each.image_id for each in made.marked] == ["toy/b"]
    rows = pq.read_table(data / "reports/markers.parquet").to_pylist()
    assert [(row["image_id"], row["has_marker"]) for row in rows] == [
        ("toy/a", "no"),
        ("toy/b", "yes"),
        ("toy/c", "no"),
    ]
    assert "plus-caliper" in rows[1]["kinds"].split("+")
    size = [rows[1]["mask_height"], rows[1]["mask_width"]]
    mask = coco_mask.decode({"size": size, "counts": rows[1]["mask_counts"]}).astype(bool)
    truth = phantom(MARKED).marker_mask
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.8
    assert Dataset(data).verify() == ()


def test_marks_are_painted_over_and_nothing_else(data: Path, tmp_path: Path) -> None:
    made = find_markers(data, tmp_path / "out")
    (marked,) = made.marked
    assert marked.mask is not None
    before, after = pixels_of(Dataset(data)), pixels_of(Dataset(tmp_path / "out"))
    rle = {"size": [marked.mask.height, marked.mask.width], "counts": marked.mask.counts}
    mask = coco_mask.decode(rle).astype(bool)
    assert (before["toy/b"][~mask] == after["toy/b"][~mask]).all()
    assert (before["toy/b"][mask] != after["toy/b"][mask]).any()
    for name in ("toy/a", "toy/c"):
        assert (before[name] == after[name]).all()
    records = {each.image_id: each for each in Dataset(tmp_path / "out").records()}
    (remark,) = records["toy/b"].remarks
    n = int(mask.sum())
    assert (remark.code, remark.text) == (
        "inpainted",
        f"{n} px of marks; {n} px of them in finding 1",
    )
    source = next(each for each in Dataset(data).records() if each.image_id == "toy/b")
    assert records["toy/b"].image.crop.frame_key == source.image.sha256
    assert records["toy/a"].remarks == ()
    assert Dataset(tmp_path / "out").verify() == ()


def test_a_painted_picture_is_not_marked_any_more(data: Path, tmp_path: Path) -> None:
    find_markers(data, tmp_path / "out")
    assert find_markers(tmp_path / "out").marked == ()


def test_select_reads_the_table(data: Path, tmp_path: Path, command) -> None:
    find_markers(data)
    (tmp_path / "criteria.yaml").write_text(CRITERIA)
    ran = command(
        "select",
        data,
        "--criteria",
        tmp_path / "criteria.yaml",
        "--table",
        data / "reports/markers.parquet",
        "-o",
        tmp_path / "clean",
    )
    assert (ran.code, ran.err) == (0, "")
    assert [each.image_id for each in Dataset(tmp_path / "clean").records()] == ["toy/a", "toy/c"]


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_workers(data: Path, tmp_path: Path) -> None:
    find_markers(data, tmp_path / "one")
    first = (data / "reports/markers.parquet").read_bytes()
    find_markers(data, tmp_path / "two", workers=2)
    assert (data / "reports/markers.parquet").read_bytes() == first
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_dry_run_writes_nothing(data: Path, tmp_path: Path, command) -> None:
    with unchanged(data):
        ran = command("qc", "markers", data, "--inpaint", tmp_path / "out", "--dry-run", "--json")
    said = json.loads(ran.out)
    assert (ran.code, said["marked"], said["table"]) == (0, 1, None)
    assert not (tmp_path / "out").exists()


def test_an_image_that_cannot_be_read_is_named(data: Path, command) -> None:
    whole = (data / "images/c.jpg").read_bytes()
    (data / "images/c.jpg").write_bytes(whole[: len(whole) // 2])
    ran = command("qc", "markers", data, "--dry-run")
    assert ran.code == 0
    assert "toy/c" in ran.out
