"""What tests of curating operations share: small parents with images, and laws that every operation keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import numpy as np
from toy import finding, graded, make_dataset, record

from thyrodata.change import Row
from thyrodata.dataset import Dataset
from thyrodata.io.png import encode_png
from thyrodata.partition import SplitPlan, add_split
from thyrodata.sample import Absent, Kept, Sample
from thyrodata.schema.geometry import Box
from thyrodata.schema.manifest import Setting
from thyrodata.schema.record import ImageRecord

__all__ = ["Unaltered", "content", "make_parent", "picture", "unchanged", "with_images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unaltered:
    """An operation that takes records as they are."""

    name: ClassVar[str] = "unaltered"
    rows: tuple[Row, ...]

    def settings(self) -> tuple[Setting, ...]:
        return ()

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:
        return Sample(record=record, pixels=picture)

    def files(self) -> Mapping[str, bytes]:
        return {}


def content(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder but the history, which holds a time."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "history.jsonl"
    }


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Assert that the block changes no file below a folder, and adds or removes none."""
    before = content(folder)
    yield
    assert content(folder) == before


def picture(seed: int, *, width: int = 16, height: int = 12) -> bytes:
    """A grey PNG of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    return encode_png(pixels)


def with_images(folder: Path, records: Sequence[ImageRecord], images: Mapping[str, bytes]) -> Dataset:
    """A dataset of the records, each with the image that its id names, if any, and with a default split."""
    files, filled = {}, []
    for each in records:
        data = images.get(each.image_id)
        if data is None:
            filled.append(each)
            continue
        path = f"images/{each.image_id.partition('/')[2]}.png"
        files[path] = data
        image = replace(each.image, path=path, sha256=sha256(data).hexdigest(), bit_depth=8)
        filled.append(replace(each, image=image))
    dataset = make_dataset(folder, filled, files)
    add_split(dataset, SplitPlan())
    return Dataset(folder)


def make_parent(folder: Path, *, cases: int = 12) -> Dataset:
    """A dataset of some cases of two images each, boxed and graded, and a default split."""
    grades = [None, "2", "3", "4a", "4b", "5"]
    records, images = [], {}
    for case in range(cases):
        for view in "ab":
            name = f"{case}_{view}"
            records.append(
                record(
                    name,
                    finding("1", Box(x=2, y=3, width=5, height=4)),
                    group=str(case),
                    case_labels=graded(grades[case % len(grades)]),
                )
            )
            images[f"toy/{name}"] = picture(1000 * case + ord(view))
    return with_images(folder, records, images)
