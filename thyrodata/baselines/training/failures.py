"""What ends a training that was asked for well: the loss is no number, or the memory is too small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from thyrodata.errors import TrainingError
from thyrodata.io.extras import load_extra

__all__ = ["naming_memory"]

torch = load_extra("torch", "baselines")


@contextmanager
def naming_memory(where: str, hint: str) -> Iterator[None]:
    """Turn torch's errors of memory inside the block into one that says what to do.

    Raises:
        TrainingError: The block ran out of memory.
    """
    try:
        yield
    except MemoryError:
        raise TrainingError("out of memory", where=where, hint=hint) from None
    except RuntimeError as error:
        # On a GPU it has a class of its own, on a CPU only these words of its allocator.
        if isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error):
            raise TrainingError("out of memory", where=where, hint=hint) from None
        raise
