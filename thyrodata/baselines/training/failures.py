"""What ends a training that was asked for well: the memory is too small, or the model cannot be compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from thyrodata.errors import TrainingError
from thyrodata.io.extras import load_extra

__all__ = ["naming_compiler", "naming_memory"]

torch = load_extra("torch", "baselines")

_SAID = ("DefaultCPUAllocator", "out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED")
"""Words of errors of memory that have no class of their own: those of a CPU's allocator, and where others
have filled a GPU those of CUDA when it begins, and of cuBLAS and cuDNN, which allocate beside torch."""


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
        if isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _SAID):
            raise TrainingError("out of memory", where=where, hint=hint) from None
        raise


@contextmanager
def naming_compiler(where: str) -> Iterator[None]:
    """Turn errors of ``torch.compile`` inside the block into one that says what to do.

    Raises:
        TrainingError: The model cannot be compiled.
    """
    try:
        yield
    except RuntimeError as error:
        # Their classes are many and private, of these two packages; the module's own errors are not of them.
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(
            f"the model cannot be compiled: {reason}",
            where=where,
            hint="train without compiling, or install what torch compiles with: on a CPU g++",
        ) from None
