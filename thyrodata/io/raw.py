"""A raw source: the only door to the files a converter reads."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from thyrodata.errors import CaseError, RawLayoutError, UsageError
from thyrodata.io.files import read_bytes
from thyrodata.io.images import ImageHeader, probe_image
from thyrodata.schema.record import ImageRef

__all__ = ["Raw", "RawFile", "RawImage", "at_most_one", "named_file", "natural_key", "show_path"]

T = TypeVar("T")

MAX_FILE_BYTES = 2**30
"""Larger files are not read whole: images and case files are a thousand times smaller."""

_UNFIT = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_DIGITS = re.compile(r"[0-9]+")


def natural_key(name: str) -> str:
    """Return a sort key that puts ``2.xml`` before ``10.xml``: the name with its numbers padded by zeros."""
    return _DIGITS.sub(lambda digits: digits[0].zfill(20), name)


def show_path(path: str) -> str:
    """Return a path as text that any terminal, line of text and JSON file can hold."""
    if path.isascii() and path.isprintable():  # as nearly all are, and quicker to see
        return path
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class Raw:
    """A source folder. It is only ever read.

    One process has one ``Raw`` per folder, however often it is unpickled, so that ``reads`` is complete.

    Args:
        root: The folder.
        label: Tells the files of a second folder, read beside the source, from the source's own: they are
            shown as ``label:path``. Empty for the source itself.

    Raises:
        RawLayoutError: It is not a folder.
    """

    _opened: dict[tuple[Path, str], Raw] = {}  # noqa: RUF012 -- the point is that it is shared

    def __init__(self, root: Path, label: str = "") -> None:
        if not root.is_dir():
            what = "is not a folder" if root.exists() else "does not exist"
            raise RawLayoutError(
                f"the source {what}", where=str(root), hint="give the folder that holds the release's files"
            )
        self.root = root
        self.label = label
        self.reads: dict[str, str] = {}
        """SHA-256 of every file read so far in this process, by path."""
        self.made: dict[tuple[str, Callable[[RawFile], Any]], Any] = {}
        """What :meth:`RawFile.once` has made of files so far in this process, and the file's SHA-256."""

    def __reduce__(self) -> tuple[object, ...]:
        """Unpickle to the process's own object for this folder."""
        return (_open_raw, (self.root, self.label))

    @cached_property
    def files(self) -> tuple[RawFile, ...]:
        """Every file below the folder, sorted naturally by path.

        Raises:
            RawLayoutError: A file is a link that leads out of the folder, or no regular file.
        """
        found = [RawFile(self, path, size, mtime) for path, size, mtime in _walk(self.root, "")]
        found.sort(key=lambda file: file.path)  # settles what the next key leaves equal: 1.xml and 01.xml
        found.sort(key=lambda file: natural_key(file.path))
        return tuple(found)

    def forget(self) -> None:
        """Let the listing go. The source and its files hold each other, which only a collector could undo."""
        self.__dict__.pop("files", None)

    def listing_sha256(self) -> str:
        """Return a hash of every file's path, size and time of change: equal while nothing is touched."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{show_path(file.path)}\0{file.size}\0{file.mtime_ns}\n".encode())
        return digest.hexdigest()


def _open_raw(root: Path, label: str) -> Raw:
    if (root, label) not in Raw._opened:  # noqa: SLF001 -- its own constructor
        Raw._opened[root, label] = Raw(root, label)  # noqa: SLF001
    return Raw._opened[root, label]  # noqa: SLF001


def _walk(root: Path, below: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(root / below) as entries:
        for entry in entries:
            path = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(root, path + "/")
                continue
            if entry.is_symlink() and not (root / path).resolve().is_relative_to(root.resolve()):
                raise RawLayoutError(
                    "a link leads out of the source folder",
                    where=show_path(str(root / path)),
                    hint="copy the file it points to into the folder",
                )
            try:
                status = entry.stat()
            except OSError as error:
                raise _layout_error(root, path, error.strerror or str(error)) from None
            if not stat.S_ISREG(status.st_mode):
                raise _layout_error(root, path, "it is not a regular file or a folder")
            yield path, status.st_size, status.st_mtime_ns


def _layout_error(root: Path, path: str, reason: str) -> RawLayoutError:
    return RawLayoutError(
        f"a file of the source cannot be read: {reason}",
        where=show_path(str(root / path)),
        hint="remove it from the folder",
    )


class RawFile:
    """One file of a source.

    Attributes:
        raw: The source.
        path: Relative to its folder, with forward slashes.
        size: Bytes.
        mtime_ns: When it was last changed, in nanoseconds.
    """

    __slots__ = ("mtime_ns", "path", "raw", "size")

    def __init__(self, raw: Raw, path: str, size: int, mtime_ns: int) -> None:
        self.raw = raw
        self.path = path
        self.size = size
        self.mtime_ns = mtime_ns

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle small: items travel to workers by the thousand."""
        return (RawFile, (self.raw, self.path, self.size, self.mtime_ns))

    def __str__(self) -> str:
        """Return the path, fit to be shown, after the label of its folder if that has one."""
        return f"{self.raw.label}:{show_path(self.path)}" if self.raw.label else show_path(self.path)

    @property
    def name(self) -> str:
        """The path's last part."""
        return self.path.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its last suffix."""
        return self.name.rpartition(".")[0] or self.name

    @property
    def suffix(self) -> str:
        """The last suffix with its dot, in lower case; empty if there is none."""
        dot = self.path.rfind(".")
        return self.path[dot:].lower() if dot > self.path.rfind("/") + 1 else ""

    @property
    def local(self) -> Path:
        """A path at which a library can open the file; whoever does so calls :meth:`hash` as well."""
        return self.raw.root / self.path

    def hash(self) -> None:
        """Note the hash of a file that is too large to be read whole.

        Raises:
            CaseError: It is gone or unreadable.
        """
        try:
            with self.local.open("rb") as stream:
                self.raw.reads[self.path] = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise self._unreadable(error) from None

    def once(self, make: Callable[[RawFile], T]) -> T:
        """Return what a function makes of the file, calling it once in a process: a table that items share.

        Args:
            make: A function of a module, so that it is the same at every call.

        Raises:
            ThyrodataError: What the function raises; it is called again the next time.
        """
        key = (self.path, make)
        if key not in self.raw.made:
            made: T = make(self)
            self.raw.made[key] = made, self.raw.reads.get(self.path)
        made, digest = self.raw.made[key]
        if digest:  # noted at every use, so that what a chunk has read does not depend on the process
            self.raw.reads[self.path] = digest
        return made

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises:
            CaseError: It is gone, unreadable or too large.
        """
        if self.size > MAX_FILE_BYTES:
            raise CaseError(
                f"the file is larger than {MAX_FILE_BYTES} bytes",
                where=str(self),
                hint="no image or case file is: check what it is",
            )
        try:
            data = read_bytes(f"{self.raw.root}/{self.path}", self.size)
        except OSError as error:
            raise self._unreadable(error) from None
        self.raw.reads[self.path] = hashlib.sha256(data).hexdigest()
        return data

    def _unreadable(self, error: OSError) -> CaseError:
        return CaseError(
            f"the file cannot be read: {error.strerror or error}",
            where=str(self),
            hint="check that the release was copied whole",
        )

    def image(self) -> RawImage:
        """Return the file's bytes with what its header says, without decoding it.

        Raises:
            CaseError: Its name is unfit for a dataset, or it cannot be read, is no image, is cut, or has a
                corrupt header.
        """
        if _UNFIT.search(self.path):
            raise CaseError(
                "an image's name is not UTF-8, or holds a backslash or control character",
                where=str(self),
                hint="rename the file",
            )
        data = self.read()
        header = probe_image(data, str(self))
        return RawImage(file=self, data=data, sha256=self.raw.reads[self.path], header=header)


def named_file(path: str | Path) -> RawFile:
    """Return a file that the user names, to be shown as it was named.

    Raises:
        UsageError: It is not there, or cannot be looked at.
    """
    place = Path(path)
    try:
        status = place.stat()
    except (OSError, ValueError) as error:  # a name may hold a null character
        raise UsageError(
            f"the file cannot be read: {getattr(error, 'strerror', None) or error}",
            where=str(place),
            hint="check its name",
        ) from None
    return RawFile(Raw(Path(place.anchor or ".")), str(place), status.st_size, status.st_mtime_ns)


def at_most_one(files: Sequence[RawFile], what: str) -> RawFile | None:
    """Return the only one of some files that could stand for one thing; ``None`` if there is none.

    Args:
        files: The files.
        what: What they stand for, as the error names it.

    Raises:
        CaseError: There are several.
    """
    if len(files) > 1:
        names = " and ".join(map(str, files))
        raise CaseError(f"{what} is there twice: {names}", where=str(files[0]), hint="remove the wrong one")
    return files[0] if files else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawImage:
    """An image file of a source, as it is."""

    file: RawFile
    data: bytes
    sha256: str
    header: ImageHeader

    def ref(self) -> ImageRef:
        """Return the reference to a byte-identical copy of the file in a dataset."""
        return ImageRef(
            width=self.header.width,
            height=self.header.height,
            path=f"images/{self.file.path}",
            bit_depth=self.header.bit_depth,
            sha256=self.sha256,
        )
