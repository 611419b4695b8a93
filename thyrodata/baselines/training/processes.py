"""Several processes that train one model: what they agree on. Alone, each function changes nothing.

They are those of torch's default process group, which ``torchrun`` starts and its script initialises.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from thyrodata.io.extras import load_extra

__all__ = ["average", "count", "local_rank", "rank", "total", "wait"]

torch = load_extra("torch", "baselines")


def count() -> int:
    """Return how many processes train."""
    return int(torch.distributed.get_world_size()) if _together() else 1


def rank() -> int:
    """Return which of them this is, from 0. The first one writes."""
    return int(torch.distributed.get_rank()) if _together() else 0


def local_rank() -> int:
    """Return which of those on this machine this is, as torchrun says: the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0")) if _together() else 0


def wait() -> None:
    """Return when every process is here."""
    if _together():
        torch.distributed.barrier()


def total(value: Any) -> Any:
    """Return the sum of a tensor over the processes."""
    if not _together():
        return value
    summed = value.clone()
    torch.distributed.all_reduce(summed)
    return summed


def average(tensors: Sequence[Any]) -> None:
    """Set tensors of floating-point numbers to their means over the processes, in one message."""
    if not (_together() and tensors):
        return
    means = total(torch.cat([tensor.reshape(-1).to(torch.float32) for tensor in tensors])) / count()
    for tensor, mean in zip(tensors, means.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def _together() -> bool:
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())
