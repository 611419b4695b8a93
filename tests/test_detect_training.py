"""Training of detection: what a detector is told of a dataset, learns of it, and gives back.

Torch is installed in an environment of its own (``make trainers``); where it is missing, these are skipped.
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import finding, make_dataset, record

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
smp = pytest.importorskip("segmentation_models_pytorch")
transformers = pytest.importorskip("transformers")

from pycocotools.coco import COCO  # noqa: E402 -- after what may skip all of it
from pycocotools.cocoeval import COCOeval  # noqa: E402
from test_training import (  # noqa: E402
    HEIGHT,
    KWAK,
    SQUARE,
    SUSPICIOUS,
    VARIED,
    WIDTH,
    boxes_of,
    drawn,
    lines,
    phantoms,
    segmentation,
    shown,
    stop_after,
)
from torchvision.ops import box_iou  # noqa: E402

from thyrodata.baselines.models import build  # noqa: E402
from thyrodata.baselines.models.norms import live_norms  # noqa: E402
from thyrodata.baselines.models.queries import QueryDetector  # noqa: E402
from thyrodata.baselines.predictions import read_predictions, write_predictions  # noqa: E402
from thyrodata.baselines.recipes.architecture import (  # noqa: E402
    FasterRcnn,
    Fcos,
    Segmenter,
    TimmClassifier,
)
from thyrodata.baselines.training import augment, placing  # noqa: E402
from thyrodata.baselines.training.boxes import learnt_targets, without_crowds  # noqa: E402
from thyrodata.baselines.training.cache import Learnt  # noqa: E402
from thyrodata.baselines.training.classify import ClassificationPlan  # noqa: E402
from thyrodata.baselines.training.detect import DetectionPlan  # noqa: E402
from thyrodata.baselines.training.learner import Learner  # noqa: E402
from thyrodata.baselines.training.loop import figures_of  # noqa: E402
from thyrodata.baselines.training.predicting import predict  # noqa: E402
from thyrodata.baselines.training.reading import read_parts  # noqa: E402
from thyrodata.baselines.training.run import train  # noqa: E402
from thyrodata.baselines.training.settings import (  # noqa: E402
    Fit,
    Optimisation,
    Optimiser,
    Schedule,
    Target,
    TrainSettings,
)
from thyrodata.dataset import Dataset  # noqa: E402
from thyrodata.errors import TrainingError, UsageError  # noqa: E402
from thyrodata.io.png import encode_png  # noqa: E402
from thyrodata.schema.geometry import Box, Calipers  # noqa: E402
from thyrodata.schema.record import ImageRef, Reading  # noqa: E402
from thyrodata.schema.vocab import Coverage, Structure  # noqa: E402

torch.set_num_threads(1)  # threads that wait for each other on a busy machine take ten times as long

pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning"),
]

SIZE = (64, 96)
PLACES = ((50, 40), (54, 40), (50, 36), (46, 44))
"""Where nodules lie in the images, in turn."""
detection = torchvision.models.detection


# ---------------------------------------------------------------- tiny detectors of each family


class Pyramid(torch.nn.Module):
    """A feature pyramid on a tiny backbone of timm, for torchvision's detectors."""

    out_channels = 32

    def __init__(self):
        super().__init__()
        self.features = timm.create_model("test_resnet", features_only=True, out_indices=(2, 3, 4))
        channels = self.features.feature_info.channels()
        self.pyramid = torchvision.ops.FeaturePyramidNetwork(channels, self.out_channels)

    def forward(self, images):
        return self.pyramid({str(n): found for n, found in enumerate(self.features(images))})


class Unresized(detection.transform.GeneralizedRCNNTransform):
    def resize(self, image, target=None):
        return image, target


def faster_rcnn(classes):
    levels, ratios = ((16,), (32,), (64,)), ((0.5, 1.0, 2.0),) * 3
    made = detection.FasterRCNN(
        Pyramid(),
        num_classes=None,
        rpn_anchor_generator=detection.anchor_utils.AnchorGenerator(levels, ratios),
        box_head=detection.faster_rcnn.TwoMLPHead(32 * 7 * 7, 64),
        box_predictor=detection.faster_rcnn.FastRCNNPredictor(64, classes + 1),
        box_batch_size_per_image=64,
    )
    made.transform = Unresized(0, 0, [0.5] * 3, [0.25] * 3)
    return made


def fcos(classes):
    return build(Fcos(backbone="test_resnet", width=32), classes)


def deformable_detr(classes):
    config = transformers.DeformableDetrConfig(
        backbone_config=transformers.TimmBackboneConfig(
            backbone="test_resnet",
            out_indices=[2, 3, 4],
            use_pretrained_backbone=False,
            features_only=True,
        ),
        d_model=64,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_queries=10,
        num_labels=classes,
        dropout=0.0,
    )
    return by_queries(transformers.DeformableDetrForObjectDetection(config))


SMALL = {
    "encoder_in_channels": [32, 48, 64],
    "encoder_hidden_dim": 64,
    "encoder_ffn_dim": 64,
    "encoder_attention_heads": 4,
    "d_model": 64,
    "decoder_in_channels": [64, 64, 64],
    "decoder_ffn_dim": 64,
    "decoder_attention_heads": 4,
    "decoder_layers": 2,
    "num_queries": 10,
    "num_denoising": 10,
    "hidden_expansion": 0.5,
    "initializer_bias_prior_prob": 0.01,
}


def rtdetr_v2(classes):
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=16,
        hidden_sizes=[16, 32, 48, 64],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.RTDetrV2Config(backbone_config=backbone, num_labels=classes, **SMALL)
    return by_queries(transformers.RTDetrV2ForObjectDetection(config))


def d_fine(classes):
    backbone = transformers.HGNetV2Config(
        stem_channels=[3, 8, 16],
        stage_in_channels=[16, 16, 32, 48],
        stage_mid_channels=[8, 16, 16, 24],
        stage_out_channels=[16, 32, 48, 64],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[2, 2, 2, 2],
        hidden_sizes=[16, 32, 48, 64],
        depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.DFineConfig(backbone_config=backbone, num_labels=classes, **SMALL)
    return by_queries(transformers.DFineForObjectDetection(config))


def by_queries(model):
    """A detector of queries whose normalisation learns, as those that recipes build from chance."""
    live_norms(model)
    return QueryDetector(model, torch.nn.Identity())


FAMILIES = {
    "faster-rcnn": (faster_rcnn, 2e-3, 40, 4),
    "fcos": (fcos, 2e-3, 30, 4),
    "deformable-detr": (deformable_detr, 2e-3, 30, 4),
    "rt-detr-v2": (rtdetr_v2, 3e-3, 45, 4),
    "d-fine": (d_fine, 3e-3, 40, 2),
}
"""How each is built; its learning rate, epochs and batch size, with which it learns eight phantoms."""


def detecting(build=fcos, **changed):
    how = {"learning_rate": 2e-3, "clip_norm": 1.0, **changed}
    return DetectionPlan(model="tiny", build=build, optimisation=Optimisation(**how))


def settings(**changed):
    return TrainSettings(**{"size": SIZE, "epochs": 2, "batch_size": 4, "watch": "ap50", **changed})


def trained(dataset, out, plan=None, chosen=None, **changed):
    """Train on all images and validate on them too."""
    given = {"validation": "train", "device": "cpu", **changed}
    return train(shown(dataset), plan or detecting(), chosen or settings(), out, **given)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Eight phantoms with an outlined nodule each."""
    return phantoms(tmp_path_factory.mktemp("phantoms") / "d", places=PLACES)


# ---------------------------------------------------------------- learning


@pytest.mark.parametrize(
    "family",
    [pytest.param(name, marks=[pytest.mark.slow] if name == "d-fine" else []) for name in FAMILIES],
)
def test_a_tiny_detector_of_each_family_learns_eight_phantoms(family, dataset, tmp_path):
    make, rate, epochs, batch_size = FAMILIES[family]
    plan = detecting(make, learning_rate=rate, warmup=0.1)
    made = trained(dataset, tmp_path / "o", plan, settings(epochs=epochs, batch_size=batch_size))
    assert made.classes == ("background", "nodule")
    assert made.figures["ap50"] >= 0.9
    found = predict(shown(dataset), "train", plan, tmp_path / "o", device="cpu")
    assert [image.image_id for image in found.images] == [f"toy/{n}" for n in range(8)]
    right = 0
    for image in found.images:
        (nodule,) = image.truth
        surest = torch.from_numpy(image.predicted[:1])
        right += bool(box_iou(surest, torch.from_numpy(nodule[None])) >= 0.5)
        assert image.predicted.min() >= 0
        assert (image.predicted <= [WIDTH, HEIGHT] * 2).all()
        assert len(image.scores) <= 100
    assert right >= 7


@pytest.mark.parametrize(
    ("make", "within"),
    [
        (lambda classes: build(FasterRcnn(backbone="resnet18"), classes), 1),
        (fcos, 0.1),
        (deformable_detr, 0.05),
        (rtdetr_v2, 0.05),
        (d_fine, 0.05),
    ],
    ids=list(FAMILIES),
)
def test_in_bfloat16_a_detector_finds_the_same_boxes(make, within):
    """Law: in the median nearer than so many pixels; bfloat16 itself knows every second pixel there."""
    torch.manual_seed(0)
    module = make(1).eval()
    images = torch.rand(2, 3, 320, 416)
    with torch.no_grad():
        exact = module(images)
        with torch.autocast("cpu", torch.bfloat16):
            found = module(images)
    for one, other in zip(exact, found, strict=True):
        assert other["boxes"].dtype == other["scores"].dtype == torch.float32
        away = (one["boxes"][:20, None] - other["boxes"]).abs().amax(-1).amin(1)
        assert away.median() <= within


@pytest.mark.parametrize("decoder", ["Unet", "UnetPlusPlus", "PSPNet", "DeepLabV3Plus"])
def test_a_tiny_segmenter_of_each_family_learns_eight_phantoms(decoder, dataset, tmp_path):
    model = Segmenter(decoder=decoder, encoder="tu-test_resnet")
    plan = segmentation(lambda classes: build(model, classes), optimisation=Optimisation(learning_rate=3e-3))
    chosen = settings(epochs=25 if decoder.startswith("Unet") else 40, watch="iou")
    assert trained(dataset, tmp_path / "o", plan, chosen).figures["iou"] >= 0.9


@pytest.mark.parametrize(
    "make",
    [
        lambda classes: build(TimmClassifier(name="test_efficientnet"), classes),
        lambda classes: torchvision.models.shufflenet_v2_x0_5(num_classes=classes),
    ],
    ids=["timm", "torchvision"],
)
def test_a_classifier_of_each_library_learns_eight_phantoms(make, dataset, tmp_path):
    plan = ClassificationPlan(
        model="tiny",
        build=make,
        optimisation=Optimisation(learning_rate=2e-3),
        target=SUSPICIOUS,
    )
    chosen = settings(epochs=40, watch="accuracy")
    asked = shown(dataset, classes=KWAK)
    made = train(asked, plan, chosen, tmp_path / "o", validation="train", device="cpu")
    assert made.figures["accuracy"] == 1


# ---------------------------------------------------------------- the same bits again, and several processes


def test_a_killed_and_resumed_training_of_a_detector_equals_one_without_interruption(dataset, tmp_path):
    plan = detecting(ema_decay=0.9, warmup=0.1)
    chosen = settings(epochs=3, batch_size=3, augmentation=VARIED)
    whole = trained(dataset, tmp_path / "whole", plan, chosen)
    with pytest.raises(KeyboardInterrupt):
        trained(dataset, tmp_path / "o", plan, chosen, progress=stop_after(4))  # in the second epoch
    resumed = trained(dataset, tmp_path / "o", plan, chosen, resume=True)
    assert replace(resumed, folder=whole.folder) == whole
    for name in ("settings.json", "log.jsonl"):
        assert (tmp_path / "o" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    (line, *_) = lines(tmp_path / "o" / "log.jsonl")
    names = line["training"].keys() - {"loss"}
    assert names == {"classification", "bbox_regression", "bbox_ctrness"}
    assert sum(line["training"][name] for name in names) == pytest.approx(line["training"]["loss"], rel=1e-5)


def with_negatives(folder):
    """Eight phantoms of which every second has no nodule, and was looked at all over."""
    complete = (Reading(coverage=Coverage.COMPLETE),)
    made = phantoms(folder / "all", places=PLACES, readings=complete)
    records = [
        replace(each, findings=() if n % 2 else each.findings) for n, each in enumerate(made.records())
    ]
    files = {
        each.image.path: (made.path / each.image.path).read_bytes() for each in records if each.image.path
    }
    return make_dataset(folder / "d", records, files)


class Sparse(torch.nn.Module):
    """A detector whose second weight has a gradient only where there is a box."""

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(1)) for _ in range(3)])

    def forward(self, targets):
        loss = (self.weights[0] - 1) ** 2
        boxes = sum(len(target["boxes"]) for target in targets)
        return (loss + boxes * (self.weights[1] - 1) ** 2 if boxes else loss).sum()


def detect_as_one_of_two(rank, folder):
    """Train with another process, which sees other images, and note what came out."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    how = Optimisation(optimiser=Optimiser.SGD, learning_rate=0.1, momentum=0, schedule=Schedule.CONSTANT)
    learner = Learner(Sparse(), how, "cpu")
    own = [{"boxes": [0]}] if rank else [{"boxes": []}]
    learner.update(lambda module: module(own), 0)
    moved = [float(each) for each in learner.kept.weights]
    untouched = learner.kept.weights[2].grad is None
    made = trained(Dataset(folder / "d"), folder / "two", detecting(rtdetr_v2), settings(batch_size=1))
    (folder / f"{rank}.json").write_text(json.dumps([moved, untouched, made.weights_sha256]))
    (folder / f"done-{rank}").touch()
    while not (folder / f"done-{1 - rank}").exists():
        time.sleep(0.05)
    os._exit(0)


@pytest.mark.slow
def test_two_processes_train_one_detector_also_where_one_of_them_sees_no_box(tmp_path):
    """With one image a step, one process often has no box, and RT-DETR's denoising then no gradient."""
    dataset = with_negatives(tmp_path)
    torch.multiprocessing.spawn(detect_as_one_of_two, (tmp_path,), nprocs=2)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert first[:2] == [pytest.approx([0.2, 0.1, 0]), True]  # the means of 2 and 2, and of 0 and 2
    # The figures of two processes are those that one measures of the same weights.
    stored = lines(tmp_path / "two" / "log.jsonl")[-1]["validation"]
    plan = detecting(rtdetr_v2)
    task = plan.start(("background", "nodule"), "cpu")
    task.restore(torch.load(tmp_path / "two" / "last.pt", weights_only=True)["task"])
    assert figures_of(task, cached(dataset), 1) == pytest.approx(stored, rel=1e-9)


# ---------------------------------------------------------------- figures


class Told(torch.nn.Module):
    """Finds what it was told, image by image."""

    def __init__(self, found):
        super().__init__()
        self.found = found
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = 0

    def forward(self, images, targets=None):
        self.seen += len(images)
        return self.found[self.seen - len(images) : self.seen]


def test_figures_are_those_of_pycocotools(tmp_path):
    """Through the whole path: reading, placing, the loop's batches, and the task's figures."""
    draw = np.random.default_rng(5)
    dataset = crowded(tmp_path / "d", draw)
    held = cached(dataset, size=(30, 40))
    found = []
    for boxes in held.boxes:
        near = np.concatenate([boxes.corners.numpy()] * 3) + draw.normal(0, 0.8, (3 * len(boxes.labels), 4))
        near = near[(near[:, 2:] > near[:, :2]).all(1)]
        found.append(
            {
                "boxes": torch.from_numpy(near.astype(np.float32)),
                "labels": torch.from_numpy(draw.integers(1, 3, len(near))),
                "scores": torch.from_numpy(draw.permutation(len(near)) / 100 + draw.uniform(0, 1e-3)),
            }
        )
    task = DetectionPlan(
        model="told", build=lambda _: Told(found), optimisation=Optimisation(learning_rate=1)
    ).start(held.classes, "cpu")
    measured = figures_of(task, held, 3)
    assert measured == pytest.approx(of_pycocotools(held, found), abs=1e-12)
    assert 0.1 < measured["ap"] < measured["ap50"] < 1


def of_pycocotools(held, found):
    """COCO's figures, computed from the dictionaries of its file format."""
    truth, results = COCO(), COCO()
    images = [{"id": n} for n in range(len(held))]
    categories = [{"id": n} for n in range(1, len(held.classes))]
    told = [
        (n, box, label, {"iscrowd": int(crowd)})
        for n, each in enumerate(held.boxes)
        for box, label, crowd in zip(
            *(getattr(each, k).tolist() for k in ("corners", "labels", "crowd")), strict=True
        )
    ]
    said = [
        (n, box, label, {"score": score})
        for n, each in enumerate(found)
        for box, label, score in zip(*(each[k].tolist() for k in ("boxes", "labels", "scores")), strict=True)
    ]
    for coco, rows in ((truth, told), (results, said)):
        annotations = [
            {
                "id": k,
                "image_id": n,
                "category_id": label,
                "bbox": [a, b, c - a, d - b],
                "area": (c - a) * (d - b),
                "iscrowd": 0,
                **more,
            }
            for k, (n, (a, b, c, d), label, more) in enumerate(rows, 1)
        ]
        coco.dataset = {"images": images, "categories": categories, "annotations": annotations}
        coco.createIndex()
    evaluation = COCOeval(truth, results, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return dict(zip(("ap", "ap50", "ap75", "ar_100"), evaluation.stats[[0, 1, 2, 8]], strict=True))


def test_a_detector_that_diverged_says_so():
    nothing = {"boxes": torch.tensor([[0, 0, math.nan, 1]]), "labels": torch.ones(1), "scores": torch.ones(1)}
    plan = DetectionPlan(model="told", build=lambda _: Told([nothing]), optimisation=Optimisation())
    with pytest.raises(TrainingError, match="no numbers"):
        plan.start(("background", "nodule"), "cpu").predicted(torch.zeros(1, 3, 4, 4))


class Exploding(torch.nn.Module):
    """Gives no number from the fourth step on, or asks for more memory than there is."""

    def __init__(self, *, greedy=False):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.greedy = greedy
        self.steps = 0

    def forward(self, images, targets=None):
        if not self.training:
            none = torch.zeros(0)
            return [{"boxes": none.reshape(0, 4), "labels": none.long(), "scores": none} for _ in images]
        if self.greedy:
            torch.empty(2**60, dtype=torch.uint8)
        self.steps += 1
        return {"box": self.weight.sum() * (math.nan if self.steps > 3 else 1), "kind": self.weight.sum()}


def test_a_loss_that_is_no_number_is_named_and_the_epoch_before_is_kept(dataset, tmp_path):
    with pytest.raises(TrainingError, match="the box of step 2 is nan") as ended:
        trained(dataset, tmp_path / "o", detecting(lambda _: Exploding()), settings(epochs=4))
    assert "epoch 1 are kept" in ended.value.hint
    assert len(lines(tmp_path / "o" / "log.jsonl")) == 1


def test_too_little_memory_for_a_detector_is_said(dataset, tmp_path):
    with pytest.raises(TrainingError, match="out of memory"):
        trained(dataset, tmp_path / "o", detecting(lambda _: Exploding(greedy=True)))


def test_the_epoch_is_chosen_by_a_figure_and_without_a_validation_by_the_loss(dataset, tmp_path):
    with pytest.raises(UsageError, match="no figure 'loss'") as refused:
        trained(dataset, tmp_path / "o", chosen=settings(watch="loss"))
    assert "ap50" in refused.value.hint
    made = trained(
        dataset, tmp_path / "o", detecting(lambda _: Exploding()), settings(epochs=1), validation=None
    )
    assert made.figures == pytest.approx({"box": 1, "kind": 1, "loss": 2}, rel=0.01)


# ---------------------------------------------------------------- what is read


def crowded(folder, draw):
    """Six images of boxes of two categories, one of which is a crowd, and one image is empty."""
    records, files = [], {}
    for n in range(6):
        path = f"images/{n}.png"
        files[path] = encode_png(draw.integers(0, 256, (45, 60)).astype(np.uint8))
        corners = draw.uniform((0, 0, 8, 8), (40, 30, 19, 14), (0 if n == 5 else 3, 4))
        found = [
            finding(
                str(k),
                Box(x=x, y=y, width=width, height=height),
                structure=Structure.LYMPH_NODE if k == 2 else Structure.NODULE,
                crowd=n == 1 and k == 1,
            )
            for k, (x, y, width, height) in enumerate(corners.round(2).tolist())
        ]
        made = record(str(n), *found, readings=(Reading(coverage=Coverage.COMPLETE),))
        records.append(replace(made, image=ImageRef(width=60, height=45, path=path, bit_depth=8)))
    return make_dataset(folder, records, files)


def cached(dataset, *, size=SIZE, fit=Fit.LETTERBOX, target=None):
    return read_parts(shown(dataset), ["train"], learns=Learnt.BOXES, target=target, size=size, fit=fit)[
        "train"
    ]


def test_boxes_are_read_from_outlines_and_lie_where_the_image_does(dataset):
    held = cached(dataset, size=(45, 100))  # half as high, so half as wide and in the middle
    assert (held.labels, held.masks, held.truths) == (None, None, ())
    for each, own, found in zip(held.boxes, held.true_boxes, dataset.records(), strict=True):
        points = np.array(found.findings[0].geometries[0].parts[0].exterior)
        extent = np.clip([*points.min(0), *points.max(0)], 0, [WIDTH, HEIGHT] * 2)
        np.testing.assert_allclose(own.corners.numpy(), [extent])
        np.testing.assert_allclose(each.corners.numpy(), [extent / 2 + [20, 0, 20, 0]], rtol=1e-6)
        assert (each.labels.tolist(), each.crowd.tolist()) == ([1], [False])
    batch = held.batch(np.array([3, 1]))
    for found, number in zip(batch.boxes, (3, 1), strict=True):
        assert found.corners.equal(held.boxes[number].corners)


def small_images(folder, **findings):
    """Images of 16 x 12 px by name; a tuple is of findings, and coverage is not complete unless said."""
    records, files = [], {}
    for name, (coverage, *found) in findings.items():
        path = f"images/{name}.png"
        files[path] = encode_png(np.full((12, 16), len(files), np.uint8))
        made = record(name, *found, readings=(Reading(coverage=coverage),))
        records.append(replace(made, image=ImageRef(width=16, height=12, path=path, bit_depth=8)))
    return make_dataset(folder, records, files)


BOX = Box(x=2, y=3, width=5, height=4)
CALIPERS = Calipers(long=((2, 3), (8, 9)), short=((3, 8), (7, 4)))


@pytest.mark.parametrize("coverage", [Coverage.COMPLETE, Coverage.PARTIAL])
def test_an_image_without_a_box_is_a_negative_only_if_all_of_it_was_looked_at(coverage, tmp_path):
    made = small_images(
        tmp_path / "d",
        boxed=(coverage, finding("1", BOX)),
        other=(coverage, finding("1", SQUARE, structure=Structure.LYMPH_NODE)),
        crowd=(coverage, finding("1", BOX, crowd=True)),
        empty=(coverage,),
    )
    held = cached(made, target=Target(name="nodules", groups=(("nodule", ("nodule",)),)))
    if coverage is Coverage.COMPLETE:
        assert held.image_ids == ("toy/boxed", "toy/other", "toy/crowd", "toy/empty")
        assert [len(each.labels) for each in held.boxes] == [1, 0, 1, 0]
    else:
        assert held.image_ids == ("toy/boxed",)
        assert held.left_out == {"empty-unsure": 2}  # the empty one the view leaves out itself


def test_an_image_with_a_nodule_that_was_only_measured_is_left_out(tmp_path):
    made = small_images(
        tmp_path / "d",
        a=(Coverage.COMPLETE, finding("1", BOX)),
        b=(Coverage.COMPLETE, finding("1", BOX), finding("2", CALIPERS)),
        c=(Coverage.COMPLETE, finding("1", BOX), finding("2", CALIPERS, structure=Structure.MARKER)),
    )
    held = cached(made)
    assert held.image_ids == ("toy/a", "toy/c")
    assert held.left_out == {"no-box": 1}


def test_a_dataset_of_boxes_only_is_learnt_and_a_part_without_one_is_refused(tmp_path):
    made = small_images(
        tmp_path / "d",
        a=(Coverage.COMPLETE, finding("1", BOX)),
        b=(Coverage.COMPLETE, finding("1", BOX, crowd=True)),
    )
    out = tmp_path / "o"
    assert trained(made, out, chosen=settings(size=(32, 32), epochs=1)).classes == ("background", "nodule")
    counted = json.loads((out / "settings.json").read_text())["data"]["parts"]["train"]
    assert (counted["images"], counted["images of"]) == (2, {"nodule": 2})
    with pytest.raises(UsageError, match="'val' has a box of nodule"):
        train(shown(made, {"toy/a": "train", "toy/b": "val"}), detecting(), settings(), tmp_path / "p")


# ---------------------------------------------------------------- crowds, and boxes that are cut off


def test_a_crowd_is_not_shown_but_for_what_a_box_of_one_finding_covers():
    images = torch.ones(2, 3, 8, 10)
    boxes = [boxes_of([2, 1, 8, 6], [5, 2, 10, 4], crowd=[True, False]), boxes_of([0, 0, 9, 9])]
    hidden = without_crowds(images, boxes)
    expected = np.ones((8, 10))
    expected[1:6, 2:8] = 0
    expected[2:4, 5:10] = 1
    np.testing.assert_array_equal(hidden[0], [expected] * 3)
    assert hidden[1].eq(1).all()
    assert without_crowds(images, boxes[1:]) is images


class Watching(Exploding):
    """Keeps what it was shown and told."""

    seen = ()

    def forward(self, images, targets=None):
        if self.training:
            type(self).seen = (images, targets)
        return super().forward(images, targets)


def test_a_crowd_is_neither_told_nor_shown_in_training_and_counts_in_no_figure(tmp_path):
    made = small_images(tmp_path / "d", a=(None, finding("1", BOX), finding("2", BOX, crowd=True)))
    shown_all = small_images(tmp_path / "e", a=(None, finding("1", BOX)))
    assert cached(made).boxes[0].crowd.tolist() == [False, True]
    assert figures(made) == figures(shown_all)
    far = Box(x=10, y=2, width=5, height=6)
    made = small_images(
        tmp_path / "f",
        a=(None, finding("1", BOX), finding("2", far, crowd=True)),
    )
    files = {"images/a.png": encode_png(np.full((12, 16), 200, np.uint8))}
    made = make_dataset(tmp_path / "g", made.records(), files)
    trained(made, tmp_path / "o", detecting(lambda _: Watching()), settings(size=(12, 16), epochs=1))
    (image,), (target,) = Watching.seen
    assert target["boxes"].tolist() == [[2, 3, 7, 7]]
    assert image[:, 2:8, 10:15].eq(0).all()
    assert image.ne(0).sum() == 3 * (12 * 16 - 30)


def figures(dataset):
    held = cached(dataset, size=(12, 16))
    found = [{"boxes": torch.tensor([[2.0, 3, 7, 7]]), "labels": torch.tensor([1]), "scores": torch.ones(1)}]
    plan = DetectionPlan(model="told", build=lambda _: Told(found), optimisation=Optimisation())
    return figures_of(plan.start(held.classes, "cpu"), held, 2)


def test_a_box_of_which_no_whole_pixel_is_left_is_not_learnt():
    (target,) = learnt_targets([boxes_of([0, 0, 0.9, 5], [0, 0, 1, 5], [3, 3, 3, 3], labels=[1, 2, 1])])
    assert target["labels"].tolist() == [2]


SIDES = st.floats(-20, 100, width=32)


@given(
    st.tuples(SIDES, SIDES),
    st.tuples(st.floats(2, 60), st.floats(2, 60)),
    st.floats(0, 45),
    st.integers(0, 99),
)
def test_a_moved_box_is_the_extent_of_its_moved_ellipse(start, sides, angle, seed):
    """Law, against a thousand points of the ellipse: moved one by one, cut off, and then measured."""
    size = (60, 80)
    box = [*start, start[0] + sides[0], start[1] + sides[1]]
    draws = drawn(replace(VARIED, rotate_deg=angle, shift=0.3), (4,), size=size, seed=seed)
    (moved,) = augment.moved_boxes([boxes_of(box)], draws, size)
    turn = np.linspace(0, 2 * np.pi, 1000)
    around = np.stack([np.cos(turn), np.sin(turn)], 1) * np.array(sides) / 2
    points = around + np.array(start) + np.array(sides) / 2 - (40, 30)
    points = points @ draws.turns[0].T + draws.shifts[0] + (40, 30)
    extent = np.clip([*points.min(0), *points.max(0)], 0, [80, 60, 80, 60])
    np.testing.assert_allclose(moved.corners.numpy(), [extent], atol=2e-3)


# ---------------------------------------------------------------- in the image's own pixels


@given(
    st.tuples(st.integers(1, 900), st.integers(1, 900)),
    st.sampled_from(Fit),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_a_box_that_was_placed_comes_back_in_the_images_own_pixels(source, fit, shares):
    """Law: placed and restored it is the same; and inside the image's part of what the module is given."""
    placement = placing.place(source, (48, 80), fit)
    height, width = source
    across, down = (
        sorted(share * width for share in shares[:2]),
        sorted(share * height for share in shares[2:]),
    )
    box = torch.tensor([[across[0], down[0], across[1], down[1]]], dtype=torch.float64)
    there = placing.placed_boxes(box, placement)
    left, top, right, bottom = there[0].tolist()
    assert placement.left - 1e-9 <= left <= right <= placement.left + placement.width + 1e-9
    assert placement.top - 1e-9 <= top <= bottom <= placement.top + placement.height + 1e-9
    torch.testing.assert_close(placing.restored_boxes(there, placement), box, rtol=1e-9, atol=1e-9)


def test_predictions_are_cut_off_at_the_image_and_come_back_from_their_file(dataset, tmp_path):
    # Half the size and in the middle of what the module is given: 20 pixels at either side show nothing.
    boxes = torch.tensor([[25.0, 10, 45, 30], [0, 5, 30, 50], [2, 3, 18, 30], [70, 40, 99, 45]])
    found = {"boxes": boxes, "labels": torch.ones(4, dtype=torch.int64), "scores": torch.arange(4) / 4 + 0.1}
    plan = detecting(lambda _: Told([found] * 8))
    trained(dataset, tmp_path / "o", detecting(lambda _: Exploding()), settings(size=(45, 100), epochs=1))
    stored = tmp_path / "o" / "best.pt"
    assert torch.load(stored, weights_only=True)["weights"].keys() == {"weight"}
    made = predict(shown(dataset), "train", plan, tmp_path / "o", device="cpu")
    for image in made.images:
        # The surest first, and without the one that lies beside the image.
        np.testing.assert_allclose(image.scores, [0.85, 0.35, 0.1])
        np.testing.assert_allclose(image.predicted, [[100, 80, 120, 90], [0, 10, 20, 90], [10, 20, 50, 60]])
        assert image.predicted_labels.tolist() == [0, 0, 0]
    write_predictions(tmp_path / "p.parquet", made)
    read = read_predictions(tmp_path / "p.parquet")
    assert (read.origin, read.classes, read.group_ids) == (made.origin, made.classes, made.group_ids)
    for one, other in zip(read.images, made.images, strict=True):
        for name in ("truth", "truth_labels", "crowd", "predicted", "predicted_labels", "scores"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
