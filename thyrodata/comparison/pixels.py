"""Images whose files differ: re-encoded, or other pixels."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError
from thyrodata.io.files import read_bytes
from thyrodata.io.images import decode_image
from thyrodata.io.parquet import stream_as

__all__ = ["PixelChange", "Pixels", "compare_pixels"]


class Pixels(Enum):
    """How the files of one image differ."""

    RE_ENCODED = "re-encoded"
    """Other bytes, the same pixels."""
    CHANGED = "changed"
    """Other pixels, as many."""
    RESIZED = "resized"
    GAINED = "gained"
    """The first dataset has annotations only."""
    LOST = "lost"
    """The second dataset has annotations only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelChange:
    """An image whose file differs."""

    image_id: str
    what: Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """See :class:`thyrodata.schema.record.ImageRef`."""

    width: int
    height: int
    path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """The fields of a record that say where its pixels are."""

    image_id: str
    image: StoredImage


def compare_pixels(
    before: Dataset, after: Dataset, ids: Collection[str], progress: Progress | None = None
) -> tuple[PixelChange, ...]:
    """Return how the files of some images of both datasets differ; those of equal size are decoded.

    Args:
        before: The first dataset.
        after: The second.
        ids: Images whose hashes differ.
        progress: Called with the number of images compared and of all.

    Raises:
        DatasetError: An image file is missing.
        CaseError: An image cannot be decoded.
    """
    if not ids:
        return ()
    wanted = frozenset(ids)
    old, new = dict(_stored(before, wanted)), dict(_stored(after, wanted))
    found = []
    for done, image_id in enumerate(sorted(wanted), 1):
        what = _compare(before.path, old[image_id], after.path, new[image_id])
        found.append(PixelChange(image_id=image_id, what=what))
        if progress:
            progress(done, len(wanted))
    return tuple(found)


def _stored(dataset: Dataset, wanted: frozenset[str]) -> Iterator[tuple[str, StoredImage]]:
    for record in stream_as(dataset.path / RECORDS_FILE, StoredRecord):
        if record.image_id in wanted:
            yield record.image_id, record.image


def _compare(before: Path, old: StoredImage, after: Path, new: StoredImage) -> Pixels:
    if old.path is None or new.path is None:
        return Pixels.GAINED if old.path is None else Pixels.LOST
    if (old.width, old.height) != (new.width, new.height):
        return Pixels.RESIZED
    equal = np.array_equal(_decoded(before / old.path), _decoded(after / new.path))
    return Pixels.RE_ENCODED if equal else Pixels.CHANGED


def _decoded(place: Path) -> np.ndarray:
    try:
        data = read_bytes(str(place), place.stat().st_size)
    except OSError as error:
        raise DatasetError(
            f"an image cannot be read: {error.strerror or error}",
            where=str(place),
            hint="run `thyrodata verify` on the dataset",
        ) from None
    return decode_image(data, str(place))
