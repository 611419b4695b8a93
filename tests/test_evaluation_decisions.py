"""Boxes and masks of several classes: what images and groups are taken for, worked by hand."""

from __future__ import annotations

import json

import pytest

from tests.predicted import boxed, detected, masked
from thyrodata.baselines.evaluation import evaluate_predictions
from thyrodata.baselines.metrics.detection import coco_figures, froc_figures
from thyrodata.baselines.metrics.figures import value_of
from thyrodata.baselines.predictions import write_predictions
from thyrodata.errors import UsageError

BENIGN, MALIGNANT = 0, 1
BOX, AWAY = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)
BY_BOX = "most confident box (without: undecided)"


def some_boxes():
    """One patient of two images, three of one, and two images of no one class."""
    return detected(
        [
            (boxed("a/1", [(BOX, MALIGNANT)], [(BOX, MALIGNANT, 0.9), (AWAY, BENIGN, 0.4)]), "p/1"),
            (boxed("a/2", [(BOX, MALIGNANT)]), "p/1"),
            (boxed("a/3", [(BOX, BENIGN)], [(BOX, BENIGN, 0.6)]), "p/2"),
            (boxed("a/4", [(BOX, BENIGN)], [(BOX, MALIGNANT, 0.7)]), "p/3"),
            (boxed("a/5", [(BOX, BENIGN), (AWAY, MALIGNANT)], [(BOX, BENIGN, 0.3)]), "p/4"),
            (boxed("a/6"), "p/5"),
        ]
    )


def evaluated(said, tmp_path, **options):
    write_predictions(tmp_path / "p.parquet", said)
    return evaluate_predictions(tmp_path / "p.parquet", resamples=100, **options)


def level(made, of):
    (found,) = (each for each in made.levels if each.of == of)
    return found, {figure.name: figure for figure in found.figures}


def test_boxes_have_the_figures_of_coco_and_froc(tmp_path):
    said = some_boxes()
    made = evaluated(said, tmp_path)
    assert (made.images, made.groups) == (6, 5)
    _, coco = level(made, "boxes of a class")
    assert set(coco) >= {"ap", "ap50", "ap75", "ar_100", "ap50/malignant"}
    for figure in coco_figures(said.images, said.classes):
        assert coco[figure.name].value == value_of(figure)
    _, froc = level(made, "boxes of any class, found from IoU 0.5 on")
    for figure in froc_figures(said.images, 2):
        assert froc[figure.name].value == value_of(figure)
    assert froc["froc_mean"].groups == 5


def test_an_image_without_a_box_is_left_out_and_counted(tmp_path):
    made = evaluated(some_boxes(), tmp_path)
    found, figures = level(made, f"image by {BY_BOX}")
    # a/5 shows both classes and a/6 none; a/2 has no box. Left: a/1 right, a/3 right, a/4 wrong.
    assert (found.unlabelled, found.undecided) == (2, 1)
    assert (figures["accuracy"].value, figures["accuracy"].units) == (pytest.approx(2 / 3), 3)
    assert (figures["recall/malignant"].value, figures["recall/malignant"].units) == (1, 1)
    assert (figures["specificity/malignant"].value, figures["specificity/malignant"].units) == (0.5, 2)
    groups, figures = level(made, f"group by weighted majority of {BY_BOX}")
    assert (groups.undecided, figures["accuracy"].units) == (0, 3)
    assert figures["recall/malignant"].value == 1  # p/1 by its one image that has a box


def test_an_image_without_a_box_counts_as_the_class_that_is_named(tmp_path):
    made = evaluated(some_boxes(), tmp_path, without_finding="benign")
    found, figures = level(made, "image by most confident box (without: benign)")
    # a/2 is malignant and taken for benign; a/6, in which nothing is, is benign and taken for it.
    assert (found.unlabelled, found.undecided) == (1, 0)
    assert (figures["recall/malignant"].value, figures["recall/malignant"].units) == (0.5, 2)
    assert (figures["specificity/malignant"].value, figures["specificity/malignant"].units) == (
        pytest.approx(2 / 3),
        3,
    )
    _, figures = level(made, "group by weighted majority of most confident box (without: benign)")
    assert (figures["accuracy"].value, figures["accuracy"].units) == (pytest.approx(3 / 4), 4)


def test_detection_of_one_class_decides_nothing(tmp_path):
    made = evaluated(
        detected([(boxed("a/1", [(BOX, 0)], [(BOX, 0, 0.9)]), "p/1")], classes=("nodule",)), tmp_path
    )
    assert len(made.levels) == 2


def test_groups_with_boxes_of_different_classes_are_said_and_not_decided(tmp_path):
    said = detected(
        [
            (boxed("a/1", [(BOX, MALIGNANT)], [(BOX, MALIGNANT, 0.9)]), "p/1"),
            (boxed("a/2", [(BOX, BENIGN)], [(BOX, BENIGN, 0.9)]), "p/1"),
        ]
    )
    made = evaluated(said, tmp_path)
    assert made.not_voted == "1 groups have images of different labels, the first p/1"
    assert not any(each.of.startswith("group") for each in made.levels)


def test_what_images_without_a_finding_count_as_is_one_of_the_classes(tmp_path):
    with pytest.raises(UsageError, match="cannot count as 'healthy'") as raised:
        evaluated(some_boxes(), tmp_path, without_finding="healthy")
    assert raised.value.hint == "the classes are: benign, malignant"


def test_an_image_is_taken_for_the_class_with_most_pixels(tmp_path):
    said = masked(
        [
            ("a/1", "p/1", {"benign": (0, 2, 0.9), "malignant": (5, 6, 0.6)}),  # malignant, as it is
            ("a/2", "p/1", {"benign": (0, 7, 0.5), "malignant": (5, 0, None)}),  # benign, and is not
            ("a/3", "p/2", {"benign": (4, 4, 0.8)}),
            ("a/4", "p/3", {"benign": (4, 0, None)}),
        ]
    )
    made = evaluated(said, tmp_path)
    found, figures = level(made, "image by most pixels (without: undecided)")
    assert (found.undecided, found.unlabelled) == (1, 0)
    assert (figures["accuracy"].value, figures["recall/malignant"].value) == (pytest.approx(2 / 3), 0.5)
    groups, figures = level(made, "group by weighted majority of most pixels (without: undecided)")
    assert groups.undecided == 1
    assert (figures["accuracy"].value, figures["accuracy"].units) == (1, 2)  # p/1: 0.6 against 0.5


def test_how_sure_a_segmentation_is_stands_with_its_images(tmp_path):
    said = masked([("a/1", "p/1", {"nodule": (4, 4, 0.8)})], classes=("nodule",), certainty=0.75)
    made = evaluated(said, tmp_path)
    assert [each.of for each in made.levels] == ["mask of nodule", "image"]
    _, figures = level(made, "image")
    assert figures["mmcl_mean"].value == 0.75


def test_the_command_says_what_was_left_out(tmp_path, command):
    write_predictions(tmp_path / "p.parquet", some_boxes())
    ran = command("baseline", "evaluate", tmp_path / "p.parquet", "--resamples", "100")
    assert (ran.code, ran.err) == (0, "")
    assert f"image by {BY_BOX}: left out, since nothing was found to decide by: 1" in ran.out
    assert f"image by {BY_BOX}: left out, since no one class is true: 2" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 120
    options = ("--without-finding", "benign", "--resamples", "100", "--json")
    said = json.loads(command("baseline", "evaluate", tmp_path / "p.parquet", *options).out)
    assert "image by most confident box (without: benign)" in {each["of"] for each in said["levels"]}
