"""Worker processes for work on files from strangers: one that dies or hangs costs the file in its hands.

A pool of ``concurrent.futures`` breaks as a whole when a worker dies. Here each worker is watched: it has a
limit of memory and must show that it is alive, and when it dies another takes its place. A worker is an
interpreter of its own, which never runs the user's script again: no guard of ``__main__`` is needed.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar

from thyrodata.errors import ThyrodataError
from thyrodata.io.dataframes import no_series_come

__all__ = ["Fault", "Limits", "Lost", "Sandbox", "alive", "serve"]

ResultT = TypeVar("ResultT")

_Task: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...]]
"""The work, and its arguments."""

AHEAD = 4
"""Tasks per worker that may be done before the first of them is taken."""

BEAT_SECONDS = 0.5
"""The least time between two signs of life."""

_BEAT = b""
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from thyrodata.sandbox import serve; serve(*map(int, sys.argv[2:]))"
)
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # its own reserves a GiB at once
}


class Lost(StrEnum):
    """What became of a task whose worker gave no answer."""

    CRASHED = "crashed"
    """The process died, as decoders written in C do on hostile input."""
    HUNG = "hung"
    """It showed no sign of life for too long."""
    MEMORY = "memory"
    """It asked for more memory than a worker may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The work has a bug that this task brought about: no reason to give up the others."""

    place: str
    """The kind of the error, and the lines of code that it came through; no value of any file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a worker may use."""

    memory_bytes: int
    """Of data: heap, stacks and anonymous mappings, which is what decoders fill."""
    silent_seconds: float
    """Time without a sign of life, after which it is killed."""


def alive() -> None:
    """Show that this worker is at work; elsewhere it does nothing."""
    now = time.monotonic()
    for line in _line:
        if now - _last_beat[0] >= BEAT_SECONDS:
            _last_beat[0] = now
            line.send_bytes(_BEAT)


_line: list[Connection] = []
"""To the main process, in a worker."""
_last_beat = [0.0]


@dataclass(slots=True, kw_only=True)
class _Worker:
    process: subprocess.Popen[bytes]
    line: Connection
    lifeline: Connection
    """Held open, and never written to: when this process ends, however it does, the worker hears of it."""
    task: int | None = None
    heard: float = 0.0
    """When it last showed a sign of life."""


class Sandbox:
    """Worker processes that may die, for one kind of work after another; a context manager that ends them.

    What a worker prints, in Python or below it, is thrown away: a decoder's complaint may quote what it read.

    Args:
        workers: Processes, at least one. Each is started when it is first needed.
        limits: What each may use.
    """

    def __init__(self, workers: int, limits: Limits) -> None:
        self._size = workers
        self._limits = limits
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._workers:
            self._bury(self._workers[-1])

    def results(
        self, work: Callable[..., ResultT], tasks: Iterable[tuple[Any, ...]]
    ) -> Iterator[ResultT | Lost | Fault]:
        """Call ``work`` with the arguments of each task, and yield the results in the order of the tasks.

        A bounded number of them is done ahead. Tasks that are in hand when the caller stops taking results
        are given up, with their workers.

        Args:
            work: A callable that can be pickled. It calls :func:`alive` now and then.
            tasks: The arguments of each call.

        Raises:
            ThyrodataError: What ``work`` has raised, as it was raised.
        """
        try:
            yield from self._results(work, iter(tasks))
        finally:
            for worker in [each for each in self._workers if each.task is not None]:
                self._bury(worker)

    def _results(
        self, work: Callable[..., ResultT], tasks: Iterator[tuple[Any, ...]]
    ) -> Iterator[ResultT | Lost | Fault]:
        done: dict[int, ResultT | Lost | Fault] = {}
        given = taken = 0
        more = True
        while more or taken < given:
            while more and given - taken < AHEAD * self._size and (worker := self._idle()):
                task = next(tasks, None)
                if task is None:
                    more = False
                else:
                    self._give(worker, given, (work, task))
                    given += 1
            if taken in done:
                yield done.pop(taken)
                taken += 1
            elif taken < given:
                done.update(self._heard())

    def _idle(self) -> _Worker | None:
        for worker in [each for each in self._workers if each.task is None]:
            if worker.process.poll() is None:
                return worker
            self._bury(worker)  # it has died with nothing in its hands
        if len(self._workers) < self._size:
            return self._hire()
        return None

    def _hire(self) -> _Worker:
        """Start a worker: a new interpreter, and not one that runs the user's own script again."""
        here, there = Pipe()
        held, end = Pipe(duplex=False)
        paths = json.dumps([path for path in sys.path if path])
        given = (there.fileno(), held.fileno(), self._limits.memory_bytes)
        process = subprocess.Popen(  # noqa: S603 -- this interpreter, with numbers
            [sys.executable, "-P", "-c", _START, paths, *map(str, given)],
            pass_fds=given[:2],
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C, which a terminal sends to a whole group, is for this process
        )
        there.close()
        held.close()
        worker = _Worker(process=process, line=here, lifeline=end)
        self._workers.append(worker)
        return worker

    def _give(self, worker: _Worker, number: int, task: _Task) -> None:
        worker.task, worker.heard = number, time.monotonic()
        try:
            worker.line.send(task)
        except OSError:  # it has died since: that is heard from its line
            return

    def _heard(self) -> dict[int, Any]:
        """Wait for news, and return what has come of tasks."""
        busy = [worker for worker in self._workers if worker.task is not None]
        patience = min(worker.heard for worker in busy) + self._limits.silent_seconds - time.monotonic()
        ready = wait([worker.line for worker in busy], max(0.0, patience))
        news: dict[int, Any] = {}
        for worker in busy:
            if worker.line in ready:
                self._hear(worker, news)
            elif time.monotonic() - worker.heard >= self._limits.silent_seconds:
                self._end(worker, Lost.HUNG, news)
        return news

    def _hear(self, worker: _Worker, news: dict[int, Any]) -> None:
        try:
            message = worker.line.recv_bytes()
        except (EOFError, OSError):
            self._end(worker, Lost.CRASHED, news)
            return
        worker.heard = time.monotonic()
        if message == _BEAT:
            return
        result = pickle.loads(message)  # noqa: S301 -- from a process that runs this module
        if isinstance(result, BaseException):
            raise result
        if result is Lost.MEMORY:  # what is left of its memory is not to be trusted
            self._end(worker, Lost.MEMORY, news)
        elif worker.task is not None:
            news[worker.task] = result
            worker.task = None

    def _end(self, worker: _Worker, how: Lost, news: dict[int, Any]) -> None:
        self._bury(worker)
        if worker.task is not None:
            news[worker.task] = how

    def _bury(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.wait()
        worker.line.close()
        worker.lifeline.close()
        self._workers.remove(worker)


def serve(line_handle: int, lifeline_handle: int, memory_bytes: int) -> None:
    """Do task after task: the whole life of a worker.

    Args:
        line_handle: Of the connection on which work and tasks come, and results go back.
        lifeline_handle: Of one that ends with the main process.
        memory_bytes: What the worker may use.
    """
    # Not the address space: allocators reserve much more than they use, and a limit on it fails by chance.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold a person's pixels
    threading.Thread(target=_end_with, args=(Connection(lifeline_handle),), daemon=True).start()
    line = Connection(line_handle)
    _line[:] = [line]
    no_series_come()
    while True:
        try:
            work, task = line.recv()
        except EOFError:
            return
        line.send_bytes(pickle.dumps(_done(work, task)))


def _end_with(lifeline: Connection) -> None:
    """End this process when the main one has ended."""
    try:
        lifeline.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def _done(work: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    try:
        return work(*task)
    except MemoryError:
        return Lost.MEMORY
    except ThyrodataError as error:
        return error
    except Exception as error:  # noqa: BLE001 -- whatever it is, its text may quote the file and goes nowhere
        return Fault(place=_trace(error))


def _trace(error: BaseException) -> str:
    places = []
    step = error.__traceback__
    while step:
        places.append(f"{Path(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno}")
        step = step.tb_next
    return f"{type(error).__name__} at {' < '.join(reversed(places))}"
