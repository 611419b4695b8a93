"""Holding Ctrl-C back while what it would leave half done is finished."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["interrupts_held"]


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back, which a terminal sends to every process of the group, until the block ends.

    A worker begun inside the block inherits the mask and never sees it. For the main process the mask is not
    enough: a thread of a library may take the signal.
    """
    if threading.current_thread() is not threading.main_thread():  # Python would not interrupt it
        yield
        return
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if came:
        signal.raise_signal(signal.SIGINT)
