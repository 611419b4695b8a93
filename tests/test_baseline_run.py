"""A baseline from the command line: trained, predicted and evaluated; refusals leave nothing behind."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch", reason="make trainers installs it")

from thyrodata.conversion import convert
from thyrodata.demo import write_release

RECIPE = "thyronet/mobilenet_v2"
SMALL = ["--epochs", "1", "--batch-size", "8", "--device", "cpu"]

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "raw").mkdir()
    write_release(folder / "raw", cases=24)
    convert("ddti", folder / "raw", folder / "ddti")
    return folder / "ddti"


@pytest.fixture
def trained(data, tmp_path, command):
    ran = command("baseline", "train", data, RECIPE, "-o", tmp_path / "run", *SMALL, "--json")
    assert ran.code == 0, ran.err
    return tmp_path / "run", json.loads(ran.out)


def test_a_recipe_is_trained_predicted_and_evaluated(data, trained, tmp_path, command):
    run, said = trained
    assert said["epochs"] == 1
    assert set(said["classes"]) == {"below 4a", "4a or above"}
    settings = json.loads((run / "settings.json").read_text())
    assert settings["plan"]["model"] == RECIPE
    out = tmp_path / "p.parquet"
    ran = command("baseline", "predict", run, data, "-o", out, "--device", "cpu", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["recipe"] == RECIPE
    ran = command("baseline", "evaluate", out, "--resamples", "100", "--json")
    assert ran.code == 0, ran.err
    made = json.loads(ran.out)
    assert made["images"] == json.loads(command("baseline", "evaluate", out, "--json").out)["images"] > 0
    assert made["origin"]["target"] == "TI-RADS >= 4a (Kwak), said of the case, which is not malignancy"
    assert made["levels"][0]["figures"][0]["name"] == "accuracy"


def test_what_is_asked_wrongly_is_refused_and_leaves_nothing(data, trained, tmp_path, command):
    run, _ = trained
    for args, said in (
        (["train", data, "best/nothing", "-o", tmp_path / "x"], "there is no recipe"),
        (["train", data, "best/detect", "-o", tmp_path / "x"], "nothing trains"),
        (["train", data, "thyroidxl/alexnet", "-o", tmp_path / "x"], "no image with what the task learns"),
        (["train", data, RECIPE, "-o", run], "the folder is not empty"),
        (["train", data, RECIPE, "-o", tmp_path / "x", "--device", "cuda:7"], "cuda:7"),
        (["predict", tmp_path, data, "-o", tmp_path / "p"], "settings.json"),
        (["predict", run, data, "-o", tmp_path / "p", "--part", "none"], "there is no part"),
    ):
        ran = command("baseline", *args)
        assert ran.code in {1, 2}, args
        assert said in ran.err, (args, ran.err)
        assert "Traceback" not in ran.err
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "p").exists()
