"""The readings that are asked for: those of a dataset, joined with those of other datasets and of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from thyrodata.agreement.consensus import contributed
from thyrodata.agreement.images import ReadImage, readers_of
from thyrodata.agreement.joining import Joined, ReadPlace, read_source
from thyrodata.agreement.sources import (
    Contribution,
    FileImages,
    Source,
    dataset_images,
    file_images,
    parse_source,
)
from thyrodata.change import sums_sha256
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.errors import UsageError
from thyrodata.io.hashes import hash_file, list_files
from thyrodata.io.parquet import stream_as
from thyrodata.schema.manifest import Setting
from thyrodata.survey import CONSENSUS

__all__ = ["Readings", "joined_readings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """See :class:`thyrodata.schema.record.ImageRef`."""

    path: str | None
    sha256: str | None
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The fields of a record that tell which image it is."""

    image_id: str
    image: _Picture


class Readings:
    """What all sources say, as images of the first.

    Args:
        base: The first source: a dataset, or a file that is read by itself.
        others: Further sources.

    Raises:
        UsageError: A file stands before a dataset, or a source and its name do not fit.
        DatasetError: A dataset is damaged.
        CaseError: A file cannot be read.
    """

    def __init__(self, base: Source, others: Sequence[Source]) -> None:
        self.base = base
        self.others = tuple(others)
        self.dataset = Dataset(base.place) if base.is_dataset else None
        for each in others if self.dataset is None else ():
            if each.is_dataset:
                raise UsageError(
                    "a file stands before a dataset, and says less of which images there are",
                    where=str(base.place),
                    hint=f"give the dataset first: {each.place}",
                )
        self.images = 0
        """How many the first source has."""
        self.own = tuple(sorted(self._own_readers()))
        """The readers of the first source."""
        self.joined = tuple(self._join())

    @property
    def readers(self) -> tuple[str, ...]:
        """All readers, sorted."""
        return tuple(sorted({*self.own, *(name for each in self.joined for name in each.readers)}))

    def chosen(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return two readers or more: those that are wanted, by default all.

        Raises:
            UsageError: One is not there, or there are fewer than two.
        """
        known = ", ".join(name or "(not named)" for name in self.readers) or "none"
        for name in wanted:
            if name not in self.readers:
                raise UsageError(
                    f"there is no reader {name!a}",
                    where=str(self.base.place),
                    hint=f"the readers are: {known}",
                )
        chosen = tuple(sorted(set(wanted) or set(self.readers)))
        if len(chosen) < 2:  # noqa: PLR2004 -- to agree takes two
            raise UsageError(
                f"one reader says nothing of agreement; the readers are: {known}",
                where=str(self.base.place),
                hint="give another reader's dataset or file as well: NAME=PATH",
            )
        return chosen

    @property
    def name(self) -> str:
        """Of the dataset; of a file its own."""
        return self.dataset.manifest.name if self.dataset else self.base.place.name

    @property
    def notes(self) -> dict[str, list[str]]:
        """What could not be joined: places by code."""
        found: dict[str, list[str]] = defaultdict(list)
        own = () if self.dataset else self._file.notes
        said = zip((self.base, *self.others), (own, *(each.notes for each in self.joined)), strict=True)
        for source, notes in said:
            for code, place in notes:
                found[code].append(f"{source.name or source.place.name}: {place}")
        return found

    def __iter__(self) -> Iterator[ReadImage]:
        """Yield the images of the first source with what all say of each."""
        for image in self._base():
            yield contributed(image, self.contributions(image.image_id))

    def contributions(self, image_id: str) -> tuple[Contribution, ...]:
        """Return what the other sources say of an image."""
        found = (each.contributions.get(image_id) for each in self.joined)
        return tuple(each for each in found if each is not None)

    def contributions_by_image(self) -> dict[str, tuple[Contribution, ...]]:
        """Return what the other sources say, by image id."""
        ids = dict.fromkeys(image_id for each in self.joined for image_id in each.contributions)
        return {image_id: self.contributions(image_id) for image_id in ids}

    def settings(self) -> tuple[Setting, ...]:
        """Return what was read beside the dataset, as a manifest names it."""
        return tuple(
            Setting(name=f"readings of {', '.join(joined.readers)}", value=_content(source))
            for source, joined in zip(self.others, self.joined, strict=True)
        )

    def _base(self) -> Iterator[ReadImage]:
        yield from dataset_images(self.base) if self.dataset else self._file.images

    @cached_property
    def _file(self) -> FileImages:
        return file_images(self.base, self.others)

    def _own_readers(self) -> set[str]:
        found: set[str] = set()
        for image in self._base():
            self.images += 1
            found.update(readers_of(image))
        return found - {CONSENSUS}

    def _join(self) -> Iterator[Joined]:
        if not self.others:
            return
        places = [*self._places()]
        taken = [*self.own]
        for source in self.others:
            joined = read_source(source, places, taken)
            taken += joined.readers
            yield joined

    def _places(self) -> Iterator[ReadPlace]:
        images: Iterable[_Place | ReadImage] = (
            stream_as(self.dataset.path / RECORDS_FILE, _Place) if self.dataset else self._file.images
        )
        for each in images:
            yield ReadPlace(
                image_id=each.image_id,
                path=each.image.path,
                sha256=each.image.sha256,
                width=each.image.width,
                height=each.image.height,
            )


def joined_readings(
    sources: Sequence[str | Path | Dataset | Source], wanted: Sequence[str] = ()
) -> tuple[Readings, tuple[str, ...]]:
    """Return the readings of sources, and the readers that are wanted: by default all.

    Args:
        sources: Datasets, files and folders of masks, each ``PATH`` or ``NAME=PATH``. The first says which
            images there are.
        wanted: Names of readers.

    Raises:
        UsageError: There is no source, there are fewer than two readers, or one of this name is not there.
        DatasetError: A dataset is damaged.
        CaseError: A file cannot be read.
    """
    if not sources:
        raise UsageError("there is nothing to compare", hint="give a dataset, or two readers' files")
    base, *others = (_source(each) for each in sources)
    readings = Readings(base, others)
    return readings, readings.chosen(wanted)


def _source(given: str | Path | Dataset | Source) -> Source:
    if isinstance(given, Source):
        return given
    if isinstance(given, Dataset):
        return Source(place=given.path)
    return Source(place=given) if isinstance(given, Path) else parse_source(given)


def _content(source: Source) -> str:
    """Return a hash of what a source holds."""
    if source.is_dataset:
        return sums_sha256(Dataset(source.place))
    if source.place.is_dir():
        lines = (f"{hash_file(source.place / name)}  {name}\n" for name in list_files(source.place))
        return sha256("".join(lines).encode()).hexdigest()
    return hash_file(source.place)
