"""The tree for the Hugging Face Hub: `datasets` reads it as it was, and thyrodata restores it to the byte."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from curated import content, picture, with_images
from hypothesis import given, settings
from hypothesis import strategies as st
from loaded import differences, loaded_rows, record_of
from pycocotools import mask as coco_mask

from tests import strategies as some
from tests.toy import finding, graded, make_dataset, record
from thyrodata import convert, export
from thyrodata.converters.deeplesion import DeepLesionSettings
from thyrodata.curation.restore import restore
from thyrodata.dataset import Dataset
from thyrodata.errors import DatasetError, UsageError
from thyrodata.exports.huggingface import HuggingfaceSettings
from thyrodata.exports.view import exported_readers
from thyrodata.io.masks import encode_mask
from thyrodata.io.png import encode_png
from thyrodata.partition import SplitPlan, add_split
from thyrodata.schema.geometry import Box, Line, Polygon, PolygonPart
from thyrodata.schema.record import ImageRef, Label, OfficialSplit, Read, Reading
from thyrodata.schema.vocab import Coverage, Malignancy, TiradsKwak

# pycocotools' own decoder hands numpy an array in the way of numpy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

COMPLETE = (Reading(coverage=Coverage.COMPLETE),)
NONE = (Reading(coverage=Coverage.NONE),)
SQUARE = Box(x=2, y=3, width=4, height=5)
RING = Polygon(
    parts=(
        PolygonPart(exterior=((1, 1), (12, 1), (12, 9), (1, 9)), holes=(((3, 3), (6, 3), (6, 6), (3, 6)),)),
    )
)
DOTS = np.arange(12 * 16).reshape(12, 16) % 5 == 0


@pytest.fixture(autouse=True)
def _quiet(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def make(folder: Path, *records, without: str = "") -> Dataset:
    """A dataset of toy records, each with a picture of its own unless it is called so."""
    names = [each.image_id for each in records if each.image_id != f"toy/{without}"]
    return with_images(folder, records, {name: picture(number) for number, name in enumerate(names)})


SPLIT = "official-own"


def part(name: str):
    return (OfficialSplit(name="own", part=name),)


def tree_of(dataset: Dataset, out: Path, *, split: str = SPLIT, reader=None, **chosen) -> Path:
    export("huggingface", dataset, out, split=split, reader=reader, settings=HuggingfaceSettings(**chosen))
    return out


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> tuple[Dataset, Path]:
    """One of each: drawn, negative, unread, unsure, without a file, in no part of the split."""
    kwak, benign = graded("4a"), (Label(value=Malignancy.BENIGN),)
    folder = tmp_path_factory.mktemp("everything")
    dataset = make(
        folder / "d",
        record(
            "box", finding("1", SQUARE), readings=COMPLETE, case_labels=kwak, official_splits=part("train")
        ),
        record("ring", finding("1", RING, labels=benign), official_splits=part("train"), image_labels=kwak),
        record("mask", finding("1", encode_mask(DOTS)), official_splits=part("test"), case_labels=kwak),
        record("negative", readings=COMPLETE, official_splits=part("test")),
        record("unread", readings=NONE, official_splits=part("train"), case_labels=graded("5")),
        record("unsure", official_splits=part("test")),
        record("absent", finding("1", SQUARE), official_splits=part("train")),
        record("stroke", finding("1", Line(points=((1, 1), (9, 9)))), official_splits=part("train")),
        record("outside", finding("1", SQUARE), case_labels=graded("2") + graded("3")),
        without="absent",
    )
    return dataset, tree_of(dataset, folder / "tree")


def rows_of(tree: Path, config: str) -> dict[str, dict]:
    """The rows of a config by the names of their images, each with its part."""
    found = datasets.load_dataset(str(tree), config)
    return {
        row["image_id"][4:]: {**row, "part": name}
        for name, part in found.items()
        for row in part.cast_column("image", datasets.Image(decode=False))
    }


def test_a_card_names_nobody_s_answer_where_none_was_given(everything, tmp_path):
    dataset, tree = everything
    assert "answers for" not in (tree / "README.md").read_text()
    answered = tree_of(dataset, tmp_path / "t", answered_for=("qc-missing: quality control | was\nnot run",))
    assert "\n- qc-missing: quality control | was not run\n" in (answered / "README.md").read_text()


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_gives_every_record_and_every_byte(everything, streaming):
    dataset, tree = everything
    assert differences(dataset, loaded_rows(str(tree), streaming=streaming)) == []


def test_what_differs_is_seen(everything):
    """The comparison itself can fail."""
    dataset, tree = everything
    rows = loaded_rows(str(tree), streaming=False)
    rows[0] = {**rows[0], "group_id": "toy/other"}
    rows[1] = {**rows[1], "image": {"bytes": b"other", "path": None}}
    assert len(differences(dataset, rows)) == 2
    assert differences(dataset, rows[2:]) != []


def test_each_image_is_in_its_part(everything):
    _, tree = everything
    rows = rows_of(tree, "default")
    assert {name: row["part"] for name, row in rows.items()} == {
        **dict.fromkeys(["box", "ring", "unread", "absent", "stroke"], "train"),
        **dict.fromkeys(["mask", "negative", "unsure"], "test"),
        "outside": "excluded",
    }


def test_a_detector_gets_what_is_drawn_and_true_negatives_only(everything):
    _, tree = everything
    rows = rows_of(tree, "detection")
    assert rows.keys() == {"box", "ring", "mask", "negative"}
    assert rows["negative"]["objects"] == []
    (box,) = rows["box"]["objects"]
    assert (box["bbox"], box["area"], box["iscrowd"]) == ([2, 3, 4, 5], 20, False)
    features = datasets.load_dataset(str(tree), "detection", split="train").features
    names = features["objects"].feature["category"].names
    assert names[box["category"]] == "nodule"
    assert names[rows["ring"]["objects"][0]["category"]] == "malignancy/benign"


def test_a_segmenter_gets_every_pixel_and_no_hole_is_filled(everything):
    _, tree = everything
    rows = rows_of(tree, "segmentation")
    assert rows.keys() == {"box", "ring", "mask", "negative"}
    assert rows["box"]["masks"] == []  # a box is no mask
    (dots,), (ring,) = rows["mask"]["masks"], rows["ring"]["masks"]
    assert np.array_equal(pixels_of(dots), DOTS)
    assert not pixels_of(ring)[4, 4]
    assert pixels_of(ring)[2, 2]
    (drawn,) = rows_of(tree, "detection")["ring"]["objects"]
    assert pixels_of(ring).sum() == drawn["area"]


def pixels_of(found) -> np.ndarray:
    return coco_mask.decode({"size": found["size"], "counts": found["counts"]}).astype(bool)


def test_a_classifier_gets_one_term_or_none(everything):
    """Of the case and of the image apart; where two terms contradict each other there is none."""
    _, tree = everything
    rows = rows_of(tree, "classification")
    assert rows.keys() == {"box", "ring", "mask", "negative", "unread", "unsure", "absent", "stroke"}
    terms = datasets.load_dataset(str(tree), "classification", split="train").features["case_tirads_kwak"]
    assert terms.names == [term.value for term in TiradsKwak]
    said = {name: row["case_tirads_kwak"] for name, row in rows.items()}
    assert terms.int2str(said["box"]) == "4a"
    assert terms.int2str(said["unread"]) == "5"
    assert said["ring"] is None
    assert terms.int2str(rows["ring"]["image_tirads_kwak"]) == "4a"
    assert rows_of(tree, "default")["outside"]["case_tirads_kwak"] is None


def test_where_nothing_can_be_said_there_is_no_empty_list(everything):
    _, tree = everything
    rows = rows_of(tree, "default")
    assert {name for name, row in rows.items() if row["objects"] is None} == {"unread", "unsure", "stroke"}
    assert {name for name, row in rows.items() if row["image"] is None} == {"absent"}


def test_a_config_is_there_only_for_what_the_dataset_has(tmp_path):
    dataset = make(tmp_path / "d", record("a", finding("1", SQUARE)), record("b", finding("1", SQUARE)))
    tree = tree_of(dataset, tmp_path / "t", split="default")
    assert datasets.get_dataset_config_names(str(tree)) == ["default", "detection"]


def test_only_the_reader_who_is_chosen_is_shown_and_all_are_there(tmp_path):
    readers = ("Ada", "Bo")
    drawn = [finding(name, SQUARE, origin=Read(reader=name)) for name in readers]
    shown = record("a", *drawn, readings=[Reading(reader=name) for name in readers])
    dataset = make(tmp_path / "d", shown)
    with pytest.raises(UsageError, match="several readers"):
        tree_of(dataset, tmp_path / "t", split="default")
    tree = tree_of(dataset, tmp_path / "t", split="default", reader="Bo")
    row = rows_of(tree, "default")["a"]
    assert [each["finding_id"] for each in row["objects"]] == ["Bo"]
    assert record_of(row) == next(dataset.records())


def test_a_wrong_number_of_rows_is_refused_by_datasets(everything, tmp_path):
    """So that what the card says of the shards is known to be read."""
    _, tree = everything
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in ("data", "README.md"):
        (copy / path).symlink_to(tree / path)
    text = (tree / "README.md").read_text()
    (copy / "README.md").unlink()
    (copy / "README.md").write_text(text.replace("num_examples: 5", "num_examples: 6", 1))
    with pytest.raises(datasets.exceptions.NonMatchingSplitsSizesError):
        datasets.load_dataset(str(copy))


def test_16_bits_stay_16_bits(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (12, 16), np.uint16)
    dataset = with_images(tmp_path / "d", [record("a", finding("1", SQUARE))], {"toy/a": encode_png(deep)})
    tree = tree_of(dataset, tmp_path / "t", split="default")
    shown = next(iter(datasets.load_dataset(str(tree), "detection").values()))[0]["image"]
    assert np.array_equal(np.asarray(shown), deep)


def test_shards_are_closed_at_their_size(tmp_path):
    noise = {f"toy/{n}": picture(n, width=900, height=900) for n in range(5)}
    records = [replace(record(f"{n}"), image=ImageRef(width=900, height=900)) for n in range(5)]
    dataset = with_images(tmp_path / "d", records, noise)
    tree = tree_of(dataset, tmp_path / "t", split="default", shard_mb=1)
    shards = sorted(path.name for path in (tree / "data").rglob("*.parquet"))
    assert len(shards) > len({path.parent for path in (tree / "data").rglob("*.parquet")})
    assert differences(dataset, loaded_rows(str(tree), streaming=False)) == []


def test_a_missing_image_is_named_and_nothing_is_left(tmp_path):
    dataset = make(tmp_path / "d", record("a", finding("1", SQUARE)), record("b", finding("1", SQUARE)))
    (dataset.path / "images/b.png").unlink()
    with pytest.raises(DatasetError) as caught:
        tree_of(dataset, tmp_path / "t", split="default")
    assert caught.value.where.endswith("images/b.png")
    assert [*tmp_path.iterdir()] == [dataset.path]


def test_types_are_noted_as_datasets_notes_them(everything):
    """In a shard and in the card; the oracle is what `datasets` itself writes of what it has read."""
    _, tree = everything
    schema = pq.read_schema(next((tree / "data").rglob("*.parquet")))
    features = datasets.Features.from_arrow_schema(schema)
    assert features.arrow_schema.equals(schema)
    assert json.loads(features.arrow_schema.metadata[b"huggingface"]) == json.loads(
        schema.metadata[b"huggingface"]
    )
    card = next(yaml.safe_load_all((tree / "README.md").read_text().partition("\n---\n")[0]))
    for info in card["dataset_info"]:
        chosen = datasets.Features({entry["name"]: features[entry["name"]] for entry in info["features"]})
        assert datasets.DatasetInfo(features=chosen)._to_yaml_dict()["features"] == info["features"]


def test_nothing_is_needed_to_write_it(everything, monkeypatch, tmp_path):
    """Neither `datasets` nor the Hub's library: both are for those who read and push."""
    dataset, tree = everything
    for name in ("datasets", "huggingface_hub"):
        monkeypatch.setitem(sys.modules, name, None)
    assert content(tree_of(dataset, tmp_path / "t")) == content(tree)


def test_the_same_dataset_gives_the_same_bytes(everything, tmp_path):
    dataset, tree = everything
    assert content(tree_of(dataset, tmp_path / "again")) == content(tree)


# ---------------------------------------------------------------- back again


def test_a_tree_is_restored_to_the_byte(everything, tmp_path):
    dataset, tree = everything
    made = restore(tree, tmp_path / "back")
    assert made.manifest == dataset.manifest
    assert {**content(tmp_path / "back"), "history.jsonl": ""} == {
        **content(dataset.path),
        "history.jsonl": "",
    }
    assert Dataset(tmp_path / "back").verify() == ()


@pytest.mark.slow
@settings(max_examples=settings.default.max_examples // 8)
@given(st.lists(some.image_records(), min_size=1, max_size=3, unique_by=lambda drawn: drawn.image_id))
def test_any_record_comes_back(drawn):
    """Through `datasets`, and through the tree."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = in_files(Path(folder, "d"), drawn)
        for number, reader in enumerate(exported_readers(dataset)):
            tree = tree_of(dataset, Path(folder, f"t{number}"), split="default", reader=reader)
            loaded = loaded_rows(str(tree), streaming=True)
            assert differences(dataset, loaded) == []
            assert restore(tree, Path(folder, f"b{number}")).manifest == dataset.manifest


def in_files(folder: Path, drawn) -> Dataset:
    """A dataset of any records, every other one with a file."""
    files, named = {}, []
    for number, each in enumerate(drawn):
        path, data = (None, b"") if number % 2 else (f"images/{number}.png", picture(number))
        digest = sha256(data).hexdigest() if path else None
        named.append(replace(each, image=replace(each.image, path=path, sha256=digest)))
        if path:
            files[path] = data
    dataset = make_dataset(folder, named, files)
    add_split(dataset, SplitPlan())
    return Dataset(folder)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda tree: (tree / "thyrodata/manifest.json").unlink(), "no dataset of thyrodata"),
        (
            lambda tree: (tree / "thyrodata/splits/official-own.csv").write_text("image_id"),
            "differs from its",
        ),
        (lambda tree: (tree / "thyrodata/records.parquet").unlink(), "1 files are missing"),
        (lambda tree: (tree / "data/test/read-00000.parquet").unlink(), "2 files are missing"),
        (lambda tree: (tree / "data/test/read-00000.parquet").write_bytes(b"PAR1"), "cannot be read"),
        (lambda tree: (tree / "thyrodata/SHA256SUMS").write_text("../../x\n"), "no checksum of a file"),
    ],
)
def test_a_tree_that_is_not_whole_gives_no_dataset(everything, damage, said, tmp_path):
    _, tree = everything
    shutil.copytree(tree, tmp_path / "tree")
    damage(tmp_path / "tree")
    with pytest.raises(DatasetError, match=said):
        restore(tmp_path / "tree", tmp_path / "back")
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


def test_the_command_restores_a_folder(everything, command, tmp_path):
    dataset, tree = everything
    ran = command("convert", "hub", tree, "-o", tmp_path / "back", "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert "would read" in ran.out
    assert not (tmp_path / "back").exists()
    ran = command("convert", "hub", tree, "-o", tmp_path / "back", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["images"] == len([*dataset.records()])
    ran = command("convert", "hub", tree, "-o", tmp_path / "back")
    assert (ran.code, ran.out) == (1, "")
    assert "--overwrite" in ran.err
    ran = command("convert", "hub", tree, "-o", tmp_path / "other", "--seed", "3")
    assert ran.code == 2
    assert "--seed" in ran.err
    ran = command("convert", "hub", "no/such/folder", "-o", tmp_path / "other")
    assert ran.code == 2
    assert "OWNER/NAME" in ran.err
    assert not (tmp_path / "other").exists()


# ---------------------------------------------------------------- larger sets


@pytest.mark.slow
def test_2000_phantoms_come_back(tmp_path):
    """Many row groups of records, in several parts."""
    cases, drawn = 500, [picture(seed) for seed in range(40)]
    records = [
        record(f"{case}_{view}", finding("1", encode_mask(DOTS)), group=f"{case}", case_labels=graded("3"))
        for case in range(cases)
        for view in range(4)
    ]
    images = {each.image_id: drawn[number % 40] for number, each in enumerate(records)}
    dataset = with_images(tmp_path / "d", records, images)
    tree = tree_of(dataset, tmp_path / "t", split="default")
    for streaming in (False, True):
        assert differences(dataset, loaded_rows(str(tree), streaming=streaming)) == []
    assert restore(tree, tmp_path / "back").manifest.count("images") == 2000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "chosen"), [("ddti", None), ("deeplesion", DeepLesionSettings(annotations_only=True))]
)
def test_published_samples_come_back(name, chosen, samples, tmp_path):
    """Of DeepLesion most images are not at hand; the four that are have 16 bits."""
    convert(name, samples / name, tmp_path / "d", settings=chosen)
    dataset = Dataset(tmp_path / "d")
    tree = tree_of(dataset, tmp_path / "t", split="default")
    for streaming in (False, True):
        assert differences(dataset, loaded_rows(str(tree), streaming=streaming)) == []
    restore(tree, tmp_path / "back")
    assert {**content(tmp_path / "back"), "history.jsonl": ""} == {
        **content(dataset.path),
        "history.jsonl": "",
    }
