"""Measuring what a model costs. Importing this module imports torch."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from thyrodata.baselines.cost import Cost
from thyrodata.baselines.training.task import Task
from thyrodata.io.extras import load_extra
from thyrodata.io.files import writing

__all__ = ["BUDGET_S", "LEAST_REPEATS", "REPEATS", "WARM_UP", "count_macs", "measure_cost", "measure_module"]

torch = load_extra("torch", "baselines")
_flops = load_extra("torch.utils.flop_counter", "baselines")

WARM_UP = 3
"""Calls before the first that is timed: they fill caches and choose algorithms."""
REPEATS = 20
LEAST_REPEATS = 3
BUDGET_S = 10.0
"""After so long no further call is timed, unless there were too few."""
_CPU_INFO = Path("/proc/cpuinfo")
_FLOPS_OF_MAC = 2
"""torch counts a multiplication and an addition."""


def measure_cost(task: Task, size: tuple[int, int], weights: Path, device: Any) -> Cost:
    """Return what the module of a task costs: see :func:`measure_module`.

    Args:
        task: With its weights.
        size: (height, width) of what its module is given, in pixels.
        weights: The file of weights.
        device: Where the task computes.
    """
    return measure_module(task.module, size, weights, device)


def measure_module(module: Any, size: tuple[int, int], weights: Path, device: Any) -> Cost:
    """Return what a module costs for one image, in its own precision, without gradients.

    Timed is the call of the module with an image of noise that lies where it computes, and of a GPU until it
    is done: normalisation, network and, of a detector, all that it does to give its findings, such as
    non-maximum suppression. Decoding and resizing an image and bringing a mask back to the image's pixels are
    not. What else the machine does meanwhile makes it longer. Of a detector with proposals the operations
    depend on how many it makes of the noise.

    Args:
        module: Of :func:`thyrodata.baselines.models.build`; it is left in evaluation mode.
        size: (height, width) of the image, in pixels.
        weights: The file of weights.
        device: Where the module computes.

    Raises:
        OutputError: The file of weights is not there.
    """
    where = torch.device(device)
    noise = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(0)).to(where)
    module.eval()
    macs = count_macs(module, noise)
    with torch.no_grad():
        seconds = _timed(lambda: module(noise), where)
    with writing(weights):
        size_bytes = weights.stat().st_size
    return Cost(
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        macs=macs,
        weights_bytes=size_bytes,
        latency_ms=round(1000 * median(seconds), 3),
        height=size[0],
        width=size[1],
        device=_named(where),
        threads=torch.get_num_threads(),
        repeats=len(seconds),
    )


def count_macs(module: Any, images: Any) -> int:
    """Return how many multiply-accumulate operations a module takes for images.

    They are those that ``torch.utils.flop_counter`` counts, halved: of matrix products, convolutions and
    attention. It does not count additions of a bias, normalisations, activations, pooling, resizing, sampling
    by a grid (of which deformable attention is made), or what is done with the outputs of a network.

    Args:
        module: In evaluation mode.
        images: float32 (images, 3, height, width).
    """
    with torch.no_grad(), _flops.FlopCounterMode(display=False) as counted:
        module(images)
    flops: int = counted.get_total_flops()
    return flops // _FLOPS_OF_MAC


def _timed(call: Callable[[], Any], device: Any) -> list[float]:
    """Return the seconds of each call but the first ones."""
    for _ in range(WARM_UP):
        call()
    seconds: list[float] = []
    while len(seconds) < REPEATS and (len(seconds) < LEAST_REPEATS or sum(seconds) < BUDGET_S):
        _finish(device)
        start = perf_counter()
        call()
        _finish(device)
        seconds.append(perf_counter() - start)
    return seconds


def _finish(device: Any) -> None:
    """Wait for a GPU, which computes while Python goes on."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _named(device: Any) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "cpu" and _CPU_INFO.exists():
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return f"CPU {names[0]}"
    return f"{device.type} of {platform.machine()}"
