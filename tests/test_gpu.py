"""Training on a GPU: what it learns and repeats there, what it shares with a CPU, and what it refuses.

Where torch finds no GPU, these are skipped.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="make trainers installs it")
if not torch.cuda.is_available():
    pytest.skip("torch finds no GPU", allow_module_level=True)
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what torch asks for to be deterministic

from test_detect_training import FAMILIES, PLACES, detecting, fcos  # noqa: E402 -- after what may skip all of it
from test_training import (  # noqa: E402
    EVERYTHING,
    KWAK,
    SIZE,
    VARIED,
    Plain,
    boxes_of,
    classification,
    drawn,
    lines,
    phantoms,
    segmentation,
    shown,
    stop_after,
)
from test_training import settings as small_settings  # noqa: E402
from toy import converted_release  # noqa: E402

from thyrodata.baselines.checkpoints import CheckpointKind, read_checkpoint  # noqa: E402
from thyrodata.baselines.cost import read_cost  # noqa: E402
from thyrodata.baselines.measuring import measure_module  # noqa: E402
from thyrodata.baselines.models import build  # noqa: E402
from thyrodata.baselines.recipes.architecture import Segmenter as OfSmp  # noqa: E402
from thyrodata.baselines.recipes.architecture import TimmClassifier  # noqa: E402
from thyrodata.baselines.training import augment, placing  # noqa: E402
from thyrodata.baselines.training import run as training_run  # noqa: E402
from thyrodata.baselines.training.cache import Learnt  # noqa: E402
from thyrodata.baselines.training.predicting import predict  # noqa: E402
from thyrodata.baselines.training.run import train  # noqa: E402
from thyrodata.baselines.training.settings import Optimisation  # noqa: E402
from thyrodata.dataset import Dataset  # noqa: E402
from thyrodata.errors import TrainingError, UsageError  # noqa: E402
from thyrodata.io.masks import decode_mask  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning"),
]

MIB = 2**20
WIDER = (64, 96)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Eight phantoms of eight cases, outlined and graded."""
    return phantoms(tmp_path_factory.mktemp("phantoms") / "d", places=PLACES)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return converted_release(tmp_path_factory.mktemp("data"))


@pytest.fixture
def deterministic():
    """Torch refuses what would add in another order each time."""
    torch.use_deterministic_algorithms(mode=True)
    yield
    torch.use_deterministic_algorithms(mode=False)


def settings(**changed):
    return small_settings(**{"size": WIDER, **changed})


def trained(dataset, out, plan, chosen=None, **changed):
    """Train on all images and validate on them too."""
    asked = shown(dataset, classes=KWAK if plan.learns is Learnt.CLASSES else None)
    given = {"validation": "train", "device": "cuda", **changed}
    return train(asked, plan, chosen or settings(), out, **given)


def of_smp(decoder):
    return lambda classes: build(OfSmp(decoder=decoder, encoder="tu-test_resnet"), classes)


def of_timm(classes):
    return build(TimmClassifier(name="test_resnet"), classes)


# ---------------------------------------------------------------- learning


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_tiny_detector_of_each_family_learns_eight_phantoms_in_bfloat16(family, dataset, tmp_path):
    make, rate, epochs, batch_size = FAMILIES[family]
    plan = detecting(make, learning_rate=rate, warmup=0.1, bf16=True)
    chosen = settings(epochs=epochs + 20, batch_size=batch_size, watch="ap50")
    assert trained(dataset, tmp_path / "o", plan, chosen).figures["ap50"] >= 0.9


@pytest.mark.parametrize("decoder", ["Unet", "UnetPlusPlus", "PSPNet", "DeepLabV3Plus"])
def test_a_tiny_segmenter_of_each_family_learns_eight_phantoms_in_bfloat16(decoder, dataset, tmp_path):
    how = Optimisation(learning_rate=3e-3, bf16=True)
    plan = segmentation(of_smp(decoder), optimisation=how)
    assert trained(dataset, tmp_path / "o", plan, settings(epochs=60, watch="iou")).figures["iou"] >= 0.9


def test_a_classifier_learns_eight_phantoms_in_bfloat16(dataset, tmp_path):
    plan = classification(of_timm, optimisation=Optimisation(learning_rate=2e-3, bf16=True))
    made = trained(dataset, tmp_path / "o", plan, settings(epochs=40, watch="accuracy"))
    assert made.figures["accuracy"] == 1
    (device,) = {line["device"] for line in lines(tmp_path / "o" / "seconds.jsonl")}
    assert device == "cuda:0"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch warns of its own
@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bfloat16"])
def test_a_compiled_module_learns_the_same(bf16, dataset, tmp_path):
    eager, compiled = (
        trained(
            dataset,
            tmp_path / str(on),
            segmentation(
                of_smp("Unet"), optimisation=Optimisation(learning_rate=1e-4, bf16=bf16, compiled=on)
            ),
            settings(batch_size=8),
        )
        for on in (False, True)
    )
    assert compiled.figures["loss"] == pytest.approx(eager.figures["loss"], rel=0.02)
    weights = [
        read_checkpoint(made.folder / "best.pt", CheckpointKind.WEIGHTS)["weights"]
        for made in (eager, compiled)
    ]
    assert weights[0].keys() == weights[1].keys()


# ---------------------------------------------------------------- the same bits again

PLANS = {
    "classification": classification,
    "segmentation": segmentation,
    "detection": lambda optimisation: replace(detecting(fcos), optimisation=optimisation),
}


@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("kind", PLANS)
def test_a_killed_and_resumed_training_equals_one_without_interruption_to_the_bit(
    kind, bf16, dataset, tmp_path, deterministic
):
    """Where torch computes deterministically: the checkpoint holds all that the next step depends on."""
    plan = PLANS[kind](optimisation=replace(EVERYTHING, bf16=bf16))
    watch = "ap50" if kind == "detection" else "loss"
    chosen = settings(size=SIZE, epochs=3, batch_size=3, augmentation=VARIED, watch=watch)
    whole = trained(dataset, tmp_path / "whole", plan, chosen)
    with pytest.raises(KeyboardInterrupt):
        trained(dataset, tmp_path / "o", plan, chosen, progress=stop_after(4))  # in the second epoch
    resumed = trained(dataset, tmp_path / "o", plan, chosen, resume=True)
    assert replace(resumed, folder=whole.folder) == whole
    for name in ("settings.json", "log.jsonl"):
        assert (tmp_path / "o" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize("kind", PLANS)
def test_a_training_whose_images_are_sent_in_batches_comes_to_the_same_bits(
    kind, dataset, tmp_path, deterministic, monkeypatch
):
    plan = PLANS[kind](optimisation=EVERYTHING)
    watch = "ap50" if kind == "detection" else "loss"
    chosen = settings(size=SIZE, augmentation=VARIED, watch=watch)
    whole = trained(dataset, tmp_path / "a", plan, chosen)
    monkeypatch.setattr(training_run, "free_bytes", lambda device: 0)
    assert trained(dataset, tmp_path / "b", plan, chosen).weights_sha256 == whole.weights_sha256
    assert [
        {line["images_on"] for line in lines(tmp_path / name / "seconds.jsonl")} for name in ("a", "b")
    ] == [{"cuda:0"}, {"cpu"}]


def test_a_training_that_began_on_a_gpu_goes_on_on_a_cpu(dataset, tmp_path):
    plan = classification(optimisation=EVERYTHING)
    whole = trained(dataset, tmp_path / "whole", plan, settings(size=SIZE))
    with pytest.raises(KeyboardInterrupt):
        trained(dataset, tmp_path / "o", plan, settings(size=SIZE), progress=stop_after(3))
    moved = trained(dataset, tmp_path / "o", plan, settings(size=SIZE), device="cpu", resume=True)
    assert moved.figures["loss"] == pytest.approx(whole.figures["loss"], rel=0.05)
    assert [line["device"] for line in lines(tmp_path / "o" / "seconds.jsonl")] == ["cuda:0", "cpu", "cpu"]


def test_the_callers_random_numbers_of_the_gpu_are_left_as_they_were(dataset, tmp_path):
    drawn_numbers = []
    for trains in (False, True):
        torch.cuda.manual_seed(1)
        if trains:
            trained(dataset, tmp_path / "o", classification(), settings(size=SIZE, epochs=1))
        drawn_numbers.append(torch.rand(4, device="cuda").tolist())
    assert drawn_numbers[0] == drawn_numbers[1]


# ---------------------------------------------------------------- beside a CPU


def test_augmentation_moves_what_it_moves_on_a_cpu():
    height, width = 120, 160
    draws = drawn(replace(VARIED, rotate_deg=180, scale=1.5, shift=0.2), range(8), (height, width))
    images = torch.rand(8, 3, height, width)
    masks = torch.zeros(8, height, width, dtype=torch.uint8)
    masks[:, 30:80, 40:120] = 1
    boxes = [boxes_of([40.0, 30, 120, 80])] * 8
    here = augment.moved_images(augment.varied(images, draws), draws)
    there = augment.moved_images(augment.varied(images.cuda(), draws), draws).cpu()
    torch.testing.assert_close(there, here, rtol=0, atol=2e-3)
    moved = augment.moved_masks(masks.cuda(), draws).cpu()
    assert set(moved.unique().tolist()) <= {0, 1, placing.IGNORED}
    # A pixel whose place is half way between two may be either's.
    assert (moved != augment.moved_masks(masks, draws)).float().mean() < 1e-3
    found = augment.moved_boxes([each.on("cuda") for each in boxes], draws, (height, width))
    for one, other in zip(found, augment.moved_boxes(boxes, draws, (height, width)), strict=True):
        torch.testing.assert_close(one.corners.cpu(), other.corners, rtol=0, atol=1e-3)


def test_weights_give_the_same_probabilities_on_a_gpu_and_a_cpu(dataset, tmp_path):
    """Law: within 0.005, since by torch's default convolutions of a GPU round factors to 10 bits (TF32)."""
    plan = classification(of_timm, optimisation=Optimisation(learning_rate=2e-3))
    trained(dataset, tmp_path / "o", plan, settings(epochs=10))
    asked = shown(dataset, classes=KWAK)
    here, there = (predict(asked, "train", plan, tmp_path / "o", device=on) for on in ("cpu", "cuda"))
    np.testing.assert_array_equal(here.labels, there.labels)
    np.testing.assert_allclose(there.probabilities, here.probabilities, rtol=0, atol=5e-3)


def test_weights_give_the_same_masks_on_a_gpu_and_a_cpu(dataset, tmp_path):
    """Law: but for one pixel of 500."""
    plan = segmentation(of_smp("Unet"), optimisation=Optimisation(learning_rate=3e-3))
    trained(dataset, tmp_path / "o", plan, settings(epochs=25))
    here, there = (
        predict(shown(dataset), "train", plan, tmp_path / "o", device=on).masks for on in ("cpu", "cuda")
    )
    for one, other in zip(here, there, strict=True):
        assert (decode_mask(one.predicted) != decode_mask(other.predicted)).mean() <= 1 / 500
        assert other.certainty == pytest.approx(one.certainty, abs=5e-3)


@pytest.mark.parametrize("family", ["fcos", pytest.param("d-fine", marks=pytest.mark.slow)])
def test_weights_give_the_same_boxes_on_a_gpu_and_a_cpu(family, dataset, tmp_path):
    """Law: within half a pixel and 0.01 of the score, of the surest box of each image."""
    make, rate, epochs, batch_size = FAMILIES[family]
    plan = detecting(make, learning_rate=rate, warmup=0.1)
    trained(dataset, tmp_path / "o", plan, settings(epochs=epochs, batch_size=batch_size, watch="ap50"))
    here, there = (
        predict(shown(dataset), "train", plan, tmp_path / "o", device=on).images for on in ("cpu", "cuda")
    )
    for one, other in zip(here, there, strict=True):
        away = np.abs(other.predicted - one.predicted[0]).max(1)
        assert away.min() <= 0.5
        assert other.scores[away.argmin()] == pytest.approx(one.scores[0], abs=0.01)


# ---------------------------------------------------------------- several processes

IN_A_GROUP = """
import sys
sys.path.insert(0, "tests")
from pathlib import Path
import torch
from test_gpu import *
from thyrodata.baselines.training import processes
folder = Path(sys.argv[1])
torch.use_deterministic_algorithms(True)
with processes.joined(None):
    assert torch.distributed.get_backend() == "nccl"
    weights = torch.rand(3, 4, 5, 6, device="cuda").to(memory_format=torch.channels_last)
    known = weights.clone()
    processes.average([weights])
    assert weights.equal(known)
    plan = classification(optimisation=EVERYTHING)
    made = trained(Dataset(folder / "d"), folder / "together", plan, settings(size=SIZE))
print(made.weights_sha256)
"""


def torchrun(count, *command):
    ran = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*ran, *map(str, command)], capture_output=True, text=True, env=environment, check=False, timeout=300
    )


@pytest.mark.slow
def test_a_group_of_one_process_by_nccl_trains_as_no_group_does(tmp_path, deterministic):
    dataset = phantoms(tmp_path / "d")
    (tmp_path / "run.py").write_text(IN_A_GROUP)
    done = torchrun(1, tmp_path / "run.py", tmp_path)
    assert done.returncode == 0, done.stderr
    plan = classification(optimisation=EVERYTHING)
    whole = trained(dataset, tmp_path / "alone", plan, settings(size=SIZE))
    assert done.stdout.split()[-1] == whole.weights_sha256
    assert (tmp_path / "together" / "log.jsonl").read_bytes() == (
        tmp_path / "alone" / "log.jsonl"
    ).read_bytes()


@pytest.mark.slow
def test_more_processes_than_gpus_are_refused_and_none_waits_for_ever(data, tmp_path):
    gpus = torch.cuda.device_count()
    asked = ["-m", "thyrodata", "baseline", "train", data, "small/classify", "--epochs", "1"]
    done = torchrun(gpus + 1, *asked, "-o", tmp_path / "run")
    assert done.returncode != 0
    assert f"there is no GPU cuda:{gpus}" in done.stderr


def train_as_one_of_two(rank, folder):
    """NCCL wants a GPU for each process, so two on one GPU agree by Gloo."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    plan = classification(Plain, optimisation=EVERYTHING)
    made = trained(Dataset(folder / "d"), folder / "together", plan, settings(size=SIZE, batch_size=2))
    (folder / f"hash-{rank}").write_text(made.weights_sha256)
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_on_one_gpu_train_one_model_as_one_process_would(tmp_path):
    dataset = phantoms(tmp_path / "d")
    torch.multiprocessing.spawn(train_as_one_of_two, (tmp_path,), nprocs=2)
    assert len({(tmp_path / f"hash-{rank}").read_text() for rank in (0, 1)}) == 1
    plan = classification(Plain, optimisation=EVERYTHING)
    trained(dataset, tmp_path / "alone", plan, settings(size=SIZE, batch_size=4))
    for alone, together in zip(
        *(lines(tmp_path / name / "log.jsonl") for name in ("alone", "together")), strict=True
    ):
        for of in ("training", "validation"):
            assert together[of] == pytest.approx(alone[of], rel=1e-3)


# ---------------------------------------------------------------- what ends a training


def hogged(left):
    """All memory of the GPU that is free but so many bytes."""
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    return torch.empty(free - left, dtype=torch.uint8, device="cuda")


def test_a_gpu_that_fills_up_ends_a_training_and_the_epoch_before_is_kept(dataset, tmp_path):
    chosen = settings(size=(256, 256), epochs=3)

    def fills(done, total):
        if done == 3:  # in the second epoch
            torch.cuda.empty_cache()
            torch.cuda.set_per_process_memory_fraction(1e-4)

    try:
        with pytest.raises(TrainingError, match="out of memory") as ended:
            trained(dataset, tmp_path / "o", segmentation(), chosen, progress=fills)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert ended.value.where == "cuda:0"
    assert "make the batch smaller than 4" in ended.value.hint
    assert read_checkpoint(tmp_path / "o" / "last.pt", CheckpointKind.TRAINING)["epoch"] == 1
    assert trained(dataset, tmp_path / "o", segmentation(), chosen, resume=True).epochs == 3


@pytest.mark.slow
@pytest.mark.parametrize("left", [100, 500, 700])
def test_a_gpu_that_others_have_filled_is_said_to_be_out_of_memory(left, data, tmp_path):
    """Whatever asks for memory first: CUDA itself, torch, cuBLAS or cuDNN."""
    recipe, out = "thyronet/resnet34", tmp_path / "run"
    command = [sys.executable, "-m", "thyrodata", "baseline", "train", data, recipe, "-o", out, "--epochs", 1]
    taken = hogged(left * MIB)
    try:
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=120)
    finally:
        del taken
        torch.cuda.empty_cache()
    assert done.returncode == 1, done.stderr
    assert "out of memory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_gpu_that_is_not_there_is_refused(dataset, tmp_path):
    for name in (f"cuda:{torch.cuda.device_count()}", "cuda:99"):
        with pytest.raises(UsageError, match=f"there is no GPU {name}"):
            trained(dataset, tmp_path / "o", classification(), device=name)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "bfloat16"])
def test_a_loss_that_is_no_number_ends_a_training_and_the_epoch_before_is_kept(bf16, dataset, tmp_path):
    plan = classification(optimisation=Optimisation(learning_rate=1e30, warmup=0.5, bf16=bf16))
    with pytest.raises(TrainingError, match=r"is (nan|inf)"):
        trained(dataset, tmp_path / "o", plan, settings(size=SIZE, epochs=8, batch_size=8))
    kept = read_checkpoint(tmp_path / "o" / "last.pt", CheckpointKind.TRAINING)
    assert kept["epoch"] == len(lines(tmp_path / "o" / "log.jsonl")) >= 1
    assert all(value.isfinite().all() for value in kept["task"]["module"].values())


# ---------------------------------------------------------------- what it costs


class Products(torch.nn.Module):
    """Ten products of matrices, which a GPU is handed in no time and computes for a while."""

    side, count = 4096, 10

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.rand(self.side, self.side) / self.side)

    def forward(self, images):
        made = self.weight
        for _ in range(self.count):
            made = made @ self.weight
        return made.mean() + images.mean()


def test_a_latency_is_that_of_the_work_and_not_of_handing_it_over(tmp_path):
    module = Products().cuda()
    (tmp_path / "weights").write_bytes(b"weights")
    cost = measure_module(module, (8, 8), tmp_path / "weights", "cuda")
    assert cost.macs == Products.count * Products.side**3
    assert cost.device == torch.cuda.get_device_name(0)
    took = []
    image = torch.rand(1, 3, 8, 8, device="cuda")
    for _ in range(5):
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        with torch.no_grad():
            module(image)
        ended.record()
        torch.cuda.synchronize()
        took.append(began.elapsed_time(ended))
    assert cost.latency_ms == pytest.approx(statistics.median(took), rel=0.3)


# ---------------------------------------------------------------- by the command line


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["small/classify", "small/segment", "small/detect"])
def test_a_recipe_is_trained_predicted_explained_and_exported_where_a_gpu_is_the_default(
    recipe, data, tmp_path, command
):
    run, found = tmp_path / "run", tmp_path / "p.parquet"
    for args in (
        ["train", data, recipe, "-o", run, "--epochs", "2"],
        ["predict", run, data, "-o", found],
        ["evaluate", found, "--resamples", "50"],
        ["explain", run, data, "-o", tmp_path / "explained"],
        ["export", run, "-o", tmp_path / "model", "--data", data, "--predictions", found],
    ):
        ran = command("baseline", *args)
        assert ran.code == 0, (args[0], ran.err)
    assert read_cost(found).device == torch.cuda.get_device_name(0)
    assert json.loads((run / "seconds.jsonl").read_text().splitlines()[0])["device"] == "cuda:0"
    # Weights of a GPU predict on a CPU.
    ran = command("baseline", "predict", run, data, "-o", tmp_path / "q.parquet", "--device", "cpu")
    assert ran.code == 0, ran.err
