"""Tags that a curator set in FiftyOne's App, brought back into the dataset."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.errors import DatasetError, UsageError
from thyrodata.exports.fiftyone.connection import open_fiftyone, slug_of
from thyrodata.exports.fiftyone.tagging import ImageTag, LabelTag, Tags, made_here, read_tags
from thyrodata.io.files import read_text, write_file, writing
from thyrodata.io.parquet import stream_as
from thyrodata.revision import opened

__all__ = ["ImportedTags", "import_tags", "kept_tags"]

FOLDER = "tags"
"""Where in a dataset its tags lie: of each FiftyOne dataset a table of images and a list of labels."""

YES = "yes"
_ID = "image_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedTags:
    """What was set in the App."""

    name: str
    """Of the FiftyOne dataset."""
    tags: Tags
    files: tuple[Path, ...]
    """The table of images, which ``select --table`` reads, and the list of labels."""
    unknown: tuple[str, ...]
    """Samples of images that the dataset does not have, by their files: their tags are left."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name,
            "images": self.counts(self.tags.images),
            "labels": self.counts(self.tags.labels),
            "files": [str(file) for file in self.files],
            "unknown": [*self.unknown],
        }

    def counts(self, tags: Iterable[ImageTag | LabelTag]) -> dict[str, int]:
        """Return how many of these have each tag."""
        return dict(sorted(Counter(each.tag for each in tags).items()))


def import_tags(dataset: Dataset | str | Path, *, name: str | None = None) -> ImportedTags:
    """Bring tags that were set in FiftyOne's App into the dataset, in place of those imported earlier.

    ``tags/<name>.csv`` has a row for each image with a tag and a column for each tag, which says ``yes`` or
    nothing: an image without the tag is not known to lack what it says. ``tags/<name>.labels.csv`` lists the
    tags of what is drawn in images or said of them.

    Args:
        dataset: The dataset, or its folder.
        name: Of the FiftyOne dataset; by default as the dataset.

    Raises:
        MissingExtraError: FiftyOne is not installed, or has no database.
        UsageError: There is no FiftyOne dataset of this name, or it shows another dataset, or a tag is called
            ``image_id``.
        DatasetError: The dataset is damaged.
        OutputError: The tags cannot be written.
    """
    source = opened(dataset)
    called = name or source.manifest.name
    fiftyone = open_fiftyone()
    made = made_here(fiftyone, called)
    if made is None or made.info.get("dataset") != source.manifest.name:
        what = "there is no FiftyOne dataset" if made is None else "another dataset is shown by"
        raise UsageError(
            f"{what} {called}",
            hint=f"run thyrodata browse {source.path} first, or name the one that shows it with --name",
        )
    known = (each.image_id for each in stream_as(source.path / RECORDS_FILE, _Known))
    tags, unknown = read_tags(fiftyone, made, known)
    if any(each.tag == _ID for each in tags.images):
        raise UsageError(f"a tag cannot be called {_ID}", hint="rename it in the App, and import again")
    places = _places(slug_of(fiftyone, called))
    with source.adding() as folder:
        with writing(folder):
            (folder / FOLDER).mkdir()
        for place, rows in zip(places, (_image_rows(tags), _label_rows(tags)), strict=True):
            write_file(folder / place, _csv(rows))
    source.note("browse --import-tags")
    return ImportedTags(
        name=called, tags=tags, files=tuple(source.path / place for place in places), unknown=unknown
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    image_id: str


def kept_tags(dataset: Dataset, slug: str) -> Tags:
    """Return the tags that were imported earlier; none where there are none.

    Args:
        dataset: The dataset.
        slug: The short form of the FiftyOne dataset's name.

    Raises:
        DatasetError: A file of them is not as it was written.
    """
    images, labels = (dataset.path / place for place in _places(slug))
    if not images.exists():
        return Tags()
    header, *rows = _read(images)
    listed = _read(labels)
    try:
        return Tags(
            images=tuple(
                ImageTag(image_id, tag)
                for image_id, *cells in rows
                for tag, cell in zip(header[1:], cells, strict=True)
                if cell == YES
            ),
            labels=tuple(LabelTag(*row) for row in listed[1:]),
        )
    except (TypeError, ValueError) as error:
        raise DatasetError(
            f"tags cannot be read: {error}", where=str(images.parent), hint="run `thyrodata verify`"
        ) from None


def _places(slug: str) -> tuple[str, str]:
    """Return where the tags of images and of labels lie; a slug has no dot."""
    return f"{FOLDER}/{slug}.csv", f"{FOLDER}/{slug}.labels.csv"


def _read(place: Path) -> list[list[str]]:
    return [*csv.reader(StringIO(read_text(place), newline=""), strict=True)]


def _image_rows(tags: Tags) -> Iterator[Sequence[str]]:
    names = sorted({each.tag for each in tags.images})
    yield (_ID, *names)
    said: dict[str, set[str]] = {}
    for image_id, tag in tags.images:
        said.setdefault(image_id, set()).add(tag)
    for image_id, tagged in said.items():
        yield (image_id, *(YES if name in tagged else "" for name in names))


def _label_rows(tags: Tags) -> Iterator[Sequence[str]]:
    yield LabelTag._fields
    yield from tags.labels


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
