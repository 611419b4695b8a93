"""Seeds, folds and several processes: trainings of one recipe that belong together."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from thyrodata.baselines.parts import hold_out
from thyrodata.baselines.predictions import read_predictions
from thyrodata.baselines.recipes import find_recipe
from thyrodata.conversion import convert
from thyrodata.dataset import Dataset
from thyrodata.demo import write_release
from thyrodata.exports.view import split_view

torch = pytest.importorskip("torch", reason="make trainers installs it")

from thyrodata.baselines import repeats, running  # noqa: E402 -- these import torch
from thyrodata.baselines.checkpoints import CheckpointKind, read_checkpoint  # noqa: E402
from thyrodata.baselines.recipes.plan import plan  # noqa: E402
from thyrodata.baselines.repeats import train_repeatedly  # noqa: E402
from thyrodata.baselines.runs import runs_in  # noqa: E402
from thyrodata.baselines.training.loop import figures_of  # noqa: E402
from thyrodata.baselines.training.reading import read_parts  # noqa: E402
from thyrodata.errors import TrainingError  # noqa: E402

torch.set_num_threads(1)

RECIPE = "small/segment"
FOLDS = 3

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name in ("ddti", "other"):
        (folder / f"raw-{name}").mkdir()
        write_release(folder / f"raw-{name}", cases=12, seed=len(name))
        convert("ddti", folder / f"raw-{name}", folder / name)
    return folder / "ddti"


@pytest.fixture
def folded(data, command):
    """The dataset with a split for cross-validation."""
    if "cv" not in Dataset(data).splits:
        ran = command("split", "make", data, "--name", "cv", "--folds", FOLDS)
        assert ran.code == 0, ran.err
    return data


def small(name):
    """A recipe of a smaller image, so that a training takes a second."""
    recipe = find_recipe(name)
    return replace(recipe, settings=replace(recipe.settings, size=(64, 96), batch_size=8))


@pytest.fixture(autouse=True)
def _smaller(monkeypatch):
    monkeypatch.setattr(running, "find_recipe", small)


def test_each_fold_is_held_out_once_and_predicted_by_the_training_that_never_saw_it(
    folded, tmp_path, command
):
    args = ["--epochs", "1", "--device", "cpu", "--json"]
    ran = command(
        "baseline", "train", folded, RECIPE, "-o", tmp_path / "runs", "--split", "cv", "--folds", *args
    )
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    places = [tmp_path / "runs" / f"fold-{n}" for n in range(FOLDS)]
    assert [run["folder"] for run in said["runs"]] == [str(place) for place in places]
    assert runs_in(tmp_path / "runs") == tuple(places)
    ran = command("baseline", "predict", tmp_path / "runs", folded, "-o", tmp_path / "p", *args[2:])
    assert ran.code == 0, ran.err
    files = [tmp_path / "p" / f"fold-{n}.parquet" for n in range(FOLDS)]
    assert [made["file"] for made in json.loads(ran.out)["files"]] == [str(file) for file in files]
    whole = split_view(Dataset(folded), "cv")
    tested = Counter()
    for n, file in enumerate(files):
        made = read_predictions(file)
        assert made.origin.trained_split == made.origin.split == f"cv, fold{n} held out"
        assert made.origin.part == "test"
        images = {mask.image_id for mask in made.masks}
        assert images <= {image for image, part in whole.part_of.items() if part == f"fold{n}"}
        tested.update(images)
        settings = json.loads((places[n] / "settings.json").read_text())["data"]
        parts = Counter(hold_out(whole, f"fold{n}").part_of.values())
        assert {part: held["images"] for part, held in settings["parts"].items()}.keys() == {"train", "val"}
        assert all(held["images"] <= parts[part] for part, held in settings["parts"].items())
    assert set(tested.values()) == {1}


def test_images_of_other_folds_were_seen_and_those_of_another_dataset_were_not(folded, tmp_path, command):
    run = tmp_path / "run"
    running.train_baseline(folded, RECIPE, run, split="cv", held_out="fold1", epochs=1, device="cpu")
    out = ["-o", tmp_path / "p.parquet", "--device", "cpu"]
    ran = command("baseline", "predict", run, folded, *out, "--split", "default", "--part", "train")
    assert ran.code == 2
    assert "were learnt from, or chose the epoch" in ran.err
    assert "cv, fold1 held out" in ran.err
    assert not (tmp_path / "p.parquet").exists()
    ran = command("baseline", "predict", run, folded, *out, "--part", "train")  # asked for by name
    assert ran.code == 0, ran.err
    other = Dataset(
        folded.parent / "other"
    )  # called after ddti's layout too, which does not make it the same
    ran = command("baseline", "predict", run, other.path, *out, "--part", "all")
    assert ran.code == 0, ran.err
    made = read_predictions(tmp_path / "p.parquet")
    assert (made.origin.part, made.origin.split, made.origin.trained_split) == (
        "all",
        "none",
        "cv, fold1 held out",
    )
    assert len({mask.image_id for mask in made.masks}) > len(other.split("default")["test"])


def test_seeds_have_a_mean_a_deviation_and_one_progress(data, tmp_path, command):
    shown = []
    made = train_repeatedly(
        data,
        RECIPE,
        tmp_path / "runs",
        seeds=3,
        seed=4,
        epochs=1,
        device="cpu",
        progress=lambda done, total: shown.append((done, total)),
    )
    assert [run.folder.name for run in made.runs] == ["seed-4", "seed-5", "seed-6"]
    assert len({run.weights_sha256 for run in made.runs}) == 3
    for spread in made.spreads:
        values = [run.figures[spread.name] for run in made.runs]
        assert (spread.mean, spread.sd, spread.n) == (statistics.mean(values), statistics.stdev(values), 3)
    assert {total for _, total in shown} == {len(shown)}
    assert [done for done, _ in shown] == [*range(1, len(shown) + 1)]
    args = ["-o", tmp_path / "runs", "--epochs", "1", "--device", "cpu", "--resume"]
    ran = command("baseline", "train", data, RECIPE, *args, "--seeds", "4", "--seed", "4")  # one more
    assert ran.code == 0, ran.err
    assert "(mean ± sd of 4 runs)" in ran.out
    assert "one run is no result" not in ran.out
    for strange in ([], ["--seeds", "2", "--seed", "4"]):
        ran = command("baseline", "train", data, RECIPE, *args, *strange)
        assert ran.code == 1
        assert "the folder holds another training" in ran.err
    ran = command("baseline", "predict", tmp_path / "runs", data, "-o", tmp_path / "p", "--device", "cpu")
    assert ran.code == 0, ran.err
    assert sorted(file.name for file in (tmp_path / "p").glob("*.parquet")) == [
        f"seed-{n}.parquet" for n in (4, 5, 6, 7)
    ]


def test_one_training_is_called_one_and_has_no_deviation(data, tmp_path, command):
    ran = command(
        "baseline", "train", data, RECIPE, "-o", tmp_path / "run", "--epochs", "1", "--device", "cpu"
    )
    assert ran.code == 0, ran.err
    assert "note: one run is no result" in ran.out
    (made,) = runs_in(tmp_path / "run")
    assert made == tmp_path / "run"


def test_what_ends_one_of_several_trainings_says_which(data, tmp_path, monkeypatch):
    train = repeats.train_baseline

    def failing(*args, seed, **kwargs):
        if seed == 1:
            raise TrainingError("the loss is nan", where="epoch 2", hint="less")
        return train(*args, seed=seed, **kwargs)

    monkeypatch.setattr(repeats, "train_baseline", failing)
    with pytest.raises(TrainingError) as ended:
        train_repeatedly(data, RECIPE, tmp_path / "runs", seeds=3, epochs=1, device="cpu")
    assert ended.value.where == f"{tmp_path / 'runs' / 'seed-1'}, epoch 2"
    assert [run.name for run in runs_in(tmp_path / "runs")] == ["seed-0"]


@pytest.mark.slow
def test_torchrun_trains_one_model_in_two_processes_of_which_one_speaks(data, tmp_path):
    """The figures that two processes wrote are those that one measures of their weights."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    train = ["-m", "thyrodata", "baseline", "train", str(data), RECIPE, "--epochs", "2", "--batch-size", "4"]
    out = ["-o", str(tmp_path / "run"), "--device", "cpu", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *train, *out], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    (said,) = json.loads(done.stdout)["runs"]  # one object: the other process says nothing
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["processes"] == 2
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 2
    best = read_checkpoint(tmp_path / "run" / "best.pt", CheckpointKind.WEIGHTS)
    assert best["figures"] == said["figures"]
    recipe = find_recipe(RECIPE)
    shown = split_view(Dataset(data), "default")
    planned = plan(recipe, shown.categories)
    held = read_parts(
        shown,
        ("val",),
        learns=planned.learns,
        target=planned.target,
        size=recipe.settings.size,
        fit=recipe.settings.fit,
    )["val"]
    task = planned.start(held.classes, "cpu")
    task.use(best["weights"])
    assert figures_of(task, held, 4) == pytest.approx(said["figures"], rel=1e-9)
