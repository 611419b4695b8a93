"""Mapping work over processes: results in order, a bounded number under way, clean ends."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from thyrodata.errors import ThyrodataError
from thyrodata.io.dataframes import no_series_come
from thyrodata.io.interrupts import interrupts_held

__all__ = ["mapped"]

ResultT = TypeVar("ResultT")


@contextmanager
def mapped(
    work: Callable[..., ResultT], tasks: Iterable[tuple[Any, ...]], workers: int
) -> Iterator[Iterator[ResultT]]:
    """Call ``work`` with the arguments of each task, in this process or in worker processes.

    The results come in the order of the tasks. At most two tasks per worker are under way.

    Args:
        work: A callable that can be pickled, if there is more than one worker.
        tasks: The arguments of each call.
        workers: Processes; 1 is this process.

    Raises:
        ThyrodataError: A worker process died.
    """
    if workers == 1:
        yield (work(*task) for task in tasks)
        return
    # The work goes to each worker once, not with each task: it may hold a plan of every image.
    context = multiprocessing.get_context("spawn")
    stopped = context.Event()
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(work, stopped))
    try:
        yield _in_order(pool, _do, tasks, ahead=2 * workers)
    except BrokenProcessPool:
        raise ThyrodataError(
            "a worker process died",
            hint="the machine may be out of memory: run again with --resume and fewer --workers",
        ) from None
    finally:
        stopped.set()
        # A second Ctrl-C while threads are joined would leave a process that waits for its workers for ever.
        with interrupts_held():
            pool.shutdown(wait=True, cancel_futures=True)


_work: list[tuple[Callable[..., Any], Event]] = []
"""What this worker does with each task, and whether nobody waits for it any more."""


def _begin(work: Callable[..., Any], stopped: Event) -> None:
    _work[:] = [(work, stopped)]
    no_series_come()
    _end_with_parent()


def _do(*task: Any) -> Any:
    work, stopped = _work[0]
    return None if stopped.is_set() else work(*task)


def _end_with_parent() -> None:
    """Let this worker end when the main process is killed, which would leave it waiting for work for ever."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
    os._exit(1)


def _in_order(
    pool: Executor, work: Callable[..., ResultT], tasks: Iterable[tuple[Any, ...]], ahead: int
) -> Iterator[ResultT]:
    """Yield results in the order of the tasks, with a bounded number of them under way."""
    pending: deque[Future[ResultT]] = deque()
    for task in tasks:
        with interrupts_held():
            pending.append(pool.submit(work, *task))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
