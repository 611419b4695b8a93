"""A baseline from the command line: trained, predicted and evaluated; refusals leave nothing behind."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from toy import converted_release, finding, make_dataset, record

from thyrodata.baselines.cost import read_cost
from thyrodata.baselines.recipes import find_recipe
from thyrodata.baselines.recipes.plan import plan
from thyrodata.errors import TrainingError
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Polygon, PolygonPart
from thyrodata.schema.record import ImageRef, Reading
from thyrodata.schema.vocab import Coverage

torch = pytest.importorskip("torch", reason="make trainers installs it")

from thyrodata.baselines import running  # noqa: E402 -- these import torch
from thyrodata.baselines.checkpoints import CheckpointKind, read_checkpoint  # noqa: E402
from thyrodata.baselines.models import build  # noqa: E402
from thyrodata.baselines.training.learner import Learner  # noqa: E402

torch.set_num_threads(1)

RECIPE = "small/classify"
SMALL = ["--batch-size", "8", "--device", "cpu"]
SQUARE = Polygon(parts=(PolygonPart(exterior=((2, 3), (7, 3), (7, 7), (2, 7))),))

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return converted_release(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A training of two epochs; only to be read."""
    run = tmp_path_factory.mktemp("whole") / "run"
    running.train_baseline(data, RECIPE, run, epochs=2, batch_size=8, device="cpu")
    return run


def test_a_recipe_is_trained_predicted_and_evaluated(data, tmp_path, command):
    run, out = tmp_path / "run", tmp_path / "p.parquet"
    ran = command("baseline", "train", data, RECIPE, "-o", run, *SMALL, "--epochs", "1", "--json")
    assert ran.code == 0, ran.err
    (said,) = json.loads(ran.out)["runs"]
    assert said["epochs"] == 1
    assert set(said["classes"]) == {"below 4a", "4a or above"}
    settings = json.loads((run / "settings.json").read_text())
    assert settings["plan"]["model"] == RECIPE
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    ran = command("baseline", "predict", run, data, "-o", out, "--device", "cpu", "--json")
    assert ran.code == 0, ran.err
    (said,) = json.loads(ran.out)["files"]
    assert (said["recipe"], said["file"]) == (RECIPE, str(out))
    assert said["images"] >= said["groups"] > 0
    cost = read_cost(out)
    assert (cost.height, cost.width) == find_recipe(RECIPE).settings.size
    assert cost.weights_bytes == (run / "best.pt").stat().st_size
    ran = command("baseline", "evaluate", out, "--resamples", "100", "--json")
    assert ran.code == 0, ran.err
    assert "TI-RADS >= 4a (Kwak), said of the case, which is not malignancy" in ran.out


def test_what_is_asked_wrongly_is_refused_and_leaves_nothing(data, whole, tmp_path, command):
    out = ["-o", tmp_path / "x"]
    for args, said in (
        (["train", data, "best/nothing", *out], "there is no recipe"),
        (["train", data, "thyroidxl/alexnet", *out], "no image with what the task learns"),
        (["train", data, RECIPE, "-o", whole], "the folder is not empty"),
        (["train", data, RECIPE, *out, "--device", "cuda:7"], "there is no GPU cuda:7"),
        (["train", data, RECIPE, *out, "--folds"], "thyrodata split make --folds"),
        (["train", data, RECIPE, *out, "--split", "none"], "none"),
        (["predict", tmp_path, data, *out], "there is no training here"),
        (["predict", whole, data, *out, "--part", "none"], "there is no part"),
        (["predict", whole, data, *out, "--part", "all"], "were learnt from, or chose the epoch"),
        (["predict", whole, data, *out, "--device", "cuda:7"], "there is no GPU cuda:7"),
    ):
        ran = command("baseline", *args)
        assert ran.code in {1, 2}, args
        assert said in ran.err, (args, ran.err)
        assert "Traceback" not in ran.err
        assert ran.out == ""
    assert not (tmp_path / "x").exists()


def test_a_split_that_leaks_is_refused_and_audited(data, tmp_path, command):
    leaky = shutil.copytree(data, tmp_path / "ddti")
    with (leaky / "splits" / "default.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    several = next(group for _, group, _ in rows[1:] if sum(row[1] == group for row in rows) > 1)
    parts = iter(["train", "val"] * len(rows))
    torn = [[row[0], row[1], next(parts)] if row[1] == several else row for row in rows]
    with (leaky / "splits" / "leaky.csv").open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(torn)
    args = ["baseline", "train", leaky, RECIPE, "-o", tmp_path / "x", *SMALL, "--split", "leaky"]
    ran = command(*args)
    assert ran.code == 1
    assert "the split 'leaky' leaks" in ran.err
    assert "split audit" in ran.err
    assert not (tmp_path / "x").exists()
    ran = command(*args, "--epochs", "1", "--accept-leaks")
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "x" / "settings.json").read_text())["data"]["leaks"] >= 1


def test_images_that_nobody_read_whole_are_no_negatives(tmp_path, command):
    """Eight outlined images, and as many without a finding whose reader did not look at all of them."""
    records = [
        replace(
            record(str(n), *([finding("1", SQUARE)] if n < 8 else []), group=f"toy/{n}"),
            image=ImageRef(width=16, height=12, path=f"images/{n}.png", bit_depth=8),
            readings=(Reading(coverage=Coverage.PARTIAL),),
        )
        for n in range(16)
    ]
    files = {f"images/{n}.png": encode_png(np.full((12, 16), 9 * n, np.uint8)) for n in range(16)}
    made = make_dataset(tmp_path / "d", records, files)
    (made.path / "splits").mkdir(exist_ok=True)
    for name, parts in (("mixed", ["train", "val"] * 8), ("apart", ["train"] * 8 + ["val"] * 8)):
        rows = "".join(f"toy/{n},toy/{n},{part}\n" for n, part in enumerate(parts))
        (made.path / "splits" / f"{name}.csv").write_text(f"image_id,group_id,part\n{rows}")
    args = ["baseline", "train", made.path, "small/segment", *SMALL, "--epochs", "1"]
    ran = command(*args, "-o", tmp_path / "x", "--split", "apart")
    assert ran.code == 2
    assert "the part 'val' has no image with what the task learns" in ran.err
    assert "empty-unsure 8" in ran.err
    ran = command(*args, "-o", tmp_path / "y", "--split", "mixed")
    assert ran.code == 0, ran.err
    parts = json.loads((tmp_path / "y" / "settings.json").read_text())["data"]["parts"]
    assert {name: part["images"] for name, part in parts.items()} == {"train": 4, "val": 4}


def test_a_checkpoint_that_is_damaged_is_named(data, whole, tmp_path, command):
    run = shutil.copytree(whole, tmp_path / "run")
    for name, args in (
        ("best.pt", ["predict", run, data, "-o", tmp_path / "p.parquet"]),
        ("last.pt", ["train", data, RECIPE, "-o", run, *SMALL, "--epochs", "2", "--resume"]),
    ):
        whole_bytes = (run / name).read_bytes()
        middle = len(whole_bytes) // 2
        for damaged in (whole_bytes[:middle], whole_bytes[:middle] + b"\0" + whole_bytes[middle + 1 :]):
            (run / name).write_bytes(damaged)
            ran = command("baseline", *args)
            assert ran.code == 1, name
            assert str(run / name) in ran.err
            assert (run / name).read_bytes() == damaged
        (run / name).write_bytes(whole_bytes)
    assert not (tmp_path / "p.parquet").exists()


def diverging(name):
    """A recipe whose loss is soon no number, but in the first epoch: its learning rate is 0 there."""
    recipe = find_recipe(name)
    how = replace(recipe.optimisation, learning_rate=1e30, warmup=0.5, clip_norm=None)
    return replace(recipe, optimisation=how)


def test_a_loss_that_is_no_number_ends_it_and_the_epoch_before_is_kept(data, tmp_path, command, monkeypatch):
    monkeypatch.setattr(running, "find_recipe", diverging)
    run = tmp_path / "run"
    args = ["baseline", "train", data, RECIPE, "-o", run, "--batch-size", "32", "--device", "cpu"]
    ran = command(*args, "--epochs", "6")
    assert ran.code == 1
    assert "is nan" in ran.err or "is inf" in ran.err
    assert f"where: {run}, epoch " in ran.err
    assert "are kept" in ran.err
    kept = read_checkpoint(run / "last.pt", CheckpointKind.TRAINING)
    assert kept["epoch"] == len((run / "log.jsonl").read_text().splitlines()) >= 1
    assert all(value.isfinite().all() for value in kept["task"]["module"].values())


def test_too_little_memory_says_what_to_make_smaller(data, tmp_path, command, monkeypatch):
    update, steps = Learner.update, []

    def greedy(learner, loss, progress):
        steps.append(progress)
        if progress >= 0.5:  # in the second of two epochs
            raise torch.OutOfMemoryError("CUDA out of memory")
        return update(learner, loss, progress)

    monkeypatch.setattr(Learner, "update", greedy)
    args = ["baseline", "train", data, RECIPE, "-o", tmp_path / "run", *SMALL, "--epochs", "2"]
    ran = command(*args)
    assert ran.code == 1
    assert "out of memory" in ran.err
    assert "make the batch smaller than 8" in ran.err
    assert read_checkpoint(tmp_path / "run" / "last.pt", CheckpointKind.TRAINING)["epoch"] == 1
    monkeypatch.setattr(Learner, "update", update)
    ran = command(*args, "--resume")
    assert ran.code == 0, ran.err


@pytest.mark.slow
def test_seeds_that_are_killed_and_resumed_are_those_without_interruption(data, tmp_path, command):
    args = [
        "baseline",
        "train",
        data,
        RECIPE,
        *SMALL,
        "--epochs",
        "3",
        "--seeds",
        "2",
        "--seed",
        "5",
        "--json",
    ]
    ran = command(*args, "-o", tmp_path / "whole")
    assert ran.code == 0, ran.err
    whole = json.loads(ran.out)
    shell = [sys.executable, "-m", "thyrodata", *map(str, args), "-o", str(tmp_path / "killed")]
    running_one = subprocess.Popen(shell, stdout=subprocess.DEVNULL, env={"OMP_NUM_THREADS": "1"})
    log = tmp_path / "killed" / "seed-6" / "log.jsonl"
    while running_one.poll() is None and not log.exists():
        time.sleep(0.01)
    running_one.kill()
    assert running_one.wait() != 0
    first = (tmp_path / "killed" / "seed-5" / "last.pt").stat().st_mtime_ns
    ran = command(*args, "-o", tmp_path / "killed")
    assert (ran.code, "not empty" in ran.err) == (1, True)
    ran = command(*args, "-o", tmp_path / "killed", "--resume")
    assert ran.code == 0, ran.err
    resumed = json.loads(ran.out)
    for key in ("weights_sha256", "figures", "best_epoch", "epochs"):
        assert [run[key] for run in resumed["runs"]] == [run[key] for run in whole["runs"]]
    assert resumed["spreads"] == whole["spreads"]
    for name in ("seed-5", "seed-6"):
        logs = [(tmp_path / of / name / "log.jsonl").read_bytes() for of in ("whole", "killed")]
        assert logs[0] == logs[1]
    assert (tmp_path / "killed" / "seed-5" / "last.pt").stat().st_mtime_ns == first  # it was not run again


def test_compiling_is_asked_for_by_a_flag(data, tmp_path, command, monkeypatch):
    def stopped(view, plan, settings, out, **kwargs):
        said = plan.describe()["optimisation"]["compiled"]
        raise TrainingError(f"compiled: {said}", where="epoch 1")

    monkeypatch.setattr(running, "train", stopped)
    for flags, said in (([], "compiled: False"), (["--compile"], "compiled: True")):
        ran = command("baseline", "train", data, RECIPE, "-o", tmp_path / "run", *SMALL, *flags)
        assert ran.code == 1
        assert said in ran.err


def test_events_are_written_where_they_are_asked_for(data, tmp_path, command):
    pytest.importorskip("tensorboard", reason="the environment of make trainers has it")
    for name, flags in (("bare", []), ("heard", ["--tensorboard"])):
        ran = command(
            "baseline", "train", data, RECIPE, "-o", tmp_path / name, *SMALL, "--epochs", "1", *flags
        )
        assert ran.code == 0, ran.err
    assert not (tmp_path / "bare" / "events").exists()
    (events,) = (tmp_path / "heard" / "events").iterdir()
    assert events.name.startswith("events.out.tfevents")


def test_weights_to_begin_with_stand_in_the_settings_and_others_are_not_resumed(data, tmp_path, command):
    """Weights of the same model, as timm saves them, and then one number of them changed."""
    model = build(find_recipe(RECIPE).model, 2)
    state = model.state_dict()
    file = tmp_path / "weights.pt"
    name = next(name for name in state if name.endswith("conv1.weight"))
    torch.save({key.removeprefix("1."): value for key, value in state.items()}, file)
    args = ["baseline", "train", data, RECIPE, "-o", tmp_path / "run", *SMALL, "--epochs", "1"]
    ran = command(*args, "--pretrained", file)
    assert ran.code == 0, ran.err
    said = json.loads((tmp_path / "run" / "settings.json").read_text())["plan"]["pretrained_sha256"]
    assert said == sha256(file.read_bytes()).hexdigest()
    state[name].flatten()[0] += 1
    torch.save({key.removeprefix("1."): value for key, value in state.items()}, file)
    for begun in (["--pretrained", file], []):
        ran = command(*args, *begun, "--resume")
        assert ran.code == 2
        assert "other settings: plan.pretrained_sha256" in ran.err


def test_a_folder_of_weights_stands_in_the_settings_by_all_of_its_files(tmp_path):
    """That of a detector of transformers: its configuration and its tensors."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"tensors")
    begun = plan(find_recipe("best/detect"), ["nodule"], tmp_path).describe()["pretrained_sha256"]
    sums = "".join(
        f"{sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("config.json", "model.safetensors")
    )
    assert begun == sha256(sums.encode()).hexdigest()
    (tmp_path / "config.json").write_text("{ }")
    assert plan(find_recipe("best/detect"), ["nodule"], tmp_path).describe()["pretrained_sha256"] != begun
