"""DDTI and DDTI-637 merged: parts of both releases, against an answer key that nothing but tests reads.

The key says which picture of DDTI each image of the re-cut shows; where DDTI has byte-identical pictures it
names one of them. Of the releases themselves only counts stand here.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

import thyrodata
from thyrodata.dataset import Dataset
from thyrodata.duplicates import How, Picture, find_same
from thyrodata.partition import SplitPlan, audit_dataset, plan_split
from thyrodata.schema.vocab import GroupKind

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def key(samples):
    with (samples / "ddti637/map_to_ddti.csv").open(newline="") as file:
        return {f"ddti637/{row['id637']}": f"ddti/{row['ddti_image']}" for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def parents(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parents")
    made = [thyrodata.convert(name, samples / name, folder / name).dataset for name in ("ddti", "ddti637")]
    return tuple(dataset.path for dataset in made if dataset)


@pytest.fixture(scope="module")
def merged(parents, tmp_path_factory):
    return thyrodata.merge(parents, tmp_path_factory.mktemp("merged") / "both", link=True)


@pytest.fixture(scope="module")
def twins(parents) -> dict[str, set[str]]:
    """The byte-identical pictures of DDTI: to each all that it equals, itself too."""
    found = defaultdict(set)
    for record in Dataset(parents[0]).records():
        found[record.image.sha256].add(record.image_id)
    return {image_id: images for images in found.values() for image_id in images}


def test_every_image_of_the_recut_is_found_in_its_picture_and_in_no_other(merged, key, twins):
    shown = defaultdict(set)
    for same in merged.account.same:
        one, other = same.image_ids
        if other in key and one not in key:
            shown[other].add(one)
    assert len(key) == 382
    assert shown.keys() == key.keys()
    assert all(found <= twins[key[image_id]] for image_id, found in shown.items())


def test_cases_of_ddti_are_linked_by_equal_bytes_alone(merged, key):
    within = [same for same in merged.account.same if not set(same.image_ids) & key.keys()]
    assert {same.how for same in within} == {How.BYTES}
    case = {record.image_id: record.group_id for record in merged.revision.dataset.records()}
    crossing = [same.image_ids for same in within if len({case[name] for name in same.image_ids}) > 1]
    assert crossing == [("ddti/150_1", "ddti/233_2")]


def test_every_image_of_the_recut_is_in_the_case_of_its_picture(merged, key, twins):
    found = {record.image_id: record for record in merged.revision.dataset.records()}
    assert merged.revision.dataset.verify() == ()
    assert len(found) == 360 + 382
    for image_id, picture in key.items():
        record = found[image_id]
        assert record.group_kind is GroupKind.CASE
        assert record.group_id in {found[twin].group_id for twin in twins[picture]}
        assert record.remarks[-1].code == "same-picture"
    for image_id in found.keys() - key.keys():
        assert found[image_id].group_id == f"ddti/{image_id.removeprefix('ddti/').partition('_')[0]}"
    assert merged.account.regrouped == 382


def test_no_picture_crosses_parts_for_any_seed(merged, key):
    dataset = merged.revision.dataset
    for seed in range(5):
        part = {
            row.image_id: row.part
            for row in plan_split(dataset.survey(), SplitPlan(seed=seed)).split.assignments
        }
        assert all(part[image_id] == part[picture] for image_id, picture in key.items())
    assert audit_dataset(dataset, "default", dataset.path / "reports/same_pictures.csv") == ()


def test_pictures_of_another_source_are_the_same_as_none(samples):
    """TN3K's pictures are of another hospital."""

    def pictures(name: str, files: list[Path]) -> list[Picture]:
        return [Picture(image_id=f"{name}/{file.stem}", place=str(file), sha256=None) for file in files]

    tn3k = pictures("tn3k", sorted((samples / "tn3k/trainval-image").iterdir()))
    ddti = pictures("ddti", sorted((samples / "ddti").glob("*.jpg")))
    found = find_same([*tn3k, *ddti])
    assert len(tn3k) == 32
    assert [same for same in found if any(name.startswith("tn3k/") for name in same.image_ids)] == []


def test_a_withdrawn_case_leaves_no_copy_in_the_other_source(merged, key, twins, tmp_path):
    """The two cases that share a picture: its copies in the re-cut joined the group of one of them."""
    shared = next(images for images in twins.values() if len({i.partition("_")[0] for i in images}) > 1)
    withdrawn = max(shared).partition("_")[0]
    made = thyrodata.remove(merged.revision.out, tmp_path / "out", groups=[withdrawn], link=True)
    left = {record.image_id for record in Dataset(tmp_path / "out").records()}
    copies = {image_id for image_id, picture in key.items() if picture in shared}
    assert len(copies) == 2
    assert not left & (shared | copies)
    assert set(made.same_pictures) == (shared | copies) - {max(shared)}
    assert Dataset(tmp_path / "out").verify() == ()
