"""Folders of classes hold what the source says of an image without contradiction, and nothing guessed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.toy import finding, make_dataset, record
from thyrodata import export
from thyrodata.errors import OutputError, UsageError
from thyrodata.exports.classes import ClassScope, ImageClass
from thyrodata.exports.imagefolder import ImagefolderSettings
from thyrodata.exports.ledger import LOSSES
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Label, OfficialSplit, Reading
from thyrodata.schema.vocab import (
    SCHEMES,
    Basis,
    Bethesda,
    Coverage,
    DdtiMargins,
    Malignancy,
    TiradsEuRisk,
    TiradsKwak,
)

ALL = tuple(LOSSES)
BENIGN, MALIGNANT = Label(value=Malignancy.BENIGN), Label(value=Malignancy.MALIGNANT)
UNREAD = (Reading(coverage=Coverage.NONE),)
SQUARE = Box(x=2, y=3, width=4, height=5)


def labelled(name, *labels, part="train", **fields):
    """A record of a case with these labels, and an image whose bytes nobody looks at."""
    fields.setdefault("case_labels", labels)
    found = record(name, image=name.encode(), **fields)
    return replace(found, official_splits=(OfficialSplit(part=part),))


def write(folder, *records, accept=(), link=False, **chosen):
    """Export records, and return what was made."""
    files = {found.image.path: found.image_id.partition("/")[2].encode() for found in records}
    dataset = make_dataset(folder / "d", records, files)
    return export(
        "imagefolder",
        dataset,
        folder / "o",
        split="official",
        accept=accept,
        link=link,
        settings=ImagefolderSettings(**chosen),
    )


def tree(folder):
    """Every file in a folder of a class, with its content."""
    return {
        path.relative_to(folder / "o").as_posix(): path.read_text()
        for path in (folder / "o").glob("*/*/*")
        if path.is_file()
    }


# ---------------------------------------------------------------- classes


def test_an_image_lies_in_the_folder_of_its_class(tmp_path):
    made = write(
        tmp_path,
        labelled("a", BENIGN, Label(value=TiradsKwak.T2), group="x"),
        labelled("b", Label(value=TiradsKwak.T5), MALIGNANT),
        labelled("c", MALIGNANT, part="test"),
        label="malignancy",
    )
    assert tree(tmp_path) == {
        "train/benign/a.jpg": "a",
        "train/malignant/b.jpg": "b",
        "test/malignant/c.jpg": "c",
    }
    assert json.loads((tmp_path / "o" / "classes.json").read_text()) == {
        "label": "malignancy",
        "scope": "case",
        "classes": ["benign", "malignant"],
    }
    rows = list(csv.reader(io.StringIO((tmp_path / "o" / "images.csv").read_text())))
    assert rows == [
        ["file", "class", "image_id", "group_id"],
        ["train/benign/a.jpg", "benign", "toy/a", "toy/x"],
        ["train/malignant/b.jpg", "malignant", "toy/b", "toy/b"],
        ["test/malignant/c.jpg", "malignant", "toy/c", "toy/c"],
    ]
    assert (made.ledger.lost, made.ledger.changed) == ({}, {})


def test_every_part_has_a_folder_for_every_class(tmp_path):
    """Else a trainer that numbers the folders of each part would number them otherwise."""
    write(tmp_path, labelled("a", BENIGN), labelled("b", MALIGNANT, part="val"))
    for part in ("train", "val"):
        assert [path.name for path in sorted((tmp_path / "o" / part).iterdir())] == ["benign", "malignant"]


def test_classes_are_in_the_order_of_their_scale(tmp_path):
    terms = [TiradsEuRisk.HIGH, TiradsEuRisk.INTERMEDIATE, TiradsEuRisk.LOW, TiradsEuRisk.BENIGN]
    write(tmp_path, *(labelled(str(n), Label(value=term)) for n, term in enumerate(terms)))
    said = json.loads((tmp_path / "o" / "classes.json").read_text())
    assert said["classes"] == ["benign", "low-risk", "intermediate-risk", "high-risk"]


def test_what_nobody_outlined_has_its_class_all_the_same(tmp_path):
    drawn = labelled("a", BENIGN)
    made = write(
        tmp_path,
        replace(drawn, findings=(finding("1", SQUARE), finding("2", SQUARE))),
        labelled("b", BENIGN, readings=UNREAD),
        labelled("c", BENIGN),
    )
    assert len(tree(tmp_path)) == 3
    assert made.ledger.written == {"images": 3, "findings": 0}
    assert made.ledger.lost == {("findings", "classified"): 2}


def test_no_label_and_labels_that_differ_are_lost_by_name(tmp_path):
    other = Label(value=TiradsKwak.T5)
    by_cytology = Label(value=Malignancy.BENIGN, basis=Basis.CYTOLOGY)
    records = [
        labelled("a", BENIGN, by_cytology),  # the same, twice
        labelled("b", by_cytology, MALIGNANT),
        labelled("c", other),
        labelled("d"),
        labelled("e", image_labels=(MALIGNANT,)),  # said of the image, not of the case
    ]
    with pytest.raises(OutputError, match="labels-differ: 1 image lost; no-label: 3 images lost"):
        write(tmp_path, *records, label="malignancy")
    made = export(
        "imagefolder",
        tmp_path / "d",
        tmp_path / "o",
        split="official",
        accept=["labels-differ", "no-label"],
        settings=ImagefolderSettings(label="malignancy"),
    )
    assert tree(tmp_path) == {"train/benign/a.jpg": "a"}
    assert made.ledger.lost == {("images", "labels-differ"): 1, ("images", "no-label"): 3}


def test_a_label_of_the_image_is_another_than_that_of_its_case(tmp_path):
    write(
        tmp_path,
        labelled("a", BENIGN, image_labels=(MALIGNANT,)),
        label="malignancy",
        scope=ClassScope.IMAGE,
    )
    assert tree(tmp_path) == {"train/malignant/a.jpg": "a"}


labels = st.sampled_from([*Malignancy, *Bethesda, *TiradsKwak]).map(lambda term: Label(value=term))


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(labels, max_size=4), st.sampled_from(["malignancy", "bethesda", "tirads-kwak"]))
def test_a_class_is_what_all_labels_of_the_vocabulary_agree_on(drawn, scheme):
    """Of an image with a class every label of the vocabulary says it; of others none does, or two differ."""
    found = ImageClass(scheme=scheme, scope=ClassScope.CASE)
    image = labelled("a", *drawn)
    said = [str(label.value) for label in drawn if str(label.value).startswith(f"{scheme}/")]
    match found.loss(image):
        case None:
            (term,) = found.terms(image)
            assert set(said) == {str(term)}
        case "no-label":
            assert not said
        case "labels-differ":
            assert len(set(said)) > 1
        case other:
            pytest.fail(other)


# ---------------------------------------------------------------- which vocabulary


def test_the_only_vocabulary_needs_no_name_and_one_of_several_does(tmp_path):
    with pytest.raises(UsageError, match="labels of 2 vocabularies") as several:
        write(tmp_path, labelled("a", BENIGN, Label(value=DdtiMargins.ILL_DEFINED)))
    assert "--label: ddti-margins, malignancy" in several.value.hint
    assert not (tmp_path / "o").exists()


def test_no_label_at_all_is_no_classification(tmp_path):
    with pytest.raises(UsageError, match="case labels of no vocabularies") as none:
        write(tmp_path, labelled("a", image_labels=(BENIGN,)))
    assert "--scope" in none.value.hint


def test_what_is_no_vocabulary_is_told(tmp_path, command):
    make_dataset(tmp_path / "d", [labelled("a", BENIGN)], {"images/a.jpg": b"a"})
    out = [tmp_path / "d", tmp_path / "o", "--split", "official"]
    ran = command("export", "imagefolder", *out, "--label", "tirads")
    assert ran.code == 2
    assert "tirads-kwak" in ran.err
    ran = command("export", "imagefolder", *out, "--scope", "finding")
    assert ran.code == 2
    assert "case or image" in ran.err
    assert not (tmp_path / "o").exists()


# ---------------------------------------------------------------- files


def test_files_lie_in_their_class_alone_and_have_names_of_their_own(tmp_path):
    names = ["left/1", "left_1", "LEFT_1", "1.2"]
    made = write(tmp_path, *(labelled(name, BENIGN) for name in names), accept=["renamed"])
    assert tree(tmp_path) == {
        "train/benign/left_1.jpg": "left/1",
        "train/benign/left_1-2.jpg": "left_1",
        "train/benign/LEFT_1-3.jpg": "LEFT_1",
        "train/benign/1.2.jpg": "1.2",
    }
    assert made.ledger.changed == {("images", "renamed"): 2}


def test_images_may_be_links(tmp_path):
    write(tmp_path, labelled("a", BENIGN), link=True)
    assert (tmp_path / "o/train/benign/a.jpg").samefile(tmp_path / "d/images/a.jpg")


def test_without_images_the_table_says_the_classes(tmp_path):
    found = labelled("a", BENIGN)
    dataset = make_dataset(tmp_path / "d", [replace(found, image=replace(found.image, path=None))])
    chosen = ImagefolderSettings(labels_only=True)
    export("imagefolder", dataset, tmp_path / "o", split="official", settings=chosen)
    assert {path.name for path in (tmp_path / "o").iterdir()} == {
        "classes.json",
        "images.csv",
        "thyrodata-export.json",
    }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_term_is_the_name_of_a_folder(scheme, tmp_path):
    records = [labelled(str(n), Label(value=term)) for n, term in enumerate(SCHEMES[scheme])]
    write(tmp_path, *records)
    folders = {path.name for path in (tmp_path / "o" / "train").iterdir()}
    assert folders == {term.value for term in SCHEMES[scheme]}
    assert len({name.casefold() for name in folders}) == len(folders)
