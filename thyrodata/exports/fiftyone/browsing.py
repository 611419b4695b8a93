"""A whole dataset in FiftyOne, with all that its records say and what was found beside them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError
from thyrodata.exports.fiftyone.connection import open_fiftyone, published, replaceable
from thyrodata.exports.fiftyone.labels import Document, classification, mask_detection, object_id
from thyrodata.exports.fiftyone.layout import Layout
from thyrodata.exports.fiftyone.look import app_config
from thyrodata.exports.fiftyone.previews import Previews
from thyrodata.exports.fiftyone.samples import Samples, write_samples
from thyrodata.exports.fiftyone.tagging import Tags, tag_setter
from thyrodata.exports.fiftyone.views import save_views
from thyrodata.io.drawn import Note
from thyrodata.io.files import write_file
from thyrodata.qc.rule import Issue, Severity
from thyrodata.schema.geometry import Mask
from thyrodata.schema.record import ImageRecord

__all__ = ["Beside", "Built", "FoundMarks", "build_dataset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMarks:
    """The marks over the echo that quality control found in an image."""

    marked: bool
    score: float
    kinds: str
    """Joined by plus signs."""
    mask: Mask | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is known of the images outside of their records, by their ids."""

    splits: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The part of each image, by the split's name."""
    issues: Mapping[str, tuple[Issue, ...]] | None = None
    """What quality control found; ``None`` if it was not run."""
    marks: Mapping[str, FoundMarks] = field(default_factory=dict)
    same_pictures: Mapping[str, str] = field(default_factory=dict)
    """The name of the cluster of images that show one picture."""
    tags: Tags = field(default_factory=Tags)
    """Set earlier in the App."""

    def fields(self, record: ImageRecord) -> dict[str, Any]:
        """Return what is known of an image as fields of its sample."""
        image_id = record.image_id
        fields: dict[str, Any] = {
            f"split_{name.replace('-', '_')}": part_of[image_id]
            for name, part_of in self.splits.items()
            if image_id in part_of
        }
        if image_id in self.same_pictures:
            fields["same_picture"] = self.same_pictures[image_id]
        if self.issues is not None:
            fields |= _quality(image_id, self.issues.get(image_id, ()))
        if image_id in self.marks:
            fields |= _marks(record, self.marks[image_id])
        return fields


def _quality(image_id: str, issues: tuple[Issue, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        f"qc_{severity.value}s": sum(issue.severity is severity for issue in issues) for severity in Severity
    }
    if issues:
        fields["qc"] = {
            "_cls": "Classifications",
            "classifications": [_issue(image_id, number, issue) for number, issue in enumerate(issues)],
        }
    return fields


def _issue(image_id: str, number: int, issue: Issue) -> Document:
    said: dict[str, Any] = {"severity": issue.severity.value, "what": issue.what, "hint": issue.hint}
    if issue.finding_id:
        said["finding_id"] = issue.finding_id
    if issue.score is not None:
        said["score"] = issue.score
    return classification(object_id(image_id, "qc", str(number)), issue.code, **said)


def _marks(record: ImageRecord, found: FoundMarks) -> dict[str, Any]:
    fields: dict[str, Any] = {"marked": found.marked}
    if found.marked and found.mask is not None and len(found.mask.runs()) > 1:
        size = (record.image.width, record.image.height)
        key = object_id(record.image_id, "found_marks")
        mask = mask_detection(key, found.kinds, found.mask, size, confidence=found.score)
        fields["found_marks"] = {"_cls": "Detections", "detections": [mask]}
    return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The FiftyOne dataset that was made."""

    images: int
    shapes: int
    """What is drawn: each drawing of a finding, and of each reader."""
    as_pixels: int
    """Outlines with holes: the pixels that they cover stand for them."""
    not_shown: tuple[Note, ...]
    """Drawings that cover no pixel, of which nothing is seen."""
    without_file: int
    """Images that are not shown, since the dataset has only their annotations."""
    previews: int
    """Images of more than 8 bits, for which an 8-bit file was written."""
    views: tuple[str, ...]
    """The saved views."""


def build_dataset(
    dataset: Dataset,
    name: str,
    beside: Beside,
    previews: Previews,
    *,
    split: str | None,
    info: Mapping[str, Any],
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Built:
    """Make a FiftyOne dataset with a sample for each image that has a file.

    Args:
        dataset: It is only read, its records a thousand at a time.
        name: What the FiftyOne dataset is called.
        beside: What is known of its images outside of their records.
        previews: Where 8-bit pictures of deeper images go.
        split: The split whose parts have views of their own.
        info: What the FiftyOne dataset says of itself.
        overwrite: Replace one of this name that was made here.
        progress: Called with the number of records done and of all.

    Raises:
        MissingExtraError: FiftyOne is not installed, or has no database.
        UsageError: The name is none.
        OutputError: There is a dataset of this name, or a file cannot be written.
        DatasetError: The dataset is damaged, lacks a file, or has none of any image.
        CaseError: An image that needs a preview cannot be decoded.
    """
    fiftyone = open_fiftyone()
    replaced = replaceable(fiftyone, name, overwrite=overwrite)
    maker, layout = Samples(dataset=dataset.manifest.name), Layout()
    with tempfile.TemporaryDirectory(prefix="thyrodata-") as scratch:
        source = _Source(dataset, beside, previews, maker, progress)
        images = write_samples(Path(scratch), source.samples(), layout)
        if not images:
            raise DatasetError(
                "there is no image to show",
                where=str(dataset.path),
                hint="the dataset has only the annotations of its images",
            )
        about = layout.document(name, info=info, app_config=app_config(layout))
        write_file(Path(scratch) / "metadata.json", json.dumps(about).encode())
        made = fiftyone.Dataset.from_dir(
            dataset_dir=scratch, dataset_type=fiftyone.types.FiftyOneDataset, progress=False
        )
    with published(fiftyone, made, name, replaced):
        views = save_views(fiftyone, made, dataset.manifest, beside.splits.get(split or "", {}), split)
    return Built(
        images=images,
        shapes=maker.drawings.shapes,
        as_pixels=maker.drawings.as_pixels,
        not_shown=tuple(maker.drawings.not_shown),
        without_file=source.without_file,
        previews=previews.written,
        views=views,
    )


class _Source:
    """The samples of a dataset that is browsed."""

    def __init__(
        self,
        dataset: Dataset,
        beside: Beside,
        previews: Previews,
        maker: Samples,
        progress: Progress | None,
    ) -> None:
        self._dataset = dataset
        self._beside = beside
        self._previews = previews
        self._maker = maker
        self._progress = progress
        self._set_tags = tag_setter(beside.tags)
        self.without_file = 0

    def samples(self) -> Iterator[Document]:
        total = self._dataset.manifest.count("images")
        for number, record in enumerate(self._dataset.records(), 1):
            if record.image.path is None:
                self.without_file += 1
            else:
                sample = self._maker.sample(
                    record,
                    self._previews.shown(self._dataset, record),
                    record.findings,
                    row=number - 1,
                    beside=self._beside.fields(record),
                )
                self._set_tags(sample)
                yield sample
            if self._progress:
                self._progress(number, total)
