"""The models of the recipes: the reference libraries' own, as large as published, and how they are called.

They run where torch is installed (``make trainers``). The sizes that torchvision publishes are
the oracle of the same models of other libraries.
"""

from __future__ import annotations

import importlib
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
from toy import finding, graded, make_dataset, record

from thyrodata.baselines.models import build
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
from thyrodata.errors import DatasetError, UsageError
from thyrodata.exports.classes import ClassScope, ImageClass
from thyrodata.exports.view import view
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Polygon, PolygonPart
from thyrodata.schema.record import ImageRef

os.environ["HF_HUB_OFFLINE"] = "1"  # a test that would download fails
torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
models = pytest.importorskip("torchvision.models")
smp = pytest.importorskip("segmentation_models_pytorch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(autouse=True)
def _one_thread():
    """Tiny models are slower by several threads than by one, where other processes run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning"),
]

TINY_DETECTORS = [
    FasterRcnn(backbone="resnet18"),
    Fcos(backbone="test_resnet"),
    DeformableDetr(backbone="test_resnet", layers=2, queries=20),
    RtDetrV2(layers=2, queries=20),
    DFine(layers=2, queries=20),
]


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


def on_meta(model, classes):
    """The model without memory for its weights."""
    with torch.device("meta"):
        return build(model, classes)


def published(weights):
    return weights.DEFAULT.meta["num_params"]


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("recipe", "weights"),
    [
        ("thyroidxl/alexnet", "AlexNet_Weights"),
        ("thyroidxl/resnet34", "ResNet34_Weights"),
        ("thyroidxl/resnet50", "ResNet50_Weights"),
        ("thyroidxl/efficientnet_b6", "EfficientNet_B6_Weights"),
        ("thyroidxl/efficientnet_b7", "EfficientNet_B7_Weights"),
        ("thyroidxl/vgg11_bn", "VGG11_BN_Weights"),
        ("thyroidxl/vgg13_bn", "VGG13_BN_Weights"),
        ("thyronet/resnet34", "ResNet34_Weights"),
        ("thyronet/vgg16", "VGG16_Weights"),
        ("thyronet/alexnet", "AlexNet_Weights"),
        ("thyronet/googlenet", "GoogLeNet_Weights"),
        ("thyronet/mobilenet_v2", "MobileNet_V2_Weights"),
        ("best/classify", "ConvNeXt_Tiny_Weights"),
    ],
)
def test_a_classifier_has_as_many_parameters_as_torchvision_publishes(recipe, weights):
    assert size(on_meta(RECIPES[recipe].model, 1000)) == published(getattr(models, weights))


def test_every_classifier_is_counted_above():
    counted = test_a_classifier_has_as_many_parameters_as_torchvision_publishes.pytestmark[0].args[1]
    # ResNet-10-T is timm's own, and no other library publishes its size.
    assert {name for name, _ in counted} == {
        name for name, recipe in RECIPES.items() if recipe.task is Task.CLASSIFICATION
    } - {"small/classify"}


@pytest.mark.parametrize(
    ("name", "millions"), [("small/classify", 5), ("small/segment", 2.5), ("small/detect", 5.5)]
)
def test_a_small_recipe_is_small(name, millions):
    assert size(on_meta(RECIPES[name].model, 2)) <= millions * 1e6


SEGMENTERS = {name: recipe for name, recipe in RECIPES.items() if recipe.task is Task.SEGMENTATION}


@pytest.mark.parametrize("name", SEGMENTERS)
def test_a_segmenter_has_as_many_parameters_as_the_librarys_own(name):
    model = SEGMENTERS[name].model
    whole = {"encoder_depth": 5} if model.decoder == "PSPNet" else {}
    with torch.device("meta"):
        own = getattr(smp, model.decoder)(model.encoder, encoder_weights=None, classes=3, **whole)
    assert size(on_meta(model, 3)) == size(own)


@pytest.mark.parametrize("decoder", ["DeepLabV3Plus", "PSPNet", "Unet", "UnetPlusPlus"])
def test_every_weight_of_a_segmenter_takes_part(decoder):
    """A stage that is built and left out would be counted, and learn nothing."""
    built = build(Segmenter(decoder=decoder, encoder="resnet18"), 2)
    built(torch.rand(2, 3, 64, 64)).square().sum().backward()
    idle = [name for name, weight in built.named_parameters() if weight.grad is None]
    assert idle == []


@pytest.mark.parametrize(
    ("begun", "momentum"), [(None, 0.1), ("weights.pt", 0.01)], ids=["chance", "weights"]
)
def test_an_encoder_that_begins_from_chance_soon_knows_its_statistics(begun, momentum, tmp_path):
    model = Segmenter(decoder="Unet", encoder="efficientnet-b0")
    place = None
    if begun:
        place = tmp_path / begun
        torch.save(build(model, 2)[-1].encoder.state_dict(), place)
    encoder = build(model, 2, place)[-1].encoder
    norms = [part for part in encoder.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert {round(part.momentum, 3) for part in norms} == {momentum}


def test_pspnet_pools_features_of_an_eighth_of_the_size():
    built = build(Segmenter(decoder="PSPNet", encoder="resnet18"), 2)
    features = built[1].encoder(torch.rand(1, 3, 64, 96))
    assert features[-1].shape[1:] == (512, 8, 12)


@pytest.mark.parametrize(
    ("encoder", "weights", "classifier"),
    [
        ("resnet101", "ResNet101_Weights", 2048 * 1000 + 1000),
        ("resnet152", "ResNet152_Weights", 2048 * 1000 + 1000),
        ("efficientnet-b5", "EfficientNet_B5_Weights", 2048 * 1000 + 1000),
        ("efficientnet-b6", "EfficientNet_B6_Weights", 2304 * 1000 + 1000),
    ],
)
def test_an_encoder_is_torchvisions_network_without_its_classifier(encoder, weights, classifier):
    segmenter = on_meta(Segmenter(decoder="Unet", encoder=encoder), 1)
    assert size(segmenter[1].encoder) == published(getattr(models, weights)) - classifier


def test_torchvisions_detectors_have_as_many_parameters_as_it_publishes():
    """Its published weights have frozen normalisation, whose scales and shifts are then no parameters."""
    with torch.device("meta"):
        resnet = models.resnet50(weights=None)
    frozen = sum(size(part) for part in resnet.modules() if isinstance(part, torch.nn.BatchNorm2d))
    faster, fcos = (
        published(getattr(models.detection, name))
        for name in ("FasterRCNN_ResNet50_FPN_Weights", "FCOS_ResNet50_FPN_Weights")
    )
    assert size(on_meta(FasterRcnn(), 90)) == faster + frozen
    # Of its 91 sigmoids the first stands for nothing; ours are those that are asked for.
    assert size(on_meta(Fcos(backbone="resnet50"), 91)) == fcos + frozen


@pytest.mark.parametrize(
    ("model", "name", "classes", "millions"),
    [
        (DeformableDetr(), "DeformableDetr", 91, 40),
        (RtDetrV2(), "RTDetrV2", 80, 42),
        (DFine(), "DFine", 80, 31),
    ],
)
def test_detectors_of_transformers_are_its_own_and_as_large_as_published(model, name, classes, millions):
    with torch.device("meta"):
        config = getattr(transformers, f"{name}Config")(num_labels=classes)
        own = getattr(transformers, f"{name}ForObjectDetection")(config)
    norms = [part for part in own.modules() if type(part).__name__.endswith("FrozenBatchNorm2d")]
    frozen = sum(2 * part.weight.numel() for part in norms)  # which learns where a model begins from chance
    assert frozen
    assert size(on_meta(model, classes)) == size(own) + frozen
    assert size(own) // 10**6 == millions


def test_swin_l_is_as_large_as_its_paper_says():
    """197 million parameters, with its classifier of 1,536 features and 1,000 classes (Liu et al. 2021)."""
    backbone = on_meta(DeformableDetr(backbone="swin-l"), 2).model.model.backbone
    assert round((size(backbone) + 1536 * 1000 + 1000) / 1e6) == 197


# ---------------------------------------------------------------- what goes in and comes out


@pytest.mark.parametrize(
    "name", [name for name, recipe in RECIPES.items() if recipe.task is not Task.DETECTION]
)
def test_every_recipe_takes_images_of_its_own_size(name):
    recipe = RECIPES[name]
    built = on_meta(recipe.model, 3).eval()
    height, width = recipe.settings.size
    logits = built(torch.empty(2, 3, height, width, device="meta"))
    pixels = (height, width) if recipe.task is Task.SEGMENTATION else ()
    assert logits.shape == (2, 3, *pixels)


def test_a_model_normalises_what_it_is_given():
    torch.manual_seed(0)
    built = build(TimmClassifier(name="test_resnet"), 2).eval()
    own = timm.create_model("test_resnet", num_classes=2).eval()
    own.load_state_dict(built[1].state_dict())
    images = torch.rand(2, 3, 64, 64)
    mean, std = (torch.tensor(own.pretrained_cfg[key])[:, None, None] for key in ("mean", "std"))
    torch.testing.assert_close(built(images), own((images - mean) / std))


def scene():
    """Two small images, one with two findings and one with none."""
    images = torch.rand(2, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[8.0, 4, 24, 28], [30, 10, 60, 30]])
    none = {"boxes": torch.empty(0, 4), "labels": torch.empty(0, dtype=torch.int64)}
    return images, [{"boxes": boxes, "labels": torch.tensor([1, 2])}, none]


@pytest.mark.parametrize("model", TINY_DETECTORS, ids=lambda model: type(model).__name__)
def test_a_detector_gives_losses_while_it_trains_and_findings_after(model):
    torch.manual_seed(0)
    built = build(model, 2)
    images, targets = scene()
    built.train()
    losses = built(list(images), targets)
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    moved = [parameter.grad for parameter in built.parameters() if parameter.grad is not None]
    assert any(bool(gradient.abs().sum() > 0) for gradient in moved)
    none = built(list(images), [targets[1], targets[1]])
    assert all(torch.isfinite(loss) for loss in none.values())
    with torch.no_grad():
        found = built.eval()(list(images))
    assert len(found) == 2
    for each in found:
        assert each["boxes"].shape == (len(each["scores"]), 4)
        assert len(each["scores"]) <= 100
        assert set(each["labels"].tolist()) <= {1, 2}
        assert each["scores"].tolist() == sorted(each["scores"].tolist(), reverse=True)


@pytest.mark.parametrize("model", [FasterRcnn(backbone="resnet18"), Fcos(backbone="test_resnet")])
@pytest.mark.parametrize("training", [True, False])
def test_a_detector_of_torchvision_resizes_nothing(model, training):
    built = build(model, 2).train(training)
    seen = []
    built.backbone.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape)))
    images, targets = scene()
    with torch.no_grad():
        built(list(images), targets)
    assert seen == [(2, 3, 32, 64)]


def test_a_detector_of_torchvision_normalises_once():
    built = build(Fcos(backbone="test_resnet"), 2).eval()
    seen = []
    built.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    images, _ = scene()
    with torch.no_grad():
        built(list(images))
    said = timm.get_pretrained_cfg("test_resnet")
    mean, std = (torch.tensor(values)[:, None, None] for values in (said.mean, said.std))
    torch.testing.assert_close(seen[0], (images - mean) / std)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "rate"),
    [
        (Fcos(backbone="test_resnet"), 1e-3),
        (DeformableDetr(backbone="test_resnet", layers=2, queries=20), 5e-4),
    ],
    ids=["fcos", "deformable-detr"],
)
def test_a_tiny_detector_learns_where_a_square_is(model, rate):
    torch.manual_seed(0)
    built = build(model, 2).train()
    images = torch.rand(2, 3, 64, 96) * 0.3
    images[0, :, 16:48, 8:40] += 0.5
    images[1, :, 8:40, 56:88] += 0.5
    corners = torch.tensor([[8.0, 16, 40, 48], [56, 8, 88, 40]])
    targets = [{"boxes": corner[None], "labels": torch.tensor([n])} for n, corner in enumerate(corners, 1)]
    optimiser = torch.optim.AdamW(built.parameters(), lr=rate)
    for _ in range(80):
        optimiser.zero_grad()
        sum(built(list(images), targets).values()).backward()
        torch.nn.utils.clip_grad_norm_(built.parameters(), 1.0)
        optimiser.step()
    with torch.no_grad():
        found = built.eval()(list(images))
    for n, (each, corner) in enumerate(zip(found, corners, strict=True), 1):
        assert (each["boxes"][0] - corner).abs().max() < 4
        assert each["labels"][0] == n


class Echo(torch.nn.Module):
    """Finds by queries what it was told last, as transformers words it."""

    def forward(self, pixel_values, labels=None):
        if labels is not None:
            self.told = labels
            return type("Said", (), {"loss": pixel_values.sum()})
        logits = torch.full((len(self.told), 3, 4), -9.0)
        boxes = torch.full((len(self.told), 3, 4), 0.5)
        for n, label in enumerate(self.told):
            for query, (kind, box) in enumerate(zip(label["class_labels"], label["boxes"], strict=True)):
                logits[n, query, kind] = 5.0 - query
                boxes[n, query] = box
        return type("Said", (), {"logits": logits, "pred_boxes": boxes})


def test_a_detector_by_queries_says_boxes_as_it_is_told_them():
    queries = importlib.import_module("thyrodata.baselines.models.queries")
    detector = queries.QueryDetector(Echo(), torch.nn.Identity())
    images, targets = scene()
    detector.train()(images, targets)
    # By hand: the box 8 to 24 of 64 and 4 to 28 of 32 has its centre at 16, 16 and is 16 by 24.
    assert detector.model.told[0]["boxes"][0].tolist() == pytest.approx([16 / 64, 16 / 32, 16 / 64, 24 / 32])
    found = detector.eval()(images)
    torch.testing.assert_close(found[0]["boxes"][:2], targets[0]["boxes"])
    assert found[0]["labels"][:2].tolist() == [1, 2]
    assert found[1]["scores"].max() < 0.001


def test_a_detector_that_trains_without_targets_is_a_bug():
    queries = importlib.import_module("thyrodata.baselines.models.queries")
    with pytest.raises(TypeError, match="targets"):
        queries.QueryDetector(Echo(), torch.nn.Identity()).train()(scene()[0])


def test_a_pyramid_has_five_levels_each_half_as_large_as_the_last():
    pyramid = on_meta(Fcos(backbone="test_resnet"), 1).backbone
    levels = pyramid(torch.empty(1, 3, 128, 256, device="meta"))
    assert [tuple(level.shape[1:]) for level in levels.values()] == [
        (256, 128 // step, 256 // step) for step in (8, 16, 32, 64, 128)
    ]


# ---------------------------------------------------------------- plans


def test_a_recipe_becomes_the_plan_of_its_task():
    plans = importlib.import_module("thyrodata.baselines.recipes.plan")
    learnt = importlib.import_module("thyrodata.baselines.training.cache").Learnt
    tiny = replace(RECIPES["thyronet/resnet34"], model=TimmClassifier(name="test_resnet"))
    made = plans.plan(tiny, [])
    assert made.describe()["model"] == "thyronet/resnet34"
    assert made.describe()["optimisation"]["learning_rate"] == 1e-3
    assert made.target.name.endswith("which is not malignancy")
    assert made.build(3)(torch.rand(2, 3, 32, 32)).shape == (2, 3)
    drawn = plans.plan(RECIPES["gambling/unet"], ["nodule"])
    assert drawn.learns is learnt.MASKS
    assert drawn.describe()["loss"] == "cross-entropy"
    found = plans.plan(RECIPES["best/detect"], ["gland", "nodule"])
    assert found.learns is learnt.BOXES
    assert found.target.groups == (("nodule", ("nodule",)),)
    assert found.describe()["task"] == "detection"
    with pytest.raises(UsageError, match="gambling/unet has no loss"):
        plans.plan(replace(RECIPES["gambling/unet"], loss=None), ["nodule"])


def small_dataset(folder):
    """Four images of noise, each with a square that is outlined and a grade of its case."""
    random = np.random.default_rng(0)
    square = PolygonPart(exterior=((8.0, 8.0), (32.0, 8.0), (32.0, 32.0), (8.0, 32.0)))
    records, files = [], {}
    for n, grade in enumerate(("2", "4b", "3", "5")):
        path = f"images/{n}.png"
        files[path] = encode_png(random.integers(0, 255, (64, 64, 3)).astype(np.uint8))
        made = record(str(n), finding("1", Polygon(parts=(square,))), case_labels=graded(grade))
        records.append(replace(made, image=ImageRef(width=64, height=64, path=path, bit_depth=8)))
    return make_dataset(folder, records, files)


@pytest.mark.parametrize(
    ("name", "model", "classes"),
    [
        ("thyronet/resnet34", TimmClassifier(name="test_resnet"), ("below 4a", "4a or above")),
        (
            "gambling/unet",
            Segmenter(decoder="Unet", encoder="tu-test_resnet"),
            ("background", "nodule"),
        ),
        ("small/detect", Fcos(backbone="test_resnet", width=32), ("background", "nodule")),
    ],
)
def test_a_recipe_with_a_tiny_model_trains_on_a_dataset(name, model, classes, tmp_path):
    """The plan, the model and the loop fit each other; how well they learn is tested with the loop."""
    plans = importlib.import_module("thyrodata.baselines.recipes.plan")
    run = importlib.import_module("thyrodata.baselines.training.run")
    recipe = replace(RECIPES[name], model=model)
    dataset = small_dataset(tmp_path / "d")
    shown = view(dataset, {found.image_id: "train" for found in dataset.records()})
    if recipe.task is Task.CLASSIFICATION:
        shown = replace(shown, classes=ImageClass(scheme=recipe.endpoint.scheme, scope=ClassScope.CASE))
    trained = run.train(
        replace(shown, split="made here"),
        plans.plan(recipe, shown.categories),
        replace(recipe.settings, size=(64, 64), epochs=1, batch_size=2),
        tmp_path / "t",
        validation=None,
        device="cpu",
        accept_leaks=True,
    )
    assert trained.classes == classes
    assert trained.epochs == 1


# ---------------------------------------------------------------- weights


def saved(module, path):
    torch.save(module.state_dict(), path)
    return path


def same_tensors(own, theirs, names):
    assert names
    for name in names:
        torch.testing.assert_close(own[name], theirs[name])


def test_weights_of_timm_are_taken_but_for_the_classifier(tmp_path):
    given = timm.create_model("test_resnet", num_classes=1000)
    built = build(TimmClassifier(name="test_resnet"), 3, saved(given, tmp_path / "w.pt"))
    own, theirs = built[1].state_dict(), given.state_dict()
    same_tensors(own, theirs, [name for name in theirs if not name.startswith("fc.")])
    assert own["fc.weight"].shape[0] == 3


def test_weights_as_safetensors_are_taken_too(tmp_path):
    given = timm.create_model("test_resnet", num_classes=1000)
    path = tmp_path / "w.safetensors"
    pytest.importorskip("safetensors.torch").save_file(given.state_dict(), path)
    built = build(TimmClassifier(name="test_resnet"), 3, path)
    same_tensors(built[1].state_dict(), given.state_dict(), ["conv1.0.weight"])


def test_weights_of_googlenet_are_taken_without_its_auxiliary_classifiers(tmp_path):
    given = models.googlenet(weights=None, init_weights=False, aux_logits=True)
    built = build(TorchvisionClassifier(name="googlenet"), 2, saved(given, tmp_path / "w.pt"))
    own, theirs = built[1].state_dict(), given.state_dict()
    same_tensors(own, theirs, [name for name in own if not name.startswith("fc.")])


@pytest.mark.parametrize(
    ("model", "part"),
    [
        (Segmenter(decoder="Unet", encoder="resnet18"), lambda built: built[1].encoder),
        (FasterRcnn(backbone="resnet18"), lambda built: built.backbone.body),
    ],
    ids=["segmenter", "detector"],
)
def test_weights_of_a_classifier_become_those_of_an_encoder(model, part, tmp_path):
    given = models.resnet18(weights=None)
    built = build(model, 2, saved(given, tmp_path / "w.pt"))
    own = part(built).state_dict()
    same_tensors(own, given.state_dict(), [name for name in own if "num_batches" not in name])


@pytest.mark.parametrize(
    ("model", "part"),
    [
        (Segmenter(decoder="Unet", encoder="tu-test_resnet"), lambda built: built[1].encoder.model),
        (Fcos(backbone="test_resnet"), lambda built: built.backbone.features),
    ],
    ids=["segmenter", "detector"],
)
def test_weights_of_timm_become_those_of_an_encoder(model, part, tmp_path):
    given = timm.create_model("test_resnet", num_classes=1000)
    built = build(model, 2, saved(given, tmp_path / "w.pt"))
    own = part(built).state_dict()
    same_tensors(own, given.state_dict(), [name for name in own if "num_batches" not in name])


def test_normalisation_that_came_with_weights_stays_and_its_weights_fit_a_model_without(tmp_path):
    """Predictions build a model without the file that its training began from."""
    given = models.resnet18(weights=None)
    for part in given.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.running_var, 0.5, 2)
    file = saved(given, tmp_path / "w.pt")
    began = build(FasterRcnn(backbone="resnet18"), 2, file).train()
    before = {name: value.clone() for name, value in began.state_dict().items() if ".bn" in name}
    images, targets = scene()
    sum(began(list(images), targets).values()).backward()
    torch.optim.SGD([each for each in began.parameters() if each.requires_grad], lr=0.1).step()
    same_tensors(began.state_dict(), before, list(before))
    again = build(FasterRcnn(backbone="resnet18"), 2)
    again.load_state_dict(began.state_dict())
    for found, expected in zip(again.eval()(list(images)), began.eval()(list(images)), strict=True):
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value)


@pytest.mark.parametrize("model", TINY_DETECTORS[2:], ids=lambda model: type(model).__name__)
def test_normalisation_learns_in_a_detector_by_queries_that_begins_from_chance(model):
    torch.manual_seed(0)
    built = build(model, 2)
    assert not any("Frozen" in type(part).__name__ for part in built.modules())
    norms = [part for part in built.model.model.backbone.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    (first, _) = built.eval()(scene()[0])
    assert first["scores"].median() < 0.1  # of a nodule from each query no more than by chance
    built.train()(*scene())["loss"].backward()
    assert norms
    assert all(part.weight.grad is not None for part in norms)


def test_weights_of_transformers_are_taken_but_for_the_classes(tmp_path):
    tiny = DeformableDetr(backbone="test_resnet", layers=2, queries=20)
    given = build(tiny, 5).model
    given.save_pretrained(tmp_path)
    own, theirs = build(tiny, 2, tmp_path).model.state_dict(), given.state_dict()
    same_tensors(own, theirs, [name for name in theirs if "class_embed" not in name])
    norms = [part for part in build(tiny, 2, tmp_path).train().modules() if hasattr(part, "running_var")]
    assert norms
    assert not any(part.training or part.weight.requires_grad for part in norms)
    with pytest.raises(DatasetError, match="is missing or of another shape"):
        build(DeformableDetr(backbone="test_resnet", layers=2, queries=30), 2, tmp_path)


def other_model(path):
    saved(timm.create_model("test_efficientnet"), path)


def cut_off(path):
    saved(timm.create_model("test_resnet"), path)
    path.write_bytes(path.read_bytes()[:9000])


class Runs:
    def __reduce__(self):
        return (os.mkdir, (os.environ["THYRODATA_PLANTED"],))


def code(path):
    path.write_bytes(pickle.dumps({"conv1.0.weight": Runs()}, protocol=2))


@pytest.mark.parametrize("damage", [other_model, cut_off, code, lambda path: torch.save({}, path)])
@pytest.mark.parametrize(
    "model", [TimmClassifier(name="test_resnet"), Fcos(backbone="test_resnet")], ids=["timm", "fcos"]
)
def test_weights_of_another_model_or_damaged_ones_are_refused(model, damage, tmp_path, monkeypatch):
    monkeypatch.setenv("THYRODATA_PLANTED", str(tmp_path / "planted"))
    path = tmp_path / "w.pt"
    damage(path)
    with pytest.raises(DatasetError, match="cannot be used") as caught:
        build(model, 2, path)
    assert caught.value.where == str(path)
    assert not (tmp_path / "planted").exists()


def test_weights_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no such weights"):
        build(TimmClassifier(name="test_resnet"), 2, tmp_path / "none.pt")


@pytest.mark.parametrize(
    "model",
    [
        TimmClassifier(name="resnet35"),
        TorchvisionClassifier(name="lenet"),
        Segmenter(decoder="Vnet", encoder="resnet18"),
        Segmenter(decoder="Unet", encoder="xception65"),
        FasterRcnn(backbone="vgg16"),
        Fcos(backbone="resnet35"),
        DFine(layers=1),
    ],
)
def test_a_model_that_the_library_lacks_is_named(model):
    with pytest.raises(UsageError):
        build(model, 2)


def test_a_model_of_no_class_is_refused():
    with pytest.raises(UsageError, match="0 classes"):
        build(TimmClassifier(name="test_resnet"), 0)
