"""nnU-Net gets every pixel as it is, as many channels of each image, and folds that keep groups together."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from curated import make_parent
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.toy import finding, make_dataset, record
from thyrodata import export
from thyrodata.errors import CaseError, OutputError, UsageError
from thyrodata.exports.folds import Case, count_torn, make_folds
from thyrodata.exports.ledger import LOSSES
from thyrodata.exports.nnunet import NnunetSettings
from thyrodata.exports.view import view
from thyrodata.io.masks import encode_mask
from thyrodata.io.png import encode_png
from thyrodata.partition import SplitPlan, add_split
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import ImageRef, Label, OfficialSplit, Reading
from thyrodata.schema.vocab import Coverage, Modality, TiradsKwak

HEIGHT, WIDTH = 12, 16
ALL = tuple(LOSSES)
COMPLETE = (Reading(coverage=Coverage.COMPLETE),)
NOISE = np.random.default_rng(8)
GREY = NOISE.integers(0, 256, (HEIGHT, WIDTH), np.uint8)
COLOUR = NOISE.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
DEEP = NOISE.integers(0, 65536, (HEIGHT, WIDTH), np.uint16)


def file_of(pixels, kind="PNG", mode=None, **options):
    """A picture as Pillow writes it."""
    with io.BytesIO() as stream:
        picture = Image.fromarray(pixels)
        (picture.convert(mode) if mode else picture).save(stream, kind, **options)
        return stream.getvalue()


def decoded(data):
    """Its pixels as Pillow reads them."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.array(picture)


def area(top, bottom, left, right):
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[top:bottom, left:right] = True
    return pixels


def case(name, data, *findings, part="train", group=None, depth=8, modality=Modality.ULTRASOUND, **fields):
    """A record of an image and its file, with a square nodule unless told otherwise."""
    drawn = findings or (finding("1", encode_mask(area(2, 6, 3, 9))),)
    found = record(name, *drawn, group=group, official_splits=(OfficialSplit(part=part),), **fields)
    image = ImageRef(width=WIDTH, height=HEIGHT, path=f"images/{name}.dat", bit_depth=depth)
    return replace(found, image=image, modality=modality), data


def write(folder, *cases, accept=(), split="official", link=False, **settings):
    """Export cases, and return what was made and where."""
    records = [found for found, _ in cases]
    dataset = make_dataset(folder / "d", records, {found.image.path: data for found, data in cases})
    made = export(
        "nnunet",
        dataset,
        folder / "o",
        split=split,
        accept=accept,
        link=link,
        settings=NnunetSettings(**settings),
    )
    return made, next((folder / "o").glob("Dataset*"))


def said(root, name="dataset.json"):
    return json.loads((root / name).read_text())


# ---------------------------------------------------------------- the folder


def test_a_dataset_has_training_and_test_cases_with_their_labels(tmp_path):
    grade = (Label(value=TiradsKwak.T5),)
    graded = finding("1", encode_mask(area(0, 3, 0, 3)), labels=grade)
    made, root = write(
        tmp_path,
        case("a", encode_png(GREY)),
        case("b", encode_png(GREY), graded, part="val"),
        case("c", encode_png(GREY), graded, part="test"),
        dataset_id=7,
    )
    assert root.name == "Dataset007_toy"
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert files == {
        "dataset.json",
        "cases.csv",
        "splits_final.json",
        *(f"imagesTr/{name}_0000.png" for name in "ab"),
        *(f"labelsTr/{name}.png" for name in "ab"),
        "imagesTs/c_0000.png",
        "labelsTs/c.png",
    }
    assert said(root) == {
        "name": "toy",
        "channel_names": {"0": "ultrasound"},
        "labels": {"background": 0, "nodule": 1, "tirads-kwak/5": 2},
        "numTraining": 2,
        "file_ending": ".png",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
    }
    labels = {path.stem: decoded(path.read_bytes()) for path in root.glob("labelsT?/*.png")}
    np.testing.assert_array_equal(labels["a"], 1 * area(2, 6, 3, 9))
    np.testing.assert_array_equal(labels["b"], 2 * area(0, 3, 0, 3))
    np.testing.assert_array_equal(labels["c"], 2 * area(0, 3, 0, 3))
    assert said(root, "splits_final.json") == [{"train": ["a"], "val": ["b"]}]
    assert (root / "cases.csv").read_text().splitlines() == [
        "case,image_id,group_id,part",
        "a,toy/a,toy/a,train",
        "b,toy/b,toy/b,val",
        "c,toy/c,toy/c,test",
    ]
    assert (made.ledger.lost, made.ledger.changed) == ({}, {})


def test_a_true_negative_has_an_empty_label_and_boxes_want_a_word(tmp_path):
    boxed = finding("1", Box(x=2, y=3, width=4, height=5))
    negative, data = case("a", encode_png(GREY), readings=COMPLETE)
    cases = (replace(negative, findings=()), data), case("b", encode_png(GREY), boxed)
    with pytest.raises(OutputError, match="box-to-mask"):
        write(tmp_path, *cases)
    made = export("nnunet", tmp_path / "d", tmp_path / "o", split="official", accept=["box-to-mask"])
    assert made.ledger.written == {"images": 2, "findings": 1}
    (root,) = (tmp_path / "o").glob("Dataset*")
    assert not decoded((root / "labelsTr" / "a.png").read_bytes()).any()
    np.testing.assert_array_equal(decoded((root / "labelsTr" / "b.png").read_bytes()), area(3, 8, 2, 6))


def test_cases_have_names_that_nnunet_takes(tmp_path):
    """No folder, no dot, none that ends as its preprocessed labels do, and no two alike."""
    names = ["a/b", "a_b", "A_B", "1.2.840", "x_seg", "ü", "y (2)"]
    made, root = write(tmp_path, *(case(name, encode_png(GREY)) for name in names), accept=["renamed"])
    rows = list(csv.DictReader(io.StringIO((root / "cases.csv").read_text())))
    assert [row["image_id"] for row in rows] == [f"toy/{name}" for name in names]
    assert [row["case"] for row in rows] == ["a_b", "a_b-2", "A_B-3", "1_2_840", "x_seg_", "_", "y_2_"]
    assert {path.name for path in (root / "imagesTr").iterdir()} == {f"{r['case']}_0000.png" for r in rows}
    assert made.ledger.changed == {("images", "renamed"): 2}


def test_nothing_but_labels_where_no_image_is_asked_for(tmp_path):
    found, _ = case("a", b"")
    dataset = make_dataset(tmp_path / "d", [replace(found, image=replace(found.image, path=None))])
    settings = NnunetSettings(labels_only=True)
    export("nnunet", dataset, tmp_path / "o", split="official", settings=settings)
    (root,) = (tmp_path / "o").glob("Dataset*")
    assert not list(root.glob("images*"))
    assert (root / "labelsTr" / "a.png").exists()


@pytest.mark.parametrize("number", [0, -1, 1000])
def test_a_number_that_nnunet_would_not_find_is_refused(number):
    with pytest.raises(UsageError, match="number of a dataset"):
        NnunetSettings(dataset_id=number)


# ---------------------------------------------------------------- pixels


@pytest.mark.parametrize("link", [False, True], ids=["copied", "linked"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_plain_png_stays_the_file_it_is(link, pixels, tmp_path):
    data = file_of(pixels)
    made, root = write(tmp_path, case("a", data), link=link)
    assert (root / "imagesTr" / "a_0000.png").read_bytes() == data
    assert (root / "imagesTr" / "a_0000.png").samefile(tmp_path / "d" / "images" / "a.dat") == link
    assert made.ledger.changed == {}
    assert len(said(root)["channel_names"]) == (1 if pixels.ndim == 2 else 3)


@pytest.mark.parametrize("link", [False, True], ids=["copied", "linked"])
@pytest.mark.parametrize(
    ("data", "pixels"),
    [
        (file_of(GREY, "JPEG"), decoded(file_of(GREY, "JPEG"))),
        (file_of(COLOUR, "JPEG", quality=80), decoded(file_of(COLOUR, "JPEG", quality=80))),
        (file_of(COLOUR, "BMP"), COLOUR),
        (file_of(GREY > 127, mode="1"), 255 * (GREY > 127)),
        (file_of(COLOUR, mode="RGBA"), COLOUR),
        (file_of(COLOUR, transparency=(0, 0, 0)), COLOUR),
        (file_of(GREY, mode="LA"), GREY),
        (file_of(GREY // 64 * 85, mode="P"), np.repeat((GREY // 64 * 85)[..., None], 3, 2)),
    ],
    ids=[
        "grey JPEG",
        "colour JPEG",
        "BMP",
        "1 bit",
        "opaque colour",
        "an unused transparent colour",
        "opaque grey",
        "palette",
    ],
)
def test_any_other_file_is_decoded_to_the_values_that_it_has(link, data, pixels, tmp_path):
    made, root = write(tmp_path, case("a", data), link=link)
    found = decoded((root / "imagesTr" / "a_0000.png").read_bytes())
    np.testing.assert_array_equal(found, pixels)
    assert (found.dtype, found.ndim) == (np.uint8, pixels.ndim)
    assert made.ledger.changed == {("images", "decoded"): 1}


def test_grey_among_colour_becomes_three_equal_channels(tmp_path):
    made, root = write(
        tmp_path,
        case("a", file_of(GREY)),
        case("b", file_of(COLOUR)),
        case("c", file_of(GREY, "JPEG")),
    )
    found = {path.stem[0]: decoded(path.read_bytes()) for path in (root / "imagesTr").iterdir()}
    np.testing.assert_array_equal(found["a"], np.dstack([GREY] * 3))
    np.testing.assert_array_equal(found["b"], COLOUR)
    np.testing.assert_array_equal(found["c"], np.dstack([decoded(file_of(GREY, "JPEG"))] * 3))
    assert said(root)["channel_names"] == {"0": "red", "1": "green", "2": "blue"}
    assert made.ledger.changed == {("images", "decoded"): 1, ("images", "grey-to-rgb"): 2}


def test_a_slice_of_16_bits_is_windowed_or_stays(tmp_path):
    slices = [case(name, encode_png(DEEP), depth=16, modality=Modality.CT) for name in "ab"]
    made, root = write(tmp_path, *slices, window="16bit")
    assert (root / "imagesTr" / "a_0000.png").read_bytes() == encode_png(DEEP)
    assert said(root)["channel_names"] == {"0": "CT"}
    settings = NnunetSettings(window="-175,275", hu_offset=-32768)
    made = export("nnunet", tmp_path / "d", tmp_path / "w", split="official", settings=settings)
    (root,) = (tmp_path / "w").glob("Dataset*")
    windowed = decoded((root / "imagesTr" / "a_0000.png").read_bytes())
    assert (windowed.dtype, windowed.shape) == (np.uint8, (HEIGHT, WIDTH))
    assert said(root)["channel_names"] == {"0": "windowed CT"}
    assert made.ledger.changed == {("images", "windowed"): 2}


def test_a_dry_run_promises_room_for_what_is_decoded(tmp_path):
    """A PNG is larger than a JPEG, but no larger than its pixels and a header."""
    cases = [case("a", file_of(COLOUR, "JPEG", quality=5)), case("b", file_of(COLOUR))]
    made, root = write(tmp_path, *cases)
    said = export("nnunet", tmp_path / "d", tmp_path / "x", split="official", dry_run=True, accept=ALL)
    written = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    pictures = [(root / "imagesTr" / f"{name}_0000.png").stat().st_size for name in "ab"]
    assert said.bytes == written - pictures[0] + COLOUR.size
    assert (said.files, made.files) == (made.files - 1, len([*root.rglob("*.*")]) + 1)


def test_colour_and_16_bits_are_no_one_dataset(tmp_path):
    deep = case("a", encode_png(DEEP), depth=16, modality=Modality.CT)
    with pytest.raises(UsageError, match="in colour"):
        write(tmp_path, deep, case("b", file_of(COLOUR)), window="16bit")
    assert {path.name for path in tmp_path.iterdir()} == {"d"}


def test_a_damaged_image_is_told_and_nothing_is_left(tmp_path):
    with pytest.raises(CaseError) as broken:
        write(tmp_path, case("a", file_of(GREY)[:-20]))
    assert broken.value.where.endswith("images/a.dat")
    assert {path.name for path in tmp_path.iterdir()} == {"d"}


# ---------------------------------------------------------------- folds


def grouped(*cases):
    """Images by their group and part: "x train"."""
    return [
        case(str(number), encode_png(GREY), group=group, part=part)
        for number, (group, part) in enumerate(text.split() for text in cases)
    ]


def test_without_a_fold_nnunet_would_draw_its_own_which_is_named(tmp_path):
    cases = grouped("x train", "x train", "y train", "z test", "z test")
    with pytest.raises(OutputError, match="group-split: 2 images"):
        write(tmp_path, *cases)
    made = export("nnunet", tmp_path / "d", tmp_path / "o", split="official", accept=["group-split"])
    (root,) = (tmp_path / "o").glob("Dataset*")
    assert not (root / "splits_final.json").exists()
    assert made.ledger.changed == {("images", "group-split"): 2}


def test_a_published_fold_that_takes_a_group_apart_is_named(tmp_path):
    with pytest.raises(OutputError, match="group-split: 2 images"):
        write(tmp_path, *grouped("x train", "x val", "y train", "y train"))


def test_each_part_of_a_split_in_folds_validates_once(tmp_path):
    dataset = make_parent(tmp_path / "d", cases=12)
    add_split(dataset, SplitPlan(name="cv", folds=3))
    export("nnunet", dataset, tmp_path / "o", split="cv", accept=["box-to-mask"])
    (root,) = (tmp_path / "o").glob("Dataset*")
    folds = said(root, "splits_final.json")
    assert len(folds) == 3
    everything = {f"{number}_{side}" for number in range(12) for side in "ab"}
    for fold in folds:
        assert {*fold["train"], *fold["val"]} == everything
        assert len(fold["train"]) + len(fold["val"]) == 24
        assert not {n.partition("_")[0] for n in fold["train"]} & {n.partition("_")[0] for n in fold["val"]}
    assert sorted(name for fold in folds for name in fold["val"]) == sorted(everything)


def with_folds(folder, *folds):
    """Four images of official parts train, train, train and test, and of published folds."""
    cases = grouped("a train", "b train", "c train", "d test")
    records = []
    for (found, _), parts in zip(cases, zip(*folds, strict=True), strict=True):
        splits = [OfficialSplit(name=f"fold{n}", part=part) for n, part in enumerate(parts) if part != "-"]
        records.append(replace(found, official_splits=(*found.official_splits, *splits)))
    return make_dataset(folder / "d", records, {found.image.path: data for found, data in cases})


def test_published_folds_are_taken_by_their_names(tmp_path):
    dataset = with_folds(tmp_path, ("train", "train", "val", "-"), ("val", "train", "-", "-"))
    settings = NnunetSettings(fold=("official-fold1", "official-fold0"))
    export("nnunet", dataset, tmp_path / "o", split="official", settings=settings)
    (root,) = (tmp_path / "o").glob("Dataset*")
    assert said(root, "splits_final.json") == [
        {"train": ["1"], "val": ["0"]},
        {"train": ["0", "1"], "val": ["2"]},
    ]


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (("train", "train", "val", "val"), "toy/3 in val"),
        (("train", "train", "train", "-"), "none is in val"),
        (("other", "val", "val", "-"), "none is in train"),
    ],
)
def test_a_fold_that_would_train_with_tests_or_nothing_is_refused(parts, problem, tmp_path):
    dataset = with_folds(tmp_path, parts)
    settings = NnunetSettings(fold=("official-fold0",))
    with pytest.raises(UsageError, match=problem) as refused:
        export("nnunet", dataset, tmp_path / "o", split="official", settings=settings, accept=ALL)
    assert refused.value.where.endswith("splits/official-fold0.csv")
    assert not (tmp_path / "o").exists()


parts = st.sampled_from(["train", "val", "fold0", "fold1", "fold10", "fold2", "other"])


@given(st.lists(st.tuples(st.sampled_from("xyz"), parts), max_size=10))
def test_what_a_fold_tears_is_counted(drawn):
    """Torn is what has one of its group on the other side of a fold, or without folds anywhere."""
    cases = [Case(str(i), f"toy/{i}", group, part) for i, (group, part) in enumerate(drawn)]

    class Shown:
        part_of = {case.image_id: case.part for case in cases}  # noqa: RUF012
        parts = tuple(sorted({case.part for case in cases}))

    folds = make_folds(Shown, cases, ())
    pairs = [
        (one, other)
        for fold in folds
        for one in fold.train
        for other in fold.val
        if one.group_id == other.group_id
    ]
    if not folds:
        pairs = [(a, b) for a in cases for b in cases if a is not b and a.group_id == b.group_id]
    assert count_torn(cases, folds) == sum(
        any(case.group_id == one.group_id for one, _ in pairs) for case in cases
    )
    for fold in folds:
        assert fold.train
        assert fold.val
        assert not {*fold.train} & {*fold.val}
    if {"train", "val"} <= {*Shown.parts}:
        assert [len(fold.train) for fold in folds] == [sum(case.part == "train" for case in cases)]
    else:
        numbers = sorted({int(case.part[4:]) for case in cases if case.part.startswith("fold")})
        validating = [{case.part for case in fold.val} for fold in folds]
        assert validating == ([{f"fold{number}"} for number in numbers] if len(numbers) > 1 else [])


def test_the_default_split_tears_no_group(tmp_path):
    dataset = make_parent(tmp_path / "d", cases=20)
    made = export("nnunet", dataset, tmp_path / "o", accept=["box-to-mask"])
    assert ("images", "group-split") not in made.ledger.changed
    shown = view(dataset, {i: part for part, ids in dataset.split().items() for i in ids})
    (root,) = (tmp_path / "o").glob("Dataset*")
    (fold,) = said(root, "splits_final.json")
    for part in ("train", "val"):
        assert {f"toy/{name}" for name in fold[part]} == {i for i, p in shown.part_of.items() if p == part}
