"""The report of a capture, made from the dataset alone: whoever may see the dataset may see the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thyrodata.capture.screen import CELL
from thyrodata.capture.verdict import Outcome
from thyrodata.collection.account import read_account, reason, tally, verdict_of
from thyrodata.collection.model import NAMESPACE, FileDone, Screen
from thyrodata.dataset import Dataset
from thyrodata.errors import UsageError
from thyrodata.io.files import write_file
from thyrodata.reports.capturepage import CapturedScreen, capture_page
from thyrodata.schema.record import ImageRecord

__all__ = ["CaptureReport", "report_capture"]

_NOTES = (
    "Pseudonyms are reversible for whoever has the key or crosswalk that they were made with.",
    (
        "A region tag is not a proof of de-identification, and neither is this page: look at the images, and "
        "run the audit, which compares the dataset with its originals."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureReport:
    """A report that was written."""

    path: Path
    shown: int
    """Files whose screens are drawn."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {"path": str(self.path), "shown": self.shown}


def report_capture(data: str | Path, out: str | Path, *, count: int = 60) -> CaptureReport:
    """Draw what a capture kept of each screen, what it blanked, and what was put aside, as an HTML page.

    Args:
        data: The captured dataset. The export is not needed, and no name or id is in the page.
        out: The page to write; a file that is there is replaced.
        count: The most files that are shown, taken at even steps.

    Raises:
        UsageError: The page would lie in the dataset.
        DatasetError: The dataset was not captured, or is damaged.
        OutputError: The page cannot be written.
    """
    dataset = Dataset(data)
    if Path(out).resolve().is_relative_to(dataset.path.resolve()):
        raise UsageError(
            "the page would lie in the dataset", where=str(out), hint="choose another place for it"
        )
    files = read_account(dataset.path)
    exported = [done for done in files if done.screen]
    step = max(1.0, len(exported) / count)
    shown = [exported[int(k * step)] for k in range(min(count, len(exported)))]
    page = capture_page(
        title=f"Capture of {dataset.manifest.name}: {len(files)} files",
        notes=_NOTES,
        tables=_tables(dataset, files),
        screens=_screens(dataset, shown),
    )
    write_file(Path(out), page.encode())
    return CaptureReport(path=Path(out), shown=len(shown))


def _tables(
    dataset: Dataset, files: Sequence[FileDone]
) -> Iterator[tuple[str, Sequence[str], Sequence[Sequence[str]]]]:
    rows = [
        (verdict.outcome.value, verdict.code, str(n), verdict.sentence) for verdict, n in tally(files).items()
    ]
    yield "What became of the files", ("outcome", "code", "files", "why"), rows
    manifest = dataset.manifest
    screens = [done.screen for done in files if done.screen]
    counts = [
        ("patients", str(manifest.count("groups", "patient"))),
        (
            "studies and files of unnamed patients",
            str(manifest.count("groups") - manifest.count("groups", "patient")),
        ),
        ("images", str(manifest.count("images"))),
        ("frames left out, near-identical to others", str(sum(done.thinned for done in files))),
        ("screens whose region the header names", str(sum(s.found_by == "header" for s in screens))),
        ("screens whose region was found by its pixels", str(sum(s.found_by == "pixels" for s in screens))),
        ("boxes blanked for text", str(sum(len(screen.blanked) for screen in screens))),
    ]
    yield "Counts", ("what", "n"), counts
    aside = [done for done in files if verdict_of(done).outcome is Outcome.QUARANTINED]
    if aside:
        told = [(_place(done), verdict_of(done).code, reason(done)) for done in aside]
        yield "Quarantine", ("file", "code", "why"), told
    settings = [(s.name, s.value) for source in manifest.sources for s in source.settings]
    versions = [(version.package, version.version) for version in manifest.versions]
    yield "Rules and versions", ("what", "value"), [*settings, *versions]


def _place(done: FileDone) -> str:
    return f"{done.file}, delivery {done.delivery}" if done.delivery > 1 else done.file


def _screens(dataset: Dataset, shown: Sequence[FileDone]) -> Iterator[CapturedScreen]:
    firsts = _first_records(dataset, shown)
    for done in shown:
        if done.screen:
            lit = _lit(done.screen)
            outside = sum(not _inside(cell, done.screen) for cell in lit)
            yield CapturedScreen(
                title=f"file {_place(done)}",
                caption=f"{done.exported} of {done.frames} frames; kept {_share(done.screen):.0%} of the "
                f"screen, by the {done.screen.found_by}; {outside} of {len(lit)} lit cells left out; "
                f"{len(done.screen.blanked)} boxes blanked",
                width=done.screen.width,
                height=done.screen.height,
                cell=CELL,
                lit=lit,
                kept=done.screen.kept,
                blanked=done.screen.blanked,
                pictures=[dataset.image_bytes(record) or b"" for record in firsts[_name(done)]],
            )


def _name(done: FileDone) -> str:
    return "/".join([NAMESPACE, done.group, *map(str, done.numbers)])


def _first_records(dataset: Dataset, shown: Sequence[FileDone]) -> dict[str, list[ImageRecord]]:
    """Return the records of each file's first exported frame."""
    wanted = {_name(done) for done in shown}
    firsts: defaultdict[str, list[ImageRecord]] = defaultdict(list)
    for record in dataset.records():
        name = record.image_id.rsplit("/", 2)[0]
        known = firsts[name] if name in wanted else None
        if known is not None and (not known or known[0].image.frame_index == record.image.frame_index):
            known.append(record)
    return firsts


def _lit(screen: Screen) -> list[tuple[int, int]]:
    columns, rows = -(-screen.width // CELL), -(-screen.height // CELL)
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(screen.cells), np.uint8), count=rows * columns)
    return [(int(cell) % columns, int(cell) // columns) for cell in np.flatnonzero(bits)]


def _inside(cell: tuple[int, int], screen: Screen) -> bool:
    x, y = (cell[0] + 0.5) * CELL, (cell[1] + 0.5) * CELL
    return any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in screen.kept)


def _share(screen: Screen) -> float:
    kept = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in screen.kept)
    return kept / (screen.width * screen.height)
