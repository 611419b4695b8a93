"""What exporters and baselines see of a dataset: readers, coverage, geometry and categories decided once."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from thyrodata.dataset import MANIFEST, RECORDS_FILE, Dataset
from thyrodata.errors import DatasetError, UsageError
from thyrodata.exports.classes import ImageClass
from thyrodata.exports.fields import count_fields
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.records import ExportedRecord
from thyrodata.exports.shapes import Outside, Shape, draw
from thyrodata.exports.windows import Window, lacks_window, pixel_window
from thyrodata.io.parquet import stream_as
from thyrodata.io.windows import PixelWindow
from thyrodata.schema.category import category
from thyrodata.schema.geometry import Geometry
from thyrodata.schema.record import Finding, best_coverage
from thyrodata.schema.vocab import SCHEMES, Coverage, Structure, Term
from thyrodata.splits import EXCLUDED
from thyrodata.survey import CONSENSUS, reader_of

__all__ = ["LossLedger", "View", "ViewedFinding", "ViewedImage", "exported_readers", "split_view", "view"]

_PART = re.compile(r"[a-z0-9][a-z0-9_-]*")


class ViewedFinding(NamedTuple):
    """A finding, the one geometry of it that is exported, and its category."""

    finding: Finding
    geometry: Geometry
    category: str


class ViewedImage(NamedTuple):
    """An image that is exported, its 1-based place in the dataset, its part, and its findings.

    It has findings, or is a true negative: its reading is complete and found nothing; or it has a class, and
    what is drawn in it is not shown.
    """

    number: int
    record: ExportedRecord
    part: str
    findings: tuple[ViewedFinding, ...]
    coverage: Coverage | None
    """What the reader who is shown covered: what the absence of a finding means."""
    window: PixelWindow | None = None
    """What to reduce the image's stored values to 8 bits by; ``None`` where the file stays as it is."""
    label: Term | None = None
    """The class of the whole image, if the view has such classes."""

    @property
    def image_id(self) -> str:
        """See :class:`thyrodata.schema.record.ImageRecord`."""
        return self.record.image_id

    @property
    def path(self) -> str | None:
        """The image's file, relative to the dataset's folder."""
        return self.record.image.path


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A dataset as one split and one reader show it. Iterating it fills the ledger anew.

    A format says with ``dataclasses.replace`` what it writes; the ledger stays the same object.
    """

    dataset: Dataset
    part_of: Mapping[str, str]
    """The part of each image id; an image of none is not given."""
    reader: str
    """Whose findings are shown; empty for the one that the source does not name."""
    categories: tuple[str, ...]
    """Every category of the whole dataset in a fixed order, so that ids agree between parts."""
    ledger: LossLedger
    split: str = "default"
    """The name of the split."""
    shape: Shape = Shape.AREA
    """What is written of a finding."""
    outside: Outside = Outside.KEEP
    """What becomes of what leaves its image."""
    images: bool = False
    """Whether image files are written: a record without one is then lost."""
    window: Window | None = None
    """What is done with image files of more than 8 bits; ``None`` if that is not said."""
    crowds: bool = False
    """Whether the format can say that a drawing is of several things; else such a finding is lost."""
    classes: ImageClass | None = None
    """Classes of whole images, if the format has these and no findings. An image's class does not depend on
    what is drawn in it: also one that nobody outlined is shown, but none without a class."""
    holds: frozenset[str] | None = None
    """Fields of a record that the format has a place for; others are counted, unless this is ``None``."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts, sorted."""
        return tuple(sorted(set(self.part_of.values())))

    def __iter__(self) -> Iterator[ViewedImage]:
        """Yield the images in the order of the records.

        Raises:
            UsageError: An image has more than 8 bits, and nothing says what to do with them.
            DatasetError: The records are damaged, or do not fit the manifest.
        """
        self.ledger.clear()
        written = array("q")
        for number, record in enumerate(stream_as(self.dataset.path / RECORDS_FILE, ExportedRecord), 1):
            part = self.part_of.get(record.image_id)
            shown = self.show(record, number, part) if part is not None else None
            if shown is not None:
                written.append(number - 1)
                yield shown
        self.count_fields(written)

    def show(self, record: ExportedRecord, number: int, part: str) -> ViewedImage | None:
        """Return an image as it is exported, or nothing, and account for it.

        Args:
            record: The image's record.
            number: Its 1-based place in the dataset.
            part: Its part of the split.
        """
        self.ledger.given["images"] += 1
        self.ledger.given["findings"] += len(record.findings)
        coverage = _coverage(record, self.reader)
        loss = self._loss(record, coverage)
        if loss is not None:
            self.ledger.lose("images", loss)
            self.ledger.lose("findings", loss, len(record.findings))
            return None
        window = pixel_window(record, self.window) if self.images else None
        findings: tuple[ViewedFinding, ...] = ()
        label = None
        if self.classes is not None:
            (label,) = self.classes.terms(record)
            self.ledger.lose("findings", "classified", len(record.findings))
        else:
            findings = tuple(self._findings(record))
            if not findings and not (coverage is Coverage.COMPLETE and self._is_empty(record)):
                # A trainer would take an image without a finding for a negative.
                self.ledger.lose("images", "empty-unsure")
                return None
        if window is not None:
            self.ledger.change("images", "windowed")
        self.ledger.written["images"] += 1
        self.ledger.written["findings"] += len(findings)
        return ViewedImage(number, record, part, findings, coverage, window, label)

    def count_fields(self, written: Sequence[int]) -> None:
        """Account for what of the records that were written the format has no place for.

        Args:
            written: Their 0-based places in the dataset, ascending.
        """
        if self.holds is not None:
            self.ledger.fields.update(count_fields(self.dataset.path / RECORDS_FILE, written, self.holds))

    def _loss(self, record: ExportedRecord, coverage: Coverage | None) -> str | None:
        """Return why an image is not shown whatever is drawn in it, if so."""
        if self.classes is None and coverage is Coverage.NONE:
            return "unread"
        if self.images and record.image.path is None:
            return "no-image"
        if self.images and lacks_window(record, self.window):
            return "no-window"
        return self.classes.loss(record) if self.classes else None

    def _is_empty(self, record: ExportedRecord) -> bool:
        return not any(
            finding.structure is not Structure.MARKER and reader_of(finding.origin) == self.reader
            for finding in record.findings
        )

    def _findings(self, record: ExportedRecord) -> Iterator[ViewedFinding]:
        width, height = record.image.width, record.image.height
        for finding in record.findings:
            if finding.structure is Structure.MARKER:
                self.ledger.lose("findings", "marker")
                continue
            if reader_of(finding.origin) != self.reader:
                self.ledger.lose("findings", "other-reader")
                continue
            if finding.crowd and not self.crowds:
                self.ledger.lose("findings", "crowd")
                continue
            geometry, names = draw(finding, self.shape, self.outside, width=width, height=height)
            if geometry is None:
                self.ledger.lose("findings", names[0])
                continue
            for name in names:
                self.ledger.change("findings", name)
            named = category(finding.structure, finding.labels)
            if named not in self.categories:
                raise DatasetError(
                    f"the manifest counts no {named}, which {record.image_id} has",
                    where=str(self.dataset.path / MANIFEST),
                    hint="run `thyrodata verify`",
                )
            yield ViewedFinding(finding=finding, geometry=geometry, category=named)


def _coverage(record: ExportedRecord, reader: str) -> Coverage | None:
    """Return what a reader covered of an image; nothing, if that reader never looked at it.

    A consensus has a reading of its own. Without one, it covers what its readers do.
    """
    if reader == CONSENSUS and all(reading.reader != CONSENSUS for reading in record.readings):
        return record.coverage
    return best_coverage(reading for reading in record.readings if (reading.reader or "") == reader)


def exported_readers(dataset: Dataset) -> tuple[str, ...]:
    """Return whose findings an export shows: the consensus, the only reader, or else each reader apart."""
    readers = [count.value for count in dataset.manifest.counts if count.what == "readers"]
    return (CONSENSUS,) if CONSENSUS in readers else tuple(readers) or ("",)


def view(dataset: Dataset, part_of: Mapping[str, str], reader: str | None = None) -> View:
    """Return the dataset as one split and one reader show it.

    Args:
        dataset: The dataset.
        part_of: The part of each image id.
        reader: Whose findings; may be left out where :func:`exported_readers` gives only one.

    Raises:
        UsageError: There are several readers and none is chosen, or there is none of this name.
    """
    readers = exported_readers(dataset)
    if reader is None and len(readers) > 1:
        raise UsageError("the dataset has several readers", hint=f"choose one of: {', '.join(readers)}")
    if reader is not None and reader not in readers:
        raise UsageError(f"there is no reader {reader!r}", hint=f"there are: {', '.join(readers)}")
    categories = [count.value for count in dataset.manifest.counts if count.what == "categories"]
    return View(
        dataset=dataset,
        part_of=part_of,
        reader=readers[0] if reader is None else reader,
        categories=tuple(sorted(categories, key=_category_rank)),
        ledger=LossLedger(),
    )


def split_view(dataset: Dataset, split: str, reader: str | None = None) -> View:
    """Return the dataset as one of its splits and one reader show it; what the split excludes is not given.

    Args:
        dataset: The dataset.
        split: The split's name.
        reader: As of :func:`view`.

    Raises:
        DatasetError: There is no such split, or its file is damaged.
        UsageError: As of :func:`view`.
    """
    parts = {part: ids for part, ids in dataset.split(split).items() if part != EXCLUDED}
    for part in parts:
        if not _PART.fullmatch(part):  # it becomes the name of a file or folder
            raise DatasetError(
                f"{part!r} is not the name of a part",
                where=str(dataset.split_file(split)),
                hint="run `thyrodata verify`",
            )
    part_of = {image_id: part for part, ids in parts.items() for image_id in ids}
    return replace(view(dataset, part_of, reader), split=split)


def _category_rank(name: str) -> tuple[str, int, str]:
    """Structures first by name, then the terms of each scheme in the scheme's own order."""
    scheme, _, value = name.partition("/")
    order = [term.value for term in SCHEMES.get(scheme, ())]
    return (scheme, order.index(value), "") if value in order else ("", 0, name)
