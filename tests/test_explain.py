"""A trained model explained: where its evidence lies, measured against the outlines, and a folder to look at.

Torch is installed in an environment of its own (``make trainers``); where it is missing, these are skipped.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from toy import finding, graded, make_dataset, record

from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.baselines.predictions import BoxPredictions, Origin
from thyrodata.conversion import convert
from thyrodata.demo import write_release
from thyrodata.errors import CaseError, OutputError, UsageError
from thyrodata.exports.classes import ClassScope, ImageClass
from thyrodata.exports.view import view
from thyrodata.io.parquettable import read_parquet_table, stream_rows
from thyrodata.io.png import encode_png
from thyrodata.io.raw import named_file
from thyrodata.schema.geometry import Polygon, PolygonPart
from thyrodata.schema.record import ImageRef

torch = pytest.importorskip("torch")

from thyrodata.baselines.explaining import explain as module_of_explain  # noqa: E402 -- these import torch
from thyrodata.baselines.explaining.explain import explain, explain_baseline  # noqa: E402
from thyrodata.baselines.explaining.gradcam import class_maps, last_feature_map  # noqa: E402
from thyrodata.baselines.running import train_baseline  # noqa: E402
from thyrodata.baselines.training.classify import ClassificationPlan  # noqa: E402
from thyrodata.baselines.training.run import train  # noqa: E402
from thyrodata.baselines.training.segment import SegmentationPlan  # noqa: E402
from thyrodata.baselines.training.settings import Fit, Optimisation, Target, TrainSettings  # noqa: E402
from thyrodata.cli.explaining import explain as explain_command  # noqa: E402

torch.set_num_threads(1)  # threads that wait for each other on a busy machine take ten times as long

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit", "ignore::DeprecationWarning")

HEIGHT, WIDTH = 60, 100
SIZE = (64, 64)
KWAK = ImageClass(scheme="tirads-kwak", scope=ClassScope.CASE)
TARGET = Target(
    name="TI-RADS >= 4a (Kwak), said of the case",
    groups=(("below 4a", ("tirads-kwak/2",)), ("4a and above", ("tirads-kwak/4b",))),
)


# ---------------------------------------------------------------- a dataset and models of which all is known


def rectangle(left, top, right, bottom):
    ring = ((left, top), (right, top), (right, bottom), (left, bottom))
    return Polygon(parts=(PolygonPart(exterior=ring),))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Eight grey images with a nodule each: bright in those of grade 4b, and alike in the others.

    Of one image nothing is outlined, and the part "test" has the last six.
    """
    records, files = [], {}
    for n in range(8):
        left, top = 10 + 9 * n, 8 + 4 * (n % 3)
        pixels = np.full((HEIGHT, WIDTH), 80, np.uint8)
        pixels[:, ::5] = 60
        pixels[top : top + 24, left : left + 24] = 250 if n % 2 else 80
        path = f"images/{n}.png"
        files[path] = encode_png(pixels)
        outlines = () if n == 7 else (finding("1", rectangle(left, top, left + 24, top + 24)),)
        made = record(str(n), *outlines, group=f"g{n // 2}", case_labels=graded("4b" if n % 2 else "2"))
        image = ImageRef(width=WIDTH, height=HEIGHT, path=path, bit_depth=8)
        records.append(replace(made, image=image))
    return make_dataset(tmp_path_factory.mktemp("made") / "d", records, files)


def shown(dataset, **chosen):
    part_of = {f"toy/{n}": "train" if n < 2 else "test" for n in range(8)}
    return replace(view(dataset, part_of), split="made here", **chosen)


class Classifier(torch.nn.Module):
    """Convolutions at a quarter of the size, the mean over positions, and two layers."""

    def __init__(self, outputs, hidden=8):
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.AvgPool2d(4), torch.nn.Conv2d(3, 12, 3, padding=1), torch.nn.ReLU()
        )
        self.pooled = torch.nn.AdaptiveAvgPool2d(1)
        self.head = torch.nn.Sequential(
            torch.nn.Linear(12, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, outputs)
        )

    def forward(self, images):
        return self.head(self.pooled(self.features(images)).flatten(1))


class Bright(torch.nn.Module):
    """Knows without learning: white is evidence for the second class, and nothing else is for anything."""

    def __init__(self, outputs):
        super().__init__()
        self.features = torch.nn.Sequential(torch.nn.AvgPool2d(2), torch.nn.Conv2d(3, 1, 1), torch.nn.ReLU())
        self.dropout = torch.nn.Dropout(0.9)  # would leave a map without a slope, if it were switched on
        self.head = torch.nn.Linear(1, outputs)
        with torch.no_grad():
            for each in self.parameters():
                each.zero_()
            self.features[1].weight += 1 / 3
            self.features[1].bias -= 0.6
            self.head.weight[1] += 1000
            self.head.bias[0] += 1

    def forward(self, images):
        return self.head(self.dropout(self.features(images).mean((2, 3))))


class Segmenter(torch.nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.layers = torch.nn.Conv2d(3, outputs, 3, padding=1)

    def forward(self, images):
        return self.layers(images)


NOTHING_LEARNT = Optimisation(learning_rate=1e-12)


def classification(build=Bright):
    return ClassificationPlan(model="small", build=build, optimisation=NOTHING_LEARNT, target=TARGET)


def trained(dataset, out, plan, fit=Fit.STRETCH):
    """Train for the sake of the folder: nothing is learnt."""
    chosen = TrainSettings(size=SIZE, epochs=1, batch_size=2, fit=fit)
    classes = KWAK if isinstance(plan, ClassificationPlan) else None
    seen = shown(dataset, classes=classes)
    train(seen, plan, chosen, out, validation="train", device="cpu", accept_leaks=True)
    return out


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    return trained(dataset, tmp_path_factory.mktemp("run") / "r", classification())


def explained(dataset, run, out, **chosen):
    made = {"count": 6, "device": "cpu", **chosen}
    return explain(shown(dataset, classes=KWAK), "test", classification(), run, out, **made)


# ---------------------------------------------------------------- Grad-CAM


def test_of_a_network_with_one_linear_layer_it_is_the_class_activation_map():
    """Zhou et al., CVPR 2016: the map is the sum of the channels, weighted as the linear layer does."""
    torch.manual_seed(0)
    model = Classifier(3)
    model.head = torch.nn.Linear(12, 3)
    images, classes = torch.rand(4, 3, 32, 48), torch.tensor([0, 2, 1, 2])
    made = class_maps(model.eval(), last_feature_map(model, (32, 48)), images, classes)
    with torch.no_grad():
        channels = model.features(images)
        expected = torch.einsum("nc,nchw->nhw", model.head.weight[classes], channels).relu() / (8 * 12)
    torch.testing.assert_close(made, expected)
    assert made.shape == (4, 8, 12)


def test_the_weights_are_the_mean_slopes_of_the_logit_image_by_image():
    torch.manual_seed(1)
    model = Classifier(3).eval()
    images, classes = torch.rand(3, 3, 32, 48), torch.tensor([2, 0, 1])
    made = class_maps(model, "features", images, classes)
    for image, chosen, found in zip(images, classes, made, strict=True):
        channels = model.features(image[None]).detach().requires_grad_()
        model.head(channels.mean((2, 3)))[0, chosen].backward()
        weights = channels.grad[0].mean((1, 2))
        expected = sum(w * channel for w, channel in zip(weights, channels[0], strict=True)).clamp(min=0)
        torch.testing.assert_close(found, expected.detach())


def test_frozen_weights_have_a_map_too_and_the_classifier_keeps_no_hook_and_no_gradient():
    model = Classifier(2).eval()
    for each in model.parameters():
        each.requires_grad_(False)  # noqa: FBT003 -- torch's own signature
    images, classes = torch.rand(2, 3, 32, 32), torch.tensor([0, 1])
    made = class_maps(model, last_feature_map(model, (32, 32)), images, classes)
    assert not made.requires_grad
    assert all(each.grad is None for each in model.parameters())
    assert not any(each._forward_hooks for each in model.modules())


def test_other_weights_give_another_map():
    """Adebayo et al., NeurIPS 2018: a map that stays when the weights are drawn anew explains nothing."""
    images = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    classes = torch.zeros(8, dtype=torch.long)

    def maps(seed, head_seed):
        torch.manual_seed(seed)
        model = Classifier(2)
        torch.manual_seed(head_seed)
        for layer in (model.head[0], model.head[2]):
            layer.reset_parameters()
        return class_maps(model.eval(), "features", images, classes).flatten(1)

    def alike(one, other):
        pairs = [(a, b) for a, b in zip(one, other, strict=True) if a.any() and b.any()]
        return np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs])

    first = maps(0, 0)
    assert alike(first, maps(0, 0)) == pytest.approx(1)
    assert alike(first, maps(0, 7)) < 0.9  # the last layers alone
    assert alike(first, maps(3, 0)) < 0.9  # the first alone


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("test_resnet", "layer4"),
        ("test_efficientnet", "bn2"),
        ("test_convnext", "norm_pre"),
        ("mobilenetv2_035", "bn2"),
    ],
)
def test_the_last_feature_map_of_timms_networks_is_what_is_pooled(name, layer):
    timm = pytest.importorskip("timm")
    model = timm.create_model(name, num_classes=2).eval()
    assert last_feature_map(model, (96, 128)).startswith(layer)
    images = torch.rand(2, 3, 96, 128)
    made = class_maps(model, last_feature_map(model, (96, 128)), images, torch.tensor([0, 1]))
    channels = model.forward_features(images).detach().requires_grad_()
    model.forward_head(channels)[:, [0, 1]].diagonal().sum().backward()
    expected = (channels.grad.mean((2, 3), keepdim=True) * channels).sum(1).clamp(min=0)
    torch.testing.assert_close(made, expected.detach())


def test_networks_that_end_in_tokens_have_no_last_feature_map():
    timm = pytest.importorskip("timm")
    assert last_feature_map(timm.create_model("test_vit", num_classes=2).eval(), (160, 160)) is None
    small = {"img_size": 64, "window_size": 4, "embed_dim": 8, "depths": (1, 1), "num_heads": (1, 1)}
    channels_last = timm.models.swin_transformer.SwinTransformer(**small, num_classes=2).eval()
    assert last_feature_map(channels_last, (64, 64)) is None


# ---------------------------------------------------------------- a folder


@pytest.mark.parametrize("fit", Fit)
def test_evidence_that_was_planted_in_the_nodules_is_found_there_in_the_images_own_pixels(
    fit, dataset, tmp_path
):
    run = trained(dataset, tmp_path / "r", classification(), fit)
    made = explained(dataset, run, tmp_path / "o")
    found = {figure.name: figure for figure in made.attention.figures}
    assert found["pointing_hit"].value == 1
    assert found["energy_inside"].value > 0.9  # pixels of a map at half size reach over the edge
    assert found["area_inside"].value == pytest.approx(24 * 24 / (HEIGHT * WIDTH))
    # Without white there is no evidence at all; one image has no outline; two groups have both.
    assert (found["energy_inside"].units, found["energy_inside"].undefined) == (2, 3)
    assert found["energy_inside"].groups == 2
    assert (made.attention.outlined, made.attention.surely_whole) == (5, 0)
    assert made.failures.wrong == 0
    rows = {row["image_id"]: row for row in stream_rows(named_file(tmp_path / "o" / "attention.parquet"))}
    assert [*rows] == [f"toy/{n}" for n in range(2, 7)]
    assert (rows["toy/3"]["predicted"], rows["toy/3"]["truth"]) == ("4a and above",) * 2
    assert rows["toy/3"]["pointing_hit"] == 1
    assert rows["toy/2"]["energy_inside"] is None
    assert rows["toy/2"]["model"] == "small"


def test_evidence_outside_of_the_nodules_is_found_outside(dataset, run, tmp_path):
    """The same model on outlines that lie elsewhere."""
    moved = []
    for each in dataset.records():
        outlines = tuple(finding("1", rectangle(0, 40, 100, 60)) for _ in each.findings)
        moved.append(replace(each, findings=outlines))
    files = {each.image.path: dataset.image_bytes(each) for each in dataset.records()}
    other = make_dataset(tmp_path / "d", moved, files)
    made = explained(other, run, tmp_path / "o")
    found = {figure.name: figure.value for figure in made.attention.figures}
    assert found["pointing_hit"] == 0
    assert found["energy_above_area"] < 0


def test_without_an_outline_nothing_is_measured_and_maps_are_shown_all_the_same(dataset, run, tmp_path):
    bare = [replace(each, findings=()) for each in dataset.records()]
    files = {each.image.path: dataset.image_bytes(each) for each in bare}
    made = explained(make_dataset(tmp_path / "d", bare, files), run, tmp_path / "o")
    assert made.attention.outlined == 0
    assert {(figure.value, figure.units) for figure in made.attention.figures} == {(None, 0)}
    assert (tmp_path / "o" / "attention.png").exists()
    assert "no nodule is outlined" in (tmp_path / "o" / "index.html").read_text()


def test_the_folder_holds_a_page_two_sheets_rows_and_figures_the_same_bytes_again(dataset, run, tmp_path):
    made = explained(dataset, run, tmp_path / "o")
    names = ["attention.parquet", "attention.png", "explained.json", "index.html"]  # nothing failed
    assert sorted(each.name for each in (tmp_path / "o").iterdir()) == names
    explained(dataset, run, tmp_path / "again")
    for name in names:
        assert (tmp_path / "o" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    said = made.to_json()
    assert json.loads((tmp_path / "o" / "explained.json").read_text()) == {
        name: value for name, value in said.items() if name != "out"
    }
    page = (tmp_path / "o" / "index.html").read_text()
    assert "was seen in training" not in page
    assert "one training, of seed 0;" in page
    assert "1 case is not 1 patient" in page
    assert "In 5 of 5 outlined images the dataset does not say that every nodule is outlined" in page
    assert TARGET.name.replace(">", "&gt;") in page
    learnt = explain(
        shown(dataset, classes=KWAK), "train", classification(), run, tmp_path / "x", device="cpu"
    )
    assert "The part train was seen in training" in (learnt.out / "index.html").read_text()
    assert read_parquet_table(named_file(tmp_path / "o" / "attention.parquet")).rows


def test_a_classifier_without_a_last_map_has_its_failures_all_the_same(dataset, tmp_path):
    class Flat(torch.nn.Module):
        def __init__(self, outputs):
            super().__init__()
            self.head = torch.nn.Linear(3 * 64 * 64, outputs)
            torch.nn.init.zeros_(self.head.weight)
            self.head.bias.data = torch.tensor([0.0, 1.0])

        def forward(self, images):
            return self.head(images.flatten(1))

    plan = classification(Flat)
    run = trained(dataset, tmp_path / "r", plan)
    made = explain(shown(dataset, classes=KWAK), "test", plan, run, tmp_path / "o", device="cpu")
    assert made.attention is None
    assert "ends in tokens or has none" in made.not_told
    assert [each.image_id for each in made.failures.worst] == ["toy/2", "toy/4", "toy/6"]
    assert sorted(each.name for each in (tmp_path / "o").iterdir()) == [
        "explained.json",
        "failures.png",
        "index.html",
    ]


def test_a_segmentation_has_the_masks_of_the_least_dice(dataset, tmp_path):
    plan = SegmentationPlan(model="small", build=Segmenter, optimisation=NOTHING_LEARNT)
    run = trained(dataset, tmp_path / "r", plan)
    made = explain(shown(dataset), "test", plan, run, tmp_path / "o", count=3, device="cpu")
    assert made.attention is None
    assert made.not_told == ""
    assert made.images == 5  # where nothing is outlined, nothing is known
    dice = [each.measure for each in made.failures.worst]
    assert dice == sorted(dice)
    assert len(dice) == 3
    assert (tmp_path / "o" / "failures.png").exists()


def test_a_detection_has_the_images_of_most_errors(dataset, run, tmp_path, monkeypatch):
    def predicted(view, part, *_, **__):
        box = np.array([[10.0, 10, 30, 30]])
        none = np.zeros((0, 4))
        images = [
            BoxedImage(
                image_id=f"toy/{n}",
                truth=box,
                truth_labels=np.zeros(1, np.int64),
                crowd=np.zeros(1, bool),
                predicted=none if n == 2 else box + 40 * (n == 3),
                predicted_labels=np.zeros(int(n != 2), np.int64),
                scores=np.full(int(n != 2), 0.9),
            )
            for n in (2, 3, 4)
        ]
        origin = Origin(
            target="nodules",
            model="small",
            seed=0,
            trained_on="toy",
            trained_split="made here",
            weights_sha256="0" * 64,
            dataset=view.dataset.manifest.name,
            split=view.split,
            part=part,
        )
        return BoxPredictions(
            origin=origin, classes=("nodule",), images=tuple(images), group_ids=("a", "a", "b")
        )

    monkeypatch.setattr(module_of_explain, "predict", predicted)
    made = explained(dataset, run, tmp_path / "o")
    assert (made.images, made.groups) == (3, 2)
    assert [each.image_id for each in made.failures.worst] == ["toy/3", "toy/2"]
    assert (tmp_path / "o" / "failures.png").exists()


# ---------------------------------------------------------------- what is refused


def test_what_is_there_is_not_touched_and_what_cannot_be_done_leaves_nothing(
    dataset, run, tmp_path, monkeypatch
):
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "mine").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        explained(dataset, run, tmp_path / "o")
    assert [each.name for each in (tmp_path / "o").iterdir()] == ["mine"]
    with pytest.raises(OutputError, match="inside the source"):
        explained(dataset, run, dataset.path / "explained")
    with pytest.raises(UsageError, match="cannot be shown"):
        explained(dataset, run, tmp_path / "x", count=0)
    with pytest.raises(CaseError):
        explained(dataset, tmp_path / "o", tmp_path / "x")

    def broken(*_, **__):
        raise OutputError("the disk is full")

    monkeypatch.setattr(module_of_explain, "case_page", broken)
    with pytest.raises(OutputError, match="disk is full"):
        explained(dataset, run, tmp_path / "x")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["o"]
    monkeypatch.undo()
    explained(dataset, run, tmp_path / "x")


def test_a_recipe_is_explained_by_its_name_and_the_command_prints_it(tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    write_release(tmp_path / "raw", cases=24)
    data = convert("ddti", tmp_path / "raw", tmp_path / "ddti").dataset
    train_baseline(data, "small/classify", tmp_path / "run", epochs=1, batch_size=8, device="cpu")
    made = explain_baseline(tmp_path / "run", data, tmp_path / "o", device="cpu")
    assert made.origin.model == "small/classify"
    assert made.attention.positions == (4, 5)
    explain_command(tmp_path / "run", data.path, out=tmp_path / "x", device="cpu", json=True)
    said = json.loads(capsys.readouterr().out)
    assert {**said, "out": ""} == {**json.loads(json.dumps(made.to_json())), "out": ""}
    explain_command(tmp_path / "run", data.path, out=tmp_path / "y", device="cpu")
    printed = capsys.readouterr().out
    assert "energy inside" in printed
    assert "note: one training" in printed
