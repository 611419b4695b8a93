"""Runs the command line, and does a deed at a named point of its work on the disk.

::

    killer.py [DEED POINT] -- convert ddti RAW -o OUT ...

A point is a change on the disk at or below OUT.partial, as ``rename dataset/manifest.json:before``. OUT
taking its name is ``publish``; the n-th change of one name ends in ``#n``. The points lie where Python hands
changes to the operating system, so that production code holds nothing for this and no change is forgotten.

The deeds: ``kill`` this process, ``kill-worker``, ``stop`` until a signal comes, find the disk ``full`` from
the point on; or ``list`` all points, where POINT is the file to list them in.
"""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import shutil  # noqa: F401 -- it must see os before that is patched
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import IO, Any

import thyrodata.cli
import thyrodata.engine

CHUNK = 5
"""Items in a chunk, so that a small release has several: one more than two workers are given ahead."""


class NoPandas(MetaPathFinder):
    """Hides pandas from Arrow, which else would load it, and take half as long again for a run."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Refuse pandas, and leave all else to others."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, NoPandas())


class Points:
    """The points that the process passes, and the deed at one of them."""

    def __init__(self, deed: str, point: str, out: Path) -> None:
        self._deed, self._point = deed, point
        self._out = out.absolute()
        self._partial = self._out.with_name(out.name + ".partial")
        self._seen: Counter[str] = Counter()
        self._full = False

    def name(self, what: str, path: str | os.PathLike[str], folder: int | None = None) -> str | None:
        """Return the name of a change to a path, relative to an open folder if one is given."""
        base = Path.cwd() if folder is None else Path(f"/proc/self/fd/{folder}").readlink()
        place = base / path
        if what == "unlink" and not os.path.lexists(place):
            return None
        if place == self._out:
            name = "publish"
        elif place.is_relative_to(self._partial):
            name = f"{what} {place.relative_to(self._partial)}"
        else:
            return None
        self._seen[name] += 1
        return name if self._seen[name] == 1 else f"{name}#{self._seen[name]}"

    def pass_by(self, point: str) -> None:
        """Do the deed if this is its point."""
        if self._deed == "list":
            handle = os.open(self._point, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            with os.fdopen(handle, "w") as stream:
                stream.write(point + "\n")
        elif point == self._point:
            self._act()

    def _act(self) -> None:
        match self._deed:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "kill-worker":
                kill_worker()
            case "full":
                self._full = True
            case "stop":
                sys.stdout.write("stopped\n")
                sys.stdout.flush()
                time.sleep(60)
                sys.exit("no signal came")

    def need_space(self) -> None:
        """Refuse if the disk is full."""
        if self._full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def kill_worker() -> None:
    """Kill a process of the pool, or of the sandbox, which is none of multiprocessing's."""
    for worker in multiprocessing.active_children():
        worker.kill()
        worker.join()
        return
    children = Path("/proc/self/task", str(threading.get_native_id()), "children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)


class WatchedStream(io.BufferedWriter):
    """A file with a point halfway through its first write, and where it is a journal, at the write's ends."""

    def __init__(self, points: Points, name: str, path: str | os.PathLike[str], mode: str) -> None:
        super().__init__(io.FileIO(os.fspath(path), mode.replace("b", "")))
        self._points, self._name, self._appends = points, name, "a" in mode

    def write(self, data: Any) -> int:
        """Write some bytes."""
        name, self._name = self._name, ""
        whole = memoryview(data).cast("B")
        half = len(whole) // 2 if name else 0
        if name and self._appends:
            self._points.pass_by(f"{name}:before")
        if name:
            self._points.need_space()
            super().write(whole[:half])
            self.flush()
            self._points.pass_by(f"{name}:half")
        self._points.need_space()
        super().write(whole[half:])
        if name and self._appends:
            self.flush()
            self._points.pass_by(f"{name}:after")
        return len(whole)


def watch(points: Points) -> None:
    """Let every change on the disk pass by the points."""
    io.open = partial(_open, points, io.open)  # type: ignore[assignment]
    os.write = partial(_write, points, os.write)
    os.replace = partial(_replace, points, os.replace)
    for what in ("mkdir", "unlink", "rmdir", "truncate"):
        setattr(os, what, partial(_change, points, what, getattr(os, what)))


def _open(points: Points, plain: Callable[..., IO[Any]], path: Any, mode: str = "r", *rest: Any) -> IO[Any]:
    if mode in {"wb", "ab"} and (name := points.name("write", path)):
        return WatchedStream(points, name, path, mode)
    return plain(path, mode, *rest)


def _write(points: Points, plain: Callable[..., int], handle: int, data: memoryview) -> int:
    name = points.name("write", Path(f"/proc/self/fd/{handle}").readlink())
    if name is None:
        return plain(handle, data)
    points.need_space()
    written = plain(handle, data[: len(data) // 2])
    points.pass_by(f"{name}:half")
    points.need_space()
    return written + plain(handle, data[len(data) // 2 :])


def _replace(points: Points, plain: Callable[..., None], old: Any, new: Any) -> None:
    name = points.name("rename", new)
    points.pass_by(f"{name}:before")
    plain(old, new)
    points.pass_by(f"{name}:after")


def _change(
    points: Points, what: str, plain: Callable[..., None], path: Any, *rest: Any, dir_fd: int | None = None
) -> None:
    if name := points.name(what, path, dir_fd):
        points.pass_by(f"{name}:before")
    if what == "mkdir":
        points.need_space()
    plain(path, *rest, **({} if dir_fd is None else {"dir_fd": dir_fd}))


def main() -> None:
    """Run the command line, watched."""
    dashes = sys.argv.index("--")
    ask, sys.argv = sys.argv[1:dashes], ["thyrodata", *sys.argv[dashes + 1 :]]
    thyrodata.engine.CHUNK = CHUNK
    if ask:
        deed, point = ask
        watch(Points(deed, point, Path(sys.argv[sys.argv.index("-o") + 1])))
    thyrodata.cli.main()


if __name__ == "__main__":
    main()
