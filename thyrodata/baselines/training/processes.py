"""Several processes that train one model: what they agree on. Alone, each function changes nothing.

They are those of torch's default process group: one that the caller has initialised, or that of ``torchrun``,
which :func:`joined` enters and leaves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from thyrodata.io.extras import load_extra

__all__ = ["average", "count", "gathered", "joined", "local_rank", "prints", "rank", "total", "wait"]

torch = load_extra("torch", "baselines")


@contextmanager
def joined(device: str | None) -> Iterator[None]:
    """Take part, inside the block, in the group of processes that ``torchrun`` started, if it did.

    Gradients travel by NCCL between GPUs and by Gloo between CPUs.

    Args:
        device: As of :func:`thyrodata.baselines.training.checks.chosen_device`.
    """
    if _together() or not _launched():
        yield
        return
    gpu = torch.cuda.is_available() and not (device or "cuda").startswith("cpu")
    own = int(os.environ["LOCAL_RANK"])
    bound = None
    if gpu and own < torch.cuda.device_count():  # one process too many is refused when it asks for its GPU
        bound = torch.device("cuda", own)
        torch.cuda.set_device(bound)
    torch.distributed.init_process_group("nccl" if gpu else "gloo", device_id=bound)
    try:
        yield
        wait()  # none leaves while another still needs it
    finally:
        torch.distributed.destroy_process_group()


def prints() -> bool:
    """Return whether this process speaks for all that ``torchrun`` started; one that it did not, does."""
    return not _launched() or os.environ.get("RANK", "0") == "0"


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


def gathered(value: Any, device: Any) -> list[Any]:
    """Return what each process gives, in their order. It is pickled, so it lies in the memory of the CPU.

    Args:
        value: What this process gives.
        device: Where it trains: between GPUs it travels through them.
    """
    if not _together():
        return [value]
    every: list[Any] = [None] * count()
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        torch.distributed.all_gather_object(every, value)
    return every


def average(tensors: Sequence[Any]) -> None:
    """Set tensors of floating-point numbers to their means over the processes, in one message."""
    if not (_together() and tensors):
        return
    means = total(torch.cat([tensor.reshape(-1).to(torch.float32) for tensor in tensors])) / count()
    for tensor, mean in zip(tensors, means.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def _launched() -> bool:
    return bool(torch.distributed.is_available() and torch.distributed.is_torchelastic_launched())


def _together() -> bool:
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())
