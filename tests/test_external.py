"""Evaluation on another dataset: what it shares with the training is found and refused, without torch."""

from __future__ import annotations

import io
import json
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from tests.predicted import classified
from tests.toy import graded, make_dataset, record
from thyrodata.baselines.external import validate_externally
from thyrodata.baselines.parts import parts_sha256
from thyrodata.baselines.predictions import write_predictions
from thyrodata.baselines.seen import ALL
from thyrodata.errors import CaseError, SplitError, UsageError
from thyrodata.exports.view import split_view
from thyrodata.io.hashes import SUMS, read_sums
from thyrodata.schema.record import OfficialSplit


def picture(seed: int) -> np.ndarray:
    """A picture of 160 x 120 px like no other."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(120, 160)), 4)
    return np.uint8(np.clip(128 + 45 * noise / noise.std(), 0, 255))


def jpeg(pixels: np.ndarray, quality: int = 95) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def dataset(folder, images):
    """Name of an image to its bytes and part."""
    records = [
        record(
            name,
            image=data,
            case_labels=graded("4a"),
            official_splits=(OfficialSplit(part=part),),
        )
        for name, (data, part) in images.items()
    ]
    return make_dataset(folder, records, {f"images/{name}.jpg": data for name, (data, _) in images.items()})


@pytest.fixture
def trained(tmp_path):
    """A dataset, and the settings of a training on it: images 0 and 1 were learnt, 2 chose, 3 is unseen."""
    parts = ("train", "train", "val", "test")
    data = dataset(tmp_path / "clinic", {f"c{n}": (jpeg(picture(n)), part) for n, part in enumerate(parts)})
    said = {
        "plan": {"model": "thyronet/resnet34"},
        "data": {
            "dataset": "clinic",
            "records_sha256": read_sums(data.path / SUMS)["records.parquet"],
            "split": "official",
            "split_sha256": parts_sha256(split_view(data, "official")),
            "training": "train",
            "validation": "val",
        },
    }
    (tmp_path / "run").mkdir()
    (tmp_path / "run/settings.json").write_text(json.dumps(said))
    return tmp_path / "run", data


@pytest.fixture(autouse=True)
def predicting(monkeypatch):
    """Stands for the module that needs torch: writes what a model might say of two images."""
    asked = []
    module = ModuleType("thyrodata.baselines.running")

    def predict_baseline(run, data, out, **options):
        asked.append(options)
        write_predictions(out, classified([("toy/o1", "toy/o1", 1, 0.9), ("toy/o2", "toy/o2", 0, 0.6)]))

    module.predict_baseline = predict_baseline
    monkeypatch.setitem(sys.modules, "thyrodata.baselines.running", module)
    return asked


def validated(trained, other, **options):
    run, data = trained
    return validate_externally(run, other, data, **{"split": "official", "resamples": 100, **options})


def test_what_shares_nothing_is_predicted_and_evaluated(trained, tmp_path, predicting):
    other = dataset(tmp_path / "other", {f"o{n}": (jpeg(picture(10 + n)), "test") for n in range(3)})
    made = validated(trained, other, out=tmp_path / "p.parquet")
    assert (made.shared.learnt, made.shared.evaluated, made.shared.shared) == (3, 3, 0)
    assert (made.shared.first, made.shared.unread) == ("", 0)
    assert made.evaluation.levels[0].figures[0].mean == 0.5
    assert (tmp_path / "p.parquet").exists()
    assert predicting == [{"part": "test", "split": "official", "reader": None, "device": None}]
    assert made.to_json()["shared"]["evaluated"] == 3


COPIES = {
    "the same bytes": lambda: jpeg(picture(1)),
    "written again": lambda: jpeg(picture(1), quality=70),
    "mirrored": lambda: jpeg(picture(1)[:, ::-1]),
    "of what chose the epoch": lambda: jpeg(picture(2), quality=80),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_of_a_learnt_picture_is_refused_by_name_unless_accepted(trained, tmp_path, copy, predicting):
    images = {"o1": (COPIES[copy](), "test"), "o2": (jpeg(picture(10)), "test")}
    other = dataset(tmp_path / "other", images)
    learnt = "toy/c2" if "epoch" in copy else "toy/c1"
    with pytest.raises(SplitError, match=f"of 2 images 1 were seen.*evaluated toy/o1 and learnt {learnt}"):
        validated(trained, other, out=tmp_path / "p.parquet")
    assert not (tmp_path / "p.parquet").exists()
    assert predicting == []
    made = validated(trained, other, accept_shared=True)
    assert (made.shared.shared, made.shared.evaluated) == (1, 2)
    assert "toy/o1" in made.shared.first


def test_what_neither_was_seen_nor_is_evaluated_may_be_shared(trained, tmp_path):
    images = {
        "o1": (jpeg(picture(3)), "test"),  # the test part of the training's dataset was not seen
        "o2": (jpeg(picture(0)), "train"),  # was, and is not evaluated
    }
    other = dataset(tmp_path / "other", images)
    assert validated(trained, other).shared.shared == 0
    with pytest.raises(SplitError, match="of 2 images 1 were seen"):
        validated(trained, other, part=ALL)


def test_images_of_a_learnt_group_are_shared(trained, tmp_path):
    data = jpeg(picture(20))
    other = make_dataset(
        tmp_path / "other",
        [record("o1", image=data, group="c0", official_splits=(OfficialSplit(part="test"),))],
        {"images/o1.jpg": data},
    )
    with pytest.raises(SplitError, match="same group toy/c0"):
        validated(trained, other)


def test_another_dataset_than_that_of_the_training_is_refused(trained, tmp_path):
    other = dataset(tmp_path / "other", {"o1": (jpeg(picture(10)), "test")})
    with pytest.raises(UsageError, match="not the dataset of the training, clinic"):
        validate_externally(trained[0], other, other, split="official")


def test_a_part_that_is_not_there_and_a_folder_of_no_training_are_refused(trained, tmp_path):
    other = dataset(tmp_path / "other", {"o1": (jpeg(picture(10)), "test")})
    with pytest.raises(UsageError, match="no part 'val'"):
        validated(trained, other, part="val")
    with pytest.raises(CaseError, match=r"settings\.json"):
        validate_externally(tmp_path, other, trained[1])


def test_the_command_says_what_is_shared(trained, tmp_path, command):
    run, data = trained
    images = {"o1": (jpeg(picture(1)), "test"), "o2": (jpeg(picture(11)), "test")}
    other = dataset(tmp_path / "other", images)
    asked = ("baseline", "evaluate", run, "--on", other.path, "--split", "official", "--resamples", "100")
    ran = command(*asked, "--trained-on", data.path)
    assert (ran.code, ran.out) == (1, "")
    assert "of 2 images 1 were seen in training" in ran.err
    ran = command(*asked, "--trained-on", data.path, "--accept-shared")
    assert (ran.code, ran.err) == (0, "")
    assert "external: 1 image of 2 shared with the 3 that the training saw" in ran.out
    assert command(*asked).code == 2
    ran = command("baseline", "evaluate", run, "--accept-shared")
    assert ran.code == 2
    assert "--on" in ran.err
