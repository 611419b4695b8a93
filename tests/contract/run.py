"""Runs a converter over a raw folder, down to the records and image files that it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.engine import Destination, OnError, Plan, Run, plan_items, run_items
from thyrodata.io.parquet import read_chunk, records_of
from thyrodata.io.raw import Raw
from thyrodata.sample import Converter
from thyrodata.schema.record import ImageRecord

__all__ = ["Result", "contents", "convert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished run."""

    plan: Plan
    run: Run
    records: list[ImageRecord]
    images: Path
    """The folder of the dataset in the making."""


def convert(
    converter: Converter[Any],
    folder: Path,
    out: Path,
    *,
    on_error: OnError = OnError.RAISE,
    workers: int = 1,
) -> Result:
    """Read a folder anew into ``out``, or go on with what an earlier run has left there."""
    destination = Destination(dataset=out / "dataset", work=out / "work")
    for needed in (destination.dataset, destination.work):
        needed.mkdir(parents=True, exist_ok=True)
    plan = plan_items(converter, Raw(folder))
    run = run_items(converter, plan, destination, workers=workers, on_error=on_error)
    records = [r for path in run.chunk_files for batch in read_chunk(path) for r in records_of(batch)]
    return Result(plan=plan, run=run, records=records, images=destination.dataset)


def contents(folder: Path) -> Mapping[str, bytes]:
    """Return the bytes of every file below a folder, by path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
