"""Images as readers have read them: who looked at each, and what each drew and said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.io.parquet import stream_as
from thyrodata.schema.record import Finding, Label, Read, Reading, best_coverage
from thyrodata.schema.vocab import Basis, Coverage, GroupKind

__all__ = [
    "PATHOLOGY",
    "ReadImage",
    "ReadNodule",
    "ReadPicture",
    "has_read",
    "read_images",
    "readers_of",
    "stated_coverage",
]


PATHOLOGY = frozenset({Basis.CYTOLOGY, Basis.HISTOLOGY})
"""What a label rests on that no reader of the image has seen: it is never voted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPicture:
    """See :class:`thyrodata.schema.record.ImageRef`."""

    path: str | None
    width: int
    height: int
    sha256: str | None
    spacing_mm: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNodule:
    """See :class:`thyrodata.schema.record.Nodule`."""

    nodule_id: str
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadImage:
    """The fields of a record that tell what its readers say."""

    image_id: str
    image: ReadPicture
    group_id: str
    group_kind: GroupKind
    nodules: tuple[ReadNodule, ...]
    case_labels: tuple[Label, ...]
    image_labels: tuple[Label, ...]
    readings: tuple[Reading, ...]
    findings: tuple[Finding, ...]


def read_images(dataset: Dataset) -> Iterator[ReadImage]:
    """Yield the images of a dataset, in order.

    Raises:
        DatasetError: The records are missing or damaged.
    """
    yield from stream_as(dataset.path / RECORDS_FILE, ReadImage)


def stated_coverage(image: ReadImage, reader: str) -> Coverage | None:
    """Return what a reader covered of an image; ``NONE`` also where that reader has no reading."""
    return best_coverage(each for each in image.readings if (each.reader or "") == reader)


def has_read(image: ReadImage, reader: str) -> bool:
    """Whether a reader has looked at an image: a reading that covers nothing says as little as none."""
    return stated_coverage(image, reader) is not Coverage.NONE


def readers_of(image: ReadImage) -> tuple[str, ...]:
    """Return who has a reading of an image or a drawing on it; one whom the source does not name is empty."""
    named = [each.reader for each in image.readings]
    named += [each.origin.reader for each in image.findings if isinstance(each.origin, Read)]
    return tuple(dict.fromkeys(name or "" for name in named))
