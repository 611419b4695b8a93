"""Checksums of files, in the form that ``sha256sum -c`` reads."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from thyrodata.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SUMS", "format_sums", "hash_file", "hash_pixels", "list_files", "read_sums"]

SUMS = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64})  ([^\x00-\x1f\x7f\\]+)")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in lower-case hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_pixels(array: np.ndarray) -> str:
    """Return the SHA-256 of an array's type, shape and samples, big-endian, row by row."""
    wide = array.astype(array.dtype.newbyteorder(">"), order="C", copy=False)
    digest = hashlib.sha256(f"{wide.dtype.str} {wide.shape}\n".encode())
    digest.update(wide.data)
    return digest.hexdigest()


def list_files(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, relative to it, sorted. Links are not followed."""
    return sorted(_walk(f"{folder}/", ""))


def _walk(root: str, below: str) -> Iterator[str]:
    with os.scandir(root + below) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(root, f"{below}{entry.name}/")
            else:
                yield below + entry.name


def format_sums(sums: Mapping[str, str]) -> bytes:
    """Return the content of a checksum file, sorted by path."""
    return "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode("utf-8", "surrogateescape")


def read_sums(path: Path) -> dict[str, str]:
    """Return the checksum of each file by its path.

    Raises:
        DatasetError: The file is missing or a line of it is no checksum of a file in the dataset.
    """
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise DatasetError(
            f"the checksums cannot be read: {error.strerror}",
            where=str(path),
            hint="the dataset is not whole: convert the source again",
        ) from None
    if text and not text.endswith("\n"):
        text += "\n"
    sums: dict[str, str] = {}
    for number, line in enumerate(text.split("\n")[:-1], 1):
        found = _LINE.fullmatch(line)
        if not found or found[2] in sums or ".." in found[2].split("/") or found[2].startswith("/"):
            raise DatasetError(
                "a line is no checksum of a file in the dataset",
                where=f"{path}:{number}",
                hint="the checksums are damaged: convert the source again",
            )
        sums[found[2]] = found[1]
    return sums
