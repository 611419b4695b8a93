"""Croissant metadata: valid by MLCommons' own library, which reads every row of the tree by it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
from mlcroissant._src.core.context import Context, CroissantVersion
from mlcroissant._src.core.issues import GenerationError
from mlcroissant._src.core.rdf import make_context

from tests.published import Tree, cohort, tree_of, with_sources
from thyrodata.conversion import convert
from thyrodata.dataset import Dataset
from thyrodata.exports.about.provenance import provenance
from thyrodata.exports.hub.croissant import croissant
from thyrodata.schema.geometry import Box

# mlcroissant reads JSON-LD and Parquet by what rdflib and pandas call old.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]

RECOMMENDED = {"https://schema.org/datePublished", "https://schema.org/version"}
"""What mlcroissant recommends and nothing in a dataset states."""


def described(tree: Tree) -> Tree:
    """The tree with its metadata."""
    about = provenance(tree.dataset, "default")
    (tree.path / "croissant.json").write_bytes(croissant(about, tree.shards, features=tree.features))
    return tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    folder = tmp_path_factory.mktemp("croissant")
    return described(tree_of(with_sources(cohort(folder / "toy"), "ddti", "thyroidxl"), folder / "tree"))


@pytest.fixture(scope="module")
def loaded(tree: Tree) -> mlcroissant.Dataset:
    return mlcroissant.Dataset(tree.path / "croissant.json")


@pytest.fixture(scope="module")
def records(loaded: mlcroissant.Dataset) -> dict[str, dict[str, Any]]:
    """The records of images by their ids, as mlcroissant reads them."""
    return by_id(loaded)


def by_id(loaded: mlcroissant.Dataset) -> dict[str, dict[str, Any]]:
    found = list(loaded.records("images"))
    by_name = {record["images/image_id"].decode(): record for record in found}
    assert len(by_name) == len(found)
    return by_name


def file_bytes(record: dict[str, Any]) -> bytes:
    """The bytes that a picture is opened from and not yet decoded."""
    data: bytes = record["images/image"].fp.getvalue()
    return data


def test_it_is_valid_and_lacks_only_what_nothing_states(loaded: mlcroissant.Dataset) -> None:
    issues = loaded.metadata.ctx.issues
    assert not issues.errors
    assert {next(url for url in RECOMMENDED if url in text) for text in issues.warnings} == RECOMMENDED
    assert len(issues.warnings) == len(RECOMMENDED)
    assert loaded.metadata.ctx.conforms_to is CroissantVersion.V_1_1


def test_its_context_is_the_specifications(tree: Tree) -> None:
    context = tree.croissant()["@context"]
    published = make_context(Context(conforms_to=CroissantVersion.V_1_1))
    assert context.items() >= published.items()
    assert set(context) - set(published) == {"prov"}


def test_every_image_is_a_record_with_the_files_own_bytes(
    tree: Tree, records: dict[str, dict[str, Any]]
) -> None:
    said = {record.image_id: record for record in tree.dataset.records()}
    assert set(records) == set(said)
    for image_id, record in records.items():
        assert file_bytes(record) == tree.dataset.image_bytes(said[image_id])
        assert (record["images/width"], record["images/height"]) == (16, 12)
        assert record["images/group_id"].decode() == said[image_id].group_id


def test_the_split_of_each_record_is_the_datasets(tree: Tree, records: dict[str, dict[str, Any]]) -> None:
    for part, ids in tree.dataset.split("default").items():
        assert {records[image_id]["images/split"] for image_id in ids} == {part.encode()}


def test_splits_are_declared_with_their_meaning(loaded: mlcroissant.Dataset) -> None:
    assert {record["splits/name"]: record["splits/url"] for record in loaded.records("splits")} == {
        "train": "cr:TrainingSplit",
        "val": "cr:ValidationSplit",
        "test": "cr:TestSplit",
    }


def test_labels_are_numbers_of_listed_classes(
    tree: Tree, loaded: mlcroissant.Dataset, records: dict[str, dict[str, Any]]
) -> None:
    names = {
        record["case_tirads_kwak_classes/number"]: record["case_tirads_kwak_classes/name"]
        for record in loaded.records("case_tirads_kwak_classes")
    }
    for record in tree.dataset.records():
        read = records[record.image_id]
        assert names[read["images/case_tirads_kwak"]] == record.case_labels[0].value.value
        assert (read["images/case_malignancy"] is None) == (len(record.case_labels) == 1)


def test_boxes_are_the_findings_own(tree: Tree, records: dict[str, dict[str, Any]]) -> None:
    boxed = 0
    for record in tree.dataset.records():
        for found, read in zip(record.findings, records[record.image_id]["images/objects"], strict=False):
            box = found.geometry(Box)
            if isinstance(box, Box):
                boxed += 1
                assert [*read["images/objects/bbox"]] == [box.x, box.y, box.width, box.height]
            assert read["images/objects/finding_id"].decode() == found.finding_id
    assert boxed == 8


def test_a_negative_has_no_object_and_an_unread_image_says_nothing(
    records: dict[str, dict[str, Any]],
) -> None:
    assert not records["toy/2_a"].get("images/objects")
    (nothing,) = records["toy/2_b"]["images/objects"]
    assert set(nothing.values()) == {None}


def test_files_are_told_by_size_and_checksum(tree: Tree) -> None:
    files = [each for each in tree.croissant()["distribution"] if each["@type"] == "cr:FileObject"]
    assert {each["contentUrl"] for each in files} == {shard.path for shard in tree.shards}
    for each in files:
        data = (tree.path / each["contentUrl"]).read_bytes()
        assert each["sha256"] == hashlib.sha256(data).hexdigest()
        assert each["contentSize"] == f"{len(data)} B"


def test_what_is_not_stated_is_said_to_be_so(tree: Tree) -> None:
    said = tree.croissant()
    assert said["license"] == ["ddti: not stated", "thyroidxl: not stated"]
    assert said["rai:dataSocialImpact"] == "not stated"
    sensitive = said["rai:personalSensitiveInformation"]
    assert "Consent: ddti: not stated" in sensitive
    assert "Consent: thyroidxl: written informed consent of all patients, as the authors state" in sensitive
    assert not {"datePublished", "creator", "url"} & said.keys()


def test_it_is_made_of_the_dataset_alone(tree: Tree) -> None:
    about = provenance(tree.dataset, "default")
    once, again = (croissant(about, tree.shards, features=tree.features) for _ in range(2))
    assert once == again == (tree.path / "croissant.json").read_bytes()
    assert str(tree.path).encode() not in once


def test_a_column_that_is_not_there_is_noticed(tree: Tree, tmp_path: Path) -> None:
    said = tree.croissant()
    images = next(each for each in said["recordSet"] if each["@id"] == "images")
    images["field"][-1]["source"]["extract"]["column"] = "nothing"
    (tmp_path / "data").symlink_to(tree.path / "data")
    (tmp_path / "croissant.json").write_text(json.dumps(said))
    with pytest.raises(GenerationError):
        by_id(mlcroissant.Dataset(tmp_path / "croissant.json"))


def test_the_ddti_sample_is_read_whole(samples: Path, tmp_path: Path) -> None:
    convert("ddti", samples / "ddti", tmp_path / "ddti")
    dataset = Dataset(tmp_path / "ddti")
    tree = described(tree_of(dataset, tmp_path / "tree"))
    records = by_id(mlcroissant.Dataset(tree.path / "croissant.json"))
    outlines = Counter[str]()
    for record in dataset.records():
        assert file_bytes(records[record.image_id]) == dataset.image_bytes(record)
        outlines["given"] += len(record.findings)
        outlines["read"] += sum(
            each["images/objects/finding_id"] is not None
            for each in records[record.image_id].get("images/objects") or ()
        )
    assert len(records) == dataset.manifest.count("images")
    assert outlines["given"] == outlines["read"] == dataset.manifest.count("findings", "nodule")
