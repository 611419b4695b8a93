"""Figures by what the records say of the images."""

from __future__ import annotations

import json

import pytest

from tests.predicted import boxed, classified, detected, masked
from tests.toy import finding, graded, make_dataset, record
from thyrodata.baselines.evaluation import evaluate_predictions
from thyrodata.baselines.predictions import write_predictions
from thyrodata.errors import DatasetError, UsageError
from thyrodata.io.parquettable import table_bytes
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Nodule
from thyrodata.schema.vocab import Structure

SMALL, LARGE = Box(x=0, y=0, width=4, height=3), Box(x=0, y=0, width=16, height=12)


@pytest.fixture
def data(tmp_path):
    """Twelve images of grade 4a, of which 3 are marked, then twelve of grade 5, whose nodules are stated."""
    marked = finding("m", SMALL, structure=Structure.MARKER)
    records = [
        record(str(k), finding("n", SMALL), *([marked] if k < 3 else []), case_labels=graded("4a"))
        for k in range(12)
    ]
    records += [
        record(
            str(k),
            finding("n", LARGE),
            finding("g", Box(x=0, y=0, width=200, height=12), structure=Structure.GLAND),
            case_labels=graded("5"),
            nodules=(Nodule(nodule_id="1", size_mm=(8.0, 17.0)),),
        )
        for k in range(12, 24)
    ]
    return make_dataset(tmp_path / "toy", records)


@pytest.fixture
def file(tmp_path):
    """All of grade 4a are right; of grade 5 half."""
    rows = [(f"toy/{k}", f"toy/{k}", k % 2, float(k % 2) if k < 18 else 1 - float(k % 2)) for k in range(24)]
    write_predictions(tmp_path / "p.parquet", classified(rows))
    return tmp_path / "p.parquet"


def strata(made, level, axis, name="accuracy"):
    (found,) = (each for each in made.levels if each.of == level)
    return {each.value: each for each in found.strata if each.axis == axis and each.name == name}


def test_each_stratum_has_its_figure_and_together_they_are_all_images(data, file):
    made = evaluate_predictions(file, resamples=100, data=data, by=["tirads-kwak"])
    for level in ("image", "group by weighted majority"):
        found = strata(made, level, "tirads-kwak")
        assert {value: each.units for value, each in found.items()} == {
            "tirads-kwak/4a": 12,
            "tirads-kwak/5": 12,
        }
        assert found["tirads-kwak/4a"].figure.value == 1
        assert found["tirads-kwak/5"].figure.value == 0.5
    for level in made.levels:
        for name in ("accuracy", "balanced_accuracy"):
            assert sum(each.units for each in strata(made, level.of, "tirads-kwak", name).values()) == 24


def test_sizes_are_stated_or_drawn_and_those_of_nodules(data, file):
    made = evaluate_predictions(file, resamples=100, data=data, by=["size_mm", "size_px"])
    assert {value: each.units for value, each in strata(made, "image", "size_mm").items()} == {
        "15-<25": 12,
        None: 12,
    }
    assert {value: each.units for value, each in strata(made, "image", "size_px").items()} == {"<32": 24}


def test_markers_are_those_of_the_records_and_those_that_were_found(data, file):
    made = evaluate_predictions(file, resamples=100, data=data, by=["markers"])
    found = strata(made, "image", "markers")
    assert {value: each.units for value, each in found.items()} == {
        "markers recorded": 3,
        "no marker recorded": 21,
    }
    assert found["markers recorded"].figure is None  # three groups say nothing
    rows = {
        "image_id": [f"toy/{k}" for k in range(23)],
        "has_marker": ["yes" if k > 20 else "no" for k in range(23)],
    }
    (data.path / "reports").mkdir()
    (data.path / "reports/markers.parquet").write_bytes(table_bytes(rows))
    made = evaluate_predictions(file, resamples=100, data=data, by=["markers"])
    found = strata(made, "image", "markers")
    assert {value: each.units for value, each in found.items()} == {
        "markers recorded or found": 5,
        "no marker found": 18,
        None: 1,
    }


def test_a_group_whose_images_differ_is_of_several(tmp_path):
    data = make_dataset(
        tmp_path / "toy",
        [record("a", image_labels=graded("4a"), group="g"), record("b", image_labels=graded("5"), group="g")],
    )
    write_predictions(
        tmp_path / "p.parquet", classified([("toy/a", "toy/g", 1, 0.9), ("toy/b", "toy/g", 1, 0.8)])
    )
    made = evaluate_predictions(tmp_path / "p.parquet", resamples=100, data=data, by=["tirads-kwak"])
    assert set(strata(made, "group by mean probability", "tirads-kwak")) == {"several"}


def test_the_class_that_is_true_parts_images_without_a_dataset(file, tmp_path):
    made = evaluate_predictions(file, resamples=100, by=["class"])
    assert {value: each.units for value, each in strata(made, "image", "class").items()} == {
        "below 4a": 12,
        "4a or above": 12,
    }
    box = (0.0, 0.0, 4.0, 4.0)
    images = [boxed("a/1", [(box, 0), (box, 1)]), boxed("a/2", [(box, 1)]), boxed("a/3")]
    write_predictions(tmp_path / "b.parquet", detected([(each, each.image_id) for each in images]))
    made = evaluate_predictions(tmp_path / "b.parquet", resamples=100, by=["class"])
    assert [*strata(made, "boxes of a class", "class", "ap50")] == ["malignant", "nothing", "several"]
    write_predictions(tmp_path / "m.parquet", masked([("a/1", "p/1", {"benign": (3, 3, 0.9)})]))
    made = evaluate_predictions(tmp_path / "m.parquet", resamples=100, by=["class"])
    assert [*strata(made, "mask of benign", "class", "dice_mean")] == ["benign"]


def test_an_image_that_the_dataset_lacks_is_named(data, tmp_path):
    write_predictions(
        tmp_path / "q.parquet", classified([("toy/0", "toy/0", 0, 0.1), ("toy/99", "g", 1, 0.9)])
    )
    with pytest.raises(DatasetError, match="lacks 1 images that are predicted, the first toy/99"):
        evaluate_predictions(tmp_path / "q.parquet", data=data, by=["markers"])


@pytest.mark.parametrize(("by", "told"), [("colour", "by 'colour'"), ("markers", "said by the records")])
def test_an_axis_that_is_none_or_needs_a_dataset_is_refused(file, by, told):
    with pytest.raises(UsageError, match=told):
        evaluate_predictions(file, by=[by])


def test_the_command_prints_strata(data, file, command):
    options = ("--data", data.path, "--by", "tirads-kwak", "--by", "markers", "--resamples", "100")
    ran = command("baseline", "evaluate", file, *options)
    assert (ran.code, ran.err) == (0, "")
    assert "tirads-kwak/4a" in ran.out
    assert "too few groups" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100
    level = json.loads(command("baseline", "evaluate", file, *options, "--json").out)["levels"][0]
    assert {each["axis"] for each in level["strata"]} == {"tirads-kwak", "markers"}
    assert level["strata"][0]["figure"]["mean"] == 1
