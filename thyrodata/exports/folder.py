"""The folder that an export fills: labels at once, images once the account is accepted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from thyrodata.dataset import Dataset
from thyrodata.errors import DatasetError, UsageError
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.pictures import as_shown
from thyrodata.io.files import link_image, read_bytes, write_image
from thyrodata.io.windows import PixelWindow

__all__ = ["FileNames", "Folder", "file_name", "image_size", "read_image"]

Progress = Callable[[int, int], None]

_PLAIN_NAME = re.compile(r"[\w-]+")


class _Picture(NamedTuple):
    source: str
    target: str
    window: PixelWindow | None
    channels: int | None
    size: int | None


class _Deferred(NamedTuple):
    images: int
    files: int
    bytes: int
    write: Callable[[Callable[[], None]], None]


class Shown(Protocol):
    """An image as a view shows it."""

    @property
    def image_id(self) -> str:
        """See :class:`thyrodata.schema.record.ImageRecord`."""
        ...

    @property
    def path(self) -> str | None:
        """The image's file, relative to the dataset's folder."""
        ...

    @property
    def window(self) -> PixelWindow | None:
        """What to reduce the image's stored values to 8 bits by, if the file does not stay as it is."""
        ...


class Folder:
    """A new folder in which a format's files are written. Names are relative to it, with forward slashes.

    Args:
        path: The folder.

    Attributes:
        path: For files that are streamed; folders below it are the writer's to make.
        files: How many files were written.
        bytes: How long they are together.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = 0
        self.bytes = 0
        self._pictures: list[_Picture] = []
        self._deferred: list[_Deferred] = []

    def write(self, name: str, data: bytes) -> None:
        """Write a file, and the folders above it if need be.

        Raises:
            OutputError: It could not be written.
        """
        write_image(f"{self.path}/{name}", data)
        self.files += 1
        self.bytes += len(data)

    def count(self, name: str) -> None:
        """Count a file that was streamed."""
        self.files += 1
        self.bytes += image_size(f"{self.path}/{name}")

    def image(self, image: Shown, name: str, *, channels: int | None = None, size: int | None = None) -> None:
        """Have the image's file written under a name, copied or windowed, if the losses are accepted.

        Args:
            image: The image.
            name: Of the file that is written.
            channels: Write a PNG of so many channels, 1 or 3, in place of the file as it is.
            size: How many bytes it will have at most; by default as many as the dataset's file.
        """
        if image.path is None:
            raise ValueError(f"{image.image_id} has no file: the view was not told that images are written")
        self._pictures.append(_Picture(image.path, name, image.window, channels, size))

    def defer(
        self, write: Callable[[Callable[[], None]], None], *, images: int, files: int, size: int
    ) -> None:
        """Have files written that hold images within them, if the losses are accepted.

        Args:
            write: Writes them, and calls what it is given after each image. It cannot make hard links.
            images: How many images they will hold.
            files: How many files there will be.
            size: About how many bytes they will have together.
        """
        self._deferred.append(_Deferred(images, files, size, write))

    def waiting(self, dataset: Dataset) -> tuple[int, int]:
        """Return how many files of images are to be written, and the bytes of the images as they are now."""
        sizes = [
            image_size(f"{dataset.path}/{picture.source}") if picture.size is None else picture.size
            for picture in self._pictures
        ]
        return (
            len(sizes) + sum(deferred.files for deferred in self._deferred),
            sum(sizes) + sum(deferred.bytes for deferred in self._deferred),
        )

    def write_images(self, dataset: Dataset, *, link: bool, progress: Progress | None) -> None:
        """Write the images that were asked for.

        Args:
            dataset: Where they are.
            link: Make hard links instead of copies, where a file stays as it is.
            progress: Called with the number of images done and of all.

        Raises:
            DatasetError: A file is missing.
            CaseError: A file that is to be windowed or written anew cannot be decoded.
            OutputError: One could not be written, or linked.
            UsageError: Links are asked for, and images are written within other files.
        """
        if link and self._deferred:
            raise UsageError(
                "images are written within other files, which cannot be links", hint="leave --link out"
            )
        done = _Count(len(self._pictures) + sum(deferred.images for deferred in self._deferred), progress)
        for deferred in self._deferred:
            deferred.write(done)
        for picture in self._pictures:
            source, target = f"{dataset.path}/{picture.source}", f"{self.path}/{picture.target}"
            if link and picture.window is None and picture.channels is None:
                image_size(source)  # a file of the dataset that is missing is not the output's fault
                link_image(source, target)
                self.count(picture.target)
            else:
                data = as_shown(read_image(source), source, picture.window, channels=picture.channels)
                self.write(picture.target, data)
            done()


class _Count:
    """Counts images, and says so."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done = 0
        self._total = total
        self._progress = progress

    def __call__(self) -> None:
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total)


def read_image(path: str) -> bytes:
    """Return the bytes of a dataset's image.

    Raises:
        DatasetError: It cannot be read.
    """
    size = image_size(path)
    try:
        return read_bytes(path, size)
    except OSError as error:
        raise _missing(path, error) from None


def image_size(path: str) -> int:
    """Return how many bytes a dataset's image has.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        return os.stat(path).st_size  # noqa: PTH116 -- a path object costs as much again
    except OSError as error:
        raise _missing(path, error) from None


def _missing(path: str, error: OSError) -> DatasetError:
    return DatasetError(
        f"an image cannot be read: {error.strerror or error}",
        where=path,
        hint="run `thyrodata verify` on the dataset",
    )


def file_name(image: Shown) -> tuple[str, str]:
    """Return an image's place below the dataset's ``images/`` without its suffix, and the suffix.

    Where there is no file it is the image's id without the namespace, and no suffix.
    """
    if image.path is None:
        name = image.image_id.partition("/")[2]
        if not _PLAIN_NAME.fullmatch(name):
            parts = name.replace("\\", "%5C").split("/")
            name = "/".join(part if part.strip(".") else part.replace(".", "%2E") or "%" for part in parts)
        return name, ""
    folder, slash, name = image.path.removeprefix("images/").rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    if not stem:  # a name without a dot, or with none but the first character
        stem, dot, suffix = name, "", ""
    return folder + slash + stem, dot + suffix if image.window is None else ".png"


class FileNames:
    """Gives every file of an export a name of its own, also where a file system does not tell cases apart.

    Of names that differ only in case, or where ``suffix`` is left out in what a label's suffix replaces, all
    but the first get a number, in the records' order, and are counted as renamed.
    """

    def __init__(self, ledger: LossLedger) -> None:
        self._ledger = ledger
        self._taken: set[str] = set()

    def take(self, stem: str, suffix: str = "") -> str:
        """Return the stem as it is, or with the number that makes it a name which is not taken."""
        free, n = stem, 1
        while (key := (free + suffix).casefold()) in self._taken:
            n += 1
            free = f"{stem}-{n}"
        self._taken.add(key)
        if n > 1:
            self._ledger.change("images", "renamed")
        return free
