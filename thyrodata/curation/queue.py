"""Writing conflicts between readers as a work list of an arbiter, and the key that stays behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata import __version__
from thyrodata.agreement.arbiterfiles import READINGS, arbiter_files, format_readings
from thyrodata.agreement.queue import Conflict, Sheet, make_sheets, offered_labels, structures_of
from thyrodata.annotation.assignment import MARKER, Assignment, Purpose, Task, Tool
from thyrodata.annotation.key import KEY, KeyRow, format_key, rows_sha256
from thyrodata.change import sums_sha256
from thyrodata.curation.annotate import check_new_readers
from thyrodata.curation.handout import ShownImage, copy_images
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError, UsageError
from thyrodata.io.drawn import Note
from thyrodata.io.files import write_file, writing
from thyrodata.io.parquet import stream_as
from thyrodata.io.workspace import check_apart, opened_workspace
from thyrodata.revision import opened
from thyrodata.schema.plain import to_plain

__all__ = ["QueuedConflicts", "queue_conflicts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedConflicts:
    """The queue that was written, or with ``dry_run`` would be."""

    out: Path
    assignment: Assignment
    sheets: tuple[Sheet, ...]
    offered: tuple[str, ...]
    """The plain labels that the arbiter may choose."""
    without_file: tuple[str, ...]
    """Images in conflict that cannot be given, since the dataset has only their annotations."""
    dry_run: bool

    @property
    def not_shown(self) -> tuple[Note, ...]:
        """Findings that no shape can show."""
        return tuple(note for sheet in self.sheets for note in sheet.not_shown)

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        return {"out": str(self.out), "dry_run": self.dry_run, **self.account()}

    def account(self) -> dict[str, Any]:
        """Return what stands beside the key: no time, no place."""
        return {
            "assignment": self.assignment.to_json(),
            "images": len(self.sheets),
            "shapes": sum(len(sheet.given.shapes) for sheet in self.sheets),
            "as_pixels": sum(sheet.as_pixels for sheet in self.sheets),
            "not_shown": to_plain(self.not_shown),
            "without_file": [*self.without_file],
            "labels": [*self.offered],
        }


def queue_conflicts(
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    arbiter: str,
    conflicts: Sequence[Conflict],
    tool: str = "cvat",
    seed: int = 0,
    overwrite: bool = False,
    dry_run: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> QueuedConflicts:
    """Write conflicts as a work list of an arbiter, who sees what readers have drawn and not who they are.

    Images are written anew as PNG without metadata, under names that say nothing. A drawing is shown as it
    is; what the tool's format cannot hold (holes, for CVAT and Label Studio several parts, what leaves its
    image) is shown as the pixels that it covers, and counted.

    Args:
        dataset: The dataset, or its folder.
        out: The folder to make.
        arbiter: Becomes a folder, and the reader of what is imported.
        conflicts: At most one for each image.
        tool: ``cvat``, ``label-studio`` or ``coco``.
        seed: Another seed gives other names and numbers of readings.
        overwrite: Replace a queue or work lists that are at ``out``.
        dry_run: Write nothing.
        workers: Processes; 1 is this process.
        progress: Called with the number of images written and of all.

    Raises:
        UsageError: There is no conflict, or there are two of one image; or the arbiter is one of the readers,
            or has read one of the images.
        DatasetError: The dataset is damaged, or lacks an image, or has no file of any.
        CaseError: An image cannot be decoded, or has another size than its record says.
        OutputError: ``out`` is in the way or cannot be written.
    """
    source, target = opened(dataset), Path(out)
    check_apart(source.path, target)
    images = _images(source, conflicts, arbiter)
    made = _plan(source, target, arbiter, conflicts, images, _tool(tool), seed, dry_run=dry_run)
    if dry_run:
        return made
    with opened_workspace(
        target, {"queue": "of an arbiter"}, MARKER, resume=None, overwrite=overwrite
    ) as space:
        try:
            _write(space.dataset, made, source, images, workers, progress)
        except BaseException:
            space.abandon()
            raise
        space.publish()
    return made


def _tool(name: str) -> Tool:
    known = {tool.value: tool for tool in Tool}
    if name not in known:
        raise UsageError(f"there is no tool {name!a}", hint=f"there are: {', '.join(known)}")
    return known[name]


def _images(dataset: Dataset, conflicts: Sequence[Conflict], arbiter: str) -> Mapping[str, ShownImage]:
    """Return the images in conflict by id, in the order of the dataset."""
    wanted = {conflict.image_id for conflict in conflicts}
    if not conflicts or len(wanted) < len(conflicts):
        what = "two conflicts are of one image" if conflicts else "there is no conflict"
        raise UsageError(what, where=str(dataset.path), hint="give one conflict for each image")
    if any(reader == arbiter for conflict in conflicts for reader, _ in conflict.readings):
        raise UsageError(
            f"{arbiter} is one of the readers in conflict", hint="no one decides on a reading of their own"
        )
    shown = stream_as(dataset.path / RECORDS_FILE, ShownImage)
    images = {each.image_id: each for each in shown if each.image_id in wanted}
    for conflict in conflicts:
        if conflict.image_id not in images:
            raise DatasetError(
                f"the dataset has no image {conflict.image_id}",
                where=str(dataset.path),
                hint="give the dataset that was compared, or one made from it",
            )
    check_new_readers([arbiter], images.values(), str(dataset.path))
    return images


def _plan(
    dataset: Dataset,
    out: Path,
    arbiter: str,
    conflicts: Sequence[Conflict],
    images: Mapping[str, ShownImage],
    tool: Tool,
    seed: int,
    *,
    dry_run: bool,
) -> QueuedConflicts:
    given = [conflict for conflict in conflicts if images[conflict.image_id].image.path is not None]
    if not given:
        raise DatasetError(
            "there is no image to give",
            where=str(dataset.path),
            hint="the dataset has only the annotations of the images in conflict",
        )
    sizes = {each.image_id: (each.image.width, each.image.height) for each in images.values()}
    sheets = make_sheets(given, sizes, tool, seed)
    task = Task(
        readers=(arbiter,),
        tool=tool,
        structures=structures_of(given),
        split=None,
        part=None,
        count=None,
        batch=len(given),
        seed=seed,
    )
    key = _key(arbiter, sheets, images)
    return QueuedConflicts(
        out=out,
        assignment=Assignment(
            thyrodata=__version__,
            dataset=dataset.manifest.name,
            dataset_sha256=sums_sha256(dataset),
            task=task,
            key_sha256=rows_sha256(key),
            purpose=Purpose.ADJUDICATION,
        ),
        sheets=sheets,
        offered=offered_labels(given),
        without_file=tuple(each for each, image in images.items() if image.image.path is None),
        dry_run=dry_run,
    )


def _key(arbiter: str, sheets: Sequence[Sheet], images: Mapping[str, ShownImage]) -> tuple[KeyRow, ...]:
    return tuple(
        KeyRow(
            reader=arbiter,
            file=sheet.given.file,
            image_id=sheet.image_id,
            sha256=images[sheet.image_id].image.sha256 or "",
        )
        for sheet in sheets
    )


def _write(
    folder: Path,
    made: QueuedConflicts,
    dataset: Dataset,
    images: Mapping[str, ShownImage],
    workers: int,
    progress: Progress | None,
) -> None:
    (arbiter,) = made.assignment.task.readers
    home = folder / arbiter
    with writing(home):
        home.mkdir()
    for name, data in arbiter_files(made.assignment.task.tool, made.sheets, made.offered):
        write_file(home / name, data)
    targets = {sheet.image_id: [f"{home}/{sheet.given.file}"] for sheet in made.sheets}
    copy_images(dataset, images, targets, workers, progress)
    write_file(folder / KEY, format_key(_key(arbiter, made.sheets, images)))
    write_file(folder / READINGS, format_readings(made.sheets))
    account = json.dumps(made.account(), indent=2, ensure_ascii=False) + "\n"
    write_file(folder / MARKER, account.encode())
