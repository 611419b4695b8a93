"""What an image tells of where it comes from, and nothing of what it shows: what a model may learn instead.

Of each image the features that are no anatomy: marks and texts, its size, where its echo region lies, how
much is drawn around it, and its source; where texts are read, the labels that are written in it. Numbers
become categories, so that every feature is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thyrodata.dataset import Dataset
from thyrodata.echo import Doubt
from thyrodata.engine import Progress
from thyrodata.errors import CaseError, DatasetError
from thyrodata.pool import mapped
from thyrodata.qc.look import Look, look_at
from thyrodata.qc.marks import MarkKind
from thyrodata.qc.writing import written_labels
from thyrodata.schema.record import ImageRecord

__all__ = ["FEATURES", "WRITTEN", "Watched", "watch_images"]

BINS = 8
"""Categories of a number: its quantiles over the images."""

RARE = 5
"""Images that a category needs to stand by itself; rarer ones are one category together."""

GRID = 16
"""Parts of the width and height in which the place of an echo region is told."""

LIT = 64
"""Grey level from which a pixel of the margin is drawn: text and bars are brighter, and the rest is black."""

OTHER, DOUBT, UNSTATED = "other", "in doubt", "not stated"

_CHUNK = 64

_READ_CHUNK = 4
"""Where texts are read, which takes longer."""


def _size(look: Look) -> str:
    return f"{look.record.image.width} x {look.record.image.height} px"


def _margin(look: Look) -> float | str:
    """Return the share of the picture outside the echo region."""
    if isinstance(look.echo, Doubt):
        return DOUBT
    x0, y0, x1, y1 = look.echo
    return 1 - (x1 - x0) * (y1 - y0) / look.grey.size


def _place(look: Look) -> str:
    """Return where the echo region lies, coarsely: scanners of one kind put it at one place."""
    if isinstance(look.echo, Doubt):
        return DOUBT
    height, width = look.grey.shape
    x0, y0, x1, y1 = look.echo
    left, right = round(GRID * x0 / width), round(GRID * x1 / width)
    return f"{left}-{right}, {round(GRID * y0 / height)}-{round(GRID * y1 / height)}"


def _ink(look: Look) -> float | str:
    """Return the share of the margin that is drawn on: texts, scales, body marks."""
    if isinstance(look.echo, Doubt):
        return DOUBT
    x0, y0, x1, y1 = look.echo
    outside = look.grey.size - (x1 - x0) * (y1 - y0)
    drawn = np.count_nonzero(look.grey >= LIT) - np.count_nonzero(look.grey[y0:y1, x0:x1] >= LIT)
    return drawn / outside if outside else 0.0


def _marks(look: Look) -> str:
    """Return the kinds of marks in the echo region."""
    return ", ".join(kind.value for kind in look.marks.kinds) if look.marks.has_marks else "none"


def _text(look: Look) -> str:
    """Return whether there is text in the echo region, whatever it says."""
    return "text" if look.marks.has_marks and MarkKind.TEXT in look.marks.kinds else "none"


def _source(look: Look) -> str:
    """Return the namespace, which a merged dataset has several of."""
    return look.record.image_id.partition("/")[0]


def _device(look: Look) -> str:
    acquisition = look.record.acquisition
    named = acquisition and " ".join(filter(None, (acquisition.manufacturer, acquisition.model)))
    return named or UNSTATED


def _written(look: Look) -> str:
    """Return the labels that are written in the picture."""
    return ", ".join(sorted(map(str, written_labels(look.lines)))) or "none"


WRITTEN = "what is written"
"""The feature that needs the pictures' texts to be read."""

FEATURES: Mapping[str, Callable[[Look], float | str]] = {
    "marks": _marks,
    "text in the echo": _text,
    "image size": _size,
    "margin": _margin,
    "place of the echo region": _place,
    "text and bars in the margin": _ink,
    "source": _source,
    "device": _device,
    WRITTEN: _written,
}
"""What is looked at, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Watched:
    """The features of images, as categories."""

    records: tuple[str, ...]
    """Ids of the images that could be read, in order."""
    categories: Mapping[str, NDArray[np.int64]]
    """By feature, the number of the category of each image; features of one category are left out."""
    constant: tuple[str, ...]
    """Features of which all images have one category."""
    unread: tuple[str, ...]
    """Ids of images without a file, or whose file cannot be read."""


def watch_images(
    dataset: Dataset, *, ocr: bool = False, workers: int = 1, progress: Progress | None = None
) -> Watched:
    """Look at the images of a dataset.

    Args:
        dataset: It is only read.
        ocr: Read the texts in the pictures, for :data:`WRITTEN`.
        workers: Processes; 1 is this process.
        progress: Called with the number of images done and of all.

    Raises:
        DatasetError: The records are missing or damaged.
        MissingExtraError: Texts are to be read, and the extra ``ocr`` is not installed.
    """
    images = sum(tally.n for tally in dataset.manifest.counts if tally.what == "images")
    stream = dataset.records()
    names = tuple(name for name in FEATURES if ocr or name != WRITTEN)
    size = _READ_CHUNK if ocr else _CHUNK
    tasks = ((chunk,) for chunk in iter(lambda: tuple(islice(stream, size)), ()))
    seen: list[tuple[str, tuple[float | str, ...] | None]] = []
    with mapped(partial(_watch, dataset.path, names), tasks, workers) as results:
        for result in results:
            seen += result
            if progress:
                progress(len(seen), images)
    known = [(image_id, values) for image_id, values in seen if values is not None]
    columns = {name: _categories([values[place] for _, values in known]) for place, name in enumerate(names)}
    varied = {name: column for name, column in columns.items() if len(np.unique(column)) > 1}
    return Watched(
        records=tuple(image_id for image_id, _ in known),
        categories=varied,
        constant=tuple(name for name in names if name not in varied),
        unread=tuple(image_id for image_id, values in seen if values is None),
    )


def _watch(
    folder: Path, names: Sequence[str], records: Sequence[ImageRecord]
) -> list[tuple[str, tuple[float | str, ...] | None]]:
    return [*_watched(Dataset(folder), names, records)]


def _watched(
    dataset: Dataset, names: Sequence[str], records: Sequence[ImageRecord]
) -> Iterator[tuple[str, tuple[float | str, ...] | None]]:
    for record in records:
        try:
            look = look_at(dataset, record)
            values = tuple(FEATURES[name](look) for name in names)
        except (CaseError, DatasetError):
            yield record.image_id, None
        else:
            yield record.image_id, values


def _categories(values: Sequence[float | str]) -> NDArray[np.int64]:
    """Return the number of the category of each value; numbers are put between their quantiles."""
    numbers = np.array([value for value in values if not isinstance(value, str)], float)
    edges = np.unique(np.quantile(numbers, np.arange(1, BINS) / BINS)) if numbers.size else numbers
    named = [
        value if isinstance(value, str) else int(np.searchsorted(edges, value, side="right"))
        for value in values
    ]
    counts = Counter(named)
    common = [name if counts[name] >= RARE else OTHER for name in named]
    order = {name: place for place, name in enumerate(sorted(set(common), key=str))}
    return np.array([order[name] for name in common], np.int64)
