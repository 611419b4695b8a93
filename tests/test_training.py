"""Training: what it learns, what it repeats to the bit, and what it refuses.

Torch is installed in an environment of its own (``make trainers``); where it is missing, these are skipped.
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import finding, graded, make_dataset, record

from thyrodata.baselines.predictions import read_predictions, write_predictions
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, OutputError, RawLayoutError, SplitError, TrainingError, UsageError
from thyrodata.exports.classes import ClassScope, ImageClass
from thyrodata.exports.view import view
from thyrodata.io.masks import decode_mask
from thyrodata.io.png import encode_png
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.schema.geometry import Box, Calipers, Polygon, PolygonPart
from thyrodata.schema.record import ImageRef, Reading
from thyrodata.schema.vocab import Coverage, Structure

torch = pytest.importorskip("torch")

from thyrodata.baselines.checkpoints import (  # noqa: E402 -- these import torch
    CheckpointKind,
    read_checkpoint,
    weights_sha256,
    write_checkpoint,
)
from thyrodata.baselines.training import augment, checks, placing  # noqa: E402
from thyrodata.baselines.training.boxes import Boxes  # noqa: E402
from thyrodata.baselines.training.cache import Batch, Cache, Learnt  # noqa: E402
from thyrodata.baselines.training.classify import ClassificationPlan  # noqa: E402
from thyrodata.baselines.training.failures import naming_memory  # noqa: E402
from thyrodata.baselines.training.learner import Learner  # noqa: E402
from thyrodata.baselines.training.loop import figures_of  # noqa: E402
from thyrodata.baselines.training.predicting import predict  # noqa: E402
from thyrodata.baselines.training.randomness import batches  # noqa: E402
from thyrodata.baselines.training.reading import read_parts  # noqa: E402
from thyrodata.baselines.training.run import train  # noqa: E402
from thyrodata.baselines.training.segment import SegmentationPlan  # noqa: E402
from thyrodata.baselines.training.settings import (  # noqa: E402
    Augmentation,
    Fit,
    Optimisation,
    Optimiser,
    Schedule,
    SegmentLoss,
    Target,
    TrainSettings,
)
from thyrodata.baselines.training.stopping import Plateau  # noqa: E402

torch.set_num_threads(1)  # threads that wait for each other on a busy machine take ten times as long

HEIGHT, WIDTH = 90, 120
SIZE = (48, 64)
SQUARE = Polygon(parts=(PolygonPart(exterior=((2, 3), (7, 3), (7, 7), (2, 7))),))
KWAK = ImageClass(scheme="tirads-kwak", scope=ClassScope.CASE)
SUSPICIOUS = Target(
    name="TI-RADS >= 4a (Kwak), said of the case",
    groups=(
        ("below 4a", tuple(f"tirads-kwak/{grade}" for grade in "123")),
        ("4a and above", tuple(f"tirads-kwak/{grade}" for grade in ("4a", "4b", "4c", "5"))),
    ),
)
VARIED = Augmentation(
    name="all of it", flip_horizontal=0.5, rotate_deg=10, scale=1.1, shift=0.05, gain=1.2, gamma=1.2
)


# ---------------------------------------------------------------- a small dataset and small models


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Eight phantoms of eight cases, outlined and graded."""
    return phantoms(tmp_path_factory.mktemp("phantoms") / "d")


def phantoms(folder, *, count=8, grades=("2", "4b"), places=((50, 40),), **changed):
    """Phantoms as a dataset; what is changed replaces fields of each record.

    Each is cut out around its nodule, which else covers too few pixels to be learnt in seconds; where in the
    image it then lies is said in turn.
    """
    records, files = [], {}
    for n in range(count):
        drawn = phantom(PhantomSpec(seed=n, height=240, width=320))
        (nodule,) = drawn.nodules
        middle = np.mean(nodule.outline, 0)
        left, top = (
            int(place) for place in np.clip(middle - places[n % len(places)], 0, (320 - WIDTH, 240 - HEIGHT))
        )
        path = f"images/{n}.png"
        files[path] = encode_png(drawn.pixels[top : top + HEIGHT, left : left + WIDTH].copy())
        outline = PolygonPart(exterior=tuple((x - left, y - top) for x, y in nodule.outline))
        made = record(
            str(n),
            finding("1", Polygon(parts=(outline,))),
            case_labels=graded(grades[n % len(grades)]),
        )
        image = ImageRef(width=WIDTH, height=HEIGHT, path=path, bit_depth=8)
        records.append(replace(made, **{"image": image, **changed}))
    return make_dataset(folder, records, files)


def shown(dataset, part_of=None, **chosen):
    """All images in one part, or in those given."""
    ids = [found.image_id for found in dataset.records()]
    return replace(view(dataset, part_of or dict.fromkeys(ids, "train")), split="made here", **chosen)


class Segmenter(torch.nn.Module):
    """Dilated convolutions at half size, and what depends on chance and on the batch."""

    def __init__(self, outputs, width=24):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.PixelUnshuffle(2),
            *convolution(12, width),
            *(layer for reach in (2, 4, 8, 2) for layer in convolution(width, width, reach)),
            torch.nn.Dropout2d(0.05),
            torch.nn.Conv2d(width, 4 * outputs, 1),
            torch.nn.PixelShuffle(2),
        )

    def forward(self, images):
        return self.layers(images)


class Classifier(torch.nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.AvgPool2d(4), *convolution(3, 16), torch.nn.AvgPool2d(2), *convolution(16, 32)
        )
        self.dropout = torch.nn.Dropout(0.1)
        self.last = torch.nn.Linear(32 * 6 * 8, outputs)

    def forward(self, images):
        return self.last(self.dropout(self.features(images).flatten(1)))


def convolution(inputs, outputs, reach=1):
    return (
        torch.nn.Conv2d(inputs, outputs, 3, padding=reach, dilation=reach),
        torch.nn.BatchNorm2d(outputs),
        torch.nn.ReLU(),
    )


def segmentation(build=Segmenter, **changed):
    given = {"optimisation": Optimisation(learning_rate=0.02), **changed}
    return SegmentationPlan(model="small", build=build, **given)


def classification(build=Classifier, **changed):
    given = {"optimisation": Optimisation(learning_rate=0.005), "target": SUSPICIOUS, **changed}
    return ClassificationPlan(model="small", build=build, **given)


def settings(**changed):
    return TrainSettings(**{"size": SIZE, "epochs": 3, "batch_size": 4, **changed})


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def trained(dataset, out, plan=None, chosen=None, **changed):
    """Train on all images and validate on them too; by default a classification."""
    plan = plan or classification()
    classes = KWAK if plan.learns is Learnt.CLASSES else None
    part_of = {found.image_id: "train" for found in dataset.records()}
    return train(
        shown(dataset, part_of, classes=classes),
        plan,
        chosen or settings(),
        out,
        **{"validation": "train", "device": "cpu", **changed},
    )


# ---------------------------------------------------------------- learning


@pytest.mark.parametrize("loss", SegmentLoss)
def test_a_segmenter_learns_eight_phantoms_and_predicts_them_in_their_own_pixels(loss, dataset, tmp_path):
    plan = segmentation(loss=loss)
    made = trained(dataset, tmp_path / "o", plan, settings(epochs=80, batch_size=8, watch="iou"))
    assert made.figures["iou"] >= 0.9
    found = predict(shown(dataset), "train", plan, tmp_path / "o", device="cpu")
    assert {mask.image_id for mask in found.masks} == {f"toy/{n}" for n in range(8)}
    truths, predicted = (
        np.stack([decode_mask(getattr(mask, name)) for mask in found.masks])
        for name in ("truth", "predicted")
    )
    assert truths.shape == (8, HEIGHT, WIDTH)
    assert (truths & predicted).sum() / (truths | predicted).sum() >= 0.9
    for mask in found.masks:
        assert 0.5 < mask.score <= 1
        assert 0.5 <= mask.certainty <= 1


def test_a_classifier_learns_eight_phantoms(dataset, tmp_path):
    plan = classification()
    made = trained(dataset, tmp_path / "o", plan, settings(epochs=25, watch="accuracy"))
    assert made.classes == ("below 4a", "4a and above")
    assert made.figures["accuracy"] == made.figures["balanced_accuracy"] == 1
    found = predict(shown(dataset, classes=KWAK), "train", plan, tmp_path / "o", device="cpu")
    assert found.labels.tolist() == [0, 1] * 4
    assert found.probabilities.argmax(1).tolist() == [0, 1] * 4
    np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-6)


def test_a_classifier_of_timm_learns_eight_phantoms(dataset, tmp_path):
    timm = pytest.importorskip("timm")

    def build(outputs):
        return timm.create_model("test_resnet", num_classes=outputs)

    plan = classification(build, target=None)
    made = trained(dataset, tmp_path / "o", plan, settings(epochs=30, watch="accuracy"))
    assert len(made.classes) == 7  # the whole scale
    assert made.figures["accuracy"] == 1


@pytest.mark.parametrize("optimiser", Optimiser)
def test_every_optimiser_lowers_the_loss(optimiser, dataset, tmp_path):
    optimisation = Optimisation(
        optimiser=optimiser,
        learning_rate=0.01,
        schedule=Schedule.LINEAR,
        warmup=0.1,
        clip_norm=1,
        ema_decay=0.9,
        bf16=optimiser is Optimiser.ADAMW,
    )
    plan = classification(optimisation=optimisation)
    trained(dataset, tmp_path / "o", plan, settings(epochs=15, augmentation=VARIED))
    losses = [line["validation"]["loss"] for line in lines(tmp_path / "o" / "log.jsonl")]
    assert losses[-1] < losses[0]


# ---------------------------------------------------------------- the same bits again

EVERYTHING = Optimisation(
    learning_rate=0.01, schedule=Schedule.PLATEAU, plateau_epochs=1, ema_decay=0.9, clip_norm=1, warmup=0.1
)


@pytest.mark.parametrize("kind", ["classification", "segmentation"])
def test_a_killed_and_resumed_training_equals_one_without_interruption_to_the_bit(kind, dataset, tmp_path):
    plan = {"classification": classification, "segmentation": segmentation}[kind](optimisation=EVERYTHING)
    chosen = settings(epochs=5, augmentation=VARIED, batch_size=3)
    whole = trained(dataset, tmp_path / "whole", plan, chosen)
    for steps in (2, 7, 13):  # in the first epoch, in the third, and in the last
        out = tmp_path / f"killed-{steps}"

        def kill(done, total, steps=steps):
            if done == steps:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            trained(dataset, out, plan, chosen, progress=kill)
        resumed = trained(dataset, out, plan, chosen, resume=True)
        assert resumed.weights_sha256 == whole.weights_sha256
        assert replace(resumed, folder=whole.folder) == whole
        for name in ("settings.json", "log.jsonl"):
            assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
        states = [read_checkpoint(f / "last.pt", CheckpointKind.TRAINING) for f in (out, whole.folder)]
        assert states[0]["stopping"] == states[1]["stopping"]


def test_a_kill_between_the_log_and_the_checkpoint_leaves_no_line_twice(dataset, tmp_path):
    whole = trained(dataset, tmp_path / "o")
    log, last = tmp_path / "o" / "log.jsonl", tmp_path / "o" / "last.pt"
    said = log.read_text()
    trained(dataset, tmp_path / "two", chosen=settings(epochs=3), progress=None)
    with pytest.raises(KeyboardInterrupt):
        trained(dataset, tmp_path / "cut", progress=stop_after(4))
    last.write_bytes((tmp_path / "cut" / "last.pt").read_bytes())  # of the second epoch, the log of the third
    assert trained(dataset, tmp_path / "o", resume=True).weights_sha256 == whole.weights_sha256
    assert log.read_text() == said


TRAINS = """
import sys
sys.path.insert(0, "tests")
from pathlib import Path
from test_training import *
folder = Path(sys.argv[1])
chosen = settings(epochs=8, augmentation=VARIED)
print(trained(Dataset(folder / "d"), folder / sys.argv[2], segmentation(optimisation=EVERYTHING), chosen,
    resume=True).weights_sha256)
"""


@pytest.mark.soak
def test_a_training_that_is_killed_again_and_again_comes_to_the_same_weights(tmp_path):
    phantoms(tmp_path / "d")
    wait = np.random.default_rng(0)

    def start(name):
        command = [sys.executable, "-c", TRAINS, str(tmp_path), name]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    whole, _ = start("whole").communicate()
    kills = 0
    while True:
        running = start("killed")
        log = tmp_path / "killed" / "log.jsonl"
        epochs = len(log.read_text().splitlines()) if log.exists() else 0
        while running.poll() is None:
            time.sleep(0.002)
            if log.exists() and len(log.read_text().splitlines()) > epochs:
                time.sleep(wait.uniform(0, 0.05))  # while a checkpoint is written, or shortly after
                running.kill()
        said, _ = running.communicate()
        if running.returncode == 0:
            break
        kills += 1
    assert kills >= 4
    assert said == whole != ""
    assert (tmp_path / "killed" / "log.jsonl").read_bytes() == (tmp_path / "whole" / "log.jsonl").read_bytes()


def stop_after(steps):
    def progress(done, total):
        if done > steps:
            raise KeyboardInterrupt

    return progress


def test_two_trainings_are_equal_and_another_seed_is_another_training(dataset, tmp_path):
    chosen = settings(augmentation=VARIED)
    torch.manual_seed(1)
    first = trained(dataset, tmp_path / "a", chosen=chosen)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == drawn  # the caller's random numbers were left as they were
    second = trained(dataset, tmp_path / "b", chosen=chosen)
    other = trained(dataset, tmp_path / "c", chosen=replace(chosen, seed=1))
    assert first.weights_sha256 == second.weights_sha256 != other.weights_sha256
    assert (tmp_path / "a" / "log.jsonl").read_bytes() == (tmp_path / "b" / "log.jsonl").read_bytes()


def test_a_training_that_is_over_is_not_run_again(dataset, tmp_path):
    whole = trained(dataset, tmp_path / "o")
    before = (tmp_path / "o" / "last.pt").stat().st_mtime_ns
    assert trained(dataset, tmp_path / "o", resume=True) == whole
    assert (tmp_path / "o" / "last.pt").stat().st_mtime_ns == before


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 5), st.integers(1, 5), st.integers(1, 3))
def test_the_ranks_of_an_epoch_together_see_each_image_once(count, size, seed, epoch, ranks):
    """Law: batches of all ranks are a permutation, no larger than asked, equal but for one image."""
    parts = [batches(count, size, seed=seed, epoch=epoch, rank=rank, ranks=ranks) for rank in range(ranks)]
    assert len({len(part) for part in parts}) == 1
    every = [batch for part in parts for batch in part]
    assert sorted(np.concatenate(every).tolist()) == [*range(count)]
    sizes = [len(batch) for batch in every]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_the_order_differs_between_epochs_and_seeds():
    orders = {
        tuple(np.concatenate(batches(50, 8, seed=seed, epoch=epoch))) for seed in (0, 1) for epoch in (1, 2)
    }
    assert len(orders) == 4


class Plain(torch.nn.Module):
    """A classifier without chance and without statistics of batches."""

    def __init__(self, outputs):
        super().__init__()
        self.last = torch.nn.Linear(3 * 6 * 8, outputs)

    def forward(self, images):
        return self.last(torch.nn.functional.avg_pool2d(images, 8).flatten(1))


def train_as_one_of_two(rank, folder):
    """Train with another process: without interruption, and stopped in the second epoch and resumed."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    dataset = Dataset(folder / "d")
    for name, build, size in (("plain", Plain, 2), ("varied", Classifier, 3)):
        plan = classification(build, optimisation=EVERYTHING)
        chosen = settings(batch_size=size, augmentation=VARIED if build is Classifier else None)
        whole = trained(dataset, folder / f"{name}-False", plan, chosen)
        with pytest.raises(KeyboardInterrupt):
            trained(dataset, folder / f"{name}-True", plan, chosen, progress=stop_after(2))
        resumed = trained(dataset, folder / f"{name}-True", plan, chosen, resume=True)
        for killed, made in ((False, whole), (True, resumed)):
            (folder / f"{name}-{killed}-{rank}").write_text(made.weights_sha256)
    # Gloo's threads may abort a process as it takes its leave: this one goes once the other needs it no more.
    (folder / f"done-{rank}").touch()
    while not (folder / f"done-{1 - rank}").exists():
        time.sleep(0.05)
    os._exit(0)


@pytest.mark.slow
def test_two_processes_train_one_model_as_one_process_would(tmp_path):
    phantoms(tmp_path / "d")
    torch.multiprocessing.spawn(train_as_one_of_two, (tmp_path,), nprocs=2)
    for name in ("plain", "varied"):
        assert (
            len({(tmp_path / f"{name}-{k}-{rank}").read_text() for k in (False, True) for rank in (0, 1)})
            == 1
        )
        both = [(tmp_path / f"{name}-{killed}" / "log.jsonl").read_bytes() for killed in (False, True)]
        assert both[0] == both[1]
    # Two processes of two images each take the steps of one of four, and measure what one measures.
    plan = classification(Plain, optimisation=EVERYTHING)
    trained(Dataset(tmp_path / "d"), tmp_path / "alone", plan, settings(batch_size=4))
    for alone, together in zip(
        lines(tmp_path / "alone" / "log.jsonl"), lines(tmp_path / "plain-False" / "log.jsonl"), strict=True
    ):
        assert together["validation"] == pytest.approx(alone["validation"], rel=1e-4)
        assert together["training"] == pytest.approx(alone["training"], rel=1e-4)
    weights = [
        read_checkpoint(tmp_path / name / "best.pt", CheckpointKind.WEIGHTS)["weights"]
        for name in ("alone", "plain-False")
    ]
    for key, value in weights[0].items():
        torch.testing.assert_close(weights[1][key], value, rtol=1e-3, atol=1e-5)
    # The figures of the weights of two processes, measured by one.
    best = tmp_path / "varied-False" / "best.pt"
    task = classification().start(("a", "b"), "cpu")
    stored = read_checkpoint(best, CheckpointKind.WEIGHTS)
    task.use(stored["weights"])
    held = cached(Dataset(tmp_path / "d"), learns=Learnt.CLASSES, target=SUSPICIOUS, classes=KWAK)
    assert figures_of(task, held, 3) == pytest.approx(stored["figures"], rel=1e-9)


# ---------------------------------------------------------------- schedules, stopping, averages


def rates(schedule, **changed):
    """The learning rate of each of ten steps."""
    how = Optimisation(learning_rate=1, schedule=schedule, optimiser=Optimiser.SGD, momentum=0, **changed)
    learner = Learner(torch.nn.Linear(1, 1), how, "cpu")
    found = []
    for step in range(10):
        learner.update(lambda module: module.weight.sum() * 0, step / 10)
        found.append(learner.learning_rate)
    return found


def test_schedules_are_those_that_they_are_named_after():
    assert rates(Schedule.CONSTANT) == [1] * 10
    assert rates(Schedule.LINEAR) == pytest.approx([1 - n / 10 for n in range(10)])
    assert rates(Schedule.COSINE) == pytest.approx([(1 + math.cos(math.pi * n / 10)) / 2 for n in range(10)])
    assert rates(Schedule.CONSTANT, warmup=0.4) == pytest.approx([0, 0.25, 0.5, 0.75, *[1] * 6])


def test_a_plateau_makes_the_learning_rate_a_tenth():
    how = Optimisation(learning_rate=1, schedule=Schedule.PLATEAU, plateau_epochs=2)
    learner = Learner(torch.nn.Linear(1, 1), how, "cpu")
    found = []
    for gain in (1, 2, 2, 1, 1, 3, 3, 3, 3):
        learner.update(lambda module: module.weight.sum() * 0, 0)
        found.append(learner.learning_rate)
        learner.end_epoch(gain)
    assert found == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01])


def test_a_learner_that_takes_up_a_state_has_waited_as_long():
    how = Optimisation(learning_rate=1, schedule=Schedule.PLATEAU, plateau_epochs=2)
    first, second = (Learner(torch.nn.Linear(1, 1), how, "cpu") for _ in range(2))
    first.end_epoch(1)
    first.end_epoch(0)
    second.restore(first.state())
    second.end_epoch(0)
    second.update(lambda module: module.weight.sum() * 0, 0)
    assert second.learning_rate == pytest.approx(0.1)


def test_a_plateau_is_so_many_epochs_in_a_row_without_a_gain():
    rule = Plateau(patience=2, min_delta=0.5)
    said = [(rule.improves(value), rule.over) for value in (1, 1.4, 1.6, 2.1, 2, 9, 0, 0)]
    assert said == [
        (True, False),
        (False, False),
        (True, False),
        (False, False),
        (False, True),
        (True, False),
        (False, False),
        (False, True),
    ]


def test_training_stops_early_and_the_best_epoch_is_kept(dataset, tmp_path):
    chosen = settings(epochs=30, patience=2, min_delta=10)  # no loss falls by 10
    made = trained(dataset, tmp_path / "o", chosen=chosen)
    assert (made.epochs, made.best_epoch) == (3, 1)
    assert [line["best"] for line in lines(tmp_path / "o" / "log.jsonl")] == [True, False, False]
    best = read_checkpoint(tmp_path / "o" / "best.pt", CheckpointKind.WEIGHTS)
    assert (best["epoch"], best["figures"]) == (1, made.figures)
    assert weights_sha256(best["weights"]) != made.weights_sha256
    assert trained(dataset, tmp_path / "o", chosen=chosen, resume=True) == made


def test_a_resumed_training_has_waited_as_long(dataset, tmp_path):
    chosen = settings(epochs=30, patience=3, min_delta=10)
    with pytest.raises(KeyboardInterrupt):
        trained(dataset, tmp_path / "o", chosen=chosen, progress=stop_after(5))  # in the third epoch
    made = trained(dataset, tmp_path / "o", chosen=chosen, resume=True)
    assert (made.epochs, made.best_epoch) == (4, 1)


def test_the_average_of_weights_is_the_one_worked_by_hand():
    how = Optimisation(
        optimiser=Optimiser.SGD, learning_rate=1, momentum=0, schedule=Schedule.CONSTANT, ema_decay=0.2
    )
    learner = Learner(torch.nn.Linear(1, 1, bias=False), how, "cpu")
    weight = mean = learner.kept.weight.item()
    for step in (1, 2, 3):
        learner.update(lambda module: module.weight.sum(), 0)
        weight -= 1
        decay = min(0.2, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * weight
        assert learner.kept.weight.item() == pytest.approx(mean, rel=1e-5)


def test_gradients_are_clipped_to_the_norm():
    how = Optimisation(
        optimiser=Optimiser.SGD, learning_rate=1, momentum=0, schedule=Schedule.CONSTANT, clip_norm=0.5
    )
    learner = Learner(torch.nn.Linear(1, 1, bias=False), how, "cpu")
    before = learner.kept.weight.item()
    learner.update(lambda module: module.weight.sum() * 100, 0)
    assert before - learner.kept.weight.item() == pytest.approx(0.5, rel=1e-4)


# ---------------------------------------------------------------- losses and figures


class Told(torch.nn.Module):
    """Gives the logits that it was told, one after the other."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(logits)
        self.seen = 0

    def forward(self, images):
        self.seen += len(images)
        return self.logits[self.seen - len(images) : self.seen]


@pytest.mark.parametrize("loss", SegmentLoss)
@pytest.mark.parametrize("classes", [2, 3])
def test_figures_and_loss_of_pixels_are_those_worked_with_numpy(loss, classes):
    draw = np.random.default_rng(classes)
    logits = draw.normal(size=(4, classes, 6, 8)).astype(np.float32)
    masks = draw.integers(0, classes, (4, 6, 8)).astype(np.uint8)
    masks[:, :, :2] = placing.IGNORED
    plan = segmentation(lambda _: Told(torch.from_numpy(logits)), loss=loss)
    task = plan.start([*map(str, range(classes))], "cpu")
    held = Cache(
        classes=task.classes,
        images=torch.zeros(4, 1, 6, 8, dtype=torch.uint8),
        labels=None,
        masks=torch.from_numpy(masks),
        image_ids=("a", "b", "c", "d"),
        group_ids=("a", "b", "c", "d"),
        placements=(),
        truths=(),
    )
    found = figures_of(task, held, 3)
    seen = masks != placing.IGNORED
    scores = logits.transpose(0, 2, 3, 1)[seen].astype(np.float64)
    likely = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    truth, taken = masks[seen], scores.argmax(1)
    wanted = -np.log(likely[np.arange(len(truth)), truth]).mean()
    ious, dices, soft = [], [], []
    for n in range(1, classes):
        both = ((truth == n) & (taken == n)).sum()
        ious.append(both / ((truth == n) | (taken == n)).sum())
        dices.append(2 * both / ((truth == n).sum() + (taken == n).sum()))
        soft.append(2 * likely[truth == n, n].sum() / (likely[:, n].sum() + (truth == n).sum()))
    if loss is SegmentLoss.CROSS_ENTROPY_DICE:
        wanted += 1 - np.mean(soft)
    assert found == pytest.approx({"loss": wanted, "iou": np.mean(ious), "dice": np.mean(dices)}, rel=1e-5)
    # In training the loss is that of the batch: here of all.
    task = plan.start([*map(str, range(classes))], "cpu")
    whole = held.batch(np.arange(4))
    assert float(task.step(whole, 0)["loss"]) == pytest.approx(wanted, rel=1e-5)


def test_pixels_that_show_nothing_of_the_image_have_no_gradient():
    logits = torch.zeros(1, 2, 4, 4)
    masks = torch.full((1, 4, 4), placing.IGNORED, dtype=torch.uint8)
    masks[0, 0, 0] = 1
    how = Optimisation(optimiser=Optimiser.SGD, learning_rate=1, momentum=0, schedule=Schedule.CONSTANT)
    module = Told(logits)
    plan = segmentation(lambda _: module, optimisation=how, loss=SegmentLoss.CROSS_ENTROPY_DICE)
    task = plan.start(["background", "nodule"], "cpu")
    task.step(Batch(images=torch.zeros(1, 3, 4, 4), masks=masks), 0)
    moved = module.logits.detach()[0].ne(0).any(0)
    assert moved.nonzero().tolist() == [[0, 0]]
    nothing = torch.full_like(masks, placing.IGNORED)
    module.seen = 0
    assert float(task.step(Batch(images=torch.zeros(1, 3, 4, 4), masks=nothing), 0)["loss"]) == 0


def test_figures_of_images_are_those_worked_by_hand():
    logits = torch.tensor([[2.0, 0, 0], [2, 0, 0], [0, 2, 0], [2, 0, 0]])
    task = classification(lambda _: Told(logits)).start(["a", "b", "c"], "cpu")
    held = Cache(
        classes=task.classes,
        images=torch.zeros(4, 1, 2, 2, dtype=torch.uint8),
        labels=torch.tensor([0, 0, 1, 1]),  # c is not there, and counts in no mean
        masks=None,
        image_ids=("a", "b", "c", "d"),
        group_ids=("a", "b", "c", "d"),
        placements=(),
        truths=(),
    )
    right, wrong = math.log(math.exp(2) + 2) - 2, math.log(math.exp(2) + 2)
    assert figures_of(task, held, 3) == pytest.approx(
        {
            "loss": (3 * right + wrong) / 4,
            "accuracy": 3 / 4,
            "balanced_accuracy": (1 + 1 / 2) / 2,
            "auc": (3 / 4 + 3 / 4) / 2,  # of a and of b, each with two pairs of four right and two tied
        },
        rel=1e-6,
    )


# ---------------------------------------------------------------- augmentation


def drawn(augmentation, numbers=(0,), size=(40, 60), **place):
    return augment.draw(augmentation, **{"seed": 0, "epoch": 1, "numbers": numbers, "size": size, **place})


def boxes_of(*corners, labels=None, crowd=None):
    """Boxes of one image, by default of the first class and each of one finding."""
    made = torch.tensor([[float(each) for each in corner] for corner in corners]).reshape(-1, 4)
    return Boxes(
        corners=made,
        labels=torch.tensor(labels or [1] * len(made), dtype=torch.int64),
        crowd=torch.tensor(crowd or [False] * len(made), dtype=torch.bool),
    )


SPREAD = st.builds(
    Augmentation,
    name=st.just("any"),
    flip_horizontal=st.sampled_from([0, 0.5, 1]),
    flip_vertical=st.sampled_from([0, 0.5, 1]),
    rotate_deg=st.floats(0, 180),
    scale=st.floats(1, 1.5),
    shift=st.floats(0, 0.2),
)


@given(SPREAD, st.integers(0, 1000))
def test_a_mask_and_a_box_follow_the_image(augmentation, seed):
    """Law: what is bright in a moved image is what its moved mask marks; if round, it fills its moved box."""
    height, width = 40, 60
    corners = torch.tensor([[15.0, 10, 40, 22], [30, 25, 50, 35]])
    rows, columns = np.mgrid[:height, :width] + 0.5
    ellipses = [
        ((columns - (a + c) / 2) / ((c - a) / 2)) ** 2 + ((rows - (b + d) / 2) / ((d - b) / 2)) ** 2 <= 1
        for a, b, c, d in corners.tolist()
    ]
    mask = torch.from_numpy(np.array(ellipses, np.uint8))
    draws = drawn(augmentation, (3, 4), seed=seed)
    image = augment.moved_images(mask[:, None].float(), draws)[:, 0]
    moved = augment.moved_masks(mask, draws)
    inside = moved != placing.IGNORED
    sure = inside & ((image < 0.01) | (image > 0.99))
    assert ((image > 0.5) == (moved == 1))[sure].all()
    assert image[~inside].le(0.51).all()  # black comes from outside, mixed with the edge at most by half
    found = augment.moved_boxes([boxes_of(corner) for corner in corners], draws, (height, width))
    for pixels, each in zip(moved == 1, found, strict=True):
        (box,) = each.corners.tolist()
        rows, columns = np.nonzero(pixels.numpy())
        if len(rows):
            extent = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            # Pixels are sampled twice, and the ends of an ellipse are thin; at an edge they are cut off.
            outward = np.array([-1, -1, 1, 1])
            beyond = outward * (np.array(extent) - box)
            assert beyond.max() <= 1
            if min(box) > 0 and box[2] < width and box[3] < height:
                assert beyond.min() >= -3


def test_augmentation_that_is_off_leaves_image_mask_and_box_as_they_are():
    draws = drawn(Augmentation(name="off"), range(3))
    images = torch.rand(3, 3, 40, 60)
    masks = torch.randint(0, 3, (3, 40, 60), dtype=torch.uint8)
    boxes = [boxes_of([1.0, 2, 30, 40])] * 3
    torch.testing.assert_close(
        augment.moved_images(augment.varied(images, draws), draws), images, atol=1e-4, rtol=0
    )
    assert augment.moved_masks(masks, draws).equal(masks)
    for moved in augment.moved_boxes(boxes, draws, (40, 60)):
        assert moved.corners.equal(boxes[0].corners)


def test_a_flip_is_a_flip_and_a_quarter_turn_is_a_quarter_turn():
    image = torch.rand(1, 1, 40, 60)
    box = [boxes_of([5.0, 10, 20, 30])]
    both = drawn(Augmentation(name="flips", flip_horizontal=1, flip_vertical=1))
    torch.testing.assert_close(augment.moved_images(image, both), image.flip(2, 3), atol=1e-4, rtol=0)
    assert augment.moved_boxes(box, both, (40, 60))[0].corners.tolist() == [[40, 10, 55, 30]]
    draws = drawn(Augmentation(name="off"), size=(40, 40))
    quarter = replace(draws, turns=np.array([[[0.0, -1.0], [1.0, 0.0]]]))  # x to y, y to -x: clockwise
    square = torch.rand(1, 1, 40, 40)
    torch.testing.assert_close(
        augment.moved_images(square, quarter), torch.rot90(square, -1, (2, 3)), atol=1e-4, rtol=0
    )
    assert augment.moved_boxes(box, quarter, (40, 40))[0].corners.tolist() == [[10, 5, 30, 20]]


def test_draws_depend_on_seed_epoch_and_image_and_on_nothing_else():
    one, alone = drawn(VARIED, (7, 8, 9)), drawn(VARIED, (9,))
    np.testing.assert_array_equal(one.turns[2], alone.turns[0])
    np.testing.assert_array_equal(one.gains[2], alone.gains[0])
    for other in (drawn(VARIED, (9,), seed=1), drawn(VARIED, (9,), epoch=2), drawn(VARIED, (10,))):
        assert (other.turns != alone.turns).all()
    less = drawn(replace(VARIED, rotate_deg=0), (9,))
    np.testing.assert_array_equal(less.shifts, alone.shifts)


def test_gain_and_gamma_keep_black_black():
    draws = drawn(Augmentation(name="light", gain=2, gamma=2), range(20))
    made = augment.varied(torch.linspace(0, 1, 60).expand(20, 1, 40, 60), draws)
    assert made[..., 0].eq(0).all()
    assert ((made >= 0) & (made <= 1)).all()
    assert (made.diff(dim=-1) >= 0).all()
    assert len({round(value, 4) for value in made[:, 0, 0, 30].tolist()}) > 10


# ---------------------------------------------------------------- the cache


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(Fit))
def test_what_is_placed_comes_back_where_it_was(height, width, fit):
    """Law: a placement keeps inside the size, and what is placed comes back in the image's own pixels."""
    placement = placing.place((height, width), (32, 48), fit)
    assert 0 <= placement.top <= placement.top + placement.height <= 32
    assert 0 <= placement.left <= placement.left + placement.width <= 48
    ramp = torch.arange(width).expand(height, width) / width * 200
    placed = placing.placed_image(ramp[None].to(torch.uint8), placement)
    back = placing.restored(placed.float(), placement)
    assert back.shape == (1, height, width)
    assert (back[0] - ramp).abs().max() <= 200 / min(width, placement.width) + 2
    mask = placing.placed_mask(torch.ones(height, width, dtype=torch.uint8), placement)
    assert int((mask == 1).sum()) == placement.height * placement.width
    assert set(mask.unique().tolist()) <= {1, placing.IGNORED}


def test_a_letterboxed_image_keeps_its_ratio_and_a_stretched_one_does_not():
    boxed = placing.place((100, 200), (64, 64), Fit.LETTERBOX)
    assert (boxed.top, boxed.left, boxed.height, boxed.width) == (16, 0, 32, 64)
    assert placing.place((100, 200), (64, 64), Fit.STRETCH).height == 64


def cached(dataset, *, learns=Learnt.MASKS, target=None, **chosen):
    return read_parts(
        shown(dataset, **chosen), ["train"], learns=learns, target=target, size=SIZE, fit=Fit.LETTERBOX
    )["train"]


def test_the_cache_holds_one_channel_of_grey_images_and_states_its_memory(dataset):
    held = cached(dataset)
    assert (tuple(held.images.shape), held.images.dtype) == ((8, 1, *SIZE), torch.uint8)
    assert held.nbytes == 2 * 8 * SIZE[0] * SIZE[1]
    batch = held.batch(np.array([3, 1]))
    assert batch.images.shape == (2, 3, *SIZE)
    assert batch.masks.equal(held.masks[[3, 1]])


def test_one_image_in_colour_makes_three_channels_and_changes_no_other(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    files = {"images/a.png": encode_png(pixels[..., 0].copy()), "images/b.png": encode_png(pixels)}
    records = [
        replace(
            record(name, finding("1", SQUARE)),
            image=ImageRef(width=16, height=12, path=f"images/{name}.png", bit_depth=8),
        )
        for name in "ab"
    ]
    made = make_dataset(tmp_path / "d", records, files)
    held = read_parts(
        shown(made), ["train"], learns=Learnt.MASKS, target=None, size=(12, 16), fit=Fit.LETTERBOX
    )["train"]
    np.testing.assert_array_equal(held.images[0], [pixels[..., 0]] * 3)
    np.testing.assert_array_equal(held.images[1], pixels.transpose(2, 0, 1))


def test_classes_outside_the_target_are_left_out_and_counted(tmp_path):
    made = phantoms(tmp_path / "d", grades=("2", "3", "5", "4a"))
    target = Target(name="2 or 5", groups=(("low", ("tirads-kwak/2",)), ("high", ("tirads-kwak/5",))))
    held = cached(made, learns=Learnt.CLASSES, target=target, classes=KWAK)
    assert held.labels.tolist() == [0, 1, 0, 1]
    assert held.left_out == {"tirads-kwak/3": 2, "tirads-kwak/4a": 2}


@pytest.mark.parametrize("coverage", [Coverage.COMPLETE, Coverage.PARTIAL])
def test_an_image_of_other_categories_is_a_negative_only_if_all_of_it_was_looked_at(coverage, tmp_path):
    readings = (Reading(coverage=coverage),)
    both = [
        record("a", finding("1", SQUARE), readings=readings),
        record("b", finding("1", SQUARE, structure=Structure.LYMPH_NODE), readings=readings),
    ]
    records = [
        replace(each, image=ImageRef(width=16, height=12, path=f"images/{n}.png", bit_depth=8))
        for n, each in enumerate(both)
    ]
    files = {f"images/{n}.png": encode_png(np.full((12, 16), n, np.uint8)) for n in range(2)}
    made = make_dataset(tmp_path / "d", records, files)
    held = cached(made, target=Target(name="nodules", groups=(("nodule", ("nodule",)),)))
    negatives = 1 if coverage is Coverage.COMPLETE else 0
    assert len(held) == 1 + negatives
    assert held.left_out == ({} if negatives else {"empty-unsure": 1})


@pytest.mark.parametrize(
    "drawn", [Box(x=2, y=3, width=5, height=4), Calipers(long=((2, 3), (8, 9)), short=((3, 8), (7, 4)))]
)
def test_an_image_with_a_nodule_that_nobody_outlined_is_left_out_of_a_segmentation(drawn, tmp_path):
    findings = {"a": [finding("1", SQUARE)], "b": [finding("1", SQUARE), finding("2", drawn)]}
    findings["c"] = [finding("1", SQUARE), finding("2", drawn, structure=Structure.MARKER)]
    records = [
        replace(
            record(name, *found),
            image=ImageRef(width=16, height=12, path=f"images/{name}.png", bit_depth=8),
        )
        for name, found in findings.items()
    ]
    files = {f"images/{name}.png": encode_png(np.zeros((12, 16), np.uint8)) for name in findings}
    held = cached(make_dataset(tmp_path / "d", records, files))
    assert held.image_ids == ("toy/a", "toy/c")
    assert held.left_out == {"no-outline": 1}
    boxed = make_dataset(tmp_path / "boxed", [replace(records[0], findings=(finding("1", drawn),))], files)
    with pytest.raises(UsageError, match="no image") as refused:
        trained(boxed, tmp_path / "o", segmentation())
    assert "no-outline 1" in refused.value.hint or "empty-unsure 1" in refused.value.hint


# ---------------------------------------------------------------- refusals


def test_settings_and_predictions_load_no_torch():
    said = "import sys, thyrodata.baselines.training.settings, thyrodata.baselines.predictions"
    done = subprocess.run([sys.executable, "-c", f"{said}; assert 'torch' not in sys.modules"], check=False)
    assert done.returncode == 0


class Exploding(Classifier):
    """Gives no numbers from the seventh batch on."""

    seen = 0

    def forward(self, images):
        self.seen += self.training
        return super().forward(images) * (math.nan if self.seen > 6 else 1)


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_checkpoints(dataset, tmp_path):
    with pytest.raises(TrainingError, match="the loss of step 1 is nan") as ended:
        trained(dataset, tmp_path / "o", classification(Exploding), settings(epochs=9))
    assert ended.value.where == "epoch 4"
    assert "epoch 3 are kept" in ended.value.hint
    last = read_checkpoint(tmp_path / "o" / "last.pt", CheckpointKind.TRAINING)
    assert last["epoch"] == len(lines(tmp_path / "o" / "log.jsonl")) == 3
    assert all(value.isfinite().all() for value in last["task"]["module"].values())


class Greedy(Classifier):
    def forward(self, images):
        torch.empty(2**60, dtype=torch.uint8)
        return super().forward(images)


def test_too_little_memory_names_the_size_of_the_batch(dataset, tmp_path):
    with pytest.raises(TrainingError, match="out of memory") as ended:
        trained(dataset, tmp_path / "o", classification(Greedy))
    assert "smaller than 4" in ended.value.hint
    with pytest.raises(TrainingError, match="out of memory"), naming_memory("cuda:0", "less"):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="shapes"), naming_memory("cpu", "less"):
        raise RuntimeError("the shapes do not fit")


def test_a_split_that_leaks_is_refused_unless_told(tmp_path):
    made = phantoms(tmp_path / "d", group_id="toy/one")
    part_of = {f"toy/{n}": "train" if n < 4 else "val" for n in range(8)}
    asked = shown(made, part_of, classes=KWAK)
    with pytest.raises(SplitError, match="leaks"):
        train(asked, classification(), settings(), tmp_path / "o", device="cpu")
    assert not (tmp_path / "o").exists()
    train(asked, classification(), settings(), tmp_path / "o", device="cpu", accept_leaks=True)
    assert json.loads((tmp_path / "o" / "settings.json").read_text())["data"]["leaks"] == 1


def test_a_dataset_without_what_the_task_learns_is_refused(dataset, tmp_path):
    unlabelled = phantoms(tmp_path / "unlabelled", case_labels=())
    with pytest.raises(UsageError, match="no image") as refused:
        trained(unlabelled, tmp_path / "o", classification())
    assert "no-label 8" in refused.value.hint
    unread = replace(record("b"), readings=(Reading(coverage=Coverage.NONE),))
    some = make_dataset(
        tmp_path / "some",
        [
            replace(each, image=ImageRef(width=16, height=12, path=f"images/{n}.png", bit_depth=8))
            for n, each in enumerate([record("a", finding("1", SQUARE)), unread])
        ],
        {f"images/{n}.png": encode_png(np.full((12, 16), n, np.uint8)) for n in range(2)},
    )
    with pytest.raises(UsageError, match="the part 'val' has no image") as refused:
        train(shown(some, {"toy/a": "train", "toy/b": "val"}), segmentation(), settings(), tmp_path / "o")
    assert "unread 1" in refused.value.hint
    undrawn = phantoms(tmp_path / "undrawn", findings=())
    with pytest.raises(UsageError, match="no finding"):
        trained(undrawn, tmp_path / "o", segmentation())
    same = phantoms(tmp_path / "same", grades=("2",))
    with pytest.raises(UsageError, match="nothing to tell apart"):
        trained(same, tmp_path / "o", classification())
    with pytest.raises(UsageError, match="needs classes"):
        train(shown(dataset), classification(), settings(), tmp_path / "o", validation="train")
    with pytest.raises(UsageError, match="no part 'val'"):
        train(shown(dataset), segmentation(), settings(), tmp_path / "o")
    with pytest.raises(UsageError, match="names 'thymus'"):
        trained(dataset, tmp_path / "o", segmentation(target=Target(name="x", groups=(("x", ("thymus",)),))))
    assert not (tmp_path / "o").exists()


def test_a_gpu_that_is_not_there_is_refused(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no GPU cuda:0"):
        trained(dataset, tmp_path / "o", device="cuda")
    with pytest.raises(UsageError, match="no device 'gpu'"):
        trained(dataset, tmp_path / "o", device="gpu")
    assert checks.chosen_device(None).type == "cpu"


def test_a_figure_to_watch_and_outputs_are_checked(dataset, tmp_path):
    with pytest.raises(UsageError, match="no figure 'iou'") as refused:
        trained(dataset, tmp_path / "o", chosen=settings(watch="iou"))
    assert "balanced_accuracy" in refused.value.hint
    assert not (tmp_path / "o").exists()
    with pytest.raises(UsageError, match="gives"):
        trained(dataset, tmp_path / "p", classification(lambda outputs: Classifier(outputs + 1)))


def test_a_folder_of_another_training_is_neither_overwritten_nor_resumed(dataset, tmp_path):
    trained(dataset, tmp_path / "o")
    with pytest.raises(OutputError, match="not empty"):
        trained(dataset, tmp_path / "o")
    with pytest.raises(OutputError, match="lies in the dataset"):
        trained(dataset, dataset.path / "o")
    with pytest.raises(UsageError, match=r"other settings: settings\.batch_size, settings\.seed"):
        trained(dataset, tmp_path / "o", chosen=settings(seed=2, batch_size=2), resume=True)
    trained(dataset, tmp_path / "p", chosen=settings(seed=2))
    (tmp_path / "o" / "last.pt").write_bytes((tmp_path / "p" / "last.pt").read_bytes())
    with pytest.raises(CaseError, match="other settings"):
        trained(dataset, tmp_path / "o", resume=True)


@pytest.fixture(scope="module")
def checkpoint(dataset, tmp_path_factory):
    """The last checkpoint of a training."""
    out = tmp_path_factory.mktemp("checkpoint") / "o"
    trained(dataset, out, chosen=settings(epochs=1))
    return (out / "last.pt").read_bytes()


def test_a_cut_changed_or_foreign_checkpoint_is_refused_by_name(checkpoint, tmp_path):
    place = tmp_path / "last.pt"
    middle = len(checkpoint) // 2
    flipped = checkpoint[:middle] + bytes([checkpoint[middle] ^ 1]) + checkpoint[middle + 1 :]
    for data in (b"", b"PK", checkpoint[:middle], flipped, checkpoint[100:]):
        place.write_bytes(data)
        with pytest.raises(CaseError) as refused:
            read_checkpoint(place, CheckpointKind.TRAINING)
        assert refused.value.where == str(place)
    torch.save({"state_dict": {}}, place)
    with pytest.raises(CaseError, match="no checkpoint of thyrodata"):
        read_checkpoint(place, CheckpointKind.TRAINING)
    place.write_bytes(checkpoint)
    with pytest.raises(CaseError, match="for training"):
        read_checkpoint(place, CheckpointKind.WEIGHTS)
    with pytest.raises(CaseError, match="cannot be read"):
        read_checkpoint(tmp_path / "none.pt", CheckpointKind.WEIGHTS)


class Command:
    """What a pickle that runs something looks like."""

    def __reduce__(self):
        return (print, ("run",))


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_none(tmp_path, capsys):
    torch.save({"format": "thyrodata checkpoint", "x": Command()}, tmp_path / "x.pt")
    with pytest.raises(CaseError, match="cannot be read"):
        read_checkpoint(tmp_path / "x.pt", CheckpointKind.WEIGHTS)
    assert capsys.readouterr().out == ""


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path):
    place = tmp_path / "x.pt"
    write_checkpoint(place, CheckpointKind.WEIGHTS, {"weights": {"a": torch.ones(3)}})
    before = place.read_bytes()
    with pytest.raises(Exception, match="pickle"):
        write_checkpoint(place, CheckpointKind.WEIGHTS, {"weights": lambda: None})
    assert [path.name for path in tmp_path.iterdir()] == ["x.pt"]
    assert place.read_bytes() == before


def test_a_full_disk_is_an_error_of_the_output_and_leaves_the_checkpoint_before(tmp_path):
    place = tmp_path / "x.pt"
    write_checkpoint(place, CheckpointKind.WEIGHTS, {"weights": {"a": torch.ones(3)}})
    before = place.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OutputError) as refused:
            write_checkpoint(place, CheckpointKind.WEIGHTS, {"weights": {"a": torch.ones(100_000)}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert refused.value.where == str(place)
    assert place.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.pt"]


def test_weights_of_another_model_or_of_other_classes_are_refused(dataset, tmp_path):
    trained(dataset, tmp_path / "o", chosen=settings(epochs=1))
    asked = shown(dataset, classes=KWAK)
    with pytest.raises(CaseError, match="not those of the plan's model"):
        predict(asked, "train", classification(Segmenter), tmp_path / "o")
    with pytest.raises(UsageError, match="were learnt"):
        predict(asked, "train", classification(target=None), tmp_path / "o")


@pytest.mark.parametrize(
    "make",
    [
        lambda: settings(epochs=0),
        lambda: settings(size=(0, 3)),
        lambda: settings(patience=0),
        lambda: Optimisation(learning_rate=0),
        lambda: Optimisation(ema_decay=1),
        lambda: Augmentation(name="x", scale=0.5),
        lambda: Target(name="x", groups=(("a", ("b",)), ("c", ("b",)))),
        lambda: Target(name="x", groups=(("a", ("b",)), ("a", ("c",)))),
    ],
)
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(UsageError, match=r"out of range|two groups"):
        make()


# ---------------------------------------------------------------- predictions as files


def test_predictions_come_back_from_their_file(dataset, tmp_path):
    for plan, asked in ((classification(), shown(dataset, classes=KWAK)), (segmentation(), shown(dataset))):
        out = tmp_path / type(plan).__name__
        trained(dataset, out, plan, settings(epochs=1))
        made = predict(asked, "train", plan, out, batch_size=3, device="cpu")
        write_predictions(out / "p.parquet", made)
        read = read_predictions(out / "p.parquet")
        if plan.learns is Learnt.MASKS:
            assert read == made
        else:
            assert (read.classes, read.image_ids, read.group_ids) == (
                made.classes,
                made.image_ids,
                made.group_ids,
            )
            np.testing.assert_array_equal(read.labels, made.labels)
            np.testing.assert_array_equal(read.probabilities, made.probabilities)
        again = predict(asked, "train", plan, out, batch_size=3, device="cpu")
        write_predictions(out / "q.parquet", again)
        assert (out / "q.parquet").read_bytes() == (out / "p.parquet").read_bytes()
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(RawLayoutError):
        read_predictions(tmp_path / "x.parquet")
