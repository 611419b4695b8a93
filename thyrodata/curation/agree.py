"""Agree report: how readers of the same images agree, in figures with their intervals, and in pictures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from thyrodata.agreement.asking import FLOOR, THRESHOLDS, TOLERANCE, Asked, asked_of
from thyrodata.agreement.examination import Examined, examine
from thyrodata.agreement.figures import report_of
from thyrodata.agreement.images import ReadImage
from thyrodata.agreement.model import Agreement, PairAgreement
from thyrodata.agreement.notes import noted
from thyrodata.agreement.resampling import Resampling
from thyrodata.agreement.study import gather
from thyrodata.curation.leastagreeing import least_agreeing
from thyrodata.curation.readers import Readings, joined_readings
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.io.files import write_file
from thyrodata.io.hashes import SUMS, read_sums
from thyrodata.io.workspace import check_apart, opened_workspace
from thyrodata.pool import mapped
from thyrodata.reports.agreementpage import WorstCase, agreement_page

__all__ = ["ACCOUNT", "ReportedAgreement", "report_agreement"]

ACCOUNT = "reports/agreement.json"
"""Where in a dataset the figures of its readers lie."""

FIGURES, PAGE, PAIRS = "agreement.json", "index.html", "pairs.csv"
"""The files of a report."""

_CHUNK = 64
"""Images in a task of a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedAgreement:
    """A report, and where it was written to."""

    agreement: Agreement
    out: Path | None
    """The folder of the page, if one was asked for."""
    account: Path | None
    """The figures beside the records of the dataset; ``None`` if nothing was added to one."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        places = {"out": self.out, "account": self.account}
        said = {name: str(place) if place else None for name, place in places.items()}
        return {**said, **self.agreement.to_json()}


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
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ReportedAgreement:
    """Measure how readers agree.

    Drawings of two readers on one image are matched one to one; what is matched is measured, what is not is
    counted. Nothing that only one has read counts as agreement. Intervals are by the bootstrap over the
    groups of the dataset: over patients only where it names patients.

    The figures are added to the dataset that stands first, as :data:`ACCOUNT`, in place of earlier ones:
    the report on the dataset shows them. Files alone get none.

    Args:
        sources: Datasets, readers' files and folders of masks, each ``PATH`` or ``NAME=PATH``, which names
            its reader. The first says which images there are.
        out: The folder to make, of a page, its figures as JSON, and a row for each matched pair; by default
            none is made.
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
        dry_run: Write nothing.
        progress: Called with the number of images done and of all.

    Raises:
        UsageError: There are fewer than two readers, one is not there, or a number is none that can be.
        DatasetError: A dataset is damaged.
        CaseError: A file or an image cannot be read.
        OutputError: ``out`` is in the way, or something cannot be written.
    """
    resampling = Resampling(seed=seed, resamples=resamples)
    readings, chosen = joined_readings(sources, readers)
    asked = asked_of(chosen, structures, floor, tolerance, thresholds)
    made = partial(_reported, readings, asked, resampling, workers, progress)
    target = None if out is None or dry_run else Path(out)
    report = made() if target is None else _published(made, readings, target, worst, overwrite=overwrite)
    account = None if dry_run or readings.dataset is None else _added(report, readings.dataset)
    return ReportedAgreement(agreement=report, out=target, account=account)


def _published(
    made: Callable[[], Agreement], readings: Readings, target: Path, worst: int, *, overwrite: bool
) -> Agreement:
    """Make the report in a folder of its own, and return it."""
    for source in (readings.base, *readings.others):
        check_apart(source.place, target)
    with opened_workspace(
        target, {"report": "agreement"}, FIGURES, resume=None, overwrite=overwrite
    ) as space:
        try:
            report = made()
            _write(report, space.dataset, tuple(least_agreeing(report, readings, worst)))
        except BaseException:
            space.abandon()
            raise
        space.publish()
    return report


def _added(report: Agreement, dataset: Dataset) -> Path:
    """Add the figures to a dataset, with the checksum of the records that they are of."""
    compared = {RECORDS_FILE: read_sums(dataset.path / SUMS).get(RECORDS_FILE)}
    with dataset.adding() as folder:
        (folder / ACCOUNT).parent.mkdir()
        write_file(folder / ACCOUNT, _json({"compared": compared, **report.to_json()}))
    dataset.note("agree report")
    return dataset.path / ACCOUNT


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
    write_file(folder / FIGURES, _json(report.to_json()))
    write_file(folder / PAIRS, _rows(report.pairs))
    write_file(folder / PAGE, agreement_page(report, worst))


def _json(said: dict[str, Any]) -> bytes:
    return (json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


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
