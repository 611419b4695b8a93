"""A worker that dies, hangs or runs out of memory costs its own task, and no other."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass

import pytest

from thyrodata.errors import CaseError
from thyrodata.sandbox import Fault, Limits, Lost, alive, sandboxed

LIMITS = Limits(memory_bytes=2**30, silent_seconds=3.0)


@dataclass(frozen=True)
class Deed:
    """Does one of the things that decoders do on hostile input."""

    secret: str = "never shown"

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
                raise KeyError(self.secret)
            case "refuse":
                raise CaseError("it is broken", where="file 3", hint="copy it again")
            case "print":
                print(self.secret)
                sys.stderr.write(self.secret)
                os.write(2, self.secret.encode())
        return number


def _run(tasks: list[tuple[str, int]], workers: int = 2) -> list[object]:
    with sandboxed(Deed(), tasks, workers, LIMITS) as results:
        return list(results)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_kills_a_worker_costs_its_own_task(workers: int) -> None:
    deeds = ["fine", "crash", "fine", "segfault", "memory", "fine", "bug", "fine"]
    found = _run([(deed, number) for number, deed in enumerate(deeds)], workers)
    assert found[:6] == [0, Lost.CRASHED, 2, Lost.CRASHED, Lost.MEMORY, 5]
    assert isinstance(found[6], Fault)
    assert found[7:] == [7]


def test_one_that_hangs_is_ended_and_one_that_works_long_is_not() -> None:
    assert _run([("hang", 0), ("long", 1), ("fine", 2)]) == [Lost.HUNG, 1, 2]


def test_results_keep_the_order_of_the_tasks() -> None:
    assert _run([("fine", number) for number in range(100)]) == list(range(100))


def test_a_bug_is_told_by_its_place_and_never_by_its_values() -> None:
    (found,) = _run([("bug", 0)])
    assert isinstance(found, Fault)
    assert "KeyError" in found.place
    assert "test_sandbox.py" in found.place
    assert Deed().secret not in found.place


def test_what_a_worker_prints_is_thrown_away(capfd: pytest.CaptureFixture[str]) -> None:
    assert _run([("print", 0)]) == [0]
    assert "".join(capfd.readouterr()) == ""


def test_an_error_on_purpose_comes_through_as_it_was_raised() -> None:
    with pytest.raises(CaseError, match="it is broken") as caught:
        _run([("fine", 0), ("refuse", 1)])
    assert (caught.value.where, caught.value.hint) == ("file 3", "copy it again")


def test_no_worker_is_left_behind_where_the_results_are_not_waited_for() -> None:
    with sandboxed(Deed(), [("fine", 0), ("hang", 1), ("hang", 2)], 2, LIMITS) as results:
        assert next(results) == 0
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


def test_alive_does_nothing_outside_of_a_worker() -> None:
    alive()
