"""Several trainings of one model: folds are joined, seeds have a mean and scatter."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.predicted import boxed, classified, detected, masked
from thyrodata.baselines.cost import Cost, write_cost
from thyrodata.baselines.evaluation import evaluate_predictions, evaluate_repeated
from thyrodata.baselines.predictions import write_predictions
from thyrodata.errors import UsageError


def held_out(fold: int) -> dict[str, str]:
    """The origin of what a training says of the fold that it did not see."""
    return dict.fromkeys(("trained_split", "split"), f"folds, fold{fold} held out")


def some_rows(seed: int, images: range = range(40)):
    drawn = np.random.default_rng(seed)
    return [
        (
            f"toy/{k}",
            f"toy/g{k // 2}",
            k // 2 % 2,
            float(np.clip(k // 2 % 2 * 0.4 + drawn.uniform(0, 0.6), 0, 1)),
        )
        for k in images
    ]


def written(folder, name, said):
    folder.mkdir(exist_ok=True)
    write_predictions(folder / name, said)
    return folder / name


def figure(made, of, name):
    (level,) = (each for each in made.levels if each.of == of)
    (found,) = (each for each in level.figures if each.name == name)
    return found


def test_seeds_have_the_mean_and_the_samples_standard_deviation(tmp_path):
    files = [written(tmp_path, f"{s}.parquet", classified(some_rows(s), seed=s)) for s in range(3)]
    made = evaluate_repeated(files, resamples=100)
    assert (made.seeds, made.folds, made.images, made.groups) == ((0, 1, 2), 1, 40, 20)
    each = [evaluate_predictions(file, resamples=100) for file in files]
    for n, level in enumerate(made.levels):
        for m, found in enumerate(level.figures):
            alone = [one.levels[n].figures[m] for one in each]
            assert [*found.runs] == alone
            assert found.mean == pytest.approx(np.mean([one.value for one in alone]))
            assert found.sd == pytest.approx(np.std([one.value for one in alone], ddof=1))


def test_one_file_is_its_own_mean_and_scatters_by_nothing(tmp_path):
    file = written(tmp_path, "p.parquet", classified(some_rows(0)))
    made = evaluate_repeated([file], resamples=100)
    alone = evaluate_predictions(file, resamples=100)
    assert [[run for each in level.figures for run in each.runs] for level in made.levels] == [
        [*level.figures] for level in alone.levels
    ]
    assert figure(made, "image", "accuracy").sd is None
    assert made.notes[0].startswith("of one training")


def test_datasets_of_one_name_and_other_splits_are_said_to_be_unsure(tmp_path):
    for n, (split, said) in enumerate((("default", False), ("other", True))):
        file = written(tmp_path, f"{n}.parquet", classified(some_rows(0), split=split))
        notes = evaluate_repeated([file], resamples=100).notes
        assert any("whether images were learnt is not known" in note for note in notes) is said


def test_held_out_folds_are_joined_each_image_once(tmp_path):
    rows = some_rows(0)
    parts = (rows[:10], rows[10:24], rows[24:])
    for n, part in enumerate(parts):
        written(tmp_path, f"{n}.parquet", classified(part, **held_out(n)))
    made = evaluate_repeated([tmp_path], resamples=100)
    whole = written(tmp_path / "whole", "p.parquet", classified(rows))
    alone = evaluate_repeated([whole], resamples=100)
    assert (made.folds, made.seeds, made.images, made.split) == (3, (0,), 40, "folds")
    assert made.levels == alone.levels
    assert any("3 held-out folds are joined" in note for note in made.notes)
    assert any(note.startswith("AUC ranks scores of different trainings") for note in made.notes)


def test_folds_of_two_images_by_hand(tmp_path):
    # fold0: a right; fold1: b wrong; joined 1 of 2. Of the other seed both are right.
    scores = {(0, 0): 0.9, (0, 1): 0.8, (1, 0): 0.7, (1, 1): 0.3}
    for (seed, n), score in scores.items():
        rows = [(f"toy/{'ab'[n]}", f"toy/{'ab'[n]}", 1 - n, score)]
        said = classified(rows, seed=seed, **held_out(n))
        written(tmp_path, f"{seed}{n}.parquet", said)
    found = figure(evaluate_repeated([tmp_path], resamples=100), "image", "accuracy")
    assert [run.value for run in found.runs] == [0.5, 1]
    assert (found.mean, found.sd) == (0.75, pytest.approx(np.sqrt(0.125)))


def test_folds_of_boxes_and_masks_are_joined_too(tmp_path):
    box = (0.0, 0.0, 4.0, 4.0)
    for n in range(2):
        image = boxed(f"a/{n}", [(box, 0)], [(box, 0, 0.5 + n / 10)])
        written(tmp_path / "boxes", f"{n}.parquet", detected([(image, f"p/{n}")], **held_out(n)))
        said = masked([(f"a/{n}", f"p/{n}", {"benign": (4, 2 + 2 * n, 0.9)})], **held_out(n))
        written(tmp_path / "masks", f"{n}.parquet", said)
    boxes = evaluate_repeated([tmp_path / "boxes"], resamples=100)
    assert figure(boxes, "boxes of a class", "ap50").mean == pytest.approx(1)
    assert any(note.startswith("AP and FROC rank") for note in boxes.notes)
    masks = evaluate_repeated([tmp_path / "masks"], resamples=100)
    assert figure(masks, "mask of benign", "dice_mean").mean == pytest.approx((2 / 3 + 1) / 2)


def test_the_order_of_files_decides_nothing(tmp_path):
    files = [
        written(
            tmp_path,
            f"{s}{n}.parquet",
            classified(some_rows(s)[20 * n : 20 * n + 20], seed=s, **held_out(n)),
        )
        for s in range(2)
        for n in range(2)
    ]
    assert evaluate_repeated(files, resamples=100) == evaluate_repeated(files[::-1], resamples=100)


def test_what_is_undefined_in_a_run_has_no_mean(tmp_path):
    rows = some_rows(0)
    silent = [(*row[:3], 0.1) for row in rows]  # the second class is never predicted
    files = [
        written(tmp_path, "0.parquet", classified(rows, seed=0)),
        written(tmp_path, "1.parquet", classified(silent, seed=1)),
    ]
    found = figure(evaluate_repeated(files, resamples=100), "image", "precision/4a or above")
    assert found.runs[0].value is not None
    assert (found.runs[1].value, found.mean, found.sd) == (None, None, None)


ROWS = [("toy/a", "toy/a", 0, 0.2), ("toy/b", "toy/b", 1, 0.7)]
BASE = classified(ROWS)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (classified(ROWS, model="best/classify", seed=1), "the model is 'best/classify'"),
        (classified(ROWS, target="malignancy", seed=1), "the target is 'malignancy'"),
        (classified(ROWS, dataset="tn3k", seed=1), "the dataset is 'tn3k'"),
        (classified(ROWS, part="val", seed=1), "the part is 'val'"),
        (classified(ROWS, classes=("no", "yes"), seed=1), "the list of classes is 'no, yes'"),
        (masked([("toy/a", "toy/a", {})], seed=1), "the task is 'MaskPredictions'"),
        (classified(ROWS, trained_split="other"), "toy/a is predicted twice of seed 0"),
        (classified([("toy/c", "toy/c", 1, 0.5)]), "two trainings of seed 0 are on 'default'"),
        (classified(ROWS[:1], seed=1), "toy/b is predicted by one of them only"),
        (classified([ROWS[0], ("toy/b", "toy/b", 0, 0.5)], seed=1), "toy/b is of another class"),
        (classified([ROWS[0], ("toy/b", "toy/z", 1, 0.5)], seed=1), "toy/b is of another group"),
    ],
)
def test_files_that_are_no_runs_of_one_model_are_refused_by_name(tmp_path, other, told):
    files = [written(tmp_path, "a.parquet", BASE), written(tmp_path, "b.parquet", other)]
    with pytest.raises(UsageError, match=told) as raised:
        evaluate_repeated(files, resamples=100)
    assert raised.value.where == str(files[1])


def test_no_file_an_empty_folder_and_one_file_twice_are_refused(tmp_path):
    file = written(tmp_path / "in", "p.parquet", BASE)
    (tmp_path / "empty").mkdir()
    for given, told in (([], "no predictions"), ([tmp_path / "empty"], "holds no"), ([file] * 2, "twice")):
        with pytest.raises(UsageError, match=told):
            evaluate_repeated(given)


def test_the_command_prints_mean_and_scatter_and_keeps_each_run_in_its_json(tmp_path, command):
    for s in range(3):
        written(tmp_path, f"{s}.parquet", classified(some_rows(s), seed=s))
    cost = Cost(
        parameters=21_300_000,
        macs=3_600_000_000,
        weights_bytes=85_000_000,
        latency_ms=31.5,
        height=224,
        width=224,
        device="cpu",
        threads=2,
        repeats=20,
    )
    write_cost(tmp_path / "0.parquet", cost)
    ran = command("baseline", "evaluate", tmp_path, "--resamples", "100")
    assert (ran.code, ran.err) == (0, "")
    assert "mean and standard deviation (n - 1) over 3 seeds" in ran.out
    assert "21.30 M parameters, 3.60 G multiply-adds" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100
    said = json.loads(command("baseline", "evaluate", tmp_path, "--resamples", "100", "--json").out)
    first = said["levels"][0]["figures"][0]
    assert first["mean"] == pytest.approx(np.mean([run["value"] for run in first["runs"]]))
    assert all(run["low"] <= run["value"] <= run["high"] for run in first["runs"])
    assert said["cost"]["macs"] == cost.macs
