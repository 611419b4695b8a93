"""The files of a scanner's export: a folder as it came, and the ZIP archives in it.

A file is known by its ordinal in the sorted listing, since its name may be a person's. Nothing that leads out
of the folder is followed, and nothing is unpacked to a place that an archive names.
"""

from __future__ import annotations

import atexit
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from thyrodata.errors import CaseError, OutputError, RawLayoutError
from thyrodata.io.files import writing
from thyrodata.io.raw import natural_key
from thyrodata.sandbox import alive

__all__ = ["Archive", "SourceFile", "archive_of", "list_source", "opened"]

MAX_MEMBERS = 20_000
"""Of an archive. A scanner's export of a day has some thousands."""

MAX_MEMBER_BYTES = 2**32
"""Of one file in an archive, unpacked: a clip of 3,000 frames of 800 x 600 RGB."""

MAX_RATIO = 100
"""Unpacked to packed size of an archive beyond :data:`FREE_BYTES`. Screens, black for a good part, shrink to
a tenth or twentieth; deflate allows 1032."""

FREE_BYTES = 2**28
"""Unpacked bytes of an archive that need no ratio."""

_BLOCK = 2**20
_AGAIN = "copy the export again"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OTHER_ARCHIVES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x28\xb5\x2f\xfd")
_TAR, _TAR_OFFSET = b"ustar", 257


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file of the export, or a member of an archive in it."""

    ordinal: str
    """``7``, or ``7.3`` for the third member of archive 7; both count from 1."""
    root: Path
    path: str
    """Relative to the root. It may name a person, and is never shown."""
    member: int | None = None
    """0-based, in the archive's own list."""
    problem: str = ""
    """Why it is not opened, seen from the listing; empty if nothing is known to be wrong."""
    stamp: tuple[int, ...] = ()
    """Bytes and time of change, ns, of the file as it was listed. One that has changed since is not opened:
    its header might be of one person, and its pixels of another."""

    @property
    def where(self) -> str:
        """The place that is shown."""
        return f"file {self.ordinal}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What is in an archive."""

    members: tuple[SourceFile, ...]


def list_source(root: Path) -> tuple[SourceFile, ...]:
    """Return every file below a folder in natural order of their paths; links are listed, not followed.

    Raises:
        RawLayoutError: The folder is none, is empty, or cannot be listed.
    """
    if not root.is_dir():
        raise RawLayoutError(
            "the source is not a folder", where=str(root), hint="give the folder of the scanner's export"
        )
    found = sorted(_walk(root), key=lambda entry: (natural_key(entry[0]), entry[0]))
    if not found:
        raise RawLayoutError(
            "the source folder is empty", where=str(root), hint="give the folder of the scanner's export"
        )
    return tuple(
        SourceFile(ordinal=str(number), root=root, path=path, problem=problem, stamp=stamp)
        for number, (path, problem, stamp) in enumerate(found, 1)
    )


def _walk(root: Path) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield path, problem and stamp of everything that is no folder, in any order."""
    folders = [""]  # a call for each would end at Python's limit, a thousand levels down
    while folders:
        below = folders.pop()
        try:
            with os.scandir(root / below) as entries:
                listed = list(entries)
        except OSError:
            yield below, "the folder cannot be listed", ()
            continue
        for entry in listed:
            path = below + entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                yield path, "it was gone before it could be looked at", ()
                continue
            if stat.S_ISDIR(status.st_mode):
                folders.append(path + "/")
            else:
                yield path, _problem(status.st_mode), _stamp(status)


def _problem(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "it is a link"
    return "" if stat.S_ISREG(mode) else "it is not a regular file"


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_size, status.st_mtime_ns)


@contextmanager
def opened(file: SourceFile, work: Path) -> Iterator[BinaryIO]:
    """Open a file, unpacked if it lies in an archive.

    Args:
        file: The file.
        work: The folder for what is unpacked, which has no name there and is gone with the block.

    Raises:
        CaseError: It cannot be opened, or the member of an archive is not one that may be unpacked.
        OutputError: The disk is full.
    """
    if file.problem:
        raise CaseError(file.problem, where=file.where, hint="only regular files are read")
    with _local(file) as stream:
        if file.member is None:
            yield stream
            return
        with tempfile.TemporaryFile(dir=work) as unpacked:
            _unpack(stream, file.member, unpacked, work, file.where)
            unpacked.seek(0)
            yield unpacked


@contextmanager
def _local(file: SourceFile) -> Iterator[BinaryIO]:
    """Open the file in the folder, unless something else has taken its place since it was listed."""
    try:
        handle = os.open(file.root / file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise CaseError("the file cannot be opened", where=file.where, hint=_AGAIN) from None
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise CaseError("it is not a regular file", where=file.where, hint="only regular files are read")
        if file.stamp not in ((), _stamp(status)):
            raise CaseError("the file has changed while it was read", where=file.where, hint=_AGAIN)
        yield stream


def archive_of(file: SourceFile, stream: BinaryIO) -> Archive | None:
    """Return what is in a file if it is an archive, else ``None``; the stream is rewound.

    Raises:
        CaseError: It is an archive that is not read: of another kind than ZIP, in another archive, broken,
            or a bomb.
    """
    head = stream.read(_TAR_OFFSET + len(_TAR))
    stream.seek(0)
    if head.startswith(_OTHER_ARCHIVES) or head[_TAR_OFFSET:] == _TAR:
        raise CaseError(
            "the file is an archive of a kind that is not read", where=file.where, hint="unpack it first"
        )
    if not head.startswith(_ZIP):
        return None
    if file.member is not None:
        raise CaseError("the file is an archive inside an archive", where=file.where, hint="unpack it first")
    members = _zip(stream, file.where).infolist()
    _check_size(members, os.fstat(stream.fileno()).st_size, file.where)
    names: set[str] = set()
    found = tuple(
        SourceFile(
            ordinal=f"{file.ordinal}.{number}",
            root=file.root,
            path=file.path,
            member=number - 1,
            stamp=file.stamp,
            problem=_member_problem(member, names),
        )
        for number, member in enumerate(members, 1)
        if not member.is_dir()
    )
    return Archive(members=found)


_latest: dict[tuple[int, ...], zipfile.ZipFile] = {}
"""The archive that was read last, by what tells it from others: else its directory, as long as it has
members, would be read again for each of them."""

_held = ExitStack()
"""What it keeps open."""
atexit.register(_held.close)


def _zip(stream: BinaryIO, where: str) -> zipfile.ZipFile:
    status = os.fstat(stream.fileno())
    key = (status.st_dev, status.st_ino, *_stamp(status))
    if key not in _latest:
        _latest.clear()
        _held.close()
        own = _held.enter_context(os.fdopen(os.dup(stream.fileno()), "rb"))
        try:
            _latest[key] = _held.enter_context(zipfile.ZipFile(own))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 -- the parser raises what it happens to raise, and quotes names
            raise CaseError("the archive is broken", where=where, hint=_AGAIN) from None
    return _latest[key]


def _check_size(members: list[zipfile.ZipInfo], packed: int, where: str) -> None:
    unpacked = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS:
        what = f"the archive has {len(members)} members, more than {MAX_MEMBERS}"
    elif unpacked > FREE_BYTES and unpacked > MAX_RATIO * packed:
        what = f"the archive unpacks to {unpacked} bytes, more than {MAX_RATIO} times its size"
    else:
        return
    raise CaseError(what, where=where, hint="unpack it first, if it is what it should be")


def _member_problem(member: zipfile.ZipInfo, names: set[str]) -> str:
    name = member.filename
    kind = stat.S_IFMT(member.external_attr >> 16)
    windows = PureWindowsPath(name)
    if ".." in windows.parts or PurePosixPath(name).is_absolute() or windows.anchor:
        return "the archive gives it a place outside of itself"
    if kind not in (0, stat.S_IFREG):
        return "it is a link or another thing that is no file"
    if member.flag_bits & 1:
        return "it is encrypted"
    if member.file_size > MAX_MEMBER_BYTES:
        return f"it unpacks to more than {MAX_MEMBER_BYTES} bytes"
    if name in names:
        return "the archive has two files of its name"
    names.add(name)
    return ""


def _unpack(stream: BinaryIO, number: int, target: BinaryIO, work: Path, where: str) -> None:
    """Unpack a member, as many bytes as its archive says that it has."""
    archive = _zip(stream, where)
    member = archive.infolist()[number]
    size = 0
    try:
        with archive.open(member) as source:
            while (block := source.read(_BLOCK)) and size <= member.file_size:
                size += len(block)
                alive()
                with writing(work):
                    target.write(block)
    except (MemoryError, OutputError):
        raise
    except Exception:  # noqa: BLE001 -- as above; a wrong checksum too
        size = -1
    if size != member.file_size:
        raise CaseError("the member of the archive is broken", where=where, hint=_AGAIN)
