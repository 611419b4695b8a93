"""Writing files whole or not at all, and saying what went wrong when the disk does not oblige."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from thyrodata.errors import CaseError, OutputError

__all__ = [
    "link_image",
    "read_bytes",
    "read_text",
    "rename",
    "replacing",
    "write_file",
    "write_image",
    "writing",
]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals inside the block into errors that name the file.

    Raises:
        OutputError: The disk is full, the place is read-only, or the like.
    """
    try:
        yield
    except OSError as error:
        raise _output_error(error, path) from None


def _output_error(error: OSError, path: Path) -> OutputError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return OutputError(
        "the disk is full" if full else f"cannot write: {error.strerror or error}",
        where=str(path),
        hint=(
            "free some space, then run again; with --resume if OUT.partial is there"
            if full
            else "check the folder's permissions and limits"
        ),
    )


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a stream whose bytes take the path's place when the block ends well, and vanish when it does not.

    Raises:
        OutputError: The bytes could not be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with writing(path):
            with part.open("wb") as stream:
                yield stream
            rename(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def rename(old: Path, new: Path) -> None:
    """Give a file or folder its final name; a file of that name is replaced."""
    old.replace(new)


def write_file(path: Path, data: bytes) -> None:
    """Write a file's bytes, whole or not at all.

    Raises:
        OutputError: They could not be written.
    """
    with replacing(path) as stream:
        stream.write(data)


def read_bytes(path: str, size: int) -> bytes:
    """Return a file's bytes; with its size as listed in one call to the system, if it has not changed.

    Raises:
        OSError: It cannot be read.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        data = os.read(handle, size + 1)
        while more := len(data) != size and os.read(handle, 1 << 20):
            data += more
    finally:
        os.close(handle)
    return data


def read_text(path: Path) -> str:
    """Return a UTF-8 file's text, its line ends as they are, without a byte-order mark.

    Raises:
        CaseError: It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CaseError(
            f"the file cannot be read: {error.strerror or error}", where=str(path), hint="check its name"
        ) from None
    except UnicodeDecodeError as error:
        raise CaseError(
            f"the file is not UTF-8: byte {error.start}", where=str(path), hint="save it as UTF-8"
        ) from None


def write_image(path: str, data: bytes) -> None:
    """Write an image of a journalled chunk, making its folder if need be.

    No temporary name is needed: after a kill the chunk is not in the journal, and is written again.

    Raises:
        OutputError: It could not be written.
    """
    try:
        _write(path, data)
    except OSError as error:
        raise _output_error(error, Path(path)) from None


def link_image(source: str, target: str) -> None:
    """Make a hard link to an image, and its folder if need be; a file that is at the target is replaced.

    Raises:
        OutputError: It could not be made, such as from one disk to another.
    """
    try:
        _link(source, target)
    except OSError as error:
        raise OutputError(
            f"cannot link: {error.strerror}", where=target, hint="leave --link out: images are then copied"
        ) from None


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
    except FileExistsError:  # of a chunk that a kill left unfinished
        Path(target).unlink()
        os.link(source, target)


def _write(path: str, data: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
    finally:
        os.close(handle)
