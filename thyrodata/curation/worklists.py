"""Writing blinded work lists: a folder for each reader, and the key that stays with the coordinator."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from thyrodata import __version__
from thyrodata.annotation.assignment import MARKER, Assignment, Task, Tool
from thyrodata.annotation.batches import WorkItem
from thyrodata.annotation.key import KEY, KeyRow, format_key, rows_sha256
from thyrodata.annotation.worklist import WorkLists, make_worklists
from thyrodata.change import sums_sha256
from thyrodata.curation.annotate import check_new_readers
from thyrodata.curation.handout import ShownImage, hand_out
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError, UsageError
from thyrodata.io.files import write_file
from thyrodata.io.parquet import stream_as
from thyrodata.io.workspace import Workspace, check_apart, opened_workspace
from thyrodata.partition import group_kinds, most_graded, split_items
from thyrodata.revision import opened
from thyrodata.schema.vocab import SCHEMES, Structure
from thyrodata.survey import Member

__all__ = ["ExportedWorkLists", "export_worklists"]

NOT_GRADED = "not graded"

EnumT = TypeVar("EnumT", bound=Enum)

_DISPLAY_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedWorkLists:
    """The work lists that were written, or with ``dry_run`` would be."""

    out: Path
    assignment: Assignment
    lists: WorkLists
    grouped_by: tuple[str, ...]
    """What the groups are that are kept together: only a patient is one."""
    balanced_by: str | None
    """The scheme of the grades that batches are balanced by; ``None`` where nothing is graded."""
    without_file: int
    """Images that cannot be given, since the dataset has only their annotations."""
    deep: int
    """Images of more than 8 bits: what a tool shows of them is its own choice."""
    dry_run: bool

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        return {"out": str(self.out), "dry_run": self.dry_run, **self.account()}

    def account(self) -> dict[str, Any]:
        """Return what stands beside the key: no time, no place."""
        return {
            "assignment": self.assignment.to_json(),
            "grouped_by": [*self.grouped_by],
            "balanced_by": self.balanced_by,
            "without_file": self.without_file,
            "more_than_8_bits": self.deep,
            **self.lists.to_json(),
        }


def export_worklists(
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    readers: Sequence[str],
    tool: str = "cvat",
    split: str | None = None,
    part: str | None = None,
    count: int | None = None,
    batch: int = 50,
    seed: int = 0,
    structures: Sequence[str] = ("nodule",),
    workers: int = 1,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ExportedWorkLists:
    """Write a work list for each reader: the same images in another order, under neutral names.

    A reader's folder says nothing of patient, case, label, source, split or the other readers. Images are
    written anew as PNG with the same pixels and without any metadata, and no outline is shown. What is
    burned into the pixels stays, and is not looked for.

    Args:
        dataset: The dataset, or its folder.
        out: The folder to make.
        readers: Their names: they become folders, and the readers of what is imported.
        tool: ``cvat`` or ``label-studio``.
        split: The split of which one part is given.
        part: That part.
        count: Give at most so many images: whole groups, in the mix of all.
        batch: The most images of a batch.
        seed: Another seed gives other images, batches, orders and names.
        structures: What is to be outlined.
        workers: Processes; 1 is this process.
        overwrite: Replace work lists that are at ``out``.
        dry_run: Write nothing.
        progress: Called with the number of images written and of all.

    Raises:
        UsageError: What is asked contradicts itself, or a reader has readings in the dataset.
        DatasetError: The dataset is damaged, has no such split or part, or no image to give.
        CaseError: An image cannot be decoded, or has another size than its record says.
        OutputError: ``out`` is in the way or cannot be written.
    """
    source, target = opened(dataset), Path(out)
    task = Task(
        readers=tuple(readers),
        tool=_parse(Tool, tool, "tool"),
        structures=tuple(_parse(Structure, name, "structure") for name in structures),
        split=split,
        part=part,
        count=count,
        batch=batch,
        seed=seed,
    )
    if task.tool is Tool.COCO:
        raise UsageError(
            "work lists are not written as COCO: no mark can say in it what was looked at",
            hint=f"the tools are: {Tool.CVAT.value}, {Tool.LABEL_STUDIO.value}",
        )
    check_apart(source.path, target)
    job = _Job(source, task)
    made = job.report(target, dry_run=dry_run)
    if not dry_run:
        state = {"work lists": "of readers"}
        with opened_workspace(target, state, MARKER, resume=None, overwrite=overwrite) as space:
            job.build(space, made, workers, progress)
    return made


def _parse(kind: type[EnumT], name: str, what: str) -> EnumT:
    known = {str(each.value): each for each in kind}
    if name not in known:
        raise UsageError(f"there is no {what} {name!a}", hint=f"there are: {', '.join(known)}")
    return known[name]


class _Job:
    """One export: what is given to whom."""

    def __init__(self, dataset: Dataset, task: Task) -> None:
        self._dataset = dataset
        self._task = task
        self._sha256 = sums_sha256(dataset)
        shown = {each.image_id: each for each in stream_as(dataset.path / RECORDS_FILE, ShownImage)}
        check_new_readers(task.readers, shown.values(), str(dataset.path))
        wanted = _part(dataset, task, shown)
        self._given = {name: shown[name] for name in wanted if shown[name].image.path is not None}
        self._without_file = len(wanted) - len(self._given)
        if not self._given:
            raise DatasetError(
                "there is no image to give",
                where=str(dataset.path),
                hint="the part is empty, or the dataset has annotations only",
            )
        survey = dataset.survey()
        self._kinds = tuple(kind.value for kind in group_kinds(survey))
        members = [member for member in survey.members if member.image_id in self._given]
        self._scheme = most_graded(members)
        self._lists = make_worklists(_items(members, self._scheme), task)
        self._key = tuple(self._rows())

    def _rows(self) -> Iterator[KeyRow]:
        for each in self._lists.lists:
            for entry in each.entries:
                image_id = entry.item.image_id
                digest = self._given[image_id].image.sha256 or ""
                yield KeyRow(reader=each.reader, file=entry.file, image_id=image_id, sha256=digest)

    def report(self, out: Path, *, dry_run: bool) -> ExportedWorkLists:
        """Say what is done, or would be."""
        assignment = Assignment(
            thyrodata=__version__,
            dataset=self._dataset.manifest.name,
            dataset_sha256=self._sha256,
            task=self._task,
            key_sha256=rows_sha256(self._key),
        )
        depths = [self._given[item.image_id].image.bit_depth or 0 for item in self._lists.items]
        return ExportedWorkLists(
            out=out,
            assignment=assignment,
            lists=self._lists,
            grouped_by=self._kinds,
            balanced_by=self._scheme,
            without_file=self._without_file,
            deep=sum(depth > _DISPLAY_BITS for depth in depths),
            dry_run=dry_run,
        )

    def build(
        self, space: Workspace, made: ExportedWorkLists, workers: int, progress: Progress | None
    ) -> None:
        """Write everything into a workspace and publish it."""
        try:
            hand_out(space.dataset, self._lists, self._task, self._dataset, self._given, workers, progress)
            write_file(space.dataset / KEY, format_key(self._key))
            account = json.dumps(made.account(), indent=2, ensure_ascii=False) + "\n"
            write_file(space.dataset / MARKER, account.encode())
        except BaseException:
            space.abandon()
            raise
        space.publish()


def _part(dataset: Dataset, task: Task, shown: Mapping[str, ShownImage]) -> Collection[str]:
    """Return the images that are asked for."""
    if task.split is None or task.part is None:
        return shown.keys()
    parts = dataset.split(task.split)
    if task.part not in parts:
        raise DatasetError(
            f"the split {task.split!r} has no part {task.part!r}",
            where=str(dataset.split_file(task.split)),
            hint=f"it has: {', '.join(sorted(parts))}",
        )
    return [image_id for image_id in parts[task.part] if image_id in shown]


def _items(members: Sequence[Member], scheme: str | None) -> list[WorkItem]:
    """Return the images, each with the highest grade of its group."""
    grades = [str(term.value) for term in SCHEMES[scheme]] if scheme else []
    highest: dict[str, int] = {}
    for item in split_items(members, scheme):
        if item.grade is not None:
            highest[item.group_id] = max(item.grade, highest.get(item.group_id, 0))
    return [
        WorkItem(
            image_id=member.image_id,
            group_id=member.group_id,
            stratum=grades[highest[member.group_id]] if member.group_id in highest else NOT_GRADED,
        )
        for member in members
    ]
