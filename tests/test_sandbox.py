"""A worker that dies, hangs or runs out of memory costs its own task, and no other."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from thyrodata.errors import CaseError
from thyrodata.sandbox import Fault, Limits, Lost, Sandbox, alive

LIMITS = Limits(memory_bytes=2**30, silent_seconds=3.0)


@dataclass(frozen=True)
class Deed:
    """Does one of the things that decoders do on hostile input."""

    quoted: str = "never shown"

    def __call__(self, what: str, number: int) -> int:
        match what:
            case "crash":
                os.abort()
            case "segfault":
                ctypes.string_at(0)
            case "hang":
                time.sleep(60)
            case "long":  # longer than the limit, with signs of life
                for _ in range(10):
                    time.sleep(0.4)
                    alive()
            case "memory":
                return len(bytes(2**31))
            case "bug":
                raise KeyError(self.quoted)
            case "refuse":
                raise CaseError("it is broken", where="file 3", hint="copy it again")
            case "print":
                print(self.quoted)  # noqa: T201
                sys.stderr.write(self.quoted)
                os.write(2, self.quoted.encode())
        return number


def _run(tasks: list[tuple[str, int]], workers: int = 2) -> list[object]:
    with Sandbox(workers, LIMITS) as sandbox:
        return list(sandbox.results(Deed(), tasks))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_kills_a_worker_costs_its_own_task(workers: int) -> None:
    deeds = ["fine", "crash", "fine", "segfault", "memory", "fine", "bug", "fine"]
    found = _run([(deed, number) for number, deed in enumerate(deeds)], workers)
    assert found[:6] == [0, Lost.CRASHED, 2, Lost.CRASHED, Lost.MEMORY, 5]
    assert isinstance(found[6], Fault)
    assert found[7:] == [7]


@pytest.mark.slow
def test_one_that_hangs_is_ended_and_one_that_works_long_is_not() -> None:
    assert _run([("hang", 0), ("long", 1), ("fine", 2)]) == [Lost.HUNG, 1, 2]


def test_results_keep_the_order_of_the_tasks() -> None:
    assert _run([("fine", number) for number in range(100)]) == list(range(100))


def test_a_bug_is_told_by_its_place_and_never_by_its_values() -> None:
    (found,) = _run([("bug", 0)])
    assert isinstance(found, Fault)
    assert "KeyError" in found.place
    assert "test_sandbox.py" in found.place
    assert Deed().quoted not in found.place


def test_what_a_worker_prints_is_thrown_away(capfd: pytest.CaptureFixture[str]) -> None:
    assert _run([("print", 0)]) == [0]
    assert "".join(capfd.readouterr()) == ""


def test_an_error_on_purpose_comes_through_as_it_was_raised() -> None:
    with pytest.raises(CaseError, match="it is broken") as caught:
        _run([("fine", 0), ("refuse", 1)])
    assert (caught.value.where, caught.value.hint) == ("file 3", "copy it again")


def children() -> set[str]:
    """The process ids of this process's children."""
    return {
        pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
    }


def test_a_worker_ends_with_the_main_process(tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(
        "import os, sys\n"
        "from test_sandbox import LIMITS, Deed, children\n"
        "from thyrodata.sandbox import Sandbox\n"
        "with Sandbox(1, LIMITS) as sandbox:\n"
        "    results = sandbox.results(Deed(), [('fine', 0), ('hang', 1)])\n"
        "    next(results)\n"
        "    print(*children(), flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    folders = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    run = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": folders},
        stdout=subprocess.PIPE,
        check=False,
    )
    (worker,) = run.stdout.split()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{int(worker)}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_guard_of_main_is_needed(tmp_path: Path) -> None:
    """A script without one, which multiprocessing would run again in each worker, runs once."""
    script = tmp_path / "main.py"
    script.write_text(
        "print('once')\n"
        "from test_sandbox import LIMITS, Deed\n"
        "from thyrodata.sandbox import Sandbox\n"
        "with Sandbox(1, LIMITS) as sandbox:\n"
        "    print(*sandbox.results(Deed(), [('fine', 7)]))\n"
    )
    folders = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    run = subprocess.run(
        [sys.executable, script], env={**os.environ, "PYTHONPATH": folders}, capture_output=True, check=False
    )
    assert run.stdout.split() == [b"once", b"7"]


def test_no_worker_is_left_behind_where_the_results_are_not_waited_for() -> None:
    before = children()
    with Sandbox(2, LIMITS) as sandbox:
        results = sandbox.results(Deed(), [("fine", 0), ("hang", 1), ("hang", 2)])
        assert next(results) == 0
        assert len(children() - before) == 2
    assert children() - before == set()


def test_one_work_after_another_is_done_by_the_same_workers() -> None:
    before = children()
    with Sandbox(2, LIMITS) as sandbox:
        assert list(sandbox.results(Deed(), [("fine", number) for number in range(9)])) == [*range(9)]
        crew = children() - before
        assert list(sandbox.results(abs, [(-7,), (-8,)])) == [7, 8]
        assert children() - before == crew
        assert len(crew) == 2
    assert children() == before


def test_what_is_in_hand_when_nobody_waits_for_it_is_given_up() -> None:
    with Sandbox(2, LIMITS) as sandbox:
        given_up = sandbox.results(Deed(), [("fine", 0), ("hang", 1), ("hang", 2)])
        assert next(given_up) == 0
        given_up.close()
        assert list(sandbox.results(Deed(), [("fine", 3), ("fine", 4)])) == [3, 4]


def test_a_worker_that_dies_while_it_waits_costs_no_task() -> None:
    before = children()
    with Sandbox(1, LIMITS) as sandbox:
        assert list(sandbox.results(Deed(), [("fine", 0)])) == [0]
        (worker,) = children() - before
        os.kill(int(worker), signal.SIGKILL)
        os.waitid(os.P_PID, int(worker), os.WEXITED | os.WNOWAIT)
        assert list(sandbox.results(Deed(), [("fine", 1)])) == [1]


def test_alive_does_nothing_outside_of_a_worker() -> None:
    alive()
