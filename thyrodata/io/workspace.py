"""Building a folder beside the place it will take, so that the place holds the whole thing or nothing.

Beside ``OUT`` lies ``OUT.partial`` while it is built::

    OUT.partial/dataset/     what will be renamed to OUT
    OUT.partial/work/        the engine's journal and chunks
    OUT.partial/replaced/    the dataset that --overwrite replaces, from one rename to the next
    OUT.partial/state.json   what is being built, written once the folders above exist
    OUT.partial/lock         held by the process that builds

Nothing here depends on when it is killed: without ``state.json`` the build has not begun; with it and without
``dataset/`` it has been published, and only the cleaning up is left.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from thyrodata.errors import OutputError
from thyrodata.io.files import rename, write_file, writing

__all__ = ["Workspace", "check_apart", "opened_workspace"]

STATE = "state.json"
LOCK = "lock"
OURS = {"dataset", "work", "replaced", STATE, STATE + ".part", LOCK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A folder in the making."""

    out: Path
    partial: Path

    @property
    def dataset(self) -> Path:
        """What will take the place of ``out``."""
        return self.partial / "dataset"

    @property
    def work(self) -> Path:
        """Files of the build alone."""
        return self.partial / "work"

    @property
    def published(self) -> bool:
        """Whether ``out`` is already the finished folder."""
        return (self.partial / STATE).exists() and not self.dataset.exists()

    def publish(self) -> None:
        """Give the finished folder its name, and clean up.

        Raises:
            OutputError: It could not be renamed.
        """
        with writing(self.out):
            if not self.published:
                if self.out.exists():
                    rename(self.out, self.partial / "replaced")
                rename(self.dataset, self.out)
            self._clean_up()

    def _clean_up(self) -> None:
        for below in (self.partial / "replaced", self.work):
            if below.exists():
                shutil.rmtree(below)
        (self.partial / STATE).unlink()  # the last that says that something was published
        (self.partial / LOCK).unlink(missing_ok=True)
        self.partial.rmdir()


def check_apart(raw: Path, out: Path) -> None:
    """Refuse an output that lies in its source, or the other way round.

    Raises:
        OutputError: One lies in the other.
    """
    source, target = raw.resolve(), out.resolve()
    if target.is_relative_to(source) or source.is_relative_to(target):
        what = "inside" if target != source else "the same folder as"
        inner, outer = ("output", "source") if target.is_relative_to(source) else ("source", "output")
        raise OutputError(
            f"the {inner} lies {what} the {outer}", where=str(out), hint="choose another place with -o OUT"
        )


@contextmanager
def opened_workspace(
    out: Path, state: Mapping[str, str], marker: str, *, resume: bool, overwrite: bool
) -> Iterator[Workspace]:
    """Begin or continue building a folder, alone.

    Args:
        out: The folder to build.
        state: What is being built; a resumed build must agree.
        marker: A file that every finished folder has, and without which none is replaced.
        resume: Continue the unfinished build that is there.
        overwrite: Replace the finished folder, and throw away the unfinished build, if there is one.

    Raises:
        OutputError: Something else is there, there is nothing to resume, the unfinished build is of another
            source or version, or another process is building.
    """
    space = Workspace(out=out, partial=out.with_name(out.name + ".partial"))
    _check_out(space, marker, resume=resume, overwrite=overwrite)
    with writing(space.partial):
        space.partial.mkdir(parents=True, exist_ok=True)
        with (space.partial / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputError(
                    "another process is building this dataset", where=str(space.partial), hint="wait for it"
                ) from None
            _begin(space, state, resume=resume)
            yield space


def _check_out(space: Workspace, marker: str, *, resume: bool, overwrite: bool) -> None:
    begun = (space.partial / STATE).exists()
    if resume and not begun:
        raise OutputError("there is nothing to resume", where=str(space.partial), hint="leave --resume out")
    if space.partial.exists() and not {entry.name for entry in space.partial.iterdir()} <= OURS:
        raise OutputError(
            "a folder that thyrodata did not make is in the way",
            where=str(space.partial),
            hint="move it away",
        )
    if begun and not resume and not overwrite:
        raise OutputError(
            "an unfinished build is there",
            where=str(space.partial),
            hint="continue it with --resume, or throw it away with --overwrite",
        )
    if space.published or not space.out.exists():
        return
    if space.out.is_dir() and not any(space.out.iterdir()):
        return
    if not (space.out / marker).is_file():
        raise OutputError(
            "the output exists and is no thyrodata dataset",
            where=str(space.out),
            hint="choose another place with -o OUT; --overwrite replaces nothing but a dataset",
        )
    if not overwrite:
        raise OutputError(
            "the output exists",
            where=str(space.out),
            hint="choose another place with -o OUT, or --overwrite it",
        )


def _begin(space: Workspace, state: Mapping[str, str], *, resume: bool) -> None:
    if resume:
        _check_state(space, state)
        return
    for entry in space.partial.iterdir():
        if entry.name == LOCK:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    space.dataset.mkdir()
    space.work.mkdir()
    write_file(space.partial / STATE, json.dumps(state, indent=2).encode())


def _check_state(space: Workspace, state: Mapping[str, str]) -> None:
    try:
        begun = json.loads((space.partial / STATE).read_bytes())
    except ValueError:
        begun = {}
    differ = [key for key in state if begun.get(key) != state[key]]
    if differ:
        raise OutputError(
            f"the unfinished build differs in its {' and '.join(differ)}",
            where=str(space.partial),
            hint="run again as before, or throw it away with --overwrite",
        )
