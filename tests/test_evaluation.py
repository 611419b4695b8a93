"""Evaluating predictions from their file: every level, undefined figures said, no torch."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from tests.predicted import ORIGIN, TARGET
from thyrodata.baselines.evaluation import evaluate_predictions
from thyrodata.baselines.predictions import (
    ClassPredictions,
    MaskPrediction,
    MaskPredictions,
    write_predictions,
)
from thyrodata.errors import RawLayoutError, UsageError
from thyrodata.io.masks import encode_mask


def some_classes(groups: int = 30, *, torn: bool = False) -> ClassPredictions:
    """Two images a group; with ``torn`` one group has images of both classes."""
    drawn = np.random.default_rng(0)
    labels = np.repeat(drawn.integers(0, 2, groups), 2)
    if torn:
        labels[0] = 1 - labels[1]
    score = np.clip(labels * 0.3 + drawn.uniform(0, 0.7, labels.size), 0, 1)
    return ClassPredictions(
        origin=ORIGIN,
        classes=("below 4a", "4a or above"),
        image_ids=tuple(f"toy/{n}" for n in range(labels.size)),
        group_ids=tuple(f"toy/g{n // 2}" for n in range(labels.size)),
        labels=labels.astype(np.int64),
        probabilities=np.column_stack([1 - score, score]).astype(np.float32),
    )


def figures_of(made, level: str):
    (found,) = (each for each in made.levels if each.of == level)
    return {figure.name: figure for figure in found.figures}


def test_figures_of_images_equal_those_of_scikit_learn(tmp_path):
    said = some_classes()
    write_predictions(tmp_path / "p.parquet", said)
    made = evaluate_predictions(tmp_path / "p.parquet", resamples=200)
    assert (made.images, made.groups, made.not_voted) == (60, 30, "")
    found = figures_of(made, "image")
    predicted = said.probabilities.argmax(1)
    assert found["accuracy"].value == pytest.approx(accuracy_score(said.labels, predicted))
    assert found["auc/4a or above"].value == pytest.approx(
        roc_auc_score(said.labels, said.probabilities[:, 1])
    )
    assert found["accuracy"].low < found["accuracy"].value < found["accuracy"].high
    assert found["accuracy"].groups == 30


def test_groups_are_decided_in_two_ways(tmp_path):
    said = some_classes()
    write_predictions(tmp_path / "p.parquet", said)
    made = evaluate_predictions(tmp_path / "p.parquet", resamples=200)
    mean = said.probabilities.reshape(30, 2, 2).mean(1).argmax(1)
    found = figures_of(made, "group by mean probability")["accuracy"]
    assert found.value == pytest.approx(accuracy_score(said.labels[::2], mean))
    assert found.units == 30
    assert figures_of(made, "group by weighted majority")["accuracy"].units == 30


def test_a_group_with_two_labels_is_said_and_no_group_is_decided(tmp_path):
    write_predictions(tmp_path / "p.parquet", some_classes(torn=True))
    made = evaluate_predictions(tmp_path / "p.parquet", resamples=200)
    assert [level.of for level in made.levels] == ["image"]
    assert "1 groups have images of different labels, the first toy/g0" in made.not_voted


def test_masks_are_compared_class_by_class(tmp_path):
    square, half, none = (np.zeros((12, 16), bool) for _ in range(3))
    square[2:8, 2:8] = True
    half[2:8, 2:5] = True
    masks = [
        MaskPrediction(
            image_id=f"toy/{n}",
            group_id=f"toy/{n}",
            category="nodule",
            truth=encode_mask(square),
            predicted=encode_mask(predicted),
            score=None,
            certainty=0.5,
        )
        for n, predicted in enumerate((square, half, none))
    ]
    said = MaskPredictions(origin=ORIGIN, classes=("nodule",), masks=tuple(masks))
    write_predictions(tmp_path / "p.parquet", said)
    made = evaluate_predictions(tmp_path / "p.parquet", resamples=200)
    found = figures_of(made, "mask of nodule")
    assert found["dice_mean"].value == pytest.approx((1 + 2 * 18 / 54 + 0) / 3)
    assert found["iou_pooled"].value == pytest.approx((36 + 18) / (36 + 36 + 36))
    assert (found["hausdorff_mean"].units, found["hausdorff_mean"].undefined) == (2, 1)


def test_what_is_no_file_of_predictions_is_refused(tmp_path, command):
    with pytest.raises(UsageError):
        evaluate_predictions(tmp_path / "none.parquet")
    (tmp_path / "p.parquet").write_bytes(b"PAR1")
    ran = command("baseline", "evaluate", tmp_path / "p.parquet")
    assert (ran.code, ran.out) == (1, "")
    assert "p.parquet" in ran.err
    from thyrodata.io.parquettable import table_bytes  # noqa: PLC0415 -- a table of something else

    (tmp_path / "q.parquet").write_bytes(table_bytes({"image_id": ["a"], "tag": ["yes"]}))
    with pytest.raises(RawLayoutError):
        evaluate_predictions(tmp_path / "q.parquet")


def test_the_command_says_what_one_training_is_worth(tmp_path, command):
    write_predictions(tmp_path / "p.parquet", some_classes())
    ran = command("baseline", "evaluate", tmp_path / "p.parquet", "--resamples", "100")
    assert (ran.code, ran.err) == (0, "")
    assert "majority_rate" in ran.out
    assert TARGET in ran.out
    assert "of one training: what another seed would give is not known" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100
    ran = command("baseline", "evaluate", tmp_path / "p.parquet", "--resamples", "100", "--json")
    made = json.loads(ran.out)
    assert (made["seeds"], made["folds"], made["target"]) == ([0], 1, TARGET)
    first = evaluate_predictions(tmp_path / "p.parquet", resamples=100).levels[0].figures[0]
    (run,) = made["levels"][0]["figures"][0]["runs"]
    assert (run["value"], run["low"], run["high"]) == (first.value, first.low, first.high)


def test_no_torch_is_loaded(tmp_path):
    write_predictions(tmp_path / "p.parquet", some_classes())
    code = (
        "import sys; from thyrodata.baselines.evaluation import evaluate_predictions as e; "
        f"e({str(tmp_path / 'p.parquet')!r}, resamples=50); print('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_the_docs_run(tmp_path, monkeypatch, command):
    """What needs torch runs in tests/test_baseline_run.py."""
    page = (Path(__file__).parents[1] / "docs" / "baselines.md").read_text()
    monkeypatch.chdir(tmp_path)
    write_predictions(Path("test.parquet"), some_classes())
    lines = re.search(r"```console\n(.*?)```", page, re.DOTALL)[1].splitlines()
    for line in lines:
        ran = command(*shlex.split(line, comments=True)[1:])
        assert (ran.code, ran.err) == (0, "")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(code, {})  # noqa: S102 -- the docs are ours
