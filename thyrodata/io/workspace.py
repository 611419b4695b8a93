"""Building a folder beside the place it will take, so that the place holds the whole thing or nothing.

Beside ``OUT`` lies ``OUT.partial`` while it is built::

    OUT.partial/dataset      what will be renamed to OUT
    OUT.partial/work         the engine's journal and chunks
    OUT.partial/replaced     the dataset that --overwrite replaces, from one rename to the next
    OUT.partial/state.json   what is being built, written once the folders above exist
    OUT.partial/lock         held by the process that builds

Nothing here depends on when it is killed: without ``state.json`` the build has not begun, or has left nothing
to do but to remove the folder; with it and without ``dataset/`` it has been published, and only the cleaning
up is left.
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

__all__ = ["Workspace", "check_apart", "check_out", "opened_workspace"]

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

    def abandon(self) -> None:
        """Have what was built so far removed: it cannot be continued."""
        with writing(self.partial):
            (self.partial / STATE).unlink(missing_ok=True)

    def _clean_up(self) -> None:
        for below in (self.partial / "replaced", self.work):
            if below.exists():
                shutil.rmtree(below)
        (self.partial / STATE).unlink()  # the last that says that something was published


def check_apart(raw: Path, out: Path) -> None:
    """Refuse an output that lies in its source, or the other way round.

    Raises:
        OutputError: One lies in the other.
    """
    source, target = raw.resolve(), out.resolve()
    if source == target:
        what = "the output is the source"
    elif target.is_relative_to(source):
        what = "the output lies inside the source"
    elif source.is_relative_to(target):
        what = "the source lies inside the output"
    else:
        return
    raise OutputError(what, where=str(out), hint="choose another place for OUT")


def check_out(out: Path, marker: str, *, resume: bool, overwrite: bool) -> None:
    """Refuse, before long work, what :func:`opened_workspace` would refuse after it.

    Raises:
        OutputError: Something is in the way of the output.
    """
    space = Workspace(out=out, partial=out.with_name(out.name + ".partial"))
    _check_partial(space, resume=False)
    _check_out(space, marker, resume=resume, overwrite=overwrite)


@contextmanager
def opened_workspace(
    out: Path, state: Mapping[str, str], marker: str, *, resume: bool | None, overwrite: bool
) -> Iterator[Workspace]:
    """Begin or continue building a folder, alone.

    Args:
        out: The folder to build.
        state: What is being built; a resumed build must agree.
        marker: A file that every finished folder has, and without which none is replaced.
        resume: Continue the unfinished build that is there; ``None`` where none is ever continued, and what
            a killed one left is thrown away.
        overwrite: Replace the finished folder, and throw away the unfinished build, if there is one.

    Raises:
        OutputError: Something else is there, there is nothing to resume, the unfinished build is of another
            source or version, or another process is building.
    """
    if out.name in {"", ".."} or out.is_symlink():
        raise OutputError(
            "the output is a link, or has no name of its own",
            where=str(out),
            hint="name the folder itself with -o OUT",
        )
    space = Workspace(out=out, partial=out.with_name(out.name + ".partial"))
    _check_partial(space, resume=bool(resume))
    with writing(space.partial), _locked(space.partial):
        _check_out(space, marker, resume=resume, overwrite=overwrite)
        _begin(space, state, resume=bool(resume))
        yield space


@contextmanager
def _locked(partial: Path) -> Iterator[None]:
    """Hold a folder's lock; afterwards remove the folder unless a build is unfinished in it."""
    partial.mkdir(parents=True, exist_ok=True)
    with (partial / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                "another process is building this dataset", where=str(partial), hint="wait for it"
            ) from None
        try:
            yield
        finally:
            if not (partial / STATE).exists():
                shutil.rmtree(partial)


def _check_partial(space: Workspace, *, resume: bool) -> None:
    if resume and not (space.partial / STATE).exists():
        raise OutputError("there is nothing to resume", where=str(space.partial), hint="leave --resume out")
    if space.partial.exists() and not _is_ours(space.partial):
        raise OutputError(
            "something that thyrodata did not make is in the way",
            where=str(space.partial),
            hint="move it away",
        )


def _check_out(space: Workspace, marker: str, *, resume: bool | None, overwrite: bool) -> None:
    if (space.partial / STATE).exists() and resume is False and not overwrite:
        raise OutputError(
            "an unfinished build is there",
            where=str(space.partial),
            hint="continue it with --resume, or throw it away with --overwrite",
        )
    if (resume and space.published) or not space.out.exists():
        return
    if space.out.is_dir() and not any(space.out.iterdir()):
        return
    if not (space.out / marker).is_file():
        raise OutputError(
            f"the output exists and is no thyrodata dataset or export: it has no {marker}",
            where=str(space.out),
            hint="choose another place for OUT; --overwrite replaces nothing but what thyrodata made",
        )
    if not overwrite:
        raise OutputError(
            "the output exists",
            where=str(space.out),
            hint=f"choose another place for OUT, or {'--resume ' if resume else ''}--overwrite",
        )


def _is_ours(partial: Path) -> bool:
    return partial.is_dir() and {entry.name for entry in partial.iterdir()} <= OURS


def _begin(space: Workspace, state: Mapping[str, str], *, resume: bool) -> None:
    if resume:
        _check_state(space, state)
        return
    replaced = space.partial / "replaced"
    if replaced.exists() and not space.out.exists():
        rename(replaced, space.out)  # a kill came before the new one could take its place
    (space.partial / STATE).unlink(missing_ok=True)  # first, or what is left would pass for published
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
