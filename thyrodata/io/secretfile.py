"""Files that only their owner may read, and that must not travel with a dataset or a project."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from thyrodata.errors import CaseError, OutputError, UsageError
from thyrodata.io.files import rename, writing

__all__ = ["check_place", "create_secret", "read_secret", "replace_secret", "shred"]

MAX_BYTES = 2**28
"""A crosswalk of a million patients is less than half as long."""

_OWNER_ONLY = 0o600


def check_place(path: Path, out: Path | None = None) -> None:
    """Refuse a place from which a secret would be given away.

    Args:
        path: The secret, there or not. Links in the folders above it are followed.
        out: The dataset that is made with it.

    Raises:
        UsageError: It is a link, or lies inside the dataset or inside a git work tree.
    """
    if path.is_symlink():
        raise UsageError("it is a link", where=str(path), hint="name the file that it leads to")
    real = path.resolve()
    if out is not None and real.is_relative_to(out.resolve()):
        raise UsageError(
            "it lies inside the dataset, and would be given away with it",
            where=str(path),
            hint="move it to a folder that only you can read",
        )
    for folder in real.parents:
        if os.path.lexists(folder / ".git"):  # a folder; in a submodule or a linked work tree, a file
            raise UsageError(
                "it lies inside a git work tree, and could be committed",
                where=str(path),
                hint="move it to a folder that is not under version control",
            )


def create_secret(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read, and see to it that it outlasts a loss of power.

    Raises:
        OutputError: The file exists, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        handle = os.open(path, flags, _OWNER_ONLY)
    except FileExistsError:
        raise OutputError(
            "the file exists, and a secret is never replaced", where=str(path), hint="choose another name"
        ) from None
    except OSError as error:
        raise OutputError(
            f"cannot write: {error.strerror}", where=str(path), hint="check the folder's permissions"
        ) from None
    try:
        with writing(path), os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), _OWNER_ONLY)  # whatever the umask took away
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        with writing(path):
            _sync_folder(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def replace_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read in the place of the one of that name, whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    part = path.with_name(path.name + ".part")
    with writing(path):
        part.unlink(missing_ok=True)  # of a run that was killed
    create_secret(part, data)
    with writing(path):
        rename(part, path)
        _sync_folder(path)


def _sync_folder(path: Path) -> None:
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_secret(path: Path) -> bytes:
    """Return the bytes of a file that only its owner may read.

    Raises:
        CaseError: It is missing, no regular file, larger than a secret is, or others may read it.
    """
    try:
        # Not blocking: a named pipe would else be waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(stream.fileno())
            _check_status(path, status)
            return stream.read()
    except OSError as error:
        raise CaseError(
            f"the file cannot be read: {error.strerror}", where=str(path), hint="check its name and owner"
        ) from None


def _check_status(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
        raise CaseError("it is not such a file", where=str(path), hint="check its name")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CaseError(
            "others than its owner may read or change it", where=str(path), hint=f"chmod 600 {path}"
        )


def shred(path: Path) -> int:
    """Overwrite a file with zeros on the disk, then remove it.

    Returns:
        How many other names (hard links) the file had: they hold zeros now.

    Raises:
        OutputError: It cannot be overwritten or removed.
    """
    with writing(path):
        with path.open("r+b") as stream:
            status = os.fstat(stream.fileno())
            stream.write(bytes(status.st_size))
            stream.flush()
            os.fsync(stream.fileno())
        path.unlink()
        _sync_folder(path)
    return status.st_nlink - 1
