"""Tar files of a bounded size, written as a stream: the same bytes each time, without time or owner."""

from __future__ import annotations

import io
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Self

from thyrodata.exports.folder import Folder
from thyrodata.io.files import writing

__all__ = ["ShardPlan", "TarShards", "member_size"]


def _entry(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def member_size(name: str, size: int) -> int:
    """Return the bytes that a file takes in a tar, with its header and padding."""
    header = _entry(name, size).tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    return len(header) + _up(size, tarfile.BLOCKSIZE)


def _up(size: int, to: int) -> int:
    return -(-size // to) * to


class ShardPlan:
    """Which shard of its part each sample goes to: a new one where the last would become too large.

    Args:
        most: The bytes of a shard; a sample that is larger has one to itself.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._sizes: dict[str, list[int]] = defaultdict(list)

    def place(self, part: str, size: int) -> str:
        """Return the name of the shard that takes a sample of so many bytes by :func:`member_size`."""
        sizes = self._sizes[part]
        if not sizes or sizes[-1] + size > self._most:
            sizes.append(0)
        sizes[-1] += size
        return f"{part}-{len(sizes) - 1:06d}.tar"

    @property
    def shards(self) -> list[int]:
        """The bytes of each shard, with the two empty blocks at its end and the padding of tar's records."""
        return [
            _up(size + 2 * tarfile.BLOCKSIZE, tarfile.RECORDSIZE)
            for sizes in self._sizes.values()
            for size in sizes
        ]


class _Shard:
    """A shard that is being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            self.stream = path.open("wb")
        # Nothing is written before the first member is.
        self._tar = tarfile.TarFile(
            fileobj=self.stream, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8"
        )

    def add(self, name: str, data: bytes) -> None:
        with writing(self.path):
            self._tar.addfile(_entry(name, len(data)), io.BytesIO(data))

    def finish(self) -> None:
        with writing(self.path):
            self._tar.close()
            self.stream.close()


class TarShards:
    """The shards of a folder, of each part one that is open. A context manager."""

    def __init__(self, out: Folder) -> None:
        self._out = out
        self._open: dict[str, _Shard] = {}

    def __enter__(self) -> Self:
        """Return the shards."""
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Finish what is open; after a failure, only close it."""
        for part in [*self._open]:
            if failed is None:
                self._finish(part)
            else:
                self._open[part].stream.close()

    def add(self, part: str, shard: str, name: str, data: bytes) -> None:
        """Add a file to a part's shard, and finish the one before.

        Raises:
            OutputError: It could not be written.
        """
        if part in self._open and self._open[part].path.name != shard:
            self._finish(part)
        if part not in self._open:
            self._open[part] = _Shard(self._out.path / shard)
        self._open[part].add(name, data)

    def _finish(self, part: str) -> None:
        shard = self._open.pop(part)
        shard.finish()
        self._out.count(shard.path.name)
