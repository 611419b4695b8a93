"""The account of a capture: what became of every file, as it lies in the dataset."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from thyrodata.capture.clinical import ClinicalCounts
from thyrodata.capture.verdict import Outcome, Verdict
from thyrodata.collection.model import FileDone
from thyrodata.errors import DatasetError, SchemaError
from thyrodata.schema.manifest import Skip
from thyrodata.schema.plain import from_plain, to_plain

__all__ = [
    "ACCOUNT",
    "CLINICAL",
    "account_lines",
    "clinical_text",
    "put_aside",
    "read_account",
    "read_clinical_counts",
    "reason",
    "skip_of",
    "tally",
    "verdict_of",
]

ACCOUNT = "reports/capture.jsonl"
"""A line for each file of the export: its ordinal, what it came to, and no name."""

CLINICAL = "reports/clinical.json"
"""How far the clinical table and the export met, if there was one: numbers alone."""

_VERDICTS = {verdict.code: verdict for verdict in Verdict}


def verdict_of(done: FileDone) -> Verdict:
    """Return a file's verdict."""
    return _VERDICTS[done.verdict]


def put_aside(files: Iterable[FileDone]) -> tuple[FileDone, ...]:
    """Return the files that are in quarantine."""
    return tuple(done for done in files if verdict_of(done).outcome is Outcome.QUARANTINED)


def account_lines(files: Iterable[FileDone]) -> bytes:
    """Return the account as it is written."""
    return "".join(json.dumps(to_plain(done)) + "\n" for done in files).encode()


def read_account(dataset: Path) -> tuple[FileDone, ...]:
    """Return what became of the files of a captured dataset.

    Raises:
        DatasetError: It is not one that was captured, or its account is damaged.
    """
    place = dataset / ACCOUNT
    if not place.is_file():
        raise DatasetError(
            "the dataset was not made by a capture", where=str(place), hint="see: thyrodata capture run"
        )
    try:
        lines = place.read_text("utf-8").split("\n")[:-1]
        files = tuple(from_plain(FileDone, json.loads(line)) for line in lines)
    except (OSError, ValueError, SchemaError):
        files = ()
    if not files or not all(done.verdict in _VERDICTS for done in files):
        raise DatasetError(
            "the account of the capture cannot be read", where=str(place), hint="run `thyrodata verify`"
        )
    return files


def clinical_text(counts: ClinicalCounts) -> bytes:
    """Return how far table and export met, as it is written."""
    return (json.dumps(to_plain(counts), indent=2) + "\n").encode()


def read_clinical_counts(dataset: Path) -> ClinicalCounts | None:
    """Return how far table and export met; ``None`` if there was no table.

    Raises:
        DatasetError: It cannot be read.
    """
    place = dataset / CLINICAL
    if not place.exists():
        return None
    try:
        return from_plain(ClinicalCounts, json.loads(place.read_text("utf-8")))
    except (OSError, ValueError, SchemaError):
        raise DatasetError(
            "the counts of the clinical table cannot be read", where=str(place), hint="run `thyrodata verify`"
        ) from None


def skip_of(done: FileDone) -> Skip:
    """Return a file in quarantine as a conversion lists what it could not read."""
    where = f"file {done.file}"
    return Skip(
        item=where,
        files=(where,),
        reason=reason(done),
        where=where,
        hint="look at its preview and the file itself; nothing of it is in the dataset",
    )


def reason(done: FileDone) -> str:
    """Return why a file came to what it did, as a sentence."""
    sentence = verdict_of(done).sentence
    return f"{sentence}: {done.detail}" if done.detail else sentence


def tally(files: Sequence[FileDone]) -> dict[Verdict, int]:
    """Return how many files came to each verdict, in the order of the verdicts, without zeros."""
    counts = {verdict: sum(done.verdict == verdict.code for done in files) for verdict in Verdict}
    return {verdict: n for verdict, n in counts.items() if n}
