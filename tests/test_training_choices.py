"""What a training may be told beside its recipe: compiling, weights of classes, events, where images lie."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="make trainers installs it")

from sklearn.metrics import roc_auc_score  # noqa: E402 -- an oracle, which nnunetv2 brings along
from test_training import (  # noqa: E402
    EVERYTHING,
    KWAK,
    VARIED,
    classification,
    lines,
    phantoms,
    segmentation,
    settings,
    shown,
    stop_after,
    trained,
)

from thyrodata.baselines.checkpoints import CheckpointKind, read_checkpoint  # noqa: E402
from thyrodata.baselines.training import run as running  # noqa: E402
from thyrodata.baselines.training.cache import Cache  # noqa: E402
from thyrodata.baselines.training.events import Events  # noqa: E402
from thyrodata.baselines.training.failures import naming_compiler  # noqa: E402
from thyrodata.baselines.training.loop import figures_of  # noqa: E402
from thyrodata.baselines.training.residence import SHARE, settled  # noqa: E402
from thyrodata.baselines.training.settings import (  # noqa: E402
    Optimisation,
    Optimiser,
    Schedule,
    Weighting,
)
from thyrodata.errors import MissingExtraError, TrainingError  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return phantoms(tmp_path_factory.mktemp("phantoms") / "d")


def held(labels, classes=("a", "b")):
    """A part of images that show nothing."""
    count = len(labels)
    names = tuple(map(str, range(count)))
    return Cache(
        classes=classes,
        images=torch.arange(count, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous(),
        labels=torch.tensor(labels),
        masks=None,
        image_ids=names,
        group_ids=names,
        placements=(),
        truths=(),
    )


class Told(torch.nn.Module):
    """Gives each image, which is its own number, the logits that it was told."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.as_tensor(logits, dtype=torch.float32))

    def forward(self, images):
        return self.logits[(images[:, 0, 0, 0] * 255).round().long()]


# ---------------------------------------------------------------- the AUC


@tried(max_examples=40)
@given(st.integers(2, 4), st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_the_auc_of_a_part_is_that_of_scikit_learn_whatever_the_batches(classes, seed, size):
    """Law: scikit-learn's, ties included, as the mean of each class against the rest."""
    draw = np.random.default_rng(seed)
    labels = [*range(classes), *draw.integers(0, classes, 9)]
    logits = draw.integers(-2, 3, (len(labels), classes))  # few values, so that there are ties
    task = classification(lambda _: Told(logits)).start([*map(str, range(classes))], "cpu")
    found = figures_of(task, held(labels, task.classes), size)["auc"]
    scores = task.measure(held(labels, task.classes).batch(np.arange(len(labels))))["likely"].numpy()
    np.testing.assert_allclose(scores, np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    wanted = np.mean([roc_auc_score(np.array(labels) == place, scores[:, place]) for place in range(classes)])
    assert found == pytest.approx(wanted, rel=1e-9)


def test_an_auc_that_is_undefined_is_no_figure_and_cannot_be_watched(dataset, tmp_path):
    task = classification(lambda _: Told([[1.0, 0], [0, 1]])).start(["a", "b"], "cpu")
    assert figures_of(task, held([1, 1]), 2).keys() == {"loss", "accuracy", "balanced_accuracy"}
    made = trained(dataset, tmp_path / "o", chosen=settings(epochs=4, watch="auc"))
    assert made.figures["auc"] == max(
        line["validation"]["auc"] for line in lines(tmp_path / "o" / "log.jsonl")
    )
    part_of = {f"toy/{n}": "val" if n in {0, 2} else "train" for n in range(8)}  # both of one class
    asked = shown(dataset, part_of, classes=KWAK)
    with pytest.raises(TrainingError, match="the validation's auc is undefined") as ended:
        running.train(asked, classification(), settings(watch="auc"), tmp_path / "p", device="cpu")
    assert ended.value.where == "epoch 1"


# ---------------------------------------------------------------- weights of classes


@given(st.lists(st.integers(0, 2), min_size=1, max_size=30))
def test_balanced_classes_weigh_alike_and_images_weigh_one_on_average(labels):
    """Law: each class that is there has the same share of the whole weight, which is that of the images."""
    made = held(labels, ("a", "b", "c")).balanced()
    there = sorted(set(labels))
    shares = [float(made.weights[made.labels == place].sum()) for place in there]
    assert shares == pytest.approx([len(labels) / len(there)] * len(there), rel=1e-5)
    batch = made.batch(np.array([len(labels) - 1, 0]))
    assert batch.weights.tolist() == made.weights[[-1, 0]].tolist()


def test_weights_are_those_of_the_loss_that_is_learnt_from_and_stand_in_the_settings(dataset, tmp_path):
    how = Optimisation(optimiser=Optimiser.SGD, learning_rate=1, momentum=0, schedule=Schedule.CONSTANT)
    logits = [[2.0, 0], [0, 0], [0, 1], [1, 1]]
    task = classification(lambda _: Told(logits), optimisation=how).start(["a", "b"], "cpu")
    part = held([0, 0, 0, 1])
    every = part.balanced().batch(np.arange(4))
    losses = [
        -math.log(np.exp(row)[label] / np.exp(row).sum())
        for row, label in zip(logits, [0, 0, 0, 1], strict=True)
    ]
    weights = [4 / (2 * 3)] * 3 + [4 / 2]
    wanted = sum(weight * loss for weight, loss in zip(weights, losses, strict=True)) / 4
    assert float(task.step(every, 0)["loss"]) == pytest.approx(wanted, rel=1e-6)
    plan = classification(weighting=Weighting.INVERSE_FREQUENCY)
    uneven = phantoms(tmp_path / "uneven", grades=("2", "4b", "4b", "4b"))
    made = trained(uneven, tmp_path / "o", plan)
    said = json.loads((tmp_path / "o" / "settings.json").read_text())["plan"]
    assert said["weighting"] == "inverse frequency of the classes in the training part"
    assert trained(uneven, tmp_path / "p").weights_sha256 != made.weights_sha256
    # Of classes that are even already it changes nothing.
    even = [trained(dataset, tmp_path / str(n), each) for n, each in enumerate((plan, classification()))]
    assert even[0].weights_sha256 == even[1].weights_sha256


# ---------------------------------------------------------------- compiling


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch warns of its own
def test_a_compiled_module_learns_the_same_and_its_weights_keep_their_names(dataset, tmp_path):
    eager, compiled = (
        trained(dataset, tmp_path / str(on), classification(optimisation=how), settings(batch_size=8))
        for on in (False, True)
        for how in [Optimisation(learning_rate=1e-3, ema_decay=0.9, compiled=on)]
    )
    assert compiled.figures == pytest.approx(eager.figures, rel=1e-3)
    weights = [
        read_checkpoint(made.folder / "best.pt", CheckpointKind.WEIGHTS)["weights"]
        for made in (eager, compiled)
    ]
    assert weights[0].keys() == weights[1].keys()
    assert json.loads((compiled.folder / "settings.json").read_text())["plan"]["optimisation"]["compiled"]


@pytest.mark.filterwarnings("ignore")  # torch warns of its own
def test_a_missing_compiler_is_named_and_errors_of_the_module_are_its_own(dataset, tmp_path, monkeypatch):
    import torch._inductor.config as inductor  # noqa: PLC0415

    monkeypatch.setattr(inductor.cpp, "cxx", (None, str(tmp_path / "no-g++")))
    monkeypatch.setattr(inductor, "force_disable_caches", True)
    torch._dynamo.reset()
    plan = classification(optimisation=Optimisation(compiled=True))
    with pytest.raises(TrainingError, match=r"the model cannot be compiled: .*compiler") as ended:
        trained(dataset, tmp_path / "o", plan)
    assert ended.value.where == "cpu"
    assert "without compiling" in ended.value.hint
    with pytest.raises(RuntimeError, match="shapes"), naming_compiler("cpu"):
        raise RuntimeError("the shapes do not fit")


# ---------------------------------------------------------------- where images lie


def test_images_that_do_not_fit_beside_the_model_stay_and_are_sent_in_batches():
    part = replace(held([0, 1, 0, 1]).balanced(), masks=torch.zeros(4, 2, 2, dtype=torch.uint8))
    needed = 2 * part.nbytes
    device = torch.device("cpu")
    for free, sent in (
        (None, None),
        (math.ceil(needed / SHARE), None),
        (math.ceil(needed / SHARE) - 1, device),
        (0, device),
    ):
        parts = settled({"train": part, "val": part}, device, free)
        assert [each.device for each in parts.values()] == [sent, sent]
        numbers = np.array([2, 0])
        for name in ("images", "labels", "masks", "weights"):
            given_out = getattr(parts["val"].batch(numbers), name)
            torch.testing.assert_close(given_out, getattr(part.batch(numbers), name), rtol=0, atol=0)


@pytest.mark.parametrize("plan", [classification(), segmentation()], ids=["classes", "masks"])
def test_a_training_whose_images_do_not_fit_comes_to_the_same_bits(plan, dataset, tmp_path, monkeypatch):
    chosen = settings(augmentation=VARIED)
    whole = trained(dataset, tmp_path / "a", plan, chosen)
    asked = []
    monkeypatch.setattr(running, "free_bytes", lambda device: asked.append(device) or 0)
    assert trained(dataset, tmp_path / "b", plan, chosen).weights_sha256 == whole.weights_sha256
    assert [device.type for device in asked] == ["cpu"]
    assert {line["images_on"] for line in lines(tmp_path / "b" / "seconds.jsonl")} == {"cpu"}


# ---------------------------------------------------------------- TensorBoard


def test_events_say_what_the_log_says_also_after_a_kill(dataset, tmp_path):
    pytest.importorskip("tensorboard", reason="the environment of make trainers has it")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    plan = classification(optimisation=EVERYTHING)
    with pytest.raises(KeyboardInterrupt), Events(tmp_path / "events") as heard:
        trained(dataset, tmp_path / "o", plan, progress=stop_after(5), heard=heard)
    with Events(tmp_path / "events") as heard:
        trained(dataset, tmp_path / "o", plan, resume=True, heard=heard)
    read = EventAccumulator(str(tmp_path / "events")).Reload()
    log = lines(tmp_path / "o" / "log.jsonl")
    for part in ("training", "validation"):
        for name in log[0][part]:
            events = read.Scalars(f"{part}/{name}")
            assert [event.step for event in events] == [1, 2, 3]
            assert [event.value for event in events] == pytest.approx([line[part][name] for line in log])
    assert [event.value for event in read.Scalars("learning_rate")] == pytest.approx(
        [line["learning_rate"] for line in log]
    )


def test_a_missing_tensorboard_is_named_with_its_extra_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("thyrodata.io.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="tensorboard is not installed") as refused:
        Events(tmp_path / "events")
    assert "thyrodata[baselines]" in refused.value.hint
    assert not (tmp_path / "events").exists()
