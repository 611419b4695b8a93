"""A dataset from its tree on the Hub: the files beside its images, and the images out of the shards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from thyrodata.dataset import MANIFEST, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError
from thyrodata.exports.huggingface import DATASET
from thyrodata.io.files import write_file, write_image
from thyrodata.io.hashes import SUMS, list_files, read_sums
from thyrodata.io.shards import stream_pictures

__all__ = ["needed", "restore_tree"]

_SHARDS = "data/"

_IMAGES = "images/"

_AGAIN = "download it again; if that does not help, what was published is not whole"


def needed(paths: Iterable[str], where: str) -> list[str]:
    """Return those files of a tree that a dataset is made from, sorted.

    Args:
        paths: Of all its files.
        where: What a person would open.

    Raises:
        DatasetError: It holds no dataset.
    """
    found = sorted(path for path in paths if path.startswith((f"{DATASET}/", _SHARDS)))
    if f"{DATASET}/{MANIFEST}" not in found:
        raise DatasetError(
            f"there is no dataset of thyrodata: {DATASET}/{MANIFEST} is missing",
            where=where,
            hint="what others have published can be downloaded, and converted from its files",
        )
    return found


def restore_tree(tree: Path, folder: Path, progress: Progress | None = None) -> None:
    """Write the dataset that a tree holds into a folder; every file of it has the bytes that it had.

    Args:
        tree: What `export huggingface` writes, or a download of it.
        folder: Where the dataset is made; what is there is replaced.
        progress: Called with the number of images written and of all.

    Raises:
        DatasetError: A file is missing, or is not what the checksums say.
        OutputError: A file could not be written.
    """
    sums = read_sums(tree / DATASET / SUMS)
    images = sum(path.startswith(_IMAGES) for path in sums)
    missing = set(sums)
    done = 0
    for path, data in _contents(tree, sums):
        if sha256(data).hexdigest() != sums[path]:
            raise DatasetError(f"{path} differs from its checksum", where=str(tree), hint=_AGAIN)
        write_image(f"{folder}/{path}", data)
        missing.discard(path)
        done += path.startswith(_IMAGES)
        if progress and path.startswith(_IMAGES):
            progress(done, images)
    if missing:
        raise DatasetError(
            f"{len(missing)} files are missing, the first is {min(missing)}", where=str(tree), hint=_AGAIN
        )
    write_file(folder / SUMS, (tree / DATASET / SUMS).read_bytes())
    problems = Dataset(folder).verify()
    if problems:
        raise DatasetError(f"{problems[0].path} {problems[0].what}", where=str(tree), hint=_AGAIN)


def _contents(tree: Path, sums: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files that the checksums name, once each."""
    for path in list_files(tree / DATASET):
        if path in sums:
            yield path, (tree / DATASET / path).read_bytes()
    for shard in sorted((tree / _SHARDS).rglob("*.parquet")):
        for path, data in stream_pictures(shard):
            if path in sums and path.startswith(_IMAGES):
                yield path, data
