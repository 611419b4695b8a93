"""A model as ONNX computes what it does in torch; its card says what is known; its cost is what it is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

pytest.importorskip("torch", reason="make trainers installs it")
pytest.importorskip("torchvision")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime as runtime
import torch
from torchvision import models
from toy import converted_release

from thyrodata.baselines import measuring
from thyrodata.baselines.exporting import run as exporting
from thyrodata.baselines.exporting.checking import TOLERANCES, agreed_boxes, agreed_probabilities
from thyrodata.baselines.exporting.graph import check_graph, compared_images, write_graph
from thyrodata.baselines.exporting.run import export_baseline
from thyrodata.baselines.exporting.usage import usage
from thyrodata.baselines.measuring import REPEATS, WARM_UP, count_macs, measure_cost, measure_module
from thyrodata.baselines.models import build
from thyrodata.baselines.predictions import read_predictions, write_predictions
from thyrodata.baselines.recipes import RECIPES, Task
from thyrodata.baselines.recipes.architecture import (
    DeformableDetr,
    DFine,
    FasterRcnn,
    Fcos,
    RtDetrV2,
    Segmenter,
    TimmClassifier,
    TorchvisionClassifier,
)
from thyrodata.baselines.running import predict_baseline, train_baseline
from thyrodata.baselines.training.settings import Fit
from thyrodata.conversion import convert
from thyrodata.dataset import Dataset
from thyrodata.demo import write_release
from thyrodata.errors import CaseError, MissingExtraError, OutputError, TrainingError, UsageError
from thyrodata.io.hashes import hash_file

pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning"),
]

RECIPE = "small/classify"
SIZE = (64, 96)
TINY = {
    "timm": (Task.CLASSIFICATION, TimmClassifier(name="test_convnext")),
    "torchvision": (Task.CLASSIFICATION, TorchvisionClassifier(name="googlenet")),
    "Unet": (Task.SEGMENTATION, Segmenter(decoder="Unet", encoder="resnet18")),
    "UnetPlusPlus": (Task.SEGMENTATION, Segmenter(decoder="UnetPlusPlus", encoder="resnet18")),
    "PSPNet": (Task.SEGMENTATION, Segmenter(decoder="PSPNet", encoder="resnet18")),
    "DeepLabV3Plus": (Task.SEGMENTATION, Segmenter(decoder="DeepLabV3Plus", encoder="resnet18")),
    "Faster R-CNN": (Task.DETECTION, FasterRcnn(backbone="resnet18")),
    "FCOS": (Task.DETECTION, Fcos(backbone="test_resnet")),
    "Deformable DETR": (Task.DETECTION, DeformableDetr(backbone="test_resnet", layers=2, queries=20)),
    "RT-DETRv2": (Task.DETECTION, RtDetrV2(layers=2, queries=20)),
    "D-FINE": (Task.DETECTION, DFine(layers=2, queries=20)),
}
SLOW = ("Deformable DETR", "RT-DETRv2")
"""Of one library with D-FINE, and of one way with it."""


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Tiny models are slower by several threads than by one, where other processes run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(task, model, seed=0, size=SIZE):
    """A model from chance whose norms have seen the images that are compared.

    Without, a deep one tells no place from another, and rounding decides which of them a detector looks at;
    with others, its logits grow so large that float32 is not float64 any more.
    """
    torch.manual_seed(seed)
    module = build(model, 1 if task is Task.DETECTION else 2).eval()
    norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean of all that it sees
        norm.train()
    with torch.no_grad():
        module(torch.cat(compared_images(size)))
    return module.eval()


# ---------------------------------------------------------------- cost


@pytest.mark.parametrize(
    ("recipe", "weights"),
    [
        ("thyroidxl/alexnet", "AlexNet_Weights"),
        ("thyroidxl/resnet34", "ResNet34_Weights"),
        ("thyroidxl/resnet50", "ResNet50_Weights"),
        ("thyroidxl/vgg11_bn", "VGG11_BN_Weights"),
        ("thyroidxl/vgg13_bn", "VGG13_BN_Weights"),
        ("thyronet/googlenet", "GoogLeNet_Weights"),
        ("thyronet/mobilenet_v2", "MobileNet_V2_Weights"),
        ("best/classify", "ConvNeXt_Tiny_Weights"),
    ],
)
def test_a_classifier_takes_as_many_operations_as_torchvision_publishes(recipe, weights):
    with torch.device("meta"):
        module = build(RECIPES[recipe].model, 1000).eval()
        counted = count_macs(module, torch.zeros(1, 3, 224, 224))
    published = getattr(models, weights).IMAGENET1K_V1.meta["_ops"]  # in 1e9, of 224 x 224 px
    assert counted / 1e9 == pytest.approx(published, rel=0.01)


def test_a_cost_is_what_can_be_worked_out_by_hand(tmp_path):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.BatchNorm2d(4))
    (tmp_path / "w.pt").write_bytes(b"12345")
    cost = measure_module(module, (8, 10), tmp_path / "w.pt", "cpu")
    assert cost.macs == 4 * 3 * 3 * 3 * 8 * 10  # of each of 4 x 8 x 10 outputs a sum of 3 x 3 x 3 products
    assert cost.parameters == (3 * 4 * 3 * 3 + 4) + (4 + 4)  # running means are none
    assert (cost.weights_bytes, cost.height, cost.width, cost.threads) == (5, 8, 10, 1)
    assert cost.latency_ms > 0
    assert cost.device.startswith("CPU") or "cpu" in cost.device
    assert measure_cost(SimpleNamespace(module=module), (8, 10), tmp_path / "w.pt", "cpu").macs == cost.macs
    with pytest.raises(OutputError):
        measure_module(module, (8, 10), tmp_path / "none.pt", "cpu")


def test_a_latency_is_the_median_after_the_first_calls_within_a_budget(tmp_path, monkeypatch):
    calls = []

    class Slow(torch.nn.Module):
        def forward(self, images):
            calls.append(images.shape)
            # One call counts the operations; then come the first, which are slow, and one that is disturbed.
            time.sleep(0.05 if len(calls) <= 1 + WARM_UP or len(calls) == 1 + WARM_UP + 5 else 0.002)
            return images

    (tmp_path / "w.pt").write_bytes(b"")
    cost = measure_module(Slow(), (4, 6), tmp_path / "w.pt", "cpu")
    assert 2 <= cost.latency_ms < 40
    assert calls == [(1, 3, 4, 6)] * (1 + WARM_UP + REPEATS)
    assert cost.repeats == REPEATS
    monkeypatch.setattr(measuring, "BUDGET_S", 0.0)
    assert measure_module(Slow(), (4, 6), tmp_path / "w.pt", "cpu").repeats == measuring.LEAST_REPEATS


# ---------------------------------------------------------------- graphs


@pytest.fixture(scope="module")
def graph_of(tmp_path_factory):
    """A function that writes the graph of a family's model once, into a folder of its own."""
    written = {}

    def make(family):
        if family not in written:
            task, model = TINY[family]
            path = tmp_path_factory.mktemp("graph") / "model.onnx"
            write_graph(made(task, model), task, SIZE, path, {"classes": '["a"]'})
            written[family] = path
        return written[family]

    return make


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=[pytest.mark.soak] if name in SLOW else []) for name in TINY]
)
def test_a_graph_computes_what_the_model_does_and_names_no_place_on_this_machine(family, graph_of):
    task, model = TINY[family]
    path = graph_of(family)
    agreed = check_graph(made(task, model), task, SIZE, path)
    assert all(each.same for each in agreed), agreed
    # Another model of the family is told from it: the comparison can fail.
    assert not all(each.same for each in check_graph(made(task, model, seed=1), task, SIZE, path))
    held = path.read_bytes()
    for place in (b"site-packages", b"forward(", sys.prefix.encode(), str(path.parent).encode()):
        assert place not in held
    assert {each.key: each.value for each in onnx.load(path).metadata_props} == {"classes": '["a"]'}
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.soak
@pytest.mark.parametrize("recipe", [name for name in RECIPES if name.startswith("best/")])
def test_a_recipe_of_ours_is_exported_at_its_full_size(recipe, tmp_path):
    chosen = RECIPES[recipe]
    module = made(chosen.task, chosen.model, size=chosen.settings.size)
    path = tmp_path / "model.onnx"
    write_graph(module, chosen.task, chosen.settings.size, path, {})
    agreed = check_graph(module, chosen.task, chosen.settings.size, path)
    assert all(each.same for each in agreed), agreed


def findings(n, seed=0):
    drawn = np.random.default_rng(seed)
    boxes = drawn.uniform(0, 100, (n, 4)).astype(np.float32)
    return [boxes, drawn.integers(0, 2, n), np.sort(drawn.uniform(0, 1, n)).astype(np.float32)[::-1]]


@given(st.permutations(range(12)), st.floats(0.001, 50), st.integers(0, 10))
def test_findings_may_change_places_and_how_far_one_moved_is_told(order, shift, moved):
    """The greatest shift of a coordinate is the difference, whatever the order of findings."""
    one = findings(12)
    other = [each[list(order)] for each in one]
    assert [each.difference for each in agreed_boxes([(one, other)])] == [0, 0]
    other = [each.copy() for each in one]
    other[0][moved, 2] += shift
    boxes, scores = agreed_boxes([(one, other)])
    assert boxes.difference == pytest.approx(shift, rel=1e-3, abs=1e-5)
    assert boxes.same == (boxes.difference <= TOLERANCES["boxes"])
    assert scores.difference == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: [each[1:] for each in found],
        lambda found: [found[0], 1 - found[1], found[2]],
        lambda found: [found[0], found[1], found[2] / 2],
        lambda found: [np.concatenate([each[:1], each]) for each in found],
    ],
    ids=["one less", "other labels", "other scores", "one twice"],
)
def test_findings_without_their_like_are_not_the_same(spoil):
    one = findings(12)
    assert not all(each.same for each in agreed_boxes([(one, spoil(one))]))
    assert not all(each.same for each in agreed_boxes([(spoil(one), one)]))


def test_probabilities_of_another_shape_or_that_are_no_numbers_are_not_the_same():
    one = np.full((1, 2), 0.5, np.float32)
    assert agreed_probabilities([(one, one + np.float32(5e-4))])[0].same
    for other in (one + np.float32(2e-3), np.full((1, 3), 0.5, np.float32), one * np.nan):
        assert not agreed_probabilities([(one, one), (one, other)])[0].same


# ---------------------------------------------------------------- a run, exported


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return converted_release(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    train_baseline(data, RECIPE, out, epochs=1, batch_size=8, device="cpu")
    return out


@pytest.fixture(scope="module")
def predictions(run, data, tmp_path_factory):
    out = tmp_path_factory.mktemp("predictions") / "p.parquet"
    predict_baseline(run, data, out, device="cpu")
    return out


@pytest.fixture(scope="module")
def exported(run, data, predictions, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "model"
    return export_baseline(run, out, data=data, predictions=[predictions])


SECTIONS = [
    "Model Details",
    "Intended Use",
    "How to Use",
    "Factors",
    "Metrics",
    "Evaluation Data",
    "Training Data",
    "Quantitative Analyses",
    "Ethical Considerations",
    "Caveats and Recommendations",
]


def test_the_card_has_every_section_the_figures_and_the_terms(exported, run, data, predictions):
    card = (exported.folder / "README.md").read_text()
    _, front, prose = card.split("---\n", 2)
    assert yaml.safe_load(front) == {
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "license": "other",
        "license_name": "not-stated",
        "tags": ["medical", "radiology", "thyrodata"],
    }
    assert re.findall(r"^## (.*)$", prose, re.MULTILINE) == SECTIONS
    said = read_predictions(predictions)
    for words in (
        "TI-RADS >= 4a (Kwak), said of the case, which is not malignancy",
        "It is no medical device.",
        "Not for malignancy: a TI-RADS category is a grade of suspicion, and no pathology.",
        f"{len(said.image_ids)} images of {len(set(said.group_ids))} groups",
        "of one training",
        hash_file(run / "best.pt"),
        "Licence of the weights: not stated.",
        f"{exported.cost.macs:,}",
        *(part["images"] and name for name, part in parts_of(run).items()),
    ):
        assert words in prose
    accuracy = float((said.probabilities.argmax(1) == said.labels).mean())
    assert re.search(rf"\| image \| accuracy \| {accuracy:.3f} \[", prose)
    for source in Dataset(data).manifest.sources:
        assert source.licence in prose
    assert "not looked up" not in prose


def parts_of(run):
    return json.loads((run / "settings.json").read_text())["data"]["parts"]


def test_without_predictions_and_data_the_card_says_that_nothing_was_looked_at(run, tmp_path):
    made = export_baseline(run, tmp_path / "out")
    card = (made.folder / "README.md").read_text()
    assert card.count("Not evaluated: no predictions of it were given") == 2
    assert "which flatters: loss" in card
    assert card.count("not looked up") == 2
    assert not made.evaluated


def test_the_card_names_the_weights_that_the_training_began_with(run, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "write_graph", lambda *rest: rest[3].write_bytes(b""))
    monkeypatch.setattr(exporting, "check_graph", lambda *_: ())
    begun = shutil.copytree(run, tmp_path / "run")
    settings = json.loads((begun / "settings.json").read_text())
    settings["plan"]["pretrained_sha256"] = "ab" * 32
    (begun / "settings.json").write_text(json.dumps(settings))
    of_file = f"First weights: of a file or folder with SHA-256 `{'ab' * 32}`"
    for place, words in ((run, "First weights: the settings of the training name no file"), (begun, of_file)):
        made = export_baseline(place, tmp_path / f"from {place.parent.name}")
        assert words in (made.folder / "README.md").read_text()


def test_the_graph_says_of_itself_what_stands_beside_it(exported):
    said = json.loads((exported.folder / "model.json").read_text())
    graph = exported.folder / "model.onnx"
    assert said.pop("sha256") == hash_file(graph)
    props = {each.key: each.value for each in onnx.load(graph).metadata_props}
    assert props == {name: each if isinstance(each, str) else json.dumps(each) for name, each in said.items()}
    assert said["classes"] == ["below 4a", "4a or above"] == [*exported.classes]
    onnx.checker.check_model(onnx.load(graph), full_check=True)
    session = runtime.InferenceSession(graph)
    assert session.get_inputs()[0].shape[1:] == [3, 128, 160]
    for n in (1, 5):
        (found,) = session.run(None, {"image": np.zeros((n, 3, 128, 160), np.float32)})
        np.testing.assert_allclose(found.sum(1), np.ones(n), rtol=1e-5)


def test_the_lines_of_the_card_run_and_say_what_predict_says(exported, data, predictions, tmp_path):
    folder = shutil.copytree(exported.folder, tmp_path / "model")
    said = read_predictions(predictions)
    paths = {record.image_id: record.image.path for record in Dataset(data).records()}
    (snippet,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    for image_id, wanted in [*zip(said.image_ids, said.probabilities, strict=True)][:2]:
        with Image.open(data / paths[image_id]) as picture:
            picture.convert("L").save(folder / "image.png")
        ran = subprocess.run(
            [sys.executable, "-c", snippet], cwd=folder, capture_output=True, text=True, check=True
        )
        found = [float(line.rsplit(" ", 1)[1]) for line in ran.stdout.splitlines()]
        np.testing.assert_allclose(found, wanted, atol=0.02)  # Pillow's resizing is not torch's to the bit


@pytest.mark.parametrize("fit", [*Fit])
@pytest.mark.parametrize(("task", "family"), [(Task.SEGMENTATION, "Unet"), (Task.DETECTION, "FCOS")])
def test_the_lines_run_for_every_task_and_fit(task, family, fit, graph_of, tmp_path):
    shutil.copy(graph_of(family), tmp_path / "model.onnx")
    (tmp_path / "model.json").write_text(json.dumps({"size": SIZE, "classes": ["a", "b"]}))
    Image.new("L", (50, 70), 90).save(tmp_path / "image.png")
    ran = subprocess.run(
        [sys.executable, "-c", usage(task, fit)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    shares = [float(line.split()[1]) for line in ran.stdout.splitlines()]
    assert task is Task.DETECTION or sum(shares) == pytest.approx(1)


def test_a_graph_that_computes_something_else_is_not_published(run, tmp_path, monkeypatch):
    def of_another(module, *rest):
        (*_, bias) = module.parameters()
        with torch.no_grad():
            bias[0] += 1
            write_graph(module, *rest)
            bias[0] -= 1

    monkeypatch.setattr(exporting, "write_graph", of_another)
    with pytest.raises(TrainingError, match="the graph does not compute what the model does: probabilities"):
        export_baseline(run, tmp_path / "out")
    assert not [*tmp_path.iterdir()]


def test_figures_of_a_part_that_was_learnt_are_said_to_flatter(run, data, predictions, tmp_path, monkeypatch):
    said = read_predictions(predictions)
    learnt = tmp_path / "learnt.parquet"
    write_predictions(learnt, replace(said, origin=replace(said.origin, part="train")))
    monkeypatch.setattr(exporting, "write_graph", lambda *rest: rest[3].write_bytes(b""))
    monkeypatch.setattr(exporting, "check_graph", lambda *_: ())
    for file, flatters in ((learnt, True), (predictions, False)):
        made = export_baseline(run, tmp_path / file.stem, predictions=[file])
        card = (made.folder / "README.md").read_text()
        assert ("The training looked at this part: its figures flatter" in card) == flatters


def test_what_is_not_of_the_training_is_refused_and_leaves_nothing(
    run, data, predictions, tmp_path, monkeypatch
):
    other = tmp_path / "other.parquet"
    said = read_predictions(predictions)
    write_predictions(other, replace(said, origin=replace(said.origin, weights_sha256="0" * 64)))
    write_release_of_others(tmp_path)
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="none of the predictions is of this model's weights"):
        export_baseline(run, out, predictions=[other])
    with pytest.raises(UsageError, match="was not trained on this dataset"):
        export_baseline(run, out, data=tmp_path / "others")
    with pytest.raises(CaseError, match=r"settings\.json|cannot be read"):
        export_baseline(tmp_path, out)
    monkeypatch.setattr("thyrodata.io.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="baselines"):
        export_baseline(run, out)
    assert not out.exists()
    assert not out.with_name("out.partial").exists()


def write_release_of_others(folder):
    (folder / "raw").mkdir()
    write_release(folder / "raw", cases=3)
    convert("ddti", folder / "raw", folder / "others")


def test_the_command_exports_and_does_not_replace(run, tmp_path, command):
    out = tmp_path / "model"
    ran = command("baseline", "export", run, "-o", out)
    assert ran.code == 0, ran.err
    assert "the card has no figures" in ran.out
    assert {each.name for each in out.iterdir()} == {"model.onnx", "model.json", "README.md"}
    ran = command("baseline", "export", run, "-o", out)
    assert ran.code != 0
    assert "the output exists" in ran.err
