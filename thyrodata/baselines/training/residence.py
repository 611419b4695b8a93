"""Where the images of the parts lie while a training goes on: on its GPU if they fit, else beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from thyrodata.baselines.training.cache import Cache
from thyrodata.io.extras import load_extra

__all__ = ["SHARE", "free_bytes", "settled"]

torch = load_extra("torch", "baselines")

SHARE = 0.5
"""Of a GPU's free memory that images may take: weights, gradients and activations need the rest."""


def free_bytes(device: Any) -> int | None:
    """Return the free memory of a GPU; ``None`` of a CPU, where the images lie already."""
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else None


def settled(caches: Mapping[str, Cache], device: Any, free: int | None) -> dict[str, Cache]:
    """Return the parts such that their batches are given on a device.

    All images are put there once, if they take no more than :data:`SHARE` of what is free; else each batch is
    sent there when it is asked for.

    Args:
        caches: The parts, in the memory of the CPU.
        device: Where the training computes.
        free: See :func:`free_bytes`.
    """
    taken = sum(cache.nbytes for cache in caches.values())
    if free is None or taken <= SHARE * free:
        return {part: cache.on(device) for part, cache in caches.items()}
    return {part: replace(cache, device=device) for part, cache in caches.items()}
