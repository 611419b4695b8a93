"""Agree report: how readers of the same images agree, in figures with their intervals, and in pictures."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from thyrodata.agreement.asking import FLOOR, THRESHOLDS, TOLERANCE, Asked, asked_of
from thyrodata.agreement.consensus import contributed, read_image_of
from thyrodata.agreement.examination import Examined, examine
from thyrodata.agreement.figures import report_of
from thyrodata.agreement.images import ReadImage
from thyrodata.agreement.model import Agreement, PairAgreement
from thyrodata.agreement.notes import noted
from thyrodata.agreement.resampling import Resampling
from thyrodata.agreement.study import gather
from thyrodata.curation.readers import Readings, joined_readings
from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.io.files import write_file
from thyrodata.io.workspace import check_apart, opened_workspace
from thyrodata.pool import mapped
from thyrodata.reports.agreementpage import WorstCase, agreement_page, worst_picture
from thyrodata.reports.sheet import Tile
from thyrodata.schema.record import ImageRecord, ImageRef
from thyrodata.schema.vocab import Modality

__all__ = ["ReportedAgreement", "report_agreement"]

FIGURES, PAGE, PAIRS = "agreement.json", "index.html", "pairs.csv"
"""The files of a report."""

_CHUNK = 64
"""Images in a task of a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedAgreement:
    """A report, and the folder that it was written to."""

    agreement: Agreement
    out: Path | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"out": str(self.out) if self.out else None, **self.agreement.to_json()}


def report_agreement(
    sources: Sequence[str | Path | Dataset],
    out: str | Path | None = None,
    *,
    readers: Sequence[str] = (),
    structures: Sequence[str] = (),
    floor: float = FLOOR,
    tolerance: str = TOLERANCE,
    thresholds: Sequence[float] = THRESHOLDS,
    seed: int = 0,
    resamples: int = 1000,
    worst: int = 12,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ReportedAgreement:
    """Measure how readers agree.

    Drawings of two readers on one image are matched one to one; what is matched is measured, what is not is
    counted. Nothing that only one has read counts as agreement. Intervals are by the bootstrap over the
    groups of the dataset: over patients only where it names patients.

    Args:
        sources: Datasets, readers' files and folders of masks, each ``PATH`` or ``NAME=PATH``, which names
            its reader. The first says which images there are.
        out: The folder to make, of a page, its figures as JSON, and a row for each matched pair; ``None``
            to write nothing.
        readers: Whose readings are compared: by default all.
        structures: What is compared: by default all but markers.
        floor: The least IoU of two drawings that may be of one thing.
        tolerance: How far edges may lie apart and be at one place: ``2px`` or ``0.5mm``. All distances are in
            its unit.
        thresholds: IoU from which a drawing counts as found by the other reader.
        seed: Of the resamples.
        resamples: How many.
        worst: How many pairs of least Dice are drawn.
        workers: Processes; 1 is this process.
        overwrite: Replace a report that is at ``out``.
        progress: Called with the number of images done and of all.

    Raises:
        UsageError: There are fewer than two readers, one is not there, or a number is none that can be.
        DatasetError: A dataset is damaged.
        CaseError: A file or an image cannot be read.
        OutputError: ``out`` is in the way or cannot be written.
    """
    resampling = Resampling(seed=seed, resamples=resamples)
    readings, chosen = joined_readings(sources, readers)
    asked = asked_of(chosen, structures, floor, tolerance, thresholds)
    made = partial(_reported, readings, asked, resampling, workers, progress)
    if out is None:
        return ReportedAgreement(agreement=made(), out=None)
    target = Path(out)
    for source in (readings.base, *readings.others):
        check_apart(source.place, target)
    with opened_workspace(
        target, {"report": "agreement"}, FIGURES, resume=None, overwrite=overwrite
    ) as space:
        try:
            report = made()
            _write(report, space.dataset, tuple(_worst(report, readings, worst)))
        except BaseException:
            space.abandon()
            raise
        space.publish()
    return ReportedAgreement(agreement=report, out=target)


def _reported(
    readings: Readings, asked: Asked, resampling: Resampling, workers: int, progress: Progress | None
) -> Agreement:
    gathered = gather(_examined(readings, asked, workers, progress), asked)
    sources = [", ".join(name or "(not named)" for name in each.readers) for each in readings.joined]
    report = report_of(gathered, readings.name, sources, resampling)
    notes = {**{each.code: each.places for each in gathered.notes}, **readings.notes}
    return replace(report, notes=noted(notes))


def _examined(
    readings: Readings, asked: Asked, workers: int, progress: Progress | None
) -> Iterator[Examined]:
    done = 0
    tasks = ((chunk,) for chunk in _chunks(readings))
    with mapped(partial(_examine_all, asked), tasks, workers) as results:
        for chunk in results:
            yield from chunk
            done += len(chunk)
            if progress:
                progress(done, readings.images)


def _chunks(images: Iterable[ReadImage]) -> Iterator[list[ReadImage]]:
    left = iter(images)
    while chunk := [*islice(left, _CHUNK)]:
        yield chunk


def _examine_all(asked: Asked, images: Sequence[ReadImage]) -> list[Examined]:
    return [examine(image, asked) for image in images]


# ---------------------------------------------------------------- what is written


def _write(report: Agreement, folder: Path, worst: Sequence[WorstCase]) -> None:
    said = json.dumps(report.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_file(folder / FIGURES, said.encode())
    write_file(folder / PAIRS, _rows(report.pairs))
    write_file(folder / PAGE, agreement_page(report, worst))


def _rows(pairs: Iterable[PairAgreement]) -> bytes:
    """Return a row for each matched pair; a figure that it does not have is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    header: list[str] = []
    for pair in pairs:
        columns = pair.columns
        if not header:
            header = [*columns.values]
            writer.writerow(
                ["image_id", "group_id", "reader_a", "reader_b", "finding_a", "finding_b", *header]
            )
        for k in range(len(columns)):
            values = (columns.values[name][k] for name in header)
            numbers = ["" if value != value else repr(value) for value in values]  # noqa: PLR0124 -- nan
            writer.writerow(
                [columns.image_ids[k], columns.group_ids[k], *pair.readers, *columns.finding_ids[k], *numbers]
            )
    return stream.getvalue().encode()


def _worst(report: Agreement, readings: Readings, count: int) -> Iterator[WorstCase]:
    """Yield the pairs of least Dice of all, least first."""
    found = [
        (pair.columns.values["dice"][k], pair.columns.image_ids[k], number, k)
        for number, pair in enumerate(report.pairs)
        for k in pair.columns.worst(count)
    ]
    chosen = sorted(found)[: max(count, 0)]
    wanted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for _, image_id, number, k in chosen:
        wanted[image_id].append((number, k))
    drawn = {place: case for case, place in _drawn(report, readings, wanted)}
    yield from (drawn[number, k] for _, _, number, k in chosen)


def _drawn(
    report: Agreement, readings: Readings, wanted: dict[str, list[tuple[int, int]]]
) -> Iterator[tuple[WorstCase, tuple[int, int]]]:
    for image, tile in _shown(readings, wanted):
        for number, k in wanted[image.image_id]:
            pair = report.pairs[number]
            findings = {each.finding_id: each for each in image.findings}
            one, other = (findings[name] for name in pair.columns.finding_ids[k])
            hausdorff = pair.columns.values["hausdorff"][k]
            case = WorstCase(
                image_id=image.image_id,
                readers=pair.readers,
                dice=pair.columns.values["dice"][k],
                hausdorff=None if hausdorff != hausdorff else hausdorff,  # noqa: PLR0124 -- nan
                picture=worst_picture(tile, (one, other)),
            )
            yield case, (number, k)


def _shown(readings: Readings, wanted: Collection[str]) -> Iterator[tuple[ReadImage, Tile]]:
    """Yield the images that are wanted, each with what is drawn on; of a file there is no picture."""
    dataset = readings.dataset
    if dataset is None:
        yield from ((image, _blank(image)) for image in readings if image.image_id in wanted)
    elif wanted:
        for record in dataset.records(only=wanted):
            image = contributed(read_image_of(record), readings.contributions(record.image_id))
            yield image, Tile(record=record, data=dataset.image_bytes(record))


def _blank(image: ReadImage) -> Tile:
    """Return an image of which a file tells the size alone."""
    record = ImageRecord(
        image_id=image.image_id,
        image=ImageRef(width=image.image.width, height=image.image.height),
        modality=Modality.ULTRASOUND,
        group_id=image.group_id,
        group_kind=image.group_kind,
        source=image.image_id,
    )
    return Tile(record=record, data=None)
