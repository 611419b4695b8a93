"""Marks over the echo: which images have them, where, and a dataset without them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from thyrodata.change import all_rows
from thyrodata.dataset import Dataset
from thyrodata.derivation.names import new_names
from thyrodata.engine import Progress
from thyrodata.errors import CaseError, DatasetError
from thyrodata.io.files import write_file
from thyrodata.io.masks import encode_mask
from thyrodata.io.parquettable import table_bytes
from thyrodata.pool import mapped
from thyrodata.qc.look import look_at
from thyrodata.qc.marks import MarkKind
from thyrodata.qc.painting import Inpaint
from thyrodata.qc.rule import Unread
from thyrodata.revision import Revision, opened, revise
from thyrodata.schema.geometry import Mask
from thyrodata.schema.plain import to_plain
from thyrodata.schema.record import ImageRecord

__all__ = ["MARKERS", "FoundMarkers", "MarkedImage", "find_markers"]

MARKERS = "reports/markers.parquet"
"""One row for each image that was looked at."""

_CHUNK = 32
"""Images in a task of a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedImage:
    """What was found on one image."""

    image_id: str
    has_marker: bool
    score: float
    """How sure it is that there is a mark, 0 to 1."""
    kinds: tuple[str, ...]
    """Of the marks, in the order of :class:`thyrodata.qc.marks.MarkKind`."""
    mask: Mask | None
    """The marks' own pixels; ``None`` where there are none."""
    deep: bool
    """Whether it has more than 8 bits: its marks are found on the high byte, and not painted over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMarkers:
    """The marks of a dataset's images."""

    dataset: str
    images: tuple[MarkedImage, ...]
    """Those that were looked at, in the order of the records."""
    unread: tuple[Unread, ...]
    table: Path | None
    """What was found as a table, unless nothing was written."""
    revision: Revision | None
    """The dataset without marks, if one was asked for."""

    @property
    def marked(self) -> tuple[MarkedImage, ...]:
        """The images that have marks."""
        return tuple(each for each in self.images if each.has_marker)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "dataset": self.dataset,
            "images": len(self.images),
            "marked": len(self.marked),
            "kinds": self.kinds(),
            "not_read": [to_plain(each) for each in self.unread],
            "more_than_8_bits": sum(each.deep and each.has_marker for each in self.images),
            "table": str(self.table) if self.table else None,
            "out": str(self.revision.out) if self.revision else None,
            "found": [
                {"image_id": each.image_id, "score": round(each.score, 4), "kinds": [*each.kinds]}
                for each in self.marked
            ],
        }

    def kinds(self) -> dict[str, int]:
        """Return how many images have marks of each kind."""
        counts = Counter(kind for each in self.marked for kind in each.kinds)
        return {kind.value: counts[kind.value] for kind in MarkKind}


def find_markers(
    dataset: str | Path | Dataset,
    inpaint: str | Path | None = None,
    *,
    workers: int = 1,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> FoundMarkers:
    """Look for calipers, text and other marks over the echo of each image.

    What is found is added to the dataset as :data:`MARKERS`: ``select`` takes it as a table. Whether marks
    matter is the user's to say: an image without a mark is not a better one, and what was not found may be
    there.

    Args:
        dataset: The dataset, or its folder.
        inpaint: A folder to make: the dataset with its marks painted over, pixel for pixel the same
            elsewhere. A remark names the findings whose pixels were painted on.
        workers: Processes; 1 is this process.
        overwrite: Replace a dataset that is at ``inpaint``.
        dry_run: Write nothing.
        progress: Called with the number of images done and of all.

    Raises:
        DatasetError: The dataset is damaged.
        OutputError: Something cannot be written, or is in the way.
        ThyrodataError: A worker process died.
    """
    data = opened(dataset)
    images: list[MarkedImage] = []
    unread: list[Unread] = []
    total = sum(tally.n for tally in data.manifest.counts if tally.what == "images")
    records = data.records()
    tasks = ((chunk,) for chunk in iter(lambda: tuple(islice(records, _CHUNK)), ()))
    with mapped(partial(_look_at, data.path), tasks, workers) as chunks:
        for found, failed in chunks:
            images += found
            unread += failed
            if progress:
                progress(len(images) + len(unread), total)
    if not dry_run:
        with data.adding() as folder:
            (folder / MARKERS).parent.mkdir()
            write_file(folder / MARKERS, _table(images))
        data.note("qc markers")
    revision = None
    if inpaint is not None:
        change = _change(data, images)
        revision = revise(
            change, [data], inpaint, workers=workers, overwrite=overwrite, dry_run=dry_run, progress=progress
        )
    return FoundMarkers(
        dataset=data.manifest.name,
        images=tuple(images),
        unread=tuple(unread),
        table=None if dry_run else data.path / MARKERS,
        revision=revision,
    )


def _look_at(folder: Path, records: Sequence[ImageRecord]) -> tuple[list[MarkedImage], list[Unread]]:
    dataset = Dataset(folder)
    found, failed = [], []
    for record in records:
        try:
            look = look_at(dataset, record)
        except (CaseError, DatasetError) as error:
            failed.append(Unread(image_id=record.image_id, why=error.message, hint=error.hint))
            continue
        marks = look.marks
        found.append(
            MarkedImage(
                image_id=record.image_id,
                has_marker=marks.has_marks,
                score=marks.score,
                kinds=tuple(kind.value for kind in marks.kinds) if marks.has_marks else (),
                mask=encode_mask(marks.mask) if marks.mask.any() else None,
                deep=look.pixels.dtype.itemsize > 1,
            )
        )
    return found, failed


def _table(images: Sequence[MarkedImage]) -> bytes:
    """Return a flat table, which ``select`` reads: kinds with plus signs between, masks as COCO's counts."""
    return table_bytes(
        {
            "image_id": [each.image_id for each in images],
            "has_marker": ["yes" if each.has_marker else "no" for each in images],
            "score": [each.score for each in images],
            "kinds": ["+".join(each.kinds) for each in images],
            "mask_height": [each.mask.height if each.mask else 0 for each in images],
            "mask_width": [each.mask.width if each.mask else 0 for each in images],
            "mask_counts": [each.mask.counts if each.mask else "" for each in images],
        }
    )


def _change(dataset: Dataset, images: Sequence[MarkedImage]) -> Inpaint:
    painted = {each.image_id: each for each in images if each.has_marker and each.mask and not each.deep}
    said = {"inpainted": [*painted], "images": len(images)}
    members = dataset.survey().members
    return Inpaint(
        rows=tuple(all_rows([dataset])),
        masks={name: each.mask for name, each in painted.items() if each.mask},
        names=new_names(
            (member.image_id, member.path.removeprefix("images/")) for member in members if member.path
        ),
        written={"reports/inpainted.json": (json.dumps(said, indent=2) + "\n").encode()},
    )
