"""Training on a GPU: each recipe of ours at its full size and batch, in float32, bfloat16, and compiled.

Images of noise with a planted nodule each; steps with augmentation, as the loop takes them. The first epoch,
which chooses algorithms and compiles, is not timed. Ratios are to float32 of the same recipe in the same run;
its convolutions round their factors to TF32, which is torch's default. `alone` is the step of one batch over
and over: what the loop adds is between the two. Recipes may be named as arguments.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from thyrodata.baselines.recipes import RECIPES, Recipe, Task

if find_spec("torch") is None:
    print("torch is not installed: nothing is measured")
    sys.exit()

import torch

from thyrodata.baselines.measuring import measure_module
from thyrodata.baselines.recipes.plan import plan
from thyrodata.baselines.training.boxes import Boxes
from thyrodata.baselines.training.cache import Cache
from thyrodata.baselines.training.loop import run_epochs
from thyrodata.baselines.training.residence import settled
from thyrodata.baselines.training.stopping import Plateau

BATCHES, EPOCHS = 10, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a recipe is trained."""

    name: str
    bf16: bool = False
    compiled: bool = False
    sent: bool = False
    """Whether batches are sent to the GPU, or all images lie there."""


WAYS = (
    Way(name="float32"),
    Way(name="float32, images sent", sent=True),
    Way(name="bfloat16", bf16=True),
    Way(name="bfloat16, compiled", bf16=True, compiled=True),
)


def planted(recipe: Recipe, classes: Sequence[str]) -> Any:
    """Return a part of images of noise, each with a brighter ellipse, in memory of the CPU."""
    random = np.random.default_rng(0)
    height, width = recipe.settings.size
    count = BATCHES * recipe.settings.batch_size
    rows, columns = np.mgrid[:height, :width] + 0.5
    images = random.integers(0, 160, (count, 1, height, width), dtype=np.uint8)
    masks, boxes = np.zeros((count, height, width), np.uint8), []
    for n in range(count):
        half = random.uniform(0.05, 0.2, 2) * (width, height)
        centre = random.uniform(half, np.array([width, height]) - half)
        inside = ((columns - centre[0]) / half[0]) ** 2 + ((rows - centre[1]) / half[1]) ** 2 <= 1
        images[n, 0][inside] += 90
        masks[n][inside] = 1
        corners = torch.tensor([[*(centre - half), *(centre + half)]], dtype=torch.float32)
        boxes.append(
            Boxes(corners=corners, labels=torch.ones(1, dtype=torch.int64), crowd=torch.zeros(1).bool())
        )
    names = tuple(map(str, range(count)))
    return Cache(
        classes=tuple(classes),
        images=torch.from_numpy(images),
        labels=torch.arange(count) % len(classes) if recipe.task is Task.CLASSIFICATION else None,
        masks=torch.from_numpy(masks) if recipe.task is Task.SEGMENTATION else None,
        boxes=tuple(boxes) if recipe.task is Task.DETECTION else None,
        image_ids=names,
        group_ids=names,
        placements=(),
        truths=(),
    )


def measure(recipe: Recipe, way: Way) -> tuple[float, float, float, float, float]:
    """Return images/s of the loop and of the step alone, seconds of the first epoch, GB, and latency."""
    device = torch.device("cuda", 0)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    how = replace(recipe.optimisation, bf16=way.bf16, compiled=way.compiled)
    planned = plan(replace(recipe, optimisation=how), ("nodule",))
    groups = recipe.endpoint.target(("nodule",)).groups
    found = [name for name, _ in groups]
    classes = found if recipe.task is Task.CLASSIFICATION else ["background", *found]
    part = settled({"train": planted(recipe, classes)}, device, 0 if way.sent else None)["train"]
    task = planned.start(classes, device)
    settings = replace(recipe.settings, epochs=EPOCHS)
    first, *others = [
        epoch.training_s for epoch in run_epochs(task, part, None, settings, Plateau(patience=None))
    ]
    batch = part.batch(np.arange(recipe.settings.batch_size))
    steps = []
    for _ in range(BATCHES):
        torch.cuda.synchronize()
        began = perf_counter()
        task.step(batch, 0.5)
        torch.cuda.synchronize()
        steps.append(perf_counter() - began)
    peak = torch.cuda.max_memory_allocated() / 1e9
    with tempfile.NamedTemporaryFile() as weights:
        cost = measure_module(task.module, recipe.settings.size, Path(weights.name), device)
    alone = recipe.settings.batch_size / statistics.median(steps)
    return len(part) / statistics.median(others), alone, first, peak, cost.latency_ms


def main(names: Sequence[str]) -> None:
    """Print a table."""
    if not torch.cuda.is_available():
        print("torch finds no GPU: nothing is measured")
        return
    print(f"{torch.cuda.get_device_name(0)}, torch {torch.__version__}")
    print(f"{'':44}{'images/s':>9}{'ratio':>7}{'alone':>8}{'first s':>9}{'peak GB':>9}{'latency ms':>11}")
    for recipe in RECIPES.values():
        if recipe.name not in names and (names or not recipe.name.startswith("best/")):
            continue
        height, width = recipe.settings.size
        print(f"{recipe.name}, {recipe.title}: {recipe.settings.batch_size} x {height} x {width}")
        base = None
        for way in WAYS:
            loop, alone, first, peak, latency = measure(recipe, way)
            base = base or loop
            row = f"{loop:9.1f}{loop / base:7.2f}{alone:8.1f}{first:9.1f}{peak:9.2f}{latency:11.2f}"
            print(f"  {way.name:42}{row}", flush=True)
            torch.compiler.reset()
            gc.collect()


if __name__ == "__main__":
    main(sys.argv[1:])
