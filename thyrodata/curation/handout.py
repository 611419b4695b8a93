"""Writing what readers get: images anew, without metadata, and the files of their tool."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from thyrodata.annotation.assignment import Task
from thyrodata.annotation.instructions import batch_file, instructions, setup_file
from thyrodata.annotation.worklist import WorkLists
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import CaseError
from thyrodata.io.drawn import GivenImage
from thyrodata.io.files import write_file, write_image, writing
from thyrodata.io.images import decode_image
from thyrodata.io.png import encode_png
from thyrodata.pool import mapped
from thyrodata.sample import Kept
from thyrodata.schema.record import Reading

__all__ = ["ShownImage", "copy_images", "hand_out"]

_NEUTRAL_TIME = 315_532_800
"""1980-01-01, the earliest that ZIP archives hold. The times of files would tell in which order the images of
the dataset were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPicture:
    """See :class:`thyrodata.schema.record.ImageRef`."""

    path: str | None
    sha256: str | None
    bit_depth: int | None
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownImage:
    """The fields of a record that a work list needs."""

    image_id: str
    image: ShownPicture
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """An image, and the files that it becomes."""

    source: Kept
    size: tuple[int, int]
    """Width and height that the record says, in pixels."""
    targets: tuple[str, ...]


def hand_out(
    folder: Path,
    lists: WorkLists,
    task: Task,
    dataset: Dataset,
    images: Mapping[str, ShownImage],
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write the folders of all readers.

    Args:
        folder: Where they are made.
        lists: What each reader gets.
        task: What is asked.
        dataset: Where the images are.
        images: The images of the lists, by id.
        workers: Processes; 1 is this process.
        progress: Called with the number of images written and of all.

    Raises:
        DatasetError: An image is missing, or not what its record says.
        CaseError: An image cannot be decoded, or has another size than its record says.
        OutputError: A file could not be written.
    """
    for each in lists.lists:
        home = folder / each.reader
        with writing(home):
            home.mkdir()
        name, data = setup_file(task)
        write_file(home / name, data)
        write_file(home / "README.txt", instructions(task))
        for batch in each.batches:
            blank = []
            for entry in batch:
                picture = images[entry.item.image_id].image
                blank.append(GivenImage(file=entry.file, width=picture.width, height=picture.height))
            name, data = batch_file(task, blank)
            write_image(f"{home}/{batch[0].file.partition('/')[0]}/{name}", data)
    targets: dict[str, list[str]] = defaultdict(list)
    for each in lists.lists:
        for entry in each.entries:
            targets[entry.item.image_id].append(f"{folder}/{each.reader}/{entry.file}")
    copy_images(dataset, images, targets, workers, progress)


def copy_images(
    dataset: Dataset,
    images: Mapping[str, ShownImage],
    targets: Mapping[str, Sequence[str]],
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write images anew as PNG of the same pixels, without metadata.

    Args:
        dataset: Where the images are.
        images: The images, by id.
        targets: The files that each of them becomes, by its id.
        workers: Processes; 1 is this process.
        progress: Called with the number of images written and of all.

    Raises:
        DatasetError: An image is missing, or not what its record says.
        CaseError: An image cannot be decoded, or has another size than its record says.
        OutputError: A file could not be written.
    """
    copies = tuple(_copies(dataset, images, targets))
    with mapped(_write_copy, ((copy,) for copy in copies), workers) as written:
        for number, _ in enumerate(written, 1):
            if progress:
                progress(number, len(copies))


def _copies(
    dataset: Dataset, images: Mapping[str, ShownImage], targets: Mapping[str, Sequence[str]]
) -> Iterator[_Copy]:
    for image_id, files in targets.items():
        image = images[image_id].image
        kept = Kept(
            place=f"{dataset.path}/{image.path}",
            path=image_id,
            sha256=image.sha256 or "",
            bit_depth=image.bit_depth or 0,
        )
        yield _Copy(source=kept, size=(image.width, image.height), targets=tuple(files))


def _write_copy(copy: _Copy) -> None:
    """Write the pixels of an image as PNG, which holds nothing else."""
    pixels = decode_image(copy.source.read(), copy.source.place)
    height, width = pixels.shape[:2]
    if (width, height) != copy.size:
        raise CaseError(
            f"the image has {width} x {height} px, its record says {copy.size[0]} x {copy.size[1]}",
            where=copy.source.place,
            hint="outlines would not fit: convert the source again",
        )
    data = encode_png(pixels)
    for target in copy.targets:
        write_image(target, data)
        with writing(Path(target)):
            os.utime(target, (_NEUTRAL_TIME, _NEUTRAL_TIME))
