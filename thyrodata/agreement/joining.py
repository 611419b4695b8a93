"""Which image of a dataset another source means: readings of two sources are compared on one image only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from thyrodata.agreement.images import ReadImage
from thyrodata.agreement.sources import (
    Contribution,
    Source,
    dataset_contribution,
    dataset_images,
    file_contribution,
    file_readings,
    left_out,
)
from thyrodata.annotation.received import FileReading
from thyrodata.errors import UsageError

__all__ = ["Joined", "ReadPlace", "read_source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What a source says of the images of a dataset."""

    readers: tuple[str, ...]
    contributions: Mapping[str, Contribution]
    """By image id."""
    notes: tuple[tuple[str, str], ...]
    """Code and place of what was not joined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPlace:
    """An image of a dataset as a source may mean it."""

    image_id: str
    path: str | None
    sha256: str | None
    width: int
    height: int


def read_source(source: Source, images: Sequence[ReadPlace], taken: Iterable[str]) -> Joined:
    """Return what a source says of the images of a dataset.

    An image of another dataset is the one of the same id, or else of the same bytes; one that a file names is
    the one whose own file has that name, suffixes apart.

    Args:
        source: Where the readings are.
        images: The images of the dataset.
        taken: Names of readers that are there already.

    Raises:
        UsageError: A reader's name is taken, or a source of several readers is given one name.
        DatasetError: A dataset is damaged.
        CaseError: A file cannot be read, or does not say whose it is.
    """
    joiner = _Joiner(images)
    if source.is_dataset:
        for image in dataset_images(source):
            joiner.add_image(image)
    else:
        for stem, said in file_readings(source).items():
            joiner.add_file(stem, said, source.name or "")
    joined = joiner.result()
    clash = sorted(set(joined.readers) & set(taken))
    if clash:
        raise UsageError(
            f"two sources have a reader called {clash[0] or '(not named)'!a}",
            where=str(source.place),
            hint="name the reader of this source: NAME=PATH",
        )
    return joined


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """That an image of a source is an image of the dataset."""

    name: str
    """As the source calls it."""
    by_id: bool
    given: Contribution


class _Joiner:
    """Finds the image of a dataset that a source means."""

    def __init__(self, images: Sequence[ReadPlace]) -> None:
        self._by_id = {each.image_id: each for each in images}
        self._by_sha: dict[str, list[ReadPlace]] = defaultdict(list)
        self._by_stem: dict[str, list[ReadPlace]] = defaultdict(list)
        for each in images:
            if each.sha256 is not None:
                self._by_sha[each.sha256].append(each)
            self._by_stem[PurePosixPath(each.path or each.image_id).stem].append(each)
        self._claims: dict[str, list[_Claim]] = defaultdict(list)
        self._readers: dict[str, None] = {}
        self._notes: list[tuple[str, str]] = []
        self._named: set[str] = set()
        """Images of the dataset of which a note says why nothing of this source is compared."""

    def add_image(self, image: ReadImage) -> None:
        """Take an image of another dataset."""
        same = self._by_id.get(image.image_id)
        known = [same] if same else self._by_sha.get(image.image.sha256 or "", [])
        graded = any(label.reader is not None for nodule in image.nodules for label in nodule.labels)
        if graded or any(finding.nodule_id is not None for finding in image.findings):
            what = "grades of nodules, and links to nodules that the dataset does not have"
            self._notes.append(("left-out", f"{image.image_id}: {what}"))
        claim = _Claim(name=image.image_id, by_id=same is not None, given=dataset_contribution(image))
        self._add(known, (image.image.width, image.image.height), claim)

    def add_file(self, stem: str, said: FileReading, reader: str) -> None:
        """Take an image of a file."""
        self._notes += [("left-out", place) for place in left_out(stem, said)]
        given = file_contribution(said, reader)
        if given.readings:
            claim = _Claim(name=stem, by_id=False, given=given)
            self._add(self._by_stem.get(stem, []), said.size, claim)

    def _add(self, known: Sequence[ReadPlace], size: tuple[int, int] | None, claim: _Claim) -> None:
        self._readers.update(dict.fromkeys(each.reader or "" for each in claim.given.readings))
        if len(known) != 1:
            self._notes.append(("ambiguous-image" if known else "other-image", claim.name))
            self._named.update(each.image_id for each in known)
            return
        (place,) = known
        if size is not None and size != (place.width, place.height):
            sizes = f"{place.width} x {place.height} px, and {size[0]} x {size[1]} px"
            self._notes.append(("size-differs", f"{place.image_id}: {sizes}"))
            self._named.add(place.image_id)
            return
        self._claims[place.image_id].append(claim)

    def result(self) -> Joined:
        """Return what was found, and name what the source does not have."""
        found = dict(self._found())
        named = self._named | found.keys()
        absent = [("no-counterpart", image_id) for image_id in self._by_id if image_id not in named]
        return Joined(readers=tuple(self._readers), contributions=found, notes=(*self._notes, *absent))

    def _found(self) -> Iterator[tuple[str, Contribution]]:
        """Yield what is said of each image by the one that is it, in the order of the dataset.

        Of several images with the bytes of one, the one with its id is it; else nobody can say which.
        """
        for image_id in self._by_id:
            claims = self._claims.get(image_id, [])
            best = [claim for claim in claims if claim.by_id] or claims
            sure = best if len(best) == 1 else []
            for claim in claims:
                if claim not in sure:
                    self._notes.append(("ambiguous-image", claim.name))
                    self._named.add(image_id)
            for claim in sure:
                yield image_id, claim.given
