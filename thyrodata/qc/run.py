"""The one loop over a dataset's images that every rule is run in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import attrgetter
from pathlib import Path

from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import CaseError, DatasetError
from thyrodata.pool import mapped
from thyrodata.qc.look import look_at
from thyrodata.qc.rule import Issue, Reads, Rule, Unread
from thyrodata.qc.whole import Whole
from thyrodata.schema.record import ImageRecord

__all__ = ["Checked", "check_dataset"]

CHUNK = 32
"""Images in a chunk: about a second's work, which is the most that stopping a run loses for each worker."""

READ_CHUNK = 2
"""Likewise, of images whose texts are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What rules found in a dataset, and what they were not shown."""

    rules: tuple[Rule, ...]
    """Those asked for, in the order of their codes."""
    issues: tuple[Issue, ...]
    """By code, and for each code in the order of the records."""
    unread: tuple[Unread, ...]
    images: int
    """Of the dataset."""
    images_not_reached: int = 0
    """Left when the user stopped the run."""
    rules_not_run: tuple[str, ...] = ()
    """Codes of the rules of the dataset that were left when the user stopped the run."""

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return not (self.images_not_reached or self.rules_not_run)


def check_dataset(
    dataset: Dataset, rules: Sequence[Rule], *, workers: int = 1, progress: Progress | None = None
) -> Checked:
    """Run rules over a dataset.

    What comes out does not depend on the number of workers. When the user stops the run, what was found until
    then is returned, and what is missing is said.

    Args:
        dataset: It is only read.
        rules: In the order of their codes.
        workers: Processes that read images; 1 is this process.
        progress: Called with the steps done and all: the images, those that are compared, each twice, and the
            rules of the whole dataset.

    Raises:
        DatasetError: The records are missing or damaged.
        ThyrodataError: A worker process died.
    """
    of_images = tuple(rule for rule in rules if rule.reads not in {Reads.DATASET, Reads.FILES})
    of_dataset = [rule for rule in rules if rule.reads in {Reads.DATASET, Reads.FILES}]
    images = sum(tally.n for tally in dataset.manifest.counts if tally.what == "images")
    left = images if of_images else 0
    compared = 2 * images if any(rule.reads is Reads.FILES for rule in of_dataset) else 0
    steps = left + compared + len(of_dataset)

    def shown(comparing: int) -> None:
        """Say how far the run is, of which comparing has as many steps left."""
        if progress:
            progress(steps - left - comparing - len(of_dataset), steps)

    whole = Whole(dataset, workers=workers, progress=lambda done, total: shown(total - done))
    issues: list[Issue] = []
    unread: list[Unread] = []
    try:
        for chunk in _chunks(dataset, of_images, workers):
            issues += chunk.issues
            unread += chunk.unread
            left -= chunk.images
            shown(compared)
        while of_dataset:
            rule = of_dataset[0]
            issues += [*rule.issues(whole if rule.reads is Reads.FILES else dataset)]
            del of_dataset[0]
            shown(0 if whole.compared or not of_dataset else compared)
    except KeyboardInterrupt:
        pass  # the caller is told what is missing
    return Checked(
        rules=tuple(rules),
        issues=tuple(sorted(issues, key=attrgetter("code"))),
        unread=tuple({each.image_id: each for each in (*whole.unread, *unread)}.values()),
        images=images,
        images_not_reached=left,
        rules_not_run=tuple(rule.code for rule in of_dataset),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """What some images came to."""

    images: int
    issues: tuple[Issue, ...]
    unread: tuple[Unread, ...]


def _chunks(dataset: Dataset, rules: tuple[Rule, ...], workers: int) -> Iterator[_Chunk]:
    if not rules:
        return
    records = dataset.records()
    size = READ_CHUNK if any(rule.reads is Reads.TEXT for rule in rules) else CHUNK
    tasks = ((chunk,) for chunk in iter(lambda: tuple(islice(records, size)), ()))
    with mapped(partial(_check_chunk, dataset.path, rules), tasks, workers) as chunks:
        yield from chunks


def _check_chunk(folder: Path, rules: tuple[Rule, ...], records: Sequence[ImageRecord]) -> _Chunk:
    dataset = Dataset(folder)
    of_records = [rule for rule in rules if rule.reads is Reads.RECORD]
    of_pixels = [rule for rule in rules if rule.reads is Reads.PIXELS]
    of_texts = [rule for rule in rules if rule.reads is Reads.TEXT]
    issues: list[Issue] = []
    unread: list[Unread] = []
    for record in records:
        for rule in of_records:
            issues += rule.issues(record)
        if not of_pixels and not of_texts:
            continue
        try:
            look = look_at(dataset, record)
            for rule in (*of_pixels, *of_texts):
                issues += rule.issues(look)
        except (CaseError, DatasetError) as error:
            unread.append(Unread(image_id=record.image_id, why=error.message, hint=error.hint))
    return _Chunk(images=len(records), issues=tuple(issues), unread=tuple(unread))
