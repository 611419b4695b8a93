"""Adding one reader's readings to the records of a dataset."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, ClassVar

from thyrodata.annotation.assignment import Assignment
from thyrodata.annotation.key import KeyRow
from thyrodata.annotation.readings import NewReading
from thyrodata.change import Row
from thyrodata.io.drawn import DrawnImage, Note
from thyrodata.sample import Absent, Kept, Sample
from thyrodata.schema.category import category
from thyrodata.schema.manifest import Setting
from thyrodata.schema.plain import to_plain
from thyrodata.schema.record import ImageRecord, Reading
from thyrodata.schema.vocab import Structure

__all__ = ["Added", "ReadingAccount", "account_of"]

_BY_HAND = {"", "manual"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingAccount:
    """What became of the work list of one reader."""

    reader: str
    structures: tuple[Structure, ...]
    """What was asked for: a complete reading is complete in these."""
    listed: int
    """Images of the reader's work list."""
    unread: tuple[str, ...]
    """Listed images that nothing shows to have been looked at: they get no reading."""
    gone: tuple[str, ...]
    """Listed images that the dataset no longer has. What the reader says of them is left out."""
    not_by_hand: tuple[Note, ...]
    """Shapes that the tool does not call drawn by hand. They are kept."""
    left_out: tuple[Note, ...]
    """What the tool's file says and no record can hold."""
    readings_shown: int = 0
    """Shapes of the readings that an arbiter has decided between: they are no part of the decision."""


def account_of(
    assignment: Assignment,
    given: Sequence[KeyRow],
    gone: frozenset[str],
    found: Mapping[str, tuple[KeyRow, DrawnImage]],
    readings: Mapping[str, NewReading],
    shown: int,
) -> ReadingAccount:
    """Return what became of a work list.

    Args:
        assignment: What was asked.
        given: The reader's rows of the key.
        gone: Images that the dataset no longer has.
        found: What the reader's files say, by image id.
        readings: What was read, by image id.
        shown: Shapes of readings that were ignored.
    """
    notes, not_by_hand = [], []
    for row in given:
        if row.image_id not in found:
            continue
        image = found[row.image_id][1]
        notes += [Note(what=note.what, where=_brief(row, note.where)) for note in image.notes]
        not_by_hand += [
            Note(what=drawing.drawn_by, where=_brief(row, drawing.where))
            for drawing in image.drawings
            if drawing.drawn_by not in _BY_HAND and row.image_id in readings
        ]
    return ReadingAccount(
        reader=given[0].reader,
        structures=assignment.task.structures,
        listed=len(given),
        unread=tuple(
            row.image_id for row in given if row.image_id not in readings and row.image_id not in gone
        ),
        gone=tuple(row.image_id for row in given if row.image_id in gone),
        not_by_hand=tuple(not_by_hand),
        left_out=tuple(notes),
        readings_shown=shown,
    )


def _brief(row: KeyRow, where: str) -> str:
    """Return a place without the folder, which is nothing of the dataset."""
    return f"{row.image_id}, {row.name}: {where.rpartition('/')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Gives each image that a reader has read the reading and its findings; nothing that is there changes."""

    name: ClassVar[str] = "annotate"
    rows: tuple[Row, ...]
    readings: Mapping[str, NewReading]
    """By image id."""
    sources: tuple[Setting, ...]
    """What was read, as the manifest names it."""
    account: ReadingAccount
    role: str | None = None
    """Of the reader, in the readings."""

    def settings(self) -> tuple[Setting, ...]:
        """Return the reader, what was asked, and the checksums of what was read."""
        structures = ",".join(structure.value for structure in self.account.structures)
        return (
            Setting(name="reader", value=self.account.reader),
            *((Setting(name="role", value=self.role),) if self.role else ()),
            Setting(name="structures", value=structures),
            *self.sources,
        )

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:  # noqa: ARG002
        """Return the record with the new reading, if there is one."""
        new = self.readings.get(record.image_id)
        if new is None:
            return Sample(record=record, pixels=picture)
        reader = self.account.reader
        taken = {finding.finding_id for finding in record.findings}
        free = (name for number in count(1) if (name := f"{reader}/{number}") not in taken)
        read = replace(
            record,
            readings=(*record.readings, Reading(reader=reader, role=self.role, coverage=new.coverage)),
            image_labels=(*record.image_labels, *new.image_labels),
            findings=(
                *record.findings,
                *(replace(finding, finding_id=next(free)) for finding in new.findings),
            ),
        )
        return Sample(record=read, pixels=picture)

    def files(self) -> Mapping[str, bytes]:
        """Return the account."""
        return {
            "reports/annotate.json": (
                json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"
            ).encode()
        }

    def to_json(self) -> dict[str, Any]:
        """Return what was read and what was not, as plain values."""
        readings = self.readings.values()
        findings = [finding for reading in readings for finding in reading.findings]
        labels = [str(label.value) for reading in readings for label in reading.image_labels]
        stated = [reading.coverage.value if reading.coverage else "not stated" for reading in readings]
        return {
            **to_plain(self.account),
            "read": len(self.readings),
            "coverage": _counted(stated),
            "findings": len(findings),
            "categories": _counted(category(finding.structure, finding.labels) for finding in findings),
            "geometries": _counted(type(finding.geometries[0]).__name__.lower() for finding in findings),
            "image_labels": _counted(labels),
        }


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
