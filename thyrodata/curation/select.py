"""Select: a dataset of those groups, nodules and images that meet named criteria, with the account of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.change import all_rows
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError, UsageError
from thyrodata.io.collector import collector_paused
from thyrodata.io.parquet import stream_as
from thyrodata.io.raw import named_file
from thyrodata.reports.flow import draw_flow
from thyrodata.revision import Revision, opened, revise
from thyrodata.schema.manifest import Setting
from thyrodata.selection.answers import Beside
from thyrodata.selection.change import Select
from thyrodata.selection.clinical import ClinicalTable, read_clinical
from thyrodata.selection.conditions import InSplit
from thyrodata.selection.contradictions import check_consistent
from thyrodata.selection.criteria import Criterion, Step
from thyrodata.selection.fitting import check_fit, check_tables
from thyrodata.selection.glance import Glance
from thyrodata.selection.grammar import read_criteria
from thyrodata.selection.ledger import Ledger
from thyrodata.selection.selecting import Selection, choose
from thyrodata.selection.wording import name_counts

__all__ = ["Selected", "select"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What criteria selected, and the dataset that was made of it."""

    ledger: Ledger
    out: Path
    revision: Revision | None
    """``None`` for a dry run of criteria that leave nothing: without ``dry_run`` they are refused."""

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        made = self.revision
        return {
            "out": str(self.out),
            "dry_run": made is None or made.dataset is None,
            "refused": made is None,
            "images": made.images if made else 0,
            "image_bytes": made.image_bytes if made else 0,
            **self.ledger.to_json(),
        }


def select(
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    criteria: str | Path,
    tables: Sequence[str | Path] = (),
    link: bool = False,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Selected:
    """Make a dataset of what meets criteria.

    Each criterion asks what the one before has left. What it removed and why, and how many were not known,
    stands in ``reports/select.json``, and as a figure in ``reports/select.svg``. A group is a patient only
    where the source names patients.

    Args:
        dataset: The dataset, or its folder.
        out: The folder to make.
        criteria: The YAML file of criteria.
        tables: CSV files of clinical fields that records have no place for.
        link: Make hard links to the images instead of copies.
        workers: Processes; 1 is this process.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``.
        dry_run: Write nothing, and raise nothing for criteria that leave nothing.
        progress: Called with the number of records done and of all.

    Raises:
        UsageError: The criteria contradict each other, ask for what is not there, or leave nothing.
        RawLayoutError: The criteria or a table cannot be understood; the place names the line.
        CaseError: A file cannot be read, or an answer is not known and the criterion says to stop.
        DatasetError: The dataset is damaged.
        OutputError: ``out`` is in the way or cannot be written.
    """
    source = opened(dataset)
    asked = tuple(read_clinical(named_file(table)) for table in tables)
    check_tables(asked)
    levels = {column: table.level for table in asked for column in table.columns}
    steps = read_criteria(named_file(criteria), levels)
    check_consistent(steps)
    beside = Beside(tables=asked, splits=_splits(source, steps))
    with collector_paused():
        images = tuple(stream_as(source.path / RECORDS_FILE, Glance))
        check_fit(steps, images, beside)
        chosen = choose(source.manifest.name, images, steps, beside)
    if not chosen.image_ids:
        if not dry_run:
            _refuse(chosen.ledger, str(criteria))
        return Selected(ledger=chosen.ledger, out=Path(out), revision=None)
    revision = revise(
        _change(source, chosen, steps, asked),
        [source],
        out,
        link=link,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
        dry_run=dry_run,
        progress=progress,
    )
    return Selected(ledger=chosen.ledger, out=Path(out), revision=revision)


def _splits(dataset: Dataset, steps: Sequence[Step]) -> Mapping[str, Mapping[str, str]]:
    """Return the splits that criteria ask for: the part of each image."""
    found: dict[str, dict[str, str]] = {}
    for step in steps:
        if isinstance(step, Criterion) and isinstance(step.condition, InSplit):
            try:
                parts = dataset.split(step.condition.name)
            except DatasetError as error:
                if step.condition.name in dataset.splits:
                    raise
                raise UsageError(
                    f"{step.name!r}: {error.message}", where=step.where, hint=error.hint
                ) from None
            found[step.condition.name] = {image_id: part for part, ids in parts.items() for image_id in ids}
    return found


def _refuse(ledger: Ledger, where: str) -> None:
    lines = [f"given: {', '.join(name_counts(ledger.given))}"]
    lines += [f"after {stage.step.name!r}: {', '.join(name_counts(stage.after))}" for stage in ledger.stages]
    raise UsageError(
        "the criteria leave nothing, and nothing was written\n  " + "\n  ".join(lines),
        where=where,
        hint="--dry-run says what each criterion removes, and why",
    )


def _change(
    dataset: Dataset, chosen: Selection, steps: Sequence[Step], tables: Sequence[ClinicalTable]
) -> Select:
    ledger = chosen.ledger
    account = json.dumps(ledger.to_json(), indent=2, ensure_ascii=False) + "\n"
    stated = [Setting(name=f"criterion {n}, {step.name}", value=str(step)) for n, step in enumerate(steps, 1)]
    stated += [
        Setting(name=f"table {n}", value=f"of each {table.level.value}, sha256 {table.sha256}")
        for n, table in enumerate(tables, 1)
    ]
    return Select(
        rows=tuple(row for row in all_rows([dataset]) if row.image_id in chosen.image_ids),
        removed_nodules=chosen.removed_nodules,
        stated=tuple(stated),
        accounts=(
            ("reports/select.json", account.encode()),
            ("reports/select.svg", draw_flow(ledger).encode()),
        ),
    )
